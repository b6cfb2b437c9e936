package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"dotyk/activities/store"
	"dotyk/starter/ingest"
)

const (
	eventsPerCustomer = 10
	lonelyPosters     = 64
)

// firstHour is how many events a new database gets at most: enough to show a plan that was made for empty tables, and
// few enough to endure it.
const firstHour = 20_000

// tenth is how many events are posted one by one, so that they last about as long as the others.
func tenth(n int) int { return max(n/10, 1) }

// ingestion measures how fast events get from a site into the record, while no worker runs.
func ingestion() experiment {
	c := &copies{}
	return experiment{
		name: "ingest", events: 200_000, batch: 100,
		about: "events of ten times fewer customers are stored beside as many that are there; no worker runs",
		setup: c.setUp,
		cases: []benchCase{
			{name: "batch", unit: "events", run: postBatches, about: "posted to /v1/batch, without gzip"},
			{name: "direct", unit: "events", run: submitDirectly, about: "given to the Batcher without HTTP and JSON, in deliveries of the same size"},
			{name: "single", unit: "events", run: postSingles, about: fmt.Sprintf("a tenth as many, one in each request to /v1/track, from %d connections: how well commits are shared", lonelyPosters)},
			{name: "batch-fresh", unit: "events", run: postBatchesFresh, about: fmt.Sprintf("at most %d, posted to /v1/batch of a new database: no rows are there, and Postgres knows nothing about them", firstHour)},
			{name: "copy", unit: "events", limit: true, run: c.run("plain", "events"), about: "COPY of the same rows of the table events, in binary, into an empty table without indexes"},
			{name: "copy-indexed", unit: "events", limit: true, run: c.run("indexed", "events"), about: "the same into a table with the same indexes"},
			{name: "copy-all", unit: "events", limit: true, run: c.run("all", storedTables()...), about: "COPY of the rows of every table that storing events writes to, with the same indexes"},
		},
		targets: []target{
			{about: "events a second over HTTP / COPY into a plain table", of: rate(), ours: "batch", limit: "copy"},
			{about: "events a second over HTTP / COPY with the same indexes", of: rate(), ours: "batch", limit: "copy-indexed"},
			{about: "events a second over HTTP / COPY of every row that is written", of: rate(), ours: "batch", limit: "copy-all"},
			{about: "events a second from the Batcher / COPY of every row", of: rate(), ours: "direct", limit: "copy-all"},
			{about: "Postgres' CPU of an event over HTTP / COPY of every row", of: postgresCPU(), ours: "batch", limit: "copy-all"},
			{about: "WAL of an event over HTTP / COPY of every row", of: walBytes(), ours: "batch", limit: "copy-all"},
			{about: "events a second in a new database / in one with rows", of: rate(), ours: "batch-fresh", limit: "batch"},
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
	return l.postBatches(ctx, p, l.resident)
}

func postBatchesFresh(ctx context.Context, l *lab, p plan) (figures, error) {
	p.Events = min(p.Events, firstHour)
	return l.postBatches(ctx, p, nil)
}

func (l *lab) postBatches(ctx context.Context, p plan, there rows) (figures, error) {
	return l.ingest(ctx, p.Events, there, func(ctx context.Context) (effect, error) {
		d, err := l.outside.do(ctx, viewJob(l, p), p.progress)
		return d.effect(p.Events), err
	})
}

func postSingles(ctx context.Context, l *lab, p plan) (figures, error) {
	p.Events = tenth(p.Events)
	j := viewJob(l, p)
	j.Batch, j.Connections = 1, lonelyPosters
	return l.ingest(ctx, j.Items, l.resident, func(ctx context.Context) (effect, error) {
		d, err := l.outside.do(ctx, j, p.progress)
		return d.effect(j.Items), err
	})
}

// ingest meters what stores n events beside those that are there already, and checks that it did.
func (l *lab) ingest(ctx context.Context, n int, there rows, fn func(context.Context) (effect, error)) (figures, error) {
	if err := l.reset(ctx, there); err != nil {
		return figures{}, err
	}
	before, err := l.events(ctx)
	if err != nil {
		return figures{}, err
	}
	f, err := l.metered(ctx, fn)
	if err != nil {
		return f, err
	}
	after, err := l.events(ctx)
	if err != nil {
		return f, err
	}
	if after-before != n {
		return f, fmt.Errorf("count events: %d were stored, %d were sent", after-before, n)
	}
	return f, nil
}

func (l *lab) events(ctx context.Context) (n int, err error) {
	if err := l.admin.QueryRow(ctx, `SELECT count(*) FROM events`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count events: %w", err)
	}
	return n, nil
}

// submitDirectly gives deliveries to a Batcher from as many goroutines as there would be connections.
func submitDirectly(ctx context.Context, l *lab, p plan) (figures, error) {
	return l.ingest(ctx, p.Events, l.resident, func(ctx context.Context) (effect, error) {
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
