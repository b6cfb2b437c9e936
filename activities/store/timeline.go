package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// TimelineEntry is one line of a customer's record: a touch, an event that was one, or a decision.
type TimelineEntry struct {
	At         time.Time
	Channel    audience.Channel // email, sms, form, purchase, visit, decision; "event" for any other event
	Direction  string           // "out", "in" or ""
	Status     audience.TouchStatus
	Name       string // of an event; kind of a decision
	Summary    string // subject, text, outcome
	Campaign   string
	Version    int
	Step       string
	Reason     string // why it was decided
	Outcome    string // why it is in its status
	Address    string
	ID         string
	Properties map[string]any // of an event, or values of a decision
	Statuses   []StatusEntry
}

// StatusEntry is one status a touch had.
type StatusEntry struct {
	Status audience.TouchStatus `json:"status"`
	At     time.Time            `json:"at"`
	Detail string               `json:"detail,omitempty"`
}

// ConsentEntry is the latest word of a customer on a channel and topic.
type ConsentEntry struct {
	audience.Consent
	RecordedAt time.Time
}

// Record is everything about one customer.
type Record struct {
	Customer   audience.Customer
	Identities []Identity
	Consents   []ConsentEntry
	Timeline   []TimelineEntry // oldest first
	Journeys   []JourneyState
	Merged     []string // ids of records that this one took over
}

// Identity is one id by which a customer is known.
type Identity struct{ Kind, Value string }

// JourneyState is one journey on a customer's record.
type JourneyState struct {
	Campaign   string
	Version    int
	Status     string
	Step       string
	DueAt      *time.Time
	EnteredAt  time.Time
	EndedAt    *time.Time
	ExitReason string
}

// FindCustomer finds one customer by our id, the site's id, an anonymous id, e-mail or phone. ErrNotFound when there
// is none; of several with one address, the one that was changed last.
func (s *Store) FindCustomer(ctx context.Context, workspace int64, ref string) (audience.Customer, error) {
	list, err := s.SearchCustomers(ctx, workspace, ref, true, 1)
	if err != nil {
		return audience.Customer{}, err
	}
	if len(list) == 0 {
		return audience.Customer{}, fmt.Errorf("customer %q: %w", ref, ErrNotFound)
	}
	return list[0], nil
}

