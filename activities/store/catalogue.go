package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules"
)

// The kinds of entry of a catalogue.
const (
	KindAttribute = "attribute" // customer.<name>
	KindEvent     = "event"
	KindProperty  = "property" // of an event
)

// What a catalogue takes. A site that uses ids as names must not fill it, and names that long are in no rule.
const (
	maxCatalogue     = 20_000 // rows learnt of a workspace; those known by then are still counted
	maxCatalogueName = 200    // bytes
)

// CatalogueEntry is what is known about an attribute, an event or a property of an event.
type CatalogueEntry struct {
	Kind        string     // attribute, event or property
	Event       string     // of a property; "" for the others
	Name        string     // of the attribute, event or property
	Type        rules.Type // as declared; else the only one that was seen, or mixed; "" for an event
	Declared    bool
	Description string
	Counts      map[rules.Type]int64 // values seen by type; null values are not counted
	Count       int64                // of all types; of an event, how often it occurred
	LastSeen    time.Time            // zero when it was only declared
}

// Catalogue lists what is known of the workspace's data: attributes, then events, then properties, by name.
func (s *Store) Catalogue(ctx context.Context, workspace int64) ([]CatalogueEntry, error) {
	var list []CatalogueEntry
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		list, err = tx.catalogue(ctx)
		return err
	})
	return list, wrap("read catalogue", err)
}

