package campaign

import (
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/calendar"
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
	// Reenter says whether a customer may enter again: `reenter: never`, `always`, `{after: 30d}`, `{when: <rule>}`.
	Reenter Reenter
	// Concurrent lets a customer have several journeys under way at one time: `concurrent: true`. Each has a key of its
	// own then, its id, so it cannot stand beside Key.
	Concurrent bool
	// Reachable lists channels by which a customer must be reachable to enter: `reachable: [email]`. Who has no address
	// there, is suppressed, does not consent to the topic, or has had as many messages as the caps allow, does not enter.
	Reachable []audience.Channel
	// Holdout is the part of those who would enter that is kept out, to compare with: `holdout: 5%`. Who belongs to it
	// depends on the customer and the campaign's name alone.
	Holdout Share
	// Topic names the consent that the campaign's messages need: `topic: news`.
	Topic string
	// Transactional marks service messages, which need no consent: `transactional: true`.
	Transactional bool
	// Priority orders campaigns that want the same customer, 0 (the default) to 100, higher first: `priority: 5`.
	Priority int
	// Untracked keeps from the e-mails what tells that they are opened and their links followed: `tracking: false`.
	Untracked bool
	// Brakes are limits past which the campaign is paused by itself: `brakes: {bounces: 3%}`, or `brakes: none`. Nil leaves
	// them to the workspace.
	Brakes *Brakes
	// Goal is what the campaign is for: `goal: {event: order_completed, within: 14d}`. Nil without.
	Goal *Goal
	// Exit lists what makes a journey leave early: `exit: ['customer.unsubscribed', {event: order_cancelled}]`.
	Exit []Exit
	// Steps is what the campaign does: `steps: […]`, at least one.
	Steps []Step

	flow      flow
	needs     rules.Needs
	places    map[string]place // of steps, by id
	spots     map[string]place // of fields at the top of the file
	warnings  Violations
	canonical []byte
	tree      map[string]any // the canonical form, decoded
	hash      string
}

// Warnings are what may be mistakes in a definition that can be used: names in rules that the workspace has no data of.
func (d *Definition) Warnings() Violations { return d.warnings }

// Trigger makes customers enter a campaign. The set is closed: EventTrigger, SegmentTrigger, ScheduleTrigger, DateTrigger,
// AudienceTrigger, APITrigger. Whatever the trigger, a customer can be put into a campaign by the API, the command line or
// a journey of another campaign as well.
//
//sumtype:decl
type Trigger interface{ trigger() }

// EventTrigger lets a customer enter when an event happens: `trigger: {event: registered, when: 'event.total > 0'}`.
type EventTrigger struct {
	Event string
	When  *rules.Rule // judged for each such event; nil means any of them
}

// SegmentTrigger lets a customer enter who joins or leaves a segment: `trigger: {segment: {entered: vip}}`, or {left: vip};
// `segment: vip` is short for the first. With `existing: true` those who are members when the campaign is published enter
// then.
type SegmentTrigger struct {
	Segment  string
	Left     bool        // leaving it, not joining it
	Existing bool        // not with Left
	When     *rules.Rule // judged for each who joins or leaves; nil means any of them
}

// ScheduleTrigger lets everyone enter for whom a rule holds, again and again:
//
//	trigger: {schedule: {cron: "0 9 * * mon", zone: customer, audience: 'customer.kind == "client"'}}
//	trigger: {schedule: {rrule: "FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=0", zone: Europe/Kyiv, audience: "true"}}
//
// With the zone "customer" each is judged when it is that time where she is.
type ScheduleTrigger struct {
	Schedule calendar.Schedule
	Zone     string      // ZoneCustomer, ZoneWorkspace (the default), or a name such as "Europe/Kyiv"
	Audience *rules.Rule // required
	From     time.Time   // no moment before; zero without
	To       time.Time   // no moment after; zero without
}

