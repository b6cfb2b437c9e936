package rehearsal

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"dotyk/rules/calendar"
	"dotyk/rules/campaign"
)

// Back is a back-test: what a campaign would have done from From to To, had it been published at From.
type Back struct {
	From, To time.Time
	World    Config // of the workspace: zone, country, policy, topics, segments, lists; the simulation sets the rest
	Draft    *campaign.Definition
	Live     *campaign.Definition // the live version of the same name, played beside it; nil without
	SMSPrice float64              // of one part
	// Parts tells in how many parts a text message goes out. An error says that its content cannot be filled in for that
	// customer, so that it does not go out. Nil counts each message as one part.
	Parts func(d *campaign.Definition, c *Content) (int, error)
}

// Subject is a customer as she was when a back-test begins, and what happened to her in its time.
type Subject struct {
	Customer
	Since     time.Time          // from when on she is there; before Back.From: from the beginning
	Inputs    []PastInput        // in order of time
	Elsewhere []campaign.Message // marketing messages of other campaigns that she really got in that time
	Stays     []Stay             // her real journeys through other campaigns in that time
}

// PastInput is something that happened.
type PastInput struct {
	At    time.Time
	Input Input
}

// Stay is the time of a journey.
type Stay struct {
	Campaign string
	From, To time.Time // To is zero while it is under way
}

func (s Stay) overlaps(o Stay) bool {
	return (s.To.IsZero() || s.To.After(o.From)) && (o.To.IsZero() || o.To.After(s.From))
}

// Simulation is a back-test under way. What it keeps does not grow with the number of customers. It is not safe for
// concurrent use.
type Simulation struct {
	back   Back
	zone   *time.Location
	draft  *tally
	live   *tally
	people int
	others map[string]*OtherCampaign
	over   map[string]*OverCap
	crowd  int
}

// Simulate begins a back-test. An error says what cannot be played.
func Simulate(b Back) (*Simulation, error) {
	b.From, b.To = instant(b.From), instant(b.To)
	if !b.From.Before(b.To) {
		return nil, fmt.Errorf("simulate campaign %s: it begins on %s and ends on %s: let it end later",
			b.Draft.Name, clock(b.From), clock(b.To))
	}
	s := &Simulation{
		back: b, zone: calendar.Zone(b.World.Zone), others: map[string]*OtherCampaign{}, over: map[string]*OverCap{},
	}
	s.draft = newTally(b.Draft, s.zone, b.Parts)
	if b.Live != nil {
		s.live = newTally(b.Live, s.zone, b.Parts)
	}
	return s, nil
}

// Play plays some of the customers, each of whom must be played once.
func (s *Simulation) Play(subjects []Subject) error {
	subjects = slices.Clone(subjects)
	slices.SortStableFunc(subjects, func(a, b Subject) int { return a.Since.Compare(b.Since) })
	s.people += len(subjects)
	if s.live != nil {
		if err := s.run(s.live, subjects); err != nil {
			return err
		}
		s.live.turn()
	}
	if err := s.run(s.draft, subjects); err != nil {
		return err
	}
	for i := range subjects {
		s.compare(&subjects[i])
	}
	s.draft.turn()
	return nil
}

// run plays the customers with one of the definitions, in a world of their own.
func (s *Simulation) run(t *tally, subjects []Subject) error {
	c := s.back.World
	c.Start, c.Campaigns, c.Forget = s.back.From, []*campaign.Definition{t.definition}, true
	c.Observe, c.Arrive = t.observe, t.arrive
	c.Winner = func(_ string, split *campaign.SplitStep) campaign.Winner { return split.Choose(nil) }
	w, err := New(c)
	if err != nil {
		return fmt.Errorf("simulate campaign %s: %w", t.definition.Name, err)
	}
	for i := range subjects {
		if err := s.bring(w, &subjects[i]); err != nil {
			return fmt.Errorf("simulate campaign %s: %w", t.definition.Name, err)
		}
	}
	// The end does not belong to the time that is played.
	if err := w.RunUntil(s.back.To.Add(-time.Microsecond)); err != nil {
		return fmt.Errorf("simulate campaign %s: %w", t.definition.Name, err)
	}
	return nil
}

