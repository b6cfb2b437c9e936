package campaign

import (
	"fmt"
	"slices"
)

func (r *reader) decide(d draft) *DecideStep {
	const advice = "Write {id: <id>, first: [{when: <rule>, value: …}, {else: …}]}."
	fields := r.body(d, objDecide, advice)
	s := &DecideStep{ID: r.id(d, fields)}
	first, path := fields["first"], d.at("first")
	switch {
	case d.n.shape != shapeObject:
		return s
	case first != nil && first.shape != shapeList:
		r.wrongShape(first, path, `"first"`, "a list of choices", advice)
		return s
	case first == nil || len(first.items) == 0:
		r.report(d.n.place(path), CodeNoArms, "the decide step has no choices", advice)
		return s
	}
	s.First = make([]Choice, len(first.items))
	for i, item := range first.items {
		choice := draft{n: item, path: fmt.Sprintf("%s[%d]", path, i), known: d.known}
		r.choice(choice, &s.First[i], i == len(first.items)-1)
	}
	return s
}

func (r *reader) choice(d draft, c *Choice, last bool) {
	const advice = "Write {when: <rule>, value: …}, or {else: …}."
	fields := r.body(d, objChoice, advice)
	if d.n.shape != shapeObject {
		return
	}
	name := "value"
	switch at := d.n.place(d.path); {
	case fields["else"] != nil:
		if fields["when"] != nil || fields["value"] != nil {
			r.report(at, CodeConflict, `"else" stands alone in its choice`, advice)
		}
		if !last {
			r.report(at, CodeElseNotLast, "choices after else are never reached", "Move else to the end.")
		}
		name = "else"
	case fields["when"] != nil:
		r.condition(fields, "when", d, &c.When)
	default:
		r.report(at, CodeMissingField, "the choice does not say when it is taken", advice)
	}
	value := fields[name]
	if value == nil || value.shape == shapeNull {
		r.missing(d.n, d.path, name, "the choice has no value", advice)
		return
	}
	c.Value = r.value(value, d.at(name))
	for _, f := range value.fields {
		if f.name == "happened" || f.name == "at" {
			r.report(f.at.place(join(d.at(name), f.name)), CodeBadValue,
				fmt.Sprintf("a value cannot have a field %q: every result has one", f.name),
				"Call it otherwise.")
		}
	}
}

const (
	maxRepeat = 1000
	maxPasses = 10_000 // of repeats within each other
)

func (r *reader) repeat(d draft) (*RepeatStep, scope) {
	const advice = "Write {while: <rule>, max: 10, steps: […]}."
	fields := r.body(d, objRepeat, advice)
	s := &RepeatStep{ID: r.id(d, fields), Max: 1}
	if d.n.shape != shapeObject {
		return s, d.known
	}
	if n := fields["max"]; n != nil {
		s.Max = r.integer(n, d.at("max"), "the number of times", 1, maxRepeat)
	} else {
		r.missing(d.n, d.path, "max", "the repeat does not say how many times at most", `Add "max:", as in "max: 10".`)
	}
	passes := r.passes
	if r.passes *= s.Max; r.passes > maxPasses && passes <= maxPasses {
		r.report(d.n.place(d.path), CodeTooLarge,
			fmt.Sprintf("repeats within each other would go round %d times, at most %d", r.passes,
				maxPasses), `Make "max" smaller.`)
	}
	r.passes = min(r.passes, maxPasses+1)
	body := &scope{}
	inner := d
	inner.known.around = append(slices.Clip(d.known.around), body)
	r.condition(fields, "while", inner, &s.While)
	var after scope
	s.Steps, after = r.within(inner, fields["steps"], "steps", "the repeat")
	r.passes = passes
	*body = scope{results: after.results, sent: after.sent}
	if fields["steps"] != nil && fields["steps"].shape == shapeList {
		r.loop(d, s)
	}
	return s, d.known.merge(*body)
}

// loop checks that time passes on every way through a repeat.
func (r *reader) loop(d draft, s *RepeatStep) {
	onEveryWay := func(holds func(Step) bool) bool {
		return slices.ContainsFunc(s.Steps, func(step Step) bool { return everyWay(step, holds) })
	}
	at := d.n.place(d.path)
	switch {
	case len(s.Steps) == 0:
		r.report(at, CodeNoSteps, "the repeat has no steps", `Add "steps:" with a wait at least.`)
	case !onEveryWay(pauses):
		r.report(at, CodeLoopWithoutWait, "the steps can be repeated without any time between",
			"Add a wait, or a wait_for, that is on every way through them.")
	case !onEveryWay(takesTime):
		r.warn(at, CodeLoopWithoutWait,
			"the steps can be repeated without any time between: what a wait is for may have come already",
			`Add a wait for a length of time, as in "wait: 1h".`)
	}
}

// pauses reports whether a step waits, or ends the journey.
func pauses(step Step) bool {
	_, waits := step.(*WaitStep)
	_, awaits := step.(*WaitForStep)
	return waits || awaits || takesTime(step)
}

// takesTime reports whether time passes at a step whenever it is come to, or the journey ends there.
func takesTime(step Step) bool {
	switch s := step.(type) {
	case *WaitStep:
		return s.Until == nil || s.Until.Clock != nil
	case *WaitForStep:
		return s.Rule == nil
	case *ExitStep:
		return true
	case *EmailStep, *SMSStep, *CallStep, *TaskStep, *WebhookStep, *BranchStep, *SplitStep, *DecideStep, *RepeatStep,
		*UpdateStep, *OwnerStep, *NoteStep, *CouponStep, *JourneyStep:
	}
	return false
}
