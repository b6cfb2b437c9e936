package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// changed lists what waits, each as its event's name, or "" without one, and what changed.
func changed(t *testing.T, st *store.Store, seed storetest.Seed) [][]string {
	t.Helper()
	events := waiting(t, st, seed)
	slices.SortFunc(events, func(a, b store.PickedEvent) int { return int(a.Seq - b.Seq) })
	list := [][]string{}
	for _, e := range events {
		list = append(list, append([]string{e.Name}, e.Changed...))
	}
	return list
}

func TestChangesOfMessages(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	says := func(id string, p store.Profile) store.Message {
		return message(id, func(m *store.Message) { m.Profile = p })
	}
	consent := audience.Consent{Channel: audience.Email, Topic: "news", Action: audience.Granted, OccurredAt: noon, Method: "api"}

	ingest(t, st, seed, says("m1", store.Profile{Email: new("a@example.com")}))
	require.Equal(t, [][]string{{"registered", "customer:*"}}, changed(t, st, seed), "a new customer")
	ingest(t, st, seed, says("m2", store.Profile{}))
	require.Equal(t, [][]string{{"registered"}}, changed(t, st, seed), "nothing about the record")
	ingest(t, st, seed, says("m3", store.Profile{
		Phone: new("+380501234567"), Attributes: map[string]any{"plan": "pro", "old": nil}, AddTags: []string{"x"}, CreatedAt: &noon,
	}), says("m4", store.Profile{Stage: new("lead"), Consents: []audience.Consent{consent}}))
	require.Equal(t, [][]string{
		{"registered", "customer:created_at", "customer:old", "customer:phone", "customer:plan", "customer:tags"},
		{"registered", "consents:", "customer:stage"},
	}, changed(t, st, seed), "each message has its own")

	ingest(t, st, seed, anonymous("m5", "a1"))
	changed(t, st, seed)
	ingest(t, st, seed, both("m6", "u2", "a1"))
	require.Equal(t, [][]string{{"identified", "customer:external_id"}}, changed(t, st, seed), "the visitor got the site's id")
	ingest(t, st, seed, anonymous("m7", "a2"))
	changed(t, st, seed)
	ingest(t, st, seed, both("m8", "u2", "a2"))
	require.Equal(t, [][]string{{"identified", "customer:*"}}, changed(t, st, seed), "a record was taken over")
}

func TestChangesOfImports(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	past := func(id, user, name string, p store.Profile) store.Message {
		return message(id, func(m *store.Message) { m.UserID, m.Name, m.Profile, m.Historical = user, name, p, true })
	}
	ingest(t, st, seed, past("m1", "u1", "order", store.Profile{}))
	require.Empty(t, changed(t, st, seed), "no segment, nothing to judge")

	segment(t, st, seed, "buyers", "event:order")
	ingest(t, st, seed, past("m2", "u2", "visit", store.Profile{}), past("m3", "u2", "order", store.Profile{}))
	require.Equal(t, [][]string{{"", "customer:*", "history:"}}, changed(t, st, seed), "new, and once for all its lines")
	ingest(t, st, seed, past("m4", "u2", "visit", store.Profile{}))
	require.Empty(t, changed(t, st, seed), "no segment mentions it")
	ingest(t, st, seed, past("m5", "u2", "order", store.Profile{}), past("m6", "u1", "order", store.Profile{}))
	require.Equal(t, [][]string{{"", "customer:*", "history:"}, {"", "customer:*", "history:"}}, changed(t, st, seed), "a segment mentions it")
	ingest(t, st, seed, past("m7", "u2", "visit", store.Profile{Name: new("Ann")}), message("m8", nil))
	require.ElementsMatch(t, [][]string{{"", "customer:*", "history:"}, {"registered"}}, changed(t, st, seed), "the record changed")
}

func TestChangesOfConsents(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	u1 := person(t, st, seed, "u1")
	changed(t, st, seed)
	withdraw := func(topic string) {
		require.NoError(t, st.Withdraw(t.Context(), store.Withdrawal{
			Workspace: seed.Workspace, Customer: u1, Channel: audience.Email, Topic: topic, Method: "one_click", At: noon,
		}))
	}
	withdraw("news")
	require.Equal(t, [][]string{{"unsubscribed"}}, changed(t, st, seed), "no segment mentions consents")
	segment(t, st, seed, "silent", "consents:")
	withdraw("*")
	require.Equal(t, [][]string{{"", "consents:"}, {"unsubscribed"}}, changed(t, st, seed))
	receive := func(from, sid string, out bool) {
		require.NoError(t, st.Receive(t.Context(), seed.Workspace, store.Inbound{
			Channel: audience.SMS, From: from, Body: "STOP", ProviderID: sid, OptOut: out, At: noon,
		}))
	}
	receive("+380501234567", "SM1", true)
	require.Equal(t, [][]string{{"", "consents:"}, {"sms_received"}}, changed(t, st, seed))
	receive("+380509999999", "SM2", false)
	require.Equal(t, [][]string{{"", "customer:*"}, {"sms_received"}}, changed(t, st, seed), "a customer nobody knew")
}

