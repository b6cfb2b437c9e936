package campaign

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// TriggerEvent names the event that Match judges: of an event trigger its own, of a segment trigger EventSegmentEntered or
// EventSegmentLeft; "" of the others.
func (d *Definition) TriggerEvent() string {
	switch t := d.Trigger.(type) {
	case EventTrigger:
		return t.Event
	case SegmentTrigger:
		if t.Left {
			return audience.EventSegmentLeft
		}
		return audience.EventSegmentEntered
	case ScheduleTrigger, DateTrigger, AudienceTrigger, APITrigger:
	}
	return ""
}

// MayEnter decides, from the customer's journeys through the campaign so far, whether another with this key may start at
// env.Now, and says why or why not. There are never two active journeys with one key; a campaign whose journeys are
// concurrent has none. Who was held out counts as having been through.
func (d *Definition) MayEnter(past []Past, key string, env rules.Env) (bool, string) {
	if d.Concurrent {
		key = ""
	}
	last, active := d.latest(past, key)
	switch {
	case active != nil:
		return false, fmt.Sprintf("a journey%s is under way since %s", keyed(key), date(active.EnteredAt))
	case last == nil:
		return true, "it is the first journey" + keyed(key)
	}
	return d.mayReenter(last, key, env)
}

// latest gives the journey before, of those that matter to one with this key, and the one that forbids it because it is
// under way; nil without.
func (d *Definition) latest(past []Past, key string) (last, active *Past) {
	for i := range past {
		p := &past[i]
		if p.Key != key && !d.Concurrent {
			continue
		}
		if p.Status == Active && !d.Concurrent {
			return nil, p
		}
		if last == nil || p.EnteredAt.After(last.EnteredAt) {
			last = p
		}
	}
	return last, nil
}

// ReentryRule gives the rule that MayEnter asks, with what it sees of the journey before; nil where no rule decides.
func (d *Definition) ReentryRule(past []Past, key string, env rules.Env) (*rules.Rule, rules.Env) {
	last, active := d.latest(past, key)
	if d.Reenter.Mode != ReenterWhen || last == nil || active != nil {
		return nil, env
	}
	return d.Reenter.When, last.seen(env)
}

func (d *Definition) mayReenter(last *Past, key string, env rules.Env) (bool, string) {
	before := "entered on " + date(last.EnteredAt)
	if last.Status == HeldOut {
		before = "held out on " + date(last.EnteredAt)
	}
	switch d.Reenter.Mode {
	case ReenterAlways:
		return true, "the campaign may be entered again"
	case ReenterAfter:
		again, period := last.EnteredAt.Add(d.Reenter.After), rules.FormatDuration(d.Reenter.After)
		if env.Now.Before(again) {
			return false, fmt.Sprintf("%s; may enter again after %s, on %s", before, period, date(again))
		}
		return true, fmt.Sprintf("%s, and may enter again after %s", before, period)
	case ReenterWhen:
		return d.mayReenterWhen(last, before, env)
	case ReenterNever:
	}
	return false, fmt.Sprintf("%s, and the campaign may be entered only once%s", before, keyed(key))
}

// previous is the name by which the rule of a re-entry sees the journey before.
const previous = "previous"

// seen gives an environment in which rules see the journey as the one before.
func (p *Past) seen(env rules.Env) rules.Env {
	event := map[string]any{"status": string(p.Status), "reason": p.Reason}
	if !p.EndedAt.IsZero() {
		event["ended_at"] = p.EndedAt
	}
	env.Results = maps.Clone(env.Results)
	if env.Results == nil {
		env.Results = map[string]map[string]any{}
	}
	env.Results[previous] = map[string]any{"happened": true, "at": p.EnteredAt, "event": event}
	return env
}

func (d *Definition) mayReenterWhen(last *Past, before string, env rules.Env) (bool, string) {
	held, err := d.Reenter.When.Bool(last.seen(env))
	rule := d.Reenter.When.Source()
	switch {
	case err != nil:
		return false, fmt.Sprintf("%s; whether to enter again, by %s, could not be evaluated: %s", before, rule, errorText(err))
	case held:
		return true, fmt.Sprintf("%s, and may enter again, for %s holds", before, rule)
	}
	return false, fmt.Sprintf("%s, and may not enter again, for %s does not hold", before, rule)
}

