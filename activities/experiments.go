package activities

import (
	"context"
	"slices"
	"time"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
)

// experiments are the splits of a version that look for a winner, while some of its journeys move.
type experiments struct {
	tx      *store.Tx
	v       *version
	key     store.SplitKey
	now     time.Time
	winners map[string]campaign.Winner
	starts  map[string]time.Time
	came    map[string]bool // splits that some journey came to
}

// openExperiments loads what is known of a version's experiments, and decides those that journeys wait for and whose time
// is up. A version without any costs nothing.
func openExperiments(ctx context.Context, tx *store.Tx, v *version, due []*store.DueJourney, now time.Time) (*experiments, error) {
	x := &experiments{
		tx: tx, v: v, key: store.SplitKey{CampaignID: v.CampaignID, Version: v.Number}, now: now, came: map[string]bool{},
	}
	if len(v.experiments) == 0 {
		return x, nil
	}
	winners, err := tx.Winners(ctx, []store.SplitKey{x.key})
	if err != nil {
		return nil, err
	}
	x.winners = map[string]campaign.Winner{}
	for split, w := range winners[x.key] {
		x.winners[split] = w.Winner
	}
	if x.starts, err = tx.SplitStarts(ctx, x.key); err != nil {
		return nil, err
	}
	for _, split := range v.experiments {
		if err := x.decide(ctx, split, due); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (x *experiments) decide(ctx context.Context, split *campaign.SplitStep, due []*store.DueJourney) error {
	_, decided := x.winners[split.ID]
	start, began := x.starts[split.ID]
	waits := slices.ContainsFunc(due, func(d *store.DueJourney) bool { return d.Position.Step == split.ID })
	if decided || !began || !waits || x.now.Before(start.Add(split.After)) {
		return nil
	}
	counts, err := x.tx.CountArms(ctx, x.v.Version, split)
	if err != nil {
		return err
	}
	kept, err := x.tx.DecideSplit(ctx, x.key, split.ID, split.Choose(counts), counts, x.now)
	x.winners[split.ID] = kept.Winner
	return err
}

// note sees which splits a journey came to.
func (x *experiments) note(d *store.DueJourney, effects []campaign.Effect) {
	for _, split := range x.v.experiments {
		if d.Position.Step == split.ID || slices.ContainsFunc(effects, func(e campaign.Effect) bool {
			decision, ok := e.(campaign.RecordDecision)
			return ok && decision.Kind == campaign.DecisionSplit && decision.Step == split.ID
		}) {
			x.came[split.ID] = true
		}
	}
}

// end notes when the first customers came to splits, and has those who wait for a winner wait until their split's time is
// up: it counts from the first customer of all.
func (x *experiments) end(ctx context.Context, due []*store.DueJourney) error {
	for _, split := range x.v.experiments {
		if _, decided := x.winners[split.ID]; decided || !x.came[split.ID] {
			continue
		}
		start, began := x.starts[split.ID]
		if !began {
			var err error
			if start, err = x.tx.SplitBegan(ctx, x.key, split.ID, x.now); err != nil {
				return err
			}
		}
		for _, d := range due {
			if d.Status == campaign.Active && d.Position.Step == split.ID {
				d.DueAt = start.Add(split.After)
			}
		}
	}
	return nil
}
