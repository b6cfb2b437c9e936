package campaign

import (
	"cmp"
	"fmt"
	"slices"

	"dotyk/rules"
)

func (r *reader) branch(n *node, path, derived string, numbers []int, known scope) (*BranchStep, scope) {
	const advice = "Write a list of {when: <rule>, steps: […]}, and at the end {else: […]} if wanted."
	arms, armsPath, fields := n, path, map[string]*node{}
	if n.shape == shapeObject {
		fields = r.fields(n, path, "a branch", []string{"id", "arms"}, nil)
		arms, armsPath = fields["arms"], join(path, "arms")
	}
	s := &BranchStep{ID: r.id(n, fields, path, derived)}
	switch {
	case arms != nil && arms.shape != shapeList:
		r.wrongShape(arms, armsPath, "a branch", "a list of arms", advice)
		return s, known
	case arms == nil || len(arms.items) == 0:
		r.report(n.place(path), CodeNoArms, "the branch has no arms", advice)
		return s, known
	}
	after := known
	s.Arms = make([]Arm, len(arms.items))
	for i, item := range arms.items {
		at := fmt.Sprintf("%s[%d]", armsPath, i)
		last := i == len(arms.items)-1
		armKnown := r.arm(item, at, &s.Arms[i], append(slices.Clip(numbers), i+1), known, last)
		after = after.merge(armKnown)
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

func (r *reader) arm(n *node, path string, arm *Arm, numbers []int, known scope, last bool) scope {
	const advice = "Write {when: <rule>, steps: […]}, or {else: […]}."
	if n.shape != shapeObject {
		r.wrongShape(n, path, "an arm", "a group of fields", advice)
		return known
	}
	fields := r.fields(n, path, "an arm", []string{"when", "steps", "else"}, nil)
	steps, stepsPath := fields["steps"], join(path, "steps")
	if otherwise := fields["else"]; otherwise != nil {
		if fields["when"] != nil || steps != nil {
			r.report(n.place(path), CodeConflict, `"else" stands alone in its arm`, advice)
		}
		if !last {
			r.report(n.place(path), CodeElseNotLast, "arms after else are never reached", "Move else to the end.")
		}
		steps, stepsPath = otherwise, join(path, "else")
	} else if when := fields["when"]; when != nil {
		r.rule(when, join(path, "when"), &arm.When, useCondition,
			rules.Options{Entry: true, Results: known.results, Sent: known.sent})
	} else {
		r.report(n.place(path), CodeMissingField, "the arm does not say when it is taken", advice)
	}
	switch {
	case steps == nil:
		r.report(n.place(path), CodeMissingField, "the arm has no steps", "Add steps, or \"steps: []\" to do nothing.")
	case steps.shape != shapeList:
		r.wrongShape(steps, stepsPath, "this", "a list of steps", "Start each step with a dash.")
	default:
		arm.Steps, known = r.stepList(steps, stepsPath, numbers, known)
	}
	return known
}

// settable are the fields of the record that a campaign may set; other names are attributes. The rest of the record
// belongs to whoever is responsible for it: addresses, ids, consent.
var (
	settableText = []string{"name", "locale", "timezone", "stage"}
	unsettable   = []string{"id", "kind", "external_id", "email", "phone", "tags", "created_at", "unsubscribed"}
)

func (r *reader) update(n *node, path, derived string, known scope) *UpdateStep {
	const advice = "Write {set: {<attribute>: <rule>}, add_tags: […], remove_tags: […]}."
	fields := r.body(n, path, "an update", advice, []string{"id", "set", "add_tags", "remove_tags"}, nil)
	s := &UpdateStep{
		ID:         r.id(n, fields, path, derived),
		AddTags:    r.tags(fields["add_tags"], join(path, "add_tags")),
		RemoveTags: r.tags(fields["remove_tags"], join(path, "remove_tags")),
	}
	for _, tag := range s.AddTags {
		if slices.Contains(s.RemoveTags, tag) {
			r.report(n.place(path), CodeConflict, fmt.Sprintf("the tag %q is both added and removed", tag), "Keep one of them.")
		}
	}
	if set := fields["set"]; set != nil {
		r.assignments(set, join(path, "set"), s, known)
	}
	if n.shape == shapeObject && len(n.fields) == 0 || len(n.fields) == 1 && hasField(n, "id") {
		r.report(n.place(path), CodeNoContent, "the update changes nothing", advice)
	}
	return s
}

func (r *reader) assignments(n *node, path string, s *UpdateStep, known scope) {
	if n.shape != shapeObject {
		r.wrongShape(n, path, `"set"`, "a group of fields", `Write one attribute on each line, as in stage: '"nurtured"'.`)
		return
	}
	byName := slices.SortedStableFunc(slices.Values(n.fields), func(a, b field) int { return cmp.Compare(a.name, b.name) })
	s.Set = make([]Assignment, 0, len(byName)) // never grows: rules are compiled into its items later
	for _, f := range byName {
		at := join(path, f.name)
		switch {
		case slices.ContainsFunc(s.Set, func(a Assignment) bool { return a.Attribute == f.name }):
			r.report(f.at.place(at), CodeDuplicateField, fmt.Sprintf("%q is set twice", clip(f.name)), "Remove one of them.")
		case slices.Contains(unsettable, f.name):
			r.report(f.at.place(at), CodeBadValue, fmt.Sprintf("a campaign cannot set customer.%s", f.name), "Set an attribute of another name.")
		case f.name == "" || len(f.name) > maxID:
			r.report(f.at.place(at), CodeBadValue, fmt.Sprintf("%q cannot be the name of an attribute", clip(f.name)), "")
		default:
			s.Set = append(s.Set, Assignment{Attribute: f.name})
			want := rules.WantValue
			if slices.Contains(settableText, f.name) {
				want = rules.WantText
			}
			r.rule(f.node, at, &s.Set[len(s.Set)-1].Value, useValue,
				rules.Options{Entry: true, Results: known.results, Sent: known.sent, Want: want})
		}
	}
}

func (r *reader) tags(n *node, path string) []string {
	if n == nil {
		return nil
	}
	if n.shape != shapeList {
		r.wrongShape(n, path, "this", "a list of tags", "Write it in brackets, as in [welcomed].")
		return nil
	}
	var tags []string
	for i, item := range n.items {
		if tag := r.nameAt(item, fmt.Sprintf("%s[%d]", path, i), "a tag"); tag != "" {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}
