package simulation

import (
	"context"
	"maps"
	"slices"
	"time"

	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
)

// subjects makes of a page of customers what is played: how each was at the beginning, and what happened to her.
func (p *player) subjects(ctx context.Context, page []store.PastCustomer) ([]rehearsal.Subject, error) {
	b := builder{player: p, byID: make(map[string]*rehearsal.Subject, len(page))}
	var ids []string
	var customers []audience.Customer
	list := make([]rehearsal.Subject, 0, len(page))
	for i := range page {
		if c := &page[i]; c.Since.Before(p.To) {
			list = append(list, rehearsal.Subject{Customer: rehearsal.Customer{Customer: c.Customer}, Since: c.Since})
			ids, customers = append(ids, c.ID), append(customers, c.Customer)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	for i := range list {
		b.byID[list[i].ID] = &list[i]
	}
	// Journeys come with the past, which knows more about them.
	needs := p.wants.Needs
	needs.Consents, needs.Segments, needs.Journeys = true, p.segments.history, nil
	facts, err := p.tx.Facts(ctx, ids, needs, p.From.Add(-time.Microsecond))
	if err != nil {
		return nil, err
	}
	past, err := p.tx.Past(ctx, store.PastQuery{
		Customers: customers, From: p.From, To: p.To, Events: p.wants.Events, Campaign: p.Draft.Name,
		Segments: p.segments.history, Messages: p.policy.Window(),
	})
	if err != nil {
		return nil, err
	}
	for id, f := range facts {
		b.before(b.byID[id], f)
	}
	b.inputs(past)
	b.messages(past)
	b.journeys(past)
	return list, nil
}

// builder puts what was read to the customers whom it concerns.
type builder struct {
	*player
	byID map[string]*rehearsal.Subject
}

// before fills in how somebody was at the beginning.
func (b *builder) before(s *rehearsal.Subject, f rules.Facts) {
	s.Consents, s.Touches, s.Scores = f.Consents, f.Touches, f.Scores
	s.Suppressed, s.Journeys = map[audience.Channel]string{}, map[string][]campaign.Past{}
	for _, list := range f.History {
		s.History = append(s.History, list...)
	}
	slices.SortStableFunc(s.History, func(x, y audience.Event) int { return x.OccurredAt.Compare(y.OccurredAt) })
	s.Lists = slices.Sorted(maps.Keys(f.Segments))
}

// inputs lists what happened. Of what has one moment, what a customer said and what she belongs to come before what she
// did, as the engine takes them.
func (b *builder) inputs(past *store.Past) {
	add := func(customer string, at time.Time, in rehearsal.Input) {
		s := b.byID[customer]
		s.Inputs = append(s.Inputs, rehearsal.PastInput{At: at, Input: in})
	}
	for _, c := range past.Consents {
		add(c.CustomerID, c.OccurredAt, rehearsal.Consent{
			Channel: c.Channel, Topic: c.Topic, Action: c.Action, Method: c.Method,
		})
	}
	for _, s := range past.Suppressions {
		if s.From.Before(b.From) {
			b.byID[s.CustomerID].Suppressed[s.Channel] = s.Reason
		} else {
			add(s.CustomerID, s.From, rehearsal.Suppression{Channel: s.Channel, Reason: s.Reason})
		}
		if !s.To.IsZero() && s.To.Before(b.To) {
			add(s.CustomerID, s.To, rehearsal.Suppression{Channel: s.Channel})
		}
	}
	for _, m := range past.Segments {
		add(m.CustomerID, m.At, rehearsal.ListChange{List: m.Segment, Remove: !m.Joined, Untold: !m.Told})
	}
	for _, e := range past.Events {
		add(e.CustomerID, e.OccurredAt, rehearsal.Event{Name: e.Name, Properties: e.Properties, ID: e.ID})
	}
	for _, e := range past.Requests {
		data, _ := e.Properties["data"].(map[string]any)
		add(e.CustomerID, e.OccurredAt, rehearsal.Ask{Campaign: b.Draft.Name, Data: data})
	}
	for _, s := range b.byID {
		slices.SortStableFunc(s.Inputs, func(x, y rehearsal.PastInput) int { return x.At.Compare(y.At) })
	}
}

// messages tells what was really sent: before the beginning by all campaigns, later by the others.
func (b *builder) messages(past *store.Past) {
	for _, m := range past.Messages {
		s := b.byID[m.CustomerID]
		switch {
		case m.At.Before(b.From):
			s.Received = append(s.Received, m.Message)
		case m.Campaign != b.Draft.Name:
			s.Elsewhere = append(s.Elsewhere, m.Message)
		}
	}
}

func (b *builder) journeys(past *store.Past) {
	for _, j := range past.Journeys {
		s := b.byID[j.CustomerID]
		if j.EnteredAt.Before(b.From) && (j.Campaign == b.Draft.Name || slices.Contains(b.wants.Journeys, j.Campaign)) {
			s.Journeys[j.Campaign] = append(s.Journeys[j.Campaign], j.Past)
		}
		if j.Campaign != b.Draft.Name && j.Status != campaign.HeldOut && (j.EndedAt.IsZero() || j.EndedAt.After(b.From)) {
			s.Stays = append(s.Stays, rehearsal.Stay{Campaign: j.Campaign, From: j.EnteredAt, To: j.EndedAt})
		}
	}
}
