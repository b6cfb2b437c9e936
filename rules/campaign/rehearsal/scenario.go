package rehearsal

import (
	"time"

	"go.yaml.in/yaml/v3"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// Scenario is a file that rehearses campaigns: who the customers are, what happens to them, what they must get and what
// they must not get. The fields of the file are those in the tags here; any other field is a fault. README.md of this
// package is its reference.
type Scenario struct {
	Name        string                 `yaml:"scenario"`
	Campaigns   []string               `yaml:"campaigns"` // files, beside this one; all of them are live
	Start       Moment                 `yaml:"start"`     // default: the first moment that the file mentions
	Until       Moment                 `yaml:"until"`     // default: 30 days after the last moment that the file mentions
	Within      Span                   `yaml:"within"`    // of each expectation that does not say; default 60s
	Zone        string                 `yaml:"zone"`
	Country     string                 `yaml:"country"`
	Policy      PolicyField            `yaml:"policy"`
	Topics      map[string]string      `yaml:"topics"`   // opt_in or opt_out
	Segments    map[string]string      `yaml:"segments"` // rules
	Lists       []string               `yaml:"lists"`
	Users       []string               `yaml:"users"`
	Pools       map[string][]string    `yaml:"pools"`
	Webhooks    map[string]AnswerField `yaml:"webhooks"` // by step
	Customers   People                 `yaml:"customers"`
	Events      []Moved                `yaml:"events"`
	Expect      []Expectation          `yaml:"expect"`
	Never       []Expectation          `yaml:"never"`
	Counts      []Count                `yaml:"counts"`
	NothingElse bool                   `yaml:"nothing_else"` // no message, task or call but those that are expected
}

// DefaultWithin is how far from its moment something may happen that is expected.
const DefaultWithin = 60 * time.Second

// Place is where something stands in the file.
type Place struct {
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

// Person is a customer of a scenario, or a group of alike ones. Her name is her id. In the name and in all texts of a
// group {{n}} stands for the number of each: 1, 2 and so on.
type Person struct {
	Place      `yaml:"-"`
	ID         string                        `yaml:"-"`
	Count      int                           `yaml:"count"` // of a group
	Email      string                        `yaml:"email"`
	Phone      string                        `yaml:"phone"`
	Name       string                        `yaml:"name"`
	Kind       audience.CustomerKind         `yaml:"kind"`
	Locale     string                        `yaml:"locale"`
	Timezone   string                        `yaml:"timezone"`
	Stage      string                        `yaml:"stage"`
	Tags       []string                      `yaml:"tags"`
	Attributes map[string]any                `yaml:"attributes"`
	Scores     map[string]any                `yaml:"scores"`
	Consents   map[audience.Channel][]string `yaml:"consents"` // topics, by channel; "*" is all
	Refuses    map[audience.Channel][]string `yaml:"refuses"`
	Suppressed map[audience.Channel]string   `yaml:"suppressed"` // why
	Lists      []string                      `yaml:"lists"`
	History    []Past                        `yaml:"history"`
	Received   []Received                    `yaml:"received"`
}

// People are the customers in the order of the file.
type People []Person

// Past is an event from before the start. It starts no journeys.
type Past struct {
	At         Moment         `yaml:"at"`
	Event      string         `yaml:"event"`
	Properties map[string]any `yaml:"properties"`
}

// Received are marketing messages from before the start, as caps count them.
type Received struct {
	At      Moment           `yaml:"at"`
	Channel audience.Channel `yaml:"channel"`
	Topic   string           `yaml:"topic"`
	Times   int              `yaml:"times"` // default 1
}

// Moved is something that happens to a customer. Of the fields from Update to Leave at least one is set; of several,
// what is on the record happens before the event, as with a form that carries a profile and a consent.
type Moved struct {
	Place       `yaml:"-"`
	ID          string                      `yaml:"id"` // what the author calls it; it means nothing
	At          Moment                      `yaml:"at"`
	Customer    string                      `yaml:"customer"` // or the name of a group: to each of it
	Update      map[string]any              `yaml:"update"`
	Consent     map[audience.Channel]string `yaml:"consent"`     // topic, by channel
	Unsubscribe map[audience.Channel]string `yaml:"unsubscribe"` // topic, by channel
	Suppress    map[audience.Channel]string `yaml:"suppress"`    // why, by channel
	Join        string                      `yaml:"join"`        // list
	Leave       string                      `yaml:"leave"`
	Event       string                      `yaml:"event"`
	Properties  map[string]any              `yaml:"properties"`
	Complete    string                      `yaml:"complete"` // step of a task or call
	Outcome     string                      `yaml:"outcome"`
	Note        string                      `yaml:"note"`
	By          string                      `yaml:"by"`
	Click       string                      `yaml:"click"` // step of a message
	Open        string                      `yaml:"open"`
	URL         string                      `yaml:"url"`
	Request     string                      `yaml:"request"` // campaign to enter
	Data        map[string]any              `yaml:"data"`
	Arm         map[string]string           `yaml:"arm"`  // only to those in this arm, by split
	Most        int                         `yaml:"most"` // to no more than so many
}

// Expectation is something that must happen, or, under never, must not. One of the fields from Email to Record says
// what; under never none stands for every message, task and call.
type Expectation struct {
	Place    `yaml:"-"`
	At       Moment         `yaml:"at"`
	Within   Span           `yaml:"within"`
	From     Moment         `yaml:"from"` // under never: not before
	To       Moment         `yaml:"to"`   // under never: not after
	Customer string         `yaml:"customer"`
	Campaign string         `yaml:"campaign"` // name; where several campaigns have such a step
	Email    string         `yaml:"email"`    // ids of steps
	SMS      string         `yaml:"sms"`
	Task     string         `yaml:"task"`
	Call     string         `yaml:"call"`
	Written  string         `yaml:"note"`
	Webhook  string         `yaml:"webhook"`
	Coupon   string         `yaml:"coupon"`
	Entered  string         `yaml:"entered"` // campaigns
	Left     string         `yaml:"left"`
	HeldOut  string         `yaml:"held_out"`
	Record   map[string]any `yaml:"record"` // what is changed on the record
	Reason   string         `yaml:"reason"` // of left: why; text that is in it
	For      string         `yaml:"for"`    // of tasks and calls: to whom they are given
	Text     string         `yaml:"text"`   // text that is in the subject, in the text or in the title
	ID       string         `yaml:"id"`     // what the author calls it; it means nothing
}

// Count is how often something must happen, over all customers. Sum adds up several.
type Count struct {
	Place    `yaml:"-"`
	ID       string  `yaml:"id"`   // what the author calls it; it means nothing
	From     Moment  `yaml:"from"` // not before
	To       Moment  `yaml:"to"`   // not after
	Campaign string  `yaml:"campaign"`
	Customer string  `yaml:"customer"` // or the name of a group
	Email    string  `yaml:"email"`
	SMS      string  `yaml:"sms"`
	Task     string  `yaml:"task"`
	Call     string  `yaml:"call"`
	Entered  string  `yaml:"entered"`
	Refused  string  `yaml:"not_entered"`
	HeldOut  string  `yaml:"held_out"`
	Left     string  `yaml:"left"`
	Split    string  `yaml:"split"`
	Arm      string  `yaml:"arm"`
	Sum      []Count `yaml:"sum"`
	Is       *int    `yaml:"is"`
	Min      *int    `yaml:"min"`
	Max      *int    `yaml:"max"`
}

// AnswerField is what a server answers to a webhook step.
type AnswerField struct {
	Status int    `yaml:"status"`
	Body   any    `yaml:"body"`
	Error  string `yaml:"error"`
	After  Span   `yaml:"after"`
}

// PolicyField is a policy as campaign.ParsePolicy reads it.
type PolicyField struct{ campaign.Policy }

// Moment is a time as rules write it: 2026-01-05T10:00:00Z.
type Moment struct{ time.Time }

// Span is a duration as rules write it: 60s, 2d. The zero value is not set.
type Span struct {
	time.Duration
	Set bool
}

var _ = []yaml.Unmarshaler{&People{}, &Person{}, &Moved{}, &Expectation{}, &Count{}, &PolicyField{}, &Moment{}, &Span{}}
