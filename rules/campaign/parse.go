package campaign

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// Parse reads a campaign from YAML or JSON. The error is Violations: everything that is wrong with it, in the order of
// the file.
func Parse(src []byte) (*Definition, error) { return ParseKnowing(src, nil) }

// ParseKnowing is Parse for a workspace of whose data something is known: its rules are checked against that, too. What
// they mean does not depend on it.
func ParseKnowing(src []byte, schema *rules.Schema) (*Definition, error) {
	r := &reader{ids: map[string]place{}, schema: schema}
	d := &Definition{}
	if root := r.read(src); root != nil {
		r.definition(root, d)
		r.compile()
	}
	if len(r.violations) > 0 {
		slices.SortStableFunc(r.violations, func(a, b Violation) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, r.violations
	}
	switch t := d.Trigger.(type) { // rules were compiled into what the pointers point to
	case *EventTrigger:
		d.Trigger = *t
	case *AudienceTrigger:
		d.Trigger = *t
	}
	d.places, d.warnings = r.ids, r.warnings
	d.flow = newFlow(d.Steps)
	d.needs = d.collectNeeds()
	if err := d.seal(); err != nil {
		return nil, err
	}
	return d, nil
}

var (
	topFields = []string{
		"campaign", "trigger", "key", "reenter", "concurrent", "topic", "transactional", "priority", "goal", "exit", "steps",
	}
	topLater = []string{"holdout"}
)

func (r *reader) definition(root *node, d *Definition) {
	if root.shape != shapeObject {
		r.wrongShape(root, "", "the file", "a campaign", `Start with "campaign: <name>" and "steps:".`)
		return
	}
	fields := r.fields(root, "", "a campaign", topFields, topLater)
	d.Name = r.name(fields, "campaign", "")
	if fields["campaign"] == nil {
		r.report(root.place("campaign"), CodeMissingField, "the campaign has no name", `Add "campaign: <name>".`)
	}
	d.Topic = r.name(fields, "topic", "")
	d.Transactional = r.flag(fields, "transactional", "", false)
	d.Priority = r.priority(fields["priority"])
	d.Reenter = r.reenter(fields["reenter"])
	if fields["concurrent"] != nil && r.flag(fields, "concurrent", "", false) {
		r.report(fields["concurrent"].place("concurrent"), CodeNotAvailable, `"concurrent: true" is not available yet`,
			"A customer has one active journey per key.")
	}
	r.trigger(root, fields["trigger"], d)
	_, audienceTrigger := d.Trigger.(*AudienceTrigger)
	if n := fields["key"]; n != nil {
		r.rule(n, "key", &d.Key, useKey, rules.Options{Entry: !audienceTrigger, Want: rules.WantValue})
	}
	if n := fields["goal"]; n != nil {
		d.Goal = r.goal(n)
	}
	if n := fields["exit"]; n != nil {
		r.exits(n, d)
	}
	r.topSteps(root, fields["steps"], d)
	r.topic(root, fields["topic"], d)
}

func (r *reader) topSteps(root, n *node, d *Definition) {
	switch {
	case n == nil:
		r.report(root.place("steps"), CodeNoSteps, "the campaign has no steps", `Add "steps:" with at least one step.`)
	case n.shape != shapeList:
		r.wrongShape(n, "steps", `"steps"`, "a list", "Start each step with a dash.")
	case len(n.items) == 0:
		r.report(n.place("steps"), CodeNoSteps, "the campaign has no steps", "Add at least one step.")
	default:
		d.Steps, _ = r.stepList(n, "steps", nil, scope{})
	}
}

// topic checks that messages have the consent they need.
func (r *reader) topic(root, n *node, d *Definition) {
	if n != nil && d.Topic == audience.AllTopics {
		r.report(n.place("topic"), CodeBadValue, `"*" means all topics and cannot be the topic of a campaign`, "Name one topic.")
	}
	if n == nil && !d.Transactional && len(messages(d.Steps)) > 0 {
		r.report(root.place("topic"), CodeMissingTopic, "the campaign sends messages but names no topic, so nobody can have agreed to them",
			`Add "topic: <name>", or "transactional: true" if these are service messages that need no consent.`)
	}
}

func (r *reader) priority(n *node) int {
	const highest = 100
	if n == nil {
		return 0
	}
	p, err := strconv.Atoi(n.text)
	if n.shape != shapeNumber || err != nil || p < 0 || p > highest {
		r.report(n.place("priority"), CodeBadValue, fmt.Sprintf("the priority must be a whole number from 0 to %d", highest), "")
		return 0
	}
	return p
}

func (r *reader) reenter(n *node) Reenter {
	const advice = "Write never, always, or {after: 30d}."
	switch {
	case n == nil:
		return Reenter{Mode: ReenterNever}
	case n.shape == shapeText && (n.text == string(ReenterNever) || n.text == string(ReenterAlways)):
		return Reenter{Mode: ReenterMode(n.text)}
	case n.shape == shapeObject:
		fields := r.fields(n, "reenter", "reenter", []string{"after"}, []string{"when"})
		if after := fields["after"]; after != nil {
			return Reenter{Mode: ReenterAfter, After: r.duration(after, "reenter.after")}
		}
		if len(n.fields) > 0 {
			return Reenter{} // what stands there has been reported
		}
	}
	r.report(n.place("reenter"), CodeBadValue, `"reenter" cannot be read`, advice)
	return Reenter{}
}

func (r *reader) trigger(root, n *node, d *Definition) {
	const advice = "Write {event: <name>}, or {audience: <rule>}."
	if n == nil {
		r.report(root.place("trigger"), CodeMissingField, "nothing triggers the campaign", `Add "trigger:". `+advice)
		return
	}
	if n.shape != shapeObject {
		r.wrongShape(n, "trigger", `"trigger"`, "a group of fields", advice)
		return
	}
	fields := r.fields(n, "trigger", "a trigger", []string{"event", "when", "audience"}, []string{"segment", "schedule", "date", "api"})
	event, everyone := fields["event"], fields["audience"]
	switch {
	case event != nil && everyone != nil:
		r.report(n.place("trigger"), CodeConflict, "a trigger is either an event or an audience", "Remove one of them.")
	case event != nil:
		t := &EventTrigger{Event: r.name(fields, "event", "trigger")}
		if when := fields["when"]; when != nil {
			r.rule(when, "trigger.when", &t.When, useCondition, rules.Options{Event: true, EventName: t.Event})
		}
		d.Trigger = t
	case everyone != nil:
		if when := fields["when"]; when != nil {
			r.report(when.place("trigger.when"), CodeConflict, `"when" belongs to an event`, "Put the condition into the rule of the audience.")
		}
		d.Trigger = r.audience(everyone)
	case len(n.fields) == 0 || fields["when"] != nil:
		r.report(n.place("trigger"), CodeMissingField, "the trigger names neither an event nor an audience", advice)
	}
}

func (r *reader) audience(n *node) *AudienceTrigger {
	t := &AudienceTrigger{Once: true}
	rule, path := n, "trigger.audience"
	if n.shape == shapeObject {
		fields := r.fields(n, path, "an audience", []string{"rule", "once"}, nil)
		if t.Once = r.flag(fields, "once", path, true); !t.Once {
			r.report(fields["once"].place(path+".once"), CodeNotAvailable, `"once: false" is not available yet`,
				"Remove it: everyone is judged when the campaign is published.")
		}
		rule, path = fields["rule"], "trigger.audience.rule"
		if rule == nil {
			r.report(n.place(path), CodeMissingField, "the audience has no rule", `Add "rule:"; the rule true stands for everyone.`)
			return t
		}
	}
	r.rule(rule, path, &t.Rule, useAudience, rules.Options{})
	return t
}

func (r *reader) goal(n *node) *Goal {
	const advice = "Write {event: <name>}, with when and within if wanted."
	g := &Goal{}
	if n.shape != shapeObject {
		r.wrongShape(n, "goal", `"goal"`, "a group of fields", advice)
		return g
	}
	fields := r.fields(n, "goal", "a goal", []string{"event", "when", "within"}, nil)
	g.Event = r.event(n, fields, "goal", "the goal")
	if when := fields["when"]; when != nil {
		r.rule(when, "goal.when", &g.When, useCondition, rules.Options{Event: true, EventName: g.Event, Entry: true})
	}
	if within := fields["within"]; within != nil {
		g.Within = r.duration(within, "goal.within")
	}
	return g
}

// event reads the name of an event that must be there.
func (r *reader) event(n *node, fields map[string]*node, path, what string) string {
	if fields["event"] == nil {
		r.report(n.place(join(path, "event")), CodeMissingField, what+" names no event", `Add "event: <name>".`)
	}
	return r.name(fields, "event", path)
}

func (r *reader) exits(n *node, d *Definition) {
	items := n.items
	if n.shape == shapeText || n.shape == shapeBool || n.shape == shapeObject {
		items = []*node{n}
	} else if n.shape != shapeList {
		r.wrongShape(n, "exit", `"exit"`, "a list of rules and events", "")
		return
	}
	d.Exit = make([]Exit, len(items))
	for i, item := range items {
		path, exit := fmt.Sprintf("exit[%d]", i), &d.Exit[i]
		if item.shape != shapeObject {
			r.rule(item, path, &exit.Rule, useExit, rules.Options{Entry: true})
			continue
		}
		fields := r.fields(item, path, "an exit", []string{"event", "when"}, nil)
		exit.Event = r.event(item, fields, path, "the exit")
		if when := fields["when"]; when != nil {
			r.rule(when, path+".when", &exit.When, useCondition, rules.Options{Event: true, EventName: exit.Event, Entry: true})
		}
	}
}
