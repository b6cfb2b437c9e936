// Package rehearse plays scenario files: it loads a scenario with the campaigns and templates beside it, plays it
// under a virtual clock, and renders what the messages say. No Postgres, no network.
//
// It may import everything below starter. Start reading at File.
package rehearse
