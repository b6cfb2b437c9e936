package campaign_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

func start(d *campaign.Definition) campaign.Journey {
	return campaign.Start(d, "j1", "", map[string]any{"order_id": "o1"}, t0)
}

func inbox(events ...audience.Event) campaign.Facts { return campaign.Facts{Inbox: events} }

func TestAdvanceWelcome(t *testing.T) {
	t.Parallel()
	d := parse(t, welcome)
	j := start(d)
	require.Equal(t, campaign.Active, j.Status)
	require.Equal(t, t0, j.DueAt)
	require.Equal(t, []string{"changed:consents:", "order_cancelled", "order_completed"}, j.ListensTo)

	j, effects := campaign.Advance(d, j, campaign.Facts{}, t0)
	require.Equal(t, []campaign.Effect{campaign.PlanEmail{
		Step: "hello", Iteration: 1, Email: d.Steps[0].(*campaign.EmailStep), Reason: "entered when registered happened",
		At: t0,
	}}, effects)
	require.Equal(t, "wait_2", j.Position.Step)
	require.Equal(t, t0.Add(2*day), j.DueAt)

	t.Run("NothingDue", func(t *testing.T) {
		t.Parallel()
		same, effects := campaign.Advance(d, j, inbox(event("other", t0.Add(time.Hour), nil)), t0.Add(day))
		require.Empty(t, effects)
		require.Equal(t, j, same)
	})

	j, effects = campaign.Advance(d, j, campaign.Facts{}, t0.Add(2*day))
	require.Empty(t, effects)
	require.Equal(t, []string{"changed:consents:", "order_cancelled", "order_completed", "product_viewed"}, j.ListensTo)

	t.Run("Met", func(t *testing.T) {
		t.Parallel()
		viewed := event("product_viewed", t0.Add(3*day), map[string]any{"sku": "A"})
		j, effects := campaign.Advance(d, j, inbox(viewed), t0.Add(3*day))
		require.Equal(t, campaign.Exited, j.Status)
		require.Equal(t, "viewed", j.ExitReason)
		require.True(t, j.DueAt.IsZero())
		require.Empty(t, j.ListensTo)
		require.Equal(t, []campaign.Effect{
			campaign.RecordDecision{
				Step: "viewed", Kind: campaign.DecisionWaitFor, Outcome: "happened", EventID: viewed.ID,
				Reason: "product_viewed happened on 2026-01-08 10:00 UTC",
			},
			campaign.RecordDecision{
				Step: "branch_4", Kind: campaign.DecisionBranch, Outcome: "arm_1", Rule: "viewed.happened",
				Reason: "viewed.happened held", Values: map[string]any{"viewed.happened": true},
			},
			campaign.UpdateCustomer{
				Step: "update_4_1_1", Set: map[string]any{"stage": "interested", "last_seen": "A"}, AddTags: []string{"active", "warm"},
			},
			campaign.RecordDecision{
				Step: "exit_4_1_2", Kind: campaign.DecisionExit, Outcome: "viewed",
				Reason: "the exit was reached: entered when registered happened; at branch_4, viewed.happened",
			},
		}, effects)
		again, effects := campaign.Advance(d, j, inbox(viewed), t0.Add(4*day))
		require.Equal(t, j, again)
		require.Empty(t, effects)
	})
	t.Run("TimedOut", func(t *testing.T) {
		t.Parallel()
		visits := map[string][]audience.Event{"visited": {
			event("visited", t0, nil), event("visited", t0, nil), event("visited", t0.Add(day), nil),
		}}
		j, effects := campaign.Advance(d, j, campaign.Facts{Facts: rules.Facts{History: visits}}, t0.Add(6*day))
		require.Equal(t, []string{"nudge", "email_5"}, plans(effects))
		require.Equal(t, "product_viewed did not happen within 3d", decisions(effects, campaign.DecisionWaitFor)[0].Reason)
		require.Equal(t, "timed_out", decisions(effects, campaign.DecisionWaitFor)[0].Outcome)
		require.Equal(t, "arm_2", decisions(effects, campaign.DecisionBranch)[0].Outcome)
		require.Equal(t, campaign.Finished, j.Status)
		require.Equal(t, campaign.ReasonFinished, j.ExitReason)
		require.Equal(t, `entered when registered happened; at branch_4, count(events("visited", "30d")) > 2`,
			effects[2].(campaign.PlanSMS).Reason)
	})
	t.Run("Else", func(t *testing.T) {
		t.Parallel()
		_, effects := campaign.Advance(d, j, campaign.Facts{}, t0.Add(6*day))
		require.Equal(t, []string{"email_5"}, plans(effects))
		decision := decisions(effects, campaign.DecisionBranch)[0]
		require.Equal(t, "else", decision.Outcome)
		require.Equal(t, map[string]any{"viewed.happened": false, `count(events("visited", "30d"))`: int64(0)}, decision.Values)
	})
	t.Run("Goal", func(t *testing.T) {
		t.Parallel()
		zero := event("order_completed", t0.Add(3*day), map[string]any{"total": 0})
		bought := event("order_completed", t0.Add(3*day+time.Hour), map[string]any{"total": 5})
		j, effects := campaign.Advance(d, j, inbox(bought, zero), t0.Add(4*day))
		require.Equal(t, campaign.Converted, j.Status)
		require.Equal(t, "order_completed", j.ExitReason)
		require.Len(t, effects, 1)
		require.Equal(t, bought.ID, decisions(effects, campaign.DecisionGoal)[0].EventID)
	})
	t.Run("ExitEvent", func(t *testing.T) {
		t.Parallel()
		other := event("order_cancelled", t0.Add(3*day), map[string]any{"order_id": "o2"})
		same, effects := campaign.Advance(d, j, inbox(other), t0.Add(3*day))
		require.Equal(t, j, same)
		require.Empty(t, effects)
		left, effects := campaign.Advance(d, j, inbox(event("order_cancelled", t0.Add(3*day), map[string]any{"order_id": "o1"})), t0.Add(3*day))
		require.Equal(t, campaign.Exited, left.Status)
		require.Equal(t, map[string]any{"event.order_id": "o1", "entry.order_id": "o1"}, decisions(effects, campaign.DecisionExit)[0].Values)
	})
	t.Run("ExitRule", func(t *testing.T) {
		t.Parallel()
		no := func(channel audience.Channel) audience.Consent {
			return audience.Consent{Channel: channel, Topic: audience.AllTopics, Action: audience.Withdrawn, OccurredAt: t0.Add(8 * day)}
		}
		refused := []audience.Consent{no(audience.Email), no(audience.SMS)}
		left, effects := campaign.Advance(d, j, campaign.Facts{Facts: rules.Facts{Consents: refused}}, t0.Add(9*day))
		require.Equal(t, campaign.Exited, left.Status)
		require.Equal(t, "customer.unsubscribed", left.ExitReason)
		require.Empty(t, plans(effects), "nobody is sent what was due before they left")
	})
}

