// Command starter is the command line of Dotyk: it serves the HTTP API, migrates the database, makes keys, imports
// files, publishes campaigns, keeps segments and shows customers' records.
//
// It may import everything below starter, but not the Temporal server: that is starter/standalone's. Start reading at
// main.
package main
