package rehearsal

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// Render gives what a person would read of an entry: the subject and text of a message, the title of a task. Text
// expectations need it.
type Render func(Entry) (string, error)

// Result is what came of a scenario.
type Result struct {
	Log         []Entry
	Differences []Difference // by time; none if all is as expected
}

// Play plays a scenario with its campaigns. An error says that it cannot be played; what is not as expected is in the
// result. Render may be nil if nothing is expected of texts.
func (s *Scenario) Play(campaigns []*campaign.Definition, render Render) (*Result, error) {
	config := s.config(campaigns)
	config.Render = render
	w, err := New(config)
	if err != nil {
		return nil, fmt.Errorf("play scenario %s: %w", s.Name, err)
	}
	groups := map[string][]string{}
	for i := range s.Customers {
		p := &s.Customers[i]
		for _, c := range p.customers(s.Start.Time) {
			groups[p.ID] = append(groups[p.ID], c.ID)
			if err := w.AddCustomer(c); err != nil {
				return nil, fmt.Errorf("play scenario %s: %w", s.Name, err)
			}
		}
	}
	if err := s.play(w, groups); err != nil {
		return nil, fmt.Errorf("play scenario %s: %w", s.Name, err)
	}
	c := checker{scenario: s, log: w.Log(), groups: groups, render: render}
	differences, err := c.check()
	if err != nil {
		return nil, fmt.Errorf("compare scenario %s: %w", s.Name, err)
	}
	return &Result{Log: w.Log(), Differences: differences}, nil
}

func (s *Scenario) config(campaigns []*campaign.Definition) Config {
	topics := map[string]audience.TopicPolicy{}
	for name, policy := range s.Topics {
		topics[name] = audience.TopicPolicy(policy)
	}
	return Config{
		Start: s.Start.Time, Zone: s.Zone, Country: s.Country, Policy: s.Policy.Policy, Topics: topics, Campaigns: campaigns,
		Segments: s.Segments, Lists: s.Lists, Users: s.Users, Pools: s.Pools, Answer: func(r Request) Answer {
			given, ok := s.Webhooks[r.Step]
			if !ok {
				return Answer{Status: 200, Body: map[string]any{}}
			}
			return Answer{Status: given.Status, Body: value(given.Body), Error: given.Error, After: given.After.Duration}
		},
	}
}

// play lets everything happen. What happens only to those in an arm has to wait until it is known who they are.
func (s *Scenario) play(w *World, groups map[string][]string) error {
	for _, m := range s.Events {
		if len(m.Arm) == 0 {
			if err := happen(w, m, m.who(groups)); err != nil {
				return err
			}
		}
	}
	for _, m := range s.Events {
		if len(m.Arm) == 0 {
			continue
		}
		if err := w.RunUntil(m.At.Add(-time.Microsecond)); err != nil {
			return err
		}
		if err := happen(w, m, inArm(w.Log(), m, m.who(groups))); err != nil {
			return err
		}
	}
	return w.RunUntil(s.Until.Time)
}

// who are the customers to whom it happens.
func (m *Moved) who(groups map[string][]string) []string {
	if group := groups[m.Customer]; group != nil {
		return group
	}
	return []string{m.Customer}
}

