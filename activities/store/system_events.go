package store

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// systemEvent is something that Dotyk itself brought about, as an event of the customer.
type systemEvent struct {
	Customer   string
	Name       string // one of audience.Event…
	Properties map[string]any
	At         time.Time
	Key        string // unique in the workspace: an event with a key that is known is left out
}

// queueSystemEvents writes events and has them picked, like those that sites send.
func queueSystemEvents(b *pgx.Batch, ws int64, events []systemEvent) error {
	if len(events) == 0 {
		return nil
	}
	var ids, customers, names, properties, keys []string
	var at []time.Time
	for i := range events {
		e := &events[i]
		text, err := jsonText(e.Properties)
		if err != nil {
			return err
		}
		ids, customers, names = append(ids, newID()), append(customers, e.Customer), append(names, e.Name)
		properties, keys, at = append(properties, text), append(keys, e.Key), append(at, e.At)
	}
	b.Queue(`WITH given AS (
			SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
			WITH ORDINALITY AS u (id, customer, name, properties, key, at, n)),
		fresh AS (
			INSERT INTO event_keys (workspace_id, source_id, message_id, received_at)
			SELECT $1, 0, key, min(at) FROM given GROUP BY key ON CONFLICT DO NOTHING RETURNING message_id),
		happened AS (
			SELECT DISTINCT ON (g.key) g.* FROM given g JOIN fresh f ON f.message_id = g.key ORDER BY g.key, g.n),
		written AS (
			INSERT INTO events (workspace_id, id, customer_id, source_id, message_id, call, name, properties, occurred_at,
				received_at)
			SELECT $1, id, customer, 0, key, '`+string(CallSystem)+`', name, properties::jsonb, at, at FROM happened),
		queued AS (
			INSERT INTO intake (workspace_id, shard, event_id, occurred_at, customer_id)
			SELECT $1, dotyk_shard(customer), id, at, customer FROM happened ORDER BY n RETURNING shard)
		SELECT pg_notify('`+intakeChannel+`', shard::text) FROM (SELECT DISTINCT shard FROM queued) q`,
		ws, ids, customers, names, properties, keys, at)
	return nil
}