// SearchCustomers lists customers whose ids, e-mail or phone are the text, or, when it need not be exact, whose name
// or e-mail contains it.
func (s *Store) SearchCustomers(ctx context.Context, workspace int64, text string, exact bool, limit int) ([]audience.Customer, error) {
	id := uuid.Nil
	if parsed, err := uuid.Parse(text); err == nil {
		id = parsed
	}
	var list []audience.Customer
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT `+customerColumns+` FROM customers c
			WHERE workspace_id = $1 AND merged_into IS NULL AND (
				id = coalesce((SELECT merged_into FROM customers m WHERE m.workspace_id = $1 AND m.id = $2), $2)
				OR id IN (SELECT customer_id FROM identities i WHERE i.workspace_id = $1 AND i.value = $3
					AND i.kind IN ('user', 'anonymous'))
				OR email = lower($3) AND email <> '' OR phone = $3 AND phone <> ''
				OR NOT $4 AND (name ILIKE '%' || $5 || '%' OR email LIKE '%' || lower($5) || '%'))
			ORDER BY coalesce(external_id = $3, false) DESC, updated_at DESC LIMIT $6`,
			workspace, id, text, exact, likeEscape(text), limit)
		var err error
		list, err = pgx.CollectRows(rows, scanCustomer)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("search customers: %w", err)
	}
	return list, nil
}

// Record loads a customer's whole record, with the newest limit lines of the timeline.
func (s *Store) Record(ctx context.Context, workspace int64, customer string, limit int) (*Record, error) {
	var r Record
	err := s.In(ctx, workspace, func(tx *Tx) error {
		found, err := tx.Customers(ctx, []string{customer})
		if err != nil {
			return err
		}
		c, ok := found[customer]
		if !ok {
			return fmt.Errorf("customer %s: %w", customer, ErrNotFound)
		}
		r.Customer = c
		b := &pgx.Batch{}
		queueRecord(b, workspace, customer, limit, &r)
		return tx.batch(ctx, b)
	})
	if errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("load record: %w", err)
	}
	return &r, nil
}

func queueRecord(b *pgx.Batch, ws int64, customer string, limit int, r *Record) {
	b.Queue(`SELECT kind, value FROM identities WHERE workspace_id = $1 AND customer_id = $2 ORDER BY kind DESC, value`,
		ws, customer).Query(collect(&r.Identities, pgx.RowToStructByPos[Identity]))
	b.Queue(`SELECT DISTINCT ON (c.channel, c.topic) c.channel, c.topic, c.action, c.occurred_at, c.method, c.source,
		coalesce(t.text, c.text_shown), c.recorded_at
		FROM consents c LEFT JOIN consent_texts t ON t.workspace_id = c.workspace_id AND t.sha256 = c.text_sha256
		WHERE c.workspace_id = $1 AND c.customer_id = $2
		ORDER BY c.channel, c.topic, c.occurred_at DESC, c.id DESC`, ws, customer).
		Query(collect(&r.Consents, func(row pgx.CollectableRow) (ConsentEntry, error) {
			var c ConsentEntry
			return c, row.Scan(&c.Channel, &c.Topic, &c.Action, &c.OccurredAt, &c.Method, &c.Source, &c.TextShown, &c.RecordedAt)
		}))
	b.Queue(`SELECT c.name, j.version, j.status, coalesce(j.position->>'step', ''), j.due_at, j.entered_at, j.ended_at,
		j.exit_reason FROM journeys j JOIN campaigns c ON c.workspace_id = j.workspace_id AND c.id = j.campaign_id
		WHERE j.workspace_id = $1 AND j.customer_id = $2 ORDER BY j.entered_at`, ws, customer).
		Query(collect(&r.Journeys, pgx.RowToStructByPos[JourneyState]))
	b.Queue(`SELECT loser FROM merges WHERE workspace_id = $1 AND winner = $2 ORDER BY id`, ws, customer).
		Query(collect(&r.Merged, pgx.RowTo[string]))
	b.Queue(timelineSQL, ws, customer, limit).
		Query(collect(&r.Timeline, func(row pgx.CollectableRow) (TimelineEntry, error) {
			var e TimelineEntry
			return e, row.Scan(&e.At, &e.Channel, &e.Direction, &e.Status, &e.Name, &e.Summary, &e.Campaign, &e.Version,
				&e.Step, &e.Reason, &e.Outcome, &e.Address, &e.ID, &e.Properties, &e.Statuses)
		}))
}

// timelineSQL joins the three kinds of lines of a record. An event is shown as the touch it was: a form, a purchase, a
// visit; the copy of a reply is left out, because the reply is a touch itself. A decision stands before the touches
// that it led to.
const timelineSQL = `SELECT at, channel, direction, status, name, summary, campaign, version, step, reason, outcome,
	address, id, properties, statuses FROM (
	(SELECT t.occurred_at AS at, 2 AS rank, t.channel, t.direction, t.status, '' AS name, t.summary,
		coalesce(c.name, '') AS campaign, coalesce(t.version, 0) AS version, t.step, t.reason, t.outcome, t.address, t.id,
		t.detail AS properties,
		(SELECT coalesce(jsonb_agg(jsonb_build_object('status', h.status, 'at', h.at, 'detail', h.detail) ORDER BY h.id),
			'[]') FROM touch_statuses h WHERE h.workspace_id = $1 AND h.touch_id = t.id) AS statuses
	FROM touches t LEFT JOIN campaigns c ON c.workspace_id = t.workspace_id AND c.id = t.campaign_id
	WHERE t.workspace_id = $1 AND t.customer_id = $2 ORDER BY t.occurred_at DESC LIMIT $3)
	UNION ALL
	(SELECT e.occurred_at, 0, CASE
			WHEN e.call = 'form' THEN 'form' WHEN e.call IN ('page', 'screen') THEN 'visit'
			WHEN e.name IN ('order_completed', 'Order Completed') THEN 'purchase' ELSE 'event' END,
		CASE WHEN e.call = 'system' THEN '' ELSE 'in' END, 'recorded', e.name, '', '', 0, '', '', '', '', e.id,
		e.properties, '[]'
	FROM events e WHERE e.workspace_id = $1 AND e.customer_id = $2 AND e.name NOT IN ('sms_received', 'email_replied')
	ORDER BY e.occurred_at DESC LIMIT $3)
	UNION ALL
	(SELECT d.at, 1, 'decision', '', 'recorded', d.kind, d.outcome, c.name, d.version, d.step, d.reason, '', '', d.id,
		d.facts, '[]'
	FROM decisions d JOIN campaigns c ON c.workspace_id = d.workspace_id AND c.id = d.campaign_id
	WHERE d.workspace_id = $1 AND d.customer_id = $2 ORDER BY d.at DESC LIMIT $3)
	ORDER BY at DESC, rank DESC, id DESC LIMIT $3) newest
	ORDER BY at, rank, id`

func collect[T any](into *[]T, row pgx.RowToFunc[T]) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var err error
		*into, err = pgx.CollectRows(rows, row)
		return err
	}
}

func likeEscape(text string) string {
	var out []rune
	for _, r := range text {
		if r == '%' || r == '_' || r == '\\' {
			out = append(out, '\\')
		}
		out = append(out, r)
	}
	return string(out)
}

// FeedEntry is a touch as it changed, for the live feed.
type FeedEntry struct {
	Seq      int64
	At       time.Time
	Status   audience.TouchStatus
	Detail   string
	Channel  audience.Channel
	Customer string // e-mail, phone or id
	Campaign string
	Version  int
	Step     string
	Summary  string
}

// Feed lists the changes of status of touches after the given one, oldest first.
func (s *Store) Feed(ctx context.Context, workspace, after int64, limit int) ([]FeedEntry, error) {
	var list []FeedEntry
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT h.id, h.at, h.status, h.detail, t.channel,
			coalesce(nullif(t.address, ''), nullif(c.email, ''), nullif(c.phone, ''), c.external_id, c.id::text),
			coalesce(k.name, ''), coalesce(t.version, 0), t.step, t.summary
			FROM touch_statuses h
			JOIN touches t ON t.workspace_id = h.workspace_id AND t.id = h.touch_id
			JOIN customers c ON c.workspace_id = t.workspace_id AND c.id = t.customer_id
			LEFT JOIN campaigns k ON k.workspace_id = t.workspace_id AND k.id = t.campaign_id
			WHERE h.workspace_id = $1 AND h.id > $2 ORDER BY h.id LIMIT $3`, workspace, after, limit)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[FeedEntry])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read feed: %w", err)
	}
	return list, nil
}

