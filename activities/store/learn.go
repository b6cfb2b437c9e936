package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules"
)

// Seen is a name, with the type of the values it had.
type Seen struct {
	Kind  string     // attribute, event or property
	Event string     // of a property; "" for the others
	Name  string     // of the attribute, event or property
	Type  rules.Type // "" for an event
	Count int64
	At    time.Time // of the latest
}

// Learn adds to the catalogue what was seen. Names that a catalogue cannot take are left out, as are new names once it is
// full. Call it at the end of a transaction: until that ends, another that learns of the same workspace waits.
func (tx *Tx) Learn(ctx context.Context, seen []Seen) error {
	type key struct{ kind, event, name, kindOf string }
	sums := map[key]Seen{}
	for _, s := range seen {
		if !nameable(s.Name) || len(s.Event) > maxCatalogueName {
			continue
		}
		k := key{s.Kind, s.Event, s.Name, string(s.Type)}
		sum, known := sums[k]
		s.Count += sum.Count
		if known && sum.At.After(s.At) {
			s.At = sum.At
		}
		sums[k] = s
	}
	if len(sums) == 0 {
		return nil
	}
	list := make([]Seen, 0, len(sums))
	for _, s := range sums {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Seen) int { // everybody locks rows in one order
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Event, b.Event), strings.Compare(a.Name, b.Name),
			cmp.Compare(a.Type, b.Type))
	})
	_, err := tx.conn.Exec(ctx, `WITH room AS MATERIALIZED (
			SELECT count(*) < $8 AS free FROM (SELECT FROM catalogue_seen WHERE workspace_id = $1 LIMIT $8) k)
		INSERT INTO catalogue_seen (workspace_id, kind, event, name, type, count, last_seen)
		SELECT $1, u.kind, u.event, u.name, u.type, u.count, u.at`+seenRows+`
		WHERE (SELECT free FROM room) OR EXISTS (SELECT FROM catalogue_seen k WHERE k.workspace_id = $1
			AND k.kind = u.kind AND k.event = u.event AND k.name = u.name AND k.type = u.type)
		ORDER BY u.n
		ON CONFLICT (workspace_id, kind, event, name, type) DO UPDATE SET count = catalogue_seen.count + excluded.count,
			last_seen = greatest(catalogue_seen.last_seen, excluded.last_seen)`,
		append(seenArgs(tx.Workspace, list), maxCatalogue)...)
	return wrap("learn what was seen", err)
}

// seenRows are the rows that seenArgs fills, from $2 to $7; the workspace is $1.
const seenRows = ` FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[])
	WITH ORDINALITY AS u (kind, event, name, type, count, at, n)`

func seenArgs(ws int64, list []Seen) []any {
	n := len(list)
	kinds, events, names, types := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	counts, at := make([]int64, n), make([]time.Time, n)
	for i, s := range list {
		kinds[i], events[i], names[i], types[i] = s.Kind, s.Event, s.Name, string(s.Type)
		counts[i], at[i] = s.Count, s.At
	}
	return []any{ws, kinds, events, names, types, counts, at}
}

// sqlStored counts everything stored by name and type. Text that is a moment counts as such.
const sqlStored = `WITH value AS (
		SELECT 'attribute' AS kind, '' AS event, a.key AS name, a.value, c.updated_at AS at
		FROM customers c CROSS JOIN LATERAL jsonb_each(c.attributes) a
		WHERE c.workspace_id = $1 AND c.merged_into IS NULL
		UNION ALL
		SELECT 'property', e.name, p.key, p.value, e.occurred_at
		FROM events e CROSS JOIN LATERAL jsonb_each(e.properties) p WHERE e.workspace_id = $1),
	typed AS (
		SELECT kind, event, name, at, CASE jsonb_typeof(value)
			WHEN 'string' THEN CASE WHEN dotyk_time(value #>> '{}') IS NULL THEN 'text' ELSE 'time' END
			WHEN 'array' THEN 'list' ELSE jsonb_typeof(value) END AS type
		FROM value WHERE octet_length(name) BETWEEN 1 AND $2 AND octet_length(event) <= $2),
	counted AS (
		SELECT kind, event, name, type, count(*) AS count, max(at) AS at FROM typed WHERE type <> 'null'
		GROUP BY kind, event, name, type
		UNION ALL
		SELECT 'event', '', name, '', count(*), max(occurred_at) FROM events
		WHERE workspace_id = $1 AND octet_length(name) BETWEEN 1 AND $2 GROUP BY name)
	SELECT kind, event, name, type, count, at FROM (
		SELECT * FROM counted ORDER BY kind <> 'event', count DESC, kind, event, name, type LIMIT $3) most
	ORDER BY kind, event, name, type`

// LearnStored replaces what was seen by what all that is stored holds: imports are not learnt as they come. It reads
// everything, so it takes its time; what is picked meanwhile may be left out, or counted twice. Where there are more
// names than a catalogue takes, it keeps the most frequent.
func (s *Store) LearnStored(ctx context.Context, workspace int64) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, sqlStored, workspace, maxCatalogueName, maxCatalogue)
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Seen])
		if err != nil {
			return err
		}
		// Written apart, at the end: whoever picks must not wait while everything is read.
		b := &pgx.Batch{}
		b.Queue(`DELETE FROM catalogue_seen WHERE workspace_id = $1`, workspace)
		b.Queue(`INSERT INTO catalogue_seen (workspace_id, kind, event, name, type, count, last_seen)
			SELECT $1, u.kind, u.event, u.name, u.type, u.count, u.at`+seenRows+`
			ON CONFLICT (workspace_id, kind, event, name, type) DO NOTHING`, seenArgs(workspace, list)...)
		return tx.batch(ctx, b)
	})
	if err != nil {
		return fmt.Errorf("learn what is stored: %w", err)
	}
	return nil
}
