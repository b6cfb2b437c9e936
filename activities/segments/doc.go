// Package segments decides who belongs to which segment: when a rule is saved, when something happens to a customer,
// and when time passes.
//
// It may import rules/... and activities/store. Start reading at Service, which is what people do with segments; then
// Round, which keeps membership live; then Builder, which computes a whole segment.
package segments
