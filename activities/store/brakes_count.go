package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"dotyk/channels"
)

// Brakes judge counters of messages by campaign, channel and minute. Sending does not write them: that would make all
// senders of a campaign wait for one row. A look reads the statuses that were written since the look before, and adds
// them up; it costs as much as there are new statuses, however many messages there are.

// brakesLock lets one look at a workspace at a time. Unlike the lock of a row it gives the transaction no id, see mark.
const brakesLock = 7470

// WorkspacesToJudge lists the workspaces in which something happened to messages that no brake has seen.
func (s *Store) WorkspacesToJudge(ctx context.Context) ([]int64, error) {
	rows, _ := s.engine.Query(ctx, `SELECT w.id FROM workspaces w LEFT JOIN brake_marks m ON m.workspace_id = w.id
		WHERE EXISTS (SELECT FROM touch_statuses s WHERE s.workspace_id = w.id AND s.id > coalesce(m.after, 0))
			OR EXISTS (SELECT FROM brake_signals g WHERE g.workspace_id = w.id AND NOT g.counted)
		ORDER BY w.id`)
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return list, wrap("find messages that no brake has seen", err)
}

// Signal is what a recipient did because of a message that she got.
type Signal struct {
	TouchID string
	Kind    SignalKind
}

// SignalKind says what a recipient did.
type SignalKind string

// The kinds of signals.
const (
	SignalComplaint   SignalKind = "complaint"
	SignalUnsubscribe SignalKind = "unsubscribe"
)

// NoteSignals has brakes count what recipients did, each message once a kind. What names no message of the workspace is
// left out.
func (tx *Tx) NoteSignals(ctx context.Context, signals []Signal) error {
	if len(signals) == 0 {
		return nil
	}
	var touches, kinds []string
	for _, s := range signals {
		touches, kinds = append(touches, s.TouchID), append(kinds, string(s.Kind))
	}
	_, err := tx.conn.Exec(ctx, `INSERT INTO brake_signals (workspace_id, touch_id, kind)
		SELECT DISTINCT $1::bigint, t.id, u.kind FROM unnest($2::uuid[], $3::text[]) AS u (touch, kind)
		JOIN touches t ON t.workspace_id = $1 AND t.id = u.touch
		ORDER BY t.id, u.kind ON CONFLICT DO NOTHING`, tx.Workspace, touches, kinds)
	return wrap("note complaints and unsubscriptions", err)
}

// countBrakes adds to the counters what happened since they were counted last, and lists the campaigns that it concerns.
// While somebody else counts it does nothing: who does, sees it, or the next look will.
func (tx *Tx) countBrakes(ctx context.Context) (campaigns []string, err error) {
	var free bool
	if err := tx.conn.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1, $2)`, brakesLock,
		int32(tx.Workspace)).Scan(&free); err != nil || !free { //nolint:gosec // see queueLock
		return nil, wrap("lock counters of brakes", err)
	}
	m, err := tx.mark(ctx)
	if err != nil {
		return nil, err
	}
	l, err := tx.countFrom(ctx, m)
	if err != nil {
		return nil, err
	}
	return l.campaigns, tx.moveMark(ctx, m, l)
}

// mark is how far a workspace has been counted, see the table brake_marks.
type mark struct {
	after    int64
	seen     *string // snapshot
	next     *int64
	restored bool // the database was copied to another server, whose transactions have other numbers
}

func (tx *Tx) mark(ctx context.Context) (mark, error) {
	var m mark
	err := tx.conn.QueryRow(ctx, `SELECT after, seen::text, next,
		coalesce(next_by >= pg_snapshot_xmax(pg_current_snapshot()), false)
			OR coalesce(pg_snapshot_xmax(seen) > pg_snapshot_xmax(pg_current_snapshot()), false)
		FROM brake_marks WHERE workspace_id = $1`, tx.Workspace).Scan(&m.after, &m.seen, &m.next, &m.restored)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	if m.restored { // all that is there was seen
		err = tx.conn.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM touch_statuses WHERE workspace_id = $1`, tx.Workspace).
			Scan(&m.after)
		m.seen, m.next = nil, nil
	}
	return m, wrap("read mark of brakes", err)
}

// look is what one look found.
type look struct {
	campaigns []string
	snapshot  string // what it saw
	last      *int64 // the highest status behind the mark
}

// answers are the statuses by which it is known what became of a message.
const answers = `('accepted', 'delivered', 'failed', 'uncertain')`

// firstAnswer is when the answer to message t came first: from then on it counts as a message. What follows is what came
// back of it.
const firstAnswer = `LATERAL (SELECT p.id, p.at, p.status FROM touch_statuses p WHERE p.workspace_id = $1 AND p.touch_id = t.id
	AND p.status IN ` + answers + ` ORDER BY p.id LIMIT 1) f`

