package store

import (
	"context"
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
	b := &pgx.Batch{}
	queueHistory(b, tx.Workspace, customers, since, nil, func(e *audience.Event) {
		byName := found[e.CustomerID]
		if byName == nil {
			byName = map[string][]audience.Event{}
			found[e.CustomerID] = byName
		}
		byName[e.Name] = append(byName[e.Name], *e)
	})
	if err := tx.batch(ctx, b); err != nil {
		return nil, fmt.Errorf("load event history: %w", err)
	}
	return found, nil
}

// queueHistory reads events for History; none that occurred after until, if that is given.
func queueHistory(b *pgx.Batch, ws int64, customers []string, since map[string]time.Time, until *time.Time, each func(*audience.Event)) {
	if len(since) == 0 || len(customers) == 0 {
		return
	}
	var names []string
	var moments []time.Time
	for name, at := range since {
		names, moments = append(names, name), append(moments, at)
	}
	b.Queue(`SELECT `+eventColumns+`
		FROM unnest($3::text[], $4::timestamptz[]) AS q (name, since)
		JOIN events e ON e.workspace_id = $1 AND e.customer_id = ANY ($2) AND e.name = q.name AND e.occurred_at >= q.since
			AND e.occurred_at <= coalesce($5::timestamptz, 'infinity')
		ORDER BY e.occurred_at, e.id`, ws, customers, names, moments, until).
		Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, scanEvent)
			for i := range list {
				each(&list[i])
			}
			return err
		})
}

const eventColumns = `e.id, e.customer_id, e.call, e.name, e.properties, e.occurred_at, e.received_at`

func scanEvent(row pgx.CollectableRow) (audience.Event, error) {
	var e audience.Event
	err := row.Scan(&e.ID, &e.CustomerID, &e.Type, &e.Name, &e.Properties, &e.OccurredAt, &e.ReceivedAt)
	return e, err
}
