package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules/audience"
)

func TestBuild(t *testing.T) {
	t.Parallel()

	t.Run("Makes members of exactly those that were selected", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		u1, u2, u3 := person(t, st, seed, "u1"), person(t, st, seed, "u2"), person(t, st, seed, "u3")
		waiting(t, st, seed)
		g := segment(t, st, seed, "vip")
		joined, left := build(t, st, seed, g, u1, u2, u2)
		require.Equal(t, [2]int64{2, 0}, [2]int64{joined, left})
		built, err := st.Segment(t.Context(), seed.Workspace, "vip")
		require.NoError(t, err)
		require.Equal(t, store.SegmentLive, built.Status)
		require.EqualValues(t, 2, built.Members)
		require.False(t, built.BuiltAt.IsZero())

		_, err = st.EditSegment(t.Context(), seed.Workspace, "vip", store.SegmentDraft{Rule: "other"})
		require.NoError(t, err)
		joined, left = build(t, st, seed, g, u2, u3)
		require.Equal(t, [2]int64{1, 1}, [2]int64{joined, left})
		require.ElementsMatch(t, []string{u2, u3}, members(t, st, seed, "vip", time.Time{}))
		require.Empty(t, waiting(t, st, seed), "a build is no event")
		changes := history(t, st, seed, "vip", "")
		require.Len(t, changes, 4)
		require.Equal(t, "edit", changes[0].Cause)
		require.Equal(t, 2, changes[0].Version)
		require.Equal(t, "build", changes[3].Cause)
	})

	t.Run("Sees one workspace", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		ann, bob := storetest.Workspace(t, st), storetest.Workspace(t, st)
		person(t, st, bob, "u1")
		u1 := person(t, st, ann, "u1")
		g := segment(t, st, ann, "all")
		inTx(t, st, ann, func(tx *store.Tx) error {
			claimed, _, err := tx.ClaimBuild(t.Context(), g.ID)
			require.NoError(t, err)
			_, _, err = tx.SwapMembers(t.Context(), claimed, `SELECT c.id FROM customers c WHERE email <> $1`, []any{"x"}, noon, "build")
			require.NoError(t, err)
			_, _, err = tx.SwapMembers(t.Context(), claimed, `SELECT c.id FROM customers c`, nil, noon, "build")
			return err // twice in one transaction
		})
		require.Equal(t, []string{u1}, members(t, st, ann, "all", time.Time{}))
		inTx(t, st, bob, func(tx *store.Tx) error {
			_, _, err := tx.ClaimBuild(t.Context(), g.ID)
			require.ErrorIs(t, err, store.ErrNotFound)
			return nil
		})
	})

	t.Run("Tells the segments that mention it", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		u1, u2 := person(t, st, seed, "u1"), person(t, st, seed, "u2")
		waiting(t, st, seed)
		base, dependent := segment(t, st, seed, "base"), segment(t, st, seed, "dependent", "segment:base")
		build(t, st, seed, dependent, u1)
		build(t, st, seed, base, u1, u2)
		changes := waiting(t, st, seed)
		require.Len(t, changes, 2)
		for _, c := range changes {
			require.Empty(t, c.ID)
			require.Contains(t, []string{u1, u2}, c.CustomerID)
			require.Equal(t, []string{"segment:base"}, c.Changed)
		}
	})

	t.Run("Is one builder's, of one version", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		g := segment(t, st, seed, "vip", "customer:plan")
		inTx(t, st, seed, func(tx *store.Tx) error {
			claimed, version, err := tx.ClaimBuild(t.Context(), g.ID)
			require.NoError(t, err)
			require.Equal(t, store.LiveSegment{
				ID: g.ID, Name: "vip", Rule: g.Rule, Version: 1, Status: store.SegmentBuilding, Mentions: []string{"customer:plan"},
			}, claimed)
			require.Equal(t, 1, version)
			inTx(t, st, seed, func(tx *store.Tx) error {
				_, _, err := tx.ClaimBuild(t.Context(), g.ID)
				require.ErrorIs(t, err, store.ErrNotFound, "somebody is at it")
				return nil
			})
			// Meanwhile anybody may ask how far it is, and those who judge go on.
			require.NoError(t, st.BuildProgress(t.Context(), seed.Workspace, g.ID, 10, 100))
			now, err := st.Segment(t.Context(), seed.Workspace, "vip")
			require.NoError(t, err)
			require.Equal(t, [2]int64{10, 100}, [2]int64{now.Scanned, now.Total})
			write(t, st, seed, nil, store.Check{SegmentID: g.ID, CustomerID: uuid.NewString(), DueAt: noon})
			require.ErrorIs(t, tx.FinishBuild(t.Context(), g.ID, 2, ""), store.ErrNotFound, "it was not this version")
			return nil
		})
		build(t, st, seed, g)
		now, err := st.Segment(t.Context(), seed.Workspace, "vip")
		require.NoError(t, err)
		require.Zero(t, now.Total)
		inTx(t, st, seed, func(tx *store.Tx) error {
			_, _, err := tx.ClaimBuild(t.Context(), g.ID)
			require.ErrorIs(t, err, store.ErrNotFound, "it is done")
			return nil
		})
	})

	t.Run("Keeps the members of a rule that fails, and says why", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		u1 := person(t, st, seed, "u1")
		g := segment(t, st, seed, "vip")
		build(t, st, seed, g, u1)
		require.NoError(t, st.RebuildSegment(t.Context(), seed.Workspace, "vip"))
		inTx(t, st, seed, func(tx *store.Tx) error { return tx.FinishBuild(t.Context(), g.ID, 1, "no such\x00function") })
		now, err := st.Segment(t.Context(), seed.Workspace, "vip")
		require.NoError(t, err)
		require.Equal(t, store.SegmentFailed, now.Status)
		require.Equal(t, "no such\uFFFDfunction", now.Problem)
		require.Equal(t, []string{u1}, members(t, st, seed, "vip", time.Time{}))
		inTx(t, st, seed, func(tx *store.Tx) error {
			live, err := tx.LiveSegments(t.Context())
			require.Empty(t, live)
			return err
		})
	})

	t.Run("Leaves out whom another took over meanwhile", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		ingest(t, st, seed, anonymous("m1", "a1"))
		loser := record(t, st, seed, "a1").Customer.ID
		winner := person(t, st, seed, "u1")
		g := segment(t, st, seed, "vip")
		inTx(t, st, seed, func(tx *store.Tx) error {
			claimed, version, err := tx.ClaimBuild(t.Context(), g.ID)
			require.NoError(t, err)
			_, _, err = tx.SwapMembers(t.Context(), claimed, `SELECT id FROM customers`, nil, noon, "build")
			require.NoError(t, err)
			ingest(t, st, seed, both("m2", "u1", "a1"))
			return tx.FinishBuild(t.Context(), g.ID, version, "")
		})
		require.Equal(t, []string{winner}, members(t, st, seed, "vip", time.Time{}))
		require.Equal(t, "merge", history(t, st, seed, "vip", loser)[0].Cause)
	})

	t.Run("Waits for changes of before the segment", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		u1 := person(t, st, seed, "u1")
		// A change that did not see the segment commits before it is made, so that its build sees the change.
		inTx(t, st, seed, func(tx *store.Tx) error {
			require.NoError(t, tx.QueueChanges(t.Context(), []string{u1}, "customer:stage"))
			soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := st.CreateSegment(soon, seed.Workspace, store.SegmentDraft{Name: "vip", Kind: store.SegmentRule})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			return nil
		})
	})
}

