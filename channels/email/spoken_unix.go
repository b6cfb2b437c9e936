//go:build unix

package email

import (
	"crypto/tls"
	"net"
	"syscall"
)

// spoken says whether the other side has sent something that was not yet read, or has hung up. It does not wait, and
// takes nothing away from a reader.
func spoken(socket net.Conn) bool {
	if t, ok := socket.(*tls.Conn); ok {
		socket = t.NetConn()
	}
	plain, ok := socket.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := plain.SyscallConn()
	if err != nil {
		return true
	}
	silent := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		silent = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK || err == syscall.EINTR
		return true
	})
	return err != nil || !silent
}
