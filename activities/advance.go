package activities

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"dotyk/activities/store"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// AdvanceInput names a cohort and the moment.
type AdvanceInput struct {
	Workspace int64
	Cohort    string
	Now       time.Time // the workflow's clock, so that a timer that fired is never early
}

// AdvanceResult is what the cohort waits for next.
type AdvanceResult struct {
	Due      time.Time          // when to look again; zero when only an event can move it
	Active   int                // journeys under way
	Channels []audience.Channel // with messages to send
}

// ErrorNoCohort is the type of the error that ends a workflow whose cohort does not exist.
const ErrorNoCohort = "NoCohort"

// advanceBatch is how many journeys move in one transaction.
const advanceBatch = 1000

// Advance moves every journey of a cohort that is due or that an event concerns, as far as it can go at once. In one
// transaction per batch it commits positions, decisions, updates of customers and planned messages.
func (a *Activities) Advance(ctx context.Context, in AdvanceInput) (AdvanceResult, error) {
	for {
		var next store.CohortNext
		moved := 0
		err := a.Store.OnKnownPlans(ctx, in.Workspace, func(tx *store.Tx) error {
			state, due, err := tx.LoadDue(ctx, in.Cohort, in.Now, advanceBatch)
			if err != nil {
				return err
			}
			moved = len(due)
			out := store.Advanced{Cohort: in.Cohort, State: state, Now: in.Now}
			switch {
			case state.Paused:
				moved = 0 // everything waits; resuming wakes the workflow
			case len(due) > 0:
				if err := a.advance(ctx, tx, &out, due); err != nil {
					return err
				}
			}
			if next, err = tx.WriteAdvanced(ctx, out); err != nil {
				return err
			}
			if state.Paused {
				next.Due, next.Channels = time.Time{}, nil
			}
			return nil
		})
		if store.IsNotFound(err) {
			return AdvanceResult{}, temporal.NewNonRetryableApplicationError(err.Error(), ErrorNoCohort, err)
		}
		if err != nil {
			return AdvanceResult{}, fmt.Errorf("advance cohort: %w", err)
		}
		if moved < advanceBatch {
			return AdvanceResult{Due: next.Due, Active: next.Active, Channels: next.Channels}, nil
		}
		activity.RecordHeartbeat(ctx)
	}
}

// advance moves journeys, those of each version by that version's rules.
func (a *Activities) advance(ctx context.Context, tx *store.Tx, out *store.Advanced, due []store.DueJourney) error {
	byVersion := map[int][]*store.DueJourney{}
	for i := range due {
		byVersion[due[i].Version] = append(byVersion[due[i].Version], &due[i])
	}
	c := &carrying{Activities: a, tx: tx, out: out}
	for _, number := range slices.Sorted(maps.Keys(byVersion)) {
		v, err := a.versions.get(ctx, tx, out.State.CampaignID, number)
		if err != nil {
			return err
		}
		if err := a.advanceVersion(ctx, c, v, byVersion[number]); err != nil {
			return err
		}
	}
	out.Journeys = due
	return c.carryOut(ctx)
}

func (a *Activities) advanceVersion(ctx context.Context, c *carrying, v *version, due []*store.DueJourney) error {
	f, err := a.journeyFacts(ctx, c.tx, v, due, c.out.Now)
	if err != nil {
		return err
	}
	experiments, err := openExperiments(ctx, c.tx, v, due, c.out.Now)
	if err != nil {
		return err
	}
	for _, d := range due {
		facts := f.byCustomer[d.Customer.ID]
		facts.Customer = d.Customer // as it was when the journey was locked
		moved, effects := campaign.Advance(v.Definition, d.Journey, campaign.Facts{
			Facts: facts, Inbox: d.Inbox, Sent: f.sent[d.ID], Zone: c.out.State.Zone, Coupons: f.coupons[d.ID],
			Winners: experiments.winners,
		}, c.out.Now)
		d.Journey = moved
		for _, e := range effects {
			c.pending = append(c.pending, pending{d: d, v: v, effect: e, coupons: f.coupons[d.ID]})
		}
		experiments.note(d, effects)
	}
	return experiments.end(ctx, due)
}

// journeysFacts is what is known about some journeys and their customers.
type journeysFacts struct {
	byCustomer factsByCustomer
	sent       map[string]map[string]audience.Delivery // by journey and step
	coupons    map[string]map[string]campaign.Coupon   // by journey and step
}

func (a *Activities) journeyFacts(ctx context.Context, tx *store.Tx, v *version, due []*store.DueJourney, now time.Time) (journeysFacts, error) {
	customers := map[string]bool{}
	journeys := make([]string, len(due))
	for i, d := range due {
		customers[d.Customer.ID] = true
		journeys[i] = d.ID
	}
	needs := v.Definition.Needs()
	var f journeysFacts
	var err error
	if f.byCustomer, err = tx.Facts(ctx, keys(customers), needs, now); err != nil {
		return f, err
	}
	if needs.Sent {
		if f.sent, err = tx.Sent(ctx, journeys); err != nil {
			return f, err
		}
	}
	if v.coupons {
		f.coupons, err = tx.Coupons(ctx, journeys)
	}
	return f, err
}
