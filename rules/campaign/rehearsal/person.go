package rehearsal

import (
	"maps"
	"slices"
	"strings"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/calendar"
	"dotyk/rules/campaign"
)

// person is a customer with all that is known about her. Most of its maps are empty for most people, so put makes them.
type person struct {
	Customer
	byName  map[string][]audience.Event
	member  map[string]bool
	past    map[string][]campaign.Past
	runs    map[string][]audience.Run
	touches map[string]audience.Delivery
	active  []*run
	planned []*message
	entries map[string]int       // journeys so far, by campaign
	checks  map[string]time.Time // when time may change a membership, by segment
	dates   map[*live]time.Time  // the next moment of a date trigger
	sentBy  map[string]*run      // the journey that last sent a message of a step, by the step's id
}

func newPerson(c Customer) *person {
	p := &person{Customer: c}
	p.Suppressed, p.Consents, p.Received = maps.Clone(c.Suppressed), slices.Clone(c.Consents), slices.Clone(c.Received)
	p.touches = maps.Clone(c.Touches)
	for _, e := range c.History {
		put(&p.byName, e.Name, append(p.byName[e.Name], e))
	}
	for _, list := range c.Lists {
		put(&p.member, list, true)
	}
	for name, journeys := range c.Journeys {
		put(&p.past, name, slices.Clone(journeys))
		p.tally(name)
	}
	return p
}

func put[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = value
}

// tally makes what rules see of the journeys through a campaign: the earliest first, without those that were held out.
func (p *person) tally(name string) {
	sorted := slices.SortedStableFunc(slices.Values(p.past[name]), newestFirst)
	runs := make([]audience.Run, 0, len(sorted))
	for _, past := range slices.Backward(sorted) {
		if past.Status != campaign.HeldOut {
			runs = append(runs, audience.Run{Status: string(past.Status), EnteredAt: past.EnteredAt, EndedAt: past.EndedAt})
		}
	}
	put(&p.runs, name, runs)
}

// facts is what rules may look at now.
func (w *World) facts(p *person) rules.Facts {
	return rules.Facts{
		Customer: p.Customer.Customer, History: p.byName, Consents: p.Consents, Topics: w.config.Topics, Segments: p.member,
		Journeys: p.runs, Touches: p.touches, Scores: p.Scores,
	}
}

func (w *World) env(p *person, e *audience.Event) rules.Env {
	env := rules.Env{Facts: w.facts(p), Event: e, Now: w.now}
	if e != nil {
		env.Entry = e.Properties
	}
	return env
}

// zone is the customer's, else the workspace's.
func (w *World) zone(p *person) *time.Location { return calendar.Zone(p.Timezone, w.config.Zone) }

func (w *World) country(p *person) string {
	if c, ok := p.Attributes["country"].(string); ok && c != "" {
		return strings.ToUpper(c)
	}
	return strings.ToUpper(w.config.Country)
}

func (p *person) address(channel audience.Channel) string {
	if channel == audience.SMS {
		return p.Phone
	}
	return p.Email
}

// refusal is why a message must not go to a customer, suppressions aside; "" if it may.
func (w *World) refusal(p *person, channel audience.Channel, topic string, transactional bool) string {
	switch {
	case p.address(channel) == "" && channel == audience.Email:
		return "no e-mail address on the record"
	case p.address(channel) == "":
		return "no phone number on the record"
	case transactional || topic == "":
		return ""
	}
	policy := w.config.Topics[topic]
	if policy == "" {
		policy = audience.OptOut
	}
	said := slices.DeleteFunc(slices.Clone(p.Consents), func(c audience.Consent) bool { return c.Channel != channel })
	return string(audience.MayContact(topic, policy, said))
}

// suppression is why her address must not be contacted; "" if it may.
func (p *person) suppression(channel audience.Channel) string {
	if p.Suppressed[channel] == "" {
		return ""
	}
	return "address is suppressed: " + p.Suppressed[channel]
}
