package main

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"dotyk/activities/store"
	"dotyk/rules"
)

const (
	factsPage = 500    // customers whose facts are loaded at one time, as by the picker
	factsMost = 20_000 // customers whose facts are loaded in a run
	evaluated = 1000   // customers for whom rules are evaluated
)

// sample gives the ids of so many customers, spread evenly over all.
func (p *population) sample(n int) []string {
	n = min(n, p.Customers)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = uuid.UUID(p.customerID(i * p.Customers / n)).String()
	}
	return ids
}

// loadFacts loads what the fifty rules need together.
func (s *segmentation) loadFacts(ctx context.Context, l *lab, p plan) (figures, error) {
	ids := s.full.sample(factsMost)
	return l.metered(ctx, func(ctx context.Context) (effect, error) {
		e := effect{items: len(ids)}
		for page := range slices.Chunk(ids, factsPage) {
			began := time.Now()
			if _, err := s.facts(ctx, l, page); err != nil {
				return e, err
			}
			took := time.Since(began)
			e.wall += took
			e.latencies = append(e.latencies, took)
			p.progress(len(e.latencies)*factsPage, len(ids))
		}
		return e, nil
	})
}

func (s *segmentation) facts(ctx context.Context, l *lab, ids []string) (found map[string]rules.Facts, err error) {
	err = l.store.In(ctx, s.full.Workspace, func(tx *store.Tx) error {
		found, err = tx.Facts(ctx, ids, s.needs, s.full.Now)
		return err
	})
	return found, err
}

// holds and holdsUntil are the two ways to evaluate a rule.
func holds(r *rules.Rule, env rules.Env) (bool, error) { return r.Bool(env) }

func holdsUntil(r *rules.Rule, env rules.Env) (bool, error) {
	held, _, err := r.Watch(env)
	return held, err
}

// evaluate lets each of the fifty rules judge the same customers again and again.
func (s *segmentation) evaluate(judge func(*rules.Rule, rules.Env) (bool, error)) func(context.Context, *lab, plan) (figures, error) {
	return func(ctx context.Context, l *lab, p plan) (figures, error) {
		var list []rules.Env
		for page := range slices.Chunk(s.full.sample(evaluated), factsPage) {
			found, err := s.facts(ctx, l, page)
			if err != nil {
				return figures{}, err
			}
			for _, f := range found {
				list = append(list, rules.Env{Facts: f, Now: s.full.Now})
			}
		}
		return l.metered(ctx, func(context.Context) (effect, error) {
			e, err := repeated(&s.full, len(list)*len(s.fifty), func() error {
				for _, r := range s.fifty {
					for _, env := range list {
						if _, err := judge(r, env); err != nil {
							return err
						}
					}
				}
				return nil
			})
			p.progress(1, 1)
			return e, err
		})
	}
}
