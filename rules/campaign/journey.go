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
	ListensTo  []string       // names of the events that concern it now, sorted: wait_for, exits, goal
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
)

// ReasonFinished is the ExitReason of a journey that walked to the end of its campaign.
const ReasonFinished = "finished"

// Position is where a journey stands. It is kept as JSON, names steps by their ids and depends on nothing else, so
// that it outlives the program that wrote it and can be carried to another version of the campaign.
type Position struct {
	// Step is the id of the wait or wait_for at which the journey stands; empty before the first step.
	Step string `json:"step,omitempty"`
	// Began is the instant from which that step counts its time, in UTC and whole microseconds.
	Began time.Time `json:"began,omitzero"`
	// Results holds the outcome of each wait_for behind the journey, by the step's id.
	Results map[string]Result `json:"results,omitempty"`
}

// Result is the outcome of a wait_for.
type Result struct {
	Happened bool           `json:"happened"`        // the event came in time
	At       time.Time      `json:"at,omitzero"`     // when the event occurred, or when waiting for it ended
	Event    map[string]any `json:"event,omitempty"` // properties of the event that met it
}

// Facts is what is known about the journey's customer at the moment of Advance.
type Facts struct {
	rules.Facts
	Inbox []audience.Event             // events that concern the journey and were not yet handed to it, oldest first
	Sent  map[string]audience.Delivery // by id of an earlier message step of the journey
}

// Past is an earlier journey of a customer through a campaign, any version of it.
type Past struct {
	Key       string
	Status    Status
	EnteredAt time.Time
	EndedAt   time.Time // zero while it is active
}

// Entry says whether a customer enters a campaign, and why or why not.
type Entry struct {
	Matched bool           `json:"matched"`
	Reason  string         `json:"reason"`           // one sentence, for either outcome
	Rule    string         `json:"rule,omitempty"`   // source of the trigger's rule, if it has one
	Values  map[string]any `json:"values,omitempty"` // what the rule looked up; JSON-safe
	Key     string         `json:"key,omitempty"`    // value of the campaign's key for this entry
}
