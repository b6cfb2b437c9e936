package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/rules"
)

// living measures what live segments add to an event.
func (s *segmentation) living() experiment {
	const events, batch = 10_000, 100
	return experiment{
		name: "segments-live", events: events, batch: batch, engine: true, resumes: true,
		about: "events are stored and picked while 50 segments are live, on the record made up before; time is until the last has been judged",
		setup: s.goLive,
		cases: []benchCase{
			{name: "live", unit: "events", run: s.post(true, false), about: "stored in batches, in the workspace with 50 live segments"},
			{name: "plain", unit: "events", run: s.post(false, false), about: "the same in the other workspace, which has no segments"},
			{name: "live-singly", unit: "events", run: s.post(true, true), about: "a tenth as many stored one by one, each once the one before is, in the workspace with 50 live segments"},
			{name: "plain-singly", unit: "events", run: s.post(false, true), about: "the same in the workspace without segments"},
			{name: "rest", unit: "seconds", run: rest, about: "nothing is stored; only time passes, for the 50 segments too"},
		},
		targets: []target{
			{about: "CPU of an event in a batch: with 50 live segments less without", of: cpu(), ours: "live", limit: "plain", less: true, want: 1000, most: true},
			{about: "CPU of an event in a batch, 50 live segments", of: cpu(), ours: "live"},
			{about: "CPU of an event in a batch, no segments", of: cpu(), ours: "plain"},
			{about: "CPU of an event alone: with 50 live segments less without", of: cpu(), ours: "live-singly", limit: "plain-singly", less: true, want: 1000, most: true},
			{about: "CPU of an event alone, 50 live segments", of: cpu(), ours: "live-singly"},
			{about: "CPU of an event alone, no segments", of: cpu(), ours: "plain-singly"},
			{about: "CPU of a second in which nothing is stored", of: cpu(), ours: "rest"},
			{about: "WAL of an event in a batch: with segments / without", of: walBytes(), ours: "live", limit: "plain"},
			{about: "events a second: with segments / without", of: rate(), ours: "live", limit: "plain"},
		},
	}
}

// goLive makes the segments and waits until the worker has built them.
func (s *segmentation) goLive(ctx context.Context, l *lab, p plan) error {
	idle, err := rest(ctx, l, p)
	if err != nil {
		return err
	}
	l.note("before there were segments, a second at rest took %.0f µs CPU", idle.CPU)
	began := time.Now()
	service := segments.New(l.store)
	for i, rule := range s.fifty {
		draft := segments.Draft{Name: fmt.Sprintf("segment %d", i+1), Rule: rule.Source(), By: "bench"}
		if _, _, err := service.Create(ctx, s.live.Workspace, draft); err != nil {
			return fmt.Errorf("create segment of %s: %w", rule.Source(), err)
		}
	}
	progress := p.begin("building 50 segments")
	err = until(ctx, func(ctx context.Context) (bool, error) {
		var built, failed int
		err := l.admin.QueryRow(ctx, `SELECT count(*) FILTER (WHERE status = 'live'), count(*) FILTER (WHERE status = 'failed')
			FROM segments WHERE workspace_id = $1 AND deleted_at IS NULL`, s.live.Workspace).Scan(&built, &failed)
		if err == nil && failed > 0 {
			err = errors.New("one failed")
		}
		progress(built, len(s.fifty))
		return built == len(s.fifty), err
	})
	if err != nil {
		return fmt.Errorf("wait for segments: %w", err)
	}
	l.note("50 segments of %d customers were built in %.1f s", s.live.Customers, time.Since(began).Seconds())
	if _, err := l.admin.Exec(ctx, "VACUUM (ANALYZE)"); err != nil {
		return fmt.Errorf("analyse tables: %w", err)
	}
	progress = p.begin("warming up")
	for i, watched := range []bool{true, false} {
		if _, err := s.post(watched, false)(ctx, l, p); err != nil {
			return err
		}
		progress(i+1, 2)
	}
	return nil
}

// atRest is how long nothing is done.
const atRest = 2 * time.Second

