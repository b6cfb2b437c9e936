// Package ingest turns what sites send into what the store keeps. Parse reads calls of Segment's HTTP tracking API,
// single or in batches, and Form reads a filled-in form; both check, normalise and explain, and do no I/O. Batcher
// lets concurrent requests share transactions.
//
// It may import rules/audience, activities/store, and libraries for addresses, numbers and languages; it knows
// nothing of HTTP. Start reading at Parse, then message.go (one call), profile.go (what it says about the customer),
// scan.go (what Postgres could not keep), and Batcher.
package ingest
