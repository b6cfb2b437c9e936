package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

const hello = `
campaign: hello
trigger: {event: registered}
topic: news
steps:
  - email: {id: mail, subject: Hi, text: Hello}
  - sms: {id: text, text: Hello}
  - wait: 1d
`

func define(t *testing.T, source string) *campaign.Definition {
	t.Helper()
	d, err := campaign.Parse([]byte(source))
	require.NoError(t, err)
	return d
}

func publish(t *testing.T, st *store.Store, seed storetest.Seed, source string) store.Published {
	t.Helper()
	p, err := st.Publish(t.Context(), seed.Workspace, store.Publication{Definition: define(t, source), Source: source})
	require.NoError(t, err)
	return p
}

// enter lets customers enter a campaign as one cohort, and gives the cohort and their journeys.
func enter(t *testing.T, st *store.Store, seed storetest.Seed, p store.Published, source string, customers ...string) store.Cohort {
	t.Helper()
	cohort := store.Cohort{ID: store.NewCohortID(), CampaignID: p.CampaignID, Version: p.Version}
	for _, c := range customers {
		j := campaign.Start(define(t, source), store.NewJourneyID(), "", map[string]any{"plan": "pro"}, noon)
		cohort.Journeys = append(cohort.Journeys, store.NewJourney{Journey: j, CustomerID: c})
	}
	inTx(t, st, seed, func(tx *store.Tx) error {
		return tx.WritePicked(t.Context(), store.Picked{Cohorts: []store.Cohort{cohort}})
	})
	return cohort
}

func inTx(t *testing.T, st *store.Store, seed storetest.Seed, fn func(tx *store.Tx) error) {
	t.Helper()
	require.NoError(t, st.In(t.Context(), seed.Workspace, fn))
}

// plan commits planned messages of a cohort's journeys, as Advance does.
func plan(t *testing.T, st *store.Store, seed storetest.Seed, c store.Cohort, channels ...audience.Channel) store.CohortNext {
	t.Helper()
	var next store.CohortNext
	inTx(t, st, seed, func(tx *store.Tx) error {
		state, due, err := tx.LoadDue(t.Context(), c.ID, noon, 1000)
		if err != nil {
			return err
		}
		out := store.Advanced{Cohort: c.ID, State: state, Journeys: due, Now: noon}
		for i := range due {
			due[i].DueAt = noon.Add(24 * time.Hour)
			for _, channel := range channels {
				out.Messages = append(out.Messages, store.PlannedMessage{
					JourneyID: due[i].ID, CustomerID: due[i].Customer.ID, Channel: channel, Step: string(channel), Iteration: 1,
					Topic: "news", Reason: "entered",
				})
			}
		}
		next, err = tx.WriteAdvanced(t.Context(), out)
		return err
	})
	return next
}

// person makes a customer with addresses and gives the id.
func person(t *testing.T, st *store.Store, seed storetest.Seed, user string) string {
	t.Helper()
	ingest(t, st, seed, message("make-"+user, func(m *store.Message) {
		m.UserID, m.Name = user, "made"
		m.Profile = store.Profile{Email: new(user + "@example.com"), Phone: new("+380501234567")}
	}))
	return record(t, st, seed, user).Customer.ID
}

func claim(t *testing.T, st *store.Store, seed storetest.Seed, c store.Cohort, channel audience.Channel, by string) store.Claimed {
	t.Helper()
	out, err := st.Claim(t.Context(), store.ClaimRequest{
		Workspace: seed.Workspace, Cohort: c.ID, Channel: channel, Claim: by, Limit: 10, Now: noon,
	})
	require.NoError(t, err)
	return out
}

func touches(r *store.Record) map[audience.Channel]store.TimelineEntry {
	found := map[audience.Channel]store.TimelineEntry{}
	for _, e := range r.Timeline {
		if e.Direction == "out" {
			found[e.Channel] = e
		}
	}
	return found
}