// countFrom counts the statuses behind the mark that its snapshot did not show, by the minute in which they were written;
// a minute in which a brake was released is cut in two. What comes back of messages from before a release counts no more.
//
// The id of a row's transaction is its xmin, of 32 bits: the rest is that of the present.
func (tx *Tx) countFrom(ctx context.Context, m mark) (look, error) {
	var l look
	err := tx.conn.QueryRow(ctx, `WITH now AS MATERIALIZED (
			SELECT pg_current_snapshot() AS snapshot, pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xid),
		fresh AS MATERIALIZED (
			SELECT s.id, s.touch_id, s.status, s.detail, s.at FROM touch_statuses s, now n
			WHERE s.workspace_id = $1 AND s.id > $2 AND ($3::text IS NULL OR NOT pg_visible_in_snapshot(
				(n.xid - ((n.xid - s.xmin::text::bigint) & 4294967295))::text::xid8, $3::text::pg_snapshot))),
		signalled AS (
			UPDATE brake_signals SET counted = true WHERE workspace_id = $1 AND NOT counted RETURNING touch_id, kind, at),
		released AS MATERIALIZED (
			SELECT campaign_id, channel, max(released_at) AS at FROM brakes
			WHERE workspace_id = $1 AND released_at IS NOT NULL GROUP BY campaign_id, channel),
		happened AS (
			SELECT t.campaign_id, t.channel, t.transactional, s.at, f.at AS sent_at, s.id = f.id AS message,
				s.status = 'failed' AS failure,
				s.status = 'failed' AND (f.status IN ('accepted', 'delivered') OR starts_with(s.detail, $4)) AS bounce,
				'' AS signal, CASE WHEN s.id = f.id THEN t.cost ELSE 0 END AS cost
			FROM fresh s JOIN touches t ON t.workspace_id = $1 AND t.id = s.touch_id
			CROSS JOIN `+firstAnswer+`
			WHERE s.status IN `+answers+` AND t.campaign_id IS NOT NULL AND t.channel IN ('email', 'sms')
			UNION ALL
			SELECT t.campaign_id, t.channel, t.transactional, g.at, f.at, false, false, false, g.kind, 0
			FROM signalled g JOIN touches t ON t.workspace_id = $1 AND t.id = g.touch_id
			CROSS JOIN `+firstAnswer+`
			WHERE t.campaign_id IS NOT NULL AND t.channel IN ('email', 'sms')),
		summed AS (
			INSERT INTO brake_counts AS b (workspace_id, campaign_id, channel, transactional, since, messages, failures,
				bounces, complaints, unsubscribes, cost)
			SELECT $1, h.campaign_id, h.channel, h.transactional, greatest(date_trunc('minute', h.at), cut.at),
				count(*) FILTER (WHERE message), count(*) FILTER (WHERE failure), count(*) FILTER (WHERE bounce),
				count(*) FILTER (WHERE signal = 'complaint'), count(*) FILTER (WHERE signal = 'unsubscribe'), sum(cost)
			FROM happened h
			CROSS JOIN LATERAL (SELECT max(r.at) FILTER (WHERE r.at <= h.at) AS at, max(r.at) AS last FROM released r
				WHERE coalesce(r.campaign_id = h.campaign_id, true) AND r.channel IN ('', h.channel)) cut
			WHERE (message OR failure OR signal <> '') AND (message OR cut.last IS NULL OR h.sent_at >= cut.last)
			GROUP BY 2, 3, 4, 5
			ON CONFLICT (workspace_id, campaign_id, since, channel, transactional) DO UPDATE SET
				messages = b.messages + excluded.messages, failures = b.failures + excluded.failures,
				bounces = b.bounces + excluded.bounces, complaints = b.complaints + excluded.complaints,
				unsubscribes = b.unsubscribes + excluded.unsubscribes, cost = b.cost + excluded.cost
			RETURNING campaign_id)
		SELECT coalesce((SELECT array_agg(DISTINCT campaign_id::text) FROM summed), '{}'), n.snapshot::text,
			(SELECT max(id) FROM touch_statuses WHERE workspace_id = $1 AND id > $2) FROM now n`,
		composed([]any{tx.Workspace, m.after, m.seen, channels.BadAddress.String()})...).Scan(&l.campaigns, &l.snapshot, &l.last)
	return l, wrap("count messages for brakes", err)
}

// moveMark notes what a look saw. Whoever had a status with an id up to l.last had the id of a transaction before this
// one got its own, which it has only by now: l.last is the next mark, once all those have ended.
func (tx *Tx) moveMark(ctx context.Context, m mark, l look) error {
	_, err := tx.conn.Exec(ctx, `INSERT INTO brake_marks AS b (workspace_id, after, seen, next, next_by)
		VALUES ($1, $2, $3::text::pg_snapshot, $4::bigint, CASE WHEN $4::bigint IS NOT NULL THEN pg_current_xact_id() END)
		ON CONFLICT (workspace_id) DO UPDATE SET seen = excluded.seen,
			after = CASE WHEN $5 THEN excluded.after
				WHEN b.next_by <= pg_snapshot_xmin(excluded.seen) THEN greatest(b.after, b.next) ELSE b.after END,
			next = CASE WHEN b.next IS NULL OR $5 OR b.next_by <= pg_snapshot_xmin(excluded.seen)
				THEN excluded.next ELSE b.next END,
			next_by = CASE WHEN b.next IS NULL OR $5 OR b.next_by <= pg_snapshot_xmin(excluded.seen)
				THEN excluded.next_by ELSE b.next_by END`,
		tx.Workspace, m.after, l.snapshot, l.last, m.restored)
	if err != nil {
		return fmt.Errorf("move mark of brakes: %w", err)
	}
	return nil
}
