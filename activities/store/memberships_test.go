package store_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules/audience"
)

// waiting lists what waits to be picked, of all shards, and takes it out of the queue.
func waiting(t *testing.T, st *store.Store, seed storetest.Seed) []store.PickedEvent {
	t.Helper()
	var all []store.PickedEvent
	for shard := range int16(store.Shards) {
		inTx(t, st, seed, func(tx *store.Tx) error {
			events, err := tx.ClaimEvents(t.Context(), shard, 1000)
			if err != nil {
				return err
			}
			out := store.Picked{Shard: shard}
			for _, e := range events {
				require.Equal(t, shard, store.ShardOf(e.CustomerID))
				out.Done = append(out.Done, e.Seq)
			}
			all = append(all, events...)
			return tx.WritePicked(t.Context(), out)
		})
	}
	return all
}

func TestMemberships(t *testing.T) {
	t.Parallel()

	t.Run("Writes a move once, with its event", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		u1 := person(t, st, seed, "u1")
		made := waiting(t, st, seed)[0]
		g := segment(t, st, seed, "vip")
		build(t, st, seed, g)
		m := move(g, u1, true, store.CauseEvent, noon)
		m.EventID = made.ID
		for range 2 {
			write(t, st, seed, []store.Move{m})
		}
		require.Equal(t, []string{u1}, members(t, st, seed, "vip", time.Time{}))
		events := waiting(t, st, seed)
		require.Len(t, events, 1)
		require.Equal(t, audience.EventSegmentEntered, events[0].Name)
		require.Equal(t, "system", events[0].Type)
		require.Equal(t, map[string]any{"segment": "vip", "because": "event"}, events[0].Properties)
		require.True(t, noon.Equal(events[0].OccurredAt))
		require.Empty(t, events[0].Changed)

		write(t, st, seed, []store.Move{move(g, u1, false, store.CauseTime, noon.Add(time.Hour))})
		require.Empty(t, members(t, st, seed, "vip", time.Time{}))
		require.Equal(t, audience.EventSegmentLeft, waiting(t, st, seed)[0].Name)
		changes := history(t, st, seed, "vip", u1)
		require.Len(t, changes, 2)
		require.Equal(t, store.SegmentChange{
			Segment: "vip", CustomerID: u1, At: changes[1].At, Joined: true, Cause: "event", EventID: made.ID, EventName: "made", Version: 1,
		}, changes[1])
		require.Equal(t, changes[:1], func() []store.SegmentChange {
			newest, err := st.SegmentHistory(t.Context(), seed.Workspace, "", u1, 1)
			require.NoError(t, err)
			return newest
		}())
	})

	t.Run("Tells no campaign what nobody did", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		u1 := person(t, st, seed, "u1")
		waiting(t, st, seed)
		g := segment(t, st, seed, "vip")
		for _, cause := range []string{store.CauseBuild, store.CauseEdit, store.CauseMerge, store.CauseDelete, store.CauseHistory} {
			write(t, st, seed, []store.Move{move(g, u1, true, cause, noon)})
			write(t, st, seed, []store.Move{move(g, u1, false, cause, noon)})
		}
		require.Len(t, history(t, st, seed, "vip", u1), 10)
		require.Empty(t, waiting(t, st, seed))
	})

	t.Run("Answers by customer and segment", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		a, b, c := uuid.NewString(), uuid.NewString(), uuid.NewString()
		g, h, other := segment(t, st, seed, "g"), segment(t, st, seed, "h"), segment(t, st, seed, "other")
		write(t, st, seed, []store.Move{
			move(g, a, true, "event", noon), move(g, b, true, "event", noon), move(h, a, true, "event", noon),
			move(other, c, true, "event", noon),
		})
		inTx(t, st, seed, func(tx *store.Tx) error {
			found, err := tx.Memberships(t.Context(), []string{a, b, c}, []string{g.ID, h.ID})
			require.Equal(t, map[string]map[string]bool{a: {g.ID: true, h.ID: true}, b: {g.ID: true}}, found)
			return err
		})
	})

	t.Run("Tells who was a member at any moment, page by page", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		u1, u2, u3 := person(t, st, seed, "u1"), person(t, st, seed, "u2"), person(t, st, seed, "u3")
		g := segment(t, st, seed, "vip")
		at := func(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }
		write(t, st, seed, []store.Move{move(g, u1, true, "event", at(1)), move(g, u2, true, "change", at(2))})
		write(t, st, seed, []store.Move{move(g, u1, false, "event", at(3)), move(g, u3, true, "event", at(3))})
		write(t, st, seed, []store.Move{move(g, u1, true, "event", at(4))})
		for hour, want := range map[int][]string{0: {}, 1: {u1}, 2: {u1, u2}, 3: {u2, u3}, 4: {u1, u2, u3}} {
			require.Equal(t, want, members(t, st, seed, "vip", at(hour)), hour)
		}
		require.Equal(t, []string{u1, u2, u3}, members(t, st, seed, "vip", time.Time{}))
		for _, moment := range []time.Time{{}, at(4)} {
			page, err := st.Members(t.Context(), seed.Workspace, "vip", moment, u1, 1)
			require.NoError(t, err)
			require.Len(t, page, 1)
			require.True(t, at(2).Equal(page[0].JoinedAt))
			page[0].JoinedAt = time.Time{}
			require.Equal(t, store.Member{
				CustomerID: u2, ExternalID: "u2", Email: "u2@example.com", Phone: "+380501234567", Cause: "change",
			}, page[0])
		}
	})
}

