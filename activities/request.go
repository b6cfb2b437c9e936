package activities

import (
	"encoding/json"
	"fmt"

	"dotyk/activities/store"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// request is what an event says that asks for a customer to be let into a campaign.
type request struct {
	campaign string
	data     map[string]any
	parent   *store.Parent
}

// requestOf reads a request from an event; it is not ok for any other event.
func requestOf(e *audience.Event) (request, bool) {
	if e.ID == "" || e.Type != string(store.CallSystem) || e.Name != audience.EventRequested {
		return request{}, false
	}
	var r request
	r.campaign, _ = e.Properties["campaign"].(string)
	r.data, _ = e.Properties["data"].(map[string]any)
	if parent, ok := e.Properties["parent"].(map[string]any); ok {
		p := store.Parent{}
		p.Journey, _ = parent["journey"].(string)
		p.Step, _ = parent["step"].(string)
		if n, ok := parent["iteration"].(json.Number); ok {
			if i, err := n.Int64(); err == nil {
				p.Iteration = int(i)
			}
		}
		r.parent = &p
	}
	return r, true
}

// request decides whether a customer is let into the campaign that somebody asked for.
func (p *picker) request(e *audience.Event, r request) {
	named, known := p.requested[r.campaign]
	if !known {
		if r.parent != nil {
			p.out.Events = append(p.out.Events, store.JourneyEnded(e.CustomerID, *r.parent, r.campaign, campaign.NotEntered,
				fmt.Sprintf("there is no campaign %q", r.campaign), p.now))
		}
		return
	}
	w := wish{customer: e.CustomerID, event: e, data: r.data, parent: r.parent}
	c, live := p.live[named.ID]
	if live {
		w.candidate = c
		env := p.facts.env(e.CustomerID, nil, p.now)
		env.Entry = r.data
		w.entry = c.definition.MatchRequest(env)
	} else {
		w.LiveCampaign = store.LiveCampaign{ID: named.ID, Name: named.Name, Version: named.Version}
		w.entry = campaign.Entry{Reason: "the campaign is " + string(named.Status)}
	}
	p.admit(w)
}
