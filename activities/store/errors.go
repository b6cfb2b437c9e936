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

// ErrExists says that the workspace holds such a row already.
var ErrExists = errors.New("exists already")

// ErrInvalid says that what was asked for cannot be done, by anybody at any time; the error's text says why.
var ErrInvalid = errors.New("invalid")

// ErrTooSlow says that a query was given up because it took longer than it may.
var ErrTooSlow = errors.New("query takes too long")

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

// hasCode reports whether Postgres answered with the given SQLSTATE.
func hasCode(err error, code string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == code
}

func retryable(err error) bool {
	return hasCode(err, "40P01") || hasCode(err, "40001")
}

// isConnectionLoss reports whether err is what a connection says when the server behind it went away.
func isConnectionLoss(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
