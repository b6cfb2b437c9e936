package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// LiveSegment is a segment whose rule customers are judged by.
type LiveSegment struct {
	ID       string
	Name     string
	Rule     string
	Version  int
	Status   SegmentStatus
	Mentions []string
}

// LockSegments makes this transaction the only one that judges customers of the shard, and keeps the segments as they
// are until it ends.
func (tx *Tx) LockSegments(ctx context.Context, shard int16) error {
	_, err := tx.conn.Exec(ctx, `SELECT pg_advisory_xact_lock($1, $2), pg_advisory_xact_lock_shared($3, $4)`,
		int32(shardLock), int32(tx.Workspace*8+int64(shard)), int32(segmentsLock), int32(tx.Workspace)) //nolint:gosec // see queueLock
	return wrap("lock shard of segments", err)
}

// LiveSegments lists the segments with a rule that are live or building, by id, so that every picker judges them in one
// order.
func (tx *Tx) LiveSegments(ctx context.Context) ([]LiveSegment, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT id, name, rule, version, status, mentions FROM segments
		WHERE workspace_id = $1 AND deleted_at IS NULL AND kind = 'rule' AND status IN ('live', 'building') ORDER BY id`,
		tx.Workspace)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[LiveSegment])
	return list, wrap("list live segments", err)
}

// Memberships tells, by customer and id of a segment, who of the customers is in which of the segments.
func (tx *Tx) Memberships(ctx context.Context, customers, segmentIDs []string) (map[string]map[string]bool, error) {
	found := map[string]map[string]bool{}
	// OFFSET keeps the planner to a look-up for each customer, also while it believes the table to be empty.
	rows, _ := tx.conn.Query(ctx, `SELECT c.id, m.segment_id FROM unnest($2::uuid[]) AS c (id)
		CROSS JOIN LATERAL (SELECT segment_id FROM segment_members
			WHERE workspace_id = $1 AND customer_id = c.id OFFSET 0) m
		WHERE m.segment_id = ANY ($3)`, tx.Workspace, customers, segmentIDs)
	var customer, segment string
	_, err := pgx.ForEachRow(rows, []any{&customer, &segment}, func() error {
		if found[customer] == nil {
			found[customer] = map[string]bool{}
		}
		found[customer][segment] = true
		return nil
	})
	return found, wrap("load memberships", err)
}

// The causes of a change of membership.
const (
	CauseEvent   = "event"   // something happened to the customer
	CauseChange  = "change"  // the record, consents, journeys or messages changed
	CauseTime    = "time"    // time passed
	CauseImport  = "import"  // a list was imported
	CauseBuild   = "build"   // the segment is new
	CauseEdit    = "edit"    // its rule is another
	CauseMerge   = "merge"   // the record was taken over by another
	CauseDelete  = "delete"  // the segment is gone
	CauseHistory = "history" // the past was imported
	// CauseCampaign: a journey put the customer into a list, or took her out.
	CauseCampaign = "campaign"
)

// Move is a customer joining or leaving a segment.
type Move struct {
	SegmentID  string
	Segment    string // its name, for the event
	CustomerID string
	Version    int // of the segment's rule
	Joined     bool
	Cause      string
	EventID    string // of the event that led to it; "" for none
	At         time.Time
}

// Check is when the passing of time alone may change a membership next.
type Check struct {
	SegmentID  string
	CustomerID string
	DueAt      time.Time // zero: never
	// Earliest leaves an earlier moment as it is, if one is noted: to look too early costs one look more, to move the
	// moment with every event costs a write each.
	Earliest bool
	// History says that an import of the past made it due. Something that was due already for another reason stays so.
	History bool
}

// WriteMemberships writes who joined and left, in their order, and when to look again. A move to where the customer is
// already is left out; there must be no more than one move of a customer and segment. For the causes event, change,
// time, import and campaign campaigns are told by an event; of the others, history among them, they are not. The caller
// holds LockSegments of all shards concerned, of lists that of the segments alone.
func (tx *Tx) WriteMemberships(ctx context.Context, moves []Move, checks []Check) error {
	_, _, err := tx.writeMemberships(ctx, moves, checks)
	return err
}

func (tx *Tx) writeMemberships(ctx context.Context, moves []Move, checks []Check) (joined, left int64, err error) {
	b := &pgx.Batch{}
	queueMoves(b, tx.Workspace, moves, &joined, &left)
	queueChecks(b, tx.Workspace, checks)
	if err := tx.batch(ctx, b); err != nil {
		return 0, 0, fmt.Errorf("write memberships: %w", err)
	}
	return joined, left, nil
}

// sqlMoves writes members, and for those that did move: the change, the event, and the event's row of the intake. In the
// row of a list the mention of the list goes along, because nobody else judges those that mention it.
const sqlMoves = `WITH move AS (
		SELECT * FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::integer[], $6::boolean[], $7::text[], $8::uuid[],
			$9::timestamptz[], $10::smallint[], $11::uuid[]) WITH ORDINALITY
		AS u (segment, name, customer, version, joined, cause, event, at, shard, told, n)),
	entered AS (
		INSERT INTO segment_members (workspace_id, segment_id, customer_id, joined_at, cause, event_id)
		SELECT $1, segment, customer, at, cause, event FROM move WHERE joined ORDER BY segment, customer
		ON CONFLICT DO NOTHING RETURNING segment_id, customer_id),
	gone AS (
		DELETE FROM segment_members m USING move v WHERE m.workspace_id = $1 AND m.segment_id = v.segment
			AND m.customer_id = v.customer AND NOT v.joined RETURNING m.segment_id, m.customer_id),
	moved AS (
		SELECT move.* FROM move JOIN (SELECT * FROM entered UNION ALL SELECT * FROM gone) d
			ON d.segment_id = move.segment AND d.customer_id = move.customer),
	changed AS (
		INSERT INTO segment_changes (workspace_id, segment_id, customer_id, at, joined, cause, event_id, version)
		SELECT $1, segment, customer, at, joined, cause, event, version FROM moved ORDER BY n),
	telling AS (
		SELECT * FROM moved WHERE cause IN ('event', 'change', 'time', 'import', 'campaign')),
	told AS (
		INSERT INTO events (workspace_id, id, customer_id, source_id, message_id, call, name, properties, occurred_at,
			received_at)
		SELECT $1, told, customer, 0, told::text, '` + string(CallSystem) + `',
			CASE WHEN joined THEN '` + audience.EventSegmentEntered + `' ELSE '` + audience.EventSegmentLeft + `' END,
			jsonb_build_object('segment', name, 'because', cause), at, at
		FROM telling),
	queued AS (
		INSERT INTO intake (workspace_id, shard, event_id, occurred_at, customer_id, changed)
		SELECT $1, t.shard, t.told, t.at, t.customer, CASE WHEN t.cause IN ('import', 'campaign') THEN ARRAY(
			SELECT DISTINCT 'segment:' || t.name FROM segments s
			WHERE s.workspace_id = $1 AND s.deleted_at IS NULL AND 'segment:' || t.name = ANY (s.mentions)) ELSE '{}' END
		FROM telling t ORDER BY t.n RETURNING shard),
	woken AS (
		SELECT pg_notify('` + intakeChannel + `', shard::text) FROM (SELECT DISTINCT shard FROM queued) q)
	SELECT count(*) FILTER (WHERE joined), count(*) FILTER (WHERE NOT joined), (SELECT count(*) FROM woken) FROM moved`

func queueMoves(b *pgx.Batch, ws int64, moves []Move, joined, left *int64) {
	if len(moves) == 0 {
		return
	}
	n := len(moves)
	segments, names, customers, told := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	versions, enters, causes := make([]int32, n), make([]bool, n), make([]string, n)
	events, at, shards := make([]*string, n), make([]time.Time, n), make([]int16, n)
	for i := range moves {
		m := &moves[i]
		segments[i], names[i], customers[i], told[i] = m.SegmentID, m.Segment, m.CustomerID, newID()
		versions[i], enters[i], causes[i] = int32(m.Version), m.Joined, m.Cause //nolint:gosec // versions are counted by ones
		events[i], at[i], shards[i] = orNull(m.EventID), m.At, shardOf(m.CustomerID)
	}
	queueSharedLock(b, mentionsLock, ws)
	b.Queue(sqlMoves, ws, segments, names, customers, versions, enters, causes, events, at, shards, told).
		QueryRow(func(row pgx.Row) error {
			var woken int64
			return row.Scan(joined, left, &woken)
		})
}

func queueChecks(b *pgx.Batch, ws int64, checks []Check) {
	var segments, customers, overSegments, overCustomers []string
	var due []time.Time
	var shards []int16
	var earliest, history []bool
	for _, c := range checks {
		switch {
		case !c.DueAt.IsZero():
			segments, customers = append(segments, c.SegmentID), append(customers, c.CustomerID)
			due, shards = append(due, c.DueAt), append(shards, shardOf(c.CustomerID))
			earliest, history = append(earliest, c.Earliest), append(history, c.History)
		case !c.Earliest:
			overSegments, overCustomers = append(overSegments, c.SegmentID), append(overCustomers, c.CustomerID)
		}
	}
	if len(overSegments) > 0 {
		b.Queue(`DELETE FROM segment_checks c USING unnest($2::uuid[], $3::uuid[]) AS u (segment, customer)
			WHERE c.workspace_id = $1 AND c.segment_id = u.segment AND c.customer_id = u.customer`,
			ws, overSegments, overCustomers)
	}
	if len(segments) > 0 {
		// What stays as it is, is found before: a conflict locks the row, and so writes it.
		b.Queue(`INSERT INTO segment_checks (workspace_id, segment_id, customer_id, shard, due_at, history)
			SELECT $1, u.segment, u.customer, u.shard, u.due, u.history
			FROM unnest($2::uuid[], $3::uuid[], $4::smallint[], $5::timestamptz[], $6::boolean[], $7::boolean[])
				AS u (segment, customer, shard, due, earliest, history)
			LEFT JOIN LATERAL (SELECT due_at FROM segment_checks WHERE workspace_id = $1 AND segment_id = u.segment
				AND customer_id = u.customer OFFSET 0) k ON true
			WHERE k.due_at IS NULL OR k.due_at > u.due OR (k.due_at < u.due AND NOT u.earliest)
			ON CONFLICT (workspace_id, segment_id, customer_id) DO UPDATE SET due_at = excluded.due_at,
				history = excluded.history AND (segment_checks.history OR segment_checks.due_at > excluded.due_at)`,
			ws, segments, customers, shards, due, earliest, history)
	}
}

// DueChecks lists what is due in a shard, the oldest first. What a segment that is being built has due waits for the end
// of its build. It locks nothing: the caller holds LockSegments. LATERAL and OFFSET keep the planner to walking the checks
// in order of their moments, and to one look by id at the segment of each: conditions on its state stand outside, because
// they would tempt the planner to a partial index that finds no id.
func (tx *Tx) DueChecks(ctx context.Context, shard int16, now time.Time, limit int) ([]Check, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT c.segment_id, c.customer_id, c.due_at, false, c.history FROM segment_checks c
		JOIN LATERAL (SELECT status, deleted_at FROM segments
			WHERE workspace_id = $1 AND id = c.segment_id OFFSET 0) s ON s.status = 'live' AND s.deleted_at IS NULL
		WHERE c.workspace_id = $1 AND c.shard = $2 AND c.due_at <= $3
		ORDER BY c.due_at LIMIT $4`, tx.Workspace, shard, now, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Check])
	return list, wrap("list due checks", err)
}

