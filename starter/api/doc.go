// Package api is the HTTP side that sites, visitors, customers and providers talk to: the event API with which stock
// Segment and RudderStack clients work unchanged, forms, pages about consent, links and pictures of messages, webhooks of
// providers, and health.
//
// Nothing happens in a request but checking and one commit; the engine does the rest. The package may import
// starter/ingest, activities/store (its types and errors), what reads tokens and webhooks in channels, and rules/audience. Start
// reading at routes, then events.go.
package api
