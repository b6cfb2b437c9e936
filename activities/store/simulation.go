package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// Snapshot runs fn in a transaction that sees one workspace as it stands when fn first asks, however long it takes, and
// that can change nothing.
func (s *Store) Snapshot(ctx context.Context, workspace int64, fn func(tx *Tx) error) error {
	begin := "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL dotyk.workspace = '" +
		strconv.FormatInt(workspace, 10) + "'"
	return s.try(ctx, begin, workspace, fn)
}

// PastWorkspace is what a workspace has that a simulation plays with, as it stands now.
type PastWorkspace struct {
	Zone, Country string
	Policy        campaign.Policy
	Topics        map[string]audience.TopicPolicy
	Segments      []PastSegment  // by name
	FreeCoupons   map[string]int // by pool: codes that nobody has
	Customers     int            // records that no other took over
}

// PastSegment is a segment with the moment from which on its history is that of its rule.
type PastSegment struct {
	Name     string
	Kind     SegmentKind
	Rule     string
	Mentions []string
	Since    time.Time // who was a member is known from then on; zero: never
}

// PastWorkspace reads what a simulation plays with.
func (tx *Tx) PastWorkspace(ctx context.Context, pools []string) (PastWorkspace, error) {
	w := PastWorkspace{Topics: map[string]audience.TopicPolicy{}, FreeCoupons: map[string]int{}}
	var policy *string
	b := &pgx.Batch{}
	b.Queue(`SELECT timezone, country, settings ->> 'policy' FROM workspaces WHERE id = $1`, tx.Workspace).
		QueryRow(func(row pgx.Row) error { return row.Scan(&w.Zone, &w.Country, &policy) })
	b.Queue(`SELECT count(*) FROM customers WHERE workspace_id = $1 AND merged_into IS NULL`, tx.Workspace).
		QueryRow(func(row pgx.Row) error { return row.Scan(&w.Customers) })
	var topic string
	var topicPolicy audience.TopicPolicy
	b.Queue(`SELECT name, policy FROM topics WHERE workspace_id = $1`, tx.Workspace).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&topic, &topicPolicy}, func() error {
			w.Topics[topic] = topicPolicy
			return nil
		})
		return err
	})
	// A build makes the members those of the present rule, and from then on they follow it.
	b.Queue(`SELECT s.name, s.kind, s.rule, s.mentions, CASE WHEN s.kind = 'static' THEN s.created_at
			WHEN s.status = 'live' THEN s.built_at END
		FROM segments s WHERE s.workspace_id = $1 AND s.deleted_at IS NULL ORDER BY s.name`, tx.Workspace).
		Query(func(rows pgx.Rows) error {
			var err error
			w.Segments, err = pgx.CollectRows(rows, scanPastSegment)
			return err
		})
	var pool string
	var free int
	b.Queue(`SELECT p.name, (SELECT count(*) FROM coupons WHERE workspace_id = $1 AND pool = p.name AND customer_id IS NULL)
		FROM unnest($2::text[]) AS p (name)`, tx.Workspace, pools).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&pool, &free}, func() error {
			w.FreeCoupons[pool] = free
			return nil
		})
		return err
	})
	err := tx.batch(ctx, b)
	if err == nil {
		w.Policy, err = tx.policies.parse(policy)
	}
	if err != nil {
		return PastWorkspace{}, fmt.Errorf("read workspace for simulation: %w", err)
	}
	return w, nil
}

func scanPastSegment(row pgx.CollectableRow) (PastSegment, error) {
	var g PastSegment
	var since *time.Time
	err := row.Scan(&g.Name, &g.Kind, &g.Rule, &g.Mentions, &since)
	if since != nil {
		g.Since = *since
	}
	return g, err
}

// PastCustomer is a record as it stands now, with the moment from which on something is known of it: when it was made,
// or its first event if that was earlier, as of imported customers.
type PastCustomer struct {
	audience.Customer
	Since time.Time
}

// PastCustomers reads a page of the records that come after an id, ordered by id, those that came later than a moment
// among them. Since is exact where it is after from, else merely not after it. Share is the part of all records that are wanted, up to 1; which they are depends on their ids.
func (tx *Tx) PastCustomers(
	ctx context.Context, after string, limit int, share float64, from time.Time,
) ([]PastCustomer, error) {
	const whole = 1 << 20
	const first = "00000000-0000-0000-0000-000000000000"
	rows, _ := tx.conn.Query(ctx, `SELECT `+customerColumns+`, CASE WHEN created_at <= $6 THEN created_at
			ELSE least(created_at, (SELECT min(e.occurred_at) FROM events e
				WHERE e.workspace_id = $1 AND e.customer_id = c.id)) END
		FROM (SELECT * FROM customers WHERE workspace_id = $1 AND id > $2 AND merged_into IS NULL
			AND (hashtextextended(id::text, 0) & ($4 - 1)) < $5 ORDER BY id LIMIT $3) c
		ORDER BY id`, tx.Workspace, cmp.Or(after, first), limit, int64(whole), int64(share*whole), from)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (PastCustomer, error) {
		var c PastCustomer
		err := row.Scan(&c.ID, &c.Kind, &c.ExternalID, &c.Email, &c.Phone, &c.Name, &c.Locale, &c.Timezone, &c.Stage,
			&c.Tags, &c.Attributes, &c.CreatedAt, &c.UpdatedAt, &c.Since)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("read customers for simulation: %w", err)
	}
	return list, nil
}

