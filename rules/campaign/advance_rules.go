package campaign

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
)

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
	results := make(map[string]map[string]any, len(w.j.Position.Results))
	for id, result := range w.j.Position.Results {
		results[id] = map[string]any{"happened": result.Happened, "at": result.At, "event": result.Event}
	}
	return rules.Env{
		Facts: w.f.Facts, Event: e, Entry: w.j.Entry, Results: results, Sent: w.f.Sent, Now: at,
	}
}

// sent lets later rules of the same call see the message as planned, as they would in a later call.
func (w *walker) sent(id string) {
	sent := maps.Clone(w.f.Sent)
	if sent == nil {
		sent = map[string]audience.Delivery{}
	}
	if _, known := sent[id]; !known {
		sent[id] = audience.Delivery{Status: audience.Planned, At: w.at}
	}
	w.f.Sent = sent
}

// update asks for the change, and lets later rules of the same call see it.
func (w *walker) update(s *UpdateStep) {
	effect := UpdateCustomer{Step: s.ID, AddTags: s.AddTags, RemoveTags: s.RemoveTags}
	if len(s.Set) > 0 {
		effect.Set = make(map[string]any, len(s.Set))
	}
	for _, a := range s.Set {
		env := w.env(nil, w.at)
		value, err := a.Value.Value(env)
		if err != nil {
			w.fault(a.Value, s.ID, nil, a.Value.Values(env), err)
			continue
		}
		effect.Set[a.Attribute] = value
	}
	if len(effect.Set)+len(effect.AddTags)+len(effect.RemoveTags) == 0 {
		return // no value could be computed
	}
	w.f.Customer = applied(w.f.Customer, effect)
	w.effects = append(w.effects, effect)
}

// applied gives a customer as the record will be after an update.
func applied(c audience.Customer, u UpdateCustomer) audience.Customer {
	c.Attributes = maps.Clone(c.Attributes)
	if c.Attributes == nil {
		c.Attributes = map[string]any{}
	}
	for name, value := range u.Set {
		text, _ := value.(string) // the rule of a field of the record gives text, or missing, which is "" there
		switch name {
		case "name":
			c.Name = text
		case "locale":
			c.Locale = text
		case "timezone":
			c.Timezone = text
		case "stage":
			c.Stage = text
		default:
			if value == nil {
				delete(c.Attributes, name)
			} else {
				c.Attributes[name] = value
			}
		}
	}
	tags := slices.DeleteFunc(slices.Clone(c.Tags), func(tag string) bool { return slices.Contains(u.RemoveTags, tag) })
	tags = append(tags, u.AddTags...)
	slices.Sort(tags)
	c.Tags = slices.Compact(tags)
	return c
}
