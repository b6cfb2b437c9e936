package rehearsal

import (
	"time"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// Kind is what an Entry of the log is about.
type Kind string

// The kinds of entries.
const (
	Happened   Kind = "happened"    // an event; Step is empty
	Changed    Kind = "changed"     // the record, by an input or an update step: Values are the new ones
	Joined     Kind = "joined"      // a segment: Outcome
	Left       Kind = "left"        // a segment: Outcome
	Entered    Kind = "entered"     // a campaign
	NotEntered Kind = "not entered" // Reason says why
	HeldOut    Kind = "held out"
	Decided    Kind = "decided" // Outcome; Detail is the kind of the decision
	Sent       Kind = "sent"    // a message went out
	Delayed    Kind = "delayed" // a message waits: Until
	Suppressed Kind = "suppressed"
	Task       Kind = "task" // work for a person: Assignee
	Call       Kind = "call"
	Note       Kind = "note"
	Owner      Kind = "owner" // Assignee
	Coupon     Kind = "coupon"
	Redeemed   Kind = "redeemed"
	Webhook    Kind = "webhook" // a request to a server: Values are its body
	Ended      Kind = "ended"   // Outcome is the status of the journey, Reason its exit reason
	Problem    Kind = "problem" // something that a step asks for cannot be had
)

// Entry is one thing that happened.
type Entry struct {
	At        time.Time
	Kind      Kind
	Customer  string // id
	Campaign  string // name; empty where none is concerned
	Journey   string // id
	Step      string
	Iteration int
	Channel   audience.Channel // of a message
	Outcome   string
	Reason    string
	Rule      string
	Detail    string
	Assignee  string // e-mail address; "" for nobody
	Text      string // title of a task or call, text of a note, code of a coupon: of templates the source
	Values    map[string]any
	Event     string    // name of the event that was judged, or that happened
	Until     time.Time // Delayed: when it is tried again; Task, Call: when it is due
	Priority  int       // Sent: of the campaign
	Topic     string    // Sent: "" of a transactional message
	Content   *Content  // Sent: what it says and may mention
}

// Content is a message as it goes out: its step, and all that its template may mention, as it was at that moment.
type Content struct {
	Step      campaign.MessageStep
	Recipient audience.Customer
	Entry     map[string]any
	Position  campaign.Position
	Coupons   map[string]campaign.Coupon
	Codeless  map[string]string // by coupon step that gave nothing: the pool that was empty
}

func (w *World) note(e Entry) {
	e.At = w.now
	if w.config.Observe != nil {
		w.config.Observe(e)
	}
	if !w.config.Forget {
		w.log = append(w.log, e)
	}
}

// Log is everything that happened so far, in order. It is empty with Config.Forget.
func (w *World) Log() []Entry { return w.log }
