package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// storedTables are those that storing events writes to.
func storedTables() []string {
	return []string{"events", "event_keys", "intake", "customers", "identities"}
}

// rows are the contents of tables, by name, as COPY takes them in binary.
type rows map[string][]byte

// writer collects what is written to it.
type writer []byte

// Write appends.
func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// take reads the contents of all tables that storing events writes to.
func (l *lab) take(ctx context.Context) (rows, error) {
	all := rows{}
	for _, table := range storedTables() {
		var w writer
		if _, err := l.admin.PgConn().CopyTo(ctx, &w, "COPY (SELECT * FROM "+table+") TO STDOUT (FORMAT binary)"); err != nil {
			return nil, fmt.Errorf("read rows of %s: %w", table, err)
		}
		all[table] = slices.Clip(w)
	}
	return all, nil
}

// settled is what is left of the rows once all events are picked.
func (r rows) settled() rows {
	left := maps.Clone(r)
	delete(left, "intake")
	return left
}

// reset gives the tables these contents and no others, so that every case finds the same. Postgres gets to know what
// is in them, as in a database that has been at work for a while; not where there is nothing, as in a new one.
func (l *lab) reset(ctx context.Context, there rows) error {
	// Emptying a table does not make Postgres forget what used to be in its columns.
	if _, err := l.admin.Exec(ctx, `DELETE FROM pg_statistic WHERE starelid IN (
		SELECT relid FROM unnest($1::text[]) AS t (name), pg_partition_tree(t.name::regclass)
		UNION SELECT t.name::regclass FROM unnest($1::text[]) AS t (name))`, storedTables()); err != nil {
		return fmt.Errorf("forget statistics: %w", err)
	}
	for _, table := range storedTables() {
		if _, err := l.admin.Exec(ctx, "TRUNCATE "+table); err != nil {
			return fmt.Errorf("empty table %s: %w", table, err)
		}
	}
	for _, table := range slices.Sorted(maps.Keys(there)) {
		if err := l.copy(ctx, table, there[table]); err != nil {
			return err
		}
		if _, err := l.admin.Exec(ctx, "VACUUM (ANALYZE) "+table); err != nil {
			return fmt.Errorf("analyse table %s: %w", table, err)
		}
	}
	return nil
}

func (l *lab) copy(ctx context.Context, table string, content []byte) error {
	sql := "COPY " + table + " FROM STDIN (FORMAT binary)"
	if _, err := l.admin.PgConn().CopyFrom(ctx, bytes.NewReader(content), sql); err != nil {
		return fmt.Errorf("copy rows to %s: %w", table, err)
	}
	return nil
}

// copies is the limit of storing events: the rows that it wrote, given back to Postgres by COPY.
type copies struct{ written rows }

// setUp stores events, which warms up. Their rows are there when a case begins, and they are what is copied.
func (c *copies) setUp(ctx context.Context, l *lab, p plan) error {
	if _, err := postBatches(ctx, l, p); err != nil {
		return err
	}
	var err error
	if c.written, err = l.take(ctx); err != nil {
		return err
	}
	l.resident = c.written.settled()
	for _, table := range storedTables() {
		for kind, including := range map[string]string{"plain": "", "indexed": " INCLUDING ALL", "all": " INCLUDING ALL"} {
			if _, err := l.admin.Exec(ctx, "CREATE TABLE "+copyTable(kind, table)+" (LIKE "+table+including+")"); err != nil {
				return fmt.Errorf("create table: %w", err)
			}
		}
	}
	return nil
}

func copyTable(kind, table string) string { return "copy_" + kind + "_" + table }

// run gives the case that copies some tables in one transaction into empty ones of a kind, one stream after another:
// the store, too, has one writer at a time for each workspace.
func (c *copies) run(kind string, tables ...string) func(context.Context, *lab, plan) (figures, error) {
	return func(ctx context.Context, l *lab, p plan) (figures, error) {
		for _, table := range tables {
			if _, err := l.admin.Exec(ctx, "TRUNCATE "+copyTable(kind, table)); err != nil {
				return figures{}, fmt.Errorf("empty table: %w", err)
			}
		}
		return l.metered(ctx, func(ctx context.Context) (effect, error) {
			began := time.Now()
			tx, err := l.admin.Begin(ctx)
			if err != nil {
				return effect{}, fmt.Errorf("begin transaction: %w", err)
			}
			defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // after a commit it says so
			for i, table := range tables {
				if err := l.copy(ctx, copyTable(kind, table), c.written[table]); err != nil {
					return effect{}, err
				}
				p.progress(i+1, len(tables))
			}
			if err := tx.Commit(ctx); err != nil {
				return effect{}, fmt.Errorf("commit transaction: %w", err)
			}
			return effect{items: p.Events, wall: time.Since(began)}, nil
		})
	}
}
