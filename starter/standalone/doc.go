// Command standalone is all of Dotyk in one process on one machine: a private Postgres, a Temporal server, the worker,
// the HTTP API, a development mailbox and a development phone. Each embedded part is replaced by a real one when the
// environment names it.
//
// It may import everything. Start reading at main, then stack.
package main
