package activities

import (
	"context"
	"slices"
	"time"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// picker judges one batch of events. It loads what is needed with a fixed number of queries, then decides without
// touching the store.
type picker struct {
	events   []store.PickedEvent
	now      time.Time
	lateness time.Duration

	campaigns map[string][]candidate // by name of the event that triggers them
	active    map[string][]*store.JourneyRef
	fresh     map[string]bool // cohorts made in this batch
	facts     factsByCustomer
	past      map[store.Run][]campaign.Past
	round     *segments.Round

	out store.Picked
}

// candidate is a live campaign that an event may make a customer enter.
type candidate struct {
	store.LiveCampaign
	definition *campaign.Definition
	trigger    campaign.EventTrigger
}

// load loads what judging the batch needs. Both the segments' rules and the campaigns' look at the same facts.
func (p *picker) load(ctx context.Context, tx *store.Tx, vs *versions, cache *segments.Cache) error {
	names, customers := map[string]bool{}, map[string]bool{}
	for _, e := range p.events {
		customers[e.CustomerID] = true
		if e.ID != "" {
			names[e.Name] = true
		}
	}
	var err error
	if p.round, err = segments.Happened(ctx, tx, cache, changes(p.events)); err != nil {
		return err
	}
	needs, campaigns, err := p.loadCampaigns(ctx, tx, vs, names)
	if err != nil {
		return err
	}
	entering := map[string]bool{} // customers with an event that triggers something
	for _, e := range p.events {
		if e.ID != "" && len(p.campaigns[e.Name]) > 0 {
			entering[e.CustomerID] = true
		}
	}
	if err := p.loadActive(ctx, tx, keys(customers), keys(names)); err != nil {
		return err
	}
	if len(entering) > 0 {
		if p.past, err = tx.PastJourneys(ctx, keys(entering), campaigns); err != nil {
			return err
		}
	}
	concerned := p.round.Customers()
	for _, c := range concerned {
		entering[c] = true
	}
	if len(entering) == 0 {
		return nil
	}
	p.facts, err = tx.Facts(ctx, keys(entering), needs.Merge(p.round.Needs()), p.now)
	return err
}

// loadCampaigns finds the campaigns that events of these names trigger, and says what their triggers need.
func (p *picker) loadCampaigns(ctx context.Context, tx *store.Tx, vs *versions, names map[string]bool) (needs rules.Needs, ids []string, err error) {
	p.campaigns = map[string][]candidate{}
	if len(names) == 0 {
		return needs, nil, nil
	}
	live, err := tx.LiveCampaigns(ctx)
	if err != nil {
		return needs, nil, err
	}
	for _, c := range live {
		v, err := vs.get(ctx, tx, c.ID, c.Version)
		if err != nil {
			return needs, nil, err
		}
		trigger, ok := v.Definition.Trigger.(campaign.EventTrigger)
		if !ok || !names[trigger.Event] {
			continue
		}
		p.campaigns[trigger.Event] = append(p.campaigns[trigger.Event], candidate{c, v.Definition, trigger})
		needs = needs.Merge(v.Definition.TriggerNeeds())
		ids = append(ids, c.ID)
	}
	return needs, ids, nil
}

func (p *picker) loadActive(ctx context.Context, tx *store.Tx, customers, names []string) error {
	p.active, p.fresh = map[string][]*store.JourneyRef{}, map[string]bool{}
	if len(names) == 0 {
		return nil
	}
	refs, err := tx.ActiveJourneys(ctx, customers, names)
	if err != nil {
		return err
	}
	for i := range refs {
		p.active[refs[i].CustomerID] = append(p.active[refs[i].CustomerID], &refs[i])
	}
	return nil
}

// pick judges the events in order of arrival. An event that makes a customer enter is not handed to the journey it
// started, later events of the batch are.
func (p *picker) pick() {
	for i := range p.events {
		e := &p.events[i]
		p.out.Done = append(p.out.Done, e.Seq)
		if e.ID == "" { // a change, which concerns segments alone
			continue
		}
		for _, j := range p.active[e.CustomerID] {
			if slices.Contains(j.ListensTo, e.Name) {
				p.out.Inbox = append(p.out.Inbox, store.InboxEntry{
					CohortID: j.CohortID, JourneyID: j.ID, EventID: e.ID, OccurredAt: e.OccurredAt,
				})
			}
		}
		for _, c := range p.campaigns[e.Name] {
			p.judge(&e.Event, c)
		}
	}
}

func (p *picker) judge(e *audience.Event, c candidate) {
	d := store.Decision{
		CustomerID: e.CustomerID, CampaignID: c.ID, Version: c.Version, EventID: e.ID, Kind: "trigger",
		Outcome: "not entered", At: p.now,
	}
	env := p.facts.env(e.CustomerID, e, p.now)
	if passes(c.trigger.When, env) {
		return
	}
	defer func() { p.out.Decisions = append(p.out.Decisions, d) }()
	if age := p.now.Sub(e.OccurredAt); age > p.lateness {
		d.Reason = "the event is " + age.Round(time.Hour).String() + " old; only events of the last " +
			p.lateness.String() + " start journeys"
		return
	}
	entry := c.definition.Match(env)
	d.Rule, d.Reason, d.Values = entry.Rule, entry.Reason, entry.Values
	if !entry.Matched {
		return
	}
	run := store.Run{CustomerID: e.CustomerID, CampaignID: c.ID}
	if may, why := c.definition.MayEnter(p.past[run], entry.Key, env); !may {
		d.Reason = why
		return
	}
	j := campaign.Start(c.definition, store.NewJourneyID(), entry.Key, e.Properties, p.now)
	cohort := store.Cohort{
		ID: store.NewCohortID(), CampaignID: c.ID, Version: c.Version,
		Journeys: []store.NewJourney{{Journey: j, CustomerID: e.CustomerID}},
	}
	p.out.Cohorts = append(p.out.Cohorts, cohort)
	p.fresh[cohort.ID] = true
	p.past[run] = append(p.past[run], campaign.Past{Key: entry.Key, Status: campaign.Active, EnteredAt: p.now})
	p.active[e.CustomerID] = append(p.active[e.CustomerID], &store.JourneyRef{
		ID: j.ID, CohortID: cohort.ID, CampaignID: c.ID, Version: c.Version, CustomerID: e.CustomerID, Key: j.Key,
		ListensTo: j.ListensTo,
	})
	d.JourneyID, d.Outcome = j.ID, "entered"
}

// passes reports whether an event says that somebody joined or left a segment, and the rule does not hold for it. Nothing
// is written of such: every joining would leave a decision for each campaign that asks for another segment. A rule that
// cannot be evaluated is worth one.
func passes(when *rules.Rule, env rules.Env) bool {
	e := env.Event
	if when == nil || e.Type != string(store.CallSystem) ||
		e.Name != store.EventSegmentEntered && e.Name != store.EventSegmentLeft {
		return false
	}
	held, _, err := when.Judge(env)
	return err == nil && !held
}

// wake lists the cohorts from before this batch that it concerns, each once.
func (p *picker) wake() []string {
	set := map[string]bool{}
	for _, entry := range p.out.Inbox {
		if !p.fresh[entry.CohortID] {
			set[entry.CohortID] = true
		}
	}
	return keys(set)
}

func keys(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for k := range set {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
