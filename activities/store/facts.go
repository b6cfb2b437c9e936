package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

const customerColumns = `id, kind, coalesce(external_id, ''), email, phone, name, locale, timezone, stage, tags,
	attributes, created_at, updated_at`

func scanCustomer(row pgx.CollectableRow) (audience.Customer, error) {
	var c audience.Customer
	err := row.Scan(&c.ID, &c.Kind, &c.ExternalID, &c.Email, &c.Phone, &c.Name, &c.Locale, &c.Timezone, &c.Stage,
		&c.Tags, &c.Attributes, &c.CreatedAt, &c.UpdatedAt)
	return c, err
}

// Customers loads records by id. An id that names no customer of the workspace is missing from the result.
func (tx *Tx) Customers(ctx context.Context, ids []string) (map[string]audience.Customer, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT `+customerColumns+` FROM customers
		WHERE workspace_id = $1 AND id = ANY ($2)`, tx.Workspace, ids)
	list, err := pgx.CollectRows(rows, scanCustomer)
	if err != nil {
		return nil, fmt.Errorf("load customers: %w", err)
	}
	found := make(map[string]audience.Customer, len(list))
	for _, c := range list {
		found[c.ID] = c
	}
	return found, nil
}

// History loads the events of some customers by customer and name, oldest first: for each name those since its
// moment; the zero moment means all of them.
func (tx *Tx) History(ctx context.Context, customers []string, since map[string]time.Time) (map[string]map[string][]audience.Event, error) {
	found := make(map[string]map[string][]audience.Event, len(customers))
	if len(since) == 0 || len(customers) == 0 {
		return found, nil
	}
	var names []string
	var moments []time.Time
	for name, at := range since {
		names, moments = append(names, name), append(moments, at)
	}
	rows, _ := tx.conn.Query(ctx, `SELECT `+eventColumns+`
		FROM unnest($3::text[], $4::timestamptz[]) AS q (name, since)
		JOIN events e ON e.workspace_id = $1 AND e.customer_id = ANY ($2) AND e.name = q.name AND e.occurred_at >= q.since
		ORDER BY e.occurred_at, e.id`, tx.Workspace, customers, names, moments)
	list, err := pgx.CollectRows(rows, scanEvent)
	if err != nil {
		return nil, fmt.Errorf("load event history: %w", err)
	}
	for _, e := range list {
		byName := found[e.CustomerID]
		if byName == nil {
			byName = map[string][]audience.Event{}
			found[e.CustomerID] = byName
		}
		byName[e.Name] = append(byName[e.Name], e)
	}
	return found, nil
}

const eventColumns = `e.id, e.customer_id, e.call, e.name, e.properties, e.occurred_at, e.received_at`

func scanEvent(row pgx.CollectableRow) (audience.Event, error) {
	var e audience.Event
	err := row.Scan(&e.ID, &e.CustomerID, &e.Type, &e.Name, &e.Properties, &e.OccurredAt, &e.ReceivedAt)
	return e, err
}

// Unsubscribed tells which of the customers withdrew consent to everything on every channel, as their latest word.
func (tx *Tx) Unsubscribed(ctx context.Context, customers []string) (map[string]bool, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT customer_id FROM (
			SELECT DISTINCT ON (customer_id, channel) customer_id, channel, action FROM consents
			WHERE workspace_id = $1 AND customer_id = ANY ($2) AND topic = $3 AND channel IN ('email', 'sms')
			ORDER BY customer_id, channel, occurred_at DESC, id DESC) latest
		WHERE action = 'withdrawn' GROUP BY customer_id HAVING count(*) = 2`,
		tx.Workspace, customers, audience.AllTopics)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("load unsubscribed: %w", err)
	}
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set, nil
}

// jsonText encodes a value for a jsonb parameter. A rule can make text that jsonb cannot hold: U+0000 is replaced.
func jsonText(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode for database: %w", err)
	}
	for i := 0; i < len(raw)-5; i++ {
		if raw[i] != '\\' {
			continue
		}
		if string(raw[i:i+6]) == `\u0000` {
			copy(raw[i:], `\ufffd`)
		}
		i++ // what is escaped is no backslash of its own
	}
	return string(raw), nil
}
