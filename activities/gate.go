package activities

import (
	"context"
	"maps"
	"time"

	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// candidate is a live campaign that customers may enter.
type candidate struct {
	store.LiveCampaign
	definition *campaign.Definition
}

// entryNeeds is what must be known of customers to decide whether they enter.
func entryNeeds(d *campaign.Definition) rules.Needs {
	needs := d.TriggerNeeds()
	needs.Consents = needs.Consents || len(d.Reachable) > 0
	return needs
}

// gate decides who of those that triggers concern is let in: by earlier journeys, by whether the customer can be reached,
// by chance. It is loaded with a fixed number of queries, then decides without touching the store.
type gate struct {
	now      time.Time
	policy   campaign.Policy
	zone     string // of the workspace
	facts    factsByCustomer
	past     map[store.Run][]campaign.Past
	contacts store.Contacts
}

// load loads what deciding about some customers and campaigns needs; needs is what their triggers look at besides.
func (g *gate) load(ctx context.Context, tx *store.Tx, customers []string, campaigns []candidate, needs rules.Needs) error {
	var ids []string
	reach, marketing := false, false
	for _, c := range campaigns {
		ids = append(ids, c.ID)
		reach = reach || len(c.definition.Reachable) > 0
		marketing = marketing || len(c.definition.Reachable) > 0 && !c.definition.Transactional
	}
	loaded, err := tx.Facts(ctx, customers, needs, g.now)
	if err != nil {
		return err
	}
	g.facts = loaded
	if len(ids) == 0 {
		return nil
	}
	if g.past, err = tx.PastJourneys(ctx, customers, ids); err != nil || !reach {
		return err
	}
	people := make([]audience.Customer, 0, len(customers))
	for _, id := range customers {
		if f, ok := g.facts[id]; ok {
			people = append(people, f.Customer)
		}
	}
	var since time.Time
	if window := g.policy.Window(); marketing && window > 0 {
		since = g.now.Add(-window)
	}
	g.contacts, err = tx.Contacts(ctx, people, since)
	return err
}

// wish is a customer whom a trigger lets in, if the campaign may be entered by her now.
type wish struct {
	candidate
	customer string
	event    *audience.Event // that led to it; nil without
	entry    campaign.Entry  // what the trigger says
	data     map[string]any  // becomes the entry of the journey
	parent   *store.Parent
}

// verdict is what becomes of a wish.
type verdict struct {
	store.Decision
	journey     store.NewJourney // unless the outcome is campaign.NotEntered
	unreachable bool             // she would have entered, could she be reached
}

// admit decides on a wish.
func (g *gate) admit(w wish) verdict {
	v := verdict{Decision: store.Decision{
		CustomerID: w.customer, CampaignID: w.ID, Version: w.Version, Kind: campaign.DecisionTrigger,
		Outcome: campaign.NotEntered, Rule: w.entry.Rule, Reason: w.entry.Reason, Values: w.entry.Values, At: g.now,
	}}
	if w.event != nil {
		v.EventID = w.event.ID
	}
	if !w.entry.Matched {
		return v
	}
	run := store.Run{CustomerID: w.customer, CampaignID: w.ID}
	env := g.facts.env(w.customer, w.event, g.now)
	env.Entry = w.data
	may, why := w.definition.MayEnter(g.past[run], w.entry.Key, env)
	v.reentry(w, g.past[run], env)
	if !may {
		v.Reason = why
		return v
	}
	if why := g.unreachable(w.definition, w.customer); why != "" {
		v.Reason, v.unreachable = why, true
		return v
	}
	v.journey = g.begin(w, &v)
	if g.past == nil {
		g.past = map[store.Run][]campaign.Past{}
	}
	g.past[run] = append(g.past[run], campaign.Past{
		Key: v.journey.Key, Status: v.journey.Status, EnteredAt: g.now,
	})
	return v
}

// reentry adds to the decision what the rule of a re-entry looked at.
func (v *verdict) reentry(w wish, past []campaign.Past, env rules.Env) {
	rule, env := w.definition.ReentryRule(past, w.entry.Key, env)
	if rule == nil {
		return
	}
	values := maps.Clone(v.Values)
	if values == nil {
		values = map[string]any{}
	}
	maps.Copy(values, rule.Values(env))
	v.Values = values
}

// begin makes the journey, or the sign that the customer is held out.
func (g *gate) begin(w wish, v *verdict) store.NewJourney {
	id, key := store.NewJourneyID(), w.entry.Key
	if w.definition.Concurrent {
		key = id
	}
	j := store.NewJourney{
		Journey: campaign.Start(w.definition, id, key, w.data, g.now), CustomerID: w.customer, Parent: w.parent,
	}
	v.Outcome, v.JourneyID = campaign.Entered, id
	if out, why := w.definition.HoldsOut(w.customer, g.policy); out {
		v.Outcome, v.Reason = campaign.OutcomeHeldOut, why
		j.Status, j.ExitReason, j.DueAt, j.ListensTo = campaign.HeldOut, why, time.Time{}, nil
	}
	return j
}

// unreachable says why a customer cannot be reached by one of the channels that a campaign asks for; "" where she can.
func (g *gate) unreachable(d *campaign.Definition, customer string) string {
	facts := g.facts[customer]
	for _, channel := range d.Reachable {
		contact := campaign.Contact{
			Channel: channel, Customer: facts.Customer, Topic: facts.Topics[d.Topic], Consents: facts.Consents,
			Sent: g.contacts.Sent[customer],
		}
		if g.contacts.Suppressed[channel][customer] {
			contact.Suppressed = "the address for " + string(channel) + " is suppressed"
		}
		if why := d.Unreachable(contact, g.policy, g.now); why != "" {
			return why
		}
	}
	return ""
}
