package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// encodedJourney is what of a journey changes as it moves, as parameters.
type encodedJourney struct {
	position, listens, entry string
	due                      *time.Time
}

func encodeJourney(j *campaign.Journey) (encodedJourney, error) {
	var e encodedJourney
	var err error
	if e.position, err = jsonText(j.Position); err != nil {
		return e, err
	}
	if e.listens, err = jsonText(append([]string{}, j.ListensTo...)); err != nil {
		return e, err
	}
	e.entry = "{}"
	if len(j.Entry) > 0 {
		if e.entry, err = jsonText(j.Entry); err != nil {
			return e, err
		}
	}
	if !j.DueAt.IsZero() {
		due := j.DueAt
		e.due = &due
	}
	return e, nil
}

// CohortState is what a cohort belongs to.
type CohortState struct {
	CampaignID string
	Campaign   string
	Version    int    // that its journeys entered; a journey may have moved to another since
	Paused     bool   // the campaign is: nothing moves and nothing is sent
	Zone       string // of the workspace
	inbox      bool   // events are waiting for some of its journeys
}

// DueJourney is a journey that must be looked at now, with its customer and the events that concern it.
type DueJourney struct {
	campaign.Journey
	Version  int // of the campaign, that it goes through now
	Parent   *Parent
	Customer audience.Customer
	Inbox    []audience.Event // oldest first
}

// Parent names the step of another journey that waits for the end of this one.
type Parent struct {
	Journey   string `json:"journey"`
	Step      string `json:"step"`
	Iteration int    `json:"iteration"`
}

// LoadDue locks up to limit journeys of a cohort that are due at now or that an event concerns. The journeys are
// ordered by id. ErrNotFound when there is no such cohort.
func (tx *Tx) LoadDue(ctx context.Context, cohort string, now time.Time, limit int) (CohortState, []DueJourney, error) {
	var state CohortState
	var due []DueJourney
	inbox := map[string][]audience.Event{}
	b := &pgx.Batch{}
	b.Queue(`SELECT h.campaign_id, c.name, h.version, c.status = 'paused', w.timezone FROM cohorts h
		JOIN campaigns c ON c.workspace_id = h.workspace_id AND c.id = h.campaign_id
		JOIN workspaces w ON w.id = h.workspace_id
		WHERE h.workspace_id = $1 AND h.id = $2`, tx.Workspace, cohort).
		QueryRow(func(row pgx.Row) error {
			return row.Scan(&state.CampaignID, &state.Campaign, &state.Version, &state.Paused, &state.Zone)
		})
	b.Queue(`SELECT j.id, j.version, j.parent, j.key, j.position, j.due_at, j.listens_to, j.entry, j.entered_at, `+prefixed("c")+`
		FROM journeys j JOIN customers c ON c.workspace_id = j.workspace_id AND c.id = j.customer_id
		WHERE j.workspace_id = $1 AND j.cohort_id = $2 AND j.status = 'active' AND (j.due_at <= $3 OR EXISTS (
			SELECT FROM journey_inbox i WHERE i.workspace_id = j.workspace_id AND i.journey_id = j.id))
		ORDER BY j.id LIMIT $4 FOR UPDATE OF j`, tx.Workspace, cohort, now, limit).
		Query(func(rows pgx.Rows) error {
			var err error
			due, err = pgx.CollectRows(rows, scanDue)
			return err
		})
	b.Queue(`SELECT i.journey_id, `+eventColumns+` FROM journey_inbox i
		JOIN events e ON e.workspace_id = i.workspace_id AND e.id = i.event_id AND e.occurred_at = i.occurred_at
		WHERE i.workspace_id = $1 AND i.cohort_id = $2 ORDER BY e.occurred_at, e.id`, tx.Workspace, cohort).
		Query(func(rows pgx.Rows) error {
			var journey string
			var e audience.Event
			_, err := pgx.ForEachRow(rows, []any{
				&journey, &e.ID, &e.CustomerID, &e.Type, &e.Name, &e.Properties, &e.OccurredAt, &e.ReceivedAt,
			}, func() error {
				inbox[journey] = append(inbox[journey], e)
				e.Properties = nil // the next row decodes into a map of its own
				return nil
			})
			return err
		})
	err := tx.batch(ctx, b)
	if errors.Is(err, pgx.ErrNoRows) {
		return state, nil, fmt.Errorf("cohort %s: %w", cohort, ErrNotFound)
	}
	if err != nil {
		return state, nil, fmt.Errorf("load due journeys: %w", err)
	}
	for i := range due {
		due[i].Inbox = inbox[due[i].ID]
	}
	state.inbox = len(inbox) > 0
	return state, due, nil
}

