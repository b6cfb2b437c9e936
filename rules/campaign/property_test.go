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

// author writes random campaigns. Lengths of time stand in them as @0@, @1@ …, so that there can be other versions that
// differ in nothing else.
type author struct {
	t       *rapid.T
	next    int
	lengths int
}

func (a *author) id(kind string) string {
	a.next++
	return fmt.Sprintf("%s%d", kind, a.next)
}

func (a *author) hours() string {
	a.lengths++
	return fmt.Sprintf("@%d@", a.lengths-1)
}

func (a *author) one(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(a.t, label)
}

// steps writes a list, given the results and message steps that come before it.
func (a *author) steps(depth int, results, sent []string) string {
	results, sent = slices.Clone(results), slices.Clone(sent)
	var list []string
	for range rapid.IntRange(1, 5).Draw(a.t, "steps") {
		kinds := []string{"email", "sms", "wait", "until", "wait_for", "rule", "quiet", "update", "decide", "webhook", "journey", "work"}
		if depth > 0 {
			kinds = append(kinds, "branch", "branch", "split", "repeat")
		}
		kind := a.one("kind", kinds...)
		switch kind {
		case "email", "sms":
			id := a.id("m")
			list = append(list, fmt.Sprintf(`{%s: {id: %s, template: t}}`, kind, id))
			sent = append(sent, id)
			continue
		case "branch":
			list = append(list, a.branch(depth, results, sent))
			continue
		case "split":
			list = append(list, a.split(depth, results, sent))
			continue
		case "repeat":
			list = append(list, a.repeat(depth, results, sent))
			continue
		}
		id, step := a.simple(kind, results, sent)
		list = append(list, step)
		if id != "" {
			results = append(results, id)
		}
	}
	if rapid.IntRange(0, 5).Draw(a.t, "exit") == 0 {
		list = append(list, fmt.Sprintf(`{exit: {id: %s, reason: done}}`, a.id("e")))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// simple writes a step without others in it. It gives the id of one that has a result.
func (a *author) simple(kind string, results, sent []string) (result, step string) {
	switch kind {
	case "wait":
		return "", fmt.Sprintf(`{wait: {id: %s, for: %s}}`, a.id("p"), a.hours())
	case "until":
		result = a.id("p")
		until := a.one("until", `'"2026-01-10T12:00:00Z"'`, "customer.day", "customer.tags", "now") + ", if_past: " + a.one("past", "go", "skip", "exit")
		if rapid.Bool().Draw(a.t, "clock") {
			until = a.one("at", `"09:00", weekday: mon-wed`, `"23:30"`) + ", zone: " + a.one("zone", "customer", "workspace", "Asia/Tokyo")
		}
		return result, fmt.Sprintf(`{wait: {id: %s, until: %s}}`, result, until)
	case "wait_for":
		result = a.id("w")
		return result, fmt.Sprintf(`{wait_for: {id: %s, event: %s, timeout: %s}}`, result, a.one("event", "x", "y"), a.hours())
	case "rule":
		result = a.id("w")
		return result, fmt.Sprintf(`{wait_for: {id: %s, rule: '%s', timeout: %s}}`, result, a.condition(results, sent), a.hours())
	case "quiet":
		result = a.id("w")
		return result, fmt.Sprintf(`{wait_for: {id: %s, event: %s, quiet: 30m, timeout: %s}}`, result, a.one("event", "x", "y", "e"), a.hours())
	case "decide":
		result = a.id("d")
		return result, fmt.Sprintf(`{decide: {id: %s, first: [{when: '%s', value: {n: one}}, {else: two}]}}`, result, a.condition(results, sent))
	case "webhook":
		result = a.id("h")
		return result, fmt.Sprintf(`{webhook: {id: %s, url: "https://a.example", body: {n: entry.n}, wait: true, timeout: %s}}`, result, a.hours())
	case "journey":
		result = a.id("j")
		return result, fmt.Sprintf(`{journey: {id: %s, campaign: other, wait: true, timeout: %s}}`, result, a.hours())
	case "work":
		return "", fmt.Sprintf(a.one("work", `{task: {id: %s, title: t}}`, `{note: {id: %s, text: t}}`, `{call: {id: %s, title: t}}`,
			`{coupon: {id: %s, pool: p}}`, `{owner: {id: %s, to: {user: a@example.com}, replace: true}}`), a.id("k"))
	}
	return "", fmt.Sprintf(`{update: {id: %s, set: {n: '(customer.n ?? 0) + 1'}, add: {odd: 1}, add_tags: [%s]}}`, a.id("u"), a.id("tag"))
}

func (a *author) condition(results, sent []string) string {
	conditions := []string{`customer.n > 1`, `now.hour < 12`, `customer.tags contains "tag3"`, `entry.n == 2`, `customer.odd and true`}
	for _, id := range results {
		conditions = append(conditions, id+".happened", id+".n == 1")
	}
	for _, id := range sent {
		conditions = append(conditions, fmt.Sprintf(`sent("%s").status == "planned"`, id))
	}
	return a.one("when", conditions...)
}

func (a *author) split(depth int, results, sent []string) string {
	arm := func() string { return a.steps(depth-1, results, sent) }
	if rapid.Bool().Draw(a.t, "winner") {
		return fmt.Sprintf(`{split: {id: %s, arms: {a: {share: 30%%, steps: %s}, b: {share: 30%%, steps: %s}, winner: rest}, by: clicks, after: %s}}`,
			a.id("s"), arm(), arm(), a.hours())
	}
	return fmt.Sprintf(`{split: {id: %s, arms: {a: {share: 50%%, steps: %s}, b: rest}}}`, a.id("s"), arm())
}

// repeat writes a repeat that waits first, so that there is a wait on every way through it.
func (a *author) repeat(depth int, results, sent []string) string {
	while := ""
	if rapid.Bool().Draw(a.t, "while") {
		while = fmt.Sprintf(`while: '%s', `, a.condition(results, sent))
	}
	id, wait := a.simple(a.one("first", "wait", "until", "wait_for", "rule", "quiet"), results, sent)
	if id != "" {
		results = append(slices.Clone(results), id)
	}
	return fmt.Sprintf(`{repeat: {id: %s, %smax: %d, steps: [%s, %s}}`, a.id("r"), while, rapid.IntRange(1, 4).Draw(a.t, "max"),
		wait, a.steps(depth-1, results, sent)[1:])
}

func (a *author) branch(depth int, results, sent []string) string {
	var arms []string
	for range rapid.IntRange(1, 2).Draw(a.t, "arms") {
		arms = append(arms, fmt.Sprintf(`{when: '%s', steps: %s}`, a.condition(results, sent), a.steps(depth-1, results, sent)))
	}
	if rapid.Bool().Draw(a.t, "else") {
		arms = append(arms, fmt.Sprintf(`{else: %s}`, a.steps(depth-1, results, sent)))
	}
	return fmt.Sprintf(`{branch: {id: %s, arms: [%s]}}`, a.id("b"), strings.Join(arms, ", "))
}

// drawSource writes a campaign with some of its lengths of time open; version fills them.
func drawSource(t *rapid.T, leave bool) (src string, lengths int) {
	a := &author{t: t}
	exits := ""
	if leave {
		exits = `exit: ['customer.n > 3', {event: lost, when: 'event.n == 1'}], goal: {event: won, within: 5d}, `
	}
	src = "{campaign: c, trigger: {event: e}, transactional: true, " + exits + "steps: " + a.steps(2, nil, nil) + "}"
	return src, a.lengths
}

func version(t *rapid.T, src string, lengths int) *campaign.Definition {
	hours := rapid.SliceOfN(rapid.IntRange(1, 48), lengths, lengths).Draw(t, "hours")
	for i, h := range hours {
		src = strings.Replace(src, fmt.Sprintf("@%d@", i), fmt.Sprintf("%dh", h), 1)
	}
	d, err := campaign.Parse([]byte(src))
	require.NoError(t, err, src)
	return d
}

func drawCampaign(t *rapid.T, leave bool) *campaign.Definition {
	src, lengths := drawSource(t, leave)
	return version(t, src, lengths)
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
	winners := map[string]campaign.Winner{}
	for _, rest := range d.Rests() {
		if rest.Kind == "split" {
			winners[rest.Step] = campaign.Winner{Arm: "b", Reason: "it did best"}
		}
	}
	return &world{t: t, d: d, j: j, facts: campaign.Facts{
		Facts: rules.Facts{Customer: audience.Customer{
			ID: "customer", Timezone: "America/New_York", Attributes: map[string]any{"odd": "text", "day": "2026-01-12"},
		}},
		Sent: map[string]audience.Delivery{}, Zone: "Europe/Kyiv", Winners: winners,
	}}
}

// iterations gives each effect that must be carried out once only, by step and iteration.
func iterations(effects []campaign.Effect) []string {
	var keys []string
	add := func(step string, iteration int) { keys = append(keys, fmt.Sprintf("%s/%d", step, iteration)) }
	for _, e := range effects {
		switch e := e.(type) {
		case campaign.PlanEmail:
			add(e.Step, e.Iteration)
		case campaign.PlanSMS:
			add(e.Step, e.Iteration)
		case campaign.PlanCall:
			add(e.Step, e.Iteration)
		case campaign.PlanWebhook:
			add(e.Step, e.Iteration)
		case campaign.CreateTask:
			add(e.Step, e.Iteration)
		case campaign.WriteNote:
			add(e.Step, e.Iteration)
		case campaign.AssignOwner:
			add(e.Step, e.Iteration)
		case campaign.IssueCoupon:
			add(e.Step, e.Iteration)
		case campaign.StartJourney:
			add(e.Step, e.Iteration)
		case campaign.UpdateCustomer, campaign.RecordDecision:
		}
	}
	return keys
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
	for _, update := range of[campaign.UpdateCustomer](effects) {
		w.facts.Customer = campaign.Applied(w.facts.Customer, update)
	}
	for _, key := range iterations(effects) {
		require.NotContains(w.t, w.planned, key, "planned once")
		w.planned = append(w.planned, key)
	}
	for _, id := range plans(effects) {
		w.facts.Sent[id] = audience.Delivery{Status: audience.Planned, At: now}
	}
	w.facts.Inbox = nil
	unmoved, none := campaign.Advance(w.d, w.j, w.facts, now)
	if len(none) == 1 && len(decisions(none, campaign.DecisionExit)) == 1 {
		return // what the journey itself changed on the record makes it leave, at the next look
	}
	require.Empty(w.t, none, "nothing is left to do")
	require.Equal(w.t, w.j, unmoved)
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

// TestAdvanceMoved: versions that differ in their times plan nothing twice, however often the journey moves between them,
// and it ends in every one of them.
func TestAdvanceMoved(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		src, lengths := drawSource(t, false)
		versions := []*campaign.Definition{version(t, src, lengths), version(t, src, lengths), version(t, src, lengths)}
		w := newWorld(t, versions[0])
		for _, e := range drawEvents(t) {
			w.wake(e.OccurredAt)
			if w.j.Status != campaign.Active {
				break
			}
			w.d = versions[rapid.IntRange(0, len(versions)-1).Draw(t, "version")]
			moved, ok, why := campaign.Carry(w.d, w.j, nil, e.OccurredAt)
			require.True(t, ok, why)
			require.Equal(t, e.OccurredAt, moved.DueAt)
			w.j = moved
			w.advance(e.OccurredAt, e)
		}
		w.wake(t0.Add(4000 * day))
		require.NotEqual(t, campaign.Active, w.j.Status)
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
