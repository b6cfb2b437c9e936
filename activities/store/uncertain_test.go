package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/rules/audience"
)

func (b *braking) uncertain() []store.UncertainTouch {
	b.t.Helper()
	list, err := b.st.Uncertain(b.t.Context(), b.seed.Workspace, "sale", "", 100)
	require.NoError(b.t, err)
	return list
}

func TestUncertain(t *testing.T) {
	t.Parallel()

	t.Run("Messages are listed and resolved, once", func(t *testing.T) {
		t.Parallel()
		b := brakes(t, 3, "topic: news")
		ids := b.send(3, audience.Uncertain, "the process ended")
		list := b.uncertain()
		require.Len(t, list, 3)
		require.Equal(t, "the process ended", list[0].Why)
		require.Equal(t, "sale", list[0].Campaign)
		for i, r := range []store.Resolution{store.ResolveSent, store.ResolveNotSent, store.Resend} {
			for range 2 {
				require.NoError(t, b.st.Resolve(t.Context(), b.seed.Workspace, ids[i], r), r)
			}
		}
		require.Empty(t, b.uncertain())
		conn := connect(t, b.url)
		for i, status := range []string{"accepted", "failed", "planned"} {
			require.Equal(t, 1, count(t, conn, `SELECT count(*) FROM touches WHERE id = $1 AND status = $2`, ids[i], status), status)
			require.Equal(t, 1, count(t, conn, `SELECT count(*) FROM touch_statuses WHERE touch_id = $1 AND status = $2 AND detail <> ''`, ids[i], status))
		}
		require.Len(t, store.Audits(t.Context(), t, b.st, b.seed.Workspace, "touch.resolved"), 3)
		require.ErrorIs(t, b.st.Resolve(t.Context(), b.seed.Workspace, ids[0], store.Resend), store.ErrInvalid)
		require.ErrorIs(t, b.st.Resolve(t.Context(), b.seed.Workspace, uuid.NewString(), store.Resend), store.ErrNotFound)
		require.ErrorIs(t, b.st.Resolve(t.Context(), b.seed.Workspace, "x", store.Resend), store.ErrNotFound)
		again := b.claim(b.cohort, audience.Email, time.Now())
		require.Equal(t, ids[2], again.Messages[0].TouchID)
		require.Equal(t, 2, again.Messages[0].Attempts)
	})

	t.Run("A campaign's are resolved together", func(t *testing.T) {
		t.Parallel()
		b := brakes(t, 4, "topic: news")
		b.send(4, audience.Uncertain, "")
		_, err := b.st.ResolveAll(t.Context(), b.seed.Workspace, "sale", "perhaps")
		require.ErrorIs(t, err, store.ErrInvalid)
		n, err := b.st.ResolveAll(t.Context(), b.seed.Workspace, "sale", store.ResolveSent)
		require.NoError(t, err)
		require.Equal(t, 4, n)
	})

	t.Run("By policy they are sent again, late and once", func(t *testing.T) {
		t.Parallel()
		b := brakes(t, 1, "topic: news")
		b.send(1, audience.Uncertain, "")
		b.sql(`UPDATE touches SET updated_at = now() - interval '20 minutes'`)
		resend := func(want int) {
			t.Helper()
			n, err := b.st.ResendUncertain(t.Context(), b.seed.Workspace, store.UncertainGrace)
			require.NoError(t, err)
			require.Equal(t, want, n)
		}
		resend(0) // by default it is left
		require.NoError(t, b.st.SetDelivery(t.Context(), b.seed.Workspace, func(s *channels.Settings) error {
			s.Uncertain = channels.UncertainResend
			return nil
		}))
		b.sql(`UPDATE touches SET updated_at = now() - interval '14 minutes'`)
		resend(0)
		b.sql(`UPDATE touches SET updated_at = now() - interval '20 minutes'`)
		resend(1)
		require.Len(t, b.send(1, audience.Uncertain, ""), 1)
		b.sql(`UPDATE touches SET updated_at = now() - interval '20 minutes'`)
		resend(0)
		err := b.st.SetDelivery(t.Context(), b.seed.Workspace, func(s *channels.Settings) error { s.Uncertain = "ask"; return nil })
		require.ErrorIs(t, err, store.ErrInvalid)
	})
}

func TestCorrections(t *testing.T) {
	t.Parallel()
	b := brakes(t, 6, "topic: news")
	b.send(3, audience.Accepted, "")
	b.send(1, audience.Uncertain, "")
	b.send(1, audience.Failed, "")
	into := "campaign: sorry\ntrigger: {api: true}\ntopic: news\nsteps: [{email: {id: mail, subject: Sorry, text: Sorry}}]"
	publish(t, b.st, b.seed, into)
	conn := connect(t, b.url)
	requests := func() int {
		return count(t, conn, `SELECT count(DISTINCT customer_id) FROM events WHERE name = 'campaign_requested'`)
	}
	all := func() int { return count(t, conn, `SELECT count(*) FROM events WHERE name = 'campaign_requested'`) }
	c := store.Correction{Filter: store.TouchedFilter{Campaign: "sale", Step: "email"}, Into: "sorry"}

	listed := 0
	require.NoError(t, b.st.Touched(t.Context(), b.seed.Workspace, c.Filter, "", 0, func(r store.Touched) error {
		listed++
		require.Contains(t, r.Address, "@example.com")
		require.WithinDuration(t, time.Now(), r.At, time.Minute)
		return nil
	}))
	require.Equal(t, 4, listed, "who has got it, or may have")

	size, err := b.st.CorrectionSize(t.Context(), b.seed.Workspace, c)
	require.NoError(t, err)
	require.Equal(t, store.Corrected{ID: size.ID, Customers: 4, Asked: 4}, size)
	require.Zero(t, all(), "looking asks nobody in")
	done, err := b.st.Correct(t.Context(), b.seed.Workspace, c)
	require.NoError(t, err)
	require.Equal(t, size, done)
	again, err := b.st.Correct(t.Context(), b.seed.Workspace, c)
	require.NoError(t, err)
	require.Equal(t, store.Corrected{ID: size.ID, Customers: 4}, again)
	require.Equal(t, 4, requests())
	require.Equal(t, 4, all())

	b.send(1, audience.Accepted, "") // it goes out meanwhile
	again, err = b.st.Correct(t.Context(), b.seed.Workspace, c)
	require.NoError(t, err)
	require.Equal(t, store.Corrected{ID: size.ID, Customers: 5, Asked: 1}, again)
	require.Equal(t, 5, all())

	early := c
	early.Filter.Until = time.Now().Add(-time.Hour)
	size, err = b.st.CorrectionSize(t.Context(), b.seed.Workspace, early)
	require.NoError(t, err)
	require.Zero(t, size.Customers)
	for _, wrong := range []store.Correction{
		{Filter: c.Filter, Into: "sale"},
		{Filter: store.TouchedFilter{Campaign: "sorry"}, Into: "sale", ID: done.ID},
	} {
		_, err := b.st.Correct(t.Context(), b.seed.Workspace, wrong)
		require.ErrorIs(t, err, store.ErrInvalid)
	}
	_, err = b.st.Correct(t.Context(), b.seed.Workspace, store.Correction{Filter: c.Filter, Into: "none"})
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NoError(t, b.st.SetCampaignStatus(t.Context(), b.seed.Workspace, "sorry", store.Paused))
	_, err = b.st.Correct(t.Context(), b.seed.Workspace, c)
	require.ErrorIs(t, err, store.ErrInvalid)
}
