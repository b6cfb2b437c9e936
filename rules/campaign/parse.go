package campaign

import (
	"fmt"
	"slices"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// Parse reads a campaign from YAML or JSON. The error is Violations: everything that is wrong with it, in the order of
// the file.
func Parse(src []byte) (*Definition, error) { return ParseKnowing(src, nil) }

// ParseKnowing is Parse for a workspace of whose data something is known: its rules are checked against that, too. What
// they mean does not depend on it.
func ParseKnowing(src []byte, schema *rules.Schema) (*Definition, error) {
	r := &reader{ids: map[string]place{}, spots: map[string]place{}, schema: schema, passes: 1}
	d := &Definition{}
	if root := r.read(src); root != nil {
		r.definition(root, d)
		r.compile()
	}
	r.violations.sort()
	r.warnings.sort()
	if len(r.violations) > 0 {
		return nil, r.violations
	}
	d.Trigger = settle(d.Trigger)
	d.places, d.spots, d.warnings = r.ids, r.spots, r.warnings
	d.flow = newFlow(d.Steps)
	d.needs = d.collectNeeds()
	if err := d.seal(); err != nil {
		return nil, err
	}
	return d, nil
}

func (r *reader) definition(root *node, d *Definition) {
	if root.shape != shapeObject {
		r.wrongShape(root, "", "the file", "a campaign", `Start with "campaign: <name>" and "steps:".`)
		return
	}
	fields := r.fields(root, "", objCampaign)
	for name, n := range fields {
		r.spots[name] = n.place(name)
	}
	d.Name = r.name(fields, "campaign", "")
	if fields["campaign"] == nil {
		r.report(root.place("campaign"), CodeMissingField, "the campaign has no name", `Add "campaign: <name>".`)
	}
	d.Topic = r.name(fields, "topic", "")
	d.Transactional = r.flag(fields, "transactional", "", false)
	d.Untracked = !r.flag(fields, "tracking", "", true)
	d.Priority = r.priority(fields["priority"])
	d.Holdout = r.holdout(fields["holdout"])
	d.Brakes = r.brakes(fields["brakes"])
	d.Reachable = r.reachable(fields["reachable"])
	r.trigger(root, fields["trigger"], d)
	r.entering(fields, d)
	r.hasGoal, r.transactional = fields["goal"] != nil, d.Transactional
	anywhere := scope{around: []*scope{&r.coupons}}
	if n := fields["goal"]; n != nil {
		d.Goal = r.goal(n, anywhere)
	}
	if n := fields["exit"]; n != nil {
		r.exits(n, d, anywhere)
	}
	r.topSteps(root, fields["steps"], d)
	r.topic(root, fields["topic"], d)
}

// entering reads who may enter again, and how many journeys a customer can have.
func (r *reader) entering(fields map[string]*node, d *Definition) {
	entry := hasEntry(d.Trigger)
	r.optionalRule(fields, "key", "", &d.Key, useKey, rules.Options{Entry: entry, Want: rules.WantValue}, scope{})
	r.reenter(fields["reenter"], &d.Reenter, entry)
	if d.Concurrent = r.flag(fields, "concurrent", "", false); !d.Concurrent {
		return
	}
	at := fields["concurrent"].place("concurrent")
	switch {
	case fields["key"] != nil:
		r.report(at, CodeConflict, "with a key, a customer has a journey for each of its values already",
			`Remove "key" or "concurrent".`)
	case d.Reenter.Mode == ReenterNever:
		r.report(at, CodeConflict, "customers who never enter again have no other journey at one time",
			`Add "reenter: always", or remove "concurrent".`)
	}
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
		r.report(n.place("topic"), CodeBadValue, `"*" means all topics and cannot be the topic of a campaign`,
			"Name one topic.")
	}
	if n != nil && d.Transactional {
		r.warn(n.place("topic"), CodePointless, "service messages need no consent, so the topic has no effect",
			"Remove it, or \"transactional: true\" if the messages are marketing.")
	}
	if n == nil && !d.Transactional && len(messages(d.Steps)) > 0 {
		r.report(root.place("topic"), CodeMissingTopic,
			"the campaign sends messages but names no topic, so nobody can have agreed to them",
			`Add "topic: <name>", or "transactional: true" if these are service messages that need no consent.`)
	}
}

