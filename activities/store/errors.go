package store

import (
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrNotFound says that the workspace holds no such row.
var ErrNotFound = errors.New("not found")

// ErrUnknownKey says that a key is unknown or revoked.
var ErrUnknownKey = errors.New("unknown key")

// IsNotFound reports whether the workspace holds no such row.
func IsNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

// Refused reports whether Postgres will never take the data it was given: the data, not the moment, is at fault.
func Refused(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) < 2 {
		return false
	}
	class := pg.Code[:2]
	return class == "22" || class == "23" || pg.Code == "54000" // 54000: a row or index entry too large
}

// Unavailable reports whether the database was away: it may succeed later as it is.
func Unavailable(err error) bool {
	if err == nil || Refused(err) {
		return false
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		// 08 connection, 53 resources, 57P shutdown and start, 25006 read-only after a failover
		return pg.Code[:2] == "08" || pg.Code[:2] == "53" || pg.Code[:3] == "57P" || pg.Code == "25006"
	}
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || pgconn.SafeToRetry(err) || isConnectionLoss(err)
}

func retryable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40P01" || pg.Code == "40001")
}

// isConnectionLoss reports whether err is what a connection says when the server behind it went away.
func isConnectionLoss(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