// PastQuery says what of the past of some customers is wanted.
type PastQuery struct {
	Customers []audience.Customer
	From, To  time.Time     // To does not belong to it
	Events    []string      // names of the events that are wanted with all that they say
	Campaign  string        // whose requests are wanted
	Segments  []string      // whose changes are wanted
	Messages  time.Duration // how long before From messages are wanted
}

// Past is what really happened to customers, each list in order of time.
type Past struct {
	Events       []audience.Event // in [From, To); those that Dotyk made in answer to itself are not among them
	Requests     []audience.Event // for the campaign, in [From, To)
	Consents     []PastConsent    // in [From, To)
	Suppressions []PastSuppression
	Segments     []PastMembership // changes in [From, To)
	Messages     []PastMessage    // marketing messages that went out before To
	Journeys     []PastJourney    // that were entered before To
}

// PastConsent is what a customer said.
type PastConsent struct {
	CustomerID string
	audience.Consent
}

// PastSuppression is a time in which an address was off limits.
type PastSuppression struct {
	CustomerID string
	Channel    audience.Channel
	Reason     string
	From, To   time.Time // To is zero while it lasts
}

// PastMembership is a customer joining or leaving a segment.
type PastMembership struct {
	CustomerID string
	Segment    string
	Joined     bool
	Told       bool // campaigns heard of it
	At         time.Time
}

// PastMessage is a marketing message that went out.
type PastMessage struct {
	CustomerID string
	campaign.Message
}

// PastJourney is a journey.
type PastJourney struct {
	CustomerID string
	Campaign   string
	campaign.Past
}

// Past reads what happened to customers, in one round trip.
func (tx *Tx) Past(ctx context.Context, q PastQuery) (*Past, error) {
	l := pastLoader{ws: tx.Workspace, q: q}
	for _, c := range q.Customers {
		l.ids = append(l.ids, c.ID)
	}
	secret, err := tx.secret(ctx)
	if err != nil {
		return nil, err
	}
	b := &pgx.Batch{}
	l.queueEvents(b)
	l.queueConsents(b)
	l.queueSuppressions(b, secret)
	l.queueSegments(b)
	l.queueMessages(b)
	l.queueJourneys(b)
	if err := tx.batch(ctx, b); err != nil {
		return nil, fmt.Errorf("read the past: %w", err)
	}
	return &l.past, nil
}

type pastLoader struct {
	ws   int64
	q    PastQuery
	ids  []string
	past Past
}

// madeAnew names the events that a simulation brings about itself, where they are Dotyk's own.
func madeAnew() []string {
	return []string{
		audience.EventSegmentEntered, audience.EventSegmentLeft, audience.EventRequested, audience.EventJourneyEnded,
		audience.EventWebhookAnswered, audience.EventCouponRedeemed, audience.EventCouponRefused, audience.EventUnsubscribed,
	}
}

func (l *pastLoader) queueEvents(b *pgx.Batch) {
	b.Queue(`SELECT `+eventColumns+` FROM events e WHERE e.workspace_id = $1 AND e.customer_id = ANY ($2)
		AND e.name = ANY ($3) AND e.occurred_at >= $4 AND e.occurred_at < $5 AND NOT (e.call = $6 AND e.name = ANY ($7))
		ORDER BY e.occurred_at, e.id`, l.ws, l.ids, l.q.Events, l.q.From, l.q.To, CallSystem, madeAnew()).
		Query(collectInto(&l.past.Events, scanEvent))
	b.Queue(`SELECT `+eventColumns+` FROM events e WHERE e.workspace_id = $1 AND e.customer_id = ANY ($2)
		AND e.name = $3 AND e.occurred_at >= $4 AND e.occurred_at < $5 AND e.call = $6 AND e.properties ->> 'campaign' = $7
		ORDER BY e.occurred_at, e.id`, l.ws, l.ids, audience.EventRequested, l.q.From, l.q.To, CallSystem, l.q.Campaign).
		Query(collectInto(&l.past.Requests, scanEvent))
}

func (l *pastLoader) queueConsents(b *pgx.Batch) {
	b.Queue(`SELECT c.customer_id, c.channel, c.topic, c.action, c.occurred_at, c.method, c.source, coalesce(t.text, c.text_shown)
		FROM consents c LEFT JOIN consent_texts t ON t.workspace_id = c.workspace_id AND t.sha256 = c.text_sha256
		WHERE c.workspace_id = $1 AND c.customer_id = ANY ($2) AND c.occurred_at >= $3 AND c.occurred_at < $4
		ORDER BY c.occurred_at, c.id`, l.ws, l.ids, l.q.From, l.q.To).
		Query(collectInto(&l.past.Consents, func(row pgx.CollectableRow) (PastConsent, error) {
			var c PastConsent
			err := row.Scan(&c.CustomerID, &c.Channel, &c.Topic, &c.Action, &c.OccurredAt, &c.Method, &c.Source, &c.TextShown)
			return c, err
		}))
}

