package campaign

import (
	"errors"
	"fmt"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// concerned reports whether an event concerns the journey: not if it names another journey, nor if it has another key.
func (w *walker) concerned(e audience.Event) bool {
	switch e.Name {
	case audience.EventTaskCompleted, audience.EventCallCompleted, audience.EventWebhookAnswered:
		if of, _ := e.Properties["journey"].(string); of != "" && of != w.j.ID {
			return false
		}
	}
	return w.d.Key == nil || w.d.concerns(w.j.Key, e, w.env(nil, w.now))
}

// judgeExitRules lets the journey leave if a rule about the customer says so.
func (w *walker) judgeExitRules() {
	for _, exit := range w.d.Exit {
		if exit.Rule == nil {
			continue
		}
		if held, values := w.judge(exit.Rule, nil, w.now, ""); held {
			w.leave(Exited, exit.Rule.Source(), &RecordDecision{
				Kind: DecisionExit, Rule: exit.Rule.Source(), Reason: "the exit rule held", Values: values,
			})
			return
		}
	}
}

// judgeExitEvents lets the journey leave if an exit wants the event. It reports whether it did.
func (w *walker) judgeExitEvents(e audience.Event) bool {
	for _, exit := range w.d.Exit {
		if exit.Event != e.Name {
			continue
		}
		if held, values := w.judge(exit.When, &e, w.now, ""); held {
			w.leave(Exited, e.Name, &RecordDecision{
				Kind: DecisionExit, Rule: source(exit.When), Values: values, EventID: e.ID,
				Reason: fmt.Sprintf("%s happened on %s", e.Name, date(e.OccurredAt)),
			})
			return true
		}
	}
	return false
}

// judgeGoal lets the journey leave as converted if the event reaches the goal. It reports whether it did.
func (w *walker) judgeGoal(e audience.Event) bool {
	g := w.d.Goal
	if g == nil || g.Event != e.Name || (g.Within > 0 && e.OccurredAt.After(w.j.EnteredAt.Add(g.Within))) {
		return false
	}
	held, values := w.judge(g.When, &e, w.now, "")
	if !held {
		return false
	}
	w.leave(Converted, e.Name, &RecordDecision{
		Kind: DecisionGoal, Rule: source(g.When), Values: values, EventID: e.ID,
		Reason: fmt.Sprintf("the goal was reached: %s happened on %s", e.Name, date(e.OccurredAt)),
	})
	return true
}

// judge evaluates a rule, which holds if there is none. An error is recorded and counts as false.
func (w *walker) judge(rule *rules.Rule, e *audience.Event, at time.Time, step string) (bool, map[string]any) {
	if rule == nil {
		return true, nil
	}
	held, values, err := rule.Judge(w.env(e, at))
	if err != nil {
		w.fault(rule, step, e, values, err)
	}
	return held, values
}

func (w *walker) fault(rule *rules.Rule, step string, e *audience.Event, values map[string]any, err error) {
	decision := RecordDecision{
		Step: step, Kind: DecisionError, Outcome: "false", Rule: rule.Source(), Values: values, Reason: errorText(err),
	}
	if fault, ok := errors.AsType[*rules.Error](err); ok {
		decision.Reason = "the rule could not be evaluated: " + fault.Message
	}
	if e != nil {
		decision.EventID = e.ID
	}
	w.effects = append(w.effects, decision)
}

func (w *walker) env(e *audience.Event, at time.Time) rules.Env {
	if w.results == nil {
		w.results = w.outcomes()
	}
	return rules.Env{
		Facts: w.f.Facts, Event: e, Entry: w.j.Entry, Results: w.results, Sent: w.f.Sent, Now: at,
	}
}

// outcomes gives the results of the steps behind the journey, and its coupons, as rules see them.
func (w *walker) outcomes() map[string]map[string]any {
	results := make(map[string]map[string]any, len(w.j.Position.Results)+len(w.f.Coupons))
	for id, result := range w.j.Position.Results {
		results[id] = map[string]any{"happened": result.Happened, "at": result.At, "event": result.Event}
	}
	for id, coupon := range w.f.Coupons {
		results[id] = coupon.result()
	}
	return results
}

func (c Coupon) result() map[string]any {
	redeemed := !c.RedeemedAt.IsZero()
	event := map[string]any{"redeemed": redeemed}
	if c.Code != "" {
		event["code"] = c.Code
	}
	if !c.ExpiresAt.IsZero() {
		event["expires_at"] = c.ExpiresAt
	}
	return map[string]any{"happened": redeemed, "at": c.RedeemedAt, "event": event}
}
