package rehearsal

import (
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// publish sets up what starts journeys at the beginning or as time passes.
func (w *World) publish(l *live) {
	switch t := l.Trigger.(type) {
	case campaign.AudienceTrigger:
		at := w.now
		if t.At.After(at) {
			at = t.At
		}
		w.at(at, rankFire, func() {
			l.published = true
			for _, p := range w.people {
				w.judgeAudience(l, p, false)
			}
		})
	case campaign.SegmentTrigger:
		if t.Existing {
			w.at(w.now, rankFire, func() { w.enterExisting(l, t) })
		}
	case campaign.EventTrigger, campaign.ScheduleTrigger, campaign.DateTrigger, campaign.APITrigger:
		// Events and requests come of themselves; schedules and dates are followed customer by customer.
	}
}

// enterExisting lets the members of a segment enter when the campaign is published.
func (w *World) enterExisting(l *live, t campaign.SegmentTrigger) {
	for _, p := range w.people {
		if p.member[t.Segment] {
			e := w.newEvent(p, "system", audience.EventSegmentEntered, map[string]any{
				"segment": t.Segment, "because": "member when the campaign was published",
			})
			w.judgeEvent(l, p, e)
		}
	}
}

// trigger lets an event start journeys.
func (w *World) trigger(p *person, e audience.Event) {
	if e.Name == audience.EventRequested && e.Type == "system" {
		w.admitRequest(p, e)
		return
	}
	for _, l := range w.campaigns {
		if l.TriggerEvent() == e.Name {
			w.judgeEvent(l, p, e)
		}
	}
}

func (w *World) judgeEvent(l *live, p *person, e audience.Event) {
	env := w.env(p, &e)
	entry := l.Match(env)
	if !entry.Matched {
		// Who joins or leaves a segment mostly does so with another than the campaign asks for.
		if e.Name != audience.EventSegmentEntered && e.Name != audience.EventSegmentLeft {
			w.refuse(l, p, entry, e.Name, entry.Reason)
		}
		return
	}
	w.admit(admission{live: l, person: p, entry: entry, data: e.Properties, event: &e})
}

// judgeAudience judges somebody by an audience or a schedule. Of those who do not belong to it nothing is written, as
// in the engine.
func (w *World) judgeAudience(l *live, p *person, always bool) {
	if !l.published && !always {
		return
	}
	if entry := l.MatchAudience(w.env(p, nil)); entry.Matched {
		w.admit(admission{live: l, person: p, entry: entry, data: entry.Data})
	}
}

// parent is the journey that put its customer into another campaign.
type parent struct {
	run       *run
	step      string
	iteration int
}

// request lets the event of a request happen.
func (w *World) request(p *person, name string, data map[string]any, from *parent) {
	properties := map[string]any{"campaign": name, "data": data}
	if from != nil {
		properties["parent"], properties["step"], properties["iteration"] = from.run.j.ID, from.step, from.iteration
	}
	e := w.newEvent(p, "system", audience.EventRequested, properties)
	w.parents[e.ID] = from
	w.at(w.now, rankInput, func() { w.handle(p, e) })
}

func (w *World) admitRequest(p *person, e audience.Event) {
	from := w.parents[e.ID]
	delete(w.parents, e.ID)
	name, _ := e.Properties["campaign"].(string)
	data, _ := e.Properties["data"].(map[string]any)
	l := w.byName[name]
	if l == nil {
		w.note(Entry{Kind: Problem, Customer: p.ID, Campaign: name, Reason: "there is no campaign " + name + " to enter"})
		w.answerParent(p, from, name, string(NotEntered), "there is no campaign "+name)
		return
	}
	env := w.env(p, nil)
	env.Entry = data
	entry := l.MatchRequest(env)
	if !entry.Matched {
		w.refuse(l, p, entry, e.Name, entry.Reason)
		w.answerParent(p, from, name, string(NotEntered), entry.Reason)
		return
	}
	w.admit(admission{live: l, person: p, entry: entry, data: data, parent: from})
}

// answerParent tells the journey that asked for another what became of it.
func (w *World) answerParent(p *person, from *parent, name, status, reason string) {
	if from == nil {
		return
	}
	w.system(p, audience.EventJourneyEnded, map[string]any{
		"campaign": name, "status": status, "reason": reason, "parent": from.run.j.ID, "step": from.step,
		"iteration": from.iteration,
	})
}

func stepsByID(d *campaign.Definition) map[string]campaign.Step {
	byID := map[string]campaign.Step{}
	campaign.Walk(d.Steps, func(s campaign.Step) { byID[s.StepID()] = s })
	return byID
}
