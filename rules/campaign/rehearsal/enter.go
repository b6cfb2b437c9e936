package rehearsal

import (
	"fmt"
	"maps"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// admission is somebody whom a trigger wants to let into a campaign.
type admission struct {
	live   *live
	person *person
	entry  campaign.Entry
	data   map[string]any
	event  *audience.Event // that triggered it; nil without
	parent *parent
}

// run is a journey.
type run struct {
	live    *live
	person  *person
	parent  *parent
	j       campaign.Journey
	inbox   []audience.Event
	sent    map[string]audience.Delivery
	coupons map[string]campaign.Coupon
	// codeless are the coupon steps that had no code, and their pools.
	codeless map[string]string
	latest   int // which of the calls that were asked for counts
	queued   bool
	// It has left by the goal or an exit of the campaign. What was held back before is not sent then; it is if a step of the
	// journey's own made it leave.
	leftEarly bool
}

// admit does what the engine does once a trigger matched: re-entry, reachability, holdouts.
func (w *World) admit(a admission) {
	env := w.env(a.person, a.event)
	env.Entry = a.data
	name := ""
	if a.event != nil {
		name = a.event.Name
	}
	refuse := func(why string) {
		w.refuse(a.live, a.person, a.entry, name, why)
		w.answerParent(a.person, a.parent, a.live.Name, string(NotEntered), why)
	}
	past := a.person.past[a.live.Name]
	may, why := a.live.MayEnter(past, a.entry.Key, env)
	if rule, env := a.live.ReentryRule(past, a.entry.Key, env); rule != nil {
		values := maps.Clone(a.entry.Values)
		for name, value := range rule.Values(env) {
			put(&values, name, value)
		}
		a.entry.Values = values
	}
	if !may {
		refuse(why)
		return
	}
	if why := w.unreachable(a.live, a.person); why != "" {
		refuse(why)
		return
	}
	put(&a.person.entries, a.live.Name, a.person.entries[a.live.Name]+1)
	id := fmt.Sprintf("%s/%s/%d", a.live.Name, a.person.ID, a.person.entries[a.live.Name])
	if out, why := a.live.HoldsOut(a.person.ID, w.config.Policy); out {
		w.past(a.person, a.live, campaign.Past{
			Key: a.entry.Key, Status: campaign.HeldOut, EnteredAt: w.now, EndedAt: w.now, Reason: why,
		})
		w.note(Entry{Kind: HeldOut, Customer: a.person.ID, Campaign: a.live.Name, Journey: id, Reason: why, Event: name})
		w.answerParent(a.person, a.parent, a.live.Name, string(campaign.HeldOut), why)
		return
	}
	r := &run{
		live: a.live, person: a.person, parent: a.parent,
		j: campaign.Start(a.live.Definition, id, a.entry.Key, a.data, w.now),
	}
	a.live.runs, a.person.active = append(a.live.runs, r), append(a.person.active, r)
	w.past(a.person, a.live, campaign.Past{Key: r.j.Key, Status: campaign.Active, EnteredAt: r.j.EnteredAt})
	w.note(Entry{
		Kind: Entered, Customer: a.person.ID, Campaign: a.live.Name, Journey: id, Reason: a.entry.Reason,
		Rule: a.entry.Rule, Values: a.entry.Values, Event: name,
	})
	w.schedule(r)
}

func (w *World) refuse(l *live, p *person, e campaign.Entry, event, why string) {
	w.note(Entry{
		Kind: NotEntered, Customer: p.ID, Campaign: l.Name, Reason: why, Rule: e.Rule, Values: e.Values, Event: event,
	})
}

// unreachable is why a customer cannot be reached as the campaign wants; "" if she can.
func (w *World) unreachable(l *live, p *person) string {
	for _, channel := range l.Reachable {
		contact := campaign.Contact{
			Channel: channel, Customer: p.Customer.Customer, Suppressed: p.suppression(channel), Topic: w.config.Topics[l.Topic],
			Consents: p.Consents, Sent: w.received(p),
		}
		if why := l.Unreachable(contact, w.config.Policy, w.now); why != "" {
			return fmt.Sprintf("not reachable by %s: %s", channel, why)
		}
	}
	return ""
}

// received are the marketing messages that caps look at.
func (w *World) received(p *person) []campaign.Message {
	since := w.now.Add(-w.config.Policy.Window())
	for len(p.Received) > 0 && p.Received[0].At.Before(since) {
		p.Received = p.Received[1:]
	}
	return p.Received
}

// past notes a journey for what re-entry and rules know of it.
func (w *World) past(p *person, l *live, past campaign.Past) {
	put(&p.past, l.Name, append(p.past[l.Name], past))
	w.retold(p, l)
}

// ended notes that a journey is over.
func (w *World) ended(r *run) {
	p := r.person
	for i := range p.past[r.live.Name] {
		past := &p.past[r.live.Name][i]
		if past.Status == campaign.Active && past.Key == r.j.Key && past.EnteredAt.Equal(r.j.EnteredAt) {
			past.Status, past.EndedAt, past.Reason = r.j.Status, w.now, r.j.ExitReason
		}
	}
	for i := range p.active {
		if p.active[i] == r {
			p.active = append(p.active[:i:i], p.active[i+1:]...)
			break
		}
	}
	w.note(Entry{
		Kind: Ended, Customer: p.ID, Campaign: r.live.Name, Journey: r.j.ID, Outcome: string(r.j.Status),
		Reason: r.j.ExitReason,
	})
	w.retold(p, r.live)
	w.answerParent(p, r.parent, r.live.Name, string(r.j.Status), r.j.ExitReason)
}
