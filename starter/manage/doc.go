// Package manage is the management API: campaigns, segments, rules, the catalogue of what is known about a workspace's data,
// templates, and the settings and records of delivery, under /api/v1, described by OpenAPI 3.1 at /openapi.json. Its callers hold a key with the scope manage, and see the
// workspace of that key and no other.
//
// It may import activities (to dial calls), activities/segments, activities/store, rules, and huma for the description and the validation of
// requests. Start reading at routes, then segments.go; wire.go has the shapes of what is sent, which the command line
// prints as well.
package manage
