package rules

import (
	"maps"
	"slices"
	"time"
)

// Needs says what a rule must be given, so that facts for a batch of customers load in a fixed number of queries.
type Needs struct {
	History map[string]time.Duration // event name -> how far back; 0 means all of it
	// Properties are the names, in order, of the events whose properties are looked at; of others .name and .at will do.
	Properties []string
	Profile    []string // names of customer.<name>, in order; all of them are part of the customer
	Segments   []string // names of segment("…"), in order
	Journeys   []string // names of journeys("…"), in order
	Touches    []string // "campaign/step" of sent("campaign", "step"), in order
	Consents   bool     // Consents and Topics
	Scores     bool     // Scores
	Sent       bool     // Sent: what became of earlier messages of the same journey
	Clock      bool     // the passing of time alone may change the answer
	OwnTimes   bool     // time may do so also for a customer without any of the events of History
}

// Merge gives what two rules need together: of two windows on the same event, the longer.
func (n Needs) Merge(o Needs) Needs {
	merged := Needs{
		History: maps.Clone(n.History), Properties: union(n.Properties, o.Properties), Profile: union(n.Profile, o.Profile), Segments: union(n.Segments, o.Segments),
		Journeys: union(n.Journeys, o.Journeys), Touches: union(n.Touches, o.Touches),
		Consents: n.Consents || o.Consents, Scores: n.Scores || o.Scores, Sent: n.Sent || o.Sent,
		Clock: n.Clock || o.Clock, OwnTimes: n.OwnTimes || o.OwnTimes,
	}
	for name, window := range o.History {
		merged.addWindow(name, window)
	}
	return merged
}

func union(a, b []string) []string {
	if len(a)+len(b) == 0 {
		return nil
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
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

// The kinds of thing that a rule can mention, and that can change. What a mention is of follows after the colon.
const (
	MentionEvent    = "event:"    // an event of this name
	MentionProfile  = "customer:" // this field or attribute of the record
	MentionSegment  = "segment:"  // membership in this segment
	MentionJourneys = "journeys:" // journeys through this campaign
	MentionTouch    = "sent:"     // messages of this campaign and step, "campaign/step"
	MentionConsents = "consents:" // any consent; nothing follows
	MentionScores   = "scores:"   // any score; nothing follows
)

// Mentions lists, in order, whatever a change of which may change the answer: a rule need not be judged again for a
// change of anything else. Time is not in it; see Clock.
func (n Needs) Mentions() []string {
	var all []string
	add := func(prefix string, names []string) {
		for _, name := range names {
			all = append(all, prefix+name)
		}
	}
	add(MentionEvent, slices.Collect(maps.Keys(n.History)))
	add(MentionProfile, n.Profile)
	add(MentionSegment, n.Segments)
	add(MentionJourneys, n.Journeys)
	add(MentionTouch, n.Touches)
	if n.Consents {
		all = append(all, MentionConsents)
	}
	if n.Scores {
		all = append(all, MentionScores)
	}
	slices.Sort(all)
	return all
}
