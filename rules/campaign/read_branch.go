package campaign

import (
	"fmt"
	"slices"
)

func (r *reader) branch(d draft) (*BranchStep, scope) {
	const advice = "Write a list of {when: <rule>, steps: […]}, and at the end {else: […]} if wanted."
	arms, armsPath, fields := d.n, d.path, map[string]*node{}
	if d.n.shape == shapeObject {
		fields = r.fields(d.n, d.path, objBranch)
		arms, armsPath = fields["arms"], d.at("arms")
	}
	s := &BranchStep{ID: r.id(d, fields)}
	switch {
	case arms != nil && arms.shape != shapeList:
		r.wrongShape(arms, armsPath, "a branch", "a list of arms", advice)
		return s, d.known
	case arms == nil || len(arms.items) == 0:
		r.report(d.n.place(d.path), CodeNoArms, "the branch has no arms", advice)
		return s, d.known
	}
	after := d.known
	s.Arms = make([]Arm, len(arms.items))
	for i, item := range arms.items {
		last := i == len(arms.items)-1
		arm := draft{
			n: item, path: fmt.Sprintf("%s[%d]", armsPath, i), numbers: append(slices.Clip(d.numbers), i+1), known: d.known,
		}
		after = after.merge(r.arm(arm, &s.Arms[i], last))
	}
	if len(s.Arms) == 1 && hasField(arms.items[0], "else") {
		r.report(arms.items[0].place(armsPath+"[0]"), CodeNoArms, "the branch has only an else, so it always goes there",
			"Put its steps in place of the branch, or add an arm with when.")
	}
	return s, after
}

func hasField(n *node, name string) bool {
	return slices.ContainsFunc(n.fields, func(f field) bool { return f.name == name })
}

// arm reads one arm of a branch, and gives what is known behind it.
func (r *reader) arm(d draft, arm *Arm, last bool) scope {
	const advice = "Write {when: <rule>, steps: […]}, or {else: […]}."
	fields := r.body(d, objArm, advice)
	if d.n.shape != shapeObject {
		return d.known
	}
	steps := "steps"
	switch at := d.n.place(d.path); {
	case fields["else"] != nil:
		if fields["when"] != nil || fields["steps"] != nil {
			r.report(at, CodeConflict, `"else" stands alone in its arm`, advice)
		}
		if !last {
			r.report(at, CodeElseNotLast, "arms after else are never reached", "Move else to the end.")
		}
		steps = "else"
	case fields["when"] != nil:
		r.condition(fields, "when", d, &arm.When)
	default:
		r.report(at, CodeMissingField, "the arm does not say when it is taken", advice)
	}
	var known scope
	arm.Steps, known = r.within(d, fields[steps], steps, "the arm")
	return known
}

// within reads the list of steps within a step, and gives what is known behind them.
func (r *reader) within(d draft, n *node, name, what string) ([]Step, scope) {
	switch {
	case n == nil:
		r.report(d.n.place(d.path), CodeMissingField, what+" has no steps",
			"Add steps, or \"steps: []\" to do nothing.")
	case n.shape != shapeList:
		r.wrongShape(n, d.at(name), "this", "a list of steps", "Start each step with a dash.")
	default:
		return r.stepList(n, d.at(name), d.numbers, d.known)
	}
	return nil, d.known
}
