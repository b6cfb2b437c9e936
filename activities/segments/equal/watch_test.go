package equal

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/rules"
)

// hasEvents tells whether a rule has any events of a customer to look at.
func hasEvents(f rules.Facts, needs rules.Needs) bool {
	for name, window := range needs.History {
		for _, e := range f.History[name] {
			if window == 0 || !e.OccurredAt.Before(now.Add(-window)) {
				return true
			}
		}
	}
	return false
}

// TestWatch proves what keeps memberships right without asking again: until the moment that Watch gives, time changes
// nothing.
func TestWatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 7)
	everything := rules.Needs{
		History: map[string]time.Duration{}, Segments: segmentNames, Journeys: campaignNames, Consents: true, Scores: true,
		Touches: []string{"welcome/hello"},
	}
	for _, name := range eventNames {
		everything.History[name] = 0
	}
	facts, err := w.load(t.Context(), everything)
	require.NoError(t, err)
	moving, changing := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		src := (&author{t: rt}).rule()
		r, err := rules.Compile(src, rules.Options{})
		if err != nil {
			rt.Skip("not a rule:", err)
		}
		eventsAlone := !r.Needs().OwnTimes
		ahead := rapid.IntRange(0, 1000).Draw(rt, "thousandths")
		for _, id := range w.ids {
			env := rules.Env{Facts: facts[id], Now: now}
			held, until, err := r.Watch(env)
			if err != nil {
				rt.Skip("beyond the budgets:", err)
			}
			last := now.Add(400 * day)
			if !until.IsZero() {
				require.False(rt, eventsAlone && !hasEvents(facts[id], r.Needs()), "%s: time can move somebody without events", src)
				moving++
				require.Greater(rt, until, now, "%s", src)
				require.True(rt, r.Needs().Clock || until.Sub(now) <= time.Hour, "%s: it said that time does not matter", src)
				last = until.Add(-time.Microsecond)
			}
			for _, at := range []time.Time{last, now.Add(last.Sub(now) / 1000 * time.Duration(ahead)).Truncate(time.Microsecond)} {
				env.Now = at
				later, err := r.Bool(env)
				require.NoError(rt, err)
				require.Equal(rt, held, later, "%s\nfor %s at %s, said to hold until %s", src, id, at, until)
			}
			if env.Now = until; !until.IsZero() {
				if then, err := r.Bool(env); err == nil && then != held {
					changing++
				}
			}
		}
	})
	t.Logf("of %d answers that time may change, %d changed at the moment given", moving, changing)
}
