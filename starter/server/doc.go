// Package server puts the HTTP API on an address: the store, the batcher and the API's handler, with a clean start and
// stop. The starter and the standalone program share it.
//
// It may import everything below starter. Start reading at Start.
package server