func TestPublish(t *testing.T) {
	t.Parallel()

	t.Run("Makes a new version of what changed, and none of what did not", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		first := publish(t, st, seed, hello)
		require.Equal(t, 1, first.Version)
		require.True(t, first.Changed)
		same := publish(t, st, seed, "# a comment\n"+hello)
		require.Equal(t, store.Published{CampaignID: first.CampaignID, Version: 1}, same)
		second := publish(t, st, seed, hello+"  - sms: {id: more, text: More}\n")
		require.Equal(t, store.Published{CampaignID: first.CampaignID, Version: 2, Changed: true}, second)
	})

	t.Run("Pins templates, so that an edit makes a new version", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		d := define(t, "campaign: t\ntrigger: {event: e}\ntopic: news\nsteps: [{email: {template: one}}]")
		publishWith := func(subject string) store.Published {
			p, err := st.Publish(t.Context(), seed.Workspace, store.Publication{
				Definition: d, Templates: map[string]store.Template{"one": {Subject: subject, Text: "x"}},
			})
			require.NoError(t, err)
			return p
		}
		first := publishWith("One")
		require.Equal(t, 2, publishWith("Two").Version)
		inTx(t, st, seed, func(tx *store.Tx) error {
			v, err := tx.LoadVersion(t.Context(), first.CampaignID, 1)
			require.NoError(t, err)
			require.Equal(t, "One", v.Templates["one"].Subject)
			return nil
		})
	})

	t.Run("Refuses a template that nobody has", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		d := define(t, "campaign: t\ntrigger: {event: e}\ntopic: news\nsteps: [{email: {template: nowhere}}]")
		_, err := st.Publish(t.Context(), seed.Workspace, store.Publication{Definition: d})
		require.ErrorIs(t, err, store.ErrNotFound)
		require.ErrorContains(t, err, "nowhere")
		list, err := st.Campaigns(t.Context(), seed.Workspace)
		require.NoError(t, err)
		require.Empty(t, list)
	})

	t.Run("Says that a campaign to pause does not exist", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		require.ErrorIs(t, st.SetCampaignStatus(t.Context(), seed.Workspace, "nowhere", store.Paused), store.ErrNotFound)
	})
}

