package main

import (
	"context"
	"fmt"
	"time"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/rules"
)

// segmentation is what the two experiments about segments share.
type segmentation struct {
	full, quarter population  // in two workspaces
	live, plain   *population // of the two, the one that gets live segments, and the one that does not
	zones         []string
	questions     []question // with their selections, once prepared
	fifty         []*rules.Rule
	singly        []rules.Selection // for each of the fifty
	holds         []int             // for how many customers each of the fifty holds
	needs         rules.Needs       // of the fifty together
	posted        int               // events that were posted so far
}

// segmenting measures segments: first rules by themselves, then, on the same record, events while segments are live.
func segmenting() []experiment {
	s := &segmentation{questions: questions()}
	return []experiment{s.judging(), s.living()}
}

// Where the live segments are kept, besides all.
const (
	liveQuarter = "quarter"
	liveNone    = "none"
)

// judging measures rules over everybody, by Postgres and in Go.
func (s *segmentation) judging() experiment {
	e := experiment{
		name:  "segments",
		about: "rules decide on all customers of a made-up record, by Postgres and in Go",
		setup: s.prepare,
	}
	for i := range s.questions {
		q := &s.questions[i]
		e.cases = append(e.cases,
			benchCase{name: q.name, unit: "customers", run: s.ask(&q.selection), about: "Postgres finds those for whom " + q.rule},
			benchCase{name: q.name + "-hand", unit: "customers", limit: true, run: s.ask(&q.written), about: "the same, by SQL that was written for this question"},
		)
		e.targets = append(e.targets, target{
			about: q.name + ": time of a rule / of SQL by hand", of: p50(), ours: q.name, limit: q.name + "-hand", want: 1.3, most: true,
		})
	}
	e.cases = append(e.cases,
		benchCase{name: "scan-events", unit: "customers", limit: true, run: s.scan(`SELECT count(*) FROM events WHERE workspace_id = $1 AND name = '` + orderCompleted + `'`), about: "reads all events in sequence and counts the orders"},
		benchCase{name: "scan-customers", unit: "customers", limit: true, run: s.scan(`SELECT count(*) FROM customers WHERE workspace_id = $1`), about: "reads all customers in sequence and counts them"},
		benchCase{name: "fifty", unit: "customers", run: s.classify(&s.full), about: "one statement says which of 50 rules hold for whom; the answer is read to its end"},
		benchCase{name: "fifty-singly", unit: "customers", run: s.eachAlone, about: "the same 50 rules, one statement after another"},
		benchCase{name: "fifty-quarter", unit: "customers", run: s.classify(&s.quarter), about: "one statement for 50 rules in a workspace of a quarter of the size"},
		benchCase{name: "build", unit: "customers", run: s.build(&s.full), about: "a segment is built: members, and the moments at which time will change them: " + builtRule},
		benchCase{name: "build-quarter", unit: "customers", run: s.build(&s.quarter), about: "the same in a workspace of a quarter of the size"},
		benchCase{name: "facts", unit: "customers", run: s.loadFacts, about: fmt.Sprintf("everything that 50 rules need is loaded, %d customers at a time", factsPage)},
		benchCase{name: "bool", unit: "rules", run: s.evaluate(holds), about: "each of 50 rules is evaluated in Go for customers whose facts are loaded, on one core"},
		benchCase{name: "watch", unit: "rules", run: s.evaluate(holdsUntil), about: "the same, with the moment at which time will change the answer"},
	)
	e.targets = append(e.targets,
		target{about: "time to count frequent buyers / to read all events", of: p50(), ours: "frequent", limit: "scan-events"},
		target{about: "time of 50 rules at once / one by one", of: p50(), ours: "fifty", limit: "fifty-singly"},
		target{about: "evaluations a second in Go", of: rate(), ours: "bool"},
		target{about: "the same with the next moment", of: rate(), ours: "watch"},
		target{about: "customers a second whose facts are loaded", of: rate(), ours: "facts"},
		target{about: "memory of 50 rules, all customers / a quarter", of: peakMemory(), ours: "fifty", limit: "fifty-quarter", want: 1.15, most: true},
		target{about: "memory of a build, all customers / a quarter", of: peakMemory(), ours: "build", limit: "build-quarter", want: 1.15, most: true},
	)
	return e
}

