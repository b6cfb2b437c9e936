package activities

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules"
	"dotyk/rules/audience"
)

// segment makes a segment and computes its members.
func (s *shop) segment(name, rule string) {
	s.t.Helper()
	s.draft(name, rule)
	s.build()
}

func (s *shop) draft(name, rule string) {
	s.t.Helper()
	_, _, err := segments.New(s.Store).Create(s.t.Context(), s.seed.Workspace, segments.Draft{Name: name, Rule: rule})
	require.NoError(s.t, err)
}

func (s *shop) edit(name, rule string) {
	s.t.Helper()
	_, _, err := segments.New(s.Store).Edit(s.t.Context(), s.seed.Workspace, name, segments.Draft{Rule: rule})
	require.NoError(s.t, err)
}

func (s *shop) builder() *segments.Builder {
	return &segments.Builder{
		Store: s.Store, Cache: s.segments, Logger: s.Logger, Now: time.Now, Timeout: time.Minute,
	}
}

func (s *shop) build() {
	s.t.Helper()
	require.NoError(s.t, buildWaiting(s.t.Context(), s.builder()))
}

// watch judges everybody whose moment has come at a moment, in all shards.
func (s *shop) watch(now time.Time) {
	s.t.Helper()
	for shard := range int16(store.Shards) {
		_, err := s.watchWorkspace(s.t.Context(), s.seed.Workspace, shard, now)
		require.NoError(s.t, err)
	}
}

// members gives the site's ids of the members, sorted.
func (s *shop) members(name string) []string {
	s.t.Helper()
	list, err := s.Store.Members(s.t.Context(), s.seed.Workspace, name, time.Time{}, "", 1000)
	require.NoError(s.t, err)
	ids := []string{}
	for _, m := range list {
		ids = append(ids, m.ExternalID)
	}
	slices.Sort(ids)
	return ids
}

// history tells how a customer joined and left segments, oldest first.
func (s *shop) history(user string) []string {
	s.t.Helper()
	list, err := s.Store.SegmentHistory(s.t.Context(), s.seed.Workspace, "", s.record(user).Customer.ID, 100)
	require.NoError(s.t, err)
	lines := []string{}
	for _, c := range slices.Backward(list) {
		word := "left"
		if c.Joined {
			word = "joined"
		}
		line := word + " " + c.Segment + " by " + c.Cause
		if c.EventName != "" {
			line += " " + c.EventName
		}
		lines = append(lines, line)
	}
	return lines
}

func attributes(values map[string]any) func(*store.Message) {
	return func(m *store.Message) { m.Profile.Attributes = values }
}

// costly is more than may be computed for somebody with a long list.
const costly = `len(map(customer.list, map(customer.list, 1))) > 0`

