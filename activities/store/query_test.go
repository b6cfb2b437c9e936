package store_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	st := storetest.Open(t, url)
	ann, bob := storetest.Workspace(t, st), storetest.Workspace(t, st)
	person(t, st, ann, "u1")
	person(t, st, ann, "u2")
	person(t, st, bob, "u1")
	none := func(pgx.Rows) error { return nil }

	t.Run("Hands over every row, of one workspace", func(t *testing.T) {
		t.Parallel()
		var ids []string
		err := st.Query(t.Context(), ann.Workspace, `SELECT external_id FROM customers WHERE external_id <> $1`, []any{"x"}, time.Minute,
			func(rows pgx.Rows) error {
				var id string
				err := rows.Scan(&id)
				ids = append(ids, id)
				return err
			})
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"u1", "u2"}, ids)
	})
	t.Run("Changes nothing", func(t *testing.T) {
		t.Parallel()
		err := st.Query(t.Context(), ann.Workspace, `UPDATE customers SET name = 'x' RETURNING id`, nil, 0, none)
		require.ErrorContains(t, err, "read-only")
	})
	t.Run("Gives up what takes too long", func(t *testing.T) {
		t.Parallel()
		err := st.Query(t.Context(), ann.Workspace, `SELECT pg_sleep(60)`, nil, 20*time.Millisecond, none)
		require.ErrorIs(t, err, store.ErrTooSlow)
	})
	t.Run("Ends with the caller's error", func(t *testing.T) {
		t.Parallel()
		enough := errors.New("enough")
		err := st.Query(t.Context(), ann.Workspace, `SELECT generate_series(1, 10)`, nil, 0, func(pgx.Rows) error { return enough })
		require.ErrorIs(t, err, enough)
		require.ErrorContains(t, st.Query(t.Context(), ann.Workspace, `SELECT nonsense`, nil, 0, none), "nonsense")
	})
	t.Run("Counts in UTC, whatever the server does", func(t *testing.T) {
		t.Parallel()
		exec(t, url, `ALTER DATABASE `+storetest.Database(url)+` SET timezone = 'Asia/Tokyo'`)
		other := storetest.Open(t, url)
		var zone string
		require.NoError(t, other.Query(t.Context(), ann.Workspace, `SHOW timezone`, nil, 0, func(rows pgx.Rows) error { return rows.Scan(&zone) }))
		require.Equal(t, "UTC", zone)
	})
	t.Run("Knows the time zones by their names", func(t *testing.T) {
		t.Parallel()
		zones, err := st.Zones(t.Context())
		require.NoError(t, err)
		require.True(t, slices.IsSorted(zones))
		require.Subset(t, zones, []string{"Europe/Kyiv", "America/Argentina/Buenos_Aires", "UTC", "Etc/GMT+2"})
		require.NotContains(t, zones, "posixrules")
		again, err := st.Zones(t.Context())
		require.NoError(t, err)
		require.Equal(t, zones, again)
		_, err = storetest.New(t).Zones(t.Context())
		require.NoError(t, err)
	})
	t.Run("Agrees with the program about shards", func(t *testing.T) {
		t.Parallel()
		store.CheckShards(t.Context(), t, st)
	})
}

// TestNumbers makes sure that numbers come back as they were stored: none passes through a float.
func TestNumbers(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	const long = json.Number("12345678901234567891")
	ingest(t, st, seed, message("m1", func(m *store.Message) {
		m.Properties = json.RawMessage(`{"id": 12345678901234567891, "total": 0.10, "list": [1e2]}`)
		m.Profile.Attributes = map[string]any{"card": long}
	}))
	r := record(t, st, seed, "u1")
	require.Equal(t, map[string]any{"card": long}, r.Customer.Attributes)
	want := map[string]any{"id": long, "total": json.Number("0.10"), "list": []any{json.Number("100")}}
	require.Equal(t, want, r.Timeline[0].Properties)
	inTx(t, st, seed, func(tx *store.Tx) error {
		events, err := tx.ClaimEvents(t.Context(), store.ShardOf(r.Customer.ID), 10)
		require.Len(t, events, 1)
		require.Equal(t, want, events[0].Properties)
		return err
	})
}
