package segments

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
)

// costly cannot be asked of Postgres, which looks nothing up by a number that is computed, and is more than may be
// computed for somebody with a long list.
const costly = `len(map(customer.list, map(customer.list, customer.list[customer.at]))) > 0`

func TestBuild(t *testing.T) {
	t.Parallel()

	t.Run("Builds those that others mention before the others", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.people(4)
		s.create("low", "customer.n < 3")
		s.create("both", `segment("low") and customer.even == true`)
		_, _, err := s.Edit(t.Context(), s.seed.Workspace, "low", Draft{Rule: "customer.n < 2"})
		require.NoError(t, err)
		require.Equal(t, []string{"low", "both"}, s.build())
		require.Equal(t, []string{"u0"}, s.members("both"))
		require.Equal(t, store.SegmentLive, s.get("both").Status)
		require.False(t, s.get("both").BuiltAt.IsZero())
		require.EqualValues(t, 1, s.get("both").Members)
	})

	t.Run("Notes why each joined", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.people(2)
		s.create("one", "customer.n == 1")
		s.build()
		_, _, err := s.Edit(t.Context(), s.seed.Workspace, "one", Draft{Rule: "customer.n == 0"})
		require.NoError(t, err)
		s.build()
		history, err := s.st.SegmentHistory(t.Context(), s.seed.Workspace, "one", s.id("u1"), 10)
		require.NoError(t, err)
		require.Len(t, history, 2)
		require.Equal(t, []string{"edit", "build"}, []string{history[0].Cause, history[1].Cause})
		require.Equal(t, []int{2, 1}, []int{history[0].Version, history[1].Version})
	})

	t.Run("Notes when time will move somebody", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.people(3)
		s.create("recent", `count(events("registered", "30d")) > 0`)
		s.build()
		require.Len(t, s.members("recent"), 3)
		require.Empty(t, s.due(time.Now().Add(29*24*time.Hour)))
		require.Len(t, s.due(time.Now().Add(31*24*time.Hour)), 3)
	})

	t.Run("Keeps the old members when the new rule cannot be evaluated", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.people(2)
		s.create("one", "customer.n == 1")
		s.build()
		ctx, ws := t.Context(), s.seed.Workspace
		_, err := s.st.EditSegment(ctx, ws, "one", store.SegmentDraft{Name: "one", Kind: store.SegmentRule, Rule: "customer.n =="})
		require.NoError(t, err)
		s.build()
		require.Contains(t, s.get("one").Problem, "line 1")
		require.NotEqual(t, store.SegmentLive, s.get("one").Status)
		require.Equal(t, []string{"u1"}, s.members("one"))
		_, _, err = s.Edit(ctx, ws, "one", Draft{Rule: "customer.n == 0"})
		require.NoError(t, err)
		s.Timeout = time.Nanosecond
		s.build()
		require.Contains(t, s.get("one").Problem, "longer than 1ns")
		require.Equal(t, []string{"u1"}, s.members("one"))
		s.Timeout = time.Minute
		require.NoError(t, s.st.RebuildSegment(ctx, ws, "one"))
		s.build()
		require.Empty(t, s.get("one").Problem)
		require.Equal(t, []string{"u0"}, s.members("one"))
	})

	t.Run("Keeps a member for whom the rule fails, and judges the others", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		for user, n := range map[string]int{"ann": 1, "bob": 1, "eve": 0, "old": 500} {
			s.happen(user, "registered", map[string]any{"list": make([]int, n), "at": 0, "known": n > 0})
		}
		s.create("listed", "customer.known == true")
		s.build()
		_, _, err := s.Edit(t.Context(), s.seed.Workspace, "listed", Draft{Rule: costly})
		require.NoError(t, err)
		s.build()
		require.Equal(t, store.SegmentLive, s.get("listed").Status)
		require.Equal(t, []string{"ann", "bob", "old"}, s.members("listed"))
	})

	t.Run("Fails when the rule does for everybody", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.happen("old", "registered", map[string]any{"list": make([]int, 500), "at": 0})
		s.create("listed", costly)
		s.build()
		require.Equal(t, store.SegmentFailed, s.get("listed").Status)
		require.Contains(t, s.get("listed").Problem, "rule needs too much")
	})

	t.Run("Starts again after it was cut short", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.people(3)
		s.create("recent", `count(events("registered", "30d")) > 0`)
		waiting, err := s.st.BuildingSegments(t.Context())
		require.NoError(t, err)
		ctx, cut := context.WithCancel(t.Context())
		calls := 0
		s.Builder.Now = func() time.Time {
			if calls++; calls == 2 { // members are swapped, moments are not computed
				cut()
			}
			return time.Now()
		}
		require.ErrorIs(t, s.Build(ctx, waiting[0]), context.Canceled)
		require.NotEqual(t, store.SegmentLive, s.get("recent").Status)
		require.Empty(t, s.due(time.Now().Add(31*24*time.Hour)))
		require.Equal(t, []string{"recent"}, s.build())
		require.Equal(t, store.SegmentLive, s.get("recent").Status)
		require.Len(t, s.due(time.Now().Add(31*24*time.Hour)), 3)
	})

	t.Run("Gives up when the segment is edited meanwhile", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.people(2)
		s.create("one", "customer.n == 1")
		run := s.begin("one")
		_, _, err := s.Edit(t.Context(), s.seed.Workspace, "one", Draft{Rule: "customer.n == 0"})
		require.NoError(t, err)
		require.ErrorIs(t, run.run(t.Context()), errSuperseded)
		require.NoError(t, run.finish(t.Context(), "whatever"))
		require.Empty(t, s.get("one").Problem)
		require.Equal(t, []string{"one"}, s.build())
		require.Equal(t, []string{"u0"}, s.members("one"))
	})

	t.Run("Leaves nobody out who changes while it is under way", func(t *testing.T) {
		t.Parallel()
		for _, rule := range []string{"customer.n == 1", `customer.n == 1 and count(events("registered", "30d")) > 0`} {
			s := open(t)
			s.people(2)
			s.create("one", rule)
			run := s.begin("one")
			compiled, err := s.Cache.Get(run.seg)
			require.NoError(t, err)
			o, err := selectOptions(t.Context(), s.st, s.seed.Workspace, run.began)
			require.NoError(t, err)
			require.NoError(t, run.swap(t.Context(), compiled.Select(o)))
			s.happen("u0", "promoted", map[string]any{"n": 1})
			s.judge("u0", "customer:n")
			require.Equal(t, []string{"u1"}, s.members("one"))
			if compiled.Needs().Clock {
				require.NoError(t, run.moments(t.Context(), compiled))
			}
			require.NoError(t, run.finish(t.Context(), ""))
			require.Len(t, s.due(time.Now()), 1)
			s.pass(time.Now())
			require.Equal(t, []string{"u0", "u1"}, s.members("one"), rule)
			require.Empty(t, s.due(time.Now()))
		}
	})

	t.Run("Has nothing to do for a segment that is gone", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.create("one", "customer.n == 1")
		waiting, err := s.st.BuildingSegments(t.Context())
		require.NoError(t, err)
		require.NoError(t, s.Delete(t.Context(), s.seed.Workspace, "one", "test"))
		require.NoError(t, s.Build(t.Context(), waiting[0]))
	})
}

