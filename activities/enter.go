package activities

import (
	"context"
	"errors"
	"time"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
)

// audiencePage is how many customers are judged in one transaction, and so the largest cohort.
const audiencePage = 1000

// enterPage judges the next customers of an audience and lets those enter for whom its rule holds, as one cohort. The
// cursor moves in the same transaction, so that a crash repeats nothing. It says whether there is more.
func (a *Activities) enterPage(ctx context.Context, ref store.AudienceRef) (bool, error) {
	var cohorts []store.Cohort
	more := false
	err := a.Store.In(ctx, ref.Workspace, func(tx *store.Tx) error {
		cohorts, more = nil, false
		page, err := tx.ClaimAudience(ctx, ref.ID, audiencePage)
		if errors.Is(err, store.ErrNotFound) {
			return nil // it has entered completely
		}
		if err != nil || !page.Live { // while the campaign is paused its audience waits
			return err
		}
		entered := 0
		if len(page.Customers) > 0 {
			picked, err := a.judgePage(ctx, tx, page)
			if err != nil {
				return err
			}
			if err := tx.WritePicked(ctx, picked); err != nil {
				return err
			}
			cohorts = picked.Cohorts
			for _, c := range cohorts {
				entered += len(c.Journeys)
			}
		}
		last := ""
		if len(page.Customers) == audiencePage {
			more = true
			last = page.Customers[audiencePage-1].ID
		}
		return tx.AdvanceAudience(ctx, ref.ID, last, len(page.Customers), entered)
	})
	if err != nil {
		return false, err
	}
	return more, a.handOver(ctx, ref.Workspace, cohorts, nil)
}

func (a *Activities) judgePage(ctx context.Context, tx *store.Tx, page *store.AudiencePage) (store.Picked, error) {
	v, err := a.versions.get(ctx, tx, page.CampaignID, page.Version)
	if err != nil {
		return store.Picked{}, err
	}
	now := time.Now()
	ids := make([]string, len(page.Customers))
	for i, c := range page.Customers {
		ids[i] = c.ID
	}
	loaded, err := tx.Facts(ctx, ids, v.Definition.TriggerNeeds(), now)
	if err != nil {
		return store.Picked{}, err
	}
	f := factsByCustomer(loaded)
	past, err := tx.PastJourneys(ctx, ids, []string{page.CampaignID})
	if err != nil {
		return store.Picked{}, err
	}
	var out store.Picked
	cohort := store.Cohort{ID: store.NewCohortID(), CampaignID: page.CampaignID, Version: page.Version}
	for _, c := range page.Customers {
		entry := v.Definition.MatchAudience(f.env(c.ID, nil, now))
		d := store.Decision{
			CustomerID: c.ID, CampaignID: page.CampaignID, Version: page.Version, Kind: "trigger", Outcome: "not entered",
			Rule: entry.Rule, Reason: entry.Reason, Values: entry.Values, At: now,
		}
		may, why := entry.Matched, entry.Reason
		if may {
			run := store.Run{CustomerID: c.ID, CampaignID: page.CampaignID}
			may, why = v.Definition.MayEnter(past[run], entry.Key, f.env(c.ID, nil, now))
		}
		if may {
			j := campaign.Start(v.Definition, store.NewJourneyID(), entry.Key, nil, now)
			cohort.Journeys = append(cohort.Journeys, store.NewJourney{Journey: j, CustomerID: c.ID})
			d.JourneyID, d.Outcome = j.ID, "entered"
		} else {
			d.Reason = why
		}
		out.Decisions = append(out.Decisions, d)
	}
	if len(cohort.Journeys) > 0 {
		out.Cohorts = append(out.Cohorts, cohort)
	}
	return out, nil
}
