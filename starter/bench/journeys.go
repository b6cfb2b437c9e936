package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/email"
	"dotyk/starter/campaigns"
)

// travelling is what the cases about whole campaigns share.
type travelling struct {
	made int        // workspaces
	last *travelled // what the latest large run left behind, whose rows and mails are the floor's
}

// travelled is a workspace through whose campaign everybody has gone.
type travelled struct {
	population

	mails int
}

// through measures a campaign that many go through: enter -> e-mail -> wait -> branch -> e-mail or exit.
func through() experiment {
	t := &travelling{}
	const tenth = 10
	return experiment{
		name: "journeys", events: 2000, batch: 20, engine: true, ordered: true,
		about: "customers go through a campaign: enter -> e-mail -> wait 2 s -> branch -> e-mail or exit; time is from its publication to its last mail",
		setup: t.setUp,
		cases: []benchCase{
			{name: "segment", unit: "customers", run: t.cohorts(1), about: "everybody in a segment enters when the campaign is published"},
			{name: "floor", unit: "customers", limit: true, run: t.floor, about: "the rows of the run before, written and updated by plain SQL as often as journeys are, and the same mails sent by a bare loop over as many connections"},
			{name: "segment-tenth", unit: "customers", run: t.cohorts(tenth), about: "the same with a tenth of the customers"},
			{name: "events", unit: "customers", run: t.events, about: "customers enter the same campaign one by one, each by an event"},
		},
		targets: []target{
			{about: "customers a second / floor", of: rate(), ours: "segment", limit: "floor"},
			{about: "CPU of a customer / floor", of: cpu(), ours: "segment", limit: "floor"},
			{about: "WAL of a customer / floor", of: walBytes(), ours: "segment", limit: "floor"},
			{about: "history events a customer", of: history(), ours: "segment", want: 0.05, most: true},
			{about: "history events a customer who enters by an event", of: history(), ours: "events", want: 26, most: true},
			{about: "peak memory, the Temporal server in it", of: peakMemory(), ours: "segment", want: 500, most: true},
			{about: "peak memory of all / of a tenth", of: peakMemory(), ours: "segment", limit: "segment-tenth", want: 1.15, most: true},
			{about: "CPU of a customer among all / among a tenth", of: cpu(), ours: "segment", limit: "segment-tenth", want: 1.25, most: true},
		},
	}
}

// setUp goes through everything with a few, which warms up.
func (t *travelling) setUp(ctx context.Context, l *lab, p plan) error {
	few := p
	few.People = max(min(p.People/20, 1000), 20)
	if _, err := t.cohorts(1)(ctx, l, few); err != nil {
		return err
	}
	_, err := t.events(ctx, l, few)
	return err
}

// population makes up customers in a workspace of their own. They have done nothing yet.
func (t *travelling) population(ctx context.Context, l *lab, p plan, n int) (population, error) {
	t.made++
	slug := fmt.Sprintf("journeys-%d", t.made)
	ws, err := l.store.CreateWorkspace(ctx, slug, slug)
	if err != nil {
		return population{}, err
	}
	source, err := l.store.EnsureSource(ctx, ws, "site")
	if err != nil {
		return population{}, err
	}
	pop := population{
		Workspace: ws, Source: source.ID, Customers: n, Seed: madeSeed + uint64(ws), //nolint:gosec // a small number
		Now: time.Now().UTC().Truncate(time.Microsecond),
	}
	if n > 0 {
		_, err = pop.settle(ctx, l, p.progress)
	}
	return pop, err
}

// everyone is the segment that enters.
const everyone = "everyone"

// cohorts gives the case in which one customer in so many enters, all of them at once.
func (t *travelling) cohorts(of int) func(context.Context, *lab, plan) (figures, error) {
	return func(ctx context.Context, l *lab, p plan) (figures, error) {
		pop, err := t.population(ctx, l, p, max(p.People/of, 1))
		if err != nil {
			return figures{}, err
		}
		if err := l.gather(ctx, &pop); err != nil {
			return figures{}, err
		}
		mails, err := l.expected(ctx, &pop)
		if err != nil {
			return figures{}, err
		}
		f, err := l.travel(ctx, p, &pop, mails, job{}, "everyone.yaml")
		if of == 1 {
			t.last = &travelled{population: pop, mails: mails}
		}
		return f, err
	}
}

// gather makes the segment of everybody and builds it.
func (l *lab) gather(ctx context.Context, pop *population) error {
	made, _, err := segments.New(l.store).Create(ctx, pop.Workspace, segments.Draft{Name: everyone, Rule: `customer.email != ""`, By: "bench"})
	if err != nil {
		return err
	}
	b := segments.Builder{
		Store: l.store, Cache: &segments.Cache{}, Logger: l.logger, Now: time.Now, Timeout: segments.BuildTimeout,
	}
	return b.Build(ctx, store.SegmentRef{Workspace: pop.Workspace, ID: made.ID})
}