func simple(t *testing.T, steps string) *campaign.Definition {
	t.Helper()
	return parse(t, "{campaign: c, trigger: {event: e}, transactional: true, goal: {event: won, within: 2d}, exit: [{event: lost}], steps: ["+steps+"]}")
}

func TestAdvanceTime(t *testing.T) {
	t.Parallel()
	t.Run("LateWakeUpsDoNotAddUp", func(t *testing.T) {
		t.Parallel()
		d := simple(t, "{wait: 1d}, {email: {id: a, template: a}}, {wait: 1d}, {email: {id: b, template: b}}, {wait: 1d}")
		j, _ := campaign.Advance(d, start(d), campaign.Facts{}, t0)
		j, effects := campaign.Advance(d, j, campaign.Facts{}, t0.Add(day+5*time.Hour))
		require.Equal(t, []string{"a"}, plans(effects))
		require.Equal(t, t0.Add(2*day), j.DueAt)
		late, effects := campaign.Advance(d, start(d), campaign.Facts{}, t0.Add(2*day+time.Hour))
		require.Equal(t, []string{"a", "b"}, plans(effects))
		require.Equal(t, t0.Add(3*day), late.DueAt)
	})
	t.Run("WaitAfterAnEventCountsFromItsHandling", func(t *testing.T) {
		t.Parallel()
		d := simple(t, "{wait_for: {id: w, event: x, timeout: 3d}}, {wait: 1h}")
		j, _ := campaign.Advance(d, start(d), campaign.Facts{}, t0)
		j, _ = campaign.Advance(d, j, inbox(event("x", t0.Add(time.Hour), nil)), t0.Add(5*time.Hour))
		require.Equal(t, t0.Add(6*time.Hour), j.DueAt)
		require.Equal(t, t0.Add(time.Hour), j.Position.Results["w"].At)
	})
	t.Run("EventAfterTheTimeoutDoesNotMeet", func(t *testing.T) {
		t.Parallel()
		d := simple(t, "{wait_for: {id: w, event: x, timeout: 1d}}, {branch: [{when: w.happened, steps: [{email: {id: met, template: a}}]}, {else: [{email: {id: missed, template: b}}]}]}")
		j, _ := campaign.Advance(d, start(d), campaign.Facts{}, t0)
		for at, want := range map[time.Duration]string{day: "met", day + 1: "missed", time.Hour: "met"} {
			_, effects := campaign.Advance(d, j, inbox(event("x", t0.Add(at), nil)), t0.Add(2*day))
			require.Equal(t, []string{want}, plans(effects))
		}
	})
	t.Run("EventBeforeTheWaitForMeetsWhenItArrivesLater", func(t *testing.T) {
		t.Parallel()
		d := simple(t, "{wait: 1d}, {wait_for: {id: w, event: x, timeout: 1d}}, {wait: 1d}")
		j, _ := campaign.Advance(d, start(d), campaign.Facts{}, t0.Add(day))
		require.Equal(t, "w", j.Position.Step)
		j, _ = campaign.Advance(d, j, inbox(event("x", t0.Add(time.Hour), nil)), t0.Add(day+time.Hour))
		require.True(t, j.Position.Results["w"].Happened)
		require.Equal(t, t0.Add(time.Hour), j.Position.Results["w"].At)
	})
	t.Run("EventBeforeTheFirstStepMeetsTheFirstWaitFor", func(t *testing.T) {
		t.Parallel()
		d := simple(t, "{email: {id: a, template: a}}, {branch: [{when: customer.vip, steps: [{wait_for: {event: y, timeout: 1d}}]}]}, {wait_for: {id: w, event: x, timeout: 1d}}, {wait: 1d}")
		j := start(d)
		require.Equal(t, []string{"lost", "won", "x", "y"}, j.ListensTo)
		j, effects := campaign.Advance(d, j, inbox(event("x", t0.Add(-time.Second), nil)), t0.Add(time.Minute))
		require.Equal(t, []string{"a"}, plans(effects))
		require.True(t, j.Position.Results["w"].Happened)
	})
	t.Run("EventDuringAWaitIsIgnored", func(t *testing.T) {
		t.Parallel()
		d := simple(t, "{wait: 1d}, {wait_for: {id: w, event: x, timeout: 1d}}")
		j, _ := campaign.Advance(d, start(d), inbox(event("x", t0.Add(time.Hour), nil)), t0.Add(25*time.Hour))
		require.Equal(t, "w", j.Position.Step)
	})
	t.Run("WhoHasLeftIsNotSentWhatWasDelayed", func(t *testing.T) {
		t.Parallel()
		d := simple(t, "{wait: 1d}, {email: {id: a, template: a}}, {wait: 1d}")
		j, _ := campaign.Advance(d, start(d), campaign.Facts{}, t0)
		for _, name := range []string{"lost", "won"} {
			left, effects := campaign.Advance(d, j, inbox(event(name, t0.Add(30*time.Hour), nil)), t0.Add(31*time.Hour))
			require.Equal(t, name, left.ExitReason)
			require.Empty(t, plans(effects))
		}
	})
	t.Run("OldestEventFirst", func(t *testing.T) {
		t.Parallel()
		d := simple(t, "{wait_for: {id: w, event: x, timeout: 1d}}, {email: {id: a, template: a}}, {wait: 1d}")
		j, _ := campaign.Advance(d, start(d), campaign.Facts{}, t0)
		j, effects := campaign.Advance(d, j, inbox(event("lost", t0.Add(2*time.Hour), nil), event("x", t0.Add(time.Hour), nil)), t0.Add(3*time.Hour))
		require.Equal(t, []string{"a"}, plans(effects))
		require.Equal(t, campaign.Exited, j.Status)
	})
	t.Run("GoalAfterItsTimeDoesNotCount", func(t *testing.T) {
		t.Parallel()
		d := simple(t, "{wait: 9d}")
		j, _ := campaign.Advance(d, start(d), inbox(event("won", t0.Add(2*day+1), nil)), t0.Add(3*day))
		require.Equal(t, campaign.Active, j.Status)
	})
	t.Run("FutureEventHappensNow", func(t *testing.T) {
		t.Parallel()
		d := simple(t, "{wait_for: {id: w, event: x, timeout: 1d}}, {wait: 1d}")
		j, _ := campaign.Advance(d, start(d), inbox(event("x", t0.Add(time.Hour), nil)), t0)
		require.True(t, j.Position.Results["w"].Happened)
		require.Equal(t, t0.Add(day), j.DueAt)
	})
	t.Run("WholeMicroseconds", func(t *testing.T) {
		t.Parallel()
		d := simple(t, "{wait: 1s}")
		j := campaign.Start(d, "j", "", nil, t0.Add(1234*time.Nanosecond).In(time.FixedZone("x", 3600)))
		require.Equal(t, t0.Add(time.Microsecond), j.EnteredAt)
		j, _ = campaign.Advance(d, j, campaign.Facts{}, j.DueAt)
		j, _ = campaign.Advance(d, j, campaign.Facts{}, j.DueAt)
		require.Equal(t, campaign.Finished, j.Status)
	})
}