func TestChecks(t *testing.T) {
	t.Parallel()
	due := func(t *testing.T, st *store.Store, seed storetest.Seed, customer string, at time.Time) []store.Check {
		t.Helper()
		var list []store.Check
		inTx(t, st, seed, func(tx *store.Tx) error {
			var err error
			list, err = tx.DueChecks(t.Context(), store.ShardOf(customer), at, 10)
			return err
		})
		found, err := st.WorkspacesWithChecks(t.Context(), store.ShardOf(customer), at)
		require.NoError(t, err)
		require.Equal(t, len(list) > 0, len(found) > 0, "the engine sees that something is due exactly when it is")
		return list
	}

	t.Run("Come due, move and go", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		storetest.Workspace(t, st)
		g := segment(t, st, seed, "vip")
		build(t, st, seed, g)
		c := uuid.NewString()
		check := func(at time.Time) {
			write(t, st, seed, nil, store.Check{SegmentID: g.ID, CustomerID: c, DueAt: at})
		}
		check(noon)
		require.Empty(t, due(t, st, seed, c, noon.Add(-time.Second)))
		list := due(t, st, seed, c, noon)
		require.Len(t, list, 1)
		require.Equal(t, c, list[0].CustomerID)
		require.True(t, noon.Equal(list[0].DueAt))
		check(noon.Add(time.Hour))
		require.Empty(t, due(t, st, seed, c, noon))
		require.Len(t, due(t, st, seed, c, noon.Add(time.Hour)), 1)
		check(time.Time{})
		require.Empty(t, due(t, st, seed, c, noon.Add(time.Hour)))
	})

	t.Run("Wait for the end of a build", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		g := segment(t, st, seed, "vip")
		c := uuid.NewString()
		write(t, st, seed, nil, store.Check{SegmentID: g.ID, CustomerID: c, DueAt: noon})
		require.Empty(t, due(t, st, seed, c, noon))
		build(t, st, seed, g)
		require.Len(t, due(t, st, seed, c, noon), 1)
	})

	t.Run("Say that the past made them due, unless something else had before", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		g := segment(t, st, seed, "vip")
		build(t, st, seed, g)
		check := func(c string, hour int, past bool) {
			write(t, st, seed, nil, store.Check{
				SegmentID: g.ID, CustomerID: c, DueAt: noon.Add(time.Duration(hour) * time.Hour), History: past,
			})
		}
		for _, one := range []struct {
			name          string
			first, second bool // made due by the past
			hour          int  // when the second is due; the first is at 1
			want          bool
		}{
			{"the past again", true, true, 2, true},
			{"something else after the past", true, false, 2, false},
			{"the past after something else", false, true, 2, false},
			{"the past before something else comes due", false, true, 0, true},
		} {
			c := uuid.NewString()
			check(c, 1, one.first)
			check(c, one.hour, one.second)
			list := due(t, st, seed, c, noon.Add(2*time.Hour))
			list = slices.DeleteFunc(list, func(k store.Check) bool { return k.CustomerID != c })
			require.Len(t, list, 1)
			require.Equal(t, one.want, list[0].History, one.name)
		}
	})

	t.Run("Go with a build that failed, since the next one judges everybody", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		g := segment(t, st, seed, "vip")
		c := uuid.NewString()
		write(t, st, seed, nil, store.Check{SegmentID: g.ID, CustomerID: c, DueAt: noon})
		inTx(t, st, seed, func(tx *store.Tx) error { return tx.FinishBuild(t.Context(), g.ID, 1, "no such function") })
		require.NoError(t, st.RebuildSegment(t.Context(), seed.Workspace, "vip"))
		build(t, st, seed, g)
		require.Empty(t, due(t, st, seed, c, noon))
	})
}

