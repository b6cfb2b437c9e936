package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// Story is everything that is stored of one customer and one campaign: from it anybody can be told why she got a message,
// or did not.
type Story struct {
	Customer     audience.Customer
	Campaign     StoryCampaign
	Journeys     []StoryJourney  // oldest first; of more than storyJourneys the newest
	Decisions    []StoryDecision // oldest first; of those without a journey the newest storyDecisions
	Messages     []StoryMessage  // oldest first; messages, webhooks, calls, tasks and notes of the journeys
	Tasks        []StoryTask     // of the journeys, oldest first
	Coupons      []StoryCoupon   // of the journeys, oldest first
	Suppressions []StorySuppression
}

// StoryCampaign is the campaign of a Story as it stands.
type StoryCampaign struct {
	ID             string               `json:"id"`
	Name           string               `json:"name"`
	Status         CampaignStatus       `json:"status"`
	Version        int                  `json:"version"`
	Note           string               `json:"note,omitempty"`
	UpdatedAt      time.Time            `json:"updated_at"`
	FirstPublished time.Time            `json:"first_published_at"`
	Published      time.Time            `json:"published_at"` // the version that customers enter now
	Zone           string               `json:"-"`            // time zone of the workspace
	Next           map[string]time.Time `json:"-"`            // by zone of customers, "" for all: when they may next enter by a schedule
	Entering       bool                 `json:"-"`            // an audience is on its way in
}

// StoryJourney is one journey of a Story.
type StoryJourney struct {
	ID        string            `json:"id"`
	Version   int               `json:"version"`
	Key       string            `json:"key,omitempty"`
	Status    campaign.Status   `json:"status"`
	Position  campaign.Position `json:"-"`
	DueAt     time.Time         `json:"due_at,omitzero"`      // zero: only an event can move it, or it has left
	ListensTo []string          `json:"listens_to,omitempty"` // what may move it before: names of events, and campaign.Changed
	Entry     map[string]any    `json:"entry,omitempty"`
	Reason    string            `json:"reason,omitempty"` // why it ended
	EnteredAt time.Time         `json:"entered_at"`
	EndedAt   time.Time         `json:"ended_at,omitzero"` // zero while it is active
}

// StoryDecision is one decision of a Story, with the event that was judged.
type StoryDecision struct {
	JourneyID string         `json:"-"` // "" where the customer did not enter
	At        time.Time      `json:"at"`
	Version   int            `json:"version"`
	Step      string         `json:"step,omitempty"`
	Kind      string         `json:"kind"`
	Outcome   string         `json:"outcome"`
	Reason    string         `json:"reason"`
	Rule      string         `json:"rule,omitempty"`
	Values    map[string]any `json:"values,omitempty"` // what the rule looked up
	EventID   string         `json:"event_id,omitempty"`
	Event     string         `json:"event,omitempty"` // name of the event; "" without one
	EventAt   time.Time      `json:"event_at,omitzero"`
}

// StoryMessage is one touch of a journey of a Story.
type StoryMessage struct {
	JourneyID string               `json:"-"`
	Step      string               `json:"step"`
	Iteration int                  `json:"iteration"`
	Version   int                  `json:"version"`
	Channel   audience.Channel     `json:"channel"`
	Status    audience.TouchStatus `json:"status"`
	Address   string               `json:"address,omitempty"`
	Summary   string               `json:"summary,omitempty"`
	Reason    string               `json:"reason,omitempty"`  // why it was to be sent
	Outcome   string               `json:"outcome,omitempty"` // why it is in its status
	At        time.Time            `json:"at"`                // when its step was carried out
	UpdatedAt time.Time            `json:"updated_at"`
	NotBefore time.Time            `json:"not_before,omitzero"` // held back until then; zero if not
	ExpiresAt time.Time            `json:"expires_at,omitzero"` // not sent after; zero: at any time
}

// StoryTask is one task of a journey of a Story.
type StoryTask struct {
	JourneyID string    `json:"-"`
	ID        string    `json:"id"`
	Kind      string    `json:"kind"` // task or call
	Step      string    `json:"step"`
	Title     string    `json:"title"`
	Status    string    `json:"status"`             // open, done or cancelled
	Assignee  string    `json:"assignee,omitempty"` // e-mail address of a user; "" while nobody has it
	Wanted    string    `json:"wanted,omitempty"`   // the user that was named, where there is none of that address
	Outcome   string    `json:"outcome,omitempty"`
	Note      string    `json:"note,omitempty"`
	DueAt     time.Time `json:"due_at,omitzero"` // zero without
	CreatedAt time.Time `json:"created_at"`
	ClosedAt  time.Time `json:"closed_at,omitzero"` // zero while it is open
}

// StoryCoupon is one coupon of a journey of a Story.
type StoryCoupon struct {
	JourneyID  string    `json:"-"`
	Step       string    `json:"step"`
	Pool       string    `json:"pool,omitempty"`
	Code       string    `json:"code"`
	IssuedAt   time.Time `json:"issued_at"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"`  // zero: never
	RedeemedAt time.Time `json:"redeemed_at,omitzero"` // zero: not yet
}