// rest does nothing.
func rest(ctx context.Context, l *lab, p plan) (figures, error) {
	return l.metered(ctx, func(ctx context.Context) (effect, error) {
		t := time.NewTimer(atRest)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return effect{}, ctx.Err()
		case <-t.C:
		}
		p.progress(1, 1)
		return effect{items: int(atRest / time.Second), wall: atRest, latencies: []time.Duration{atRest}}, nil
	})
}

// post stores events in the workspace with or without segments, in batches or singly, and waits until all have been
// picked. The wait counts.
func (s *segmentation) post(watched, singly bool) func(context.Context, *lab, plan) (figures, error) {
	return func(ctx context.Context, l *lab, p plan) (figures, error) {
		pop := s.plain
		if watched {
			pop = s.live
		}
		if singly {
			p.Events, p.Batch = tenth(p.Events), 1
		}
		concerned := map[int]bool{}
		f, err := l.metered(ctx, func(ctx context.Context) (effect, error) {
			e := effect{items: p.Events}
			began := time.Now()
			for first := 0; first < p.Events; first += p.Batch {
				d := store.Delivery{Source: store.Source{Workspace: pop.Workspace, ID: pop.Source, Name: "site"}}
				for i := first; i < min(first+p.Batch, p.Events); i++ {
					m, customer := s.message(pop, p.label, i)
					d.Messages = append(d.Messages, m)
					concerned[customer] = true
				}
				asked := time.Now()
				if _, err := l.store.Ingest(ctx, pop.Workspace, []store.Delivery{d}); err != nil {
					return e, err
				}
				e.latencies = append(e.latencies, time.Since(asked))
				p.progress(min(first+p.Batch, p.Events), p.Events)
			}
			err := l.awaitPicked(ctx)
			e.wall = time.Since(began)
			return e, err
		})
		if err != nil || !watched {
			return f, err
		}
		return f, s.checkMembers(ctx, l, concerned)
	}
}

// message makes the next event, of one of the customers.
func (s *segmentation) message(pop *population, label string, i int) (store.Message, int) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	r := pop.random(postedSeries, s.posted)
	s.posted++
	customer := pop.who(r, pop.Now)
	name := happening(r)
	return store.Message{
		Call: store.CallTrack, Name: name, MessageID: fmt.Sprintf("%s-%d", label, i), UserID: userID(customer),
		Properties: properties(r, name), Context: []byte(eventContext),
		OccurredAt: now, ReceivedAt: now, SentAt: &now, OriginalTimestamp: &now,
	}, customer
}

// checkedMembers is for how many customers memberships are checked after a run.
const checkedMembers = 200

// checkMembers makes sure that the segments are what their rules say of those whom a run concerned: what is fast and
// wrong is not worth measuring. What is due this very second may be late.
func (s *segmentation) checkMembers(ctx context.Context, l *lab, concerned map[int]bool) error {
	var ids []string
	for n := range concerned {
		if len(ids) < checkedMembers {
			ids = append(ids, uuid.UUID(s.live.customerID(n)).String())
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, silence, errors.New("segments are not what their rules say"))
	defer cancel()
	o := s.options(s.live)
	o.Form = rules.Correlated
	for i, rule := range s.fifty {
		err := until(ctx, func(ctx context.Context) (bool, error) {
			o.Now = time.Now()
			selection := rule.Select(o)
			n := len(selection.Args)
			var differ int
			err := l.admin.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) FROM (SELECT s.id FROM (%s) s WHERE s.id = ANY ($%d::uuid[])) a
				FULL JOIN (SELECT m.customer_id AS id FROM segment_members m
					JOIN segments g ON g.workspace_id = m.workspace_id AND g.id = m.segment_id AND g.deleted_at IS NULL
					WHERE m.workspace_id = $%d AND g.name = $%d AND m.customer_id = ANY ($%d::uuid[])) b ON b.id = a.id
				WHERE a.id IS NULL OR b.id IS NULL`, selection.SQL, n+1, n+2, n+3, n+1),
				append(selection.Args, ids, s.live.Workspace, fmt.Sprintf("segment %d", i+1))...).Scan(&differ)
			return differ == 0, err
		})
		if err != nil {
			return fmt.Errorf("check members of the segment %s: %w", rule.Source(), errors.Join(err, context.Cause(ctx)))
		}
	}
	return nil
}
