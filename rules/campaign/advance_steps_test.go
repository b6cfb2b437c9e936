package campaign_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	d := simple(t, `{split: {id: look, arms: {a: {share: 30%, steps: [{email: {id: ma, template: a}}]}, b: 0.5%, c: {share: rest, steps: [{exit: c}]}}}}, {branch: [{when: 'look.arm == "b"', steps: [{sms: {id: mb, text: t}}]}]}`)
	counts, sent := map[string]int{}, map[string]int{}
	const customers = 20_000
	for i := range customers {
		facts := campaign.Facts{}
		facts.Customer.ID = fmt.Sprintf("c%d", i)
		j, effects := begin(d, facts, t0)
		arm, _ := j.Position.Results["look"].Event["arm"].(string)
		counts[arm]++
		for _, id := range plans(effects) {
			sent[id]++
		}
		again, _ := begin(d, facts, t0.Add(day))
		require.Equal(t, arm, again.Position.Results["look"].Event["arm"])
	}
	require.Equal(t, map[string]int{"ma": counts["a"], "mb": counts["b"]}, sent)
	require.InDelta(t, 0.3*customers, counts["a"], 260) // four standard deviations
	require.InDelta(t, 0.005*customers, counts["b"], 40)
	require.Equal(t, customers, counts["a"]+counts["b"]+counts["c"])

	_, effects := begin(d, with(nil), t0)
	require.Equal(t, []campaign.RecordDecision{{
		Step: "look", Kind: campaign.DecisionSplit, Outcome: "c", Reason: "chance chose c, where 69.5% of the customers go",
	}}, decisions(effects, campaign.DecisionSplit))
}

func TestSplitWinner(t *testing.T) {
	t.Parallel()
	d := simple(t, `{split: {id: test, arms: {a: {share: 1%, steps: [{email: {id: ma, template: a}}]}, b: {share: 1%, steps: [{email: {id: mb, template: b}}]}, winner: rest}, by: clicks, after: 4h, default: b}}, {wait: 1d}`)
	won := func(arm string) campaign.Facts {
		f := with(nil)
		f.Winners = map[string]campaign.Winner{"test": {Arm: arm, Reason: "it did"}}
		return f
	}
	j, effects := begin(d, with(nil), t0)
	require.Empty(t, effects)
	require.Equal(t, "test", j.Position.Step)
	require.Equal(t, t0.Add(4*time.Hour), j.DueAt)
	t.Run("Undecided", func(t *testing.T) {
		t.Parallel()
		now := t0.Add(5 * time.Hour)
		j, effects := campaign.Advance(d, j, with(nil), now)
		require.Empty(t, effects)
		require.Equal(t, now, j.DueAt, "whoever carries the journey must decide")
		again, _ := campaign.Advance(d, j, with(nil), now)
		require.Equal(t, j, again)
		j, effects = campaign.Advance(d, j, won("a"), now.Add(time.Second))
		require.Equal(t, []string{"ma"}, plans(effects))
		require.Equal(t, "wait_2", j.Position.Step)
	})
	for name, now := range map[string]time.Time{"Due": t0.Add(4 * time.Hour), "Early": t0.Add(time.Hour)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, effects := campaign.Advance(d, j, won("a"), now)
			require.Equal(t, []string{"ma"}, plans(effects))
			require.Equal(t, now.Add(day), j.DueAt)
			require.Equal(t, map[string]any{"arm": "a"}, j.Position.Results["test"].Event)
			require.Equal(t, []campaign.RecordDecision{{Step: "test", Kind: campaign.DecisionSplit, Outcome: "a", Reason: "the winner: it did"}},
				decisions(effects, campaign.DecisionSplit))
		})
	}
	t.Run("KnownOnArrival", func(t *testing.T) {
		t.Parallel()
		_, effects := begin(d, won("b"), t0)
		require.Equal(t, []string{"mb"}, plans(effects))
	})
	t.Run("GoneArm", func(t *testing.T) {
		t.Parallel()
		_, effects := begin(d, won("z"), t0)
		require.Equal(t, []string{"mb"}, plans(effects), "the default")
	})
}

