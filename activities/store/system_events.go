package store

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// SystemEvent is something that Dotyk itself brings about. It is stored and judged like any other event.
type SystemEvent struct {
	CustomerID string
	Name       string // one of audience.Event…
	Properties map[string]any
	At         time.Time
	Key        string // what makes it happen once: an event with a key that is known is left out. "" for none
}

// queueSystemEvents stores events and puts them into the intake, in their order.
func queueSystemEvents(b *pgx.Batch, ws int64, events []SystemEvent) error {
	if len(events) == 0 {
		return nil
	}
	var ids, customers, names, properties, keys []string
	var at []time.Time
	var shards []int16
	for _, e := range events {
		text, err := jsonText(e.Properties)
		if err != nil {
			return err
		}
		ids, customers, names = append(ids, newID()), append(customers, e.CustomerID), append(names, e.Name)
		properties, at, shards = append(properties, text), append(at, e.At), append(shards, shardOf(e.CustomerID))
		keys = append(keys, e.Key)
	}
	b.Queue(`WITH given AS (
			SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::smallint[], $8::text[])
				WITH ORDINALITY AS u (id, customer, name, properties, at, shard, key, n)),
		fresh AS (
			INSERT INTO event_keys (workspace_id, source_id, message_id, received_at)
			SELECT $1, 0, key, min(at) FROM given WHERE key <> '' GROUP BY key ORDER BY key
			ON CONFLICT DO NOTHING RETURNING message_id),
		told AS (
			SELECT DISTINCT ON (coalesce(nullif(key, ''), id::text)) * FROM given
			WHERE key = '' OR key IN (SELECT message_id FROM fresh) ORDER BY coalesce(nullif(key, ''), id::text), n),
		stored AS (
			INSERT INTO events (workspace_id, id, customer_id, source_id, message_id, call, name, properties, occurred_at,
				received_at)
			SELECT $1, id, customer, 0, coalesce(nullif(key, ''), id::text), '`+string(CallSystem)+`', name, properties::jsonb,
				at, at FROM told),
		queued AS (
			INSERT INTO intake (workspace_id, shard, event_id, occurred_at, customer_id, changed)
			SELECT $1, shard, id, at, customer, '{}' FROM told ORDER BY n RETURNING shard)
		SELECT pg_notify('`+intakeChannel+`', shard::text) FROM (SELECT DISTINCT shard FROM queued) q`,
		ws, ids, customers, names, properties, at, shards, keys)
	return nil
}
