package rehearsal

import (
	"time"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// Config says what a workspace is like. Only Start and Campaigns are required.
type Config struct {
	Start     time.Time                       // when the clock begins and the campaigns are published
	Zone      string                          // of the workspace; "" is UTC
	Country   string                          // of the workspace, for customers without the attribute country
	Policy    campaign.Policy                 // quiet hours, caps, the global holdout
	Topics    map[string]audience.TopicPolicy // a topic that is not there is opt-out
	Campaigns []*campaign.Definition          // all of them live, each with a name of its own
	Segments  map[string]string               // rules of the dynamic segments, by name
	Lists     []string                        // names of the static segments
	Users     []string                        // e-mail addresses to whom work can be given; nil: everyone exists
	// Pools holds the codes of each pool of coupons, which are given in that order. A pool that is not there makes up
	// codes.
	Pools map[string][]string
	// Answer plays the servers that webhook steps ask. Nil answers everything with status 200 and an empty object.
	Answer func(Request) Answer
	// Render makes the content of a message of a journey that got no code of a coupon, and gives an *UnsendableError if it shows
	// the code. Nil sends such messages as they are.
	Render Render
	// Winner decides experiments, whatever their counts. Nil lets the counts decide.
	Winner func(campaign string, s *campaign.SplitStep) campaign.Winner
	// Arrive is told of the steps that a journey came to each time that it has moved, some of them more than once, and of
	// the step at which it stands then; "" if it has ended. It may be nil.
	Arrive func(campaign, journey string, steps []string, stands string)
	// Observe is told of everything that happens, when it does. It may be nil.
	Observe func(Entry)
	// Forget keeps no log: Observe is all there is. For worlds with more happening than fits in memory.
	Forget bool
}

// Request is what a webhook step asks.
type Request struct {
	Campaign, Step, Customer string
	Iteration                int
	URL                      string
	Body                     map[string]any // nil: the default body
}

// Answer is what a server says.
type Answer struct {
	Status int // 0: it could not be reached
	Body   any // as JSON decodes it
	Error  string
	After  time.Duration // how long it takes
}

// Customer is somebody who is known, with all that is known when the clock begins, or when she is added.
type Customer struct {
	audience.Customer
	Consents   []audience.Consent           // oldest first
	Suppressed map[audience.Channel]string  // why her address there must not be contacted
	Lists      []string                     // the static segments to which she belongs
	History    []audience.Event             // what happened before, oldest first; it starts no journeys
	Journeys   map[string][]campaign.Past   // earlier ones, by the campaign's name
	Received   []campaign.Message           // marketing messages she got before, as caps count them
	Scores     map[string]any               // as rules.Facts has them
	Touches    map[string]audience.Delivery // what was sent before, by "campaign/step"
}
