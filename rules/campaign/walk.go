package campaign

import (
	"slices"

	"dotyk/rules"
)

// Within gives the lists of steps inside of a step, in the order of the file; fallbacks of messages are not among them.
func Within(step Step) [][]Step {
	var within [][]Step
	switch s := step.(type) {
	case *BranchStep:
		for _, arm := range s.Arms {
			within = append(within, arm.Steps)
		}
	case *SplitStep:
		for _, arm := range s.Arms {
			within = append(within, arm.Steps)
		}
	case *RepeatStep:
		within = append(within, s.Steps)
	case *EmailStep, *SMSStep, *CallStep, *TaskStep, *WebhookStep, *WaitStep, *WaitForStep, *DecideStep, *UpdateStep,
		*OwnerStep, *NoteStep, *CouponStep, *JourneyStep, *ExitStep:
	}
	return within
}

// Walk calls visit for each of the steps and for those within them, in the order of the file; what a message falls back on
// comes right behind it.
func Walk(steps []Step, visit func(Step)) {
	for _, step := range steps {
		visit(step)
		if m, ok := step.(MessageStep); ok {
			for m = m.How().Fallback; m != nil; m = m.How().Fallback {
				visit(m)
			}
		}
		for _, list := range Within(step) {
			Walk(list, visit)
		}
	}
}

// everyWay reports whether on every way through a step there is one for which something holds.
func everyWay(step Step, holds func(Step) bool) bool {
	within := func(steps []Step) bool {
		return slices.ContainsFunc(steps, func(s Step) bool { return everyWay(s, holds) })
	}
	switch s := step.(type) {
	case *BranchStep:
		return len(s.Arms) > 0 && s.Arms[len(s.Arms)-1].When == nil &&
			!slices.ContainsFunc(s.Arms, func(a Arm) bool { return !within(a.Steps) })
	case *SplitStep:
		return len(s.Arms) > 0 &&
			!slices.ContainsFunc(s.Arms, func(a SplitArm) bool { return !a.Winner && !within(a.Steps) })
	case *RepeatStep:
		return s.While == nil && within(s.Steps)
	case *EmailStep, *SMSStep, *CallStep, *TaskStep, *WebhookStep, *WaitStep, *WaitForStep, *DecideStep, *UpdateStep,
		*OwnerStep, *NoteStep, *CouponStep, *JourneyStep, *ExitStep:
	}
	return holds(step)
}

// Messages gives every step that sends a message, in the order of the file, and behind each those that it falls back on:
// what must be compiled at publish.
func (d *Definition) Messages() []MessageStep { return messages(d.Steps) }

func messages(steps []Step) []MessageStep {
	var found []MessageStep
	Walk(steps, func(step Step) {
		if m, ok := step.(MessageStep); ok {
			found = append(found, m)
		}
	})
	return found
}

// rulesOf lists the rules of a step, without those of the steps within it. Some may be nil.
func rulesOf(step Step) []*rules.Rule {
	var list []*rules.Rule
	values := func(assignments []Assignment) {
		for _, a := range assignments {
			list = append(list, a.Value)
		}
	}
	switch s := step.(type) {
	case *CallStep:
		list = append(list, s.For.Rule)
	case *TaskStep:
		list = append(list, s.For.Rule)
	case *OwnerStep:
		list = append(list, s.To.Rule)
	case *WebhookStep:
		values(s.Body)
	case *JourneyStep:
		values(s.Data)
	case *UpdateStep:
		values(s.Set)
		values(s.Add)
	case *WaitStep:
		if s.Until != nil {
			list = append(list, s.Until.Moment)
		}
	case *WaitForStep:
		list = append(list, s.When, s.Rule)
	case *BranchStep:
		for _, arm := range s.Arms {
			list = append(list, arm.When)
		}
	case *DecideStep:
		for _, choice := range s.First {
			list = append(list, choice.When)
		}
	case *RepeatStep:
		list = append(list, s.While)
	case *EmailStep, *SMSStep, *SplitStep, *NoteStep, *CouponStep, *ExitStep:
	}
	return list
}

// Needs is everything that the rules of the steps, exits, goal and key need: what Advance must be given.
func (d *Definition) Needs() rules.Needs { return d.needs.Merge(rules.Needs{}) }

// TriggerNeeds is everything that the rules of the trigger, key and re-entry need: what Match, MatchAudience, MatchDate,
// MatchRequest and MayEnter must be given.
func (d *Definition) TriggerNeeds() rules.Needs {
	return d.triggerNeeds().Merge(needsOf(d.Key)).Merge(needsOf(d.Reenter.When))
}

func (d *Definition) triggerNeeds() rules.Needs {
	switch t := d.Trigger.(type) {
	case EventTrigger:
		return needsOf(t.When)
	case SegmentTrigger:
		return needsOf(t.When)
	case ScheduleTrigger:
		return needsOf(t.Audience)
	case DateTrigger:
		needs := needsOf(t.When)
		return needs.Merge(rules.Needs{Profile: []string{t.Attribute}})
	case AudienceTrigger:
		return needsOf(t.Rule)
	case APITrigger:
		return needsOf(t.When)
	}
	return rules.Needs{}
}

func (d *Definition) collectNeeds() rules.Needs {
	needs := needsOf(d.Key)
	for _, exit := range d.Exit {
		needs = needs.Merge(needsOf(exit.Rule)).Merge(needsOf(exit.When))
	}
	if d.Goal != nil {
		needs = needs.Merge(needsOf(d.Goal.When))
	}
	Walk(d.Steps, func(step Step) {
		for _, rule := range rulesOf(step) {
			needs = needs.Merge(needsOf(rule))
		}
	})
	return needs
}

func needsOf(r *rules.Rule) rules.Needs {
	if r == nil {
		return rules.Needs{}
	}
	return r.Needs()
}
