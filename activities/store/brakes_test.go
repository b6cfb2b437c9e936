package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// braking is a ledger with a campaign whose messages come to what the test says.
type braking struct {
	*ledger
	cohort store.Cohort
	source string
}

// brakes publishes a campaign with the given lines, and plans a message to each of n customers.
func brakes(t *testing.T, n int, lines string) *braking {
	t.Helper()
	b := &braking{ledger: openLedger(t), source: "campaign: sale\ntrigger: {event: registered}\n" + lines +
		"\nsteps:\n  - email: {id: mail, subject: Hi, text: Hello}\n  - wait: 1d\n"}
	p := publish(t, b.st, b.seed, b.source)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = uuid.NewString()
	}
	b.sql(`INSERT INTO customers (workspace_id, id, email) SELECT $1, u.id, u.id || '@example.com' FROM unnest($2::uuid[]) u (id)`,
		b.seed.Workspace, ids)
	b.cohort = enter(t, b.st, b.seed, p, b.source, ids...)
	plan(t, b.st, b.seed, b.cohort, audience.Email)
	return b
}

// send claims up to n messages and settles them; it gives their ids.
func (b *braking) send(n int, status audience.TouchStatus, outcome string) []string {
	b.t.Helper()
	var ids []string
	for len(ids) < n {
		out, err := b.st.Claim(b.t.Context(), store.ClaimRequest{
			Workspace: b.seed.Workspace, Cohort: b.cohort.ID, Channel: audience.Email, Claim: "a", Limit: n - len(ids), Now: time.Now(),
		})
		require.NoError(b.t, err)
		if len(out.Messages) == 0 {
			break
		}
		for _, m := range out.Messages {
			b.settle(m.TouchID, status, outcome)
			ids = append(ids, m.TouchID)
		}
	}
	return ids
}

func (b *braking) settle(touch string, status audience.TouchStatus, outcome string) {
	b.t.Helper()
	require.NoError(b.t, b.st.Settle(b.t.Context(), b.seed.Workspace, store.Settlement{TouchID: touch, Status: status, Outcome: outcome}))
}

func (b *braking) judge() []store.Brake {
	b.t.Helper()
	list, err := b.st.JudgeBrakes(b.t.Context(), b.seed.Workspace)
	require.NoError(b.t, err)
	return list
}

func (b *braking) status() (store.CampaignStatus, string) {
	b.t.Helper()
	list, err := b.st.Campaigns(b.t.Context(), b.seed.Workspace)
	require.NoError(b.t, err)
	return list[0].Status, list[0].Note
}

func (b *braking) signal(kind store.SignalKind, touches ...string) {
	b.t.Helper()
	var list []store.Signal
	for _, id := range touches {
		list = append(list, store.Signal{TouchID: id, Kind: kind})
	}
	inTx(b.t, b.st, b.seed, func(tx *store.Tx) error { return tx.NoteSignals(b.t.Context(), list) })
}

const badAddress = "bad address (550 5.1.1): no such user"

