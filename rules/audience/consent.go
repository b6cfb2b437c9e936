package audience

import "time"

// AllTopics is the topic of a consent or suppression that covers every topic.
const AllTopics = "*"

// ConsentAction is one entry of the consent ledger.
type ConsentAction string

// What a customer can do with a consent.
const (
	Granted   ConsentAction = "granted"
	Withdrawn ConsentAction = "withdrawn"
)

// Consent is one row of the append-only consent ledger: who said what, when and how.
type Consent struct {
	Channel    Channel // email or sms
	Topic      string  // AllTopics or a topic's name
	Action     ConsentAction
	OccurredAt time.Time
	Method     string // api, form, one_click, sms_keyword, import, operator
	Source     string // the form, key or link it came through
	TextShown  string // the exact words the customer agreed to, when known
}

// TopicPolicy says what the absence of any consent means for a topic.
type TopicPolicy string

// The policies of a topic.
const (
	OptOut TopicPolicy = "opt_out" // may be contacted until the customer says no
	OptIn  TopicPolicy = "opt_in"  // must not be contacted until the customer says yes
)

// Refusal is why a customer must not be contacted.
type Refusal string

// MayContact decides from the customer's consents for one channel, newest last, and the topic's policy whether a
// message on that topic may go out. The empty Refusal means yes.
//
// The latest word on the very topic and the latest word on all topics are compared by time: a later consent to one
// topic overrides an earlier refusal of all, and the other way round.
func MayContact(topic string, policy TopicPolicy, consents []Consent) Refusal {
	var last *Consent
	for i := range consents {
		c := &consents[i]
		if c.Topic != topic && c.Topic != AllTopics {
			continue
		}
		if last == nil || !c.OccurredAt.Before(last.OccurredAt) {
			last = c
		}
	}
	switch {
	case last != nil && last.Action == Withdrawn && last.Topic == AllTopics:
		return "unsubscribed from all messages on " + Refusal(last.OccurredAt.UTC().Format(time.DateOnly)) + " by " + Refusal(last.Method)
	case last != nil && last.Action == Withdrawn:
		return "unsubscribed from topic " + Refusal(topic) + " on " + Refusal(last.OccurredAt.UTC().Format(time.DateOnly)) + " by " + Refusal(last.Method)
	case last == nil && policy == OptIn:
		return "no consent to topic " + Refusal(topic) + ", which requires opt-in"
	default:
		return ""
	}
}

// Unsubscribed reports whether a customer withdrew consent to everything on every channel, as their latest word of at or
// before the given moment. The consents are oldest first.
func Unsubscribed(consents []Consent, at time.Time) bool {
	last := map[Channel]*Consent{}
	for i := range consents {
		c := &consents[i]
		if c.Topic != AllTopics || c.OccurredAt.After(at) {
			continue
		}
		if have := last[c.Channel]; have == nil || !c.OccurredAt.Before(have.OccurredAt) {
			last[c.Channel] = c
		}
	}
	said := func(channel Channel) bool { return last[channel] != nil && last[channel].Action == Withdrawn }
	return said(Email) && said(SMS)
}