func TestAdvanceKey(t *testing.T) {
	t.Parallel()
	d := parse(t, `{campaign: c, trigger: {event: e}, key: entry.cart, exit: [{event: bought}], steps: [{wait: 1d}]}`)
	j := campaign.Start(d, "j", "1", map[string]any{"cart": "1"}, t0)
	for _, c := range []struct {
		properties map[string]any
		status     campaign.Status
	}{
		{map[string]any{"cart": "1"}, campaign.Exited},
		{map[string]any{"cart": 1.0}, campaign.Exited},
		{map[string]any{"cart": "2"}, campaign.Active},
		{nil, campaign.Exited}, // the key cannot be read
	} {
		left, _ := campaign.Advance(d, j, inbox(event("bought", t0, c.properties)), t0)
		require.Equal(t, c.status, left.Status)
	}
}

func TestAdvanceRuleErrors(t *testing.T) {
	t.Parallel()
	const tooLong = `customer.long + customer.long == ""`
	d := parse(t, `{campaign: c, trigger: {event: e}, exit: ['`+tooLong+`', {event: x, when: 'event.long + event.long == ""'}], steps: [
		{update: {set: {a: '`+tooLong+` ? 1 : 2', b: '1', stage: customer.number}}}, {update: {set: {a: '`+tooLong+` ? 1 : 2'}}},
		{branch: [{when: '`+tooLong+`', steps: [{exit: no}]}]}, {wait: 1d}]}`)

	facts := inbox(event("x", t0.Add(time.Second), map[string]any{"long": long}))
	facts.Customer.Attributes = map[string]any{"long": long, "number": 5}
	j, effects := campaign.Advance(d, start(d), facts, t0.Add(time.Minute))
	require.Equal(t, campaign.Active, j.Status)
	faults := decisions(effects, campaign.DecisionError)
	require.Len(t, faults, 6)
	require.Equal(t, campaign.RecordDecision{
		Kind: campaign.DecisionError, Outcome: "false", Rule: tooLong, Values: map[string]any{"customer.long": long[:200] + "…"},
		Reason: "the rule could not be evaluated: rule needs too much memory: the text grows beyond 64 KiB",
	}, faults[0])
	require.NotEmpty(t, faults[1].EventID)
	require.Contains(t, effects, campaign.UpdateCustomer{Step: "update_1", Set: map[string]any{"b": int64(1)}})
	require.Equal(t, "none", decisions(effects, campaign.DecisionBranch)[0].Outcome)
}

