package store_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
)

// asApplication connects as the program's own connections do, without naming a workspace.
func asApplication(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) })
	_, err = conn.Exec(t.Context(), `SET ROLE dotyk_app`)
	require.NoError(t, err)
	return conn
}

func count(t *testing.T, conn *pgx.Conn, sql string, args ...any) int {
	t.Helper()
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

func TestIsolation(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	st := storetest.Open(t, url)
	ann, bob := storetest.Workspace(t, st), storetest.Workspace(t, st)
	ingest(t, st, ann, message("m1", nil))
	ingest(t, st, bob, message("m1", nil))
	secret := record(t, st, bob, "u1").Customer.ID
	hidden := segment(t, st, bob, "vip")
	build(t, st, bob, hidden, secret)
	write(t, st, bob, nil, store.Check{SegmentID: hidden.ID, CustomerID: secret, DueAt: noon})
	require.NoError(t, st.LearnStored(t.Context(), bob.Workspace))
	require.NoError(t, st.Declare(t.Context(), bob.Workspace, []store.CatalogueEntry{{Kind: store.KindEvent, Name: "e"}}))
	require.NoError(t, st.BuildProgress(t.Context(), bob.Workspace, hidden.ID, 1, 2))
	exec(t, url, `INSERT INTO scores (workspace_id, customer_id, name, value, computed_at)
		SELECT workspace_id, id, 'score.churn', '1', now() FROM customers`)

	t.Run("Shows nothing to a query without a workspace", func(t *testing.T) {
		t.Parallel()
		conn := asApplication(t, url)
		for _, table := range tables(t, conn) {
			require.Zero(t, count(t, conn, `SELECT count(*) FROM `+pgx.Identifier{table}.Sanitize()), table)
		}
	})

	t.Run("Forces row-level security on every table", func(t *testing.T) {
		t.Parallel()
		conn := asApplication(t, url)
		for _, table := range tables(t, conn) {
			var enabled, forced bool
			require.NoError(t, conn.QueryRow(t.Context(), `SELECT relrowsecurity, relforcerowsecurity FROM pg_class
				WHERE oid = to_regclass($1)`, table).Scan(&enabled, &forced))
			require.True(t, enabled && forced, table)
		}
	})

	t.Run("Begins the key of every table with the workspace", func(t *testing.T) {
		t.Parallel()
		conn := asApplication(t, url)
		for _, table := range tables(t, conn) {
			if table == "workspaces" {
				continue
			}
			var first string
			require.NoError(t, conn.QueryRow(t.Context(), `SELECT a.attname FROM pg_index i
				JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
				WHERE i.indrelid = to_regclass($1) AND i.indisprimary`, table).Scan(&first), table)
			require.Equal(t, "workspace_id", first, table)
		}
	})

	t.Run("Keeps partitions out of reach by their own names", func(t *testing.T) {
		t.Parallel()
		conn := asApplication(t, url)
		_, err := conn.Exec(t.Context(), `SELECT FROM events_before`)
		require.ErrorContains(t, err, "permission denied")
	})

	t.Run("Keeps a workspace from reading, writing or guessing another's rows", func(t *testing.T) {
		t.Parallel()
		conn := asApplication(t, url)
		_, err := conn.Exec(t.Context(), `SELECT set_config('dotyk.workspace', $1::text, false)`, itoa(ann.Workspace))
		require.NoError(t, err)
		require.Equal(t, 1, count(t, conn, `SELECT count(*) FROM customers`))
		require.Zero(t, count(t, conn, `SELECT count(*) FROM customers WHERE id = $1`, secret))
		require.Zero(t, count(t, conn, `SELECT count(*) FROM events WHERE customer_id = $1`, secret))

		tag, err := conn.Exec(t.Context(), `UPDATE customers SET name = 'mine' WHERE id = $1`, secret)
		require.NoError(t, err)
		require.Zero(t, tag.RowsAffected())
		_, err = conn.Exec(t.Context(), `INSERT INTO customers (workspace_id, id) VALUES ($1, gen_random_uuid())`, bob.Workspace)
		require.ErrorContains(t, err, "row-level security")
		_, err = conn.Exec(t.Context(), `UPDATE customers SET workspace_id = $1`, bob.Workspace)
		require.ErrorContains(t, err, "row-level security")
		for _, table := range []string{
			"segments", "segment_builds", "segment_members", "segment_changes", "segment_checks", "catalogue_seen", "catalogue_declared",
		} {
			require.Zero(t, count(t, conn, `SELECT count(*) FROM `+table), table)
		}
		require.Equal(t, 1, count(t, conn, `SELECT count(*) FROM scores`))
		_, err = conn.Exec(t.Context(), `INSERT INTO segment_members (workspace_id, segment_id, customer_id, joined_at, cause)
			VALUES ($1, $2, gen_random_uuid(), now(), 'event')`, bob.Workspace, hidden.ID)
		require.ErrorContains(t, err, "row-level security")
		// Taking the id of another's customer answers as any free id does: nothing can be learnt by trying.
		_, err = conn.Exec(t.Context(), `INSERT INTO customers (workspace_id, id) VALUES ($1, $2)`, ann.Workspace, secret)
		require.NoError(t, err)
	})

	t.Run("Shows the engine where work waits, and nobody's data", func(t *testing.T) {
		t.Parallel()
		conn := connect(t, url)
		_, err := conn.Exec(t.Context(), `SET ROLE dotyk_engine`)
		require.NoError(t, err)
		require.Equal(t, 1, count(t, conn, `SELECT count(segment_id) FROM segment_checks`))
		for _, query := range []string{
			`SELECT name FROM segments`, `SELECT customer_id FROM segment_checks`, `SELECT FROM segment_members`,
			`SELECT FROM segment_changes`, `SELECT FROM catalogue_seen`, `SELECT FROM scores`,
		} {
			_, err := conn.Exec(t.Context(), query)
			require.ErrorContains(t, err, "permission denied", query)
		}
	})

	t.Run("Lets nobody rewrite the ledgers", func(t *testing.T) {
		t.Parallel()
		conn := asApplication(t, url)
		for _, table := range []string{"consents", "audit", "campaign_versions", "touch_statuses", "dead_letters", "segment_changes"} {
			_, err := conn.Exec(t.Context(), `UPDATE `+table+` SET workspace_id = workspace_id`)
			require.ErrorContains(t, err, "permission denied", table)
			_, err = conn.Exec(t.Context(), `DELETE FROM `+table)
			require.ErrorContains(t, err, "permission denied", table)
		}
	})

	t.Run("Leaves no workspace behind on a connection that is given back", func(t *testing.T) {
		t.Parallel()
		for range 30 {
			require.NoError(t, st.Ping(t.Context()))
		}
		_, err := st.FindCustomer(t.Context(), 0, "u1")
		require.Error(t, err)
	})
}

// tables lists the tables of the product, without partitions.
func tables(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, _ := conn.Query(t.Context(), `SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
		AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'dotyk_migrations' ORDER BY 1`)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list
}
