package campaign

import (
	"slices"

	"dotyk/rules"
)

func (r *reader) call(d draft) *CallStep {
	fields := r.body(d, objCall, `Write {title: "…", due: 1d}.`)
	s := &CallStep{
		ID:     r.id(d, fields),
		Title:  r.title(d, fields, "call"),
		Script: r.text(fields, "script", d.path),
		Due:    r.optionalDuration(fields, "due", d.path, 0),
		Dial:   r.flag(fields, "dial", d.path, false),
	}
	r.assignee(d, fields["for"], d.at("for"), &s.For, true)
	return s
}

func (r *reader) task(d draft) *TaskStep {
	fields := r.body(d, objTask, `Write {title: "…", due: 1d}.`)
	s := &TaskStep{
		ID:    r.id(d, fields),
		Title: r.title(d, fields, "task"),
		Text:  r.text(fields, "text", d.path),
		Due:   r.optionalDuration(fields, "due", d.path, 0),
	}
	r.assignee(d, fields["for"], d.at("for"), &s.For, true)
	return s
}

func (r *reader) title(d draft, fields map[string]*node, what string) string {
	if d.n.shape == shapeObject && fields["title"] == nil {
		r.missing(d.n, d.path, "title", "the "+what+" has no title", `Add "title:", one line that says what to do.`)
	}
	return r.text(fields, "title", d.path)
}

// assignee reads whom work is for; the customer's owner where nothing is said and that is possible.
func (r *reader) assignee(d draft, n *node, path string, target *Assignee, owner bool) {
	advice := "Write {user: ann@example.com}, {round_robin: [ann@example.com, bob@example.com]} or {rule: …}."
	if owner {
		advice = "Write owner, {user: ann@example.com}, {round_robin: [ann@example.com, bob@example.com]} or {rule: …}."
	}
	switch {
	case n == nil:
		target.Owner = owner
		return
	case n.shape == shapeText && n.text == "owner" && owner:
		target.Owner = true
		return
	case n.shape != shapeObject || len(n.fields) == 0:
		r.report(n.place(path), CodeBadValue, "this does not say whom the work is for", advice)
		return
	}
	form, value := r.only(n, path, objAssignee, "work is for one user, for some in turn, or for whom a rule names",
		advice)
	at := join(path, form)
	switch {
	case value == nil:
	case form == "user":
		target.User = r.nameAt(value, at, "a user")
	case form == "rule":
		r.rule(value, at, &target.Rule, useValue, d.options(rules.WantText), d.known)
	default:
		target.Among = r.nameList(value, at, "a user", "[ann@example.com, bob@example.com]")
		if value.shape == shapeList && len(value.items) == 0 {
			r.report(value.place(at), CodeBadValue, "nobody is named", advice)
		}
		if sorted := slices.Sorted(slices.Values(target.Among)); len(slices.Compact(sorted)) < len(target.Among) {
			r.report(value.place(at), CodeBadValue, "a user is named twice", "Name each once.")
		}
	}
}

func (r *reader) owner(d draft) *OwnerStep {
	const advice = "Write {to: {user: ann@example.com}}, or {to: {round_robin: […]}}."
	fields := r.body(d, objOwner, advice)
	s := &OwnerStep{ID: r.id(d, fields), Replace: r.flag(fields, "replace", d.path, false)}
	if d.n.shape == shapeObject && fields["to"] == nil {
		r.missing(d.n, d.path, "to", "this does not say who becomes the owner", advice)
	}
	r.assignee(d, fields["to"], d.at("to"), &s.To, false)
	return s
}

func (r *reader) note(d draft) *NoteStep {
	if d.n.shape == shapeText {
		return &NoteStep{ID: r.id(d, nil), Text: r.textAt(d.n, d.path, "the note")}
	}
	fields := r.body(d, objNote, `Write {text: "…"}, or just note: "…".`)
	if d.n.shape == shapeObject && fields["text"] == nil {
		r.report(d.n.place(d.path), CodeNoContent, "the note says nothing", `Add "text:".`)
	}
	return &NoteStep{ID: r.id(d, fields), Text: r.text(fields, "text", d.path)}
}
