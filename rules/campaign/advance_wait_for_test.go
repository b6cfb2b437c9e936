package campaign_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

func TestWaitForQuiet(t *testing.T) {
	t.Parallel()
	d := parse(t, `{campaign: c, trigger: {event: cart_updated}, transactional: true, steps: [
		{wait_for: {id: cart, event: cart_updated, when: 'event.total > 0', quiet: 1h, timeout: 3h}}, {email: {id: a, template: a}}, {wait: 23h}]}`)
	updated := func(after time.Duration, total int) audience.Event {
		return event("cart_updated", t0.Add(after), map[string]any{"total": float64(total)})
	}
	start := campaign.Start(d, "j1", "", map[string]any{"total": 80.0}, t0)
	j, _ := campaign.Advance(d, start, campaign.Facts{}, t0)
	require.Equal(t, t0.Add(time.Hour), j.DueAt)
	require.Equal(t, []string{"cart_updated"}, j.ListensTo)

	for name, c := range map[string]struct {
		inbox  []audience.Event
		at     time.Duration // when the events are handled
		end    time.Duration // when it is quiet, from the beginning
		total  float64
		of     time.Duration // when the latest event was
		timely bool
	}{
		"NoneIsTheEntry":           {nil, time.Hour, time.Hour, 80, 0, true},
		"BeginsAnew":               {[]audience.Event{updated(40*time.Minute, 120)}, 40 * time.Minute, 100 * time.Minute, 120, 40 * time.Minute, true},
		"HandledLate":              {[]audience.Event{updated(40*time.Minute, 120)}, 90 * time.Minute, 100 * time.Minute, 120, 40 * time.Minute, true},
		"HandledMuchTooLate":       {[]audience.Event{updated(40*time.Minute, 120)}, 5 * time.Hour, 100 * time.Minute, 120, 40 * time.Minute, true},
		"LatestOfSeveral":          {[]audience.Event{updated(50*time.Minute, 3), updated(20*time.Minute, 2)}, 50 * time.Minute, 110 * time.Minute, 3, 50 * time.Minute, true},
		"Unwanted":                 {[]audience.Event{updated(40*time.Minute, 0)}, 40 * time.Minute, time.Hour, 80, 0, true},
		"BeforeTheWait":            {[]audience.Event{updated(-time.Minute, 7)}, time.Minute, time.Hour, 7, -time.Minute, true},
		"AfterTheQuiet":            {[]audience.Event{updated(2*time.Hour, 120)}, 2 * time.Hour, time.Hour, 80, 0, true},
		"ClockOfTheSenderIsFast":   {[]audience.Event{updated(40*time.Minute, 120)}, 30 * time.Minute, 90 * time.Minute, 120, 30 * time.Minute, true},
		"NeverQuietBeforeTimesOut": {[]audience.Event{updated(50*time.Minute, 1), updated(100*time.Minute, 2), updated(150*time.Minute, 3)}, 150 * time.Minute, 3 * time.Hour, 3, 150 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, effects := campaign.Advance(d, j, inbox(c.inbox...), t0.Add(c.at))
			if c.at < c.end {
				require.Empty(t, plans(effects))
				require.Equal(t, t0.Add(c.end), j.DueAt)
				j, effects = campaign.Advance(d, j, campaign.Facts{}, j.DueAt)
			}
			require.Equal(t, []string{"a"}, plans(effects))
			require.Equal(t, t0.Add(c.end), of[campaign.PlanEmail](effects)[0].At)
			require.Equal(t, t0.Add(c.end+23*time.Hour), j.DueAt)
			require.Equal(t, campaign.Result{Happened: c.timely, At: t0.Add(c.of), Event: map[string]any{"total": c.total}}, j.Position.Results["cart"])
			decision := decisions(effects, campaign.DecisionWaitFor)
			require.Len(t, decision, 1)
			require.Equal(t, map[bool]string{true: "happened", false: "timed_out"}[c.timely], decision[0].Outcome)
		})
	}
	t.Run("WithoutEntry", func(t *testing.T) {
		t.Parallel()
		d := simple(t, "{wait_for: {id: w, event: x, quiet: 1h, timeout: 1d}}, {wait: 1d}")
		j, _ := campaign.Advance(d, start, campaign.Facts{}, t0.Add(2*time.Hour))
		require.Equal(t, campaign.Result{Happened: true, At: t0.Add(time.Hour)}, j.Position.Results["w"])
	})
}