func TestBrakes(t *testing.T) {
	t.Parallel()

	t.Run("Stop a bad list at the first bounce above the limit, and not before enough messages", func(t *testing.T) {
		t.Parallel()
		b := brakes(t, 60, "topic: news\nbrakes: {bounces: 10%, failures: 100%, after: 20}")
		b.send(19, audience.Failed, badAddress)
		require.Empty(t, b.judge(), "19 messages are too few")
		b.send(1, audience.Failed, badAddress)
		list := b.judge()
		require.Len(t, list, 1)
		require.Equal(t, "bounces", list[0].Passed)
		require.Equal(t, "20 of 20 messages bounced within 1h: 100.00%, more than 10%", list[0].Reason)
		status, note := b.status()
		require.Equal(t, store.Paused, status)
		require.Equal(t, "paused by a brake: "+list[0].Reason, note)
		require.True(t, b.claim(b.cohort, audience.Email, time.Now()).Held)
		require.Empty(t, b.judge(), "it is applied once")
		held, err := b.st.Brakes(t.Context(), b.seed.Workspace, store.BrakeFilter{Campaign: "sale", Holding: true, Limit: 10})
		require.NoError(t, err)
		require.Len(t, held, 1)
		require.Equal(t, 20, held[0].Counts.Bounces)
		require.Len(t, store.Audits(t.Context(), t, b.st, b.seed.Workspace, "brake_applied"), 1)
	})

	t.Run("Hear of bounces that come late", func(t *testing.T) {
		t.Parallel()
		b := brakes(t, 40, "topic: news\nbrakes: {bounces: 10%, failures: 100%, after: 20}")
		sent := b.send(30, audience.Accepted, "250 OK")
		require.Empty(t, b.judge())
		for i, id := range sent[:4] {
			require.Empty(t, b.judge(), "%d bounces are no more than 10%%", i)
			require.NoError(t, b.st.Report(t.Context(), store.StatusReport{
				Workspace: b.seed.Workspace, TouchID: id, Status: audience.Failed, Detail: "5.1.1 unknown", At: time.Now(),
			}))
		}
		list := b.judge()
		require.Len(t, list, 1)
		require.Equal(t, campaign.BrakeCounts{Messages: 30, Failures: 4, Bounces: 4, Spend: "0.000000"}, list[0].Counts)
	})

	t.Run("Count complaints and unsubscriptions once a message", func(t *testing.T) {
		t.Parallel()
		b := brakes(t, 25, "topic: news\nbrakes: {complaints: 5%, unsubscribes: 20%, after: 20}")
		sent := b.send(20, audience.Delivered, "")
		b.signal(store.SignalComplaint, sent[0], sent[0])
		b.signal(store.SignalComplaint, sent[0], uuid.NewString())
		require.Empty(t, b.judge())
		b.signal(store.SignalUnsubscribe, sent[:4]...)
		require.Empty(t, b.judge(), "20%% is not more than 20%%")
		b.signal(store.SignalComplaint, sent[1])
		list := b.judge()
		require.Len(t, list, 1)
		require.Equal(t, "complaints", list[0].Passed)
		require.Equal(t, 4, list[0].Counts.Unsubscribes)
	})

	t.Run("Add up money exactly", func(t *testing.T) {
		t.Parallel()
		b := brakes(t, 25, "topic: news\nbrakes: {spend: 0.3, after: 20}")
		b.sql(`UPDATE touches SET cost = 0.1`)
		b.send(3, audience.Accepted, "")
		require.Empty(t, b.judge())
		b.sql(`UPDATE touches SET cost = 0.000001 WHERE status = 'planned'`)
		b.send(1, audience.Accepted, "")
		list := b.judge()
		require.Len(t, list, 1)
		require.Equal(t, "0.300001 were spent within 1h, more than 0.3", list[0].Reason)
	})

	t.Run("Are set for marketing, and for service messages only when asked", func(t *testing.T) {
		t.Parallel()
		for lines, stops := range map[string]bool{
			"topic: news":                                  true,
			"topic: news\nbrakes: none":                    false,
			"transactional: true":                          false,
			"transactional: true\nbrakes: {failures: 50%}": true,
		} {
			b := brakes(t, 210, lines)
			b.send(200, audience.Failed, "message refused (554)")
			require.Equal(t, stops, len(b.judge()) == 1, lines)
		}
	})

	t.Run("Are lifted by resuming, and count anew", func(t *testing.T) {
		t.Parallel()
		b := brakes(t, 60, "topic: news\nbrakes: {failures: 10%, after: 10}")
		sent := b.send(10, audience.Accepted, "")
		b.send(10, audience.Failed, "message refused (554)")
		require.Len(t, b.judge(), 1)
		err := b.st.SetCampaignStatus(t.Context(), b.seed.Workspace, "sale", store.Live)
		var holds *store.BrakeHoldsError
		require.ErrorAs(t, err, &holds)
		require.ErrorContains(t, err, "10 of 20 messages failed")
		require.NoError(t, b.st.ResumeCampaign(t.Context(), b.seed.Workspace, "sale", true))
		status, note := b.status()
		require.Equal(t, store.Live, status)
		require.Empty(t, note)
		for _, id := range sent { // of messages from before
			b.settle(id, audience.Failed, "came back")
		}
		b.send(9, audience.Failed, "message refused (554)")
		require.Empty(t, b.judge())
		b.send(1, audience.Failed, "message refused (554)")
		list := b.judge()
		require.Len(t, list, 1)
		require.Equal(t, 10, list[0].Counts.Failures)
		b.sql(`UPDATE brake_counts SET since = since - interval '2 hours'`)
		require.NoError(t, b.st.SetCampaignStatus(t.Context(), b.seed.Workspace, "sale", store.Live), "the window has passed")
	})

	t.Run("Of the workspace hold a channel, but no service message", func(t *testing.T) {
		t.Parallel()
		b := brakes(t, 30, "topic: news\nbrakes: none")
		limits := campaign.Brakes{Failures: 500_000, After: 10}
		require.NoError(t, b.st.SetDelivery(t.Context(), b.seed.Workspace, func(s *channels.Settings) error {
			s.Brakes.Workspace = &limits
			return nil
		}))
		b.send(10, audience.Failed, "message refused (554)")
		list := b.judge()
		require.Len(t, list, 1)
		require.Equal(t, audience.Email, list[0].Channel)
		status, _ := b.status()
		require.Equal(t, store.Live, status)
		require.True(t, b.claim(b.cohort, audience.Email, time.Now()).Held)
		b.sql(`UPDATE touches SET transactional = true WHERE status = 'planned'`)
		require.Len(t, b.claim(b.cohort, audience.Email, time.Now()).Messages, 1)
		b.sql(`UPDATE touches SET transactional = false WHERE status = 'planned'`)
		var holds *store.BrakeHoldsError
		require.ErrorAs(t, b.st.ReleaseBrake(t.Context(), b.seed.Workspace, audience.Email, false), &holds)
		require.ErrorIs(t, b.st.ReleaseBrake(t.Context(), b.seed.Workspace, audience.SMS, true), store.ErrNotFound)
		require.NoError(t, b.st.ReleaseBrake(t.Context(), b.seed.Workspace, audience.Email, true))
		require.Len(t, b.claim(b.cohort, audience.Email, time.Now()).Messages, 1)
		require.Empty(t, b.judge())
	})

	t.Run("Begin anew in a database that was copied to another server", func(t *testing.T) {
		t.Parallel()
		b := brakes(t, 10, "topic: news\nbrakes: {failures: 10%, after: 2}")
		b.send(1, audience.Failed, "message refused (554)")
		b.judge()
		b.sql(`UPDATE brake_marks SET seen = '9000000000:9000000000:', next_by = '9000000000'`)
		b.judge()
		b.send(1, audience.Failed, "message refused (554)")
		require.Len(t, b.judge(), 1, "what comes afterwards is counted")
	})
}

