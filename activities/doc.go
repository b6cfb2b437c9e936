// Package activities holds every effect that Temporal runs: Pick, Advance, Send and Refresh. Each is safe to repeat
// after a crash at any instant, because what it did is in the store before it is told to Temporal.
//
// It may import rules/..., channels/..., activities/store and activities/segments; it starts workflows only through the
// Starter it is given. Start reading at Activities, then Pick.
package activities