// due gives the checks that are due at a moment, in all shards.
func (s *shop) due(at time.Time) []store.Check {
	s.t.Helper()
	var all []store.Check
	for shard := range int16(store.Shards) {
		require.NoError(s.t, s.st.In(s.t.Context(), s.seed.Workspace, func(tx *store.Tx) error {
			list, err := tx.DueChecks(s.t.Context(), shard, at, 1000)
			all = append(all, list...)
			return err
		}))
	}
	return all
}

// begin claims a segment for a build, of which nothing is done yet.
func (s *shop) begin(name string) *build {
	s.t.Helper()
	run := &build{Builder: s.Builder, ref: store.SegmentRef{Workspace: s.seed.Workspace, ID: s.get(name).ID}, began: time.Now()}
	require.NoError(s.t, s.st.In(s.t.Context(), s.seed.Workspace, func(tx *store.Tx) error {
		var err error
		run.seg, err = claim(s.t.Context(), tx, run.ref.ID, 0)
		return err
	}))
	return run
}

// judge plays the picker: something changed about a customer.
func (s *shop) judge(user string, mentions ...string) {
	s.t.Helper()
	s.round(func(tx *store.Tx, _ int16) (*Round, error) {
		return Happened(s.t.Context(), tx, s.Cache, []Change{{CustomerID: s.id(user), Mentions: mentions}})
	})
}

// pass plays the picker as time passes.
func (s *shop) pass(now time.Time) {
	s.t.Helper()
	s.round(func(tx *store.Tx, shard int16) (*Round, error) {
		due, err := tx.DueChecks(s.t.Context(), shard, now, 1000)
		if err != nil {
			return nil, err
		}
		return Due(s.t.Context(), tx, s.Cache, due)
	})
}

func (s *shop) round(plan func(tx *store.Tx, shard int16) (*Round, error)) {
	s.t.Helper()
	ctx := s.t.Context()
	for shard := range int16(store.Shards) {
		require.NoError(s.t, s.st.In(ctx, s.seed.Workspace, func(tx *store.Tx) error {
			require.NoError(s.t, tx.LockSegments(ctx, shard))
			r, err := plan(tx, shard)
			require.NoError(s.t, err)
			now := time.Now()
			facts, err := tx.Facts(ctx, r.Customers(), r.Needs(), now)
			require.NoError(s.t, err)
			return r.Judge(ctx, tx, facts, now)
		}))
	}
}
