package main

import (
	"bytes"
	"context"
	"fmt"
)

// writer collects what is written to it.
type writer []byte

// Write appends.
func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// copy copies the rows of some tables in one transaction, one stream after another: the store, too, has one writer at
// a time for each workspace.
func (c *copies) copy(ctx context.Context, l *lab, kind string, tables []string, progress func(done, total int)) error {
	tx, err := l.admin.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // after a commit it says so
	for i, table := range tables {
		sql := "COPY " + copyTable(kind, table) + " FROM STDIN (FORMAT binary)"
		if _, err := l.admin.PgConn().CopyFrom(ctx, bytes.NewReader(c.rows[table]), sql); err != nil {
			return fmt.Errorf("copy rows of %s: %w", table, err)
		}
		progress(i+1, len(tables))
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}