// expected is how many mails the campaign sends: one to everybody, and one more to those on a plan.
func (l *lab) expected(ctx context.Context, pop *population) (int, error) {
	var mails int
	err := l.admin.QueryRow(ctx, `SELECT count(*) + count(*) FILTER (WHERE attributes->>'plan' = 'pro') FROM customers
		WHERE workspace_id = $1`, pop.Workspace).Scan(&mails)
	if err != nil {
		return 0, fmt.Errorf("count customers: %w", err)
	}
	return mails, nil
}

// events is the case in which customers enter one by one.
func (t *travelling) events(ctx context.Context, l *lab, p plan) (figures, error) {
	pop, err := t.population(ctx, l, p, 0)
	if err != nil {
		return figures{}, err
	}
	key, err := l.store.CreateKey(ctx, pop.Workspace, "site", "", []string{store.ScopeWrite})
	if err != nil {
		return figures{}, err
	}
	pop.Customers = p.Events
	// Whoever registers is on the plan, and gets two mails.
	return l.travel(ctx, p, &pop, 2*p.Events, job{
		URL: l.url, Key: key, Kind: registration, Batch: p.Batch, Connections: p.Concurrency,
	}, "registered-through.yaml")
}

// travel publishes a campaign, lets everybody go through it, and waits until the last workflow has ended.
func (l *lab) travel(ctx context.Context, p plan, pop *population, mails int, j job, file string) (figures, error) {
	j.Label, j.Items, j.Customers, j.Expect, j.MailsEach = p.label, pop.Customers, pop.Customers, mails, 2
	if j.Kind == "" {
		j.Kind = nothing
	} else if err := l.publishIn(ctx, pop.Workspace, file); err != nil {
		return figures{}, err
	}
	var f figures
	f, err := l.metered(ctx, func(ctx context.Context) (effect, error) {
		d, err := l.listening(ctx, j, func(done, _ int) { p.progress(done, mails) }, func(ctx context.Context) error {
			if j.Kind != nothing {
				return nil
			}
			return l.publishIn(ctx, pop.Workspace, file)
		})
		if err != nil {
			return effect{}, err
		}
		return d.effect(pop.Customers), l.awaitEnd(ctx, pop.Workspace)
	})
	if err != nil {
		return f, err
	}
	if err := l.checkSent(ctx, pop.Workspace, mails); err != nil {
		return f, err
	}
	events, err := l.historyOf(ctx, pop.Workspace)
	f.History = divide(float64(events), float64(pop.Customers))
	return f, err
}

// listening has a job done, and does something else once the other process listens.
func (l *lab) listening(ctx context.Context, j job, progress func(done, total int), then func(context.Context) error) (done, error) {
	var d done
	var once sync.Once
	ready := make(chan struct{})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		var err error
		d, err = l.outside.do(ctx, j, func(done, total int) {
			once.Do(func() { close(ready) })
			progress(done, total)
		})
		return err
	})
	g.Go(func() error {
		select {
		case <-ready:
			return then(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return d, g.Wait()
}

// awaitEnd waits until every journey of a workspace has ended, and its workflows with them.
func (l *lab) awaitEnd(ctx context.Context, ws int64) error {
	return until(ctx, func(ctx context.Context) (bool, error) {
		var open, cohorts int64
		err := l.admin.QueryRow(ctx, `SELECT
			(SELECT count(*) FROM journeys WHERE workspace_id = $1 AND status = 'active')
			+ (SELECT count(*) FROM audience_entries WHERE workspace_id = $1 AND finished_at IS NULL),
			(SELECT count(*) FROM cohorts WHERE workspace_id = $1)`, ws).Scan(&open, &cohorts)
		if err != nil {
			return false, fmt.Errorf("count journeys: %w", err)
		}
		if open > 0 {
			return false, nil
		}
		res, err := l.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: namespace, Query: journeysOf(ws) + " AND ExecutionStatus != 'Running'",
		})
		if err != nil {
			return false, fmt.Errorf("count workflows: %w", err)
		}
		return res.GetCount() >= cohorts, nil
	})
}

// journeysOf selects the workflows of a workspace's cohorts: the ids begin with its number.
func journeysOf(ws int64) string {
	return fmt.Sprintf("WorkflowType = '%s' AND WorkflowId STARTS_WITH 'journey-%d-'", journeyType, ws)
}

// checkSent makes sure that everybody got what they were to get, once: what is fast and wrong is not worth measuring.
func (l *lab) checkSent(ctx context.Context, ws int64, mails int) error {
	var accepted, others int
	err := l.admin.QueryRow(ctx, `SELECT count(*) FILTER (WHERE status = 'accepted'), count(*) FILTER (WHERE status <> 'accepted')
		FROM touches WHERE workspace_id = $1`, ws).Scan(&accepted, &others)
	if err != nil {
		return fmt.Errorf("check ledger: %w", err)
	}
	if accepted != mails || others > 0 {
		return fmt.Errorf("check ledger: %d mails are recorded as accepted and %d as something else, where %d were to be sent", accepted, others, mails)
	}
	return nil
}

// historyOf counts the history events of all workflows of a workspace, however many runs they took.
func (l *lab) historyOf(ctx context.Context, ws int64) (int64, error) {
	var total int64
	var page []byte
	for {
		res, err := l.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: namespace, Query: journeysOf(ws), PageSize: 1000, NextPageToken: page,
		})
		if err != nil {
			return 0, fmt.Errorf("list workflows: %w", err)
		}
		for _, e := range res.GetExecutions() {
			total += e.GetHistoryLength()
		}
		if page = res.GetNextPageToken(); len(page) == 0 {
			return total, nil
		}
	}
}

