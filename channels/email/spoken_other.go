//go:build !unix

package email

import "net"

// spoken cannot be told without waiting on this system. It is a courtesy: without it more outcomes are unknown.
func spoken(net.Conn) bool { return false }