func TestImportMembers(t *testing.T) {
	t.Parallel()

	t.Run("Adds, replaces, and tells campaigns and segments", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		u1, u2, u3 := person(t, st, seed, "u1"), person(t, st, seed, "u2"), person(t, st, seed, "u3")
		waiting(t, st, seed)
		list(t, st, seed, "file")
		segment(t, st, seed, "dependent", "segment:file")
		imported := func(replace bool, ids ...string) [2]int64 {
			joined, left, err := st.ImportMembers(t.Context(), seed.Workspace, "file", ids, replace)
			require.NoError(t, err)
			return [2]int64{joined, left}
		}
		require.Equal(t, [2]int64{2, 0}, imported(false, u1, u2, u2, uuid.NewString()))
		require.Equal(t, [2]int64{0, 0}, imported(false, u1))
		events := waiting(t, st, seed)
		require.Len(t, events, 2)
		for _, e := range events {
			require.Equal(t, audience.EventSegmentEntered, e.Name)
			require.Equal(t, []string{"segment:file"}, e.Changed)
		}
		require.Equal(t, [2]int64{1, 1}, imported(true, u2, u3))
		require.ElementsMatch(t, []string{u2, u3}, members(t, st, seed, "file", time.Time{}))
		require.Equal(t, [2]int64{0, 2}, imported(true))
		require.Equal(t, "import", history(t, st, seed, "file", u3)[0].Cause)
	})

	t.Run("Takes more than a page, and follows merges", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		list(t, st, seed, "file")
		var messages []store.Message
		for i := range 6000 {
			messages = append(messages, message(fmt.Sprint("m", i), func(m *store.Message) { m.UserID, m.Historical = fmt.Sprint("u", i), true }))
		}
		messages = append(messages, anonymous("a", "a1"))
		ingest(t, st, seed, messages...)
		loser := record(t, st, seed, "a1").Customer.ID
		ingest(t, st, seed, both("b", "u0", "a1"))
		var ids []string
		for i := range 6000 {
			ids = append(ids, fmt.Sprint("u", i))
		}
		found, err := st.FindCustomers(t.Context(), seed.Workspace, "external_id", ids)
		require.NoError(t, err)
		require.Len(t, found, 6000)
		ids = []string{loser}
		for _, id := range found {
			ids = append(ids, id)
		}
		joined, _, err := st.ImportMembers(t.Context(), seed.Workspace, "file", ids, true)
		require.NoError(t, err)
		require.EqualValues(t, 6000, joined)
	})

	t.Run("Refuses what is no list", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		segment(t, st, seed, "rule")
		list(t, st, seed, "file")
		_, _, err := st.ImportMembers(t.Context(), seed.Workspace, "nowhere", nil, false)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, _, err = st.ImportMembers(t.Context(), seed.Workspace, "rule", nil, false)
		require.ErrorIs(t, err, store.ErrInvalid)
		_, _, err = st.ImportMembers(t.Context(), seed.Workspace, "file", []string{"u1"}, false)
		require.ErrorIs(t, err, store.ErrInvalid)
	})
}

func TestFindCustomers(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed, other := storetest.Workspace(t, st), storetest.Workspace(t, st)
	u1, u2 := person(t, st, seed, "u1"), person(t, st, seed, "u2")
	person(t, st, other, "u3")
	ingest(t, st, seed, anonymous("a", "a1"))
	loser := record(t, st, seed, "a1").Customer.ID
	ingest(t, st, seed, both("b", "u2", "a1"))
	for field, want := range map[string]map[string]string{
		"id":          {u1: u1, loser: u2},
		"external_id": {"u1": u1, "u2": u2},
		"email":       {"u1@example.com": u1, "U2@Example.com": u2, "u2@example.com": u2},
		"phone":       {"+380501234567": u1}, // the oldest of those that share it
	} {
		values := []string{"", "nobody", "bad\x00value", uuid.NewString(), "u3", "u3@example.com"}
		for v := range want {
			values = append(values, v)
		}
		found, err := st.FindCustomers(t.Context(), seed.Workspace, field, values)
		require.NoError(t, err)
		require.Equal(t, want, found, field)
	}
	_, err := st.FindCustomers(t.Context(), seed.Workspace, "name", nil)
	require.ErrorIs(t, err, store.ErrInvalid)
}
