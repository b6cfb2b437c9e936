package campaign

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dotyk/rules"
	"dotyk/rules/calendar"
)

// triggerKinds are the fields of a trigger of which one stands in it.
var triggerKinds = []string{"event", "segment", "schedule", "date", "audience", "api"}

func (r *reader) trigger(root, n *node, d *Definition) {
	const advice = "Write {event: <name>}, {segment: <name>}, {schedule: …}, {date: …}, {audience: <rule>} or {api: true}."
	if n == nil {
		r.report(root.place("trigger"), CodeMissingField, "nothing triggers the campaign", `Add "trigger:". `+advice)
		return
	}
	if n.shape != shapeObject {
		r.wrongShape(n, "trigger", `"trigger"`, "a group of fields", advice)
		return
	}
	r.spots["trigger"] = n.place("trigger")
	fields := r.fields(n, "trigger", objTrigger)
	var kinds []string
	for _, kind := range triggerKinds {
		if fields[kind] != nil {
			kinds = append(kinds, kind)
		}
	}
	switch {
	case len(kinds) > 1:
		r.report(n.place("trigger"), CodeConflict,
			"a trigger is of one kind, but this one has "+strings.Join(kinds, " and "), "Keep one of them.")
	case len(kinds) == 1:
		d.Trigger = r.triggerOf(kinds[0], fields)
	case len(n.fields) == 0 || fields["when"] != nil:
		r.report(n.place("trigger"), CodeMissingField, "the trigger does not say what lets customers enter", advice)
	}
}

// triggerOf reads a trigger. It gives a pointer, because its rules are compiled later; settle gives what it points to.
func (r *reader) triggerOf(kind string, fields map[string]*node) Trigger {
	n := fields[kind]
	switch kind {
	case "event":
		t := &EventTrigger{Event: r.name(fields, kind, "trigger")}
		r.optionalRule(fields, "when", "trigger", &t.When, useCondition, rules.Options{Event: true, EventName: t.Event},
			scope{})
		return t
	case "segment":
		t := r.segment(n)
		r.optionalRule(fields, "when", "trigger", &t.When, useCondition, rules.Options{}, scope{})
		return t
	case "date":
		t := r.date(n)
		r.optionalRule(fields, "when", "trigger", &t.When, useCondition, rules.Options{Entry: true}, scope{})
		return t
	}
	if when := fields["when"]; when != nil {
		r.report(when.place("trigger.when"), CodeConflict, `"when" belongs to an event, a segment or a date`,
			"Put the condition into the rule of the "+kind+".")
	}
	switch kind {
	case "schedule":
		return r.schedule(n)
	case "audience":
		return r.audience(n)
	default:
		return r.api(n)
	}
}

// settle gives a trigger whose rules have been compiled.
func settle(t Trigger) Trigger {
	switch t := t.(type) {
	case *EventTrigger:
		return *t
	case *SegmentTrigger:
		return *t
	case *ScheduleTrigger:
		return *t
	case *DateTrigger:
		return *t
	case *AudienceTrigger:
		return *t
	case *APITrigger:
		return *t
	}
	return t
}

func (r *reader) segment(n *node) *SegmentTrigger {
	const path, advice = "trigger.segment", "Write segment: <name>, {entered: <name>} or {left: <name>}."
	if n.shape != shapeObject {
		return &SegmentTrigger{Segment: r.nameAt(n, path, `"segment"`)}
	}
	fields := r.fields(n, path, objSegment)
	t := &SegmentTrigger{Existing: r.flag(fields, "existing", path, false)}
	entered, left := fields["entered"], fields["left"]
	switch {
	case entered != nil && left != nil:
		r.report(n.place(path), CodeConflict, "customers enter on joining a segment or on leaving it, not both",
			"Keep one of them.")
	case entered != nil:
		t.Segment = r.name(fields, "entered", path)
	case left != nil:
		t.Segment, t.Left = r.name(fields, "left", path), true
		if t.Existing {
			r.report(fields["existing"].place(path+".existing"), CodeConflict, "members of a segment have not left it",
				`Remove "existing".`)
		}
	default:
		r.report(n.place(path), CodeMissingField, "the trigger names no segment", advice)
	}
	return t
}

func (r *reader) schedule(n *node) *ScheduleTrigger {
	const path = "trigger.schedule"
	const advice = `Write {cron: "0 9 * * mon", audience: <rule>}, or with rrule in place of cron.`
	t := &ScheduleTrigger{Zone: ZoneWorkspace}
	if n.shape != shapeObject {
		r.wrongShape(n, path, `"schedule"`, "a group of fields", advice)
		return t
	}
	fields := r.fields(n, path, objSchedule)
	t.Zone = r.zone(fields, path, ZoneWorkspace)
	t.From, t.To = r.moment(fields, "from", path), r.moment(fields, "to", path)
	if !t.From.IsZero() && !t.To.IsZero() && !t.To.After(t.From) {
		r.report(fields["to"].place(path+".to"), CodeConflict, "the schedule ends before it begins",
			`Make "to" later than "from".`)
	}
	if fields["audience"] == nil {
		r.missing(n, path, "audience", "the schedule does not say who enters",
			`Add "audience:" with a rule; the rule true stands for everyone.`)
	}
	r.optionalRule(fields, "audience", path, &t.Audience, useAudience, rules.Options{}, scope{})
	switch cron, rrule := fields["cron"], fields["rrule"]; {
	case cron != nil && rrule != nil:
		r.report(n.place(path), CodeConflict, "the schedule has both a cron expression and a recurrence rule",
			"Keep one of them.")
	case cron != nil:
		t.Schedule = r.series(fields, "cron", path, calendar.ParseCron)
	case rrule != nil:
		t.Schedule = r.series(fields, "rrule", path, calendar.ParseRRule)
	default:
		r.report(n.place(path), CodeMissingField, "the schedule does not say when", advice)
	}
	return t
}

