package importer

import (
	"context"
	"fmt"
	"time"

	"dotyk/activities/store"
)

// batchLines bounds the lines in one transaction, for files whose orders are long.
const batchLines = 20_000

func (r *run) full() bool { return len(r.units) >= r.o.Batch || r.waiting >= batchLines }

// commitTimeout is how long one batch may take, also after the caller has been told to stop.
const commitTimeout = 2 * time.Minute

// commit stores what waits, then makes the report safe, then the state. A crash in between repeats the batch, which
// changes nothing. An import that is told to stop ends between two batches, not within one.
func (r *run) commit(ctx context.Context, at position) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if len(r.units) > 0 {
		if err := r.put(ctx, r.units); err != nil {
			return fmt.Errorf("store lines up to %d: %w", at.Line, err)
		}
	}
	size, err := r.report.commit()
	if err != nil {
		return err
	}
	next := r.state
	next.Position, next.ReportSize, next.Counts = at, size, r.counts.clone()
	if err := next.save(r.o.statePath()); err != nil {
		return err
	}
	r.state = next
	clear(r.units)
	r.units, r.waiting = r.units[:0], 0
	return nil
}

// put stores units in one transaction. When the database refuses the data they are halved until the one at fault is
// found, which costs a logarithm of transactions and harms no other.
func (r *run) put(ctx context.Context, units []unit) error {
	deliveries := make([]store.Delivery, len(units)) // one each, so that the store tells which are known
	for i := range units {
		deliveries[i] = store.Delivery{Source: r.source, Messages: []store.Message{units[i].message}}
	}
	results, err := r.store.Ingest(ctx, r.o.Workspace, deliveries)
	switch {
	case store.Refused(err) && len(units) > 1:
		half := len(units) / 2
		if err := r.put(ctx, units[:half]); err != nil {
			return err
		}
		return r.put(ctx, units[half:])
	case store.Refused(err):
		for _, h := range units[0].lines {
			r.reject(h, &lineError{"the database refuses this: " + err.Error(), "correct what it names, and import the line again"})
		}
		return nil
	case err != nil:
		return err
	}
	for i, result := range results {
		lines := len(units[i].lines)
		if result.Stored > 0 {
			r.counts.Messages.Stored++
			r.counts.Lines.Stored += lines
		} else {
			r.counts.Messages.Known++
			r.counts.Lines.Known += lines
		}
		r.counts.Customers += result.Customers
	}
	return nil
}
