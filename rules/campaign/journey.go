package campaign

import (
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// Journey is one customer's run through one version of a campaign: what Advance reads and gives back.
type Journey struct {
	ID         string // UUID
	Status     Status
	Position   Position
	DueAt      time.Time      // when to look at it again; zero when only an event can move it, or when it has left
	ListensTo  []string       // what concerns it now, sorted: names of events, and Changed(mention) of what may change
	ExitReason string         // set once it has left: "finished", or what made it leave
	EnteredAt  time.Time      // UTC, whole microseconds
	Entry      map[string]any // properties of the event, or the data, that started it
	Key        string         // value of the campaign's key; "" without one
}

// Status of a journey.
type Status string

// The states of a journey.
const (
	Active    Status = "active"
	Finished  Status = "finished"  // walked to the end
	Exited    Status = "exited"    // left early: exit step, exit rule
	Converted Status = "converted" // reached the goal
	HeldOut   Status = "held_out"  // kept out, to compare with: it never began
)

// ReasonFinished is the ExitReason of a journey that walked to the end of its campaign.
const ReasonFinished = "finished"

// Position is where a journey stands. It is kept as JSON, names steps by their ids and depends on nothing else, so
// that it outlives the program that wrote it and can be carried to another version of the campaign.
type Position struct {
	// Step is the id of the step at which the journey stands: a wait, a wait_for, a split whose winner is not known, a webhook
	// or journey step that waits, or a repeat at which a very long walk was interrupted. Empty before the first step.
	Step string `json:"step,omitempty"`
	// Began is the instant from which that step counts its time, in UTC and whole microseconds.
	Began time.Time `json:"began,omitzero"`
	// Results holds the outcome of each step behind the journey that has one, by the step's id. Of a wait_for with quiet at
	// which the journey stands it is the latest event so far.
	Results map[string]Result `json:"results,omitempty"`
	// Passes counts how many times the journey has come to a step within a repeat, by the step's id. Of other steps it is 1.
	// Of a repeat it is how many rounds it has begun since the journey last came to it from before.
	Passes map[string]int `json:"passes,omitempty"`
}

// Result is the outcome of a step, which later rules see as <id>.happened, <id>.at and <id>.<name in Event>.
//
//	wait_for  Event: properties of the event that met it
//	wait      with until: Happened unless its moment was past; At: the moment
//	split     Event: {arm}
//	decide    Event: the value, if it is an object; else {value}
//	webhook   Happened: it was answered with success; Event: {status, body, error}
//	journey   Happened: it has ended; Event: {status, reason}
//	task,call Happened: it was completed in time, which only a wait_for finds out; see TaskStep
type Result struct {
	Happened bool           `json:"happened"`
	At       time.Time      `json:"at,omitzero"`
	Event    map[string]any `json:"event,omitempty"`
}

// Facts is what is known about the journey's customer at the moment of Advance.
type Facts struct {
	rules.Facts
	Inbox   []audience.Event             // events that concern the journey and were not yet handed to it, oldest first
	Sent    map[string]audience.Delivery // by id of an earlier message step of the journey
	Zone    string                       // of the workspace; "" is UTC
	Coupons map[string]Coupon            // of the journey, by the step's id; of a repeated step the latest
	Winners map[string]Winner            // by id of a split of this campaign and version that has been decided
}

// Coupon is a code that a journey gave its customer. Rules and templates see it as <id>.code, .expires_at, .redeemed
// (.happened says the same) and .at, when it was redeemed.
type Coupon struct {
	Code       string
	ExpiresAt  time.Time // zero: never
	RedeemedAt time.Time // zero: not yet
}

// Winner is the arm that a split chose for the rest.
type Winner struct {
	Arm    string
	Reason string // one sentence, with the figures and the test
}

// changedPrefix marks what a journey listens to besides events.
const changedPrefix = "changed:"

// Changed is how ListensTo names that something a rule mentions may change; the mention is one of rules.Needs.Mentions.
// Whoever listens to a field of the record listens to Changed("customer:*") as well, which says that all may have changed.
func Changed(mention string) string { return changedPrefix + mention }

// Past is an earlier journey of a customer through a campaign, any version of it.
type Past struct {
	Key       string
	Status    Status
	EnteredAt time.Time
	EndedAt   time.Time // zero while it is active
	Reason    string    // why it ended
}

// Entry says whether a customer enters a campaign, and why or why not.
type Entry struct {
	Matched bool           `json:"matched"`
	Reason  string         `json:"reason"`           // one sentence, for either outcome
	Rule    string         `json:"rule,omitempty"`   // source of the trigger's rule, if it has one
	Values  map[string]any `json:"values,omitempty"` // what the rule looked up; JSON-safe
	Key     string         `json:"key,omitempty"`    // value of the campaign's key for this entry
	Data    map[string]any `json:"-"`                // what becomes Journey.Entry: of a date trigger, for example, {date, value}
}
