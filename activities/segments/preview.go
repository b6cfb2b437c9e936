package segments

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/rules/audience"
)

// Preview is what a rule would come to.
type Preview struct {
	Count    int64          `json:"count"`
	Sample   []store.Member `json:"sample"` // the first of them by id; they have joined nothing yet
	Plan     Plan           `json:"plan"`
	Warnings []*rules.Error `json:"warnings"`
	Took     time.Duration  `json:"took"`
	Note     string         `json:"note,omitempty"` // how a preview of the past differs from what was true then
}

// ErrFuture says that a moment has not come yet: what will have happened by then is not known.
var ErrFuture = errors.New("the moment is in the future")

// pastNote goes with a preview of a past moment: the record of a customer keeps no former values.
const pastNote = "events, consents, messages and journeys are those up to that moment, but fields and attributes of customers are taken as they are now"

// ErrSlow says that a rule could not be previewed in the time that somebody may be expected to wait.
var ErrSlow = errors.New("counting takes longer")

const (
	previewTimeout = 30 * time.Second
	sampleSize     = 20
	judgePage      = 5000 // customers whose facts are loaded at one time
)

// Preview counts those for whom a rule holds at a moment, the zero moment being now, and shows some of them. The error
// is a *rules.Error where the rule is at fault, and ErrFuture where the moment is.
func (s *Service) Preview(ctx context.Context, ws int64, rule string, at time.Time) (Preview, error) {
	began := s.Now()
	if at.IsZero() {
		at = began
	}
	if at.After(began) {
		return Preview{}, fmt.Errorf("preview for %s: %w", at.UTC().Format(time.RFC3339), ErrFuture)
	}
	r, err := s.Check(ctx, ws, rule)
	if err != nil {
		return Preview{}, err
	}
	o, err := selectOptions(ctx, s.Store, ws, at)
	if err != nil {
		return Preview{}, err
	}
	o.Past = at.Before(began)
	selection, plan, err := Choose(ctx, s.Store, ws, r, o)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Plan: plan, Warnings: r.Warnings()}
	if o.Past {
		p.Note = pastNote
	}
	limited, cancel := context.WithTimeout(ctx, previewTimeout)
	defer cancel()
	var first []string
	if selection.Exact {
		first, p.Count, err = counted(limited, s.Store, ws, selection, previewTimeout)
	} else {
		var failed *rules.Error
		if first, p.Count, failed, err = s.countJudged(limited, ws, r, selection, at); failed != nil {
			p.Warnings = append(p.Warnings, failed)
		}
	}
	if TimedOut(err) && ctx.Err() == nil {
		return Preview{}, fmt.Errorf("%w than %s; saved, it is computed in the background", ErrSlow, previewTimeout)
	}
	if err != nil {
		return Preview{}, err
	}
	if p.Sample, err = s.sample(ctx, ws, first); err != nil {
		return Preview{}, err
	}
	p.Took = s.Now().Sub(began)
	return p, nil
}

// countJudged lets the rule decide on those that the database cannot. Somebody for whom the rule fails is not counted;
// the first such failure is given.
func (s *Service) countJudged(ctx context.Context, ws int64, r *rules.Rule, selection rules.Selection, at time.Time) (first []string, n int64, failed *rules.Error, err error) {
	ids, err := selected(ctx, s.Store, ws, selection, previewTimeout)
	if err != nil {
		return nil, 0, nil, err
	}
	slices.Sort(ids)
	err = judgeAll(ctx, s.Store, ws, r, ids, at, func(v verdict) error {
		switch {
		case v.err != nil && failed == nil:
			errors.As(v.err, &failed)
		case v.err == nil && v.held:
			if n++; len(first) < sampleSize {
				first = append(first, v.customer)
			}
		}
		return nil
	})
	return first, n, failed, err
}

// verdict is what a rule says about a customer.
type verdict struct {
	customer string
	held     bool
	until    time.Time
	err      error
}

// judgeAll evaluates a rule for customers, page by page.
func judgeAll(ctx context.Context, st *store.Store, ws int64, r *rules.Rule, ids []string, at time.Time, each func(verdict) error) error {
	needs := r.Needs()
	for len(ids) > 0 {
		some := ids[:min(judgePage, len(ids))]
		ids = ids[len(some):]
		var facts map[string]rules.Facts
		err := st.In(ctx, ws, func(tx *store.Tx) error {
			var err error
			facts, err = tx.Facts(ctx, some, needs, at)
			return err
		})
		if err != nil {
			return err
		}
		for _, id := range some {
			f, known := facts[id]
			if !known {
				continue
			}
			held, until, err := r.Watch(rules.Env{Facts: f, Now: at})
			if err := each(verdict{id, held, until, err}); err != nil {
				return err
			}
		}
	}
	return nil
}

// sample gives customers as members in the making.
func (s *Service) sample(ctx context.Context, ws int64, ids []string) ([]store.Member, error) {
	var found map[string]audience.Customer
	err := s.Store.In(ctx, ws, func(tx *store.Tx) error {
		var err error
		found, err = tx.Customers(ctx, ids)
		return err
	})
	if err != nil {
		return nil, err
	}
	list := make([]store.Member, 0, len(ids))
	for _, id := range ids {
		if c, ok := found[id]; ok {
			list = append(list, store.Member{CustomerID: c.ID, ExternalID: c.ExternalID, Email: c.Email, Phone: c.Phone, Name: c.Name})
		}
	}
	return list, nil
}