func TestAdvanceSeesItsOwnEffects(t *testing.T) {
	t.Parallel()
	d := simple(t, `{email: {id: a, template: a}}, {update: {set: {stage: '"x"', locale: '"uk"', name: '"N"', timezone: '"UTC"', n: '(customer.n ?? 0) + 1', gone: 'null'}, add_tags: [new], remove_tags: [old]}},
		{branch: [{when: 'customer.stage == "x" and customer.locale == "uk" and customer.name == "N" and customer.timezone == "UTC" and customer.n == 2 and customer.gone == null and customer.tags == ["new"] and sent("a").status == "planned"',
		steps: [{sms: {id: b, text: t}}]}]}`)
	facts := campaign.Facts{Facts: rules.Facts{Customer: audience.Customer{Tags: []string{"old"}, Attributes: map[string]any{"n": 1, "gone": 1}}}}
	_, effects := campaign.Advance(d, start(d), facts, t0)
	require.Equal(t, []string{"a", "b"}, plans(effects))
	require.Equal(t, map[string]any{"n": 1, "gone": 1}, facts.Customer.Attributes)
	require.Equal(t, []string{"old"}, facts.Customer.Tags)
	require.Nil(t, facts.Sent)
}

func TestAdvanceAnotherVersion(t *testing.T) {
	t.Parallel()
	d := simple(t, "{wait: {id: pause, for: 1d}}")
	j, _ := campaign.Advance(d, start(d), campaign.Facts{}, t0)
	t.Run("WithoutTheStep", func(t *testing.T) {
		t.Parallel()
		left, effects := campaign.Advance(simple(t, "{wait: 1d}"), j, campaign.Facts{}, t0)
		require.Equal(t, campaign.Exited, left.Status)
		require.Equal(t, "step pause does not exist in this version of the campaign", left.ExitReason)
		require.Len(t, decisions(effects, campaign.DecisionExit), 1)
	})
	t.Run("WithAnotherKindOfStep", func(t *testing.T) {
		t.Parallel()
		left, effects := campaign.Advance(simple(t, "{email: {id: pause, template: a}}, {email: {id: b, template: b}}"), j, campaign.Facts{}, t0)
		require.Equal(t, campaign.Finished, left.Status)
		require.Equal(t, []string{"b"}, plans(effects))
	})
}

func TestPositionJSON(t *testing.T) {
	t.Parallel()
	d := simple(t, "{wait_for: {id: w, event: x, timeout: 1d}}, {wait: 1d}")
	j, _ := campaign.Advance(d, start(d), inbox(event("x", t0, map[string]any{"a": "b"})), t0)
	encoded, err := json.Marshal(j.Position)
	require.NoError(t, err)
	require.JSONEq(t, `{"step":"wait_2","began":"2026-01-05T10:00:00Z",
		"results":{"w":{"happened":true,"at":"2026-01-05T10:00:00Z","event":{"a":"b"}}}}`, string(encoded))
	var back campaign.Position
	require.NoError(t, json.Unmarshal(encoded, &back))
	require.Equal(t, j.Position, back)
}
