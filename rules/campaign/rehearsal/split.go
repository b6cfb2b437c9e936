package rehearsal

import (
	"slices"
	"time"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// cameToSplits notes when the first customer came to an experiment, and has those who fall to its winner wait until its
// time is up, which counts from then.
func (w *World) cameToSplits(r *run, effects []campaign.Effect) {
	came := func(step string) {
		s, ok := r.live.steps[step].(*campaign.SplitStep)
		if !ok || !slices.ContainsFunc(s.Arms, func(a campaign.SplitArm) bool { return a.Winner }) {
			return
		}
		if w.splits[r.live] == nil {
			w.splits[r.live] = map[string]time.Time{}
		}
		if _, known := w.splits[r.live][step]; !known {
			w.splits[r.live][step] = w.now
		}
	}
	for _, e := range effects {
		if d, ok := e.(campaign.RecordDecision); ok && d.Kind == campaign.DecisionSplit {
			came(d.Step)
		}
	}
	if r.j.Status != campaign.Active {
		return
	}
	came(r.j.Position.Step)
	if s, ok := r.live.steps[r.j.Position.Step].(*campaign.SplitStep); ok {
		r.j.DueAt = w.splits[r.live][s.ID].Add(s.After)
	}
}

// chooseWinner decides the experiment at which a journey waits, once its time is over. The first word stands.
func (w *World) chooseWinner(r *run) {
	s, ok := r.live.steps[r.j.Position.Step].(*campaign.SplitStep)
	if !ok || w.now.Before(w.splits[r.live][s.ID].Add(s.After)) {
		return
	}
	if _, chosen := w.winners[r.live][s.ID]; chosen {
		return
	}
	if w.winners[r.live] == nil {
		w.winners[r.live] = map[string]campaign.Winner{}
	}
	var winner campaign.Winner
	if w.config.Winner != nil {
		winner = w.config.Winner(r.live.Name, s)
	} else {
		winner = s.Choose(w.counts(r.live, s))
	}
	w.winners[r.live][s.ID] = winner
	w.note(Entry{
		Kind: Decided, Campaign: r.live.Name, Step: s.ID, Detail: campaign.DecisionSplit, Outcome: winner.Arm,
		Reason: winner.Reason,
	})
}

// counts tells how the arms of an experiment did.
func (w *World) counts(l *live, s *campaign.SplitStep) []campaign.ArmCount {
	var counts []campaign.ArmCount
	at := map[string]int{}
	for _, arm := range s.Arms {
		if !arm.Winner {
			at[arm.Name] = len(counts)
			counts = append(counts, campaign.ArmCount{Arm: arm.Name})
		}
	}
	for _, r := range l.runs {
		result, passed := r.j.Position.Results[s.ID]
		arm, _ := result.Event["arm"].(string)
		i, known := at[arm]
		if !passed || !known || (l.sends && !r.reachedSince(result.At)) {
			continue
		}
		counts[i].Reached++
		if r.hit(s.By, result.At) {
			counts[i].Hits++
		}
	}
	return counts
}

// reachedSince reports whether a message of the journey went out at or after a moment.
func (r *run) reachedSince(t time.Time) bool {
	for _, d := range r.sent {
		if d.Status == audience.Delivered && !d.At.Before(t) {
			return true
		}
	}
	return false
}

// hit reports whether a customer did, at or after a moment, what an experiment counts.
func (r *run) hit(by campaign.SplitBy, since time.Time) bool {
	name := audience.EventEmailClicked
	switch by {
	case campaign.ByGoal:
		return r.j.Status == campaign.Converted
	case campaign.ByOpens:
		name = audience.EventEmailOpened
	case campaign.ByClicks:
	}
	for _, e := range r.person.byName[name] {
		if e.Properties["campaign"] == r.live.Name && !e.OccurredAt.Before(since) {
			return true
		}
	}
	return false
}