func TestDecide(t *testing.T) {
	t.Parallel()
	d := simple(t, `{decide: {id: offer, first: [{when: 'customer.n >= 4', value: {discount: 15}}, {when: 'customer.n == 1', value: small}, {else: {discount: 5}}]}},
		{decide: {id: other, first: [{when: 'offer.discount == 5', value: 1}]}}, {update: {set: {a: offer.discount, b: offer.value, c: other.happened}}}`)
	for n, want := range map[int]struct {
		outcome, reason string
		set             map[string]any
	}{
		4: {"choice_1", `customer.n >= 4 held, which gives {"discount":15}`, map[string]any{"a": int64(15), "b": nil, "c": false}},
		1: {"choice_2", `customer.n == 1 held, which gives "small"`, map[string]any{"a": nil, "b": "small", "c": false}},
		2: {"else", `no rule held, which gives {"discount":5}`, map[string]any{"a": int64(5), "b": nil, "c": true}},
	} {
		_, effects := begin(d, with(map[string]any{"n": n}), t0)
		decided := decisions(effects, campaign.DecisionDecide)
		require.Equal(t, want.outcome, decided[0].Outcome)
		require.Equal(t, want.reason, decided[0].Reason)
		require.Equal(t, map[string]any{"customer.n": int64(n)}, decided[0].Values)
		require.Equal(t, want.set, of[campaign.UpdateCustomer](effects)[0].Set)
	}
	_, effects := begin(d, with(map[string]any{"n": 9}), t0)
	require.Equal(t, "none", decisions(effects, campaign.DecisionDecide)[1].Outcome)
}

func TestRepeat(t *testing.T) {
	t.Parallel()
	d := simple(t, `{email: {id: before, template: a}}, {repeat: {id: nag, while: 'not bought.happened', max: 3, steps: [
		{email: {id: n, template: n}}, {wait_for: {id: bought, event: x, timeout: 1d}}]}}, {sms: {id: done, text: t}}, {wait: 1d}`)
	j, effects := begin(d, campaign.Facts{}, t0)
	require.Equal(t, []string{"before", "n"}, plans(effects))
	require.Equal(t, "entered when e happened; again and again at nag", of[campaign.PlanEmail](effects)[1].Reason)
	require.Equal(t, map[string]int{"nag": 1, "n": 1, "bought": 1}, j.Position.Passes)
	second, effects := campaign.Advance(d, j, campaign.Facts{}, t0.Add(day))
	require.Equal(t, 2, of[campaign.PlanEmail](effects)[0].Iteration)
	require.Equal(t, t0.Add(2*day), second.DueAt)
	t.Run("While", func(t *testing.T) {
		t.Parallel()
		j, effects := campaign.Advance(d, second, inbox(event("x", t0.Add(30*time.Hour), nil)), t0.Add(30*time.Hour))
		require.Equal(t, []string{"done"}, plans(effects))
		require.Equal(t, map[string]int{"n": 2, "bought": 2}, j.Position.Passes)
		decision := decisions(effects, campaign.DecisionRepeat)
		require.Equal(t, []campaign.RecordDecision{{
			Step: "nag", Kind: campaign.DecisionRepeat, Outcome: "done", Rule: "not bought.happened",
			Reason: "its rule did not hold any more after 2 times", Values: map[string]any{"bought.happened": true},
		}}, decision)
	})
	t.Run("Max", func(t *testing.T) {
		t.Parallel()
		j, effects := campaign.Advance(d, second, campaign.Facts{}, t0.Add(10*day))
		require.Equal(t, []string{"n", "done"}, plans(effects))
		require.Equal(t, "max", decisions(effects, campaign.DecisionRepeat)[1].Outcome)
		require.Equal(t, campaign.Finished, j.Status)
	})
	t.Run("Nested", func(t *testing.T) {
		t.Parallel()
		d := simple(t, `{repeat: {id: outer, max: 2, steps: [{repeat: {id: inner, max: 3, steps: [{sms: {id: n, text: t}}, {wait: 1h}]}}, {email: {id: m, template: m}}]}}`)
		_, effects := begin(d, campaign.Facts{}, t0)
		j, more := campaign.Advance(d, start(d), campaign.Facts{}, t0.Add(day))
		require.Equal(t, campaign.Finished, j.Status)
		require.Equal(t, []string{"n", "n", "n", "m", "n", "n", "n", "m"}, plans(more))
		require.Equal(t, []string{"n"}, plans(effects))
		for i, sms := range of[campaign.PlanSMS](more) {
			require.Equal(t, i+1, sms.Iteration)
			require.Equal(t, t0.Add(time.Duration(i)*time.Hour), sms.At)
		}
	})
	t.Run("Clock", func(t *testing.T) {
		t.Parallel()
		d := simple(t, `{repeat: {id: daily, max: 3, steps: [{wait: {until: "10:00", zone: UTC}}, {email: {id: m, template: m}}]}}, {wait: 1d}`)
		_, effects := campaign.Advance(d, start(d), campaign.Facts{}, t0.Add(10*day))
		ten := time.Date(t0.Year(), t0.Month(), t0.Day(), 10, 0, 0, 0, time.UTC)
		if ten.Before(t0) {
			ten = ten.Add(day)
		}
		var at []time.Time
		for _, mail := range of[campaign.PlanEmail](effects) {
			at = append(at, mail.At)
		}
		require.Equal(t, []time.Time{ten, ten.Add(day), ten.Add(2 * day)}, at)
	})
	t.Run("ManySteps", func(t *testing.T) {
		t.Parallel()
		d := simple(t, `{repeat: {id: outer, max: 100, steps: [{repeat: {id: inner, max: 100, steps: [
			{wait_for: {rule: 'customer.go', timeout: 1d}}, {update: {add: {n: 1}}}, {wait_for: {id: w, rule: 'customer.go', timeout: 1d}}, {task: {id: n, title: t}}]}}]}}, {wait: 1d}`)
		facts := with(map[string]any{"go": true})
		j, calls, tasks := start(d), 0, 0
		for ; j.Status == campaign.Active && j.Position.Step != "wait_2"; calls++ {
			require.Less(t, calls, 10)
			require.Equal(t, t0, j.DueAt)
			var effects []campaign.Effect
			j, effects = campaign.Advance(d, j, facts, t0)
			for _, task := range of[campaign.CreateTask](effects) {
				tasks++
				require.Equal(t, tasks, task.Iteration)
			}
		}
		require.Equal(t, 10_000, tasks)
		require.Equal(t, 3, calls)
		require.Equal(t, t0.Add(day), j.DueAt)
	})
}