// inShard gives an id of a customer of the shard.
func inShard(shard int16) string {
	for {
		if id := uuid.NewString(); store.ShardOf(id) == shard {
			return id
		}
	}
}

func TestLockSegments(t *testing.T) {
	t.Parallel()
	// hold locks a shard until the returned function is called.
	hold := func(t *testing.T, st *store.Store, seed storetest.Seed, shard int16, fn func(tx *store.Tx) error) (release func()) {
		t.Helper()
		locked, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		go func() {
			done <- st.In(t.Context(), seed.Workspace, func(tx *store.Tx) error {
				if err := tx.LockSegments(t.Context(), shard); err != nil {
					return err
				}
				close(locked)
				<-free
				return fn(tx)
			})
		}()
		<-locked
		return sync.OnceFunc(func() {
			close(free)
			require.NoError(t, <-done)
		})
	}
	nothing := func(*store.Tx) error { return nil }

	t.Run("Lets two shards write to one segment at once", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		g := segment(t, st, seed, "vip")
		build(t, st, seed, g)
		a, b := inShard(0), inShard(1)
		release := hold(t, st, seed, 0, func(tx *store.Tx) error {
			return tx.WriteMemberships(t.Context(), []store.Move{move(g, a, true, "event", noon)}, nil)
		})
		defer release()
		inTx(t, st, seed, func(tx *store.Tx) error { // while the other holds its shard
			if err := tx.LockSegments(t.Context(), 1); err != nil {
				return err
			}
			return tx.WriteMemberships(t.Context(), []store.Move{move(g, b, true, "event", noon)}, nil)
		})
		release()
		require.ElementsMatch(t, []string{a, b}, members(t, st, seed, "vip", time.Time{}))
	})

	t.Run("Lets one judge a shard at a time, and nobody change segments meanwhile", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		list(t, st, seed, "file")
		other := storetest.Workspace(t, st)
		release := hold(t, st, seed, 2, nothing)
		defer release()
		soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		err := st.In(soon, seed.Workspace, func(tx *store.Tx) error { return tx.LockSegments(soon, 2) })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		for _, change := range []func(ctx context.Context) error{
			func(ctx context.Context) error {
				_, err := st.CreateSegment(ctx, seed.Workspace, store.SegmentDraft{Name: "new", Kind: store.SegmentRule})
				return err
			},
			func(ctx context.Context) error {
				_, _, err := st.ImportMembers(ctx, seed.Workspace, "file", nil, true)
				return err
			},
		} {
			soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			require.ErrorIs(t, change(soon), context.DeadlineExceeded)
			cancel()
		}
		segment(t, st, other, "new")
		release()
		segment(t, st, seed, "new")
	})
}
