package rules

import (
	"time"

	"dotyk/rules/audience"
)

// Env is everything a rule may look at. The zero value of a field means that there is none of it.
type Env struct {
	Customer     audience.Customer
	Event        *audience.Event              // the event being judged: trigger, wait_for, exit, goal; nil outside of one
	Entry        map[string]any               // properties of the event, or the data, that started the journey
	History      map[string][]audience.Event  // by event name, oldest first; holds at least what Needs asked for
	Results      map[string]map[string]any    // by id of an earlier step: {happened, at, event} of a wait_for, ...
	Sent         map[string]audience.Delivery // by id of an earlier message step of this journey
	Unsubscribed bool                         // the customer withdrew consent to everything on every channel
	Now          time.Time                    // the moment of evaluation
}
