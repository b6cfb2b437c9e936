package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// PickedEvent is an event that no campaign was told of yet, or a change that no segment was told of, or both.
type PickedEvent struct {
	audience.Event // with no more than CustomerID, and "" as ID, for a change that came without an event
	Seq            int64
	Changed        []string // what may be different, as rules.Needs.Mentions names it; "customer:*" is everything
}

// ClaimEvents locks the next events of a shard in order of arrival. Another picker of the shard waits until this
// transaction ends, and then finds them gone.
func (tx *Tx) ClaimEvents(ctx context.Context, shard int16, limit int) ([]PickedEvent, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT seq, event_id, occurred_at, customer_id, changed FROM intake
		WHERE workspace_id = $1 AND shard = $2 ORDER BY seq LIMIT $3 FOR UPDATE`, tx.Workspace, shard, limit)
	type waiting struct {
		Seq        int64
		EventID    *string // nil: a change without an event
		OccurredAt *time.Time
		CustomerID string
		Changed    []string
	}
	claimed, err := pgx.CollectRows(rows, pgx.RowToStructByPos[waiting])
	if err != nil || len(claimed) == 0 {
		return nil, wrap("claim events", err)
	}
	var ids []string
	var moments []time.Time
	for _, w := range claimed {
		if w.EventID != nil {
			ids, moments = append(ids, *w.EventID), append(moments, *w.OccurredAt)
		}
	}
	byID, err := tx.eventsByID(ctx, ids, moments)
	if err != nil {
		return nil, fmt.Errorf("read claimed events: %w", err)
	}
	list := make([]PickedEvent, 0, len(claimed))
	for _, w := range claimed {
		p := PickedEvent{Event: audience.Event{CustomerID: w.CustomerID}, Seq: w.Seq, Changed: w.Changed}
		if w.EventID != nil {
			p.Event = byID[*w.EventID]
		}
		list = append(list, p)
	}
	return list, nil
}

// eventsByID reads events that occurred at the moments, of which there are as many.
func (tx *Tx) eventsByID(ctx context.Context, ids []string, moments []time.Time) (map[string]audience.Event, error) {
	byID := make(map[string]audience.Event, len(ids))
	if len(ids) == 0 {
		return byID, nil
	}
	first := slices.MinFunc(moments, time.Time.Compare)
	last := slices.MaxFunc(moments, time.Time.Compare)
	// Read apart from the claim: a plan of both together, made while the tables were small, walked whole partitions.
	rows, _ := tx.conn.Query(ctx, `SELECT `+eventColumns+` FROM events e
		WHERE e.workspace_id = $1 AND e.id = ANY ($2) AND e.occurred_at BETWEEN $3 AND $4`, tx.Workspace, ids, first, last)
	events, err := pgx.CollectRows(rows, scanEvent)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		byID[e.ID] = e
	}
	return byID, nil
}

// wrap says what failed; nil stays nil.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// SetAside moves the first waiting event or change of a shard to the dead letters: it cannot be picked, and must not hold
// up those behind it. The event itself stays on the record.
func (s *Store) SetAside(ctx context.Context, workspace int64, shard int16, reason string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		_, err := tx.conn.Exec(ctx, `WITH stuck AS (
			DELETE FROM intake WHERE workspace_id = $1 AND shard = $2 AND seq = (
				SELECT min(seq) FROM intake WHERE workspace_id = $1 AND shard = $2)
			RETURNING event_id, occurred_at, customer_id, changed)
			INSERT INTO dead_letters (workspace_id, source_id, severity, message_id, place, reason, advice, payload, received_at)
			SELECT $1, coalesce(e.source_id, 0), 'field', coalesce(e.message_id, ''),
				CASE WHEN e.id IS NULL THEN 'segments' ELSE 'campaigns' END, $3,
				CASE WHEN e.id IS NULL THEN 'no segment was told that something changed about this customer'
					ELSE 'no campaign was told of this event' END,
				convert_to(jsonb_build_object('customer', stuck.customer_id, 'changed', stuck.changed)::text, 'UTF8'), now()
			FROM stuck LEFT JOIN events e
				ON e.workspace_id = $1 AND e.id = stuck.event_id AND e.occurred_at = stuck.occurred_at`,
			workspace, shard, clean(reason))
		return err
	})
	if err != nil {
		return fmt.Errorf("set event aside: %w", err)
	}
	return nil
}

// JourneyRef is an active journey that events may concern.
type JourneyRef struct {
	ID            string
	CohortID      string
	CampaignID    string
	Version       int
	CustomerID    string
	Key           string
	ListensTo     []string
	Size          int // of the cohort
	Transactional bool
}

// ActiveJourneys lists the journeys of some customers that wait for one of the named events, or for a change of what
// campaign.Changed names.
func (tx *Tx) ActiveJourneys(ctx context.Context, customers, names []string) ([]JourneyRef, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT j.id, j.cohort_id, j.campaign_id, j.version, j.customer_id, j.key, j.listens_to,
		h.size, h.transactional
		FROM journeys j JOIN cohorts h ON h.workspace_id = $1 AND h.id = j.cohort_id
		WHERE j.workspace_id = $1 AND j.customer_id = ANY ($2) AND j.status = 'active' AND j.listens_to && $3
		ORDER BY j.id`, tx.Workspace, customers, names)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[JourneyRef])
	if err != nil {
		return nil, fmt.Errorf("list active journeys: %w", err)
	}
	return list, nil
}

