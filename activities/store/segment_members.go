package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Member is a customer in a segment.
type Member struct {
	CustomerID string
	ExternalID string
	Email      string
	Phone      string
	Name       string
	JoinedAt   time.Time
	Cause      string // see Move
	EventID    string // of the event that led to it; "" for none
}

// sqlMembersAt gives the members of segment $2 at the moment $3, by customer, after customer $4: of each customer the
// newest change until then counts.
const sqlMembersAt = `SELECT customer_id, at, cause, event_id FROM (
	SELECT DISTINCT ON (h.customer_id) h.customer_id, h.at, h.joined, h.cause, h.event_id FROM segment_changes h
	WHERE h.workspace_id = $1 AND h.segment_id = $2 AND h.at <= $3 AND h.customer_id > $4
	ORDER BY h.customer_id, h.id DESC) latest WHERE joined`

// Members lists the members of a segment, now or, where a moment is given, as of then, by the id of the customer: up to
// limit of them after the given one ("" for the first). ErrNotFound when there is no such segment.
func (s *Store) Members(ctx context.Context, workspace int64, name string, asOf time.Time, after string, limit int) ([]Member, error) {
	source, moment := `SELECT customer_id, joined_at AS at, cause, event_id FROM segment_members
		WHERE workspace_id = $1 AND segment_id = $2 AND $3::timestamptz IS NULL AND customer_id > $4`, (*time.Time)(nil)
	if !asOf.IsZero() {
		source, moment = sqlMembersAt, &asOf
	}
	if after == "" {
		after = uuid.Nil.String()
	}
	var list []Member
	err := s.In(ctx, workspace, func(tx *Tx) error {
		id, err := tx.segmentID(ctx, name)
		if err != nil {
			return err
		}
		rows, _ := tx.conn.Query(ctx, `SELECT m.customer_id, coalesce(c.external_id, ''), coalesce(c.email, ''),
			coalesce(c.phone, ''), coalesce(c.name, ''), m.at, m.cause, coalesce(m.event_id::text, '')
			FROM (`+source+` ORDER BY customer_id LIMIT $5) m
			LEFT JOIN customers c ON c.workspace_id = $1 AND c.id = m.customer_id ORDER BY m.customer_id`,
			workspace, id, moment, after, limit)
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Member])
		return err
	})
	return list, wrap("list members", err)
}

// CountMembers counts the members of a segment, now or, where a moment is given, as of then. ErrNotFound when there is
// no such segment.
func (s *Store) CountMembers(ctx context.Context, workspace int64, name string, asOf time.Time) (int64, error) {
	var n int64
	err := s.In(ctx, workspace, func(tx *Tx) error {
		id, err := tx.segmentID(ctx, name)
		if err != nil {
			return err
		}
		if asOf.IsZero() {
			return tx.conn.QueryRow(ctx, `SELECT count(*) FROM segment_members WHERE workspace_id = $1 AND segment_id = $2`,
				workspace, id).Scan(&n)
		}
		return tx.conn.QueryRow(ctx, `SELECT count(*) FROM (`+sqlMembersAt+`) m`, workspace, id, asOf, uuid.Nil).Scan(&n)
	})
	return n, wrap("count members", err)
}

func (tx *Tx) segmentID(ctx context.Context, name string) (string, error) {
	var id string
	err := tx.conn.QueryRow(ctx, `SELECT id FROM segments WHERE workspace_id = $1 AND name = $2 AND deleted_at IS NULL`,
		tx.Workspace, name).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("segment %q: %w", name, ErrNotFound)
	}
	return id, err
}

// SegmentChange is one joining or leaving.
type SegmentChange struct {
	Segment    string
	CustomerID string
	At         time.Time
	Joined     bool
	Cause      string
	EventID    string // of the event that led to it; "" for none
	EventName  string
	Version    int // of the segment's rule
}

// SegmentHistory lists who joined and left, newest first: of one segment, of one customer, or of both. With "" as name it
// covers all segments, deleted ones too; with "" as customer all customers. ErrNotFound when a segment was named and
// there is none of that name.
func (s *Store) SegmentHistory(ctx context.Context, workspace int64, name, customerID string, limit int) ([]SegmentChange, error) {
	var list []SegmentChange
	err := s.In(ctx, workspace, func(tx *Tx) error {
		where, args := "", []any{workspace, limit}
		if name != "" {
			id, err := tx.segmentID(ctx, name)
			if err != nil {
				return err
			}
			args = append(args, id)
			where += fmt.Sprintf(" AND h.segment_id = $%d", len(args))
		}
		if customerID != "" {
			args = append(args, customerID)
			where += fmt.Sprintf(" AND h.customer_id = $%d", len(args))
		}
		rows, _ := tx.conn.Query(ctx, `SELECT s.name, h.customer_id, h.at, h.joined, h.cause,
			coalesce(h.event_id::text, ''), coalesce(e.name, ''), h.version
			FROM (SELECT * FROM segment_changes h WHERE h.workspace_id = $1`+where+` ORDER BY h.id DESC LIMIT $2) h
			JOIN segments s ON s.workspace_id = $1 AND s.id = h.segment_id
			LEFT JOIN events e ON e.workspace_id = $1 AND e.id = h.event_id ORDER BY h.id DESC`, args...)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[SegmentChange])
		return err
	})
	return list, wrap("read history of segments", err)
}