func TestWork(t *testing.T) {
	t.Parallel()
	d := simple(t, `{call: {id: ring, for: {user: ann@example.com}, title: T, script: S, due: 1d, dial: true}}, {task: {id: k, for: {round_robin: [a@example.com, b@example.com]}, title: T}},
		{task: {id: l, for: {rule: 'customer.country == "UA" ? "ann@example.com" : null'}, title: T, due: 1h}}, {task: {id: m, title: T}}, {note: {id: n, text: N}}`)
	_, effects := begin(d, with(map[string]any{"country": "UA"}), t0)
	because := "entered when e happened"
	steps := d.Steps
	require.Equal(t, []campaign.Effect{
		campaign.PlanCall{Step: "ring", Iteration: 1, Call: steps[0].(*campaign.CallStep), Assign: campaign.Assign{User: "ann@example.com"}, DueAt: t0.Add(day), Reason: because, At: t0},
		campaign.CreateTask{Step: "k", Iteration: 1, Task: steps[1].(*campaign.TaskStep), Assign: campaign.Assign{Among: []string{"a@example.com", "b@example.com"}}, Reason: because},
		campaign.CreateTask{Step: "l", Iteration: 1, Task: steps[2].(*campaign.TaskStep), Assign: campaign.Assign{User: "ann@example.com"}, DueAt: t0.Add(time.Hour), Reason: because},
		campaign.CreateTask{Step: "m", Iteration: 1, Task: steps[3].(*campaign.TaskStep), Assign: campaign.Assign{Owner: true}, Reason: because},
		campaign.WriteNote{Step: "n", Iteration: 1, Note: steps[4].(*campaign.NoteStep)},
	}, effects)
	_, effects = begin(d, with(nil), t0)
	require.Equal(t, campaign.Assign{}, of[campaign.CreateTask](effects)[1].Assign, "nobody, but the task is there")

	broken := simple(t, `{task: {for: {rule: 'customer.long + customer.long'}, title: T}}`)
	_, effects = begin(broken, with(map[string]any{"long": long}), t0)
	require.Len(t, of[campaign.CreateTask](effects), 1)
	require.Len(t, decisions(effects, campaign.DecisionError), 1)
}

