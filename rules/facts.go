package rules

import (
	"time"

	"dotyk/rules/audience"
)

// Facts is what is stored about one customer, as far as Needs asked for it. The zero value of a field means that there
// is none of it. All lists are in order of time.
type Facts struct {
	Customer audience.Customer
	History  map[string][]audience.Event     // by event name
	Consents []audience.Consent              // all of the customer's, on every channel and topic
	Topics   map[string]audience.TopicPolicy // of the workspace; a topic that is not there is opt-out
	Segments map[string]bool                 // by name: is the customer a member now
	Journeys map[string][]audience.Run       // by name of the campaign
	Touches  map[string]audience.Delivery    // by "campaign/step": the latest message of that step, over all journeys
	Scores   map[string]any                  // by name, such as "rfm.monetary", "score.churn", "next_best.product"
}

// Env is everything a rule may look at.
type Env struct {
	Facts
	Event   *audience.Event              // the event being judged: trigger, wait_for, exit, goal; nil outside of one
	Entry   map[string]any               // properties of the event, or the data, that started the journey
	Results map[string]map[string]any    // by id of an earlier step: {happened, at, event} of a wait_for, ...
	Sent    map[string]audience.Delivery // by id of an earlier message step of this journey
	Now     time.Time                    // the moment of evaluation
}