// recount counts from the ledger what the counters hold.
const recount = `SELECT count(*) FILTER (WHERE f.id IS NOT NULL), count(*) FILTER (WHERE t.status = 'failed'),
	count(*) FILTER (WHERE t.status = 'failed' AND (f.status = 'accepted' OR t.outcome LIKE 'bad address%')),
	(SELECT count(*) FROM brake_signals WHERE kind = 'complaint'), (SELECT count(*) FROM brake_signals WHERE kind = 'unsubscribe'),
	coalesce(sum(t.cost) FILTER (WHERE f.id IS NOT NULL), 0)::text
	FROM touches t LEFT JOIN LATERAL (SELECT p.id, p.status FROM touch_statuses p WHERE p.touch_id = t.id
		AND p.status IN ('accepted', 'delivered', 'failed', 'uncertain') ORDER BY p.id LIMIT 1) f ON true WHERE t.channel = 'email'`

const counted = `SELECT coalesce(sum(messages), 0), coalesce(sum(failures), 0), coalesce(sum(bounces), 0),
	coalesce(sum(complaints), 0), coalesce(sum(unsubscribes), 0), coalesce(sum(cost), 0)::text FROM brake_counts`

// TestBrakeCounts holds the counters beside a recount, while many settle, and transactions stay open that began before.
func TestBrakeCounts(t *testing.T) {
	t.Parallel()
	b := brakes(t, 400, "topic: news\nbrakes: none")
	b.sql(`UPDATE touches SET cost = 0.07`)
	conn := connect(t, b.url)
	numbers := func(sql string) (n campaign.BrakeCounts) {
		rows, _ := conn.Query(t.Context(), sql)
		n, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[campaign.BrakeCounts])
		require.NoError(t, err)
		return n
	}
	rapid.Check(t, func(r *rapid.T) {
		var open []*pgx.Conn
		var sent []string
		for range rapid.IntRange(1, 6).Draw(r, "steps") {
			switch rapid.IntRange(0, 4).Draw(r, "step") {
			case 0:
				sent = append(sent, b.send(rapid.IntRange(1, 4).Draw(r, "n"), audience.Accepted, "")...)
			case 1:
				b.send(1, rapid.SampledFrom([]audience.TouchStatus{audience.Failed, audience.Uncertain}).Draw(r, "as"), badAddress)
			case 2: // an answer whose transaction takes its time, so that later ids are seen before its own
				if len(sent) == 0 {
					continue
				}
				slow := connect(t, b.url)
				_, err := slow.Exec(t.Context(), `BEGIN`)
				require.NoError(t, err)
				_, err = slow.Exec(t.Context(), `WITH c AS (UPDATE touches SET status = 'failed', outcome = 'late' WHERE id = $1 RETURNING id)
					INSERT INTO touch_statuses (workspace_id, touch_id, status) SELECT $2, id, 'failed' FROM c`, sent[0], b.seed.Workspace)
				require.NoError(t, err)
				sent, open = sent[1:], append(open, slow)
			case 3:
				if len(sent) > 0 {
					b.signal(rapid.SampledFrom([]store.SignalKind{store.SignalComplaint, store.SignalUnsubscribe}).Draw(r, "kind"), sent[0])
				}
			case 4:
				if len(open) > 0 {
					_, err := open[0].Exec(t.Context(), `COMMIT`)
					require.NoError(t, err)
					open = open[1:]
				}
			}
			b.judge()
			require.Equal(r, numbers(recount), numbers(counted))
		}
		for _, slow := range open {
			_, err := slow.Exec(t.Context(), `COMMIT`)
			require.NoError(t, err)
		}
		b.judge()
		require.Equal(r, numbers(recount), numbers(counted))
	})
	require.Eventually(t, func() bool { // other tests' transactions hold the mark up
		b.judge()
		left, err := b.st.WorkspacesToJudge(t.Context())
		return err == nil && len(left) == 0
	}, 20*time.Second, 10*time.Millisecond, "once nothing happens, nobody looks any more")
	require.Equal(t, numbers(recount), numbers(counted))
}

