package store

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// queueMerges takes records over one after the other. A customer's segments are judged by one transaction at a time, so
// those who judge the records concerned must be done first.
func queueMerges(b *pgx.Batch, ws int64, merges []merge) {
	if len(merges) == 0 {
		return
	}
	var shards []int16
	for _, m := range merges {
		shards = append(shards, shardOf(m.winner), shardOf(m.loser))
	}
	slices.Sort(shards)
	for _, shard := range slices.Compact(shards) {
		queueShardLock(b, ws, shard)
	}
	queueSharedLock(b, segmentsLock, ws)
	for _, m := range merges {
		queueMerge(b, ws, m)
	}
}

// queueMerge moves everything of the loser's record to the winner's and leaves the loser as a sign that points there.
// Moved rows name the record they were made for, and an event on the winner's timeline says what happened and why.
func queueMerge(b *pgx.Batch, ws int64, m merge) {
	for _, table := range []string{"events", "decisions", "touches", "tasks"} {
		b.Queue(`UPDATE `+table+` SET merged_from = coalesce(merged_from, customer_id), customer_id = $2
			WHERE workspace_id = $1 AND customer_id = $3`, ws, m.winner, m.loser)
	}
	b.Queue(`UPDATE coupons SET customer_id = $2 WHERE workspace_id = $1 AND customer_id = $3`, ws, m.winner, m.loser)
	// Two active journeys of one campaign and key become one: the winner's goes on.
	b.Queue(`UPDATE journeys l SET status = 'exited', exit_reason = 'merged into another customer', ended_at = now(),
		due_at = NULL
		WHERE l.workspace_id = $1 AND l.customer_id = $3 AND l.status = 'active' AND EXISTS (
			SELECT FROM journeys w WHERE w.workspace_id = $1 AND w.customer_id = $2 AND w.status = 'active'
			AND w.campaign_id = l.campaign_id AND w.key = l.key)`, ws, m.winner, m.loser)
	b.Queue(`UPDATE journeys SET merged_from = coalesce(merged_from, customer_id), customer_id = $2
		WHERE workspace_id = $1 AND customer_id = $3`, ws, m.winner, m.loser)
	b.Queue(`UPDATE identities SET customer_id = $2 WHERE workspace_id = $1 AND customer_id = $3`, ws, m.winner, m.loser)
	b.Queue(`UPDATE intake SET customer_id = $2, shard = $4 WHERE workspace_id = $1 AND customer_id = $3`,
		ws, m.winner, m.loser, shardOf(m.winner))
	queueMergeSegments(b, ws, m)
	// The ledger of consents is append-only, so what the loser said is said again for the winner.
	b.Queue(`INSERT INTO consents (workspace_id, customer_id, channel, topic, action, occurred_at, method, source,
		text_shown, text_sha256, address_hash, actor, jurisdiction, expires_at, evidence)
		SELECT workspace_id, $2, channel, topic, action, occurred_at, method, source, text_shown, text_sha256, address_hash,
		actor, jurisdiction, expires_at, evidence || jsonb_build_object('merged_from', $3::uuid)
		FROM consents WHERE workspace_id = $1 AND customer_id = $3 ORDER BY id`, ws, m.winner, m.loser)
	b.Queue(`UPDATE customers w SET
		email = coalesce(nullif(w.email, ''), l.email), phone = coalesce(nullif(w.phone, ''), l.phone),
		name = coalesce(nullif(w.name, ''), l.name), locale = coalesce(nullif(w.locale, ''), l.locale),
		timezone = coalesce(nullif(w.timezone, ''), l.timezone), stage = coalesce(nullif(w.stage, ''), l.stage),
		tags = ARRAY(SELECT DISTINCT t FROM unnest(w.tags || l.tags) t ORDER BY t),
		attributes = l.attributes || w.attributes, created_at = least(w.created_at, l.created_at), updated_at = now()
		FROM customers l
		WHERE w.workspace_id = $1 AND w.id = $2 AND l.workspace_id = $1 AND l.id = $3`, ws, m.winner, m.loser)
	b.Queue(`UPDATE customers SET merged_into = $2, updated_at = now()
		WHERE workspace_id = $1 AND (id = $3 OR merged_into = $3)`, ws, m.winner, m.loser)
	b.Queue(`INSERT INTO merges (workspace_id, winner, loser, reason) VALUES ($1, $2, $3, $4)`,
		ws, m.winner, m.loser, m.reason)
	id := newID()
	b.Queue(`INSERT INTO events (workspace_id, id, customer_id, source_id, message_id, call, name, properties,
		occurred_at, received_at)
		VALUES ($1, $2, $3, 0, $8, $4, $5, jsonb_build_object('from', $6::uuid, 'reason', $7::text), now(), now())`,
		ws, id, m.winner, string(CallSystem), audience.EventMerged, m.loser, m.reason, id)
}

// queueMergeSegments takes the loser out of all segments. In a list that was imported the winner stands in; whether a rule
// holds for the winner now is found when the winner is picked.
func queueMergeSegments(b *pgx.Batch, ws int64, m merge) {
	b.Queue(`WITH gone AS (
			DELETE FROM segment_members WHERE workspace_id = $1 AND customer_id = $3 RETURNING segment_id),
		moved AS (
			INSERT INTO segment_members (workspace_id, segment_id, customer_id, joined_at, cause)
			SELECT $1, g.segment_id, $2, now(), 'merge' FROM gone g
			JOIN segments s ON s.workspace_id = $1 AND s.id = g.segment_id AND s.kind = 'static'
			ON CONFLICT DO NOTHING RETURNING segment_id)
		INSERT INTO segment_changes (workspace_id, segment_id, customer_id, at, joined, cause, version)
		SELECT $1, c.segment_id, c.customer, now(), c.joined, 'merge', s.version
		FROM (SELECT segment_id, $3::uuid AS customer, false AS joined FROM gone
			UNION ALL SELECT segment_id, $2::uuid, true FROM moved) c
		JOIN segments s ON s.workspace_id = $1 AND s.id = c.segment_id`, ws, m.winner, m.loser)
	b.Queue(`DELETE FROM segment_checks WHERE workspace_id = $1 AND customer_id = $2
		AND segment_id = ANY (ARRAY(SELECT id FROM segments WHERE workspace_id = $1))`, ws, m.loser)
}

// clean makes text fit for a text column, which takes neither NUL nor bytes that are not UTF-8.
func clean(s string) string {
	if utf8.ValidString(s) && !strings.ContainsRune(s, 0) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