func TestLedger(t *testing.T) {
	t.Parallel()

	t.Run("Plans a step of a journey once", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		c := enter(t, st, seed, publish(t, st, seed, hello), hello, person(t, st, seed, "u1"))
		next := plan(t, st, seed, c, audience.Email)
		require.Equal(t, []audience.Channel{audience.Email}, next.Channels)
		require.Equal(t, 1, next.Active)
		require.True(t, noon.Add(24*time.Hour).Equal(next.Due))
		inTx(t, st, seed, func(tx *store.Tx) error { // the same message, planned again
			_, err := tx.WriteAdvanced(t.Context(), store.Advanced{Cohort: c.ID, State: store.CohortState{
				CampaignID: c.CampaignID, Version: 1,
			}, Now: noon, Messages: []store.PlannedMessage{{
				JourneyID: c.Journeys[0].ID, CustomerID: c.Journeys[0].CustomerID, Channel: audience.Email, Step: "email", Iteration: 1,
			}}})
			return err
		})
		require.Len(t, claim(t, st, seed, c, audience.Email, "a").Messages, 1)
	})

	t.Run("Gives a message to one claim alone", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		var people []string
		for i := range 40 {
			people = append(people, person(t, st, seed, fmt.Sprintf("u%d", i)))
		}
		c := enter(t, st, seed, publish(t, st, seed, hello), hello, people...)
		plan(t, st, seed, c, audience.Email)
		got := make(chan []store.Outgoing, 8)
		for i := range 8 {
			go func() {
				var all []store.Outgoing
				for more := true; more; {
					out, err := st.Claim(t.Context(), store.ClaimRequest{
						Workspace: seed.Workspace, Cohort: c.ID, Channel: audience.Email, Claim: fmt.Sprint(i), Limit: 2, Now: noon,
					})
					all, more = append(all, out.Messages...), err == nil && out.More
				}
				got <- all
			}()
		}
		seen := map[string]bool{}
		for range 8 {
			for _, m := range <-got {
				require.False(t, seen[m.TouchID])
				seen[m.TouchID] = true
			}
		}
		require.Len(t, seen, 40)
	})

	t.Run("Moves from planned to delivered and never back", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		c := enter(t, st, seed, publish(t, st, seed, hello), hello, person(t, st, seed, "u1"))
		plan(t, st, seed, c, audience.SMS)
		m := claim(t, st, seed, c, audience.SMS, "a").Messages[0]
		report := func(status audience.TouchStatus) {
			require.NoError(t, st.Report(t.Context(), store.StatusReport{
				Workspace: seed.Workspace, TouchID: m.TouchID, ProviderID: "SM1", Status: status,
			}))
		}
		report(audience.Delivered) // the callback overtakes the answer
		require.NoError(t, st.Settle(t.Context(), seed.Workspace, store.Settlement{
			TouchID: m.TouchID, Status: audience.Accepted, ProviderID: "SM1", Segments: 1, Summary: "Hello",
		}))
		report(audience.Accepted)
		report(audience.Delivered)
		report(audience.Failed)
		e := touches(record(t, st, seed, "u1"))[audience.SMS]
		require.Equal(t, audience.Delivered, e.Status)
		var history []audience.TouchStatus
		for _, s := range e.Statuses {
			history = append(history, s.Status)
		}
		require.Equal(t, []audience.TouchStatus{audience.Planned, audience.Claimed, audience.Delivered}, history)
		require.Equal(t, "entered", e.Reason)
	})

	t.Run("Resolves an uncertain message by a late answer", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		c := enter(t, st, seed, publish(t, st, seed, hello), hello, person(t, st, seed, "u1"))
		plan(t, st, seed, c, audience.Email)
		m := claim(t, st, seed, c, audience.Email, "dead").Messages[0]
		orphans, err := st.Recover(t.Context(), store.ClaimRequest{
			Workspace: seed.Workspace, Cohort: c.ID, Channel: audience.Email, Claim: "next",
		})
		require.NoError(t, err)
		require.Len(t, orphans, 1)
		require.Equal(t, m.TouchID, orphans[0].TouchID)
		settle := func(status audience.TouchStatus) audience.TouchStatus {
			require.NoError(t, st.Settle(t.Context(), seed.Workspace, store.Settlement{TouchID: m.TouchID, Status: status}))
			return touches(record(t, st, seed, "u1"))[audience.Email].Status
		}
		require.Equal(t, audience.Uncertain, settle(audience.Uncertain))
		list, err := st.TouchesByStatus(t.Context(), seed.Workspace, audience.Uncertain, 10)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, audience.Uncertain, settle(audience.Planned), "what may have been sent is never planned again")
		require.Equal(t, audience.Accepted, settle(audience.Accepted))
	})

	t.Run("Does not send again what a late word says was sent", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		c := enter(t, st, seed, publish(t, st, seed, hello), hello, person(t, st, seed, "u1"))
		plan(t, st, seed, c, audience.SMS)
		m := claim(t, st, seed, c, audience.SMS, "a").Messages[0]
		require.NoError(t, st.Settle(t.Context(), seed.Workspace, store.Settlement{
			TouchID: m.TouchID, Status: audience.Planned, Outcome: "the provider does not know it",
		}))
		require.NoError(t, st.Report(t.Context(), store.StatusReport{
			Workspace: seed.Workspace, TouchID: m.TouchID, ProviderID: "SM1", Status: audience.Delivered,
		}))
		require.Empty(t, claim(t, st, seed, c, audience.SMS, "b").Messages)
		require.Equal(t, audience.Delivered, touches(record(t, st, seed, "u1"))[audience.SMS].Status)
	})

	t.Run("Leaves what it gave back to another claim", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		c := enter(t, st, seed, publish(t, st, seed, hello), hello, person(t, st, seed, "u1"))
		plan(t, st, seed, c, audience.Email)
		m := claim(t, st, seed, c, audience.Email, "a").Messages[0]
		require.NoError(t, st.Settle(t.Context(), seed.Workspace, store.Settlement{TouchID: m.TouchID, Status: audience.Planned, Outcome: "421 busy"}))
		require.Empty(t, claim(t, st, seed, c, audience.Email, "a").Messages)
		again := claim(t, st, seed, c, audience.Email, "b").Messages
		require.Len(t, again, 1)
		require.Equal(t, 2, again[0].Attempts)
	})

	t.Run("Holds everything while the campaign is paused", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		c := enter(t, st, seed, publish(t, st, seed, hello), hello, person(t, st, seed, "u1"))
		plan(t, st, seed, c, audience.Email)
		require.NoError(t, st.SetCampaignStatus(t.Context(), seed.Workspace, "hello", store.Paused))
		require.True(t, claim(t, st, seed, c, audience.Email, "a").Held)
		require.NoError(t, st.SetCampaignStatus(t.Context(), seed.Workspace, "hello", store.Live))
		forgotten, err := st.Forgotten(t.Context(), noon.Add(-time.Hour), 10)
		require.NoError(t, err)
		require.Len(t, forgotten, 1, "its workflow is woken")
		require.Len(t, claim(t, st, seed, c, audience.Email, "b").Messages, 1)
	})
}

