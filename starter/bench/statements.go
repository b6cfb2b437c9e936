package main

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/jackc/pgx/v5"
)

// statement is what one kind of statement cost in all measured runs.
type statement struct {
	TotalMS float64 `json:"total_ms"`
	Calls   int64   `json:"calls"`
	MeanUS  float64 `json:"mean_us"`
	Share   float64 `json:"share"`     // of all statements in this database
	Buffers float64 `json:"buffers"`   // 8 KB pages looked at in each call
	WAL     float64 `json:"wal_bytes"` // in each call
	SQL     string  `json:"sql"`
}

const statementsLibrary = "pg_stat_statements"

// withStatements adds what counting statements needs to the settings of Postgres.
func withStatements(settings map[string]string) map[string]string {
	all := maps.Clone(settings)
	if all == nil {
		all = map[string]string{}
	}
	const preload = "shared_preload_libraries"
	if all[preload] == "" {
		all[preload] = statementsLibrary
	} else {
		all[preload] += "," + statementsLibrary
	}
	return all
}

// resetStatements begins to count.
func (l *lab) resetStatements(ctx context.Context) error {
	if l.Statements == 0 {
		return nil
	}
	for _, sql := range []string{"CREATE EXTENSION IF NOT EXISTS " + statementsLibrary, "SELECT pg_stat_statements_reset()"} {
		if _, err := l.admin.Exec(ctx, sql); err != nil {
			return fmt.Errorf("count statements: %w", err)
		}
	}
	return nil
}

// statements lists the dearest of the product's: those of its two roles, in its database.
func (l *lab) statements(ctx context.Context) ([]statement, error) {
	if l.Statements == 0 {
		return nil, nil
	}
	rows, _ := l.admin.Query(ctx, `SELECT total_exec_time, calls, mean_exec_time * 1000,
			total_exec_time / sum(total_exec_time) OVER (), (shared_blks_hit + shared_blks_read)::float8 / calls,
			(wal_bytes / calls)::float8, query
		FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND userid IN (SELECT oid FROM pg_roles WHERE rolname IN ('dotyk_app', 'dotyk_engine'))
		ORDER BY total_exec_time DESC LIMIT $1`, l.Statements)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[statement])
	if err != nil {
		return nil, fmt.Errorf("list statements: %w", err)
	}
	for i := range list {
		list[i].SQL = strings.Join(strings.Fields(list[i].SQL), " ")
	}
	return list, nil
}
