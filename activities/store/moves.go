package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules"
	"dotyk/rules/campaign"
)

// MovePolicy is what a publication does to journeys under way.
type MovePolicy string

// The policies. A journey that is to move and cannot, because its step is gone, leaves.
const (
	PolicyStay MovePolicy = "stay" // they finish in the version in which they are: the default
	PolicyMove MovePolicy = "move" // they go on in the new version, at the step where they stand; timers count anew
	PolicyExit MovePolicy = "exit" // they leave
)

// Moves says, for all versions before the one that is published, what becomes of the journeys under way.
type Moves struct {
	Default MovePolicy            // "" is stay
	Steps   map[string]MovePolicy // by id of the step at which they stand, in their version; "" is the start
	Rename  map[string]string     // id of a step in an older version -> its id in the new one
}

// of gives the policy for those who stand at a step.
func (m Moves) of(step string) MovePolicy {
	for _, p := range []MovePolicy{m.Steps[step], m.Default} {
		if p != "" {
			return p
		}
	}
	return PolicyStay
}

// none reports whether everybody stays.
func (m Moves) none() bool {
	for _, p := range m.Steps {
		if p == PolicyMove || p == PolicyExit {
			return false
		}
	}
	return m.of("") == PolicyStay && (m.Default == "" || m.Default == PolicyStay)
}

func (m Moves) check() error {
	known := func(p MovePolicy) bool { return p == "" || p == PolicyStay || p == PolicyMove || p == PolicyExit }
	if !known(m.Default) {
		return fmt.Errorf("%w: %q is no policy for journeys under way; give stay, move or exit", ErrInvalid, m.Default)
	}
	for step, p := range m.Steps {
		if !known(p) {
			return fmt.Errorf("%w: %q is no policy for journeys at step %q; give stay, move or exit", ErrInvalid, p, step)
		}
	}
	return nil
}

// stepsExist refuses moves that name a step which no version has: a slip there would let journeys leave, or stay.
func (m Moves) stepsExist(ctx context.Context, tx *Tx, to *campaign.Definition, campaignID string) error {
	if len(m.Steps) == 0 && len(m.Rename) == 0 {
		return nil
	}
	rows, _ := tx.conn.Query(ctx, `SELECT version FROM campaign_versions WHERE workspace_id = $1 AND campaign_id::text = $2`,
		tx.Workspace, campaignID)
	versions, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return fmt.Errorf("list versions: %w", err)
	}
	old := map[string]bool{"": true}
	for _, number := range versions {
		v, err := tx.LoadVersion(ctx, campaignID, number)
		if err != nil {
			return err
		}
		campaign.Walk(v.Definition.Steps, func(s campaign.Step) { old[s.StepID()] = true })
	}
	for _, step := range slices.Sorted(maps.Keys(m.Steps)) {
		if !old[step] {
			return fmt.Errorf("%w: no version that was published has a step %q, for which there is a policy: correct its id",
				ErrInvalid, step)
		}
	}
	for _, from := range slices.Sorted(maps.Keys(m.Rename)) {
		switch step := m.Rename[from]; {
		case !old[from]:
			return fmt.Errorf("%w: no version that was published has a step %q, which is to be renamed: correct its id",
				ErrInvalid, from)
		case stepNamed(to.Steps, step) == nil:
			return fmt.Errorf("%w: step %q is to become %q, but this version has no such step: correct its id",
				ErrInvalid, from, step)
		}
	}
	return nil
}

// movePage is how many journeys are read and written by one statement.
const movePage = 5000

// mover carries journeys of other versions to one version of their campaign, or makes them leave.
type mover struct {
	tx       *Tx
	to       *campaign.Definition
	campaign string
	version  int // where they are carried to; 0 only to make them leave
	moves    Moves
	now      time.Time
	reason   string // of those who leave

	moved, left int
	counts      map[string]movedFrom // by step
}

// movedFrom is what became of the journeys at one step.
type movedFrom struct {
	Policy   MovePolicy `json:"policy"`
	Journeys int        `json:"journeys"`
}

// standing is a journey where it stands.
type standing struct {
	campaign.Journey
	version  int
	customer string
	parent   *Parent
}

func (m *mover) run(ctx context.Context) error {
	m.counts = map[string]movedFrom{}
	if m.moves.none() {
		return nil
	}
	for after := nobody; ; {
		page, err := m.page(ctx, after)
		if err != nil {
			return err
		}
		if err := m.move(ctx, page); err != nil {
			return fmt.Errorf("move journeys: %w", err)
		}
		if len(page) < movePage {
			return nil
		}
		after = page[len(page)-1].ID
	}
}

// nobody is before the first id.
const nobody = "00000000-0000-0000-0000-000000000000"

// page locks the next journeys of other versions.
func (m *mover) page(ctx context.Context, after string) ([]standing, error) {
	rows, _ := m.tx.conn.Query(ctx, `SELECT id, version, customer_id, key, position, due_at, listens_to, entry, entered_at,
		parent FROM journeys WHERE workspace_id = $1 AND campaign_id = $2 AND status = 'active' AND version <> $3 AND id > $4
		ORDER BY id LIMIT $5 FOR UPDATE`, m.tx.Workspace, m.campaign, m.version, after, movePage)
	page, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (standing, error) {
		s := standing{Journey: campaign.Journey{Status: campaign.Active}}
		var due *time.Time
		err := row.Scan(&s.ID, &s.version, &s.customer, &s.Key, &s.Position, &due, &s.ListensTo, &s.Entry, &s.EnteredAt,
			&s.parent)
		if due != nil {
			s.DueAt = *due
		}
		return s, err
	})
	return page, wrap("read journeys under way", err)
}

