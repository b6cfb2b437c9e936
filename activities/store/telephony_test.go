package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/channels"
)

func TestTakeSegments(t *testing.T) {
	t.Parallel()
	address := storetest.URL(t)
	st := storetest.Open(t, address)
	ws := storetest.Workspace(t, st).Workspace
	ctx := t.Context()
	take := func(q channels.SegmentQuota) channels.SegmentsTaken {
		taken, err := st.TakeSegments(ctx, ws, q)
		require.NoError(t, err)
		return taken
	}
	const to = "+380671234567"

	t.Run("Rate", func(t *testing.T) {
		t.Parallel()
		q := channels.SegmentQuota{Sender: "rate", To: to, Segments: 3, Rate: 0.1, Ahead: 40 * time.Second, Patience: 30 * time.Second}
		require.Equal(t, channels.SegmentsTaken{OK: true}, take(q)) // busy for 30 s
		require.Equal(t, channels.SegmentsTaken{OK: true}, take(q)) // for 60
		third := take(q)
		require.True(t, third.OK)
		require.InDelta(t, 20, third.Wait.Seconds(), 5) // 60 s less 40 ahead; then busy for 90
		fourth := take(q)
		require.False(t, fourth.OK)
		require.False(t, fourth.Used)
		require.InDelta(t, 50, fourth.Wait.Seconds(), 5)
		q.Sender = "another"
		require.Equal(t, channels.SegmentsTaken{OK: true}, take(q))
	})
	t.Run("Day", func(t *testing.T) {
		t.Parallel()
		q := channels.SegmentQuota{Sender: "day", To: to, Segments: 4, Daily: 10}
		require.True(t, take(q).OK)
		require.True(t, take(q).OK)
		used := take(q)
		require.True(t, used.Used)
		require.False(t, used.OK)
		require.Positive(t, used.Wait)
		require.LessOrEqual(t, used.Wait, 24*time.Hour)
		q.Segments = 2
		require.True(t, take(q).OK)
		exec(t, address, `UPDATE sms_senders SET day = day - 1 WHERE sender = 'day'`)
		q.Segments = 10
		require.True(t, take(q).OK, "a new day")
		require.False(t, take(q).OK)
	})
	t.Run("Many processes", func(t *testing.T) {
		t.Parallel()
		q := channels.SegmentQuota{Sender: "many", To: to, Segments: 1, Rate: 0.01, Ahead: 949 * time.Second, Patience: time.Second}
		var mu sync.Mutex
		given := 0
		var g errgroup.Group
		for range 20 {
			g.Go(func() error {
				taken, err := st.TakeSegments(ctx, ws, q)
				mu.Lock()
				defer mu.Unlock()
				if taken.OK {
					given++
				}
				return err
			})
		}
		require.NoError(t, g.Wait())
		require.Equal(t, 10, given)
	})
	t.Run("Sticky", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, st.SetDelivery(ctx, ws, func(s *channels.Settings) error {
			s.Telephony.Senders = []channels.SMSSenderSettings{{From: "Shop"}}
			return nil
		}))
		_, last, err := st.SMSPlan(ctx, ws, "+380679999999")
		require.NoError(t, err)
		require.Empty(t, last)
		take(channels.SegmentQuota{Sender: "first", To: "+380679999999", Segments: 1})
		take(channels.SegmentQuota{Sender: "second", To: "+380679999999", Segments: 1})
		plan, last, err := st.SMSPlan(ctx, ws, "+380679999999")
		require.NoError(t, err)
		require.Equal(t, "second", last)
		require.Equal(t, "Shop", plan.Senders[0].From)
	})
	t.Run("Refused settings", func(t *testing.T) {
		t.Parallel()
		err := st.SetDelivery(ctx, ws, func(s *channels.Settings) error {
			s.Telephony.MaxSegments = 99
			return nil
		})
		require.ErrorIs(t, err, store.ErrInvalid)
	})
	_, _, err := st.SMSPlan(ctx, 99, to)
	require.ErrorIs(t, err, store.ErrNotFound)
}