func TestContact(t *testing.T) {
	t.Parallel()
	// status plans an e-mail to u1 after something was done, claims it, and gives the touch.
	status := func(t *testing.T, before func(st *store.Store, seed storetest.Seed, id string)) store.TimelineEntry {
		t.Helper()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		id := person(t, st, seed, "u1")
		before(st, seed, id)
		c := enter(t, st, seed, publish(t, st, seed, hello), hello, id)
		plan(t, st, seed, c, audience.Email)
		claim(t, st, seed, c, audience.Email, "a")
		return touches(record(t, st, seed, "u1"))[audience.Email]
	}
	withdraw := func(t *testing.T, topic string) func(*store.Store, storetest.Seed, string) {
		return func(st *store.Store, seed storetest.Seed, id string) {
			for range 2 { // a double click
				require.NoError(t, st.Withdraw(t.Context(), store.Withdrawal{
					Workspace: seed.Workspace, Customer: id, Channel: audience.Email, Topic: topic, Method: "one_click", At: noon,
				}))
			}
		}
	}

	t.Run("Claims what nothing speaks against", func(t *testing.T) {
		t.Parallel()
		e := status(t, func(*store.Store, storetest.Seed, string) {})
		require.Equal(t, audience.Claimed, e.Status)
		require.Equal(t, "u1@example.com", e.Address)
	})
	t.Run("Respects a refusal of everything", func(t *testing.T) {
		t.Parallel()
		e := status(t, withdraw(t, audience.AllTopics))
		require.Equal(t, audience.Suppressed, e.Status)
		require.Equal(t, "unsubscribed from all messages on 2026-11-23 by one_click", e.Outcome)
	})
	t.Run("Respects a refusal of the topic", func(t *testing.T) {
		t.Parallel()
		require.Contains(t, status(t, withdraw(t, "news")).Outcome, "unsubscribed from topic news")
	})
	t.Run("Ignores a refusal of another topic", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, audience.Claimed, status(t, withdraw(t, "offers")).Status)
	})
	t.Run("Needs consent where the topic requires it", func(t *testing.T) {
		t.Parallel()
		e := status(t, func(st *store.Store, seed storetest.Seed, _ string) {
			require.NoError(t, st.SetTopicPolicy(t.Context(), seed.Workspace, "news", audience.OptIn))
		})
		require.Equal(t, audience.Suppressed, e.Status)
		require.Equal(t, "no consent to topic news, which requires opt-in", e.Outcome)
	})
	t.Run("Takes a consent given with the profile", func(t *testing.T) {
		t.Parallel()
		e := status(t, func(st *store.Store, seed storetest.Seed, _ string) {
			require.NoError(t, st.SetTopicPolicy(t.Context(), seed.Workspace, "news", audience.OptIn))
			ingest(t, st, seed, message("consent", func(m *store.Message) {
				m.Profile.Consents = []audience.Consent{{Channel: audience.Email, Topic: "news", Action: audience.Granted, OccurredAt: noon, Method: "api"}}
			}))
		})
		require.Equal(t, audience.Claimed, e.Status)
	})
	t.Run("Does not write to an address that is bad", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		id := person(t, st, seed, "u1")
		p := publish(t, st, seed, hello)
		c := enter(t, st, seed, p, hello, id)
		plan(t, st, seed, c, audience.Email, audience.SMS)
		m := claim(t, st, seed, c, audience.Email, "a").Messages[0]
		require.NoError(t, st.Settle(t.Context(), seed.Workspace, store.Settlement{
			TouchID: m.TouchID, Status: audience.Failed, Outcome: "550 5.1.1 no such user", Suppress: "bad_address",
		}))
		other := person(t, st, seed, "u2") // another record with the same address
		ingest(t, st, seed, message("same", func(m *store.Message) { m.UserID, m.Profile.Email = "u2", new("U1@Example.com") }))
		c = enter(t, st, seed, p, hello, other)
		plan(t, st, seed, c, audience.Email)
		require.Equal(t, 1, claim(t, st, seed, c, audience.Email, "b").Suppressed)
		require.Contains(t, touches(record(t, st, seed, "u2"))[audience.Email].Outcome, "address is suppressed: bad_address (550 5.1.1")
	})
	t.Run("Stops and starts by a text of the customer", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		id := person(t, st, seed, "u1")
		p := publish(t, st, seed, "campaign: sms\nreenter: always\ntrigger: {event: e}\ntopic: news\nsteps: [{sms: {text: hi}}]")
		receive := func(text, sid string, out, in bool, at time.Time) {
			for range 2 { // the webhook is repeated
				require.NoError(t, st.Receive(t.Context(), seed.Workspace, store.Inbound{
					Channel: audience.SMS, From: "+380501234567", Body: text, ProviderID: sid, OptOut: out, OptIn: in, At: at,
				}))
			}
		}
		send := func() store.Claimed {
			c := store.Cohort{ID: store.NewCohortID(), CampaignID: p.CampaignID, Version: p.Version}
			j := campaign.Start(define(t, hello), store.NewJourneyID(), c.ID, nil, noon)
			c.Journeys = []store.NewJourney{{Journey: j, CustomerID: id}}
			inTx(t, st, seed, func(tx *store.Tx) error {
				return tx.WritePicked(t.Context(), store.Picked{Cohorts: []store.Cohort{c}})
			})
			plan(t, st, seed, c, audience.SMS)
			return claim(t, st, seed, c, audience.SMS, "a")
		}
		receive("STOP", "SM1", true, false, noon)
		require.Equal(t, 1, send().Suppressed)
		receive("START", "SM2", false, true, noon.Add(time.Minute))
		require.Len(t, send().Messages, 1)
		inbound := 0
		for _, e := range record(t, st, seed, "u1").Timeline {
			if e.Direction == "in" && e.Channel == audience.SMS {
				inbound++
			}
		}
		require.Equal(t, 2, inbound)
	})
}