func (m *mover) move(ctx context.Context, page []standing) error {
	var carried, leaving []standing
	var decisions []Decision
	for _, s := range page {
		policy := m.moves.of(s.Position.Step)
		if policy == PolicyStay {
			continue
		}
		from := m.counts[s.Position.Step]
		m.counts[s.Position.Step] = movedFrom{policy, from.Journeys + 1}
		d := Decision{
			CustomerID: s.customer, CampaignID: m.campaign, Version: m.version, JourneyID: s.ID, Step: s.Position.Step,
			Kind: campaign.DecisionMove, Outcome: "left", Reason: m.reason, At: m.now,
		}
		if m.version == 0 {
			d.Version = s.version
		}
		if policy == PolicyMove {
			to, ok, why := campaign.Carry(m.to, s.Journey, m.moves.Rename, m.now)
			if ok {
				d.Outcome, d.Reason = "moved", fmt.Sprintf("version %d was published, and journeys of version %d at this step go on in it",
					m.version, s.version)
				s.Journey = to
				carried = append(carried, s)
			} else {
				d.Reason += ": " + why
			}
		}
		if d.Outcome == "left" {
			leaving = append(leaving, s)
		}
		decisions = append(decisions, d)
	}
	m.moved, m.left = m.moved+len(carried), m.left+len(leaving)
	b := &pgx.Batch{}
	if err := queueCarried(b, m.tx.Workspace, m.version, carried); err != nil {
		return err
	}
	if err := queueLeaving(b, m.tx.Workspace, m.to.Name, m.reason, m.now, leaving); err != nil {
		return err
	}
	if err := queueDecisions(b, m.tx.Workspace, decisions); err != nil {
		return err
	}
	queuePokes(b, m.tx.Workspace, append(carried, leaving...))
	return m.tx.batch(ctx, b)
}

// queueCarried writes journeys that go on in another version.
func queueCarried(b *pgx.Batch, ws int64, version int, list []standing) error {
	if len(list) == 0 {
		return nil
	}
	var ids, positions, listens []string
	var due []*time.Time
	for i := range list {
		row, err := encodeJourney(&list[i].Journey)
		if err != nil {
			return err
		}
		ids, positions = append(ids, list[i].ID), append(positions, row.position)
		listens, due = append(listens, row.listens), append(due, row.due)
	}
	b.Queue(`UPDATE journeys j SET version = $2, position = u.position::jsonb, due_at = u.due,
		listens_to = ARRAY(SELECT jsonb_array_elements_text(u.listens::jsonb))
		FROM unnest($3::uuid[], $4::text[], $5::text[], $6::timestamptz[]) AS u (id, position, listens, due)
		WHERE j.workspace_id = $1 AND j.id = u.id`, ws, version, ids, positions, listens, due)
	return nil
}

// queueLeaving makes journeys leave: what is planned for them and not claimed is not sent, who waits for their end is told,
// and so are the segments.
func queueLeaving(b *pgx.Batch, ws int64, name, reason string, now time.Time, list []standing) error {
	if len(list) == 0 {
		return nil
	}
	var ids, customers, mentions []string
	var ended []SystemEvent
	for i := range list {
		s := &list[i]
		ids, customers = append(ids, s.ID), append(customers, s.customer)
		mentions = append(mentions, rules.MentionJourneys+name)
		if s.parent != nil {
			ended = append(ended, JourneyEnded(s.customer, *s.parent, name, string(campaign.Exited), reason, now))
		}
	}
	b.Queue(`UPDATE journeys SET status = 'exited', exit_reason = $3, ended_at = $4, due_at = NULL, listens_to = '{}'
		WHERE workspace_id = $1 AND id = ANY ($2)`, ws, ids, clean(reason), now)
	b.Queue(`DELETE FROM journey_inbox WHERE workspace_id = $1 AND journey_id = ANY ($2)`, ws, ids)
	b.Queue(`WITH changed AS (
			UPDATE touches SET status = 'suppressed', outcome = $3, updated_at = clock_timestamp()
			WHERE workspace_id = $1 AND journey_id = ANY ($2) AND status = 'planned' RETURNING id)
		INSERT INTO touch_statuses (workspace_id, touch_id, status, detail) SELECT $1, id, 'suppressed', $3 FROM changed`,
		ws, ids, clean(reason))
	if err := queueSystemEvents(b, ws, ended); err != nil {
		return err
	}
	queueCustomerChanges(b, ws, customers, mentions)
	queueChanges(b, ws, `SELECT customer_id, '`+rules.MentionTouch+`' || $3 || '/' || step FROM touches
		WHERE workspace_id = $1 AND journey_id = ANY ($2) AND status = 'suppressed' AND outcome = $4`,
		ids, name, clean(reason))
	return nil
}

// queuePokes has the cohorts of journeys looked at again.
func queuePokes(b *pgx.Batch, ws int64, list []standing) {
	if len(list) == 0 {
		return
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	b.Queue(`UPDATE cohorts SET poked = true WHERE workspace_id = $1 AND id IN (
		SELECT cohort_id FROM journeys WHERE workspace_id = $1 AND id = ANY ($2))`, ws, ids)
	b.Queue(`SELECT pg_notify($1, '0')`, intakeChannel)
}