func TestOwner(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step  string
		owner any
		want  []campaign.AssignOwner
		knows any
	}{
		"None":    {"{to: {user: ann@example.com}}", nil, []campaign.AssignOwner{{Step: "o", Iteration: 1, Assign: campaign.Assign{User: "ann@example.com"}}}, "ann@example.com"},
		"Has":     {"{to: {user: ann@example.com}}", "bob@example.com", nil, "bob@example.com"},
		"Replace": {"{to: {user: ann@example.com}, replace: true}", "bob@example.com", []campaign.AssignOwner{{Step: "o", Iteration: 1, Assign: campaign.Assign{User: "ann@example.com"}}}, "ann@example.com"},
		"InTurn":  {"{to: {round_robin: [a@example.com, b@example.com]}}", nil, []campaign.AssignOwner{{Step: "o", Iteration: 1, Assign: campaign.Assign{Among: []string{"a@example.com", "b@example.com"}}}}, nil},
		"Nobody":  {"{to: {rule: customer.boss}}", nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := simple(t, `{owner: {id: o, `+c.step[1:]+`}, {update: {set: {knows: customer.owner}}}`)
			_, effects := begin(d, with(map[string]any{"owner": c.owner}), t0)
			require.Equal(t, c.want, of[campaign.AssignOwner](effects))
			require.Equal(t, map[string]any{"knows": c.knows}, of[campaign.UpdateCustomer](effects)[0].Set)
		})
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	d := simple(t, `{update: {id: u, add: {score: 10, none: 'customer.text', half: '0.5', plan: 1}, add_to: [buyers], remove_from: [leads]}},
		{update: {set: {score: customer.score, half: customer.half, plan: customer.plan, buyer: 'segment("buyers")', lead: 'segment("leads")'}}}`)
	facts := with(map[string]any{"score": 5.5, "plan": "pro", "text": "word"})
	facts.Segments = map[string]bool{"leads": true}
	_, effects := begin(d, facts, t0)
	updates := of[campaign.UpdateCustomer](effects)
	require.Equal(t, map[string]any{"score": int64(10), "half": json.Number("0.5")}, updates[0].Add)
	require.Equal(t, []string{"buyers"}, updates[0].AddTo)
	require.Equal(t, []string{"leads"}, updates[0].RemoveFrom)
	require.Equal(t, map[string]any{"score": json.Number("15.5"), "half": json.Number("0.5"), "plan": "pro", "buyer": true, "lead": false}, updates[1].Set)
	require.Equal(t, map[string]bool{"leads": true}, facts.Segments)
	require.Equal(t, []campaign.RecordDecision{{
		Step: "u", Kind: campaign.DecisionError, Outcome: "left as it is", Rule: "1",
		Reason: "nothing was added to customer.plan: it holds no number, and keeps its value",
		Values: map[string]any{"customer.plan": "pro"},
	}}, decisions(effects, campaign.DecisionError))
}