// queueSuppressions looks for the addresses that are on the records now. Of an address that was suppressed more than once
// only the last time is known.
func (l *pastLoader) queueSuppressions(b *pgx.Batch, secret []byte) {
	var ids, channels []string
	var hashes [][]byte
	for i := range l.q.Customers {
		c := &l.q.Customers[i]
		for channel, address := range map[audience.Channel]string{audience.Email: c.Email, audience.SMS: c.Phone} {
			if address != "" {
				ids, channels = append(ids, c.ID), append(channels, string(channel))
				hashes = append(hashes, hashAddress(secret, channel, address))
			}
		}
	}
	b.Queue(`SELECT a.customer, s.channel, s.reason, s.created_at, s.cleared_at
		FROM unnest($2::uuid[], $3::text[], $4::bytea[]) AS a (customer, channel, hash)
		JOIN suppressions s ON s.workspace_id = $1 AND s.channel = a.channel AND s.address_hash = a.hash
			AND s.created_at < $6 AND (s.cleared_at IS NULL OR s.cleared_at > $5)
		ORDER BY s.created_at, a.customer, s.channel`, l.ws, ids, channels, hashes, l.q.From, l.q.To).
		Query(collectInto(&l.past.Suppressions, func(row pgx.CollectableRow) (PastSuppression, error) {
			var s PastSuppression
			var cleared *time.Time
			err := row.Scan(&s.CustomerID, &s.Channel, &s.Reason, &s.From, &cleared)
			if cleared != nil {
				s.To = *cleared
			}
			return s, err
		}))
}

func (l *pastLoader) queueSegments(b *pgx.Batch) {
	if len(l.q.Segments) == 0 {
		return
	}
	untold := []string{CauseBuild, CauseEdit, CauseMerge, CauseDelete, CauseHistory}
	b.Queue(`SELECT c.customer_id, s.name, c.joined, NOT c.cause = ANY ($6), c.at FROM segment_changes c
		JOIN segments s ON s.workspace_id = c.workspace_id AND s.id = c.segment_id AND s.name = ANY ($3)
			AND s.deleted_at IS NULL
		WHERE c.workspace_id = $1 AND c.customer_id = ANY ($2) AND c.at >= $4 AND c.at < $5 ORDER BY c.at, c.id`,
		l.ws, l.ids, l.q.Segments, l.q.From, l.q.To, untold).
		Query(collectInto(&l.past.Segments, pgx.RowToStructByPos[PastMembership]))
}

// queueMessages counts as sent what caps count.
func (l *pastLoader) queueMessages(b *pgx.Batch) {
	b.Queue(`SELECT t.customer_id, t.id, t.channel, t.topic, k.name, t.priority, h.at FROM touches t
		JOIN campaigns k ON k.workspace_id = t.workspace_id AND k.id = t.campaign_id
		CROSS JOIN LATERAL (SELECT max(at) AS at FROM touch_statuses
			WHERE workspace_id = t.workspace_id AND touch_id = t.id AND status = 'claimed') h
		WHERE t.workspace_id = $1 AND t.customer_id = ANY ($2) AND t.direction = 'out' AND NOT t.transactional
			AND t.channel IN ('email', 'sms') AND t.status IN ('claimed', 'accepted', 'delivered', 'uncertain')
			AND t.updated_at >= $3 AND h.at >= $3 AND h.at < $4 ORDER BY h.at, t.id`,
		l.ws, l.ids, l.q.From.Add(-l.q.Messages), l.q.To).
		Query(collectInto(&l.past.Messages, func(row pgx.CollectableRow) (PastMessage, error) {
			var m PastMessage
			err := row.Scan(&m.CustomerID, &m.ID, &m.Channel, &m.Topic, &m.Campaign, &m.Priority, &m.At)
			return m, err
		}))
}

func (l *pastLoader) queueJourneys(b *pgx.Batch) {
	b.Queue(`SELECT j.customer_id, k.name, j.key, j.status, j.entered_at, j.ended_at, j.exit_reason FROM journeys j
		JOIN campaigns k ON k.workspace_id = j.workspace_id AND k.id = j.campaign_id
		WHERE j.workspace_id = $1 AND j.customer_id = ANY ($2) AND j.entered_at < $3 ORDER BY j.entered_at, j.id`,
		l.ws, l.ids, l.q.To).
		Query(collectInto(&l.past.Journeys, func(row pgx.CollectableRow) (PastJourney, error) {
			var j PastJourney
			var ended *time.Time
			err := row.Scan(&j.CustomerID, &j.Campaign, &j.Key, &j.Status, &j.EnteredAt, &ended, &j.Reason)
			if ended != nil {
				j.EndedAt = *ended
			}
			return j, err
		}))
}

// collectInto reads rows into a list.
func collectInto[T any](into *[]T, scan pgx.RowToFunc[T]) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, scan)
		*into = slices.Clip(list)
		return err
	}
}