// bring adds a customer when her time has come, with all that happens to her.
func (s *Simulation) bring(w *World, subject *Subject) error {
	since := instant(subject.Since)
	if since.After(s.back.From) {
		if err := w.RunUntil(since); err != nil {
			return err
		}
	}
	if err := w.AddCustomer(subject.Customer); err != nil {
		return err
	}
	for _, m := range subject.Inputs {
		at := instant(m.At)
		if at.Before(w.Now()) {
			at = w.Now() // said of a time before she was known
		}
		if err := w.Happen(at, subject.ID, m.Input); err != nil {
			return err
		}
	}
	return nil
}

// compare sets what a customer would have got beside what she got from other campaigns.
func (s *Simulation) compare(subject *Subject) {
	stays := s.draft.stays[subject.ID]
	if len(stays) == 0 {
		return
	}
	met := map[string]bool{}
	for _, other := range subject.Stays {
		if slices.ContainsFunc(stays, func(own *Stay) bool { return own.overlaps(other) }) {
			met[other.Campaign] = true
		}
	}
	if len(met) > 0 {
		s.crowd++
	}
	for name := range met {
		o := s.other(name)
		o.Customers++
		for _, m := range subject.Elsewhere {
			if m.Campaign == name {
				o.Messages++
			}
		}
	}
	s.overContact(subject)
}

func (s *Simulation) other(name string) *OtherCampaign {
	if s.others[name] == nil {
		s.others[name] = &OtherCampaign{Campaign: name}
	}
	return s.others[name]
}

// overContact finds the caps that are passed when her messages of all campaigns are counted.
func (s *Simulation) overContact(subject *Subject) {
	would := s.draft.would[subject.ID]
	if len(would) == 0 {
		return
	}
	all := make([]counted, 0, len(would)+len(subject.Elsewhere)+len(subject.Received))
	for _, m := range would {
		all = append(all, counted{m, true})
	}
	for _, list := range [][]campaign.Message{subject.Elsewhere, subject.Received} {
		for _, m := range list {
			all = append(all, counted{m, false})
		}
	}
	slices.SortStableFunc(all, func(a, b counted) int { return a.At.Compare(b.At) })
	for _, c := range s.back.World.Policy.Caps {
		most := densest(c, all)
		if most <= c.Most {
			continue
		}
		o := s.over[c.String()]
		if o == nil {
			o = &OverCap{Cap: c.String(), Allowed: c.Most}
			s.over[c.String()] = o
		}
		o.Customers++
		o.Most = max(o.Most, most)
		s.draft.over[subject.ID] = true
	}
}

// counted is a message; new is one of the campaign that is simulated.
type counted struct {
	campaign.Message
	new bool
}

// densest gives the largest number of messages that a cap counts within its time, the campaign's own among them.
func densest(c campaign.Cap, all []counted) int {
	var within []counted
	most, own := 0, 0
	for _, m := range all {
		if !c.Counts(m.Message) {
			continue
		}
		within = append(within, m)
		if m.new {
			own++
		}
		for m.At.Sub(within[0].At) >= c.Within {
			if within[0].new {
				own--
			}
			within = within[1:]
		}
		if own > 0 {
			most = max(most, len(within))
		}
	}
	return most
}

// Report adds up what was played so far.
func (s *Simulation) Report() *Report {
	r := &Report{
		Campaign: s.back.Draft.Name, From: s.back.From, To: s.back.To, Zone: s.zone.String(), Customers: s.people,
		SMSPrice: s.back.SMSPrice, Draft: s.draft.outcome(s.back),
		Crowd: Crowd{Customers: s.crowd, Campaigns: []OtherCampaign{}, OverContacted: s.draft.overCount, Caps: []OverCap{}},
	}
	if s.live != nil {
		live := s.live.outcome(s.back)
		r.Live = &live
	}
	for _, o := range s.others {
		r.Crowd.Campaigns = append(r.Crowd.Campaigns, *o)
	}
	slices.SortFunc(r.Crowd.Campaigns, func(a, b OtherCampaign) int {
		return cmp.Or(cmp.Compare(b.Customers, a.Customers), cmp.Compare(a.Campaign, b.Campaign))
	})
	for _, o := range s.over {
		r.Crowd.Caps = append(r.Crowd.Caps, *o)
	}
	slices.SortFunc(r.Crowd.Caps, func(a, b OverCap) int { return cmp.Compare(a.Cap, b.Cap) })
	return r
}
