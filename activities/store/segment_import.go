package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// importPage is how many members are written by one statement.
const importPage = 5000

// ImportMembers puts customers into a list, all of them or, after an error, none; with replace those that are not among
// them leave. A record that was taken over counts as the one that took it over; ids that name no customer are left out.
// It says how many joined and left. ErrNotFound when there is no such segment, ErrInvalid when it has a rule, or for an
// id that is none.
func (s *Store) ImportMembers(ctx context.Context, workspace int64, name string, ids []string, replace bool) (joined, left int64, err error) {
	for _, id := range ids {
		if _, err := uuid.Parse(id); err != nil {
			return 0, 0, fmt.Errorf("import members: %w: %q is no id of a customer", ErrInvalid, id)
		}
	}
	err = s.In(ctx, workspace, func(tx *Tx) error {
		joined, left, err = tx.importMembers(ctx, name, ids, replace)
		return err
	})
	return joined, left, wrap("import members", err)
}

func (tx *Tx) importMembers(ctx context.Context, name string, ids []string, replace bool) (joined, left int64, err error) {
	old, err := tx.lockSegment(ctx, name)
	if err != nil {
		return 0, 0, err
	}
	if old.Kind != SegmentStatic {
		return 0, 0, fmt.Errorf("%w: the members of segment %q follow from its rule", ErrInvalid, name)
	}
	b := &pgx.Batch{}
	queueLock(b, segmentsLock, tx.Workspace) // nobody judges by the list until it is complete
	b.Queue(`CREATE TEMPORARY TABLE dotyk_wanted ON COMMIT DROP AS
		SELECT DISTINCT coalesce(c.merged_into, c.id) AS id FROM customers c
		WHERE c.workspace_id = $1 AND c.id = ANY ($2::uuid[])`, tx.Workspace, ids)
	b.Queue(`ANALYZE dotyk_wanted`)
	if err := tx.batch(ctx, b); err != nil {
		return 0, 0, err
	}
	moves, err := tx.listMoves(ctx, old, replace)
	if err != nil {
		return 0, 0, err
	}
	for len(moves) > 0 {
		page := moves[:min(importPage, len(moves))]
		moves = moves[len(page):]
		in, out, err := tx.writeMemberships(ctx, page, nil)
		if err != nil {
			return 0, 0, err
		}
		joined, left = joined+in, left+out
	}
	_, err = tx.conn.Exec(ctx, `UPDATE segments SET built_at = now(), updated_at = now() WHERE workspace_id = $1 AND id = $2`,
		tx.Workspace, old.ID)
	if err != nil {
		return 0, 0, err
	}
	return joined, left, tx.Audit(ctx, "segment.imported", name, map[string]any{"joined": joined, "left": left, "replace": replace})
}

// listMoves finds who must join a list, and with replace who must leave it, to make it what dotyk_wanted holds.
func (tx *Tx) listMoves(ctx context.Context, list lockedSegment, replace bool) ([]Move, error) {
	query := `SELECT w.id, true FROM dotyk_wanted w WHERE NOT EXISTS (
		SELECT FROM segment_members m WHERE m.workspace_id = $1 AND m.segment_id = $2 AND m.customer_id = w.id)`
	if replace {
		query += ` UNION ALL SELECT m.customer_id, false FROM segment_members m
			WHERE m.workspace_id = $1 AND m.segment_id = $2
			AND NOT EXISTS (SELECT FROM dotyk_wanted w WHERE w.id = m.customer_id)`
	}
	now := time.Now()
	rows, _ := tx.conn.Query(ctx, query+` ORDER BY 1`, tx.Workspace, list.ID)
	moves, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Move, error) {
		m := Move{SegmentID: list.ID, Segment: list.Name, Version: list.Version, Cause: CauseImport, At: now}
		return m, row.Scan(&m.CustomerID, &m.Joined)
	})
	return moves, wrap("compare lists", err)
}

// FindCustomers finds the customers whose field (id, external_id, email or phone) is one of the values, by value. Of
// several with one address it takes one that the site knows by an id, and of those the oldest. ErrInvalid for any other
// field.
func (s *Store) FindCustomers(ctx context.Context, workspace int64, field string, values []string) (map[string]string, error) {
	var query string
	switch field {
	case "id": // a record that was taken over is the one that took it over
		query = `SELECT c.id::text, coalesce(c.merged_into, c.id) FROM customers c
			WHERE c.workspace_id = $1 AND c.id = ANY ($2::text[]::uuid[])`
	case "external_id":
		query = `SELECT i.value, i.customer_id FROM identities i
			WHERE i.workspace_id = $1 AND i.kind = 'user' AND i.value = ANY ($2)`
	case "email", "phone":
		query = `SELECT DISTINCT ON (c.` + field + `) c.` + field + `, c.id FROM customers c
			WHERE c.workspace_id = $1 AND c.` + field + ` = ANY ($2) AND c.` + field + ` <> '' AND c.merged_into IS NULL
			ORDER BY c.` + field + `, c.external_id IS NULL, c.created_at, c.id`
	default:
		return nil, fmt.Errorf("find customers: %w: %q is no field to find them by", ErrInvalid, field)
	}
	asked := map[string][]string{} // as it is stored -> as it was given
	var stored []string
	for _, v := range values {
		norm, ok := normal(field, v)
		if !ok {
			continue
		}
		if asked[norm] == nil {
			stored = append(stored, norm)
		}
		asked[norm] = append(asked[norm], v)
	}
	found := map[string]string{}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, query, workspace, stored)
		var value, id string
		_, err := pgx.ForEachRow(rows, []any{&value, &id}, func() error {
			for _, given := range asked[value] {
				found[given] = id
			}
			return nil
		})
		return err
	})
	return found, wrap("find customers", err)
}

// normal gives the form in which a value is stored. It is not ok for what no customer can have.
func normal(field, value string) (string, bool) {
	switch field {
	case "id":
		id, err := uuid.Parse(value)
		return id.String(), err == nil
	case "email":
		value = strings.ToLower(value)
	}
	return value, value != "" && clean(value) == value
}
