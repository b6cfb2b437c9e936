package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"dotyk/rules"
)

// SegmentRef names a segment.
type SegmentRef struct {
	Workspace int64
	ID        string
}

// BuildingSegments lists the segments whose members are to be computed, the oldest first.
func (s *Store) BuildingSegments(ctx context.Context) ([]SegmentRef, error) {
	rows, _ := s.engine.Query(ctx, `SELECT workspace_id, id FROM segments
		WHERE status = 'building' AND deleted_at IS NULL ORDER BY id`)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[SegmentRef])
	return list, wrap("find segments to build", err)
}

// ClaimBuild locks a segment that is to be built until the transaction ends, and gives the version to build.
// ErrNotFound when nobody needs to build it, or somebody is at it.
func (tx *Tx) ClaimBuild(ctx context.Context, id string) (LiveSegment, int, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT id, name, rule, version, status, mentions FROM segments
		WHERE workspace_id = $1 AND id = $2 AND status = 'building' AND deleted_at IS NULL
		FOR UPDATE SKIP LOCKED`, tx.Workspace, id)
	g, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[LiveSegment])
	if errors.Is(err, pgx.ErrNoRows) {
		return LiveSegment{}, 0, fmt.Errorf("segment %s to build: %w", id, ErrNotFound)
	}
	return g, g.Version, wrap("claim build of segment", err)
}

// BuildProgress notes how far the build of a segment has come. It commits at once, while the build is under way.
func (s *Store) BuildProgress(ctx context.Context, workspace int64, id string, scanned, total int64) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		_, err := tx.conn.Exec(ctx, `INSERT INTO segment_builds (workspace_id, segment_id, scanned, total)
			VALUES ($1, $2, $3, $4) ON CONFLICT (workspace_id, segment_id)
			DO UPDATE SET scanned = excluded.scanned, total = excluded.total`, workspace, id, scanned, total)
		return err
	})
	return wrap("note progress of build", err)
}

// SwapMembers makes exactly those members of a segment that a query, of one column with ids of customers, gives. The
// segment must be building, and stays so. Whoever was a member already stays as they are. Segments that mention this one
// are told of those that joined or left; campaigns are not.
func (tx *Tx) SwapMembers(ctx context.Context, seg LiveSegment, selectSQL string, args []any, at time.Time, cause string) (joined, left int64, err error) {
	// Apart from the rest, because Postgres selects with several processes at once only where nothing is written.
	if _, err := tx.conn.Exec(ctx, `CREATE TEMPORARY TABLE dotyk_wanted ON COMMIT DROP AS
		SELECT DISTINCT w.id FROM (`+selectSQL+`) AS w (id)`, composed(args)...); err != nil {
		return 0, 0, fmt.Errorf("select members: %w", err)
	}
	b := &pgx.Batch{}
	b.Queue(`ANALYZE dotyk_wanted`)
	queueSharedLock(b, mentionsLock, tx.Workspace)
	b.Queue(sqlSwap, tx.Workspace, seg.ID, rules.MentionSegment+seg.Name, at, cause, seg.Version).
		QueryRow(func(row pgx.Row) error {
			var woken int64
			return row.Scan(&joined, &left, &woken)
		})
	b.Queue(`DROP TABLE dotyk_wanted`) // another segment may be built in this transaction
	if err := tx.batch(ctx, b); err != nil {
		return 0, 0, fmt.Errorf("swap members: %w", err)
	}
	return joined, left, nil
}

// sqlSwap compares members with dotyk_wanted, writes the difference, and queues it for the segments that mention this
// one.
const sqlSwap = `WITH entered AS (
		INSERT INTO segment_members (workspace_id, segment_id, customer_id, joined_at, cause)
		SELECT $1, $2, w.id, $4, $5 FROM dotyk_wanted w WHERE NOT EXISTS (
			SELECT FROM segment_members m WHERE m.workspace_id = $1 AND m.segment_id = $2 AND m.customer_id = w.id)
		ORDER BY w.id ON CONFLICT DO NOTHING RETURNING customer_id),
	gone AS (
		DELETE FROM segment_members m WHERE m.workspace_id = $1 AND m.segment_id = $2 AND NOT EXISTS (
			SELECT FROM dotyk_wanted w WHERE w.id = m.customer_id) RETURNING m.customer_id),
	moved AS (
		SELECT customer_id, true AS joined FROM entered UNION ALL SELECT customer_id, false FROM gone),
	changed AS (
		INSERT INTO segment_changes (workspace_id, segment_id, customer_id, at, joined, cause, version)
		SELECT $1, $2, customer_id, $4, joined, $5, $6 FROM moved),
	queued AS (
		INSERT INTO intake (workspace_id, shard, customer_id, changed)
		SELECT $1, dotyk_shard(customer_id), customer_id, ARRAY[$3::text] FROM moved WHERE EXISTS (
			SELECT FROM segments s WHERE s.workspace_id = $1 AND s.deleted_at IS NULL AND $3 = ANY (s.mentions))
		RETURNING shard),
	woken AS (
		SELECT pg_notify('` + intakeChannel + `', shard::text) FROM (SELECT DISTINCT shard FROM queued) q)
	SELECT count(*) FILTER (WHERE joined), count(*) FILTER (WHERE NOT joined), (SELECT count(*) FROM woken) FROM moved`

// FinishBuild ends the build of a version of a segment: it is live, or, for a problem, failed. ErrNotFound when it was
// edited or deleted meanwhile, or nobody built it. What came up during the build is judged from then on.
func (tx *Tx) FinishBuild(ctx context.Context, id string, version int, problem string) error {
	status := SegmentLive
	if problem != "" {
		status = SegmentFailed
	}
	var finished int64
	b := &pgx.Batch{}
	// Nobody judges customers or takes records over until the end of this transaction, which should come soon.
	queueLock(b, segmentsLock, tx.Workspace)
	b.Queue(`UPDATE segments SET status = $4, problem = $5, built_at = CASE WHEN $5 = '' THEN now() ELSE built_at END
		WHERE workspace_id = $1 AND id = $2 AND version = $3 AND status = 'building' AND deleted_at IS NULL`,
		tx.Workspace, id, version, status, clean(problem)).
		Exec(func(tag pgconn.CommandTag) error {
			finished = tag.RowsAffected()
			return nil
		})
	b.Queue(`DELETE FROM segment_builds WHERE workspace_id = $1 AND segment_id = $2`, tx.Workspace, id)
	if problem == "" {
		queueLeaveMerged(b, tx.Workspace, id)
	} else { // the next build judges everybody
		b.Queue(`DELETE FROM segment_checks WHERE workspace_id = $1 AND segment_id = $2`, tx.Workspace, id)
	}
	for shard := range Shards {
		b.Queue(`SELECT pg_notify($1, $2)`, intakeChannel, strconv.Itoa(shard))
	}
	if err := tx.batch(ctx, b); err != nil {
		return fmt.Errorf("finish build of segment: %w", err)
	}
	if finished == 0 {
		return fmt.Errorf("finish build of version %d of segment %s: %w", version, id, ErrNotFound)
	}
	return nil
}

// queueLeaveMerged takes those out that another record took over while the build was under way: the merge could not see
// them in it.
func queueLeaveMerged(b *pgx.Batch, ws int64, id string) {
	b.Queue(`WITH gone AS (
			DELETE FROM segment_members m USING customers c WHERE m.workspace_id = $1 AND m.segment_id = $2
				AND c.workspace_id = $1 AND c.id = m.customer_id AND c.merged_into IS NOT NULL
			RETURNING m.customer_id)
		INSERT INTO segment_changes (workspace_id, segment_id, customer_id, at, joined, cause, version)
		SELECT $1, $2, g.customer_id, now(), false, 'merge', s.version FROM gone g
		JOIN segments s ON s.workspace_id = $1 AND s.id = $2`, ws, id)
}
