package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"dotyk/activities/store"
	"dotyk/starter/ingest"
)

const (
	eventsPerCustomer = 10
	// lonelyShare of the events are posted one by one: each costs a request, so fewer take as long.
	lonelyShare   = 10
	lonelyPosters = 64
)

// storedTables are those that storing events writes to.
func storedTables() []string {
	return []string{"events", "event_keys", "intake", "customers", "identities"}
}

// ingestion measures how fast events get from a site into the record, while no worker runs.
func ingestion() experiment {
	c := &copies{}
	return experiment{
		name: "ingest", events: 200_000, batch: 100,
		about: "events of ten times fewer customers are stored; no worker runs",
		setup: c.setUp,
		cases: []benchCase{
			{name: "batch", unit: "events", run: postBatches, about: "posted to /v1/batch, without gzip"},
			{name: "direct", unit: "events", run: submitDirectly, about: "given to the Batcher without HTTP and JSON, in deliveries of the same size"},
			{name: "single", unit: "events", run: postSingles, about: fmt.Sprintf("a %dth as many, one in each request to /v1/track, from %d connections: how well commits are shared", lonelyShare, lonelyPosters)},
			{name: "copy", unit: "events", limit: true, run: c.run("plain"), about: "COPY of the same rows of the table events, in binary, into a table without indexes"},
			{name: "copy-indexed", unit: "events", limit: true, run: c.run("indexed"), about: "the same into a table with the same indexes"},
			{name: "copy-all", unit: "events", limit: true, run: c.run("all"), about: "COPY of the rows of every table that storing events writes to, with the same indexes"},
		},
		targets: []target{
			{about: "events a second over HTTP / COPY into a plain table", of: rate(), ours: "batch", limit: "copy"},
			{about: "events a second over HTTP / COPY with the same indexes", of: rate(), ours: "batch", limit: "copy-indexed"},
			{about: "events a second over HTTP / COPY of every row that is written", of: rate(), ours: "batch", limit: "copy-all"},
			{about: "events a second from the Batcher / COPY of every row", of: rate(), ours: "direct", limit: "copy-all"},
			{about: "Postgres' CPU of an event over HTTP / COPY of every row", of: postgresCPU(), ours: "batch", limit: "copy-all"},
			{about: "WAL of an event over HTTP / COPY of every row", of: walBytes(), ours: "batch", limit: "copy-all"},
			{about: "single events a second / batched", of: rate(), ours: "single", limit: "batch"},
		},
	}
}

func viewJob(l *lab, p plan) job {
	return job{
		URL: l.url, Key: l.key, Label: p.label, Kind: view, Items: p.Events, Batch: p.Batch, Connections: p.Concurrency,
		Customers: max(p.Events/eventsPerCustomer, 1),
	}
}

func postBatches(ctx context.Context, l *lab, p plan) (figures, error) {
	return l.ingest(ctx, p.Events, func(ctx context.Context) (effect, error) {
		d, err := l.outside.do(ctx, viewJob(l, p), p.progress)
		return d.effect(p.Events), err
	})
}

func postSingles(ctx context.Context, l *lab, p plan) (figures, error) {
	j := viewJob(l, p)
	j.Items, j.Batch, j.Connections = max(p.Events/lonelyShare, 1), 1, lonelyPosters
	return l.ingest(ctx, j.Items, func(ctx context.Context) (effect, error) {
		d, err := l.outside.do(ctx, j, p.progress)
		return d.effect(j.Items), err
	})
}

// ingest meters what stores n events in empty tables, and checks that it did.
func (l *lab) ingest(ctx context.Context, n int, fn func(context.Context) (effect, error)) (figures, error) {
	if err := l.empty(ctx); err != nil {
		return figures{}, err
	}
	f, err := l.metered(ctx, fn)
	if err != nil {
		return f, err
	}
	var stored int
	if err := l.admin.QueryRow(ctx, `SELECT count(*) FROM events`).Scan(&stored); err != nil {
		return f, fmt.Errorf("count events: %w", err)
	}
	if stored != n {
		return f, fmt.Errorf("count events: %d are stored, %d were sent", stored, n)
	}
	return f, nil
}

// empty takes back what earlier cases stored, so that every case finds tables of the same size.
func (l *lab) empty(ctx context.Context) error {
	for _, table := range storedTables() {
		if _, err := l.admin.Exec(ctx, "TRUNCATE "+table); err != nil {
			return fmt.Errorf("empty table %s: %w", table, err)
		}
	}
	return nil
}

