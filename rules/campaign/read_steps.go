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

var (
	stepKinds = []string{"email", "sms", "wait", "wait_for", "branch", "update", "exit"}
	stepLater = []string{"call", "task", "webhook", "split", "decide", "repeat", "holdout"}
)

// stepList reads the steps of a list. The numbers lead to the list through the tree, for the ids that are derived.
func (r *reader) stepList(n *node, path string, numbers []int, known scope) ([]Step, scope) {
	var steps []Step
	for i, item := range n.items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if len(steps) > 0 {
			if _, ended := steps[len(steps)-1].(*ExitStep); ended {
				r.report(item.place(at), CodeUnreachable, "nothing can come here: the step before ends the journey", "Remove this step, or move the exit.")
			}
		}
		var step Step
		step, known = r.step(item, at, append(slices.Clip(numbers), i+1), known)
		if step != nil {
			steps = append(steps, step)
		}
	}
	return steps, known
}

// step reads one step. It gives nil if it is not one.
func (r *reader) step(n *node, path string, numbers []int, known scope) (Step, scope) {
	if r.steps++; r.steps == maxSteps+1 {
		r.report(n.place(path), CodeTooLarge, fmt.Sprintf("the campaign has more than %d steps", maxSteps), "Split it into several campaigns.")
	}
	if n.shape != shapeObject || len(n.fields) == 0 {
		r.wrongShape(n, path, "a step", "its kind", "Write one of: "+strings.Join(stepKinds, ", ")+", as in \"wait: 2d\".")
		return nil, known
	}
	fields := r.fields(n, path, "a step", stepKinds, stepLater)
	if len(n.fields) > 1 {
		names := make([]string, len(n.fields))
		for i, f := range n.fields {
			names[i] = clip(f.name)
		}
		r.report(n.place(path), CodeConflict, "a step is of one kind, but this one has "+strings.Join(names, " and "),
			"Start each step with a dash of its own; the fields of a step stand within it.")
	}
	for _, f := range n.fields {
		if body := fields[f.name]; body != nil {
			return r.stepOf(f.name, body, join(path, f.name), numbers, known)
		}
	}
	return nil, known
}

func (r *reader) stepOf(kind string, n *node, path string, numbers []int, known scope) (Step, scope) {
	var derived strings.Builder
	derived.WriteString(kind)
	for _, number := range numbers {
		derived.WriteString("_" + strconv.Itoa(number))
	}
	switch kind {
	case "email":
		step := r.email(n, path, derived.String())
		return step, known.withSent(step.ID)
	case "sms":
		step := r.sms(n, path, derived.String())
		return step, known.withSent(step.ID)
	case "wait":
		return r.wait(n, path, derived.String()), known
	case "wait_for":
		step := r.waitFor(n, path, derived.String(), known)
		return step, known.withResult(step.ID)
	case "branch":
		return r.branch(n, path, derived.String(), numbers, known)
	case "update":
		return r.update(n, path, derived.String(), known), known
	default:
		return r.exit(n, path, derived.String()), known
	}
}

var idPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// id gives a step the id that was written, or else the derived one, and makes sure that no other has it.
func (r *reader) id(n *node, fields map[string]*node, path, derived string) string {
	id, at := derived, n.place(path)
	if written := fields["id"]; written != nil {
		at = written.place(join(path, "id"))
		id = r.text(fields, "id", path)
		if id == "" {
			return derived
		}
	}
	const advice = "An id is letters, digits and underscores, starts with no digit, and is not a word of the rule language."
	if !idPattern.MatchString(id) || len(id) > maxID {
		r.report(at, CodeBadID, fmt.Sprintf("%q cannot be the id of a step", clip(id)), advice)
		return derived
	}
	if rules.Reserved(id) {
		r.report(at, CodeBadID, fmt.Sprintf("%q cannot be the id of a step: it has a meaning in rules", id), advice)
		return derived
	}
	if first, taken := r.ids[id]; taken {
		r.report(at, CodeDuplicateID, fmt.Sprintf("two steps have the id %q, the first in line %d", id, first.line), "Give each step an id of its own.")
		return id
	}
	r.ids[id] = at
	return id
}

// body reads the fields of a step that has no short form.
func (r *reader) body(n *node, path, what, advice string, known, later []string) map[string]*node {
	if n.shape != shapeObject {
		r.wrongShape(n, path, what, "a group of fields", advice)
		return map[string]*node{}
	}
	return r.fields(n, path, what, known, later)
}

