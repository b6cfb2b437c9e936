package campaign

import (
	"fmt"
	"strings"

	"dotyk/rules"
)

func (r *reader) wait(d draft) *WaitStep {
	if d.n.shape != shapeObject {
		return &WaitStep{ID: r.id(d, nil), For: r.duration(d.n, d.path)}
	}
	fields := r.fields(d.n, d.path, objWait)
	s := &WaitStep{ID: r.id(d, fields), For: r.optionalDuration(fields, "for", d.path, 0)}
	length, until := fields["for"], fields["until"]
	switch at := d.n.place(d.path); {
	case length != nil && until != nil:
		r.report(at, CodeConflict, "a wait has either a length or a moment", `Keep "for" or "until".`)
	case until != nil:
		s.Until = r.until(d, fields)
	case length == nil:
		r.report(at, CodeMissingField, "the wait does not say how long",
			"Write {for: 2d}, or just wait: 2d; or {until: …}.")
	default:
		r.foreign(d, fields, "a wait with a length", "weekday", "zone", "yearly", "offset", "at", "if_past")
	}
	return s
}

// foreign reports fields that do not belong to the form of the step that was chosen.
func (r *reader) foreign(d draft, fields map[string]*node, what string, names ...string) {
	for _, name := range names {
		if n := fields[name]; n != nil {
			r.report(n.place(d.at(name)), CodeConflict, fmt.Sprintf("%q does not belong to %s", name, what),
				"Remove it.")
		}
	}
}

// until reads the moment of a wait: the next time that a clock shows something, or what a rule gives.
func (r *reader) until(d draft, fields map[string]*node) *Until {
	u := &Until{Zone: r.zone(fields, d.path, ZoneCustomer), IfPast: PastGo}
	n, at := fields["until"], d.at("until")
	if n.shape == shapeText && clockPattern.MatchString(strings.TrimSpace(n.text)) {
		clock := r.clock(n, at)
		u.Clock, u.Days = &clock, r.weekdays(fields["weekday"], d.at("weekday"))
		r.foreign(d, fields, "a wait for a time of day", "yearly", "offset", "at", "if_past")
		return u
	}
	r.foreign(d, fields, "a wait for a moment that a rule gives", "weekday")
	r.rule(n, at, &u.Moment, useValue, d.options(rules.WantValue), d.known)
	u.Yearly = r.flag(fields, "yearly", d.path, false)
	u.Offset = r.offset(fields, d.path)
	if n := fields["at"]; n != nil {
		clock := r.clock(n, d.at("at"))
		u.At = &clock
	}
	u.IfPast = IfPast(r.word(fields, "if_past", d.path, string(PastGo), string(PastGo), string(PastSkip), string(PastExit)))
	return u
}

func (r *reader) waitFor(d draft) *WaitForStep {
	const advice = "Write {id: <id>, event: <name>, timeout: 3d}."
	fields := r.body(d, objWaitFor, advice)
	s := &WaitForStep{ID: r.id(d, fields)}
	if d.n.shape != shapeObject {
		return s
	}
	s.Quiet = r.optionalDuration(fields, "quiet", d.path, 0)
	s.Timeout = r.optionalDuration(fields, "timeout", d.path, 0)
	at := d.n.place(d.path)
	switch {
	case fields["rule"] != nil && fields["event"] != nil:
		r.report(at, CodeConflict, "a wait_for waits either for an event or for a rule",
			`Keep "event", with "when" if wanted, or "rule".`)
	case fields["rule"] != nil:
		r.condition(fields, "rule", d, &s.Rule)
		r.foreign(d, fields, "a wait_for with a rule", "when", "quiet")
	default:
		s.Event = r.event(d.n, fields, d.path, "the wait_for")
		r.optionalRule(fields, "when", d.path, &s.When, useCondition,
			rules.Options{Event: true, EventName: s.Event, Entry: true}, d.known)
	}
	switch {
	case fields["timeout"] == nil:
		r.report(at, CodeMissingTimeout, "the wait_for has no timeout, so a journey could wait forever",
			`Add how long to wait at most, as in "timeout: 3d".`)
	case s.Quiet > 0 && s.Timeout > 0 && s.Quiet >= s.Timeout:
		r.report(fields["quiet"].place(d.at("quiet")), CodeConflict, "it cannot be quiet for so long before the timeout",
			`Make "quiet" shorter than "timeout".`)
	}
	return s
}
