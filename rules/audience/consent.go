package audience

import (
	"slices"
	"time"
)

// AllTopics is the topic of a consent or suppression that covers every topic.
const AllTopics = "*"

// ConsentAction is one entry of the consent ledger.
type ConsentAction string

// What the ledger can say.
const (
	Granted   ConsentAction = "granted"   // the customer said yes
	Confirmed ConsentAction = "confirmed" // the owner of the address said that the yes was theirs
	Refreshed ConsentAction = "refreshed" // a yes was said anew, so that it holds longer
	Imported  ConsentAction = "imported"  // a yes that another system recorded
	Withdrawn ConsentAction = "withdrawn" // the customer took it back
	Objected  ConsentAction = "objected"  // the customer objects to marketing (GDPR article 21)
	Expired   ConsentAction = "expired"   // its time was up
	Requested ConsentAction = "requested" // somebody asked for it in the customer's name; not confirmed, so it says nothing
)

// Consents and Refusals are the actions that allow and that forbid messages. Requested is neither.
var (
	Consents = []ConsentAction{Granted, Confirmed, Refreshed, Imported}
	Refusals = []ConsentAction{Withdrawn, Objected, Expired}
)

// Allows reports whether messages may follow.
func (a ConsentAction) Allows() bool { return slices.Contains(Consents, a) }

// Forbids reports whether no messages may follow.
func (a ConsentAction) Forbids() bool { return slices.Contains(Refusals, a) }

// Consent is one row of the append-only consent ledger: who said what, when and how.
type Consent struct {
	Channel    Channel // email or sms
	Topic      string  // AllTopics or a topic's name
	Action     ConsentAction
	OccurredAt time.Time
	Method     string    // api, form, one_click, preference_page, confirmation, sms_keyword, import, operator
	Source     string    // the form, key or link it came through
	TextShown  string    // the exact words the customer agreed to, when known
	ExpiresAt  time.Time // when it ends by itself; zero for never
}

// TopicPolicy says what the absence of any consent means for a topic.
type TopicPolicy string

// The policies of a topic.
const (
	OptOut      TopicPolicy = "opt_out"       // may be contacted until the customer says no
	OptIn       TopicPolicy = "opt_in"        // must not be contacted until the customer says yes
	DoubleOptIn TopicPolicy = "double_opt_in" // nor until the owner of the address confirms that yes
)

// Valid reports whether p is one of the known policies.
func (p TopicPolicy) Valid() bool { return p == OptOut || p == OptIn || p == DoubleOptIn }

// Refusal is why a customer must not be contacted.
type Refusal string

// Circumstances are what else decides besides the customer's words. The zero value adds nothing.
type Circumstances struct {
	At time.Time // consents whose time is up by then do not count; zero does not look at their time
	// Law is what holds where the customer is, for the channel; nil when the workspace does not want it looked at.
	Law *Law
	// Bought and Asked are when the customer last bought, and last asked for something; zero for never. Some laws take
	// them for a consent, for a time.
	Bought, Asked time.Time
}

// MayContact decides from the customer's consents for one channel, newest last, and the topic's policy whether a
// message on that topic may go out. The empty Refusal means yes.
//
// The latest word on the very topic and the latest word on all topics are compared by time: a later consent to one
// topic overrides an earlier refusal of all, and the other way round. What was merely requested is no word.
func MayContact(topic string, policy TopicPolicy, consents []Consent) Refusal {
	return MayContactIn(Circumstances{}, topic, policy, consents)
}

// MayContactIn is MayContact under circumstances.
func MayContactIn(c Circumstances, topic string, policy TopicPolicy, consents []Consent) Refusal {
	last, requested := latest(topic, consents)
	switch {
	case last == nil:
		return silence(c, topic, policy, requested)
	case last.Action == Expired:
		return "consent to " + named(last.Topic) + " expired on " + day(last.OccurredAt)
	case last.Action.Forbids():
		return "unsubscribed from " + named(last.Topic) + " on " + day(last.OccurredAt) + " by " + Refusal(last.Method)
	case !c.At.IsZero() && !last.ExpiresAt.IsZero() && !last.ExpiresAt.After(c.At):
		return "consent to " + named(last.Topic) + " expired on " + day(last.ExpiresAt)
	default:
		return ""
	}
}

// silence judges what it means that the customer said neither yes nor no.
func silence(c Circumstances, topic string, policy TopicPolicy, requested bool) Refusal {
	switch {
	case policy != OptOut && requested:
		return "consent to topic " + Refusal(topic) + " was requested and is not confirmed"
	case policy == OptIn || policy == DoubleOptIn:
		return "no consent to topic " + Refusal(topic) + ", which requires opt-in"
	case c.Law != nil:
		return c.Law.silence(c)
	default:
		return ""
	}
}

// latest finds the last word on a topic, nil for none, and whether a consent was requested.
func latest(topic string, consents []Consent) (last *Consent, requested bool) {
	for i := range consents {
		c := &consents[i]
		if c.Topic != topic && c.Topic != AllTopics {
			continue
		}
		if !c.Action.Allows() && !c.Action.Forbids() {
			requested = true
			continue
		}
		if last == nil || !c.OccurredAt.Before(last.OccurredAt) {
			last = c
		}
	}
	return last, requested
}

func named(topic string) Refusal {
	if topic == AllTopics {
		return "all messages"
	}
	return "topic " + Refusal(topic)
}

func day(at time.Time) Refusal { return Refusal(at.UTC().Format(time.DateOnly)) }

// Unsubscribed reports whether a customer withdrew consent to everything on every channel, as their latest word of at or
// before the given moment. The consents are oldest first.
func Unsubscribed(consents []Consent, at time.Time) bool {
	last := map[Channel]*Consent{}
	for i := range consents {
		c := &consents[i]
		if c.Topic != AllTopics || c.OccurredAt.After(at) || !c.Action.Allows() && !c.Action.Forbids() {
			continue
		}
		if have := last[c.Channel]; have == nil || !c.OccurredAt.Before(have.OccurredAt) {
			last[c.Channel] = c
		}
	}
	said := func(channel Channel) bool {
		return last[channel] != nil && last[channel].Action.Forbids() && last[channel].Action != Expired
	}
	return said(Email) && said(SMS)
}