func (r *reader) email(n *node, path, derived string) *EmailStep {
	const advice = "Write {template: <name>}, or {subject: …, html: …, text: …}."
	fields := r.body(n, path, "an email", advice, []string{"id", "template", "subject", "html", "text"}, []string{"fallback"})
	s := &EmailStep{
		ID:       r.id(n, fields, path, derived),
		Template: r.name(fields, "template", path),
		Subject:  r.text(fields, "subject", path),
		HTML:     r.text(fields, "html", path),
		Text:     r.text(fields, "text", path),
	}
	inline := fields["subject"] != nil || fields["html"] != nil || fields["text"] != nil
	switch {
	case n.shape != shapeObject:
	case fields["template"] != nil && inline:
		r.report(n.place(path), CodeConflict, "the email has both a template and a content of its own", "Keep one of them.")
	case fields["template"] == nil && !inline:
		r.report(n.place(path), CodeNoContent, "the email has no content", advice)
	case inline && fields["subject"] == nil:
		r.report(n.place(path), CodeNoContent, "the email has no subject", `Add "subject:".`)
	case inline && fields["html"] == nil && fields["text"] == nil:
		r.report(n.place(path), CodeNoContent, "the email has a subject but nothing beneath it", `Add "html:" or "text:", or both.`)
	}
	return s
}

func (r *reader) sms(n *node, path, derived string) *SMSStep {
	const advice = "Write {text: …}, or {template: <name>}."
	fields := r.body(n, path, "an sms", advice, []string{"id", "text", "template"}, []string{"fallback"})
	s := &SMSStep{
		ID:       r.id(n, fields, path, derived),
		Text:     r.text(fields, "text", path),
		Template: r.name(fields, "template", path),
	}
	switch {
	case n.shape != shapeObject:
	case fields["text"] != nil && fields["template"] != nil:
		r.report(n.place(path), CodeConflict, "the sms has both a template and a text of its own", "Keep one of them.")
	case fields["text"] == nil && fields["template"] == nil:
		r.report(n.place(path), CodeNoContent, "the sms has no content", advice)
	}
	return s
}

func (r *reader) wait(n *node, path, derived string) *WaitStep {
	if n.shape != shapeObject {
		return &WaitStep{ID: r.id(n, nil, path, derived), For: r.duration(n, path)}
	}
	fields := r.fields(n, path, "a wait", []string{"id", "for"}, []string{"until", "weekday", "zone", "offset", "if_past"})
	s := &WaitStep{ID: r.id(n, fields, path, derived)}
	if length := fields["for"]; length != nil {
		s.For = r.duration(length, join(path, "for"))
	} else {
		r.report(n.place(path), CodeMissingField, "the wait does not say how long", "Write {for: 2d}, or just wait: 2d.")
	}
	return s
}

func (r *reader) waitFor(n *node, path, derived string, known scope) *WaitForStep {
	const advice = "Write {id: <id>, event: <name>, timeout: 3d}."
	fields := r.body(n, path, "a wait_for", advice, []string{"id", "event", "when", "timeout"}, []string{"quiet", "rule"})
	s := &WaitForStep{ID: r.id(n, fields, path, derived)}
	if n.shape != shapeObject {
		return s
	}
	if !slices.ContainsFunc(n.fields, func(f field) bool { return f.name == "rule" }) {
		s.Event = r.event(n, fields, path, "the wait_for")
	}
	if when := fields["when"]; when != nil {
		r.rule(when, join(path, "when"), &s.When, useCondition,
			rules.Options{Event: true, EventName: s.Event, Entry: true, Results: known.results, Sent: known.sent})
	}
	if timeout := fields["timeout"]; timeout != nil {
		s.Timeout = r.duration(timeout, join(path, "timeout"))
	} else {
		r.report(n.place(path), CodeMissingTimeout, "the wait_for has no timeout, so a journey could wait forever",
			`Add how long to wait at most, as in "timeout: 3d".`)
	}
	return s
}

func (r *reader) exit(n *node, path, derived string) *ExitStep {
	switch n.shape {
	case shapeNull:
		return &ExitStep{ID: r.id(n, nil, path, derived), Reason: defaultExitReason}
	case shapeObject:
		fields := r.fields(n, path, "an exit", []string{"id", "reason"}, nil)
		s := &ExitStep{ID: r.id(n, fields, path, derived), Reason: r.name(fields, "reason", path)}
		if fields["reason"] == nil {
			s.Reason = defaultExitReason
		}
		return s
	case shapeText, shapeNumber, shapeBool, shapeList:
	}
	return &ExitStep{ID: r.id(n, nil, path, derived), Reason: r.nameAt(n, path, "the reason")}
}

// defaultExitReason is the ExitReason where an exit step gives none.
const defaultExitReason = "exit"
