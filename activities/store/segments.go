package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// SegmentKind says how customers get into a segment.
type SegmentKind string

// The kinds of segment.
const (
	SegmentRule   SegmentKind = "rule"   // those for whom a rule holds
	SegmentStatic SegmentKind = "static" // a list that was imported
)

// SegmentStatus says whether a segment's members are what its rule says.
type SegmentStatus string

// The states of a segment.
const (
	SegmentBuilding SegmentStatus = "building" // the rule is new: its members are being computed, the old ones stay until then
	SegmentLive     SegmentStatus = "live"
	SegmentFailed   SegmentStatus = "failed" // the rule cannot be evaluated; the old members stay
)

// Segment is a segment as it stands.
type Segment struct {
	ID             string
	Name           string
	Description    string
	Kind           SegmentKind
	Rule           string
	Version        int // of the rule, counted from 1
	Status         SegmentStatus
	Problem        string   // why it failed
	Mentions       []string // what a change of may change the answer, see rules.Needs.Mentions
	Clock          bool     // the passing of time alone may change the answer
	Members        int64
	Scanned, Total int64 // customers judged and to judge by the build under way, as far as it told
	CreatedAt      time.Time
	UpdatedAt      time.Time
	BuiltAt        time.Time // zero before the first build
}

// SegmentDraft is a segment as somebody wants it.
type SegmentDraft struct {
	Name        string
	Description string
	Kind        SegmentKind
	Rule        string
	Mentions    []string
	Clock       bool
	By          string // who wants it, for the audit; "" leaves that to the context, see WithActor
}

// SegmentInUseError says that a segment cannot go, or change its name, because the rules of others, or of campaigns,
// mention it.
type SegmentInUseError struct {
	Name string
	By   []string // what mentions it: segments by their names, campaigns as "campaign NAME"
}

func (e *SegmentInUseError) Error() string {
	return fmt.Sprintf("segment %q is mentioned by %s", e.Name, strings.Join(e.By, ", "))
}

// selectSegments reads segments; a condition may follow. Members are counted, not kept: a number kept in the row would make
// the shards wait for one another.
const selectSegments = `SELECT s.id, s.name, s.description, s.kind, s.rule, s.version, s.status, s.problem, s.mentions,
	s.clock, (SELECT count(*) FROM segment_members m WHERE m.workspace_id = $1 AND m.segment_id = s.id),
	coalesce(b.scanned, 0), coalesce(b.total, 0), s.created_at, s.updated_at, s.built_at
	FROM segments s LEFT JOIN segment_builds b ON b.workspace_id = s.workspace_id AND b.segment_id = s.id
	WHERE s.workspace_id = $1 AND s.deleted_at IS NULL`

func scanSegment(row pgx.CollectableRow) (Segment, error) {
	var g Segment
	var built *time.Time
	err := row.Scan(&g.ID, &g.Name, &g.Description, &g.Kind, &g.Rule, &g.Version, &g.Status, &g.Problem, &g.Mentions,
		&g.Clock, &g.Members, &g.Scanned, &g.Total, &g.CreatedAt, &g.UpdatedAt, &built)
	if built != nil {
		g.BuiltAt = *built
	}
	return g, err
}

// Segments lists the workspace's segments by name.
func (s *Store) Segments(ctx context.Context, workspace int64) ([]Segment, error) {
	var list []Segment
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, selectSegments+` ORDER BY s.name`, workspace)
		var err error
		list, err = pgx.CollectRows(rows, scanSegment)
		return err
	})
	return list, wrap("list segments", err)
}

// Segment gives a segment by name. ErrNotFound when there is none.
func (s *Store) Segment(ctx context.Context, workspace int64, name string) (Segment, error) {
	var g Segment
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		g, err = tx.segment(ctx, name)
		return err
	})
	return g, wrap("read segment", err)
}

func (tx *Tx) segment(ctx context.Context, name string) (Segment, error) {
	rows, _ := tx.conn.Query(ctx, selectSegments+` AND s.name = $2`, tx.Workspace, name)
	g, err := pgx.CollectExactlyOneRow(rows, scanSegment)
	if errors.Is(err, pgx.ErrNoRows) {
		return Segment{}, fmt.Errorf("segment %q: %w", name, ErrNotFound)
	}
	return g, err
}