func TestChangesOfJourneys(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	u1 := person(t, st, seed, "u1")
	p := publish(t, st, seed, hello)
	changed(t, st, seed)
	// walk plans an e-mail, updates the record, and ends the journey.
	walk := func(c store.Cohort) {
		inTx(t, st, seed, func(tx *store.Tx) error {
			state, due, err := tx.LoadDue(t.Context(), c.ID, noon, 10)
			require.NoError(t, err)
			due[0].Status, due[0].ExitReason = campaign.Finished, campaign.ReasonFinished
			_, err = tx.WriteAdvanced(t.Context(), store.Advanced{
				Cohort: c.ID, State: state, Journeys: due, Now: noon,
				Messages: []store.PlannedMessage{{JourneyID: due[0].ID, CustomerID: u1, Channel: audience.Email, Step: "mail", Iteration: 1}},
				Updates: []store.CustomerUpdate{{
					CustomerID: u1, Profile: store.Profile{Stage: new("done"), Attributes: map[string]any{"score": 1}},
				}},
			})
			return err
		})
	}
	c := enter(t, st, seed, p, hello, u1)
	walk(c)
	claim(t, st, seed, c, audience.Email, "a")
	require.Empty(t, changed(t, st, seed), "no segment mentions any of it")

	segment(t, st, seed, "touched", "journeys:hello", "sent:hello/mail", "customer:stage")
	c = enter(t, st, seed, p, hello, u1)
	require.Equal(t, [][]string{{"", "journeys:hello"}}, changed(t, st, seed))
	walk(c)
	require.Equal(t, [][]string{{"", "customer:stage", "journeys:hello", "sent:hello/mail"}}, changed(t, st, seed))
	sent := [][]string{{"", "sent:hello/mail"}}
	m := claim(t, st, seed, c, audience.Email, "a").Messages[0]
	require.Equal(t, sent, changed(t, st, seed), "claimed")
	require.NoError(t, st.Settle(t.Context(), seed.Workspace, store.Settlement{TouchID: m.TouchID, Status: audience.Accepted}))
	require.Equal(t, sent, changed(t, st, seed), "accepted")
	require.NoError(t, st.Report(t.Context(), store.StatusReport{Workspace: seed.Workspace, TouchID: m.TouchID, Status: audience.Delivered}))
	require.Equal(t, sent, changed(t, st, seed), "delivered")
	require.NoError(t, st.DeleteSegment(t.Context(), seed.Workspace, "touched", ""))
	enter(t, st, seed, p, hello, u1)
	require.Empty(t, changed(t, st, seed), "the segment is gone")
}

func TestQueueChanges(t *testing.T) {
	t.Parallel()

	t.Run("Wakes the shards concerned", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		segment(t, st, seed, "vip", "scores:")
		l, err := st.Listen(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, l.Close(context.WithoutCancel(t.Context()))) }()
		c := inShard(3)
		inTx(t, st, seed, func(tx *store.Tx) error {
			if err := tx.QueueChanges(t.Context(), []string{c}, "customer:plan"); err != nil { // nobody mentions it
				return err
			}
			return tx.QueueChanges(t.Context(), []string{c}, "scores:")
		})
		shard, err := l.Wait(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 3, shard)
		require.Equal(t, [][]string{{"", "scores:"}}, changed(t, st, seed))
	})

	t.Run("Sets aside a change that cannot be picked", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		segment(t, st, seed, "vip", "scores:")
		c := uuid.NewString()
		inTx(t, st, seed, func(tx *store.Tx) error { return tx.QueueChanges(t.Context(), []string{c}, "scores:") })
		require.NoError(t, st.SetAside(t.Context(), seed.Workspace, store.ShardOf(c), "it broke"))
		require.Empty(t, changed(t, st, seed))
		dead, err := st.DeadLetters(t.Context(), seed.Workspace, 10)
		require.NoError(t, err)
		require.Len(t, dead, 1)
		require.Equal(t, "segments", dead[0].Place)
		require.Equal(t, "it broke", dead[0].Reason)
		require.JSONEq(t, fmt.Sprintf(`{"customer": %q, "changed": ["scores:"]}`, c), string(dead[0].Payload))
	})
}

func TestMergeOfSegments(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	winner := person(t, st, seed, "u1")
	var loser string
	for i := 0; loser == "" || store.ShardOf(loser) == store.ShardOf(winner); i++ { // what waits must change streams
		anon := fmt.Sprint("a", i)
		ingest(t, st, seed, anonymous(anon, anon))
		loser = record(t, st, seed, anon).Customer.ID
	}
	anon := record(t, st, seed, loser).Identities[0].Value
	rule := segment(t, st, seed, "rule")
	build(t, st, seed, rule, loser)
	list(t, st, seed, "file")
	_, _, err := st.ImportMembers(t.Context(), seed.Workspace, "file", []string{loser}, false)
	require.NoError(t, err)
	write(t, st, seed, nil, store.Check{SegmentID: rule.ID, CustomerID: loser, DueAt: noon})

	ingest(t, st, seed, both("both", "u1", anon))
	require.Empty(t, members(t, st, seed, "rule", time.Time{}))
	require.Equal(t, []string{winner}, members(t, st, seed, "file", time.Time{}), "it was asked to be in it")
	found, err := st.WorkspacesWithChecks(t.Context(), store.ShardOf(loser), noon)
	require.NoError(t, err)
	require.Empty(t, found)
	for _, name := range []string{"rule", "file"} {
		last := history(t, st, seed, name, loser)[0]
		require.Equal(t, "merge", last.Cause)
		require.False(t, last.Joined)
	}
	require.True(t, history(t, st, seed, "file", winner)[0].Joined)
	events := waiting(t, st, seed) // which looks whether each is in the stream of its customer
	require.Equal(t, []string{"customer:*"}, events[len(events)-1].Changed)
	for _, e := range events {
		require.NotEqual(t, loser, e.CustomerID)
	}
}