func TestAudience(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	for i := range 5 {
		person(t, st, seed, fmt.Sprintf("u%d", i))
	}
	const everybody = "campaign: all\ntrigger: {audience: 'true'}\ntopic: news\nsteps: [{sms: {text: hi}}]"
	p := publish(t, st, seed, everybody)
	require.True(t, p.Audience)
	open, err := st.OpenAudiences(t.Context())
	require.NoError(t, err)
	require.Len(t, open, 1)
	trigger := define(t, everybody).Trigger
	seen := map[string]bool{}
	for finished := false; !finished; { // pages of two: 2, 2, 1
		inTx(t, st, seed, func(tx *store.Tx) error {
			a, err := tx.ClaimAudience(t.Context(), open[0].ID)
			require.NoError(t, err)
			require.True(t, a.Live)
			page, err := st.AudiencePage(t.Context(), seed.Workspace, a, trigger, 2)
			require.NoError(t, err)
			for _, c := range page.Customers {
				require.False(t, seen[c])
				seen[c] = true
			}
			finished = !page.More
			return tx.AdvanceAudience(t.Context(), store.AudienceStep{ID: a.ID, After: page.After, Judged: 2, Finished: finished})
		})
	}
	require.Len(t, seen, 5)
	open, err = st.OpenAudiences(t.Context())
	require.NoError(t, err)
	require.Empty(t, open)
}

