package store

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// queueStirred makes journeys due, in the order in which all others lock them.
func queueStirred(b *pgx.Batch, ws int64, journeys []string, now time.Time) {
	if len(journeys) > 0 {
		b.Queue(`WITH stirred AS (SELECT id FROM journeys WHERE workspace_id = $1 AND id = ANY ($2) AND status = 'active'
				ORDER BY id FOR UPDATE)
			UPDATE journeys j SET due_at = least(j.due_at, $3) FROM stirred s WHERE j.workspace_id = $1 AND j.id = s.id`,
			ws, journeys, now)
	}
}

func queueCohorts(b *pgx.Batch, ws int64, cohorts []Cohort) error {
	if len(cohorts) == 0 {
		return nil
	}
	var ids, campaigns []string
	var versions, sizes []int32
	var transactional []bool
	rows := journeyRows{}
	for i := range cohorts {
		c := &cohorts[i]
		ids, campaigns = append(ids, c.ID), append(campaigns, c.CampaignID)
		versions, sizes = append(versions, int32(c.Version)), append(sizes, int32(len(c.Journeys))) //nolint:gosec // small
		transactional = append(transactional, c.Transactional)
		for k := range c.Journeys {
			if err := rows.add(c.ID, c.CampaignID, c.Version, &c.Journeys[k]); err != nil {
				return err
			}
		}
	}
	// Who joins a cohort makes it look again, and wakes it should it have been done already.
	b.Queue(`INSERT INTO cohorts AS h (workspace_id, id, campaign_id, version, size, transactional)
		SELECT $1, u.id, u.campaign, u.version, u.size, u.transactional
		FROM unnest($2::uuid[], $3::uuid[], $4::integer[], $5::integer[], $6::boolean[])
			AS u (id, campaign, version, size, transactional)
		ON CONFLICT (workspace_id, id) DO UPDATE SET size = h.size + excluded.size, poked = true`,
		ws, ids, campaigns, versions, sizes, transactional)
	rows.queue(b, ws)
	return nil
}

// nowhere is the cohort of those who are held out: nothing carries them.
const nowhere = nobody

func queueHeldOut(b *pgx.Batch, ws int64, list []HeldOut) error {
	rows := journeyRows{}
	for i := range list {
		h := &list[i]
		if err := rows.add(nowhere, h.CampaignID, h.Version, &h.NewJourney); err != nil {
			return err
		}
	}
	rows.queue(b, ws)
	return nil
}

// journeyRows are journeys to be written, column by column.
type journeyRows struct {
	ids, cohorts, campaigns, customers, keys, positions, listens, entries, statuses, reasons []string
	versions                                                                                 []int32
	due                                                                                      []*time.Time
	entered                                                                                  []time.Time
	parents                                                                                  []*string
}

func (r *journeyRows) add(cohort, campaignID string, version int, j *NewJourney) error {
	row, err := encodeJourney(&j.Journey)
	if err != nil {
		return err
	}
	var parent *string
	if j.Parent != nil {
		text, err := jsonText(j.Parent)
		if err != nil {
			return err
		}
		parent = &text
	}
	r.ids, r.cohorts, r.campaigns = append(r.ids, j.ID), append(r.cohorts, cohort), append(r.campaigns, campaignID)
	r.versions = append(r.versions, int32(version)) //nolint:gosec // versions are counted by ones
	r.customers, r.keys = append(r.customers, j.CustomerID), append(r.keys, clean(j.Key))
	r.positions, r.listens = append(r.positions, row.position), append(r.listens, row.listens)
	r.due, r.entered, r.entries = append(r.due, row.due), append(r.entered, j.EnteredAt), append(r.entries, row.entry)
	r.statuses, r.parents = append(r.statuses, string(j.Status)), append(r.parents, parent)
	r.reasons = append(r.reasons, clean(j.ExitReason))
	return nil
}

// queue writes the journeys. A customer who got into the campaign by another way at this very moment does not enter twice.
func (r *journeyRows) queue(b *pgx.Batch, ws int64) {
	if len(r.ids) == 0 {
		return
	}
	b.Queue(`INSERT INTO journeys (workspace_id, id, cohort_id, campaign_id, version, customer_id, key, position, due_at,
		listens_to, entry, entered_at, status, ended_at, exit_reason, parent)
		SELECT $1, u.id, u.cohort, u.campaign, u.version, u.customer, u.key, u.position::jsonb, u.due,
		ARRAY(SELECT jsonb_array_elements_text(u.listens::jsonb)), u.entry::jsonb, u.entered, u.status,
		CASE WHEN u.status <> 'active' THEN u.entered END, u.reason, u.parent::jsonb
		FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::integer[], $6::uuid[], $7::text[], $8::text[],
		$9::timestamptz[], $10::text[], $11::text[], $12::timestamptz[], $13::text[], $14::text[], $15::text[])
		AS u (id, cohort, campaign, version, customer, key, position, due, listens, entry, entered, status, reason, parent)
		ON CONFLICT (workspace_id, campaign_id, customer_id, key) WHERE status = 'active' DO NOTHING`,
		ws, r.ids, r.cohorts, r.campaigns, r.versions, r.customers, r.keys, r.positions, r.due, r.listens, r.entries,
		r.entered, r.statuses, r.reasons, r.parents)
}

// queueCohortChanges tells the segments that journeys began.
func queueCohortChanges(b *pgx.Batch, ws int64, cohorts []Cohort) {
	var customers, campaigns []string
	for _, c := range cohorts {
		for i := range c.Journeys {
			customers, campaigns = append(customers, c.Journeys[i].CustomerID), append(campaigns, c.CampaignID)
		}
	}
	queueEntered(b, ws, customers, campaigns)
}

// CohortRef names a cohort whose workflow must be started or signalled.
type CohortRef struct {
	Workspace     int64
	ID            string
	Size          int
	Transactional bool
}
