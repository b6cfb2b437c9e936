package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"dotyk/rules"
)

// changedAll is the mention of a customer of whom everything may have changed: a new one, or one that took over another.
const changedAll = rules.MentionProfile + "*"

// ChangedHistory stands among what changed where an import of the past brought it about. No segment mentions it.
const ChangedHistory = "history:"

// The advisory locks of a workspace, beside ingestLock. Whoever needs several takes them in this order, after the rows
// of segments that it changes.
const (
	shardLock    = 7462 // with workspace*8+shard: judging the customers of a shard, one transaction at a time
	segmentsLock = 7463 // shared: judging customers; exclusive: what segments there are, and which are live
	mentionsLock = 7464 // shared: writing what only matters where a segment mentions it; exclusive: changing mentions
)

func queueLock(b *pgx.Batch, lock int, of int64) {
	b.Queue(`SELECT pg_advisory_xact_lock($1, $2)`, int32(lock), int32(of)) //nolint:gosec // constants; a collision only makes two tenants wait for each other
}

func queueSharedLock(b *pgx.Batch, lock int, of int64) {
	b.Queue(`SELECT pg_advisory_xact_lock_shared($1, $2)`, int32(lock), int32(of)) //nolint:gosec // see queueLock
}

// queueShardLock waits until nobody else judges customers of the shard.
func queueShardLock(b *pgx.Batch, ws int64, shard int16) {
	queueLock(b, shardLock, ws*8+int64(shard))
}

// queueChanges writes rows of the intake for changes that came without an event, one a customer, where a segment or a
// campaign mentions them. The source is a query of (customer, mention), whose parameters begin at $2.
func queueChanges(b *pgx.Batch, ws int64, source string, args ...any) {
	queueWatched(b, ws, source, `array_agg(DISTINCT c.mention ORDER BY c.mention)`, args...)
}

// queueWatched is queueChanges for rows that say something else than the mentions that led to them.
//
// The lock, in a statement of its own, sees to it that no segment slips through: a segment that is made meanwhile is
// either seen here, or made after this transaction, whose changes its build then sees. It is the same with a campaign that
// is published: nobody enters it before this transaction has ended.
func queueWatched(b *pgx.Batch, ws int64, source, changed string, args ...any) {
	queueSharedLock(b, mentionsLock, ws)
	b.Queue(`WITH watched AS MATERIALIZED (
			SELECT unnest(mentions || '{`+changedAll+`}') AS mention FROM segments
			WHERE workspace_id = $1 AND deleted_at IS NULL
			UNION SELECT unnest(mentions || '{`+changedAll+`}') FROM campaigns
			WHERE workspace_id = $1 AND mentions <> '{}' AND status IN ('live', 'paused')),
		change (customer, mention) AS (`+source+`),
		queued AS (
			INSERT INTO intake (workspace_id, shard, customer_id, changed)
			SELECT $1, dotyk_shard(c.customer), c.customer, `+changed+`
			FROM change c WHERE EXISTS (SELECT FROM watched) AND c.mention IN (SELECT mention FROM watched)
			GROUP BY c.customer ORDER BY c.customer RETURNING shard)
		SELECT pg_notify('`+intakeChannel+`', shard::text) FROM (SELECT DISTINCT shard FROM queued) q`,
		append([]any{ws}, args...)...)
}

// queueCustomerChanges is queueChanges for pairs of a customer and a mention.
func queueCustomerChanges(b *pgx.Batch, ws int64, customers, mentions []string) {
	if len(customers) > 0 {
		queueChanges(b, ws, `SELECT * FROM unnest($2::uuid[], $3::text[])`, customers, mentions)
	}
}

// queueTouchChanges tells that the touches have come into another state.
func queueTouchChanges(b *pgx.Batch, ws int64, touches ...string) {
	if len(touches) > 0 {
		queueChanges(b, ws, `SELECT t.customer_id, '`+rules.MentionTouch+`' || k.name || '/' || t.step
			FROM touches t JOIN campaigns k ON k.workspace_id = $1 AND k.id = t.campaign_id
			WHERE t.workspace_id = $1 AND t.id = ANY ($2)`, touches)
	}
}

// queueEntered tells that journeys of some customers began, each through the campaign of the same place.
func queueEntered(b *pgx.Batch, ws int64, customers, campaigns []string) {
	if len(customers) > 0 {
		queueChanges(b, ws, `SELECT u.customer, '`+rules.MentionJourneys+`' || k.name
			FROM unnest($2::uuid[], $3::uuid[]) AS u (customer, campaign)
			JOIN campaigns k ON k.workspace_id = $1 AND k.id = u.campaign`, customers, campaigns)
	}
}

// QueueChanges has the customers judged by the segments that mention what changed; the mention is one of
// rules.Needs.Mentions, or "customer:*" for all segments.
func (tx *Tx) QueueChanges(ctx context.Context, customers []string, mention string) error {
	b := &pgx.Batch{}
	queueCustomerChanges(b, tx.Workspace, customers, slices.Repeat([]string{mention}, len(customers)))
	if err := tx.batch(ctx, b); err != nil {
		return fmt.Errorf("queue change %s: %w", mention, err)
	}
	return nil
}

// changes lists, as mentions, the fields that a profile says something about, in no order.
func (p *Profile) changes() []string {
	var list []string
	add := func(name string, said bool) {
		if said {
			list = append(list, rules.MentionProfile+name)
		}
	}
	add("email", p.Email != nil)
	add("phone", p.Phone != nil)
	add("name", p.Name != nil)
	add("locale", p.Locale != nil)
	add("timezone", p.Timezone != nil)
	add("kind", p.Kind != nil)
	add("stage", p.Stage != nil)
	add("created_at", p.CreatedAt != nil)
	add("tags", len(p.AddTags)+len(p.RemoveTags) > 0)
	for name := range p.Attributes {
		add(clean(name), true)
	}
	if len(p.Consents) > 0 {
		list = append(list, rules.MentionConsents)
	}
	return list
}