// floorTables hold what a journey comes to.
func floorTables() []string {
	return []string{"cohorts", "journeys", "decisions", "touches", "touch_statuses"}
}

// floorWork is what happens to the rows between the first and the last word on a journey: it enters, moves twice, and each
// of its messages is planned, claimed and accepted. Everybody at once, in one statement each.
func floorWork() []string {
	work := []string{
		`INSERT INTO floor_cohorts SELECT * FROM cohorts WHERE workspace_id = $1`,
		`INSERT INTO floor_journeys SELECT * FROM journeys WHERE workspace_id = $1`,
		`INSERT INTO floor_decisions SELECT * FROM decisions WHERE workspace_id = $1`,
	}
	for range 2 {
		work = append(work, `UPDATE floor_journeys SET position = position || '{}', due_at = now() WHERE workspace_id = $1`)
	}
	work = append(work,
		`INSERT INTO floor_touches SELECT * FROM touches WHERE workspace_id = $1`,
		`INSERT INTO floor_touch_statuses SELECT * FROM touch_statuses WHERE workspace_id = $1`)
	for _, status := range []string{"claimed", "accepted"} {
		work = append(work, `UPDATE floor_touches SET status = '`+status+`', updated_at = clock_timestamp() WHERE workspace_id = $1`)
	}
	return work
}

// floor is what the work costs without an engine.
func (t *travelling) floor(ctx context.Context, l *lab, p plan) (figures, error) {
	for _, table := range floorTables() {
		sql := "DROP TABLE IF EXISTS floor_" + table + "; CREATE TABLE floor_" + table + " (LIKE " + table + " INCLUDING ALL)"
		if _, err := l.admin.Exec(ctx, sql); err != nil {
			return figures{}, fmt.Errorf("make table: %w", err)
		}
	}
	config, err := email.ParseURL(l.outside.smtp)
	if err != nil {
		return figures{}, err
	}
	sender, err := email.New(config)
	if err != nil {
		return figures{}, err
	}
	f, err := l.metered(ctx, func(ctx context.Context) (effect, error) {
		began := time.Now()
		for _, sql := range floorWork() {
			if _, err := l.admin.Exec(ctx, sql, t.last.Workspace); err != nil {
				return effect{}, fmt.Errorf("write rows: %w", err)
			}
		}
		if err := t.sendAll(ctx, l, sender, p); err != nil {
			return effect{}, err
		}
		return effect{items: t.last.Customers, wall: time.Since(began)}, nil
	})
	return f, errors.Join(err, sender.Close())
}

// sendAll sends as many mails as the campaign did, over as many connections, and nothing else.
func (t *travelling) sendAll(ctx context.Context, l *lab, sender *email.Sender, p plan) error {
	body, err := files.ReadFile("campaigns/templates/hello.html")
	if err != nil {
		return fmt.Errorf("read template: %w", err)
	}
	mails := job{Label: p.label, Kind: nothing, Expect: t.last.mails, MailsEach: t.last.mails}
	_, err = l.listening(ctx, mails, p.progress, func(ctx context.Context) error {
		var sent atomic.Int64
		g, ctx := errgroup.WithContext(ctx)
		for range sender.Connections() {
			g.Go(func() error {
				for n := sent.Add(1); n <= int64(t.last.mails); n = sent.Add(1) {
					message := channels.EmailMessage{
						TouchID: fmt.Sprint("floor-", n), From: "hello@bench.example", To: userID(int(n)) + "@example.com",
						MessageID: fmt.Sprintf("floor-%d@bench.example", n), Subject: "Hello", HTML: string(body), Text: string(body),
					}
					if _, err := sender.Send(ctx, &message); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return g.Wait()
	})
	return err
}

// publishIn makes one of our campaigns live in a workspace.
func (l *lab) publishIn(ctx context.Context, ws int64, file string) error {
	loaded, err := campaigns.Load(files, "campaigns/"+file, campaigns.Known{})
	if err != nil {
		return fmt.Errorf("load campaign %s: %w", file, err)
	}
	_, err = l.store.Publish(ctx, ws, loaded.Publication())
	return err
}

// history is how many history events an item left in Temporal.
func history() column {
	return column{"history", "events", 2, func(f *figures) *float64 { return &f.History }}
}
