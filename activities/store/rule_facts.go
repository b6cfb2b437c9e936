package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// keptLive is for how long after a moment the members of now are taken for the members of then. Later, who was a member is
// read from the history.
const keptLive = time.Minute

// factLoader collects what rules need to know of some customers. Its queries look up one customer after the other:
// OFFSET keeps the planner to it, also while it believes the tables to be empty.
type factLoader struct {
	ws        int64
	customers []string
	now       time.Time
	found     map[string]*rules.Facts
	topics    map[string]audience.TopicPolicy
}

// Facts loads, by customer, what the needs ask for, as of a moment: nothing that was later. It takes one round trip,
// and as many queries as there are kinds of facts. The record itself has no history: it is as it stands now. Customers
// that are not there, or that another record took over, are missing from the result.
func (tx *Tx) Facts(ctx context.Context, customers []string, needs rules.Needs, now time.Time) (map[string]rules.Facts, error) {
	f := factLoader{ws: tx.Workspace, customers: customers, now: now, found: make(map[string]*rules.Facts, len(customers))}
	b := &pgx.Batch{}
	f.queueCustomers(b)
	f.queueHistory(b, needs)
	f.queueSegments(b, needs.Segments)
	f.queueJourneys(b, needs.Journeys)
	f.queueTouches(b, needs.Touches)
	if needs.Consents {
		f.queueConsents(b)
	}
	if needs.Scores {
		f.queueScores(b)
	}
	if err := tx.batch(ctx, b); err != nil {
		return nil, fmt.Errorf("load facts: %w", err)
	}
	all := make(map[string]rules.Facts, len(f.found))
	for id, facts := range f.found {
		facts.Topics = f.topics
		all[id] = *facts
	}
	return all, nil
}

func (f *factLoader) queueCustomers(b *pgx.Batch) {
	b.Queue(`SELECT `+customerColumns+` FROM customers
		WHERE workspace_id = $1 AND id = ANY ($2) AND merged_into IS NULL`, f.ws, f.customers).
		Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, scanCustomer)
			for _, c := range list {
				f.found[c.ID] = &rules.Facts{Customer: c}
			}
			return err
		})
}

// queue asks for something about the customers. Each row begins with the id of one; with the facts of that one, if they
// are wanted, add is called.
func (f *factLoader) queue(b *pgx.Batch, sql string, args, into []any, add func(*rules.Facts)) {
	b.Queue(sql, append([]any{f.ws, f.customers, f.now}, args...)...).Query(func(rows pgx.Rows) error {
		var customer string
		_, err := pgx.ForEachRow(rows, append([]any{&customer}, into...), func() error {
			if facts := f.found[customer]; facts != nil {
				add(facts)
			}
			return nil
		})
		return err
	})
}

// queueHistory loads events, with their properties only where a rule looks at those.
func (f *factLoader) queueHistory(b *pgx.Batch, needs rules.Needs) {
	if len(needs.History) == 0 || len(f.customers) == 0 {
		return
	}
	var names []string
	var since []time.Time
	var whole []bool
	for name, window := range needs.History {
		from := time.Time{}
		if window > 0 {
			from = f.now.Add(-window)
		}
		names, since, whole = append(names, name), append(since, from), append(whole, slices.Contains(needs.Properties, name))
	}
	b.Queue(`SELECT e.id, e.customer_id, e.call, e.name, CASE WHEN q.whole THEN e.properties END, e.occurred_at, e.received_at
		FROM unnest($3::text[], $4::timestamptz[], $5::boolean[]) AS q (name, since, whole)
		JOIN events e ON e.workspace_id = $1 AND e.customer_id = ANY ($2) AND e.name = q.name
			AND e.occurred_at >= q.since AND e.occurred_at <= $6
		ORDER BY e.occurred_at, e.id`, f.ws, f.customers, names, since, whole, f.now).
		Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, scanEvent)
			for _, e := range list {
				facts := f.found[e.CustomerID]
				if facts == nil {
					continue
				}
				if facts.History == nil {
					facts.History = map[string][]audience.Event{}
				}
				facts.History[e.Name] = append(facts.History[e.Name], e)
			}
			return err
		})
}

func (f *factLoader) queueConsents(b *pgx.Batch) {
	var c audience.Consent
	f.queue(b, `SELECT c.id, x.channel, x.topic, x.action, x.occurred_at, x.method, x.source, coalesce(t.text, x.text_shown)
		FROM unnest($2::uuid[]) AS c (id)
		CROSS JOIN LATERAL (SELECT * FROM consents
			WHERE workspace_id = $1 AND customer_id = c.id AND occurred_at <= $3 OFFSET 0) x
		LEFT JOIN consent_texts t ON t.workspace_id = $1 AND t.sha256 = x.text_sha256
		ORDER BY x.occurred_at, x.id`, nil,
		[]any{&c.Channel, &c.Topic, &c.Action, &c.OccurredAt, &c.Method, &c.Source, &c.TextShown},
		func(facts *rules.Facts) { facts.Consents = append(facts.Consents, c) })
	b.Queue(`SELECT name, policy FROM topics WHERE workspace_id = $1`, f.ws).Query(func(rows pgx.Rows) error {
		f.topics = map[string]audience.TopicPolicy{}
		var name string
		var policy audience.TopicPolicy
		_, err := pgx.ForEachRow(rows, []any{&name, &policy}, func() error {
			f.topics[name] = policy
			return nil
		})
		return err
	})
}