func TestSegments(t *testing.T) {
	t.Parallel()

	t.Run("Join and leave by what happens", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.segment("new", `count(events("registered")) > 0 and count(events("order_completed")) == 0`)
		s.segment("vip", "customer.vip == true")
		s.happen("ann", "visited", nil)
		s.happen("ann", "registered", nil)
		s.happen("bob", "visited", nil)
		s.pick()
		require.Equal(t, []string{"ann"}, s.members("new"))
		s.happen("ann", "order_completed", nil, attributes(map[string]any{"vip": true}))
		s.pick()
		require.Empty(t, s.members("new"))
		require.Equal(t, []string{"ann"}, s.members("vip"))
		require.Equal(t, []string{
			"joined new by event registered", "left new by event order_completed", "joined vip by event order_completed",
		}, s.history("ann"))
	})

	t.Run("Join once however much happens at a time", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.segment("odd", `count(events("visited")) == 1 or count(events("visited")) == 3`)
		for range 3 {
			s.happen("ann", "visited", nil)
		}
		s.pick()
		require.Equal(t, []string{"joined odd by event visited"}, s.history("ann"))
	})

	t.Run("Leave as time passes, without any event", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.segment("recent", `count(events("visited", "1h")) > 0`)
		s.happen("ann", "visited", nil)
		s.pick()
		s.watch(time.Now())
		require.Equal(t, []string{"ann"}, s.members("recent"))
		s.happen("ann", "visited", nil, func(m *store.Message) { m.OccurredAt = m.OccurredAt.Add(-time.Minute) })
		s.pick()
		s.watch(time.Now().Add(59 * time.Minute))
		require.Equal(t, []string{"ann"}, s.members("recent"))
		s.watch(time.Now().Add(61 * time.Minute))
		require.Empty(t, s.members("recent"))
		require.Equal(t, []string{"joined recent by event visited", "left recent by time"}, s.history("ann"))
	})

	t.Run("Follow those that they mention", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.draft("paying", "customer.plan == \"pro\"")
		s.draft("active", `count(events("visited", "1h")) > 0`)
		s.draft("core", `segment("paying") and segment("active")`)
		s.draft("lost", `segment("paying") and not segment("core")`)
		s.build()
		s.happen("ann", "visited", nil, attributes(map[string]any{"plan": "pro"}))
		s.pick()
		require.Equal(t, []string{"ann"}, s.members("core"))
		require.Empty(t, s.members("lost"))
		s.watch(time.Now().Add(2 * time.Hour))
		require.Empty(t, s.members("core"))
		require.Equal(t, []string{"ann"}, s.members("lost"))
		s.edit("paying", `customer.plan == "free"`)
		s.build()
		s.pick()
		require.Empty(t, s.members("lost"))
	})

	t.Run("Trigger campaigns when somebody joins or leaves", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.segment("vip", "customer.orders >= 10")
		s.publish("campaign: thanks\ntrigger: {event: segment_entered, when: 'event.segment == \"vip\"'}\ntopic: news\nsteps: [{sms: {text: 'Thanks'}}]")
		s.happen("ann", "order_completed", nil, attributes(map[string]any{"orders": 9}))
		require.Empty(t, s.pick())
		s.happen("ann", "order_completed", nil, attributes(map[string]any{"orders": 10}))
		require.Len(t, s.pick(), 1)
	})

	t.Run("Are known to the triggers of the same batch", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.segment("vip", "customer.orders >= 10")
		s.publish("campaign: thanks\ntrigger: {event: order_completed, when: 'segment(\"vip\")'}\nreenter: always\ntopic: news\nsteps: [{sms: {text: 'Thanks'}}]")
		s.happen("ann", "order_completed", nil, attributes(map[string]any{"orders": 9}))
		require.Empty(t, s.pick())
		s.happen("ann", "order_completed", nil, attributes(map[string]any{"orders": 10}))
		require.Len(t, s.pick(), 1)
	})

	t.Run("Note whom they would have judged while they are built", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.draft("vip", "customer.vip == true")
		s.happen("ann", "registered", nil, attributes(map[string]any{"vip": true}))
		s.pick()
		require.Empty(t, s.members("vip"))
		s.build()
		s.happen("ann", "left", nil, attributes(map[string]any{"vip": false}))
		s.edit("vip", "customer.vip == false")
		s.pick()
		s.watch(time.Now())
		require.Equal(t, []string{"ann"}, s.members("vip"), "nobody but the builder changes the members now")
		s.build()
		s.watch(time.Now())
		require.Equal(t, []string{"ann"}, s.members("vip"))
		s.watch(time.Now().Add(time.Hour))
		require.Equal(t, []string{"joined vip by build"}, s.history("ann"))
	})

	t.Run("Keep a member whose rule fails, and judge the others", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.segment("listed", costly)
		s.happen("ann", "asked", nil, attributes(map[string]any{"list": []int{1}}))
		s.pick()
		s.happen("ann", "asked", nil, attributes(map[string]any{"list": make([]int, 500)}))
		s.happen("bob", "asked", nil, attributes(map[string]any{"list": []int{1}}))
		s.pick()
		require.Equal(t, []string{"ann", "bob"}, s.members("listed"))
		s.happen("ann", "asked", nil, attributes(map[string]any{"list": []int{}}))
		s.pick()
		require.Equal(t, []string{"bob"}, s.members("listed"))
	})

	t.Run("Do not try a rule over and over that fails as time passes", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.segment("listed", costly+` and count(events("asked", "1h")) > 0`)
		s.happen("ann", "asked", nil, attributes(map[string]any{"list": []int{1}}))
		s.pick()
		s.happen("ann", "other", nil, attributes(map[string]any{"list": make([]int, 500)}))
		s.pick()
		later := time.Now().Add(61 * time.Minute)
		s.watch(later)
		require.Equal(t, []string{"ann"}, s.members("listed"))
		for shard := range int16(store.Shards) {
			n, err := s.watchBatch(t.Context(), s.seed.Workspace, shard, later.Add(time.Minute))
			require.NoError(t, err)
			require.Zero(t, n)
		}
	})

	t.Run("Pass to the record that takes another over", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.segment("buyers", `count(events("order_completed")) >= 2`)
		s.segment("tried", `count(events("order_completed")) >= 1`)
		visitor := func(m *store.Message) { m.UserID, m.AnonymousID, m.Profile.Email = "", "browser", nil }
		s.happen("visitor", "order_completed", nil, visitor)
		s.happen("ann", "order_completed", nil)
		s.pick()
		require.Empty(t, s.members("buyers"))
		require.Equal(t, []string{"", "ann"}, s.members("tried"))
		s.happen("ann", "signed_in", nil, func(m *store.Message) { m.AnonymousID = "browser" })
		s.pick()
		require.Equal(t, []string{"ann"}, s.members("buyers"))
		require.Equal(t, []string{"ann"}, s.members("tried"))
	})

	t.Run("Count an event of a machine whose clock is ahead of ours", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.segment("visitors", `count(events("visited")) > 0`)
		s.happen("ann", "registered", nil)
		s.pick()
		s.happen("ann", "visited", nil, func(m *store.Message) {
			m.OccurredAt, m.ReceivedAt = m.OccurredAt.Add(time.Minute), m.ReceivedAt.Add(time.Minute)
		})
		s.pick()
		require.Equal(t, []string{"ann"}, s.members("visitors"))
	})

	t.Run("Take in those who were imported into a list they mention", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		service := segments.New(s.Store)
		_, _, err := service.Create(t.Context(), s.seed.Workspace, segments.Draft{Name: "guests", Static: true})
		require.NoError(t, err)
		s.segment("invited", `segment("guests") and customer.email != ""`)
		s.happen("ann", "registered", nil)
		s.pick()
		_, _, err = s.Store.ImportMembers(t.Context(), s.seed.Workspace, "guests", []string{s.record("ann").Customer.ID}, false)
		require.NoError(t, err)
		s.pick()
		require.Equal(t, []string{"ann"}, s.members("invited"))
	})
}

