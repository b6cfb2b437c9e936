package rules

import (
	"maps"
	"time"
)

// Needs says what a rule must be given, so that facts for a batch of customers load in a fixed number of queries.
type Needs struct {
	History  map[string]time.Duration // event name -> how far back; 0 means all of it
	Consents bool                     // Unsubscribed
	Sent     bool                     // Sent: what became of earlier messages
}

// Merge gives what two rules need together: of two windows on the same event, the longer.
func (n Needs) Merge(o Needs) Needs {
	merged := Needs{History: maps.Clone(n.History), Consents: n.Consents || o.Consents, Sent: n.Sent || o.Sent}
	for name, window := range o.History {
		merged.addWindow(name, window)
	}
	return merged
}

func (n *Needs) addWindow(name string, window time.Duration) {
	if n.History == nil {
		n.History = make(map[string]time.Duration)
	}
	if have, ok := n.History[name]; ok && (have == 0 || (window != 0 && window <= have)) {
		return
	}
	n.History[name] = window
}