func (f *factLoader) queueSegments(b *pgx.Batch, names []string) {
	if len(names) == 0 {
		return
	}
	sql := `SELECT c.id, s.name FROM unnest($2::uuid[]) AS c (id)
		CROSS JOIN LATERAL (SELECT segment_id FROM segment_members
			WHERE workspace_id = $1 AND customer_id = c.id AND $3::timestamptz IS NOT NULL OFFSET 0) m
		JOIN segments s ON s.workspace_id = $1 AND s.id = m.segment_id AND s.name = ANY ($4) AND s.deleted_at IS NULL`
	if time.Since(f.now) > keptLive {
		sql = `SELECT c.id, s.name FROM unnest($2::uuid[]) AS c (id)
			JOIN segments s ON s.workspace_id = $1 AND s.name = ANY ($4) AND s.deleted_at IS NULL
			CROSS JOIN LATERAL (SELECT joined FROM segment_changes
				WHERE workspace_id = $1 AND segment_id = s.id AND customer_id = c.id AND at <= $3
				ORDER BY id DESC LIMIT 1) h
			WHERE h.joined`
	}
	var name string
	f.queue(b, sql, []any{names}, []any{&name}, func(facts *rules.Facts) {
		if facts.Segments == nil {
			facts.Segments = map[string]bool{}
		}
		facts.Segments[name] = true
	})
}

// queueJourneys loads journeys without those that were held out: they never began.
func (f *factLoader) queueJourneys(b *pgx.Batch, names []string) {
	if len(names) == 0 {
		return
	}
	var name string
	var run audience.Run
	var ended *time.Time
	f.queue(b, `SELECT c.id, k.name, CASE WHEN j.ended_at > $3 THEN 'active' ELSE j.status END, j.entered_at,
		CASE WHEN j.ended_at <= $3 THEN j.ended_at END
		FROM unnest($2::uuid[]) AS c (id)
		CROSS JOIN LATERAL (SELECT * FROM journeys
			WHERE workspace_id = $1 AND customer_id = c.id AND entered_at <= $3 AND status <> 'held_out' OFFSET 0) j
		JOIN campaigns k ON k.workspace_id = $1 AND k.id = j.campaign_id AND k.name = ANY ($4)
		ORDER BY j.entered_at, j.id`, []any{names},
		[]any{&name, &run.Status, &run.EnteredAt, &ended}, func(facts *rules.Facts) {
			if facts.Journeys == nil {
				facts.Journeys = map[string][]audience.Run{}
			}
			run := run
			if ended != nil {
				run.EndedAt = *ended
			}
			facts.Journeys[name] = append(facts.Journeys[name], run)
		})
}

func (f *factLoader) queueTouches(b *pgx.Batch, names []string) {
	if len(names) == 0 {
		return
	}
	campaigns, steps := make([]string, len(names)), make([]string, len(names))
	for i, name := range names { // the name of a campaign may have slashes, the id of a step has none
		at := strings.LastIndexByte(name, '/')
		campaigns[i], steps[i] = name[:max(at, 0)], name[at+1:]
	}
	var name string
	var d audience.Delivery
	var opened, clicked *time.Time
	f.queue(b, `SELECT DISTINCT ON (c.id, q.campaign, q.step) c.id, q.campaign || '/' || q.step, h.status, h.at,
			CASE WHEN t.opened_at <= $3 THEN t.opened_at END, CASE WHEN t.clicked_at <= $3 THEN t.clicked_at END
		FROM unnest($2::uuid[]) AS c (id)
		CROSS JOIN LATERAL (SELECT * FROM touches
			WHERE workspace_id = $1 AND customer_id = c.id AND direction = 'out' AND occurred_at <= $3 OFFSET 0) t
		JOIN campaigns k ON k.workspace_id = $1 AND k.id = t.campaign_id
		JOIN unnest($4::text[], $5::text[]) AS q (campaign, step) ON q.campaign = k.name AND q.step = t.step
		CROSS JOIN LATERAL (SELECT status, at FROM touch_statuses
			WHERE workspace_id = $1 AND touch_id = t.id AND at <= $3 ORDER BY id DESC LIMIT 1) h
		ORDER BY c.id, q.campaign, q.step, t.occurred_at DESC, t.id DESC`, []any{campaigns, steps},
		[]any{&name, &d.Status, &d.At, &opened, &clicked}, func(facts *rules.Facts) {
			d.OpenedAt, d.ClickedAt = orZero(opened), orZero(clicked)
			if facts.Touches == nil {
				facts.Touches = map[string]audience.Delivery{}
			}
			facts.Touches[name] = d
		})
}

func (f *factLoader) queueScores(b *pgx.Batch) {
	var name string
	var value score
	f.queue(b, `SELECT customer_id, name, value FROM scores
		WHERE workspace_id = $1 AND customer_id = ANY ($2) AND computed_at <= $3`, nil,
		[]any{&name, &value}, func(facts *rules.Facts) {
			if facts.Scores == nil {
				facts.Scores = map[string]any{}
			}
			facts.Scores[name] = value.any
		})
}

// score is any value that JSON can hold. (A bare any would be given the JSON as text.)
type score struct{ any }

// UnmarshalJSON replaces the value.
func (s *score) UnmarshalJSON(data []byte) error {
	s.any = nil
	return decodeJSON(data, &s.any)
}