// inArm gives those of some customers who went this way of a split.
func inArm(log []Entry, m Moved, who []string) []string {
	in := map[string]bool{}
	for split, arm := range m.Arm {
		for i := range log {
			if went := log[i].went(split); went != "" {
				in[log[i].Customer] = went == arm
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(who), func(id string) bool { return !in[id] })
}

func happen(w *World, m Moved, who []string) error {
	if m.Most > 0 && len(who) > m.Most {
		who = who[:m.Most]
	}
	for _, id := range who {
		for _, in := range m.inputs() {
			if err := w.Happen(m.At.Time, id, in); err != nil {
				return fmt.Errorf("line %d: %w", m.Line, err)
			}
		}
	}
	return nil
}

// inputs are the things that happen, in their order.
func (m *Moved) inputs() []Input {
	var all []Input
	if m.Update != nil {
		all = append(all, Update{m.Update})
	}
	for _, channel := range slices.Sorted(maps.Keys(m.Consent)) {
		all = append(all, Consent{channel, m.Consent[channel], audience.Granted, "form"})
	}
	for _, channel := range slices.Sorted(maps.Keys(m.Unsubscribe)) {
		all = append(all, Consent{channel, m.Unsubscribe[channel], audience.Withdrawn, "one_click"})
	}
	for _, channel := range slices.Sorted(maps.Keys(m.Suppress)) {
		all = append(all, Suppression{channel, m.Suppress[channel]})
	}
	if m.Join != "" {
		all = append(all, ListChange{List: m.Join})
	}
	if m.Leave != "" {
		all = append(all, ListChange{List: m.Leave, Remove: true})
	}
	if m.Event != "" {
		all = append(all, Event{Name: m.Event, Properties: m.Properties})
	}
	if m.Complete != "" {
		all = append(all, Completion{m.Complete, m.Outcome, m.Note, m.By})
	}
	if m.Click != "" {
		all = append(all, Response{Step: m.Click, URL: m.URL})
	}
	if m.Open != "" {
		all = append(all, Response{Step: m.Open, Opened: true})
	}
	if m.Request != "" {
		all = append(all, Ask{m.Request, m.Data})
	}
	return all
}

func (p *Person) number(text string, n int) string {
	return strings.ReplaceAll(text, numbered, strconv.Itoa(n))
}

// customers are those of a group, or the one.
func (p *Person) customers(start time.Time) []Customer {
	if p.Count == 0 {
		return []Customer{p.customer(p.ID, 0, start)}
	}
	all := make([]Customer, p.Count)
	for i := range all {
		all[i] = p.customer(p.number(p.ID, i+1), i+1, start)
	}
	return all
}

func (p *Person) customer(id string, n int, start time.Time) Customer {
	text := func(s string) string { return p.number(s, n) }
	attributes := maps.Clone(p.Attributes)
	for name, v := range attributes {
		if s, ok := v.(string); ok {
			attributes[name] = text(s)
		}
	}
	c := Customer{
		Customer: audience.Customer{
			ID: id, Kind: p.Kind, ExternalID: id, Email: text(p.Email), Phone: text(p.Phone), Name: text(p.Name),
			Locale: p.Locale, Timezone: p.Timezone, Stage: p.Stage, Tags: slices.Compact(slices.Sorted(slices.Values(p.Tags))),
			Attributes: attributes, CreatedAt: start, UpdatedAt: start,
		},
		Consents:   slices.Concat(said(p.Consents, audience.Granted, start), said(p.Refuses, audience.Withdrawn, start)),
		Suppressed: p.Suppressed, Lists: p.Lists, Scores: p.Scores,
	}
	for i, past := range p.History {
		c.History = append(c.History, audience.Event{
			ID: fmt.Sprintf("history-%s-%d", id, i+1), CustomerID: id, Type: "track", Name: past.Event,
			Properties: past.Properties, OccurredAt: past.At.Time, ReceivedAt: past.At.Time,
		})
	}
	slices.SortStableFunc(c.History, func(a, b audience.Event) int { return a.OccurredAt.Compare(b.OccurredAt) })
	for _, got := range p.Received {
		for range max(1, got.Times) {
			c.Received = append(c.Received, campaign.Message{
				ID: fmt.Sprintf("received-%s-%d", id, len(c.Received)+1), Channel: got.Channel, Topic: got.Topic, At: got.At.Time,
			})
		}
	}
	slices.SortStableFunc(c.Received, func(a, b campaign.Message) int { return a.At.Compare(b.At) })
	return c
}

// said are consents as they stood at the start.
func said(topics map[audience.Channel][]string, action audience.ConsentAction, start time.Time) []audience.Consent {
	var all []audience.Consent
	for _, channel := range slices.Sorted(maps.Keys(topics)) {
		for _, topic := range topics[channel] {
			all = append(all, audience.Consent{
				Channel: channel, Topic: topic, Action: action, OccurredAt: start, Method: "import",
			})
		}
	}
	return all
}