// StorySuppression says that an address of the customer must not be contacted.
type StorySuppression struct {
	Channel audience.Channel
	Reason  string
	At      time.Time
}

// The most that a Story holds.
const (
	storyJourneys  = 50
	storyDecisions = 50
)

// Story tells what happened between a customer, by our id, and a campaign, by name. ErrNotFound names which of them the
// workspace has not.
func (tx *Tx) Story(ctx context.Context, customer, name string) (*Story, error) {
	found, err := tx.Customers(ctx, []string{customer})
	if err != nil {
		return nil, err
	}
	s := &Story{}
	var known bool
	if s.Customer, known = found[customer]; !known {
		return nil, fmt.Errorf("customer %s: %w", customer, ErrNotFound)
	}
	if err := tx.storyCampaign(ctx, name, &s.Campaign); err != nil {
		return nil, err
	}
	b := &pgx.Batch{}
	queueStory(b, tx.Workspace, s)
	if err := tx.queueSuppressed(ctx, b, s); err != nil {
		return nil, err
	}
	if err := tx.batch(ctx, b); err != nil {
		return nil, fmt.Errorf("load story: %w", err)
	}
	return s, nil
}

func (tx *Tx) storyCampaign(ctx context.Context, name string, c *StoryCampaign) error {
	err := tx.conn.QueryRow(ctx, `SELECT c.id, c.name, c.status, c.version, c.note, c.updated_at,
		(SELECT min(v.published_at) FROM campaign_versions v WHERE v.workspace_id = $1 AND v.campaign_id = c.id),
		(SELECT v.published_at FROM campaign_versions v WHERE v.workspace_id = $1 AND v.campaign_id = c.id
			AND v.version = c.version),
		w.timezone,
		(SELECT coalesce(jsonb_object_agg(s.zone, s.next_at), '{}') FROM campaign_schedules s
			WHERE s.workspace_id = $1 AND s.campaign_id = c.id),
		EXISTS (SELECT FROM audience_entries e WHERE e.workspace_id = $1 AND e.campaign_id = c.id
			AND e.finished_at IS NULL)
		FROM campaigns c JOIN workspaces w ON w.id = c.workspace_id
		WHERE c.workspace_id = $1 AND c.name = $2`, tx.Workspace, name).
		Scan(&c.ID, &c.Name, &c.Status, &c.Version, &c.Note, &c.UpdatedAt, &c.FirstPublished, &c.Published, &c.Zone,
			&c.Next, &c.Entering)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("campaign %q: %w", name, ErrNotFound)
	}
	return wrap("find campaign", err)
}

// newestJourneys are the ids of a Story's journeys.
const newestJourneys = `(SELECT id FROM journeys WHERE workspace_id = $1 AND customer_id = $2 AND campaign_id = $3
	ORDER BY entered_at DESC, id DESC LIMIT $4)`

func queueStory(b *pgx.Batch, ws int64, s *Story) {
	of := []any{ws, s.Customer.ID, s.Campaign.ID, storyJourneys}
	b.Queue(`SELECT id, version, key, status, position, due_at, listens_to, entry, exit_reason, entered_at, ended_at
		FROM journeys WHERE workspace_id = $1 AND id IN `+newestJourneys+` ORDER BY entered_at, id`, of...).
		Query(collect(&s.Journeys, func(row pgx.CollectableRow) (StoryJourney, error) {
			var j StoryJourney
			var due, ended *time.Time
			err := row.Scan(&j.ID, &j.Version, &j.Key, &j.Status, &j.Position, &due, &j.ListensTo, &j.Entry, &j.Reason,
				&j.EnteredAt, &ended)
			j.DueAt, j.EndedAt = orZero(due), orZero(ended)
			return j, err
		}))
	b.Queue(`SELECT d.version, coalesce(d.journey_id::text, ''), coalesce(d.event_id::text, ''), d.step, d.kind, d.outcome,
			d.rule, d.reason, d.facts, d.at, coalesce(e.name, ''), e.occurred_at
		FROM decisions d LEFT JOIN LATERAL (SELECT name, occurred_at FROM events
			WHERE workspace_id = $1 AND id = d.event_id LIMIT 1) e ON true
		WHERE d.workspace_id = $1 AND d.customer_id = $2 AND d.campaign_id = $3 AND (d.journey_id IN `+newestJourneys+`
			OR d.id IN (SELECT id FROM decisions WHERE workspace_id = $1 AND customer_id = $2 AND campaign_id = $3
				AND journey_id IS NULL ORDER BY at DESC, id DESC LIMIT $5))
		ORDER BY d.at, d.id`, append(of, storyDecisions)...).
		Query(collect(&s.Decisions, func(row pgx.CollectableRow) (StoryDecision, error) {
			var d StoryDecision
			var occurred *time.Time
			err := row.Scan(&d.Version, &d.JourneyID, &d.EventID, &d.Step, &d.Kind, &d.Outcome, &d.Rule, &d.Reason, &d.Values,
				&d.At, &d.Event, &occurred)
			d.EventAt = orZero(occurred)
			return d, err
		}))
	b.Queue(`SELECT journey_id, step, iteration, coalesce(version, 0), channel, status, address, summary, reason, outcome,
			occurred_at, updated_at, not_before, expires_at
		FROM touches WHERE workspace_id = $1 AND customer_id = $2 AND direction = 'out' AND journey_id IN `+newestJourneys+`
		ORDER BY occurred_at, id`, of...).
		Query(collect(&s.Messages, func(row pgx.CollectableRow) (StoryMessage, error) {
			var m StoryMessage
			var notBefore, expires *time.Time
			err := row.Scan(&m.JourneyID, &m.Step, &m.Iteration, &m.Version, &m.Channel, &m.Status, &m.Address, &m.Summary,
				&m.Reason, &m.Outcome, &m.At, &m.UpdatedAt, &notBefore, &expires)
			m.NotBefore, m.ExpiresAt = orZero(notBefore), orZero(expires)
			return m, err
		}))
	queueGiven(b, of, s)
}