func prefixed(t string) string {
	return t + `.id, ` + t + `.kind, coalesce(` + t + `.external_id, ''), ` + t + `.email, ` + t + `.phone, ` + t +
		`.name, ` + t + `.locale, ` + t + `.timezone, ` + t + `.stage, ` + t + `.tags, ` + t + `.attributes, ` + t +
		`.created_at, ` + t + `.updated_at`
}

func scanDue(row pgx.CollectableRow) (DueJourney, error) {
	d := DueJourney{Journey: campaign.Journey{Status: campaign.Active}}
	var due *time.Time
	c := &d.Customer
	err := row.Scan(&d.ID, &d.Version, &d.Parent, &d.Key, &d.Position, &due, &d.ListensTo, &d.Entry, &d.EnteredAt,
		&c.ID, &c.Kind, &c.ExternalID, &c.Email, &c.Phone, &c.Name, &c.Locale, &c.Timezone, &c.Stage, &c.Tags,
		&c.Attributes, &c.CreatedAt, &c.UpdatedAt)
	if due != nil {
		d.DueAt = *due
	}
	return d, err
}

// Sent tells what became of the messages of some journeys, by journey and step; of a repeated step, the latest.
func (tx *Tx) Sent(ctx context.Context, journeys []string) (map[string]map[string]audience.Delivery, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT journey_id, step, status, updated_at, opened_at, clicked_at FROM touches
		WHERE workspace_id = $1 AND journey_id = ANY ($2) ORDER BY iteration`, tx.Workspace, journeys)
	found := map[string]map[string]audience.Delivery{}
	var journey, step string
	var d audience.Delivery
	var opened, clicked *time.Time
	_, err := pgx.ForEachRow(rows, []any{&journey, &step, &d.Status, &d.At, &opened, &clicked}, func() error {
		d.OpenedAt, d.ClickedAt = orZero(opened), orZero(clicked)
		if found[journey] == nil {
			found[journey] = map[string]audience.Delivery{}
		}
		found[journey][step] = d
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load what was sent: %w", err)
	}
	return found, nil
}

// Advanced is what moving some journeys of a cohort came to.
type Advanced struct {
	Cohort    string
	State     CohortState
	Journeys  []DueJourney // as they stand now; their Inbox has been handed to them
	Decisions []Decision
	Messages  []PlannedMessage
	Tasks     []PlannedTask
	Notes     []PlannedNote
	Updates   []CustomerUpdate
	Lists     []ListChange
	Requests  []JourneyRequest
	Now       time.Time
}

// CohortNext is what a cohort waits for.
type CohortNext struct {
	Due      time.Time          // when to look again; zero when only an event can move it
	Active   int                // journeys under way, and messages that wait for their moment
	Channels []audience.Channel // with messages that can be sent now, or are claimed and not settled
}

// WriteAdvanced commits what Advance decided and tells what the cohort waits for next.
func (tx *Tx) WriteAdvanced(ctx context.Context, a Advanced) (CohortNext, error) {
	moves, refused, err := tx.listMovesOf(ctx, a)
	if err != nil {
		return CohortNext{}, err
	}
	b := &pgx.Batch{}
	if err := queueJourneys(b, tx.Workspace, a); err != nil {
		return CohortNext{}, err
	}
	if err := queueDecisions(b, tx.Workspace, append(a.Decisions, refused...)); err != nil {
		return CohortNext{}, err
	}
	if a.State.inbox && !a.State.Paused { // what came for journeys that have ended concerns nobody any more
		b.Queue(`DELETE FROM journey_inbox i USING journeys j WHERE i.workspace_id = $1 AND i.cohort_id = $2
			AND j.workspace_id = $1 AND j.id = i.journey_id AND j.status <> 'active'`, tx.Workspace, a.Cohort)
	}
	if err := queueMessages(b, tx.Workspace, a); err != nil {
		return CohortNext{}, err
	}
	if err := queueTasks(b, tx.Workspace, a); err != nil {
		return CohortNext{}, err
	}
	queueNotes(b, tx.Workspace, a)
	queueUpdates(b, tx.Workspace, a.Updates)
	queueListMoves(b, tx.Workspace, moves)
	queueAdvancedChanges(b, tx.Workspace, a)
	if err := queueSystemEvents(b, tx.Workspace, a.events()); err != nil {
		return CohortNext{}, err
	}
	// Before the question what is next: whoever wants the cohort looked at from here on waits for this transaction, or
	// has said why already.
	b.Queue(`UPDATE cohorts SET poked = false, status = CASE WHEN EXISTS (
			SELECT FROM journeys j WHERE j.workspace_id = $1 AND j.cohort_id = $2 AND j.status = 'active')
		THEN 'running' ELSE 'done' END
		WHERE workspace_id = $1 AND id = $2`, tx.Workspace, a.Cohort)
	var next CohortNext
	queueNext(b, tx.Workspace, a, &next)
	if err := tx.batch(ctx, b); err != nil {
		return CohortNext{}, fmt.Errorf("write journeys: %w", err)
	}
	return next, nil
}

func queueNext(b *pgx.Batch, ws int64, a Advanced, next *CohortNext) {
	b.Queue(`WITH waiting AS MATERIALIZED (
			SELECT channel, CASE WHEN status = 'planned' AND not_before > $3 THEN not_before END AS later FROM touches
			WHERE workspace_id = $1 AND cohort_id = $2 AND status IN ('planned', 'claimed'))
		SELECT (SELECT count(*) FROM journeys WHERE workspace_id = $1 AND cohort_id = $2 AND status = 'active')
				+ (SELECT count(later) FROM waiting),
			least((SELECT min(due_at) FROM journeys WHERE workspace_id = $1 AND cohort_id = $2 AND status = 'active'),
				(SELECT min(later) FROM waiting)),
			ARRAY(SELECT DISTINCT channel FROM waiting WHERE later IS NULL ORDER BY channel)`, ws, a.Cohort, a.Now).
		QueryRow(func(row pgx.Row) error {
			var due *time.Time
			err := row.Scan(&next.Active, &due, &next.Channels)
			next.Due = orZero(due)
			return err
		})
}

func queueJourneys(b *pgx.Batch, ws int64, a Advanced) error {
	if len(a.Journeys) == 0 {
		return nil
	}
	var ids, statuses, positions, listens, exits, seenJourneys, seenEvents []string
	var due []*time.Time
	for i := range a.Journeys {
		j := &a.Journeys[i]
		row, err := encodeJourney(&j.Journey)
		if err != nil {
			return err
		}
		ids, statuses, positions = append(ids, j.ID), append(statuses, string(j.Status)), append(positions, row.position)
		listens, exits, due = append(listens, row.listens), append(exits, clean(j.ExitReason)), append(due, row.due)
		for _, e := range j.Inbox {
			seenJourneys, seenEvents = append(seenJourneys, j.ID), append(seenEvents, e.ID)
		}
	}
	b.Queue(`UPDATE journeys j SET status = u.status, position = u.position::jsonb, due_at = u.due,
		listens_to = ARRAY(SELECT jsonb_array_elements_text(u.listens::jsonb)), exit_reason = u.exit,
		ended_at = CASE WHEN u.status <> 'active' THEN $2::timestamptz END
		FROM unnest($3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::text[])
		AS u (id, status, position, due, listens, exit)
		WHERE j.workspace_id = $1 AND j.id = u.id`, ws, a.Now, ids, statuses, positions, due, listens, exits)
	if len(seenEvents) > 0 {
		b.Queue(`DELETE FROM journey_inbox i USING unnest($2::uuid[], $3::uuid[]) AS u (journey, event)
			WHERE i.workspace_id = $1 AND i.journey_id = u.journey AND i.event_id = u.event`,
			ws, seenJourneys, seenEvents)
	}
	return nil
}

// queueAdvancedChanges tells the segments what of customers, their journeys and their messages has changed.
func queueAdvancedChanges(b *pgx.Batch, ws int64, a Advanced) {
	var customers, mentions []string
	add := func(customer, mention string) {
		customers, mentions = append(customers, customer), append(mentions, mention)
	}
	for i := range a.Journeys {
		if j := &a.Journeys[i]; j.Status != campaign.Active {
			add(j.Customer.ID, rules.MentionJourneys+a.State.Campaign)
		}
	}
	for i := range a.Messages {
		add(a.Messages[i].CustomerID, rules.MentionTouch+a.State.Campaign+"/"+a.Messages[i].Step)
	}
	for i := range a.Updates {
		u := &a.Updates[i]
		for _, mention := range u.Profile.changes() {
			add(u.CustomerID, mention)
		}
		for name := range u.Add {
			add(u.CustomerID, rules.MentionProfile+clean(name))
		}
	}
	queueCustomerChanges(b, ws, customers, mentions)
}
