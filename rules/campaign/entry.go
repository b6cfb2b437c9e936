package campaign

import (
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/calendar"
)

// TriggerEvent names the event that Match judges: of an event trigger its own, of a segment trigger EventSegmentEntered or
// EventSegmentLeft; "" of the others.
func (d *Definition) TriggerEvent() string { return "" }

// MatchRequest judges the request of a program, a person or another campaign to let a customer enter, whatever the trigger
// is; env.Entry is the data that came with it. Of an API trigger its rule must hold.
func (d *Definition) MatchRequest(env rules.Env) Entry { return Entry{} }

// MatchDate judges a customer by a date trigger, for the day that has begun in the trigger's zone at env.Now, with zone
// that of the workspace. Data is {date, value}.
func (d *Definition) MatchDate(env rules.Env, zone string) Entry { return Entry{} }

// DateAt gives the next moment after now at which a customer with this value of the attribute and this zone enters by the
// date trigger, and false where there is none.
func (t DateTrigger) DateAt(value any, customerZone, workspaceZone string, now time.Time) (time.Time, calendar.Date, bool) {
	return now, calendar.Date{}, false
}

// HoldsOut decides whether a customer is kept out, to compare with: of everything by the policy, or of this campaign. It
// depends on the customer's id and the campaign's name alone.
func (d *Definition) HoldsOut(customerID string, p Policy) (bool, string) { return false, "" }

// Mentions lists, in order, what a change of may concern a journey of this campaign at some step, or whether a customer
// enters: in the form of rules.Needs.Mentions. Names of events are not in it.
func (d *Definition) Mentions() []string { return nil }

// Resting is a step at which journeys can stand.
type Resting struct {
	Step string
	Kind string // wait, wait_for, split, webhook, journey
}

// Rests lists the steps at which journeys can stand, in the order of the file. Step "" stands for the start.
func (d *Definition) Rests() []Resting { return nil }

// Carry gives a journey as it goes on in another version of its campaign, due at once: Advance then finds out where its
// timers lead in that version. Rename maps ids of steps of the old version to those of the new one. It gives false, and
// why, where the journey stands at a step that the new version has not, or at which nothing waits there.
func Carry(to *Definition, j Journey, rename map[string]string, now time.Time) (Journey, bool, string) {
	return j, false, ""
}

// ArmCount is how an arm of an experiment did.
type ArmCount struct {
	Arm     string `json:"arm"`
	Reached int    `json:"reached"` // customers who came to it, and whom its messages reached
	Hits    int    `json:"hits"`    // of them, those who did what By counts
}

// Choose decides an experiment from the counts of its arms.
func (s *SplitStep) Choose(counts []ArmCount) Winner { return Winner{} }

// ParsePolicy reads a policy from YAML or JSON. The error is Violations.
func ParsePolicy(src []byte) (Policy, error) { return Policy{}, nil }

// JSON writes a policy in the form that ParsePolicy reads.
func (p Policy) JSON() []byte { return nil }

// QuietUntil tells whether a customer in a country and zone must not be disturbed on a channel at a moment, and until when.
func (p Policy) QuietUntil(channel audience.Channel, country string, zone *time.Location, at time.Time) (time.Time, bool) {
	return at, false
}

// Slot decides whether a message may take a place under the caps at its moment, m.At. Sent are the customer's marketing
// messages that went out; rivals are those of hers that are to go out now. Of rivals the one of higher priority comes
// first, then the earlier one, then the one of the lesser id. Why names the cap and, where a rival took the place, it.
func (p Policy) Slot(m Message, sent, rivals []Message) (ok bool, why string) { return true, "" }

// Window is the longest stretch of time that a cap looks at; 0 without caps.
func (p Policy) Window() time.Duration { return 0 }
