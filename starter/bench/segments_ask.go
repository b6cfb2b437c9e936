package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules"
)

// atLeast is how long something quick is repeated, so that it is measured well too. Tests of tiny records need less.
func (p *population) atLeast() time.Duration {
	return min(300*time.Millisecond, time.Duration(p.Customers)*15*time.Microsecond)
}

// repeated asks again and again about a population, each time about so many things.
func repeated(of *population, things int, ask func() error) (effect, error) {
	var e effect
	for e.wall == 0 || e.wall < of.atLeast() {
		began := time.Now()
		if err := ask(); err != nil {
			return e, err
		}
		took := time.Since(began)
		e.items += things
		e.wall += took
		e.latencies = append(e.latencies, took)
	}
	return e, nil
}

// ask counts those whom a selection finds. The rule's and that by hand go the same way, in sessions of the same role and
// with the same settings.
func (s *segmentation) ask(selection *rules.Selection) func(context.Context, *lab, plan) (figures, error) {
	return func(ctx context.Context, l *lab, p plan) (figures, error) {
		return l.metered(ctx, func(ctx context.Context) (effect, error) {
			e, err := repeated(&s.full, s.full.Customers, func() error {
				return l.store.Query(ctx, s.full.Workspace, `SELECT count(*) FROM (`+selection.SQL+`) s`, selection.Args, 0,
					func(pgx.Rows) error { return nil })
			})
			p.progress(1, 1)
			return e, err
		})
	}
}

// scan counts by reading a whole table, as a superuser, whom row-level security does not concern.
func (s *segmentation) scan(sql string) func(context.Context, *lab, plan) (figures, error) {
	return func(ctx context.Context, l *lab, p plan) (f figures, err error) {
		tx, err := l.admin.Begin(ctx)
		if err != nil {
			return f, fmt.Errorf("begin transaction: %w", err)
		}
		defer func() { err = errors.Join(err, tx.Rollback(context.WithoutCancel(ctx))) }()
		for _, other := range []string{"indexscan", "indexonlyscan", "bitmapscan"} {
			if _, err := tx.Exec(ctx, "SET LOCAL enable_"+other+" = off"); err != nil {
				return f, fmt.Errorf("choose plan: %w", err)
			}
		}
		return l.metered(ctx, func(ctx context.Context) (effect, error) {
			e, err := repeated(&s.full, s.full.Customers, func() error {
				var n int
				return tx.QueryRow(ctx, sql, s.full.Workspace).Scan(&n)
			})
			p.progress(1, 1)
			return e, err
		})
	}
}

// prepareFifty asks the fifty rules one by one, so that later answers can be held against it.
func (s *segmentation) prepareFifty(ctx context.Context, l *lab, p plan) error {
	progress := p.begin("asking 50 rules")
	forms := map[rules.Form]int{}
	for i, source := range fiftyRules() {
		rule, err := rules.Compile(source, rules.Options{})
		if err != nil {
			return err
		}
		selection, chosen, err := s.choose(ctx, l, &s.full, rule)
		if err != nil {
			return fmt.Errorf("choose how to ask %s: %w", source, err)
		}
		n, err := l.read(ctx, s.full.Workspace, selection)
		if err != nil {
			return fmt.Errorf("ask %s: %w", source, err)
		}
		forms[chosen.Form]++
		s.fifty, s.singly, s.holds = append(s.fifty, rule), append(s.singly, selection), append(s.holds, n)
		s.needs = s.needs.Merge(rule.Needs())
		progress(i+1, len(fiftyRules()))
	}
	answers := 0
	for _, n := range s.holds {
		answers += n
	}
	l.note("the 50 rules hold %d times; one by one %d are asked grouped, %d correlated", answers, forms[rules.Grouped], forms[rules.Correlated])
	return nil
}

// read reads the ids that a selection finds, and counts them.
func (l *lab) read(ctx context.Context, ws int64, selection rules.Selection) (n int, err error) {
	var id string
	err = l.store.Query(ctx, ws, selection.SQL, selection.Args, 0, func(rows pgx.Rows) error {
		n++
		return rows.Scan(&id)
	})
	return n, err
}

// classify asks all fifty rules in one statement.
func (s *segmentation) classify(pop *population) func(context.Context, *lab, plan) (figures, error) {
	return func(ctx context.Context, l *lab, p plan) (figures, error) {
		selection := rules.Classify(s.options(pop), s.fifty)
		var holds []int
		f, err := l.lean(ctx, func(ctx context.Context) (effect, error) {
			e, err := repeated(pop, pop.Customers, func() error {
				holds = make([]int, len(s.fifty))
				var id string
				var held []bool
				return l.store.Query(ctx, pop.Workspace, selection.SQL, selection.Args, 0, func(rows pgx.Rows) error {
					if err := rows.Scan(&id, &held); err != nil {
						return err
					}
					for i, yes := range held {
						if yes {
							holds[i]++
						}
					}
					return nil
				})
			})
			p.progress(1, 1)
			return e, err
		})
		if err == nil && pop == &s.full && !slices.Equal(holds, s.holds) {
			err = fmt.Errorf("50 rules at once give different customers than one by one: %v and %v", holds, s.holds)
		}
		return f, err
	}
}

// eachAlone asks the fifty rules one by one.
func (s *segmentation) eachAlone(ctx context.Context, l *lab, p plan) (figures, error) {
	return l.metered(ctx, func(ctx context.Context) (effect, error) {
		return repeated(&s.full, s.full.Customers, func() error {
			for i, selection := range s.singly {
				n, err := l.read(ctx, s.full.Workspace, selection)
				if err != nil {
					return err
				}
				if n != s.holds[i] {
					return fmt.Errorf("%s holds for %d customers, and held for %d", s.fifty[i].Source(), n, s.holds[i])
				}
				p.progress(i+1, len(s.singly))
			}
			return nil
		})
	})
}

// lean meters a case whose memory counts: what earlier ones left is given back first.
func (l *lab) lean(ctx context.Context, fn func(context.Context) (effect, error)) (figures, error) {
	debug.FreeOSMemory()
	return l.metered(ctx, fn)
}

// note adds a line to the report.
func (l *lab) note(format string, args ...any) {
	l.notes = append(l.notes, fmt.Sprintf(format, args...))
}