func TestRecover(t *testing.T) {
	t.Parallel()
	const people = 7
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	var ids []string
	for i := range people {
		ids = append(ids, person(t, st, seed, fmt.Sprintf("u%d", i)))
	}
	c := enter(t, st, seed, publish(t, st, seed, hello), hello, ids...)
	plan(t, st, seed, c, audience.Email)
	ask := func(claim string, lane, limit int) store.ClaimRequest {
		return store.ClaimRequest{
			Workspace: seed.Workspace, Cohort: c.ID, Channel: audience.Email, Claim: claim, Lane: lane, Limit: limit, Now: noon,
		}
	}
	lanes := make([][]store.Outgoing, 2)
	for i := range lanes {
		out, err := st.Claim(t.Context(), ask("dead", i, 3))
		require.NoError(t, err)
		require.Len(t, out.Messages, 3)
		lanes[i] = out.Messages
	}
	settle := func(m *store.Outgoing, s store.Settlement) store.Settled {
		t.Helper()
		s.TouchID = m.TouchID
		was, err := st.SettleAll(t.Context(), seed.Workspace, []store.Settlement{s})
		require.NoError(t, err)
		return was[m.TouchID]
	}
	dead := ask("dead", 1, 0)
	require.True(t, settle(&lanes[1][0], store.Settlement{Status: audience.Accepted}).Held(dead.Holder()))

	left, err := st.Recover(t.Context(), ask("next", 0, 0))
	require.NoError(t, err)
	var taken []string
	for i := range left {
		taken = append(taken, left[i].TouchID)
	}
	require.ElementsMatch(t, []string{lanes[0][0].TouchID, lanes[1][1].TouchID}, taken, "the first of each lane without an answer")

	// The process was slow and not dead: its late answer counts, and tells it to stop.
	require.False(t, settle(&lanes[0][0], store.Settlement{Status: audience.Accepted}).Held("dead#0"))
	require.Equal(t, store.Settled{Status: audience.Planned, Claim: "dead#0"},
		settle(&lanes[0][1], store.Settlement{Status: audience.Planned, Claim: "dead#0"}))

	again, err := st.Claim(t.Context(), ask("next", 0, people))
	require.NoError(t, err)
	require.Len(t, again.Messages, 4, "one was left unclaimed, two of the first lane and one of the second wait again")
	late := left[slices.IndexFunc(left, func(o store.Outgoing) bool { return o.TouchID == lanes[1][1].TouchID })]
	require.Equal(t, audience.Claimed, settle(&late, store.Settlement{Status: audience.Planned, Claim: late.Claim}).Status)
	own, err := st.Claim(t.Context(), ask("next", 1, people))
	require.NoError(t, err)
	require.Len(t, own.Messages, 1, "who took it over and learnt that it was not sent, sends it")
	second, err := st.Recover(t.Context(), ask("third", 0, 0))
	require.NoError(t, err)
	require.Len(t, second, 2, "the first of each of the lanes")
	sent := settle(&lanes[1][1], store.Settlement{Status: audience.Planned, Claim: "dead#1"})
	require.Equal(t, audience.Claimed, sent.Status, "nobody but its holder plans it again")
	require.Equal(t, audience.Claimed, settle(&lanes[1][1], store.Settlement{Status: audience.Uncertain}).Status)
}
