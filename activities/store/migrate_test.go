package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules"
)

func exec(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
}

// migrateTo brings an empty database to what the program had after so many steps.
func migrateTo(t *testing.T, url string, steps int) {
	t.Helper()
	conn := connect(t, url)
	_, err := conn.Exec(t.Context(), `CREATE TABLE dotyk_migrations (
		name text PRIMARY KEY, sum text NOT NULL, at timestamptz NOT NULL DEFAULT now())`)
	require.NoError(t, err)
	names, err := filepath.Glob("migrations/*.sql")
	require.NoError(t, err)
	for _, name := range names[:steps] {
		sql, err := os.ReadFile(name)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), string(sql))
		require.NoError(t, err)
		sum := sha256.Sum256(sql)
		_, err = conn.Exec(t.Context(), `INSERT INTO dotyk_migrations (name, sum) VALUES ($1, $2)`, name, hex.EncodeToString(sum[:]))
		require.NoError(t, err)
	}
	_, err = conn.Exec(t.Context(), `SELECT dotyk_event_partitions(1)`)
	require.NoError(t, err)
}

func TestMigrate(t *testing.T) {
	t.Parallel()

	t.Run("Does nothing to a database that is up to date", func(t *testing.T) {
		t.Parallel()
		steps, err := store.Migrate(t.Context(), storetest.URL(t))
		require.NoError(t, err)
		require.Empty(t, steps)
	})

	t.Run("Takes several programs at once", func(t *testing.T) {
		t.Parallel()
		url := storetest.Empty(t)
		var g errgroup.Group
		for range 4 {
			g.Go(func() error {
				_, err := store.Migrate(t.Context(), url)
				return err
			})
		}
		require.NoError(t, g.Wait())
		storetest.Open(t, url)
	})

	t.Run("Refuses a database of another version of the program", func(t *testing.T) {
		t.Parallel()
		url := storetest.URL(t)
		exec(t, url, `INSERT INTO dotyk_migrations (name, sum) VALUES ('migrations/9999_later.sql', 'x')`)
		_, err := store.Migrate(t.Context(), url)
		require.ErrorIs(t, err, store.ErrForeignSchema)
		url = storetest.URL(t)
		exec(t, url, `UPDATE dotyk_migrations SET sum = 'changed' WHERE name LIKE '%0002%'`)
		_, err = store.Migrate(t.Context(), url)
		require.ErrorIs(t, err, store.ErrForeignSchema)
	})

	t.Run("Takes along what stood there before segments", func(t *testing.T) {
		t.Parallel()
		url := storetest.Empty(t)
		migrateTo(t, url, 4)
		exec(t, url, `
			INSERT INTO workspaces (id, slug, name, secret) VALUES (1, 'old', 'Old shop', 'secret');
			INSERT INTO customers (workspace_id, id, email, attributes)
				VALUES (1, '11111111-1111-4111-8111-111111111111', 'ann@example.com', '{"plan": "pro"}');
			INSERT INTO events (workspace_id, id, customer_id, source_id, message_id, call, name, occurred_at, received_at)
				VALUES (1, '22222222-2222-4222-8222-222222222222', '11111111-1111-4111-8111-111111111111', 1, 'm1', 'track',
					'registered', '2026-01-01 12:00Z', '2026-01-01 12:00Z');
			INSERT INTO intake (workspace_id, shard, event_id, occurred_at, customer_id)
				VALUES (1, 2, '22222222-2222-4222-8222-222222222222', '2026-01-01 12:00Z', '11111111-1111-4111-8111-111111111111')`)
		steps, err := store.Migrate(t.Context(), url)
		require.NoError(t, err)
		all, err := filepath.Glob("migrations/*.sql")
		require.NoError(t, err)
		require.Equal(t, all[4:], steps)
		st := storetest.Open(t, url)
		seed := storetest.Seed{Workspace: 1}
		inTx(t, st, seed, func(tx *store.Tx) error {
			events, err := tx.ClaimEvents(t.Context(), 2, 10)
			require.Len(t, events, 1)
			require.Equal(t, "registered", events[0].Name)
			require.Empty(t, events[0].Changed)
			return err
		})
		require.NoError(t, st.LearnStored(t.Context(), 1))
		known, err := st.Schema(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, map[string]rules.Type{"plan": rules.TypeText}, known.Attributes)
	})

	t.Run("Works for a user who is no superuser", func(t *testing.T) {
		t.Parallel()
		url := storetest.Empty(t)
		name := storetest.Database(url)
		exec(t, url, `CREATE ROLE owner_`+name+` LOGIN CREATEROLE`)
		exec(t, url, `GRANT dotyk_app, dotyk_engine TO owner_`+name)
		exec(t, url, `GRANT ALL ON SCHEMA public TO owner_`+name)
		exec(t, url, `ALTER DATABASE `+name+` OWNER TO owner_`+name)
		own := storetest.As(url, "owner_"+name)
		_, err := store.Migrate(t.Context(), own)
		require.NoError(t, err)
		st := storetest.Open(t, own)
		seed := storetest.Workspace(t, st)
		require.Equal(t, 1, ingest(t, st, seed, message("m1", nil)).Stored)
		require.Equal(t, []string{"registered"}, names(record(t, st, seed, "u1")))
		joined, _ := build(t, st, seed, segment(t, st, seed, "vip"), record(t, st, seed, "u1").Customer.ID)
		require.EqualValues(t, 1, joined)
	})

	t.Run("Says what to do when the database is not migrated", func(t *testing.T) {
		t.Parallel()
		_, err := store.Open(t.Context(), storetest.Empty(t), store.Options{})
		require.Error(t, err)
	})
}
