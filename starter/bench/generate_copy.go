package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// tellRows is after how many rows progress is told.
const tellRows = 1000

// settle writes a population into the database, in order of time as it would have come in, and lets Postgres get to know
// it.
func (p *population) settle(ctx context.Context, l *lab, progress func(done, total int)) (time.Duration, error) {
	began := time.Now()
	total := p.rows()
	done := 0
	for _, t := range []struct {
		table   string
		columns []string
		rows    int
		row     func(int) []any
	}{
		{"customers", customerColumns(), p.Customers, p.customer},
		{"identities", []string{"workspace_id", "kind", "value", "customer_id", "created_at"}, p.Customers, p.identity},
		{"events", eventColumns(), p.Events, p.event},
	} {
		n := 0
		source := pgx.CopyFromFunc(func() ([]any, error) {
			if n == t.rows {
				return nil, nil
			}
			row := t.row(n)
			n++
			if done++; done%tellRows == 0 {
				progress(done, total)
			}
			return row, nil
		})
		if _, err := l.admin.CopyFrom(ctx, pgx.Identifier{t.table}, t.columns, source); err != nil {
			return 0, fmt.Errorf("copy rows to %s: %w", t.table, err)
		}
	}
	took := time.Since(began)
	if _, err := l.admin.Exec(ctx, "VACUUM (ANALYZE)"); err != nil {
		return 0, fmt.Errorf("analyse tables: %w", err)
	}
	return took, nil
}

// identity gives the row by which the site's id leads to a customer.
func (p *population) identity(n int) []any {
	return []any{p.Workspace, "user", userID(n), p.customerID(n), p.created(n)}
}