// DateTrigger lets a customer enter on, before or after a date on her record:
//
//	trigger: {date: {attribute: birthday, offset: -3d, at: "09:00", yearly: true, zone: customer}, when: '…'}
//
// The entry is {date, value}: the day that is meant ("2026-03-29", of a yearly one this year's), and the attribute's value.
// 29 February comes on the 28th in common years. A date whose moment was missed by more than a day starts nothing.
type DateTrigger struct {
	Attribute string         // of the customer: text as rules.ParseTime reads it; of a time, its day in the zone
	Days      int            // the offset, in whole days; negative is before
	At        calendar.Clock // default 09:00
	Yearly    bool
	Zone      string      // ZoneCustomer (the default), ZoneWorkspace, or a name
	When      *rules.Rule // nil means everyone
}

// AudienceTrigger lets everyone enter for whom a rule holds: `trigger: {audience: 'customer.kind == "client"'}`, or
// `trigger: {audience: {rule: …, once: true, at: "2026-12-01T09:00:00+02:00"}}`. The rule `true` stands for everyone.
type AudienceTrigger struct {
	Rule *rules.Rule
	// Once: everyone is judged one time, when the campaign is published or at At. Else everyone for whom the rule holds
	// then enters, and later everyone for whom it comes to hold because something happened to her.
	Once bool
	At   time.Time // zero: at once
}

// APITrigger lets only those enter whom a program, a person or another campaign puts in: `trigger: {api: true}`, or
// `trigger: {api: {when: <rule>}}`. The entry is the data they gave.
type APITrigger struct {
	When *rules.Rule // nil means everyone
}

func (EventTrigger) trigger()    {}
func (SegmentTrigger) trigger()  {}
func (ScheduleTrigger) trigger() {}
func (DateTrigger) trigger()     {}
func (AudienceTrigger) trigger() {}
func (APITrigger) trigger()      {}

// The zones that are no names of zones.
const (
	ZoneCustomer  = "customer"  // the customer's; the workspace's where it is unknown
	ZoneWorkspace = "workspace" // the workspace's; UTC where it has none
)

// Share is a part of all, in millionths: 5% is 50,000.
type Share int

// ReenterMode says whether a customer who has been through a campaign may enter it again.
type ReenterMode string

// The modes of re-entry. In none of them does a customer have two active journeys with the same key.
const (
	ReenterNever  ReenterMode = "never"  // once per key: the default
	ReenterAlways ReenterMode = "always" // as soon as the journey before has ended
	ReenterAfter  ReenterMode = "after"  // at most once in a period, counted from the entry before
	ReenterWhen   ReenterMode = "when"   // as soon as the journey before has ended, if a rule holds
)

// Reenter is the re-entry policy of a campaign.
type Reenter struct {
	Mode  ReenterMode
	After time.Duration // for ReenterAfter
	// When is for ReenterWhen. It sees the journey before as previous.at (when it was entered), .ended_at, .status and
	// .reason; previous.happened is true.
	When *rules.Rule
}

// Goal is the event that a campaign wants to bring about. It ends the journey as converted.
type Goal struct {
	Event  string
	When   *rules.Rule   // judged for each such event; nil means any of them
	Within time.Duration // counts only that long after the entry; 0 means without limit
}

// Exit is one reason to leave early: either a rule about the customer, judged whenever the journey moves or something that
// it mentions changes, or an event.
type Exit struct {
	Rule  *rules.Rule // set for the first form
	Event string      // set for the second form
	When  *rules.Rule // second form: judged for each such event; nil means any of them
}

// Known is what Check may ask about the world outside the campaign. A nil function skips its check.
type Known struct {
	Template func(name string) bool // is there a stored template of this name
	Topic    func(name string) bool // is there a topic of this name
	Segment  func(name string) bool // is there a segment of this name
	List     func(name string) bool // is there a static segment of this name
	User     func(email string) bool
	Pool     func(name string) bool // is there a pool of coupons of this name
	Campaign func(name string) bool // is there a campaign of this name, whatever its status
	Codes    func(pool string) int  // how many codes of a pool of coupons are free
	// Policy of a topic; false where it is unknown.
	Policy func(topic string) (audience.TopicPolicy, bool)
	// Live lists the campaigns that customers can enter now.
	Live []*Definition
}
