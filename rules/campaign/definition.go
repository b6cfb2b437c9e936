package campaign

import (
	"time"

	"dotyk/rules"
)

// Definition is a campaign that has been parsed and found valid. It is immutable and safe for concurrent use; make one
// with Parse or Decode. The fields of the file are those documented on each field here; any other field is a violation.
type Definition struct {
	// Name is the campaign's name: `campaign: welcome`.
	Name string
	// Trigger is what makes customers enter: `trigger: {event: registered}`.
	Trigger Trigger
	// Key, with `key: entry.cart_id`, gives each value of the expression a journey of its own, and hands to a journey
	// only those events for which the expression, judged on the event as the entry, gives the same value. Nil without.
	Key *rules.Rule
	// Reenter says whether a customer may enter again: `reenter: never`, `reenter: always`, `reenter: {after: 30d}`.
	Reenter Reenter
	// Topic names the consent that the campaign's messages need: `topic: news`.
	Topic string
	// Transactional marks service messages, which need no consent: `transactional: true`.
	Transactional bool
	// Priority orders campaigns that want the same customer, 0 (the default) to 100, higher first: `priority: 5`.
	Priority int
	// Goal is what the campaign is for: `goal: {event: order_completed, within: 14d}`. Nil without.
	Goal *Goal
	// Exit lists what makes a journey leave early: `exit: ['customer.unsubscribed', {event: order_cancelled}]`.
	Exit []Exit
	// Steps is what the campaign does: `steps: […]`, at least one.
	Steps []Step

	flow      flow
	needs     rules.Needs
	places    map[string]place
	warnings  Violations
	canonical []byte
	hash      string
}

// Warnings are what may be mistakes in a definition that can be used: names in rules that the workspace has no data of.
func (d *Definition) Warnings() Violations { return d.warnings }

// Trigger makes customers enter a campaign. The set is closed: EventTrigger, AudienceTrigger.
//
//sumtype:decl
type Trigger interface{ trigger() }

// EventTrigger lets a customer enter when an event happens: `trigger: {event: registered, when: 'event.total > 0'}`.
type EventTrigger struct {
	Event string
	When  *rules.Rule // judged for each such event; nil means any of them
}

// AudienceTrigger lets everyone enter for whom a rule holds: `trigger: {audience: 'customer.kind == "client"'}`, or
// `trigger: {audience: {rule: …, once: true}}`. The rule `true` stands for everyone.
type AudienceTrigger struct {
	Rule *rules.Rule
	Once bool // everyone is judged one time, when the campaign is published: the only mode yet
}

func (EventTrigger) trigger()    {}
func (AudienceTrigger) trigger() {}

// ReenterMode says whether a customer who has been through a campaign may enter it again.
type ReenterMode string

// The modes of re-entry. In none of them does a customer have two active journeys with the same key.
const (
	ReenterNever  ReenterMode = "never"  // once per key: the default
	ReenterAlways ReenterMode = "always" // as soon as the journey before has ended
	ReenterAfter  ReenterMode = "after"  // at most once in a period, counted from the entry before
)

// Reenter is the re-entry policy of a campaign.
type Reenter struct {
	Mode  ReenterMode
	After time.Duration // for ReenterAfter
}

// Goal is the event that a campaign wants to bring about. It ends the journey as converted.
type Goal struct {
	Event  string
	When   *rules.Rule   // judged for each such event; nil means any of them
	Within time.Duration // counts only that long after the entry; 0 means without limit
}

// Exit is one reason to leave early: either a rule about the customer, judged whenever the journey moves, or an event.
type Exit struct {
	Rule  *rules.Rule // set for the first form
	Event string      // set for the second form
	When  *rules.Rule // second form: judged for each such event; nil means any of them
}

// Known is what Check may ask about the world outside the campaign. A nil function skips its check.
type Known struct {
	Template func(name string) bool // is there a stored template of this name
	Topic    func(name string) bool // is there a topic of this name
}
