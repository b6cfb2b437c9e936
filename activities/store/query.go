package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// zones are the time zones that Postgres knows, once somebody has asked.
type zones struct {
	mu    sync.Mutex
	names []string
}

// Zones lists, in order, the time zones that Postgres knows by the names of the time zone database, such as
// Europe/Kyiv. Neither abbreviations with meanings that vary nor paths of files are among them. Asking takes long, so
// the answer is kept for the life of the Store. It must not be changed.
func (s *Store) Zones(ctx context.Context) ([]string, error) {
	s.zones.mu.Lock()
	defer s.zones.mu.Unlock()
	if s.zones.names != nil {
		return s.zones.names, nil
	}
	rows, _ := s.app.Query(ctx, `SELECT name FROM pg_timezone_names
		WHERE name ~ '^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$' ORDER BY name COLLATE "C"`)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list time zones: %w", err)
	}
	s.zones.names = names
	return names, nil
}

// Query runs a query that the program composed, in a transaction that can change nothing and sees one workspace, and
// hands each row to each. The query is given up with ErrTooSlow after the timeout; 0 means that it may take any time.
func (s *Store) Query(ctx context.Context, workspace int64, sql string, args []any, timeout time.Duration, each func(pgx.Rows) error) error {
	begin := "BEGIN READ ONLY; SET LOCAL dotyk.workspace = '" + strconv.FormatInt(workspace, 10) + "'"
	if timeout > 0 {
		begin += "; SET LOCAL statement_timeout = " + strconv.FormatInt(max(timeout.Milliseconds(), 1), 10)
	}
	err := s.try(ctx, begin, workspace, func(tx *Tx) error {
		rows, err := tx.conn.Query(ctx, sql, composed(args)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := each(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if hasCode(err, "57014") && ctx.Err() == nil { // query_canceled
		return fmt.Errorf("run query: %w", errors.Join(ErrTooSlow, err))
	}
	return wrap("run query", err)
}

// composed are the arguments of a query that is hardly ever the same twice: it is planned for its very arguments, and
// not kept among the prepared statements.
func composed(args []any) []any {
	return append([]any{pgx.QueryExecModeDescribeExec}, args...)
}
