// Package equal holds the proof that the two evaluators of rules agree: for random rules over random customers, the query
// that Postgres runs gives the very customers for whom the rule holds in Go. There is nothing in it but tests.
//
// Start reading at TestEqual. A case on which they ever disagreed is kept in testdata and tried on every run.
package equal