// Run names a customer and a campaign.
type Run struct{ CustomerID, CampaignID string }

// PastJourneys lists, by customer and campaign, every journey so far, for the rules of re-entry.
func (tx *Tx) PastJourneys(ctx context.Context, customers, campaigns []string) (map[Run][]campaign.Past, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT customer_id, campaign_id, key, status, entered_at,
		coalesce(ended_at, 'epoch'), exit_reason FROM journeys
		WHERE workspace_id = $1 AND customer_id = ANY ($2) AND campaign_id = ANY ($3) ORDER BY entered_at`,
		tx.Workspace, customers, campaigns)
	found := map[Run][]campaign.Past{}
	var run Run
	var p campaign.Past
	_, err := pgx.ForEachRow(rows, []any{&run.CustomerID, &run.CampaignID, &p.Key, &p.Status, &p.EnteredAt, &p.EndedAt, &p.Reason},
		func() error {
			past := p
			if past.Status == campaign.Active {
				past.EndedAt = time.Time{}
			}
			found[run] = append(found[run], past)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("list past journeys: %w", err)
	}
	return found, nil
}

// Cohort is one or many journeys carried by one workflow.
type Cohort struct {
	ID            string
	CampaignID    string
	Version       int
	Transactional bool
	Journeys      []NewJourney
}

// Ref names the cohort, with as many journeys as came in now.
func (c *Cohort) Ref(workspace int64) CohortRef {
	return CohortRef{Workspace: workspace, ID: c.ID, Size: len(c.Journeys), Transactional: c.Transactional}
}

// NewJourney is a customer on the way into a campaign.
type NewJourney struct {
	campaign.Journey
	CustomerID string
	Parent     *Parent // waits for the end of this journey; nil where nobody does
}

// HeldOut is a customer who would have entered and is kept out, to compare with. The journey has ended before it began.
type HeldOut struct {
	NewJourney
	CampaignID string
	Version    int
}

// Decision is the recorded outcome of rules for a customer.
type Decision struct {
	CustomerID string
	CampaignID string
	Version    int
	JourneyID  string // "" when the customer did not enter
	EventID    string // "" when no event was judged
	Step       string
	Kind       string
	Outcome    string
	Rule       string
	Reason     string
	Values     map[string]any
	At         time.Time
}

// InboxEntry hands an event to a waiting journey.
type InboxEntry struct {
	CohortID   string
	JourneyID  string
	EventID    string
	OccurredAt time.Time
}

// Picked is what picking some events came to.
type Picked struct {
	Shard     int16
	Done      []int64 // Seq of the events that were picked
	Decisions []Decision
	Cohorts   []Cohort
	HeldOut   []HeldOut
	Inbox     []InboxEntry
	Stirred   []string  // journeys that must look again, because something changed that their rules mention
	Now       time.Time // for Stirred
	Events    []SystemEvent
}

// NewCohortID makes an id for a cohort.
func NewCohortID() string { return newID() }

// NewJourneyID makes an id for a journey.
func NewJourneyID() string { return newID() }

// WritePicked commits everything at once: decisions, cohorts with their journeys, what concerns waiting journeys, and
// that the events are done.
func (tx *Tx) WritePicked(ctx context.Context, p Picked) error {
	b := &pgx.Batch{}
	queueStirred(b, tx.Workspace, p.Stirred, p.Now)
	if err := queueDecisions(b, tx.Workspace, p.Decisions); err != nil {
		return err
	}
	if err := queueCohorts(b, tx.Workspace, p.Cohorts); err != nil {
		return err
	}
	if err := queueHeldOut(b, tx.Workspace, p.HeldOut); err != nil {
		return err
	}
	if err := queueSystemEvents(b, tx.Workspace, p.Events); err != nil {
		return err
	}
	queueCohortChanges(b, tx.Workspace, p.Cohorts)
	if len(p.Inbox) > 0 {
		var cohorts, journeys, events []string
		var at []time.Time
		for _, e := range p.Inbox {
			cohorts, journeys = append(cohorts, e.CohortID), append(journeys, e.JourneyID)
			events, at = append(events, e.EventID), append(at, e.OccurredAt)
		}
		b.Queue(`INSERT INTO journey_inbox (workspace_id, cohort_id, journey_id, event_id, occurred_at)
			SELECT $1, u.* FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[]) u ON CONFLICT DO NOTHING`,
			tx.Workspace, cohorts, journeys, events, at)
	}
	if len(p.Done) > 0 {
		b.Queue(`DELETE FROM intake WHERE workspace_id = $1 AND shard = $2 AND seq = ANY ($3)`,
			tx.Workspace, p.Shard, p.Done)
	}
	if err := tx.batch(ctx, b); err != nil {
		return fmt.Errorf("write picked events: %w", err)
	}
	return nil
}

func queueDecisions(b *pgx.Batch, ws int64, ds []Decision) error {
	if len(ds) == 0 {
		return nil
	}
	var ids, customers, campaigns, steps, kinds, outcomes, rules, reasons, facts []string
	var journeys, events []*string
	var versions []int32
	var at []time.Time
	for _, d := range ds {
		values := "{}"
		if len(d.Values) > 0 {
			var err error
			if values, err = jsonText(d.Values); err != nil {
				return err
			}
		}
		ids, customers, campaigns = append(ids, newID()), append(customers, d.CustomerID), append(campaigns, d.CampaignID)
		journeys, events = append(journeys, orNull(d.JourneyID)), append(events, orNull(d.EventID))
		versions, steps, kinds = append(versions, int32(d.Version)), append(steps, d.Step), append(kinds, d.Kind) //nolint:gosec // versions are counted by ones
		outcomes, rules = append(outcomes, clean(d.Outcome)), append(rules, clean(d.Rule))
		reasons, facts, at = append(reasons, clean(d.Reason)), append(facts, values), append(at, d.At)
	}
	b.Queue(`INSERT INTO decisions (workspace_id, id, customer_id, campaign_id, version, journey_id, event_id, step, kind,
		outcome, rule, reason, facts, at)
		SELECT $1, u.id, u.customer, u.campaign, u.version, u.journey, u.event, u.step, u.kind, u.outcome, u.rule,
		u.reason, u.facts::jsonb, u.at
		FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::integer[], $6::uuid[], $7::uuid[], $8::text[], $9::text[],
		$10::text[], $11::text[], $12::text[], $13::text[], $14::timestamptz[])
		AS u (id, customer, campaign, version, journey, event, step, kind, outcome, rule, reason, facts, at)`,
		ws, ids, customers, campaigns, versions, journeys, events, steps, kinds, outcomes, rules, reasons, facts, at)
	return nil
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// WorkspacesWithEvents lists the workspaces that have events waiting in a shard, whatever their number of events.
func (s *Store) WorkspacesWithEvents(ctx context.Context, shard int16) ([]int64, error) {
	rows, _ := s.engine.Query(ctx, `WITH RECURSIVE w AS (
			(SELECT workspace_id FROM intake WHERE shard = $1 ORDER BY workspace_id LIMIT 1)
			UNION ALL
			SELECT (SELECT i.workspace_id FROM intake i WHERE i.shard = $1 AND i.workspace_id > w.workspace_id
				ORDER BY i.workspace_id LIMIT 1)
			FROM w WHERE w.workspace_id IS NOT NULL)
		SELECT workspace_id FROM w WHERE workspace_id IS NOT NULL`, shard)
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("find waiting events: %w", err)
	}
	return list, nil
}

// Forgotten lists cohorts that a crash left without their workflow's knowledge: not started, or not told of an event,
// since before the given moment; and those that are to be looked at again. What concerns a paused campaign waits.
func (s *Store) Forgotten(ctx context.Context, before time.Time, limit int) ([]CohortRef, error) {
	rows, _ := s.engine.Query(ctx, `
		(SELECT workspace_id, id, size, transactional FROM cohorts WHERE (status = 'pending' OR poked) AND (created_at < $1 OR poked) LIMIT $2)
		UNION
		(SELECT i.workspace_id, i.cohort_id, c.size, c.transactional FROM journey_inbox i
			JOIN cohorts c ON c.workspace_id = i.workspace_id AND c.id = i.cohort_id
			JOIN campaigns k ON k.workspace_id = c.workspace_id AND k.id = c.campaign_id AND k.status <> 'paused'
			WHERE i.created_at < $1 LIMIT $2)`, before, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[CohortRef])
	if err != nil {
		return nil, fmt.Errorf("find forgotten cohorts: %w", err)
	}
	return list, nil
}