// submitDirectly gives deliveries to a Batcher from as many goroutines as there would be connections.
func submitDirectly(ctx context.Context, l *lab, p plan) (figures, error) {
	return l.ingest(ctx, p.Events, func(ctx context.Context) (effect, error) {
		b := ingest.NewBatcher(l.store, ingest.BatcherConfig{Logger: l.logger})
		defer b.Close()
		var next, stored atomic.Int64
		var mu sync.Mutex
		e := effect{items: p.Events}
		began := time.Now()
		g, ctx := errgroup.WithContext(ctx)
		for range p.Concurrency {
			g.Go(func() error {
				for {
					first := int(next.Add(int64(p.Batch))) - p.Batch
					if first >= p.Events {
						return nil
					}
					d := store.Delivery{Source: l.source, Messages: views(p, first, min(first+p.Batch, p.Events))}
					asked := time.Now()
					if _, err := b.Submit(ctx, d); err != nil {
						return fmt.Errorf("submit delivery: %w", err)
					}
					took := time.Since(asked)
					mu.Lock()
					e.latencies = append(e.latencies, took)
					mu.Unlock()
					p.progress(int(stored.Add(int64(len(d.Messages)))), p.Events)
				}
			})
		}
		err := g.Wait()
		e.wall = time.Since(began)
		return e, err
	})
}

// views makes the messages that the API reads from what poster.appendView writes.
func views(p plan, first, last int) []store.Message {
	now := time.Now()
	list := make([]store.Message, 0, last-first)
	customers := max(p.Events/eventsPerCustomer, 1)
	for i := first; i < last; i++ {
		sku := i % 1000
		list = append(list, store.Message{
			Call: store.CallTrack, Name: "product_viewed", MessageID: fmt.Sprintf("%s-%d", p.label, i),
			UserID:     fmt.Sprintf("%s-%d", p.label, i%customers),
			Properties: fmt.Appendf(nil, `{"product_id":"sku-%d","price":%d.50,"currency":"EUR","category":"shoes"}`, sku, 10+i%90),
			Context: json.RawMessage(fmt.Appendf(nil,
				`{"library":{"name":"bench","version":"1"},"page":{"url":"https://shop.example/p/%d"}}`, sku)),
			OccurredAt: now, ReceivedAt: now, SentAt: &now, OriginalTimestamp: &now,
		})
	}
	return list
}

// copies holds the rows that storing events wrote, as COPY takes them.
type copies struct {
	rows map[string][]byte // by table
}

// setUp stores events, which warms up, and keeps the rows.
func (c *copies) setUp(ctx context.Context, l *lab, p plan) error {
	if _, err := postBatches(ctx, l, p); err != nil {
		return err
	}
	c.rows = map[string][]byte{}
	for _, table := range storedTables() {
		var rows writer
		sql := "COPY (SELECT * FROM " + table + ") TO STDOUT (FORMAT binary)"
		if _, err := l.admin.PgConn().CopyTo(ctx, &rows, sql); err != nil {
			return fmt.Errorf("read rows of %s: %w", table, err)
		}
		c.rows[table] = slices.Clip(rows)
		for copied, like := range map[string]string{
			copyTable("plain", table):   "LIKE " + table,
			copyTable("indexed", table): "LIKE " + table + " INCLUDING ALL",
			copyTable("all", table):     "LIKE " + table + " INCLUDING ALL",
		} {
			if _, err := l.admin.Exec(ctx, "CREATE TABLE "+copied+" ("+like+")"); err != nil {
				return fmt.Errorf("create table %s: %w", copied, err)
			}
		}
	}
	return nil
}

func copyTable(kind, table string) string { return "copy_" + kind + "_" + table }

// run gives the case that copies into the tables of a kind, all in one transaction.
func (c *copies) run(kind string) func(context.Context, *lab, plan) (figures, error) {
	tables := []string{"events"}
	if kind == "all" {
		tables = storedTables()
	}
	return func(ctx context.Context, l *lab, p plan) (figures, error) {
		for _, table := range tables {
			if _, err := l.admin.Exec(ctx, "TRUNCATE "+copyTable(kind, table)); err != nil {
				return figures{}, fmt.Errorf("empty table: %w", err)
			}
		}
		return l.metered(ctx, func(ctx context.Context) (effect, error) {
			began := time.Now()
			err := c.copy(ctx, l, kind, tables, p.progress)
			return effect{items: p.Events, wall: time.Since(began)}, err
		})
	}
}
