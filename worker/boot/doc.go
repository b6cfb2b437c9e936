// Package boot turns configuration into a running worker: the store, the Temporal client, the channels, and the
// registered workflows and activities. The worker and the starter share it.
//
// It may import everything below worker. Start reading at Config, then Start.
package boot