const maxPriority = 100

func (r *reader) priority(n *node) int {
	if n == nil {
		return 0
	}
	return r.integer(n, "priority", "the priority", 0, maxPriority)
}

func (r *reader) holdout(n *node) Share {
	if n == nil {
		return 0
	}
	s := r.share(n, "holdout")
	if s == wholeShare {
		r.report(n.place("holdout"), CodeBadValue, "nobody would enter: all are kept out", "Keep out a smaller part.")
	}
	return s
}

func (r *reader) reachable(n *node) []audience.Channel {
	var channels []audience.Channel
	for i, name := range r.nameList(n, "reachable", "a channel", "[email]") {
		if name != string(audience.Email) && name != string(audience.SMS) {
			r.report(n.items[i].place(fmt.Sprintf("reachable[%d]", i)), CodeBadValue,
				fmt.Sprintf("%q is not a channel of messages", clip(name)),
				"Write email or sms.")
		}
		channels = append(channels, audience.Channel(name))
	}
	if n != nil && n.shape == shapeList && len(n.items) == 0 {
		r.report(n.place("reachable"), CodeBadValue, "no channel is named", "Name email or sms, or remove it.")
	}
	slices.Sort(channels)
	return slices.Compact(channels)
}

func (r *reader) reenter(n *node, target *Reenter, entry bool) {
	const advice = "Write never, always, {after: 30d} or {when: <rule>}."
	target.Mode = ReenterNever
	switch {
	case n == nil:
	case n.shape == shapeText && (n.text == string(ReenterNever) || n.text == string(ReenterAlways)):
		target.Mode = ReenterMode(n.text)
	case n.shape != shapeObject || len(n.fields) == 0:
		r.report(n.place("reenter"), CodeBadValue, `"reenter" cannot be read`, advice)
		target.Mode = ""
	default:
		form, value := r.only(n, "reenter", objReenter, "reenter has one condition", advice)
		if target.Mode = ReenterMode(form); value == nil {
			return
		}
		if target.Mode == ReenterAfter {
			target.After = r.duration(value, "reenter.after")
			return
		}
		r.rule(value, "reenter.when", &target.When, useCondition,
			rules.Options{Entry: entry, Results: []string{"previous"}}, scope{})
	}
}

func (r *reader) goal(n *node, known scope) *Goal {
	const advice = "Write {event: <name>}, with when and within if wanted."
	g := &Goal{}
	if n.shape != shapeObject {
		r.wrongShape(n, "goal", `"goal"`, "a group of fields", advice)
		return g
	}
	fields := r.fields(n, "goal", objGoal)
	g.Event = r.event(n, fields, "goal", "the goal")
	r.optionalRule(fields, "when", "goal", &g.When, useCondition,
		rules.Options{Event: true, EventName: g.Event, Entry: true}, known)
	g.Within = r.optionalDuration(fields, "within", "goal", 0)
	return g
}

// event reads the name of an event that must be there.
func (r *reader) event(n *node, fields map[string]*node, path, what string) string {
	if fields["event"] == nil {
		r.report(n.place(join(path, "event")), CodeMissingField, what+" names no event", `Add "event: <name>".`)
	}
	return r.name(fields, "event", path)
}

func (r *reader) exits(n *node, d *Definition, known scope) {
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
			r.rule(item, path, &exit.Rule, useExit, rules.Options{Entry: true}, known)
			continue
		}
		fields := r.fields(item, path, objExit)
		exit.Event = r.event(item, fields, path, "the exit")
		r.optionalRule(fields, "when", path, &exit.When, useCondition,
			rules.Options{Event: true, EventName: exit.Event, Entry: true}, known)
	}
}
