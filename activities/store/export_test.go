package store

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// CheckShards compares the shards that the program and the database compute; it is run by the tests that have one.
func CheckShards(ctx context.Context, t *testing.T, s *Store) {
	t.Helper()
	seen := map[int16]bool{}
	for range 200 {
		id := uuid.NewString()
		var shard int16
		require.NoError(t, s.app.QueryRow(ctx, `SELECT dotyk_shard($1)`, id).Scan(&shard))
		require.Equal(t, shardOf(id), shard, id)
		seen[shard] = true
	}
	require.Len(t, seen, Shards)
}

// ShardOf is shardOf for tests.
func ShardOf(customer string) int16 { return shardOf(customer) }

// PublishAt is Store.Publish at a moment.
func PublishAt(ctx context.Context, t *testing.T, s *Store, workspace int64, p Publication, now time.Time) Published {
	t.Helper()
	var out Published
	require.NoError(t, s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		out, err = tx.publish(ctx, p, now)
		return err
	}))
	return out
}

// SetStatusAt is Store.SetCampaignStatus at a moment.
func SetStatusAt(ctx context.Context, t *testing.T, s *Store, workspace int64, name string, status CampaignStatus, now time.Time) {
	t.Helper()
	require.NoError(t, s.In(ctx, workspace, func(tx *Tx) error { return tx.setStatus(ctx, name, status, now) }))
}

// Schedules gives the next moment of each zone of customers, over all campaigns.
func Schedules(ctx context.Context, t *testing.T, s *Store, workspace int64) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT zone, next_at FROM campaign_schedules WHERE workspace_id = $1`, workspace)
		var zone string
		var at time.Time
		_, err := pgx.ForEachRow(rows, []any{&zone, &at}, func() error {
			found[zone] = at.UTC().Format(time.RFC3339)
			return nil
		})
		return err
	}))
	return found
}

// Entries gives what was let in without anything happening, as "kind zone moment", oldest first.
func Entries(ctx context.Context, t *testing.T, s *Store, workspace int64) []string {
	t.Helper()
	var list []string
	require.NoError(t, s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT kind || ' ' || zone || ' ' || coalesce(to_char(at AT TIME ZONE 'UTC', 'MM-DD HH24:MI'), '')
			FROM audience_entries WHERE workspace_id = $1 ORDER BY at, zone`, workspace)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	}))
	return list
}

// Audits gives the actions that left a trace with what they say, oldest first.
func Audits(ctx context.Context, t *testing.T, s *Store, workspace int64, action string) []string {
	t.Helper()
	var list []string
	require.NoError(t, s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT detail::text FROM audit WHERE workspace_id = $1 AND action = $2 ORDER BY id`,
			workspace, action)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	}))
	return list
}

// Coupon puts a code that a campaign gave to a customer into the store.
func Coupon(ctx context.Context, t *testing.T, s *Store, workspace int64, code, customer string, transferable bool, expires time.Time) {
	t.Helper()
	require.NoError(t, s.In(ctx, workspace, func(tx *Tx) error {
		_, err := tx.conn.Exec(ctx, `INSERT INTO coupons (workspace_id, id, code, customer_id, event, property, transferable,
			expires_at) VALUES ($1, $2, $3, $4, 'order_completed', 'coupon', $5, $6)`,
			workspace, newID(), code, customer, transferable, expires)
		return err
	}))
}

// PersonalTables are the tables of which an erasure and an export know.
func PersonalTables() (erased, exported []string) {
	erased, exported = slices.Clone(notErased), append(slices.Clone(notExported), "segment_changes")
	for _, e := range erasures {
		erased = append(erased, e.table)
	}
	for _, e := range exports {
		exported = append(exported, e.name)
	}
	return erased, exported
}
