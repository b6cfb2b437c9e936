package store

import (
	"context"
	"fmt"

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

const eventColumns = `e.id, e.customer_id, e.call, e.name, e.properties, e.occurred_at, e.received_at`

func scanEvent(row pgx.CollectableRow) (audience.Event, error) {
	var e audience.Event
	err := row.Scan(&e.ID, &e.CustomerID, &e.Type, &e.Name, &e.Properties, &e.OccurredAt, &e.ReceivedAt)
	return e, err
}
