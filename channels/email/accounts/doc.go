// Package accounts spreads a workspace's e-mail over several mail servers: by weight among those that work and have room
// under their limits, from one that fails to the next as long as nothing was sent, and no faster than each receiving
// provider takes it.
//
// It may import channels, channels/email and the standard library. What survives a restart, it asks an Allowance for.
// Start reading at Account, then Router and its session's Begin; breaker.go, pace.go and lease.go are what holds an account back.
package accounts