func TestWaitForRule(t *testing.T) {
	t.Parallel()
	d := simple(t, "{wait_for: {id: hot, rule: 'customer.score >= 50', timeout: 5d}}, {wait: 1d}")
	score := func(n int) campaign.Facts { return with(map[string]any{"score": n}) }
	j, _ := begin(d, score(10), t0)
	require.Equal(t, "hot", j.Position.Step)
	require.Equal(t, t0.Add(5*day), j.DueAt)
	require.Equal(t, []string{"changed:customer:*", "changed:customer:score", "lost", "won"}, j.ListensTo)
	t.Run("OnArrival", func(t *testing.T) {
		t.Parallel()
		j, effects := begin(d, score(50), t0)
		require.Equal(t, "wait_2", j.Position.Step)
		require.Equal(t, campaign.Result{Happened: true, At: t0}, j.Position.Results["hot"])
		require.Equal(t, []campaign.RecordDecision{{
			Step: "hot", Kind: campaign.DecisionWaitFor, Outcome: "happened", Rule: "customer.score >= 50", Reason: "the rule holds",
			Values: map[string]any{"customer.score": int64(50)},
		}}, decisions(effects, campaign.DecisionWaitFor))
	})
	t.Run("Changed", func(t *testing.T) {
		t.Parallel()
		now := t0.Add(47 * time.Hour)
		j, _ := campaign.Advance(d, j, score(55), now)
		require.Equal(t, now, j.Position.Results["hot"].At)
		require.Equal(t, now.Add(day), j.DueAt)
	})
	t.Run("TimedOut", func(t *testing.T) {
		t.Parallel()
		j, effects := campaign.Advance(d, j, score(49), t0.Add(5*day+time.Hour))
		require.Equal(t, campaign.Result{At: t0.Add(5 * day)}, j.Position.Results["hot"])
		require.Equal(t, "the rule did not come to hold within 5d", decisions(effects, campaign.DecisionWaitFor)[0].Reason)
		require.Equal(t, t0.Add(6*day), j.DueAt)
	})
	t.Run("HoldsAtTheTimeout", func(t *testing.T) {
		t.Parallel()
		j, _ := campaign.Advance(d, j, score(50), t0.Add(5*day))
		require.True(t, j.Position.Results["hot"].Happened)
	})
	t.Run("Time", func(t *testing.T) {
		t.Parallel()
		d := simple(t, `{wait_for: {id: old, rule: 'count(events("visited", "30d")) == 0', timeout: 90d}}, {wait: 1d}`)
		facts := campaign.Facts{}
		facts.History = map[string][]audience.Event{"visited": {event("visited", t0.Add(-day), nil), event("visited", t0.Add(-2*day), nil)}}
		require.Equal(t, []string{"lost", "visited", "won"}, start(d).ListensTo)
		j, _ := begin(d, facts, t0)
		require.Equal(t, t0.Add(28*day+time.Microsecond), j.DueAt)
		again, effects := campaign.Advance(d, j, facts, j.DueAt)
		require.Empty(t, effects)
		require.Equal(t, t0.Add(29*day+time.Microsecond), again.DueAt)
		for _, late := range []time.Duration{0, time.Hour, 20 * day} {
			done, _ := campaign.Advance(d, j, facts, again.DueAt.Add(late))
			require.Equal(t, campaign.Result{Happened: true, At: again.DueAt}, done.Position.Results["old"], "also when woken late")
		}
	})
	t.Run("Error", func(t *testing.T) {
		t.Parallel()
		d := simple(t, `{wait_for: {id: w, rule: 'customer.long + customer.long == ""', timeout: 1d}}, {wait: 1d}`)
		j, effects := begin(d, with(map[string]any{"long": long}), t0)
		require.Empty(t, effects)
		require.Equal(t, t0.Add(day), j.DueAt)
		j, effects = campaign.Advance(d, j, with(map[string]any{"long": long}), t0.Add(day))
		require.False(t, j.Position.Results["w"].Happened)
		require.Len(t, decisions(effects, campaign.DecisionError), 1)
	})
	t.Run("ManyMoments", func(t *testing.T) {
		t.Parallel()
		d := simple(t, `{wait_for: {id: w, rule: 'now.minute == 61 or customer.go', timeout: 30d}}, {wait: 1d}`)
		j, _ := begin(d, campaign.Facts{}, t0)
		require.Equal(t, t0.Add(time.Minute), j.DueAt)
		j, _ = campaign.Advance(d, j, campaign.Facts{}, t0.Add(20*day))
		require.Equal(t, t0.Add(20*day+time.Minute), j.DueAt)
	})
}

func TestTasksOfOtherJourneys(t *testing.T) {
	t.Parallel()
	d := parse(t, `{campaign: c, trigger: {event: e}, exit: [{event: call_completed}], steps: [
		{task: {id: ring, title: Ring}}, {wait_for: {id: done, event: task_completed, when: 'event.step == "ring"', timeout: 2d}}, {wait: 1d}]}`)
	j, _ := campaign.Advance(d, start(d), campaign.Facts{}, t0)
	completed := func(name, journey string) campaign.Facts {
		return inbox(event(name, t0.Add(time.Hour), map[string]any{"journey": journey, "step": "ring", "outcome": "yes"}))
	}
	other, _ := campaign.Advance(d, j, completed("task_completed", "j2"), t0.Add(time.Hour))
	require.Equal(t, j, other)
	other, _ = campaign.Advance(d, j, completed("call_completed", "j2"), t0.Add(time.Hour))
	require.Equal(t, j, other)
	own, _ := campaign.Advance(d, j, completed("task_completed", "j1"), t0.Add(time.Hour))
	require.Equal(t, "yes", own.Position.Results["done"].Event["outcome"])
	none, _ := campaign.Advance(d, j, completed("call_completed", ""), t0.Add(time.Hour))
	require.Equal(t, campaign.Exited, none.Status)
}