func TestBrakesTogether(t *testing.T) {
	t.Parallel()
	b := brakes(t, 300, "topic: news\nbrakes: {failures: 10%, after: 100}")
	var g errgroup.Group
	for range 4 {
		g.Go(func() error {
			for range 75 {
				out, err := b.st.Claim(t.Context(), store.ClaimRequest{
					Workspace: b.seed.Workspace, Cohort: b.cohort.ID, Channel: audience.Email, Claim: "a", Limit: 1, Now: time.Now(),
				})
				if err != nil || len(out.Messages) == 0 {
					return err
				}
				st := store.Settlement{TouchID: out.Messages[0].TouchID, Status: audience.Failed, Outcome: "message refused (554)"}
				if err := b.st.Settle(t.Context(), b.seed.Workspace, st); err != nil {
					return err
				}
				if _, err := b.st.JudgeBrakes(t.Context(), b.seed.Workspace); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	list, err := b.st.Brakes(t.Context(), b.seed.Workspace, store.BrakeFilter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.GreaterOrEqual(t, list[0].Counts.Messages, 100)
	conn := connect(t, b.url)
	// While one sender counts the others go on: on a slow machine with some dozens of messages.
	require.LessOrEqual(t, count(t, conn, `SELECT count(*) FROM touches WHERE status = 'failed'`), 200)
}

// TestBrakesAreCheap judges one new status among many touches.
func TestBrakesAreCheap(t *testing.T) {
	t.Parallel()
	b := brakes(t, 5, "topic: news")
	b.sql(`INSERT INTO touches (workspace_id, id, customer_id, channel, direction, status, campaign_id, occurred_at)
		SELECT $1, gen_random_uuid(), $3, 'email', 'out', 'accepted', $2, now() FROM generate_series(1, 100000)`,
		b.seed.Workspace, b.cohort.CampaignID, b.cohort.Journeys[0].CustomerID)
	b.sql(`INSERT INTO touch_statuses (workspace_id, touch_id, status) SELECT workspace_id, id, 'accepted' FROM touches WHERE status = 'accepted'`)
	began := time.Now()
	b.judge()
	all, one := time.Since(began), time.Hour
	b.sql(`UPDATE brake_marks SET after = next, next = NULL, next_by = NULL`) // as once other tests' transactions have ended
	for range 3 {
		b.send(1, audience.Accepted, "")
		began = time.Now()
		b.judge()
		one = min(one, time.Since(began))
	}
	t.Logf("100,000 new statuses: %s; 1 among them: %s", all, one)
	require.Less(t, 10*one, all)
}