// HoldsOut decides whether a customer is kept out, to compare with: of everything by the policy, or of this campaign. It
// depends on the customer's id and the campaign's name alone.
func (d *Definition) HoldsOut(customerID string, p Policy) (bool, string) {
	switch {
	case d.Transactional:
		return false, ""
	case lot("holdout", customerID) < p.Holdout:
		return true, fmt.Sprintf("the customer belongs to the %s of all customers who are kept out of every campaign, "+
			"to compare with", p.Holdout)
	case lot("holdout", d.Name, customerID) < d.Holdout:
		return true, fmt.Sprintf("the customer belongs to the %s of customers who are kept out of this campaign, "+
			"to compare with", d.Holdout)
	}
	return false, ""
}

// Mentions lists, in order, what a change of may concern a journey of this campaign at some step, or whether a customer
// enters: in the form of rules.Needs.Mentions. Names of events are not in it.
func (d *Definition) Mentions() []string {
	var l listener
	for _, exit := range d.Exit {
		l.rule(d, exit.Rule)
	}
	for _, step := range d.flow.steps {
		l.step(d, step)
	}
	l.trigger(d)
	return l.mentions()
}

// NamesSegment reports whether the trigger is about this segment, or an update puts customers on this list or takes them
// off. What rules mention is not looked at.
func (d *Definition) NamesSegment(name string) bool {
	t, _ := d.Trigger.(SegmentTrigger)
	named := t.Segment == name && name != ""
	Walk(d.Steps, func(step Step) {
		if s, ok := step.(*UpdateStep); ok {
			named = named || slices.Contains(s.AddTo, name) || slices.Contains(s.RemoveFrom, name)
		}
	})
	return named
}

// Resting is a step at which journeys can stand.
type Resting struct {
	Step string
	Kind string // start, wait, wait_for, split, webhook, journey
}

// Rests lists the steps at which journeys can stand, in the order of the file. Step "" stands for the start.
func (d *Definition) Rests() []Resting {
	rests := []Resting{{Kind: "start"}}
	Walk(d.Steps, func(step Step) {
		if kind := restKind(step); kind != "" {
			rests = append(rests, Resting{Step: step.StepID(), Kind: kind})
		}
	})
	return rests
}

// restKind is the kind of a step at which journeys can stand, and "" of any other.
func restKind(step Step) string {
	rests, kind := false, ""
	switch s := step.(type) {
	case *WaitStep:
		rests, kind = true, "wait"
	case *WaitForStep:
		rests, kind = true, "wait_for"
	case *SplitStep:
		rests, kind = s.awaits(), "split"
	case *WebhookStep:
		rests, kind = s.Wait, "webhook"
	case *JourneyStep:
		rests, kind = s.Wait, "journey"
	case *EmailStep, *SMSStep, *CallStep, *TaskStep, *BranchStep, *DecideStep, *RepeatStep, *UpdateStep, *OwnerStep,
		*NoteStep, *CouponStep, *ExitStep:
	}
	if !rests {
		return ""
	}
	return kind
}

// Carry gives a journey as it goes on in another version of its campaign, due at once: Advance then finds out where its
// timers lead in that version. Rename maps ids of steps of the old version to those of the new one. It gives false, and
// why, where the journey stands at a step that the new version has not, or at which nothing waits there.
func Carry(to *Definition, j Journey, rename map[string]string, now time.Time) (Journey, bool, string) {
	named := func(id string) string {
		if renamed, ok := rename[id]; ok {
			return renamed
		}
		return id
	}
	step := named(j.Position.Step)
	at, known := to.flow.index[step]
	switch {
	case step == "":
	case !known:
		return j, false, fmt.Sprintf("step %s does not exist in this version of the campaign", step)
	case restKind(to.flow.steps[at]) == "":
		return j, false, fmt.Sprintf("nothing waits at step %s in this version of the campaign", step)
	}
	moved := j
	moved.Position.Step = step
	moved.Position.Results = renamed(j.Position.Results, named)
	moved.Position.Passes = renamed(j.Position.Passes, named)
	moved.DueAt, moved.ListensTo = instant(now), to.listens(step)
	return moved, true, ""
}

// renamed gives a map of steps with their new ids. Where two come to have one id, the one that was renamed stays.
func renamed[V any](byID map[string]V, named func(string) string) map[string]V {
	if byID == nil {
		return nil
	}
	moved := make(map[string]V, len(byID))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		if _, taken := moved[named(id)]; !taken || named(id) != id {
			moved[named(id)] = byID[id]
		}
	}
	return moved
}
