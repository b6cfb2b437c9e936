package rehearsal

import (
	"fmt"
	"maps"
	"slices"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// retold makes anew what rules see of somebody's journeys through a campaign.
func (w *World) retold(p *person, l *live) {
	p.tally(l.Name)
	w.changed(p, rules.MentionJourneys+l.Name)
}

// deliver hands an event to the journeys that listen to it.
func (w *World) deliver(p *person, e audience.Event) {
	for _, r := range p.active {
		if slices.Contains(r.j.ListensTo, e.Name) {
			r.inbox = append(r.inbox, e)
			w.wake(r)
		}
	}
}

// wake has a journey looked at now.
func (w *World) wake(r *run) {
	if !r.queued {
		r.j.DueAt = w.now
		w.schedule(r)
	}
}

// schedule has a journey looked at when it is due, in place of what was scheduled before.
func (w *World) schedule(r *run) {
	r.latest++
	latest, at := r.latest, r.j.DueAt
	if !at.After(w.now) {
		at, r.queued = w.now, true
	}
	w.at(at, rankAdvance, func() {
		if r.latest == latest {
			w.advance(r)
		}
	})
}

func (w *World) advance(r *run) {
	r.queued = false
	if r.j.Status != campaign.Active {
		return
	}
	w.chooseWinner(r)
	inbox := r.inbox
	r.inbox = nil
	moved, effects := campaign.Advance(r.live.Definition, r.j, campaign.Facts{
		Facts: w.facts(r.person), Inbox: inbox, Sent: r.sent, Zone: w.config.Zone, Coupons: r.coupons,
		Winners: w.winners[r.live],
	}, w.now)
	w.arrived(r, moved, effects)
	r.j = moved
	w.cameToSplits(r, effects)
	if r.j.Status == campaign.Active && !r.j.DueAt.IsZero() {
		w.schedule(r) // before the effects, which may wake it
	}
	r.leftEarly = leftEarly(effects)
	for _, e := range effects {
		w.carryOut(r, e)
	}
	if r.j.Status != campaign.Active {
		w.ended(r)
	}
}

// leftEarly tells whether a decision among the effects made the journey leave that belongs to the whole campaign.
func leftEarly(effects []campaign.Effect) bool {
	return slices.ContainsFunc(effects, func(effect campaign.Effect) bool {
		d, ok := effect.(campaign.RecordDecision)
		return ok && d.Step == "" && (d.Kind == campaign.DecisionExit || d.Kind == campaign.DecisionGoal)
	})
}

// arrived tells Config.Arrive where a journey came by.
func (w *World) arrived(r *run, moved campaign.Journey, effects []campaign.Effect) {
	if w.config.Arrive == nil {
		return
	}
	var steps []string
	for _, e := range effects {
		if step := stepOf(e); step != "" {
			steps = append(steps, step)
		}
	}
	for step := range moved.Position.Results {
		if _, before := r.j.Position.Results[step]; !before {
			steps = append(steps, step)
		}
	}
	stands := ""
	if moved.Status == campaign.Active {
		stands = moved.Position.Step
		steps = append(steps, stands)
	}
	slices.Sort(steps)
	w.config.Arrive(r.live.Name, moved.ID, slices.Compact(steps), stands)
}

// stepOf is the step that an effect is of; "" for what is the whole campaign's.
func stepOf(effect campaign.Effect) string {
	switch e := effect.(type) {
	case campaign.PlanEmail:
		return e.Step
	case campaign.PlanSMS:
		return e.Step
	case campaign.PlanCall:
		return e.Step
	case campaign.PlanWebhook:
		return e.Step
	case campaign.CreateTask:
		return e.Step
	case campaign.WriteNote:
		return e.Step
	case campaign.AssignOwner:
		return e.Step
	case campaign.UpdateCustomer:
		return e.Step
	case campaign.IssueCoupon:
		return e.Step
	case campaign.StartJourney:
		return e.Step
	case campaign.RecordDecision:
		return e.Step
	}
	return ""
}

// entry begins an entry of the log about a journey.
func (r *run) entry(kind Kind, step string, iteration int) Entry {
	return Entry{
		Kind: kind, Customer: r.person.ID, Campaign: r.live.Name, Journey: r.j.ID, Step: step, Iteration: iteration,
	}
}

func (w *World) carryOut(r *run, effect campaign.Effect) {
	switch e := effect.(type) {
	case campaign.PlanEmail:
		w.plan(r, e.Email, e.Iteration, e.Reason, e.At)
	case campaign.PlanSMS:
		w.plan(r, e.SMS, e.Iteration, e.Reason, e.At)
	case campaign.PlanCall:
		entry := r.entry(Call, e.Step, e.Iteration)
		entry.Text, entry.Detail, entry.Reason, entry.Until = e.Call.Title, e.Call.Script, e.Reason, e.DueAt
		w.assign(r, e.Assign, entry)
	case campaign.CreateTask:
		entry := r.entry(Task, e.Step, e.Iteration)
		entry.Text, entry.Detail, entry.Reason, entry.Until = e.Task.Title, e.Task.Text, e.Reason, e.DueAt
		w.assign(r, e.Assign, entry)
	case campaign.PlanWebhook:
		w.ask(r, e)
	case campaign.WriteNote:
		entry := r.entry(Note, e.Step, e.Iteration)
		entry.Text, entry.Content = e.Note.Text, r.content(nil)
		w.note(entry)
	case campaign.AssignOwner:
		w.own(r, e)
	case campaign.UpdateCustomer:
		w.update(r, e)
	case campaign.IssueCoupon:
		w.issue(r, e)
	case campaign.StartJourney:
		var from *parent
		if e.Wait {
			from = &parent{run: r, step: e.Step, iteration: e.Iteration}
		}
		w.request(r.person, e.Campaign, e.Data, from)
	case campaign.RecordDecision:
		entry := r.entry(Decided, e.Step, 0)
		entry.Detail, entry.Outcome, entry.Rule, entry.Reason, entry.Values = e.Kind, e.Outcome, e.Rule, e.Reason, e.Values
		w.note(entry)
	}
}

// update changes the record as an update step asks.
func (w *World) update(r *run, e campaign.UpdateCustomer) {
	cause := r.entry(Changed, e.Step, 0)
	values := sums(r.person.Attributes, e.Add)
	maps.Copy(values, e.Set)
	if len(values) > 0 {
		w.set(r.person, values, cause)
	}
	if len(e.AddTags)+len(e.RemoveTags) > 0 {
		w.tag(r.person, e.AddTags, e.RemoveTags, cause)
	}
	cause.Reason = fmt.Sprintf("step %s of %s", e.Step, r.live.Name)
	for _, list := range e.AddTo {
		w.list(r.person, list, true, cause)
	}
	for _, list := range e.RemoveFrom {
		w.list(r.person, list, false, cause)
	}
}
