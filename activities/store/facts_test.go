package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

func TestFacts(t *testing.T) {
	t.Parallel()
	load := func(t *testing.T, st *store.Store, seed storetest.Seed, needs rules.Needs, now time.Time, customers ...string) map[string]rules.Facts {
		t.Helper()
		var found map[string]rules.Facts
		inTx(t, st, seed, func(tx *store.Tx) error {
			var err error
			found, err = tx.Facts(t.Context(), customers, needs, now)
			return err
		})
		return found
	}

	t.Run("Loads the record alone where nothing else is needed", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed, other := storetest.Workspace(t, st), storetest.Workspace(t, st)
		u1, foreign := person(t, st, seed, "u1"), person(t, st, other, "u1")
		ingest(t, st, seed, anonymous("a", "a1"))
		loser := record(t, st, seed, "a1").Customer.ID
		ingest(t, st, seed, both("b", "u1", "a1"))
		found := load(t, st, seed, rules.Needs{}, noon, u1, foreign, loser, uuid.NewString())
		require.Len(t, found, 1)
		require.Equal(t, rules.Facts{Customer: record(t, st, seed, "u1").Customer}, found[u1])
	})

	t.Run("Loads history in its window, and nothing that was later", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		u1 := person(t, st, seed, "u1")
		for i, at := range []time.Duration{-48 * time.Hour, -time.Hour, 0, time.Second} {
			ingest(t, st, seed, message(string(rune('a'+i)), func(m *store.Message) { m.Name, m.OccurredAt = "order", noon.Add(at) }))
		}
		events := func(window time.Duration) (at []time.Duration) {
			needs := rules.Needs{History: map[string]time.Duration{"order": window, "visit": 0}}
			for _, e := range load(t, st, seed, needs, noon, u1)[u1].History["order"] {
				at = append(at, e.OccurredAt.Sub(noon))
			}
			return at
		}
		require.Equal(t, []time.Duration{-48 * time.Hour, -time.Hour, 0}, events(0))
		require.Equal(t, []time.Duration{-time.Hour, 0}, events(time.Hour))
		with := func(properties ...string) map[string]any {
			needs := rules.Needs{History: map[string]time.Duration{"order": 0}, Properties: properties}
			return load(t, st, seed, needs, noon, u1)[u1].History["order"][0].Properties
		}
		require.NotEmpty(t, with("order"))
		require.Empty(t, with("visit"), "nobody asks for them")
	})

	t.Run("Loads consents in order, with the policies of topics", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		u1, u2 := person(t, st, seed, "u1"), person(t, st, seed, "u2")
		require.NoError(t, st.SetTopicPolicy(t.Context(), seed.Workspace, "news", audience.OptIn))
		say := func(action audience.ConsentAction, at time.Duration) audience.Consent {
			return audience.Consent{Channel: audience.SMS, Topic: "news", Action: action, OccurredAt: noon.Add(at), Method: "api", Source: "s", TextShown: "t"}
		}
		ingest(t, st, seed, message("c", func(m *store.Message) {
			m.Profile.Consents = []audience.Consent{say("withdrawn", 0), say("granted", -time.Hour), say("granted", 0), say("withdrawn", time.Hour)}
		}))
		found := load(t, st, seed, rules.Needs{Consents: true}, noon, u1, u2)
		require.Len(t, found[u1].Consents, 3)
		for i, want := range []audience.Consent{say("granted", -time.Hour), say("withdrawn", 0), say("granted", 0)} {
			got := found[u1].Consents[i]
			require.True(t, want.OccurredAt.Equal(got.OccurredAt))
			got.OccurredAt = want.OccurredAt
			require.Equal(t, want, got)
		}
		require.Equal(t, map[string]audience.TopicPolicy{"news": audience.OptIn}, found[u1].Topics)
		require.Equal(t, found[u1].Topics, found[u2].Topics)
		require.Empty(t, found[u2].Consents)
	})

	t.Run("Tells who is in which segment, now and then", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		u1, u2 := person(t, st, seed, "u1"), person(t, st, seed, "u2")
		g, h := segment(t, st, seed, "g"), segment(t, st, seed, "h")
		now := time.Now()
		write(t, st, seed, []store.Move{move(g, u1, true, "event", now.Add(-3*time.Hour)), move(h, u1, true, "event", now.Add(-3*time.Hour))})
		write(t, st, seed, []store.Move{move(g, u1, false, "event", now.Add(-time.Hour)), move(g, u2, true, "event", now.Add(-time.Hour))})
		in := func(now time.Time) []map[string]bool {
			found := load(t, st, seed, rules.Needs{Segments: []string{"g", "nowhere"}}, now, u1, u2)
			return []map[string]bool{found[u1].Segments, found[u2].Segments}
		}
		yes := map[string]bool{"g": true}
		require.Equal(t, []map[string]bool{nil, yes}, in(now))
		require.Equal(t, []map[string]bool{nil, yes}, in(now.Add(-30*time.Minute)))
		require.Equal(t, []map[string]bool{yes, nil}, in(now.Add(-2*time.Hour)))
		require.Equal(t, []map[string]bool{nil, nil}, in(now.Add(-4*time.Hour)))
	})

	t.Run("Tells of journeys and messages as they stood", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		u1 := person(t, st, seed, "u1")
		c := enter(t, st, seed, publish(t, st, seed, hello), hello, u1)
		before := time.Now()
		plan(t, st, seed, c, audience.Email)
		planned := time.Now()
		m := claim(t, st, seed, c, audience.Email, "a").Messages[0]
		require.NoError(t, st.Settle(t.Context(), seed.Workspace, store.Settlement{TouchID: m.TouchID, Status: audience.Accepted}))
		accepted := time.Now()
		ended := accepted.Add(time.Hour)
		inTx(t, st, seed, func(tx *store.Tx) error {
			state, due, err := tx.LoadDue(t.Context(), c.ID, ended.Add(48*time.Hour), 10)
			require.NoError(t, err)
			due[0].Status = campaign.Finished
			_, err = tx.WriteAdvanced(t.Context(), store.Advanced{Cohort: c.ID, State: state, Journeys: due, Now: ended})
			return err
		})
		needs := rules.Needs{Journeys: []string{"hello", "nowhere"}, Touches: []string{"hello/email", "hello/sms"}}
		at := func(now time.Time) rules.Facts { return load(t, st, seed, needs, now, u1)[u1] }

		require.Empty(t, at(before).Touches)
		require.Equal(t, audience.Planned, at(planned).Touches["hello/email"].Status)
		sent := at(accepted).Touches
		require.Len(t, sent, 1)
		require.Equal(t, audience.Accepted, sent["hello/email"].Status)
		require.False(t, sent["hello/email"].At.After(accepted))

		require.Empty(t, at(noon.Add(-time.Second)).Journeys)
		run := at(accepted.Add(time.Minute)).Journeys["hello"]
		require.Len(t, run, 1)
		require.Equal(t, "active", run[0].Status)
		require.True(t, run[0].EndedAt.IsZero())
		require.True(t, noon.Equal(run[0].EnteredAt))
		run = at(ended.Add(time.Minute)).Journeys["hello"]
		require.Equal(t, "finished", run[0].Status)
		require.WithinDuration(t, ended, run[0].EndedAt, time.Millisecond)
	})

	t.Run("Takes the latest message of a step", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		u1 := person(t, st, seed, "u1")
		p := publish(t, st, seed, hello)
		var last store.Cohort
		for i := range 2 {
			last = store.Cohort{ID: store.NewCohortID(), CampaignID: p.CampaignID, Version: p.Version}
			j := campaign.Start(define(t, hello), store.NewJourneyID(), string(rune('a'+i)), nil, noon)
			last.Journeys = []store.NewJourney{{Journey: j, CustomerID: u1}}
			inTx(t, st, seed, func(tx *store.Tx) error {
				return tx.WritePicked(t.Context(), store.Picked{Cohorts: []store.Cohort{last}})
			})
			plan(t, st, seed, last, audience.Email)
			if i == 0 {
				claim(t, st, seed, last, audience.Email, "a")
			}
		}
		found := load(t, st, seed, rules.Needs{Touches: []string{"hello/email"}}, time.Now(), u1)
		require.Equal(t, audience.Planned, found[u1].Touches["hello/email"].Status)
	})

	t.Run("Loads scores of any kind", func(t *testing.T) {
		t.Parallel()
		url := storetest.URL(t)
		st := storetest.Open(t, url)
		seed := storetest.Workspace(t, st)
		u1 := person(t, st, seed, "u1")
		conn := connect(t, url)
		for name, value := range map[string]string{"rfm.monetary": "4", "score.churn": "0.25", "next_best.product": `"A-1"`, "list": `["x", null]`} {
			_, err := conn.Exec(t.Context(), `INSERT INTO scores VALUES ($1, $2, $3, $4, $5)`, seed.Workspace, u1, name, value, noon)
			require.NoError(t, err)
		}
		_, err := conn.Exec(t.Context(), `INSERT INTO scores VALUES ($1, $2, 'later', '1', $3)`, seed.Workspace, u1, noon.Add(time.Second))
		require.NoError(t, err)
		require.Equal(t, map[string]any{
			"rfm.monetary": json.Number("4"), "score.churn": json.Number("0.25"), "next_best.product": "A-1", "list": []any{"x", nil},
		}, load(t, st, seed, rules.Needs{Scores: true}, noon, u1)[u1].Scores)
	})
}