// madeSeed is one with which the customer whom a question names is an active one.
const madeSeed = 8

// prepare makes up the record, and asks everything once: that warms up, and what differs from the answer by hand is not
// worth measuring.
func (s *segmentation) prepare(ctx context.Context, l *lab, p plan) error {
	var err error
	if s.zones, err = l.store.Zones(ctx); err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	s.full = population{
		Workspace: l.workspace, Source: l.source.ID, Customers: p.Customers, Events: p.Customers * p.EventsEach,
		Seed: madeSeed, Now: now,
	}
	s.quarter = s.full
	s.quarter.Customers, s.quarter.Events = s.full.Customers/4, s.full.Events/4
	if s.quarter.Workspace, err = l.store.CreateWorkspace(ctx, "quarter", "A quarter"); err != nil {
		return err
	}
	source, err := l.store.EnsureSource(ctx, s.quarter.Workspace, "site")
	if err != nil {
		return err
	}
	s.quarter.Source = source.ID
	if s.live, s.plain = &s.full, &s.quarter; p.Live == liveQuarter {
		s.live, s.plain = s.plain, s.live
	}
	for _, pop := range []*population{&s.quarter, &s.full} {
		took, err := pop.settle(ctx, l, p.begin("making up the record"))
		if err != nil {
			return fmt.Errorf("make up record: %w", err)
		}
		l.note("%d customers with %d events made up in %.1f s: %.0f rows a second with all indexes", pop.Customers, pop.Events,
			took.Seconds(), float64(pop.rows())/took.Seconds())
	}
	progress := p.begin("asking once")
	for i := range s.questions {
		if err := s.questions[i].prepare(ctx, l, s); err != nil {
			return fmt.Errorf("ask %s: %w", s.questions[i].name, err)
		}
		progress(i+1, len(s.questions))
	}
	return s.prepareFifty(ctx, l, p)
}

// options are those of a selection over a population.
func (s *segmentation) options(pop *population) rules.SelectOptions {
	return rules.SelectOptions{Workspace: pop.Workspace, Now: pop.Now, Zones: s.zones, Form: rules.Grouped}
}

// choose translates a rule as the product does. Here every rule must be one that Postgres can decide on alone.
func (s *segmentation) choose(ctx context.Context, l *lab, pop *population, rule *rules.Rule) (rules.Selection, segments.Plan, error) {
	selection, chosen, err := segments.Choose(ctx, l.store, pop.Workspace, rule, s.options(pop))
	if err == nil && !selection.Exact {
		err = fmt.Errorf("postgres cannot decide alone: %v", selection.Parts)
	}
	return selection, chosen, err
}

// builtRule concerns many, and time alone changes who.
const builtRule = `count(events("order_completed", "90d")) >= 1`

// build builds a segment that is new.
func (s *segmentation) build(pop *population) func(context.Context, *lab, plan) (figures, error) {
	return func(ctx context.Context, l *lab, p plan) (figures, error) {
		made, _, err := segments.New(l.store).Create(ctx, pop.Workspace, segments.Draft{Name: p.label, Rule: builtRule, By: "bench"})
		if err != nil {
			return figures{}, err
		}
		b := segments.Builder{
			Store: l.store, Cache: &segments.Cache{}, Logger: l.logger, Now: time.Now, Timeout: segments.BuildTimeout,
		}
		f, err := l.lean(ctx, func(ctx context.Context) (effect, error) {
			began := time.Now()
			if err := b.Build(ctx, store.SegmentRef{Workspace: pop.Workspace, ID: made.ID}); err != nil {
				return effect{}, err
			}
			took := time.Since(began)
			p.progress(1, 1)
			return effect{items: pop.Customers, wall: took, latencies: []time.Duration{took}}, nil
		})
		if err != nil {
			return f, err
		}
		if made, err = l.store.Segment(ctx, pop.Workspace, made.Name); err != nil {
			return f, err
		}
		if made.Status != store.SegmentLive || made.Members == 0 {
			return f, fmt.Errorf("build segment: it is %s with %d members: %s", made.Status, made.Members, made.Problem)
		}
		return f, l.store.DeleteSegment(ctx, pop.Workspace, made.Name, "bench")
	}
}
