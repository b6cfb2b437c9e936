package activities

import (
	"context"
	"slices"
	"strings"
	"time"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// cohortFrom is how many customers must enter a version of a campaign by one batch of events to share a workflow. Fewer
// have one each, which is quicker for them.
const cohortFrom = 9

// picker judges one batch of events and changes. It loads what is needed with a fixed number of queries, then decides
// without touching the store.
type picker struct {
	gate

	events   []store.PickedEvent
	lateness time.Duration

	triggered map[string][]candidate // by name of the event that triggers them
	watching  []watcher
	requested map[string]store.NamedCampaign // by name, those that events ask for
	live      map[string]candidate           // by id
	active    map[string][]*store.JourneyRef // by customer
	round     *segments.Round

	entered []*entrant
	judged  map[store.Run]bool // audiences that were judged in this batch
	inbox   []delivery
	stirred []*store.JourneyRef

	out store.Picked
}

// watcher is a live campaign whose audience is entered by everyone for whom its rule comes to hold.
type watcher struct {
	candidate
	mentions []string
}

// entrant is a journey that begins, and how it is found once its cohort is known.
type entrant struct {
	candidate
	journey store.NewJourney
	ref     *store.JourneyRef
}

// delivery is an event that concerns a journey.
type delivery struct {
	to    *store.JourneyRef
	event *audience.Event
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
	entrances, err := tx.Entrances(ctx, keys(names))
	if err != nil {
		return err
	}
	p.policy, p.zone = entrances.Policy, entrances.Zone
	if err := tx.RedeemCoupons(ctx, p.redemptions(entrances.Coupons)); err != nil {
		return err
	}
	if err := p.loadCampaigns(ctx, tx, vs, entrances.Campaigns, names); err != nil {
		return err
	}
	if err := p.loadActive(ctx, tx, keys(customers)); err != nil {
		return err
	}
	return p.loadFacts(ctx, tx)
}

// loadCampaigns finds the campaigns that the events may make customers enter.
func (p *picker) loadCampaigns(ctx context.Context, tx *store.Tx, vs *versions, live []store.LiveCampaign, names map[string]bool) error {
	p.triggered, p.live, p.judged = map[string][]candidate{}, map[string]candidate{}, map[store.Run]bool{}
	for _, c := range live {
		v, err := vs.get(ctx, tx, c.ID, c.Version)
		if err != nil {
			return err
		}
		one := candidate{c, v.Definition}
		p.live[c.ID] = one
		if name := v.Definition.TriggerEvent(); name != "" && names[name] {
			p.triggered[name] = append(p.triggered[name], one)
		}
		if t, ok := v.Definition.Trigger.(campaign.AudienceTrigger); ok && !t.Once {
			p.watching = append(p.watching, watcher{one, v.Definition.TriggerNeeds().Mentions()})
		}
	}
	var wanted []string
	for i := range p.events {
		if r, ok := requestOf(&p.events[i].Event); ok {
			wanted = append(wanted, r.campaign)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	var err error
	p.requested, err = tx.CampaignsNamed(ctx, wanted)
	return err
}

// loadActive finds the journeys under way that the events and changes concern.
func (p *picker) loadActive(ctx context.Context, tx *store.Tx, customers []string) error {
	p.active = map[string][]*store.JourneyRef{}
	wanted := map[string]bool{}
	for i := range p.events {
		for _, name := range heard(&p.events[i]) {
			wanted[name] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	refs, err := tx.ActiveJourneys(ctx, customers, keys(wanted))
	if err != nil {
		return err
	}
	for i := range refs {
		p.active[refs[i].CustomerID] = append(p.active[refs[i].CustomerID], &refs[i])
	}
	return nil
}

// loadFacts loads what is looked at of those whom some campaign or segment may concern.
func (p *picker) loadFacts(ctx context.Context, tx *store.Tx) error {
	concerned, wanted := map[string]bool{}, map[string]candidate{}
	for i := range p.events {
		e := &p.events[i]
		for _, c := range p.mayEnter(e) {
			concerned[e.CustomerID], wanted[c.ID] = true, c
		}
	}
	var campaigns []candidate
	needs := p.round.Needs()
	for _, id := range keysOf(wanted) {
		campaigns = append(campaigns, wanted[id])
		needs = needs.Merge(entryNeeds(wanted[id].definition))
	}
	for _, c := range p.round.Customers() {
		concerned[c] = true
	}
	if len(concerned) == 0 {
		return nil
	}
	return p.gate.load(ctx, tx, keys(concerned), campaigns, needs)
}

// mayEnter lists the campaigns that a row of the batch may make its customer enter.
func (p *picker) mayEnter(e *store.PickedEvent) []candidate {
	var list []candidate
	if e.ID != "" {
		list = append(list, p.triggered[e.Name]...)
		if r, ok := requestOf(&e.Event); ok {
			if c, live := p.live[p.requested[r.campaign].ID]; live {
				list = append(list, c)
			}
		}
	}
	for _, w := range p.watching {
		if w.concerned(e) {
			list = append(list, w.candidate)
		}
	}
	return list
}

// concerned reports whether what happened may make a customer belong to the audience. What an import of the past brought
// about makes nobody enter.
func (w *watcher) concerned(e *store.PickedEvent) bool {
	if slices.Contains(e.Changed, store.ChangedHistory) {
		return false
	}
	if e.ID != "" && slices.Contains(w.mentions, rules.MentionEvent+e.Name) {
		return true
	}
	return slices.ContainsFunc(mentioned(e), func(m string) bool {
		return m == segments.Everything || slices.Contains(w.mentions, m)
	})
}

// mentioned lists what of its customer a row of the batch says to have changed, as rules mention it.
func mentioned(e *store.PickedEvent) []string {
	segment, _ := e.Properties["segment"].(string)
	if segment == "" || !moved(&e.Event) {
		return e.Changed
	}
	return append(slices.Clone(e.Changed), rules.MentionSegment+segment)
}

// moved reports whether an event says that its customer joined or left a segment.
func moved(e *audience.Event) bool {
	return e.Type == string(store.CallSystem) &&
		(e.Name == audience.EventSegmentEntered || e.Name == audience.EventSegmentLeft)
}

// heard lists by what names journeys listen to a row of the batch.
func heard(e *store.PickedEvent) []string {
	var names []string
	if e.ID != "" {
		names = append(names, e.Name)
	}
	for _, m := range mentioned(e) {
		names = append(names, campaign.Changed(m))
	}
	return names
}

// pick judges the events in order of arrival. An event that makes a customer enter is not handed to the journey it
// started, later events of the batch are.
func (p *picker) pick() {
	for i := range p.events {
		e := &p.events[i]
		p.out.Done = append(p.out.Done, e.Seq)
		p.tell(e)
		if e.ID != "" {
			for _, c := range p.triggered[e.Name] {
				p.judge(&e.Event, c)
			}
			if r, ok := requestOf(&e.Event); ok {
				p.request(&e.Event, r)
			}
		}
		for _, w := range p.watching {
			if w.concerned(e) {
				p.watch(e.CustomerID, w.candidate)
			}
		}
	}
	p.group()
}

// tell hands an event to the journeys that listen to it, and makes those look again that listen to what changed.
func (p *picker) tell(e *store.PickedEvent) {
	names := heard(e)
	for _, j := range p.active[e.CustomerID] {
		switch {
		case e.ID != "" && slices.Contains(j.ListensTo, e.Name):
			p.inbox = append(p.inbox, delivery{j, &e.Event})
		case slices.ContainsFunc(names, func(name string) bool { return slices.Contains(j.ListensTo, name) }):
			p.stirred = append(p.stirred, j)
		}
	}
}

// judge decides whether an event makes its customer enter a campaign.
func (p *picker) judge(e *audience.Event, c candidate) {
	env := p.facts.env(e.CustomerID, e, p.now)
	if passes(c.definition, env) {
		return
	}
	w := wish{candidate: c, customer: e.CustomerID, event: e, data: e.Properties}
	if age := p.now.Sub(e.OccurredAt); age > p.lateness {
		w.entry.Reason = "the event is " + age.Round(time.Hour).String() + " old; only events of the last " +
			p.lateness.String() + " start journeys"
	} else {
		w.entry = c.definition.Match(env)
	}
	p.admit(w)
}

// watch decides whether a customer to whom something happened enters a campaign by belonging to its audience. Nothing is
// written of those who do not: it would be a decision for each event of each customer.
func (p *picker) watch(customer string, c candidate) {
	run := store.Run{CustomerID: customer, CampaignID: c.ID}
	if p.judged[run] {
		return
	}
	p.judged[run] = true
	if _, known := p.facts[customer]; !known { // another record took this one over
		return
	}
	w := wish{candidate: c, customer: customer, entry: c.definition.MatchAudience(p.facts.env(customer, nil, p.now))}
	w.data = w.entry.Data
	if v := p.gate.admit(w); v.Outcome != campaign.NotEntered {
		p.note(w, v)
	}
}

// admit lets a customer in, or not, and writes down why.
func (p *picker) admit(w wish) { p.note(w, p.gate.admit(w)) }

func (p *picker) note(w wish, v verdict) {
	p.out.Decisions = append(p.out.Decisions, v.Decision)
	j := v.journey
	switch v.Outcome {
	case campaign.Entered:
		ref := &store.JourneyRef{
			ID: j.ID, CampaignID: w.ID, Version: w.Version, CustomerID: w.customer, Key: j.Key, ListensTo: j.ListensTo,
		}
		p.entered = append(p.entered, &entrant{w.candidate, j, ref})
		p.active[w.customer] = append(p.active[w.customer], ref)
		return
	case campaign.OutcomeHeldOut:
		p.out.HeldOut = append(p.out.HeldOut, store.HeldOut{NewJourney: j, CampaignID: w.ID, Version: w.Version})
	}
	if w.parent != nil {
		p.out.Events = append(p.out.Events, store.JourneyEnded(w.customer, *w.parent, w.Name, v.Outcome, v.Reason, p.now))
	}
}

// group puts those who entered into cohorts, and addresses what concerns them.
func (p *picker) group() {
	many := map[string]int{}
	for _, e := range p.entered {
		many[e.ID]++
	}
	shared := map[string]int{} // by campaign: its place among the cohorts
	for _, e := range p.entered {
		at, ok := shared[e.ID]
		if !ok {
			at = len(p.out.Cohorts)
			p.out.Cohorts = append(p.out.Cohorts, store.Cohort{
				ID: store.NewCohortID(), CampaignID: e.ID, Version: e.Version, Transactional: e.definition.Transactional,
			})
			if many[e.ID] >= cohortFrom {
				shared[e.ID] = at
			}
		}
		c := &p.out.Cohorts[at]
		c.Journeys = append(c.Journeys, e.journey)
		e.ref.CohortID = c.ID
	}
	for _, d := range p.inbox {
		p.out.Inbox = append(p.out.Inbox, store.InboxEntry{
			CohortID: d.to.CohortID, JourneyID: d.to.ID, EventID: d.event.ID, OccurredAt: d.event.OccurredAt,
		})
	}
	p.out.Now = p.now
	for _, j := range p.stirred {
		p.out.Stirred = append(p.out.Stirred, j.ID)
	}
}

// passes reports whether an event says that somebody joined or left a segment, and the campaign asks for another. Nothing
// is written of such: every joining would leave a decision for each of those campaigns. A rule that cannot be evaluated is
// worth one.
func passes(d *campaign.Definition, env rules.Env) bool {
	switch t := d.Trigger.(type) {
	case campaign.SegmentTrigger:
		return !moved(env.Event) || env.Event.Properties["segment"] != t.Segment
	case campaign.EventTrigger:
		if t.When == nil || !moved(env.Event) {
			return false
		}
		held, _, err := t.When.Judge(env)
		return err == nil && !held
	case campaign.ScheduleTrigger, campaign.DateTrigger, campaign.AudienceTrigger, campaign.APITrigger:
	}
	return false
}

// wake lists the cohorts from before this batch that it concerns, each once.
func (p *picker) wake(workspace int64) []store.CohortRef {
	set := map[string]store.CohortRef{}
	add := func(j *store.JourneyRef) {
		if j.Size > 0 { // a cohort of this batch is started
			set[j.CohortID] = store.CohortRef{Workspace: workspace, ID: j.CohortID, Size: j.Size, Transactional: j.Transactional}
		}
	}
	for _, d := range p.inbox {
		add(d.to)
	}
	for _, j := range p.stirred {
		add(j)
	}
	var list []store.CohortRef
	for _, id := range keysOf(set) {
		list = append(list, set[id])
	}
	return list
}

// redemptions lists the codes of coupons that the events name.
func (p *picker) redemptions(by []store.CouponRedeeming) []store.Redemption {
	var list []store.Redemption
	for i := range p.events {
		e := &p.events[i]
		for _, r := range by {
			code, _ := e.Properties[r.Property].(string)
			if code = strings.TrimSpace(code); e.ID != "" && e.Name == r.Event && code != "" {
				list = append(list, store.Redemption{
					EventID: e.ID, CustomerID: e.CustomerID, Event: r.Event, Property: r.Property, Code: code, At: e.OccurredAt,
				})
			}
		}
	}
	return list
}

func keys(set map[string]bool) []string { return keysOf(set) }

// keysOf lists the keys of a map in order.
func keysOf[V any](set map[string]V) []string {
	list := make([]string, 0, len(set))
	for k := range set {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
