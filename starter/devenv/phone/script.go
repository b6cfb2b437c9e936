package phone

import (
	"fmt"
	"path"
	"slices"
	"time"
)

// FaultRule has calls of the API go wrong, for people and scripts: POST /dev/phone/faults.
type FaultRule struct {
	Operation Operation `json:"operation"`    // create, list, fetch, update, dial, list calls, fetch call; empty: each
	To        string    `json:"to,omitempty"` // pattern of numbers, as +38067*; empty: each
	Times     int       `json:"times"`        // how often; 0: until it is deleted

	Status     int        `json:"status,omitempty"`      // of the answer: 429, 500, 503
	Code       int        `json:"code,omitempty"`        // Twilio's, of the answer; follows from the status
	Message    string     `json:"message,omitempty"`     // of the answer
	RetryAfter int        `json:"retry_after,omitempty"` // seconds
	HTML       bool       `json:"html,omitempty"`        // the answer is a page, as a proxy's
	Drop       bool       `json:"drop,omitempty"`        // the connection breaks off instead of an answer
	Accept     bool       `json:"accept,omitempty"`      // the message is taken although the answer says otherwise
	Delay      int        `json:"delay,omitempty"`       // milliseconds before the answer
	Callbacks  []Callback `json:"callbacks,omitempty"`   // posted instead of the true ones: twice, in another order; [] for none

	Hits int `json:"hits"` // how often it has come to pass
}

// check says what is wrong with a rule; nil when nothing is.
func (f *FaultRule) check() error {
	known := []Operation{"", Create, List, Fetch, Update, Dial, ListCalls, FetchCall}
	_, pattern := path.Match(f.To, "")
	switch {
	case !slices.Contains(known, f.Operation):
		return fmt.Errorf("there is no operation %q: want one of create, list, fetch, update, dial, list calls, fetch call", f.Operation)
	case pattern != nil:
		return fmt.Errorf("to is %q: want a pattern such as +38067*", f.To)
	case f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("status is %d: want 400 to 599", f.Status)
	case f.Times < 0 || f.Delay < 0 || f.RetryAfter < 0:
		return fmt.Errorf("times, delay and retry_after cannot be negative")
	case f.HTML && f.Status == 0:
		return fmt.Errorf("html needs a status, such as 502")
	case f.Accept && f.Status == 0 && !f.Drop:
		return fmt.Errorf("accept needs a status or drop: without one every message is taken anyway")
	case f.Status == 0 && !f.Drop && f.Delay == 0 && f.Callbacks == nil:
		return fmt.Errorf("nothing would go wrong: give a status, drop, delay or callbacks")
	}
	for _, c := range f.Callbacks {
		if c.Status.rank() == 0 {
			return fmt.Errorf("callbacks has the status %q: want one of Twilio's, such as sent, delivered, undelivered", c.Status)
		}
	}
	return nil
}

func (f *FaultRule) fault() Fault {
	return Fault{
		Delay: time.Duration(f.Delay) * time.Millisecond, Drop: f.Drop, Status: f.Status, Code: f.Code, Message: f.Message,
		RetryAfter: time.Duration(f.RetryAfter) * time.Second, HTML: f.HTML, Accept: f.Accept, Callbacks: f.Callbacks,
	}
}

// accept takes a new rule, or says what is wrong with it.
func (f *FaultRule) accept() error {
	f.Hits = 0
	return f.check()
}

// happens tells whether the rule is about a call, and counts it then.
func (f *FaultRule) happens(c Call) bool {
	fits, err := path.Match(f.To, c.To)
	if f.Operation != "" && f.Operation != c.Operation || f.To != "" && (err != nil || !fits) || f.Times > 0 && f.Hits >= f.Times {
		return false
	}
	f.Hits++
	return true
}