// TouchLine is a line of a list of touches.
type TouchLine struct {
	ID       string
	At       time.Time
	Status   audience.TouchStatus
	Channel  audience.Channel
	Address  string
	Campaign string
	Step     string
	Outcome  string
}

// TouchesByStatus lists the newest touches in a status.
func (s *Store) TouchesByStatus(ctx context.Context, workspace int64, status audience.TouchStatus, limit int) ([]TouchLine, error) {
	var list []TouchLine
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT t.id, t.updated_at, t.status, t.channel, t.address, coalesce(k.name, ''),
			t.step, t.outcome FROM touches t
			LEFT JOIN campaigns k ON k.workspace_id = t.workspace_id AND k.id = t.campaign_id
			WHERE t.workspace_id = $1 AND t.status = $2 ORDER BY t.id DESC LIMIT $3`, workspace, status, limit)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[TouchLine])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list touches: %w", err)
	}
	return list, nil
}

// FeedEnd gives the number of the last change of status.
func (s *Store) FeedEnd(ctx context.Context, workspace int64) (int64, error) {
	var last int64
	err := s.In(ctx, workspace, func(tx *Tx) error {
		return tx.conn.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM touch_statuses WHERE workspace_id = $1`, workspace).
			Scan(&last)
	})
	if err != nil {
		return 0, fmt.Errorf("read end of feed: %w", err)
	}
	return last, nil
}

// DeadLetterEntry is a message, or a field of one, that could not be taken.
type DeadLetterEntry struct {
	DeadLetter
	Source string
}

// DeadLetters lists the newest messages and fields that could not be taken, newest first.
func (s *Store) DeadLetters(ctx context.Context, workspace int64, limit int) ([]DeadLetterEntry, error) {
	var list []DeadLetterEntry
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT d.severity, d.message_id, d.place, d.reason, d.advice, d.payload,
			d.received_at, coalesce(s.name, '') FROM dead_letters d
			LEFT JOIN sources s ON s.workspace_id = d.workspace_id AND s.id = d.source_id
			WHERE d.workspace_id = $1 ORDER BY d.id DESC LIMIT $2`, workspace, limit)
		var err error
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (DeadLetterEntry, error) {
			var d DeadLetterEntry
			return d, row.Scan(&d.Severity, &d.MessageID, &d.Place, &d.Reason, &d.Advice, &d.Payload, &d.ReceivedAt, &d.Source)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	return list, nil
}
