package store

import (
	"context"
	"testing"

	"github.com/google/uuid"
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
