package campaign_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// author writes random campaigns.
type author struct {
	t    *rapid.T
	next int
}

func (a *author) id(kind string) string {
	a.next++
	return fmt.Sprintf("%s%d", kind, a.next)
}

func (a *author) hours(label string) string {
	return fmt.Sprintf("%dh", rapid.IntRange(1, 48).Draw(a.t, label))
}

// steps writes a list, given the wait_for and message steps that come before it.
func (a *author) steps(depth int, results, sent []string) string {
	results, sent = slices.Clone(results), slices.Clone(sent)
	var list []string
	for range rapid.IntRange(1, 5).Draw(a.t, "steps") {
		kinds := []string{"email", "sms", "wait", "wait_for", "update"}
		if depth > 0 {
			kinds = append(kinds, "branch", "branch")
		}
		switch kind := rapid.SampledFrom(kinds).Draw(a.t, "kind"); kind {
		case "email", "sms":
			id := a.id("m")
			list = append(list, fmt.Sprintf(`{%s: {id: %s, template: t}}`, kind, id))
			sent = append(sent, id)
		case "wait":
			list = append(list, fmt.Sprintf(`{wait: {id: %s, for: %s}}`, a.id("p"), a.hours("wait")))
		case "wait_for":
			id := a.id("w")
			list = append(list, fmt.Sprintf(`{wait_for: {id: %s, event: %s, timeout: %s}}`, id,
				rapid.SampledFrom([]string{"x", "y"}).Draw(a.t, "event"), a.hours("timeout")))
			results = append(results, id)
		case "update":
			list = append(list, fmt.Sprintf(`{update: {id: %s, set: {n: '(customer.n ?? 0) + 1'}, add_tags: [%s]}}`, a.id("u"), a.id("tag")))
		case "branch":
			list = append(list, a.branch(depth, results, sent))
		}
	}
	if rapid.IntRange(0, 5).Draw(a.t, "exit") == 0 {
		list = append(list, fmt.Sprintf(`{exit: {id: %s, reason: done}}`, a.id("e")))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

func (a *author) branch(depth int, results, sent []string) string {
	var arms []string
	for range rapid.IntRange(1, 2).Draw(a.t, "arms") {
		conditions := []string{`customer.n > 1`, `now.hour < 12`, `customer.tags contains "tag3"`, `entry.n == 2`, `customer.odd and true`}
		for _, id := range results {
			conditions = append(conditions, id+".happened", id+".n == 1")
		}
		for _, id := range sent {
			conditions = append(conditions, fmt.Sprintf(`sent("%s").status == "planned"`, id))
		}
		arms = append(arms, fmt.Sprintf(`{when: '%s', steps: %s}`,
			rapid.SampledFrom(conditions).Draw(a.t, "when"), a.steps(depth-1, results, sent)))
	}
	if rapid.Bool().Draw(a.t, "else") {
		arms = append(arms, fmt.Sprintf(`{else: %s}`, a.steps(depth-1, results, sent)))
	}
	return fmt.Sprintf(`{branch: {id: %s, arms: [%s]}}`, a.id("b"), strings.Join(arms, ", "))
}

func drawCampaign(t *rapid.T, leave bool) *campaign.Definition {
	a := &author{t: t}
	exits := ""
	if leave {
		exits = `exit: ['customer.n > 3', {event: lost, when: 'event.n == 1'}], goal: {event: won, within: 5d}, `
	}
	src := "{campaign: c, trigger: {event: e}, transactional: true, " + exits + "steps: " + a.steps(2, nil, nil) + "}"
	d, err := campaign.Parse([]byte(src))
	require.NoError(t, err, src)
	return d
}

func drawEvents(t *rapid.T) []audience.Event {
	minutes := rapid.SliceOfNDistinct(rapid.IntRange(1, 14*24*60), 0, 12, rapid.ID[int]).Draw(t, "minutes")
	slices.Sort(minutes)
	events := make([]audience.Event, len(minutes))
	for i, minute := range minutes {
		name := rapid.SampledFrom([]string{"x", "y", "lost", "won"}).Draw(t, "name")
		events[i] = event(name, t0.Add(time.Duration(minute)*time.Minute), map[string]any{"n": float64(rapid.IntRange(1, 2).Draw(t, "n"))})
	}
	return events
}

// world plays the store and the workflow for one journey.
type world struct {
	t       *rapid.T
	d       *campaign.Definition
	j       campaign.Journey
	facts   campaign.Facts
	planned []string
	log     []campaign.Effect
}

func newWorld(t *rapid.T, d *campaign.Definition) *world {
	j := campaign.Start(d, "j", "", map[string]any{"n": 2.0}, t0)
	return &world{t: t, d: d, j: j, facts: campaign.Facts{
		Facts: rules.Facts{Customer: audience.Customer{Attributes: map[string]any{"odd": "text"}}},
		Sent:  map[string]audience.Delivery{},
	}}
}

// advance calls Advance twice, to see that nothing but its input matters, and keeps the journey as the store does.
func (w *world) advance(now time.Time, inbox ...audience.Event) {
	w.facts.Inbox = inbox
	before, err := json.Marshal([]any{w.j, w.facts})
	require.NoError(w.t, err)
	j, effects := campaign.Advance(w.d, w.j, w.facts, now)
	again, same := campaign.Advance(w.d, w.j, w.facts, now)
	require.Equal(w.t, j, again)
	require.Equal(w.t, effects, same)
	after, err := json.Marshal([]any{w.j, w.facts})
	require.NoError(w.t, err)
	require.JSONEq(w.t, string(before), string(after), "the input is left alone")

	encoded, err := json.Marshal(j.Position)
	require.NoError(w.t, err)
	position := j.Position
	j.Position = campaign.Position{}
	require.NoError(w.t, json.Unmarshal(encoded, &j.Position))
	require.Equal(w.t, position, j.Position)
	if j.Status == campaign.Active {
		require.True(w.t, j.DueAt.After(now), "everything due is done")
	} else {
		require.True(w.t, j.DueAt.IsZero() && j.ListensTo == nil && j.ExitReason != "")
	}
	w.j, w.log = j, append(w.log, effects...)
	for _, e := range effects {
		if update, ok := e.(campaign.UpdateCustomer); ok {
			w.facts.Customer = campaign.Applied(w.facts.Customer, update)
		}
	}
	for _, id := range plans(effects) {
		require.NotContains(w.t, w.planned, id, "planned once")
		w.planned = append(w.planned, id)
		w.facts.Sent[id] = audience.Delivery{Status: audience.Planned, At: now}
	}
}

// wake advances at every due time before an instant.
func (w *world) wake(until time.Time) {
	for w.j.Status == campaign.Active && w.j.DueAt.Before(until) {
		w.advance(w.j.DueAt)
	}
}

// TestAdvanceOftenOrRarely: further calls at any instants change nothing.
func TestAdvanceOftenOrRarely(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, events := drawCampaign(t, true), drawEvents(t)
		rarely, often := newWorld(t, d), newWorld(t, d)
		extra := rapid.SliceOfN(rapid.IntRange(0, 15*24*60), 0, 30).Draw(t, "extra")
		slices.Sort(extra)
		for _, e := range append(events, event("end", t0.Add(400*day), nil)) {
			rarely.wake(e.OccurredAt)
			rarely.advanceIfActive(e)
			for len(extra) > 0 && t0.Add(time.Duration(extra[0])*time.Minute).Before(e.OccurredAt) {
				at := t0.Add(time.Duration(extra[0]) * time.Minute)
				often.wake(at)
				often.advance(at)
				extra = extra[1:]
			}
			often.wake(e.OccurredAt)
			often.advanceIfActive(e)
		}
		require.NotEqual(t, campaign.Active, rarely.j.Status)
		require.Equal(t, rarely.planned, often.planned)
		require.Equal(t, rarely.j, often.j)
	})
}

func (w *world) advanceIfActive(e audience.Event) {
	if w.j.Status == campaign.Active {
		w.advance(e.OccurredAt, e)
	}
}

// TestAdvanceLate: as long as nobody leaves early, wake-ups that come too late, or only with the next event, lose and
// double nothing, and every message is the one that would have been sent in time.
func TestAdvanceLate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, events := drawCampaign(t, false), drawEvents(t)
		punctual, late := newWorld(t, d), newWorld(t, d)
		for _, e := range append(events, event("end", t0.Add(400*day), nil)) {
			punctual.wake(e.OccurredAt)
			punctual.advanceIfActive(e)
			late.advanceIfActive(e)
		}
		require.Equal(t, punctual.planned, late.planned)
		require.Equal(t, punctual.j, late.j)
		require.Equal(t, punctual.log, late.log)
	})
}

// TestCanonicalRoundTrip: the canonical form of any campaign reads back as the same campaign.
func TestCanonicalRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := drawCampaign(t, true)
		canonical, err := d.Canonical()
		require.NoError(t, err)
		again, err := campaign.Decode(canonical)
		require.NoError(t, err)
		require.Equal(t, d.Hash(), again.Hash())
		require.Len(t, again.Messages(), len(d.Messages()))
	})
}
