package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"dotyk/activities/store"
	"dotyk/rules"
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
		err := a.Store.In(ctx, in.Workspace, func(tx *store.Tx) error {
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

func (a *Activities) advance(ctx context.Context, tx *store.Tx, out *store.Advanced, due []store.DueJourney) error {
	v, err := a.versions.get(ctx, tx, out.State.CampaignID, out.State.Version)
	if err != nil {
		return err
	}
	f, sent, err := a.journeyFacts(ctx, tx, v.Definition.Needs(), due, out.Now)
	if err != nil {
		return err
	}
	topic := v.Definition.Topic
	if v.Definition.Transactional {
		topic = ""
	}
	for i := range due {
		d := &due[i]
		facts := f[d.Customer.ID]
		facts.Customer = d.Customer // as it was when the journey was locked
		moved, effects := campaign.Advance(v.Definition, d.Journey, campaign.Facts{
			Facts: facts, Inbox: d.Inbox, Sent: sent[d.ID],
		}, out.Now)
		d.Journey = moved
		collect(out, d, topic, effects)
	}
	out.Journeys = due
	return nil
}

func (a *Activities) journeyFacts(ctx context.Context, tx *store.Tx, needs rules.Needs, due []store.DueJourney, now time.Time) (factsByCustomer, map[string]map[string]audience.Delivery, error) {
	customers := map[string]bool{}
	journeys := make([]string, len(due))
	for i := range due {
		customers[due[i].Customer.ID] = true
		journeys[i] = due[i].ID
	}
	f, err := tx.Facts(ctx, keys(customers), needs, now)
	if err != nil || !needs.Sent {
		return f, nil, err
	}
	sent, err := tx.Sent(ctx, journeys)
	return f, sent, err
}

// collect turns the effects of one journey into what the store writes.
func collect(out *store.Advanced, d *store.DueJourney, topic string, effects []campaign.Effect) {
	message := func(channel audience.Channel, step string, iteration int, reason string) {
		out.Messages = append(out.Messages, store.PlannedMessage{
			JourneyID: d.ID, CustomerID: d.Customer.ID, Channel: channel, Step: step, Iteration: iteration, Topic: topic,
			Reason: reason,
		})
	}
	for _, effect := range effects {
		switch e := effect.(type) {
		case campaign.PlanEmail:
			message(audience.Email, e.Step, e.Iteration, e.Reason)
		case campaign.PlanSMS:
			message(audience.SMS, e.Step, e.Iteration, e.Reason)
		case campaign.UpdateCustomer:
			out.Updates = append(out.Updates, update(d.Customer.ID, e))
		case campaign.RecordDecision:
			out.Decisions = append(out.Decisions, store.Decision{
				CustomerID: d.Customer.ID, CampaignID: out.State.CampaignID, Version: out.State.Version, JourneyID: d.ID,
				EventID: e.EventID, Step: e.Step, Kind: e.Kind, Outcome: e.Outcome, Rule: e.Rule, Reason: e.Reason,
				Values: e.Values, At: out.Now,
			})
		}
	}
}

// update turns an update step's effect into a change of the record. Fields of the record that are text take text
// only; the check of a campaign refuses to set e-mail, phone and ids.
func update(customer string, e campaign.UpdateCustomer) store.CustomerUpdate {
	u := store.CustomerUpdate{CustomerID: customer}
	u.Profile.AddTags, u.Profile.RemoveTags = e.AddTags, e.RemoveTags
	fields := map[string]**string{
		"name": &u.Profile.Name, "stage": &u.Profile.Stage, "locale": &u.Profile.Locale, "timezone": &u.Profile.Timezone,
	}
	for name, value := range e.Set {
		field, builtin := fields[name]
		if !builtin {
			if u.Profile.Attributes == nil {
				u.Profile.Attributes = map[string]any{}
			}
			u.Profile.Attributes[name] = value
			continue
		}
		text := ""
		if value != nil {
			text = fmt.Sprint(value)
		}
		*field = &text
	}
	return u
}
