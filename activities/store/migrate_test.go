package store_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
)

func exec(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
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
	})

	t.Run("Says what to do when the database is not migrated", func(t *testing.T) {
		t.Parallel()
		_, err := store.Open(t.Context(), storetest.Empty(t), store.Options{})
		require.Error(t, err)
	})
}