func TestCoupon(t *testing.T) {
	t.Parallel()
	d := parse(t, `{campaign: c, trigger: {event: e}, transactional: true, exit: [gift.redeemed], steps: [{coupon: {id: gift, pool: p, expires: 10d}},
		{update: {set: {until: gift.expires_at, code: gift.code, used: gift.redeemed}}}, {wait: 1d}, {update: {set: {code: gift.code}}}]}`)
	require.Contains(t, start(d).ListensTo, audience.EventCouponRedeemed)
	j, effects := begin(d, campaign.Facts{}, t0)
	require.Equal(t, campaign.IssueCoupon{Step: "gift", Iteration: 1, Coupon: d.Steps[0].(*campaign.CouponStep), ExpiresAt: t0.Add(10 * day)}, effects[0])
	require.Equal(t, map[string]any{"until": "2026-01-15T10:00:00Z", "code": nil, "used": false}, of[campaign.UpdateCustomer](effects)[0].Set)
	require.Equal(t, []string{"coupon_redeemed"}, j.ListensTo)

	facts := campaign.Facts{Coupons: map[string]campaign.Coupon{"gift": {Code: "X1"}}}
	_, effects = campaign.Advance(d, j, facts, t0.Add(day))
	require.Equal(t, map[string]any{"code": "X1"}, of[campaign.UpdateCustomer](effects)[0].Set)

	facts.Coupons["gift"] = campaign.Coupon{Code: "X1", RedeemedAt: t0.Add(time.Hour)}
	j, effects = campaign.Advance(d, j, facts, t0.Add(time.Hour))
	require.Equal(t, campaign.Exited, j.Status)
	require.Equal(t, "gift.redeemed", j.ExitReason)
	require.Equal(t, map[string]any{"gift.redeemed": true}, decisions(effects, campaign.DecisionExit)[0].Values)
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	d := simple(t, `{webhook: {id: told, url: "https://a.example"}}, {webhook: {id: stock, url: "https://b.example", body: {sku: entry.starts_at, bad: 'customer.long + customer.long'}, wait: true, timeout: 10m}},
		{update: {set: {ok: stock.happened, status: stock.status, left: stock.body.left}}}, {wait: 1d}`)
	j, effects := begin(d, with(map[string]any{"long": long}), t0)
	hooks := of[campaign.PlanWebhook](effects)
	require.Nil(t, hooks[0].Body)
	require.Equal(t, map[string]any{"sku": "2026-01-20T15:00:00Z"}, hooks[1].Body)
	require.Equal(t, "stock", j.Position.Step)
	require.Equal(t, t0.Add(10*time.Minute), j.DueAt)
	require.Contains(t, j.ListensTo, audience.EventWebhookAnswered)
	answered := func(journey, step string, iteration any, ok bool, at time.Duration) campaign.Facts {
		return inbox(event(audience.EventWebhookAnswered, t0.Add(at), map[string]any{
			"journey": journey, "step": step, "iteration": iteration, "ok": ok, "status": 200.0, "body": map[string]any{"left": 3.0},
		}))
	}
	for name, f := range map[string]campaign.Facts{
		"OtherJourney":   answered("j2", "stock", 1.0, true, time.Minute),
		"OtherStep":      answered("j1", "told", 1.0, true, time.Minute),
		"OtherIteration": answered("j1", "stock", 2.0, true, time.Minute),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same, effects := campaign.Advance(d, j, f, t0.Add(time.Minute))
			require.Empty(t, effects)
			require.Equal(t, j, same)
		})
	}
	for _, iteration := range []any{1, int64(1), 1.0, json.Number("1"), nil} {
		moved, effects := campaign.Advance(d, j, answered("j1", "stock", iteration, true, time.Minute), t0.Add(2*time.Minute))
		require.Equal(t, map[string]any{"ok": true, "status": int64(200), "left": int64(3)}, of[campaign.UpdateCustomer](effects)[0].Set)
		require.Equal(t, t0.Add(day+2*time.Minute), moved.DueAt)
		decision := decisions(effects, campaign.DecisionWebhook)[0]
		require.Equal(t, "answered", decision.Outcome)
		require.Equal(t, "the server answered on 2026-01-05 10:01 UTC with status 200", decision.Reason)
	}
	moved, effects := campaign.Advance(d, j, answered("j1", "stock", 1.0, false, time.Minute), t0.Add(2*time.Minute))
	require.False(t, moved.Position.Results["stock"].Happened)
	require.Equal(t, "refused", decisions(effects, campaign.DecisionWebhook)[0].Outcome)
	for _, late := range []campaign.Facts{{}, answered("j1", "stock", 1.0, true, 11*time.Minute)} {
		moved, effects = campaign.Advance(d, j, late, t0.Add(time.Hour))
		require.Equal(t, campaign.Result{At: t0.Add(10 * time.Minute)}, moved.Position.Results["stock"])
		require.Equal(t, "there was no answer within 10m", decisions(effects, campaign.DecisionWebhook)[0].Reason)
	}
}