// WorkspacesWithChecks lists the workspaces that have something due in a shard, however much it is. It is written as
// DueChecks is, for the same reason.
func (s *Store) WorkspacesWithChecks(ctx context.Context, shard int16, now time.Time) ([]int64, error) {
	rows, _ := s.engine.Query(ctx, `WITH RECURSIVE w AS (
			(SELECT workspace_id FROM segment_checks WHERE shard = $1 ORDER BY workspace_id LIMIT 1)
			UNION ALL
			SELECT (SELECT c.workspace_id FROM segment_checks c WHERE c.shard = $1 AND c.workspace_id > w.workspace_id
				ORDER BY c.workspace_id LIMIT 1)
			FROM w WHERE w.workspace_id IS NOT NULL)
		SELECT w.workspace_id FROM w CROSS JOIN LATERAL (
			SELECT FROM segment_checks c JOIN LATERAL (SELECT status, deleted_at FROM segments
				WHERE workspace_id = c.workspace_id AND id = c.segment_id OFFSET 0) s
				ON s.status = 'live' AND s.deleted_at IS NULL
			WHERE c.shard = $1 AND c.workspace_id = w.workspace_id AND c.due_at <= $2
			ORDER BY c.due_at LIMIT 1) due
		WHERE w.workspace_id IS NOT NULL`, shard, now)
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return list, wrap("find due checks", err)
}
