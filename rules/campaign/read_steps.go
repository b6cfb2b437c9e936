package campaign

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"dotyk/rules"
)

const (
	maxSteps = 500
	maxID    = 64 // bytes
)

// draft is a step that is being read.
type draft struct {
	n       *node
	path    string
	derived string // the id that it has if none is written
	numbers []int  // lead to it through the tree, for the ids of steps within it
	known   scope
}

// at is the path of a field of the step.
func (d draft) at(name string) string { return join(d.path, name) }

// options are those of a rule of the step.
func (d draft) options(want rules.Want) rules.Options { return rules.Options{Entry: true, Want: want} }

// condition reads a field that may be absent and must be a rule which says yes or no.
func (r *reader) condition(fields map[string]*node, name string, d draft, target **rules.Rule) {
	r.optionalRule(fields, name, d.path, target, useCondition, d.options(rules.WantBool), d.known)
}

// stepList reads the steps of a list. The numbers lead to the list through the tree, for the ids that are derived.
func (r *reader) stepList(n *node, path string, numbers []int, known scope) ([]Step, scope) {
	var steps []Step
	for i, item := range n.items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if len(steps) > 0 {
			r.comesTo(item.place(at), steps[len(steps)-1])
		}
		var step Step
		step, known = r.step(item, at, append(slices.Clip(numbers), i+1), known)
		if step != nil {
			steps = append(steps, step)
		}
	}
	return steps, known
}

// comesTo reports a step that no journey comes to, because all leave at the one before.
func (r *reader) comesTo(at place, before Step) {
	if _, ended := before.(*ExitStep); ended {
		r.report(at, CodeUnreachable, "nothing can come here: the step before ends the journey",
			"Remove this step, or move the exit.")
	} else if leaves(before) {
		r.warn(at, CodeUnreachable, fmt.Sprintf("nothing can come here: every way of %s ends the journey", before.StepID()),
			"Remove this step, or one of the exits before it.")
	}
}

// leaves reports whether every way through a step ends the journey.
func leaves(step Step) bool {
	return everyWay(step, func(s Step) bool {
		_, exits := s.(*ExitStep)
		return exits
	})
}

// step reads one step. It gives nil if it is not one.
func (r *reader) step(n *node, path string, numbers []int, known scope) (Step, scope) {
	r.count(n.place(path))
	kinds := objStep.names()
	if n.shape != shapeObject || len(n.fields) == 0 {
		r.wrongShape(n, path, "a step", "its kind", "Write one of: "+strings.Join(kinds, ", ")+", as in \"wait: 2d\".")
		return nil, known
	}
	kind, body := r.only(n, path, objStep, "a step is of one kind",
		"Start each step with a dash of its own; the fields of a step stand within it.")
	if body == nil {
		return nil, known
	}
	var derived strings.Builder
	derived.WriteString(kind)
	for _, number := range numbers {
		derived.WriteString("_" + strconv.Itoa(number))
	}
	return r.stepOf(kind, draft{body, join(path, kind), derived.String(), numbers, known})
}

// count counts a step and reports the first that is too much.
func (r *reader) count(at place) {
	if r.steps++; r.steps == maxSteps+1 {
		r.report(at, CodeTooLarge, fmt.Sprintf("the campaign has more than %d steps", maxSteps),
			"Split it into several campaigns.")
	}
}

// only reads a group that has exactly one field, and gives its name. It gives nil if there is none that can be read.
func (r *reader) only(n *node, path string, o *object, rule, advice string) (string, *node) {
	fields := r.fields(n, path, o)
	if len(n.fields) > 1 {
		names := make([]string, len(n.fields))
		for i, f := range n.fields {
			names[i] = clip(f.name)
		}
		r.report(n.place(path), CodeConflict, rule+", but this one has "+strings.Join(names, " and "), advice)
	}
	for _, f := range n.fields {
		if fields[f.name] != nil {
			return f.name, fields[f.name]
		}
	}
	return "", nil
}

func (r *reader) stepOf(kind string, d draft) (Step, scope) {
	switch kind {
	case "email", "sms":
		message := r.message(kind, d)
		return message, d.known.withMessage(message)
	case "call":
		return r.call(d), d.known
	case "task":
		return r.task(d), d.known
	case "note":
		return r.note(d), d.known
	case "owner":
		return r.owner(d), d.known
	case "update":
		return r.update(d), d.known
	case "coupon":
		step := r.coupon(d)
		r.coupons = r.coupons.withResult(step.ID)
		return step, d.known.withResult(step.ID)
	case "webhook":
		step := r.webhook(d)
		return step, d.known.withResultIf(step.Wait, step.ID)
	case "journey":
		step := r.journey(d)
		return step, d.known.withResultIf(step.Wait, step.ID)
	case "wait":
		step := r.wait(d)
		return step, d.known.withResultIf(step.Until != nil, step.ID)
	case "wait_for":
		step := r.waitFor(d)
		return step, d.known.withResult(step.ID)
	case "decide":
		step := r.decide(d)
		return step, d.known.withResult(step.ID)
	case "branch":
		return r.branch(d)
	case "split":
		return r.split(d)
	case "repeat":
		return r.repeat(d)
	default:
		return r.exit(d), d.known
	}
}

var idPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// id gives a step the id that was written, or else the derived one, and makes sure that no other has it.
func (r *reader) id(d draft, fields map[string]*node) string {
	id, at := d.derived, d.n.place(d.path)
	if written := fields["id"]; written != nil {
		at = written.place(d.at("id"))
		id = r.text(fields, "id", d.path)
		if id == "" {
			return d.derived
		}
	}
	const advice = "An id is letters, digits and underscores, starts with no digit, and is not a word of the rule language."
	if !idPattern.MatchString(id) || len(id) > maxID {
		r.report(at, CodeBadID, fmt.Sprintf("%q cannot be the id of a step", clip(id)), advice)
		return d.derived
	}
	if rules.Reserved(id) {
		r.report(at, CodeBadID, fmt.Sprintf("%q cannot be the id of a step: it has a meaning in rules", id), advice)
		return d.derived
	}
	if first, taken := r.ids[id]; taken {
		r.report(at, CodeDuplicateID, fmt.Sprintf("two steps have the id %q, the first in line %d", id, first.line),
			"Give each step an id of its own.")
		return id
	}
	r.ids[id] = at
	return id
}

// body reads the fields of a step that has no short form.
func (r *reader) body(d draft, o *object, advice string) map[string]*node {
	if d.n.shape != shapeObject {
		r.wrongShape(d.n, d.path, o.what, "a group of fields", advice)
		return map[string]*node{}
	}
	return r.fields(d.n, d.path, o)
}

func (r *reader) exit(d draft) *ExitStep {
	switch d.n.shape {
	case shapeNull:
		return &ExitStep{ID: r.id(d, nil), Reason: defaultExitReason}
	case shapeObject:
		fields := r.fields(d.n, d.path, objLeave)
		s := &ExitStep{ID: r.id(d, fields), Reason: r.name(fields, "reason", d.path)}
		if fields["reason"] == nil {
			s.Reason = defaultExitReason
		}
		return s
	case shapeText, shapeNumber, shapeBool, shapeList:
	}
	return &ExitStep{ID: r.id(d, nil), Reason: r.nameAt(d.n, d.path, "the reason")}
}

// defaultExitReason is the ExitReason where an exit step gives none.
const defaultExitReason = "exit"