// series reads a cron expression or a recurrence rule.
func (r *reader) series(
	fields map[string]*node, name, path string, parse func(string) (calendar.Schedule, error),
) calendar.Schedule {
	text := r.name(fields, name, path)
	if text == "" {
		return calendar.Schedule{}
	}
	s, err := parse(text)
	if err != nil {
		r.report(fields[name].place(join(path, name)), CodeBadValue, fmt.Sprintf("%q cannot be read: %s", name, err),
			"")
	}
	return s
}

// defaultDateAt is the time of day of a date trigger that does not say: 09:00.
const defaultDateAt calendar.Clock = 9 * 60

func (r *reader) date(n *node) *DateTrigger {
	const path, advice = "trigger.date", `Write {attribute: birthday, offset: -3d, at: "09:00", yearly: true}.`
	const day = 24 * time.Hour
	t := &DateTrigger{At: defaultDateAt, Zone: ZoneCustomer}
	if n.shape != shapeObject {
		r.wrongShape(n, path, `"date"`, "a group of fields", advice)
		return t
	}
	fields := r.fields(n, path, objDate)
	t.Attribute = r.name(fields, "attribute", path)
	if fields["attribute"] == nil {
		r.missing(n, path, "attribute", "the trigger does not say which attribute holds the date", advice)
	} else if !r.mayBeDate(t.Attribute) {
		r.report(fields["attribute"].place(path+".attribute"), CodeBadValue,
			fmt.Sprintf("customer.%s is no date, so nobody would enter", t.Attribute),
			"Name an attribute whose values are dates, or created_at.")
	}
	offset := r.offset(fields, path)
	if t.Days = int(offset / day); offset%day != 0 {
		r.report(fields["offset"].place(path+".offset"), CodeBadDuration, "the offset of a date must be in whole days",
			`Say the time of day with "at".`)
	}
	if at := fields["at"]; at != nil {
		t.At = r.clock(at, path+".at")
	}
	t.Yearly = r.flag(fields, "yearly", path, false)
	t.Zone = r.zone(fields, path, ZoneCustomer)
	return t
}

// mayBeDate reports whether a field of the record can hold a date, as far as that is known.
func (r *reader) mayBeDate(attribute string) bool {
	switch {
	case attribute == "created_at":
		return true
	case slices.Contains(unsettable, attribute), slices.Contains(settableText, attribute):
		return false
	}
	held := r.attributeType(attribute)
	return held == "" || held == rules.TypeTime || held == rules.TypeMixed
}

func (r *reader) audience(n *node) *AudienceTrigger {
	t := &AudienceTrigger{Once: true}
	rule, path := n, "trigger.audience"
	if n.shape == shapeObject {
		fields := r.fields(n, path, objAudience)
		t.Once, t.At = r.flag(fields, "once", path, true), r.moment(fields, "at", path)
		if at := fields["at"]; at != nil && !t.Once {
			r.report(at.place(path+".at"), CodeConflict, `"at" is for an audience that is judged one time`,
				`Remove it, or "once: false".`)
		}
		rule, path = fields["rule"], "trigger.audience.rule"
		if rule == nil {
			r.report(n.place(path), CodeMissingField, "the audience has no rule",
				`Add "rule:"; the rule true stands for everyone.`)
			return t
		}
	}
	r.rule(rule, path, &t.Rule, useAudience, rules.Options{}, scope{})
	return t
}

func (r *reader) api(n *node) *APITrigger {
	const path, advice = "trigger.api", "Write api: true, or {when: <rule>}."
	t := &APITrigger{}
	switch {
	case n.shape == shapeBool && strings.EqualFold(n.text, "true"):
	case n.shape != shapeObject || len(n.fields) == 0:
		r.report(n.place(path), CodeBadValue, `"api" cannot be read`, advice)
	default:
		fields := r.fields(n, path, objAPI)
		r.optionalRule(fields, "when", path, &t.When, useCondition, rules.Options{Entry: true}, scope{})
	}
	return t
}

// hasEntry reports whether customers enter by a trigger with something that rules can name as entry.
func hasEntry(t Trigger) bool {
	_, everyone := t.(*AudienceTrigger)
	_, scheduled := t.(*ScheduleTrigger)
	return !everyone && !scheduled
}