// TestSegmentsUnderway edits and builds a segment over and over while events come in and time passes. In the end its
// members must be those for whom the rule holds.
func TestSegmentsUnderway(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.draft("busy", `customer.n >= 3 and count(events("visited", "1h")) > 0`)
	s.draft("calm", `not segment("busy") and count(events("visited", "1h")) > 0`)
	var all sync.WaitGroup
	done := make(chan struct{})
	all.Go(func() {
		for round := range 6 {
			for user := range 12 {
				s.happen(fmt.Sprint("u", user), "visited", nil, attributes(map[string]any{"n": (round + user) % 7}))
			}
		}
		close(done)
	})
	until := func(work func()) {
		all.Go(func() {
			for {
				work()
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for shard := range int16(store.Shards) {
		until(func() {
			_, err := s.pickWorkspace(t.Context(), s.seed.Workspace, shard)
			require.NoError(t, err)
			_, err = s.watchWorkspace(t.Context(), s.seed.Workspace, shard, time.Now())
			require.NoError(t, err)
		})
	}
	n := 0
	until(func() {
		n++
		s.edit("busy", fmt.Sprintf(`customer.n >= %d and count(events("visited", "1h")) > 0`, 2+n%3))
		s.build()
	})
	all.Wait()
	s.edit("busy", `customer.n >= 4 and count(events("visited", "1h")) > 0`)
	s.build()
	for range 3 {
		s.pick()
		s.watch(time.Now())
	}
	var busy, calm []string
	for user := range 12 {
		if (5+user)%7 >= 4 {
			busy = append(busy, fmt.Sprint("u", user))
		} else {
			calm = append(calm, fmt.Sprint("u", user))
		}
	}
	slices.Sort(busy)
	slices.Sort(calm)
	require.Equal(t, busy, s.members("busy"))
	require.Equal(t, calm, s.members("calm"))
	s.watch(time.Now().Add(2 * time.Hour))
	require.Empty(t, s.members("busy"))
	require.Empty(t, s.members("calm"))
}

func TestWatchSetsBack(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.segment("recent", `count(events("visited", "1h")) > 0`)
	s.happen("ann", "visited", nil)
	s.pick()
	later := time.Now().Add(2 * time.Hour)
	cache := s.segments
	s.segments = nil // judging panics
	s.watch(later)
	s.segments = cache
	s.watch(later)
	require.Equal(t, []string{"ann"}, s.members("recent"), "it is not tried again at once")
	s.watch(later.Add(watchSetback))
	require.Empty(t, s.members("recent"))
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.happen("ann", "registered", nil, attributes(map[string]any{"vip": true}))
	s.pick()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	stop := make(chan struct{})
	env.SetWorkerStopChannel(stop)
	env.RegisterActivity(s.Activities)
	ended := make(chan error, 1)
	go func() {
		_, err := env.ExecuteActivity(s.Refresh)
		ended <- err
	}()
	s.draft("vip", "customer.vip == true")
	require.Eventually(t, func() bool {
		seg, err := s.Store.Segment(t.Context(), s.seed.Workspace, "vip")
		return err == nil && seg.Status == store.SegmentLive
	}, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, []string{"ann"}, s.members("vip"))
	close(stop)
	require.NoError(t, <-ended)
}

// TestPickPassesTime runs the pickers themselves: a moment comes, and they notice.
func TestPickPassesTime(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.Waker = NewWaker(s.Store, s.Logger)
	s.segment("now", `count(events("visited", "1s")) > 0`)
	stop := make(chan struct{})
	var all sync.WaitGroup
	end := sync.OnceFunc(func() {
		close(stop)
		all.Wait()
	})
	defer end()
	for shard := range int16(store.Shards) {
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestActivityEnvironment()
		env.SetWorkerStopChannel(stop)
		env.RegisterActivityWithOptions(func(ctx context.Context, in PickInput) error { return s.Pick(ctx, in) },
			activity.RegisterOptions{Name: "Pick"})
		all.Go(func() {
			if _, err := env.ExecuteActivity("Pick", PickInput{Shard: shard}); err != nil {
				t.Error(err)
			}
		})
	}
	require.Eventually(t, func() bool { // on a slow machine the second may be over before the pickers come to it
		s.happen("ann", "visited", nil)
		return len(s.history("ann")) > 0
	}, 30*time.Second, 200*time.Millisecond)
	require.Eventually(t, func() bool { return len(s.members("now")) == 0 }, 30*time.Second, 20*time.Millisecond)
	end()
	require.Equal(t, []string{"joined now by event visited", "left now by time"}, s.history("ann")[:2])
}

func TestLearn(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.happen("ann", "order_completed", map[string]any{"total": 12.5, "sku": "A", "at": "2026-11-23", "gift": nil})
	s.happen("ann", "order_completed", map[string]any{"total": "a lot", "items": []any{1}, "by": map[string]any{}, "paid": true})
	s.happen("ann", "identified", map[string]any{"plan": "pro", "email": "ann@example.com"}, func(m *store.Message) {
		m.Call = store.CallIdentify
		m.Profile.Attributes = map[string]any{"plan": "pro"}
	})
	s.pick()
	require.NoError(t, s.teach(t.Context()))
	list, err := s.Store.Catalogue(t.Context(), s.seed.Workspace)
	require.NoError(t, err)
	found := map[string]rules.Type{}
	counts := map[string]int64{}
	for _, e := range list {
		found[e.Kind+" "+e.Event+" "+e.Name] = e.Type
		counts[e.Kind+" "+e.Event+" "+e.Name] = e.Count
	}
	for name, of := range map[string]rules.Type{
		"attribute  plan": rules.TypeText, "property order_completed total": rules.TypeMixed,
		"property order_completed sku": rules.TypeText, "property order_completed at": rules.TypeTime,
		"property order_completed items": rules.TypeList, "property order_completed by": rules.TypeObject,
		"property order_completed paid": rules.TypeBoolean,
	} {
		require.Equal(t, of, found[name], name)
	}
	require.NotContains(t, found, "attribute  email")
	require.NotContains(t, found, "property order_completed gift")
	require.EqualValues(t, 2, counts["event  order_completed"])
	require.EqualValues(t, 2, counts["property order_completed total"])
}

func TestMoment(t *testing.T) {
	t.Parallel()
	ahead := time.Now().Add(time.Minute)
	require.Equal(t, ahead, moment([]store.PickedEvent{{Event: audience.Event{OccurredAt: ahead}}, {}}),
		"the clock of the machine that took an event may be ahead of ours")
	require.WithinDuration(t, time.Now(), moment(nil), time.Second)
}

// TestHistory imports what happened in the past: segments know it, campaigns do not hear of it.
func TestHistory(t *testing.T) {
	t.Parallel()
	past := func(m *store.Message) { m.Historical = true }
	const thanks = "campaign: thanks\ntrigger: {event: segment_entered}\ntopic: news\nsteps: [{sms: {text: 'Thanks'}}]"

	t.Run("Makes nobody enter a campaign by joining a segment", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.segment("vip", `count(events("order_completed")) > 0`)
		s.segment("known", `segment("vip") and customer.plan == "pro"`)
		s.publish(thanks)
		s.happen("ann", "order_completed", nil, past, attributes(map[string]any{"plan": "pro"}))
		require.Empty(t, s.pick())
		require.Equal(t, []string{"ann"}, s.members("vip"))
		require.Equal(t, []string{"joined vip by history", "joined known by history"}, s.history("ann"))
		require.NotContains(t, s.eventNames("ann"), audience.EventSegmentEntered)
		s.happen("bob", "order_completed", nil)
		require.Len(t, s.pick(), 1, "what happens now does")
	})

	t.Run("Gives way to what happens now", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.segment("vip", `count(events("order_completed")) >= 2`)
		s.happen("ann", "order_completed", nil, past)
		s.happen("ann", "order_completed", nil)
		s.pick()
		require.Equal(t, []string{"joined vip by event order_completed"}, s.history("ann"))
	})

	t.Run("Is judged after a build as what it is", func(t *testing.T) {
		t.Parallel()
		for _, rule := range []string{`customer.n == 1`, `customer.n == 1 and count(events("visited", "30d")) > 0`} {
			s := open(t)
			s.segment("one", rule)
			s.publish(thanks)
			s.edit("one", rule+" and true")
			s.happen("ann", "visited", nil, past, attributes(map[string]any{"n": 1}))
			s.happen("bob", "visited", nil, attributes(map[string]any{"n": 1}))
			require.Empty(t, s.pick(), "the segment is being built")
			refs, err := s.Store.BuildingSegments(t.Context())
			require.NoError(t, err)
			inTx(s, func(tx *store.Tx) error { return tx.FinishBuild(t.Context(), refs[0].ID, 2, "") })
			s.watch(time.Now())
			require.Equal(t, []string{"joined one by history"}, s.history("ann"), rule)
			require.Equal(t, []string{"joined one by time"}, s.history("bob"), rule)
			require.Len(t, s.pick(), 1)
		}
	})
}

// eventNames lists what is on the record of a customer.
func (s *shop) eventNames(user string) []string {
	s.t.Helper()
	var names []string
	for _, e := range s.record(user).Timeline {
		names = append(names, e.Name)
	}
	return names
}

func inTx(s *shop, fn func(tx *store.Tx) error) {
	s.t.Helper()
	require.NoError(s.t, s.Store.In(s.t.Context(), s.seed.Workspace, fn))
}

// TestDecisionsOnSegments keeps the record free of campaigns that ask for another segment.
func TestDecisionsOnSegments(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.segment("vip", "customer.vip == true")
	for name, when := range map[string]string{
		"right": `event.segment == "vip"`, "other": `event.segment == "other"`, "broken": `len(map(customer.list, map(customer.list, 1))) > 0`,
	} {
		s.publish("campaign: " + name + "\ntrigger: {event: segment_entered, when: '" + when + "'}\ntopic: news\nsteps: [{sms: {text: 'Hi'}}]")
	}
	s.publish("campaign: own\ntrigger: {event: visited, when: 'customer.vip == false'}\ntopic: news\nsteps: [{sms: {text: 'Hi'}}]")
	s.happen("ann", "visited", nil, attributes(map[string]any{"vip": true, "list": make([]int, 500)}))
	require.Len(t, s.pick(), 1)
	outcomes := map[string]string{}
	for _, e := range s.record("ann").Timeline {
		if e.Channel == "decision" {
			outcomes[e.Campaign] = e.Summary
		}
	}
	require.Equal(t, map[string]string{"right": "entered", "broken": "not entered", "own": "not entered"}, outcomes)
	require.Contains(t, s.eventNames("ann"), audience.EventSegmentEntered)
}

// TestBuildTurns builds for several workspaces while the segment of one is held up.
func TestBuildTurns(t *testing.T) {
	t.Parallel()
	s := open(t)
	var seeds []storetest.Seed
	for range 3 {
		seed := storetest.Workspace(t, s.Store)
		seeds = append(seeds, seed)
		for _, name := range []string{"a", "b", "c"} {
			_, _, err := segments.New(s.Store).Create(t.Context(), seed.Workspace, segments.Draft{Name: name, Rule: "customer.n == 1"})
			require.NoError(t, err)
		}
	}
	status := func(seed storetest.Seed) (list []store.SegmentStatus) {
		all, err := s.Store.Segments(t.Context(), seed.Workspace)
		require.NoError(t, err)
		for _, g := range all {
			list = append(list, g.Status)
		}
		return list
	}
	// Whoever judges customers holds up the end of builds.
	free, held, done := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	go func() {
		done <- s.Store.In(t.Context(), seeds[0].Workspace, func(tx *store.Tx) error {
			if err := tx.LockSegments(t.Context(), 0); err != nil {
				return err
			}
			held <- struct{}{}
			<-free
			return nil
		})
	}()
	<-held
	go func() { done <- buildWaiting(t.Context(), s.builder()) }()
	live := []store.SegmentStatus{store.SegmentLive, store.SegmentLive, store.SegmentLive}
	for _, seed := range seeds[1:] {
		require.Eventually(t, func() bool { return slices.Equal(live, status(seed)) }, 20*time.Second, 20*time.Millisecond)
	}
	require.NotContains(t, status(seeds[0]), store.SegmentLive)
	late := storetest.Workspace(t, s.Store)
	_, _, err := segments.New(s.Store).Create(t.Context(), late.Workspace, segments.Draft{Name: "a", Rule: "customer.n == 1"})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return slices.Equal(live[:1], status(late)) }, 20*time.Second, 20*time.Millisecond)
	close(free)
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	require.Equal(t, live, status(seeds[0]))
}