func (tx *Tx) catalogue(ctx context.Context) ([]CatalogueEntry, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT kind, event, name, coalesce(d.type, ''), d.kind IS NOT NULL,
		coalesce(d.description, ''), coalesce(s.counts, '{}'), coalesce(s.count, 0), s.last_seen
		FROM (SELECT kind, event, name, jsonb_object_agg(type, count) FILTER (WHERE type <> '') AS counts,
				sum(count)::bigint AS count, max(last_seen) AS last_seen
			FROM catalogue_seen WHERE workspace_id = $1 GROUP BY kind, event, name) s
		FULL JOIN (SELECT * FROM catalogue_declared WHERE workspace_id = $1) d USING (kind, event, name)
		ORDER BY kind, event, name`, tx.Workspace)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (CatalogueEntry, error) {
		var e CatalogueEntry
		var seen *time.Time
		err := row.Scan(&e.Kind, &e.Event, &e.Name, &e.Type, &e.Declared, &e.Description, &e.Counts, &e.Count, &seen)
		if seen != nil {
			e.LastSeen = *seen
		}
		if e.Type == "" && e.Kind != KindEvent {
			e.Type = learnt(e.Counts)
		}
		return e, err
	})
}

// learnt is the type that follows from what was seen: the only one, or mixed.
func learnt(counts map[rules.Type]int64) rules.Type {
	if len(counts) == 1 {
		for t := range counts {
			return t
		}
	}
	return rules.TypeMixed
}

// Schema gives what rules are checked against: what the catalogue knows, and the names of segments, topics and
// campaigns. Attributes, events and topics are nil, and so not checked, where none was ever seen; that there is no
// segment or campaign, on the other hand, is known for sure.
func (s *Store) Schema(ctx context.Context, workspace int64) (*rules.Schema, error) {
	var schema rules.Schema
	err := s.In(ctx, workspace, func(tx *Tx) error {
		entries, err := tx.catalogue(ctx)
		if err != nil {
			return err
		}
		schema = rules.Schema{}
		for i := range entries {
			learnEntry(&schema, &entries[i])
		}
		b := &pgx.Batch{}
		b.Queue(`SELECT name FROM segments WHERE workspace_id = $1 AND deleted_at IS NULL ORDER BY name`, workspace).
			Query(collect(&schema.Segments, pgx.RowTo[string]))
		b.Queue(`SELECT name FROM campaigns WHERE workspace_id = $1 ORDER BY name`, workspace).
			Query(collect(&schema.Campaigns, pgx.RowTo[string]))
		b.Queue(`SELECT name FROM topics WHERE workspace_id = $1
			UNION SELECT v.definition::jsonb ->> 'topic' FROM campaigns k JOIN campaign_versions v
				ON v.workspace_id = $1 AND v.campaign_id = k.id AND v.version = k.version
			WHERE k.workspace_id = $1 AND v.definition::jsonb ->> 'topic' <> '' ORDER BY 1`, workspace).
			Query(collect(&schema.Topics, pgx.RowTo[string]))
		if err := tx.batch(ctx, b); err != nil {
			return err
		}
		if len(schema.Topics) == 0 {
			schema.Topics = nil
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	return &schema, nil
}

func learnEntry(schema *rules.Schema, e *CatalogueEntry) {
	if e.Kind == KindAttribute {
		if schema.Attributes == nil {
			schema.Attributes = map[string]rules.Type{}
		}
		schema.Attributes[e.Name] = e.Type
		return
	}
	event := e.Event
	if e.Kind == KindEvent {
		event = e.Name
	}
	if schema.Events == nil {
		schema.Events = map[string]map[string]rules.Type{}
	}
	if schema.Events[event] == nil {
		schema.Events[event] = map[string]rules.Type{}
	}
	if e.Kind == KindProperty {
		schema.Events[event][e.Name] = e.Type
	}
}

// Declare says what attributes, events and properties are to be, whatever was seen: Type, or "" to leave that open, and
// Description count. ErrInvalid for an entry that cannot be.
func (s *Store) Declare(ctx context.Context, workspace int64, entries []CatalogueEntry) error {
	var kinds, events, names, types, descriptions []string
	for i := range entries {
		e := &entries[i]
		if err := e.valid(); err != nil {
			return fmt.Errorf("declare: %w", err)
		}
		kinds, events, names = append(kinds, e.Kind), append(events, e.Event), append(names, e.Name)
		types, descriptions = append(types, string(e.Type)), append(descriptions, clean(e.Description))
	}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		if _, err := tx.conn.Exec(ctx, `INSERT INTO catalogue_declared (workspace_id, kind, event, name, type, description)
			SELECT DISTINCT ON (u.kind, u.event, u.name) $1, u.kind, u.event, u.name, u.type, u.description
			FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY
				AS u (kind, event, name, type, description, n) ORDER BY u.kind, u.event, u.name, u.n DESC
			ON CONFLICT (workspace_id, kind, event, name)
			DO UPDATE SET type = excluded.type, description = excluded.description`,
			workspace, kinds, events, names, types, descriptions); err != nil {
			return err
		}
		return tx.Audit(ctx, "catalogue.declared", strings.Join(names, ", "), map[string]any{"types": types})
	})
	return wrap("declare", err)
}

func (e *CatalogueEntry) valid() error {
	switch {
	case e.Kind != KindAttribute && e.Kind != KindEvent && e.Kind != KindProperty:
		return fmt.Errorf("%w: %q is neither attribute, event nor property", ErrInvalid, e.Kind)
	case !nameable(e.Name):
		return fmt.Errorf("%w: %q cannot be the name of an %s", ErrInvalid, e.Name, e.Kind)
	case e.Kind == KindProperty && !nameable(e.Event):
		return fmt.Errorf("%w: property %q needs the name of its event", ErrInvalid, e.Name)
	case e.Kind != KindProperty && e.Event != "":
		return fmt.Errorf("%w: only a property belongs to an event", ErrInvalid)
	case e.Kind == KindEvent && e.Type != "":
		return fmt.Errorf("%w: event %q has no type of its own", ErrInvalid, e.Name)
	case e.Type != "" && !slices.Contains(rules.Types, e.Type):
		return fmt.Errorf("%w: %q is no type", ErrInvalid, e.Type)
	default:
		return nil
	}
}

// nameable reports whether the catalogue takes a name.
func nameable(name string) bool {
	return name != "" && len(name) <= maxCatalogueName && clean(name) == name
}

// Undeclare takes a declaration back; what was seen stays. ErrNotFound when there is none.
func (s *Store) Undeclare(ctx context.Context, workspace int64, kind, event, name string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		tag, err := tx.conn.Exec(ctx, `DELETE FROM catalogue_declared
			WHERE workspace_id = $1 AND kind = $2 AND event = $3 AND name = $4`, workspace, kind, event, name)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("declared %s %q: %w", kind, name, ErrNotFound)
		}
		return tx.Audit(ctx, "catalogue.undeclared", name, map[string]any{"kind": kind, "event": event})
	})
	return wrap("undeclare", err)
}
