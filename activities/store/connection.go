package store

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// isConnectionLoss reports whether err is what a connection says when the server behind it went away.
func isConnectionLoss(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
