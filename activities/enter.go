package activities

import (
	"context"
	"fmt"
	"time"

	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/calendar"
	"dotyk/rules/campaign"
)

const (
	audiencePage = 1000 // customers judged in one transaction
	cohortMost   = 5000 // journeys that one workflow carries
)

// enterPage judges the next customers of an audience and lets those enter whom the trigger concerns. They join the cohort
// that the page before began, until it is full; its workflow is started with its first page. The cursor moves in the same
// transaction, so that a crash repeats nothing. It says whether there is more.
func (a *Activities) enterPage(ctx context.Context, ref store.AudienceRef) (bool, error) {
	var open store.OpenAudience
	var v *version
	err := a.Store.In(ctx, ref.Workspace, func(tx *store.Tx) error {
		var err error
		if open, err = tx.Audience(ctx, ref.ID); err != nil || !open.Live { // while the campaign is paused it waits
			return err
		}
		v, err = a.versions.get(ctx, tx, open.CampaignID, open.Version)
		return err
	})
	if store.IsNotFound(err) {
		return false, nil // it has entered completely
	}
	if err != nil || !open.Live {
		return false, err
	}
	page, err := a.Store.AudiencePage(ctx, ref.Workspace, open, v.Definition.Trigger, audiencePage)
	if err != nil {
		return false, err
	}
	e := &entering{ref: ref, open: open, page: page, definition: v.Definition}
	err = a.Store.OnKnownPlans(ctx, ref.Workspace, func(tx *store.Tx) error { return e.enter(ctx, tx) })
	if err != nil {
		return false, err
	}
	return page.More, a.handOver(ctx, e.fresh, e.joined)
}

// entering is one page of an audience on its way in.
type entering struct {
	gate

	ref        store.AudienceRef
	open       store.OpenAudience
	page       store.AudiencePage
	definition *campaign.Definition

	out           store.Picked
	step          store.AudienceStep
	fresh, joined []store.CohortRef
}

// enter judges the page and writes what it comes to. If somebody else was quicker, or the campaign is another one now, it
// does nothing: the page is read anew.
func (e *entering) enter(ctx context.Context, tx *store.Tx) error {
	open, err := tx.ClaimAudience(ctx, e.ref.ID)
	e.out, e.fresh, e.joined = store.Picked{}, nil, nil
	if store.IsNotFound(err) {
		return nil
	}
	if err != nil || !open.Live || open.After != e.open.After || open.Version != e.open.Version {
		return err
	}
	e.open = open
	e.step = store.AudienceStep{
		ID: open.ID, After: e.page.After, Judged: len(e.page.Customers), CohortID: open.CohortID, InCohort: open.InCohort,
		Finished: !e.page.More,
	}
	if len(e.page.Customers) > 0 {
		if err := e.judge(ctx, tx); err != nil {
			return err
		}
		if err := tx.WritePicked(ctx, e.out); err != nil {
			return err
		}
	}
	return tx.AdvanceAudience(ctx, e.step)
}

func (e *entering) judge(ctx context.Context, tx *store.Tx) error {
	c := candidate{
		store.LiveCampaign{ID: e.open.CampaignID, Name: e.definition.Name, Version: e.open.Version}, e.definition,
	}
	e.gate = gate{now: time.Now(), policy: e.open.Policy, zone: e.open.TimeZone}
	if err := e.load(ctx, tx, e.page.Customers, []candidate{c}, entryNeeds(e.definition)); err != nil {
		return err
	}
	var entrants []store.NewJourney
	for _, id := range e.page.Customers {
		f, known := e.facts[id]
		if !known || !e.inZone(f.Customer) {
			continue
		}
		w := wish{candidate: c, customer: id}
		w.entry = e.match(id)
		w.data = w.entry.Data
		v := e.admit(w)
		switch {
		case v.Outcome == campaign.Entered:
			entrants = append(entrants, v.journey)
		case v.Outcome == campaign.OutcomeHeldOut:
			e.out.HeldOut = append(e.out.HeldOut, store.HeldOut{NewJourney: v.journey, CampaignID: c.ID, Version: c.Version})
		case !v.unreachable: // what the record tells for good is not written down for everybody who does not enter
			continue
		}
		e.out.Decisions = append(e.out.Decisions, v.Decision)
	}
	e.step.Entered = len(entrants)
	e.group(entrants)
	return nil
}

// inZone reports whether it is the turn of a customer's zone.
func (e *entering) inZone(c audience.Customer) bool {
	return e.open.Zone == "" || calendar.Zone(c.Timezone, e.open.TimeZone).String() == e.open.Zone
}

// match asks the trigger about a customer.
func (e *entering) match(customer string) campaign.Entry {
	env := rules.Env{Facts: e.facts[customer], Now: e.now}
	switch t := e.definition.Trigger.(type) {
	case campaign.DateTrigger:
		env.Now = e.open.At
		return e.definition.MatchDate(env, e.open.TimeZone)
	case campaign.SegmentTrigger: // those who are members already are judged as if they joined now
		env.Event = &audience.Event{
			CustomerID: customer, Type: string(store.CallSystem), Name: audience.EventSegmentEntered, OccurredAt: e.now,
			ReceivedAt: e.now, Properties: map[string]any{"segment": t.Segment, "because": "member already"},
		}
		entry := e.definition.Match(env)
		entry.Data = env.Event.Properties
		return entry
	case campaign.AudienceTrigger, campaign.ScheduleTrigger, campaign.EventTrigger, campaign.APITrigger:
	}
	return e.definition.MatchAudience(env)
}

// group lets the entrants join the cohort of the page before, as far as it has room, and begins others.
func (e *entering) group(entrants []store.NewJourney) {
	for len(entrants) > 0 {
		joins := e.step.CohortID != "" && e.step.InCohort < cohortMost
		if !joins {
			e.step.CohortID, e.step.InCohort = store.NewCohortID(), 0
		}
		n := min(len(entrants), cohortMost-e.step.InCohort)
		c := store.Cohort{
			ID: e.step.CohortID, CampaignID: e.open.CampaignID, Version: e.open.Version,
			Transactional: e.definition.Transactional, Journeys: entrants[:n],
		}
		entrants = entrants[n:]
		e.step.InCohort += n
		e.out.Cohorts = append(e.out.Cohorts, c)
		ref := c.Ref(e.ref.Workspace)
		ref.Size = e.step.InCohort
		if e.page.More { // others may join: it must not be carried like a single journey
			ref.Size = max(ref.Size, 2)
		}
		if joins {
			e.joined = append(e.joined, ref)
		} else {
			e.fresh = append(e.fresh, ref)
		}
	}
}

// zonesEvery is how often to look for zones of customers that schedules do not know yet.
const zonesEvery = time.Hour

// schedule carries out the moments that have come.
func (a *sweeper) schedule(ctx context.Context) error {
	const most = 200
	now := time.Now()
	if now.Sub(a.zonesAt) >= zonesEvery {
		workspaces, err := a.Store.Workspaces(ctx)
		if err != nil {
			return err
		}
		for _, ws := range workspaces {
			if err := a.Store.FindZones(ctx, ws.ID, now); err != nil {
				return err
			}
		}
		a.zonesAt = now
	}
	if _, err := a.Store.FireSchedules(ctx, now, most); err != nil {
		return fmt.Errorf("carry out schedules: %w", err)
	}
	return nil
}