func TestSubJourney(t *testing.T) {
	t.Parallel()
	d := simple(t, `{journey: {id: up, campaign: upsell, data: {sku: entry.starts_at}, wait: true, timeout: 30d}}, {wait: 1d}`)
	j, effects := begin(d, campaign.Facts{}, t0)
	require.Equal(t, []campaign.Effect{campaign.StartJourney{
		Step: "up", Iteration: 1, Campaign: "upsell", Data: map[string]any{"sku": "2026-01-20T15:00:00Z"}, Wait: true,
	}}, effects)
	require.Equal(t, t0.Add(30*day), j.DueAt)
	require.Contains(t, j.ListensTo, audience.EventJourneyEnded)
	ended := func(parent, status string) campaign.Facts {
		return inbox(event(audience.EventJourneyEnded, t0.Add(day), map[string]any{
			"campaign": "upsell", "parent": parent, "step": "up", "iteration": 1.0, "status": status, "reason": "why",
		}))
	}
	same, _ := campaign.Advance(d, j, ended("j2", "finished"), t0.Add(day))
	require.Equal(t, j, same)
	for status, happened := range map[string]bool{
		"finished": true, "exited": true, "converted": true, "held_out": false, campaign.NotEntered: false,
	} {
		moved, effects := campaign.Advance(d, j, ended("j1", status), t0.Add(day))
		require.Equal(t, campaign.Result{Happened: happened, At: t0.Add(day), Event: map[string]any{"status": status, "reason": "why"}}, moved.Position.Results["up"])
		require.Len(t, decisions(effects, campaign.DecisionJourney), 1)
	}
	_, effects = campaign.Advance(d, j, campaign.Facts{}, t0.Add(30*day))
	require.Equal(t, "the journey through upsell did not end within 30d", decisions(effects, campaign.DecisionJourney)[0].Reason)

	free := simple(t, `{journey: {id: up, campaign: upsell}}, {wait: 1d}`)
	j, effects = begin(free, campaign.Facts{}, t0)
	require.Equal(t, "wait_2", j.Position.Step)
	require.Nil(t, of[campaign.StartJourney](effects)[0].Data)
}

func TestReasonOfTheEntry(t *testing.T) {
	t.Parallel()
	for trigger, want := range map[string]string{
		"{event: registered}":           "entered when registered happened",
		"{segment: vip}":                "entered when joining segment vip",
		"{segment: {left: vip}}":        "entered when leaving segment vip",
		`{audience: "true"}`:            "entered with the audience",
		"{api: true}":                   "entered when asked for",
		"{date: {attribute: birthday}}": "entered by the date birthday",
		`{schedule: {cron: "0 9 * * *", audience: "true"}}`: "entered by the schedule",
	} {
		d := parse(t, `{campaign: c, transactional: true, trigger: `+trigger+`, steps: [{email: {template: a}}]}`)
		_, effects := begin(d, campaign.Facts{}, t0)
		require.Equal(t, want, of[campaign.PlanEmail](effects)[0].Reason)
	}
}

func TestWebhookRefused(t *testing.T) {
	t.Parallel()
	d := simple(t, `{webhook: {id: h, url: "https://a.example", wait: true}}, {wait: 1d}`)
	j, _ := begin(d, campaign.Facts{}, t0)
	require.Equal(t, t0.Add(time.Hour), j.DueAt)
	for reason, properties := range map[string]map[string]any{
		"the server refused on 2026-01-05 10:01 UTC":                     {"ok": false},
		"the server refused on 2026-01-05 10:01 UTC with status 404":     {"ok": false, "status": json.Number("404")},
		"the server refused on 2026-01-05 10:01 UTC: no such host":       {"ok": false, "error": "no such host"},
		"the server answered on 2026-01-05 10:01 UTC with status 204":    {"ok": true, "status": 204},
		"the server answered on 2026-01-05 10:01 UTC":                    {"ok": true, "status": "odd"},
		"the server refused on 2026-01-05 10:01 UTC: that is no answer?": {"error": "that is no answer?", "status": 1.5},
	} {
		properties["journey"], properties["step"] = "j1", "h"
		_, effects := campaign.Advance(d, j, inbox(event(audience.EventWebhookAnswered, t0.Add(time.Minute), properties)), t0.Add(time.Minute))
		require.Equal(t, reason, decisions(effects, campaign.DecisionWebhook)[0].Reason)
	}
}

// TestKindsThatChanged: a version in which a step that waited has become one that does not goes on at once.
func TestKindsThatChanged(t *testing.T) {
	t.Parallel()
	j, _ := begin(simple(t, `{wait: {id: p, for: 9d}}`), campaign.Facts{}, t0)
	for name, step := range map[string]string{
		"split":   `{split: {id: p, arms: {a: 50%, b: 50%}}}`,
		"webhook": `{webhook: {id: p, url: "https://a.example"}}`,
		"journey": `{journey: {id: p, campaign: other}}`,
		"note":    `{note: {id: p, text: t}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := simple(t, step+", {wait: 1d}")
			now := t0.Add(day)
			ignored := event("x", now, nil)
			moved, effects := campaign.Advance(d, j, inbox(ignored), now)
			require.Empty(t, effects)
			require.Equal(t, "wait_2", moved.Position.Step)
		})
	}
}