// queueGiven loads the tasks and coupons that came of the journeys.
func queueGiven(b *pgx.Batch, of []any, s *Story) {
	b.Queue(`SELECT t.journey_id, t.id, t.kind, t.step, t.title, t.status, coalesce(u.email, ''), t.wanted, t.outcome, t.note,
			t.due_at, t.created_at, t.closed_at
		FROM tasks t LEFT JOIN users u ON u.workspace_id = t.workspace_id AND u.id = t.assignee
		WHERE t.workspace_id = $1 AND t.customer_id = $2 AND t.journey_id IN `+newestJourneys+`
		ORDER BY t.created_at, t.id`, of...).
		Query(collect(&s.Tasks, func(row pgx.CollectableRow) (StoryTask, error) {
			var t StoryTask
			var due, closed *time.Time
			err := row.Scan(&t.JourneyID, &t.ID, &t.Kind, &t.Step, &t.Title, &t.Status, &t.Assignee, &t.Wanted, &t.Outcome,
				&t.Note, &due, &t.CreatedAt, &closed)
			t.DueAt, t.ClosedAt = orZero(due), orZero(closed)
			return t, err
		}))
	b.Queue(`SELECT journey_id, step, pool, code, coalesce(issued_at, created_at), expires_at, redeemed_at FROM coupons
		WHERE workspace_id = $1 AND customer_id = $2 AND journey_id IN `+newestJourneys+` ORDER BY issued_at, id`, of...).
		Query(collect(&s.Coupons, func(row pgx.CollectableRow) (StoryCoupon, error) {
			var c StoryCoupon
			var expires, redeemed *time.Time
			err := row.Scan(&c.JourneyID, &c.Step, &c.Pool, &c.Code, &c.IssuedAt, &expires, &redeemed)
			c.ExpiresAt, c.RedeemedAt = orZero(expires), orZero(redeemed)
			return c, err
		}))
}

// queueSuppressed asks which of the customer's addresses must not be contacted.
func (tx *Tx) queueSuppressed(ctx context.Context, b *pgx.Batch, s *Story) error {
	secret, err := tx.secret(ctx)
	if err != nil {
		return err
	}
	channels := []string{string(audience.Email), string(audience.SMS)}
	hashes := [][]byte{
		hashAddress(secret, audience.Email, s.Customer.Email), hashAddress(secret, audience.SMS, s.Customer.Phone),
	}
	b.Queue(`SELECT s.channel, s.reason || CASE WHEN s.detail = '' THEN '' ELSE ' (' || s.detail || ')' END, s.created_at
		FROM unnest($2::text[], $3::bytea[]) AS u (channel, hash)
		JOIN suppressions s ON s.workspace_id = $1 AND s.channel = u.channel AND s.address_hash = u.hash
			AND s.cleared_at IS NULL ORDER BY s.channel`, tx.Workspace, channels, hashes).
		Query(collect(&s.Suppressions, pgx.RowToStructByPos[StorySuppression]))
	return nil
}

// LastEvent gives the customer's latest event of a name that has these properties; nil stands for any. ErrNotFound when
// there never was one.
func (tx *Tx) LastEvent(ctx context.Context, customer, name string, properties map[string]any) (audience.Event, error) {
	if properties == nil {
		properties = map[string]any{}
	}
	rows, _ := tx.conn.Query(ctx, `SELECT `+eventColumns+` FROM events e WHERE e.workspace_id = $1 AND e.customer_id = $2
		AND e.name = $3 AND ($4 = '{}'::jsonb OR e.properties @> $4) ORDER BY e.occurred_at DESC, e.id DESC LIMIT 1`,
		tx.Workspace, customer, name, properties)
	e, err := pgx.CollectExactlyOneRow(rows, scanEvent)
	if errors.Is(err, pgx.ErrNoRows) {
		return e, fmt.Errorf("event %s: %w", name, ErrNotFound)
	}
	return e, wrap("find last event", err)
}
