package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules/audience"
	"dotyk/rules/calendar"
	"dotyk/rules/campaign"
)

// ledger is a workspace whose messages are claimed at moments that the test chooses.
type ledger struct {
	t    *testing.T
	url  string
	st   *store.Store
	seed storetest.Seed

	priorities map[string]int // by cohort
}

func openLedger(t *testing.T) *ledger {
	t.Helper()
	url := storetest.URL(t)
	l := &ledger{t: t, url: url, st: storetest.Open(t, url), priorities: map[string]int{}}
	l.seed = storetest.Workspace(t, l.st)
	return l
}

// policy gives the workspace a policy, in the form that a marketer writes.
func (l *ledger) policy(source string) {
	l.t.Helper()
	p, err := campaign.ParsePolicy([]byte(source))
	require.NoError(l.t, err)
	l.sql(`UPDATE workspaces SET settings = settings || jsonb_build_object('policy', $1::text::jsonb)`, string(p.JSON()))
}

func (l *ledger) sql(query string, args ...any) {
	l.t.Helper()
	conn, err := pgx.Connect(l.t.Context(), l.url)
	require.NoError(l.t, err)
	_, err = conn.Exec(l.t.Context(), query, args...)
	require.NoError(l.t, err)
	require.NoError(l.t, conn.Close(context.Background()))
}

// campaign publishes a campaign of one e-mail and lets the customers enter it.
func (l *ledger) campaign(name string, priority int, customers ...string) store.Cohort {
	l.t.Helper()
	source := fmt.Sprintf("campaign: %s\ntrigger: {event: registered}\ntopic: news\npriority: %d\nsteps:\n"+
		"  - email: {id: mail, subject: Hi, text: Hello}\n  - wait: 1d\n", name, priority)
	p := publish(l.t, l.st, l.seed, source)
	l.sql(`UPDATE campaigns SET priority = $2 WHERE name = $1`, name, priority)
	c := enter(l.t, l.st, l.seed, p, source, customers...)
	l.priorities[c.ID] = priority
	return c
}

// plan has every journey of the cohort plan a message, as Advance does, and gives what the cohort waits for then.
func (l *ledger) plan(c store.Cohort, m store.PlannedMessage) store.CohortNext {
	l.t.Helper()
	if m.Step == "" {
		m.Step = "mail"
	}
	m.Iteration, m.Topic, m.Reason, m.Priority = 1, "news", "entered", l.priorities[c.ID]
	if m.ExpiresAt.IsZero() {
		m.ExpiresAt = noon.Add(72 * time.Hour)
	}
	var next store.CohortNext
	inTx(l.t, l.st, l.seed, func(tx *store.Tx) error {
		state, due, err := tx.LoadDue(l.t.Context(), c.ID, noon, 1000)
		if err != nil {
			return err
		}
		out := store.Advanced{Cohort: c.ID, State: state, Journeys: due, Now: noon}
		for i := range due {
			due[i].DueAt = noon.Add(240 * time.Hour)
			planned := m
			planned.JourneyID, planned.CustomerID = due[i].ID, due[i].Customer.ID
			out.Messages = append(out.Messages, planned)
		}
		next, err = tx.WriteAdvanced(l.t.Context(), out)
		return err
	})
	return next
}

// look asks what the cohort waits for, as Advance does when nothing is due.
func (l *ledger) look(c store.Cohort, at time.Time) store.CohortNext {
	l.t.Helper()
	var next store.CohortNext
	inTx(l.t, l.st, l.seed, func(tx *store.Tx) error {
		state, _, err := tx.LoadDue(l.t.Context(), c.ID, noon, 1000)
		if err != nil {
			return err
		}
		next, err = tx.WriteAdvanced(l.t.Context(), store.Advanced{Cohort: c.ID, State: state, Now: at})
		return err
	})
	return next
}

func (l *ledger) claim(c store.Cohort, channel audience.Channel, at time.Time) store.Claimed {
	l.t.Helper()
	out, err := l.st.Claim(l.t.Context(), store.ClaimRequest{
		Workspace: l.seed.Workspace, Cohort: c.ID, Channel: channel, Claim: "a/" + c.ID, Limit: 1, Now: at,
	})
	require.NoError(l.t, err)
	return out
}

// decisions lists what was decided about sending to a customer.
func (l *ledger) decisions(user string) []string {
	l.t.Helper()
	var list []string
	for _, e := range record(l.t, l.st, l.seed, user).Timeline {
		if e.Channel == audience.Decided && e.Name == campaign.DecisionSend {
			list = append(list, e.Campaign+" "+e.Summary+": "+e.Reason)
		}
	}
	return list
}

func (l *ledger) outcomes(user string) map[string]string {
	l.t.Helper()
	found := map[string]string{}
	for _, e := range record(l.t, l.st, l.seed, user).Timeline {
		if e.Direction == "out" {
			found[e.Campaign+"/"+e.Step] = string(e.Status) + ": " + e.Outcome
		}
	}
	return found
}

// customer makes a customer with a time zone and attributes.
func (l *ledger) customer(user, zone string, attributes map[string]any) string {
	l.t.Helper()
	ingest(l.t, l.st, l.seed, message("make-"+user, func(m *store.Message) {
		m.UserID, m.Name = user, "made"
		m.Profile = store.Profile{
			Email: new(user + "@example.com"), Phone: new("+380501234567"), Timezone: &zone, Attributes: attributes,
		}
	}))
	return record(l.t, l.st, l.seed, user).Customer.ID
}

func TestClaimQuietHours(t *testing.T) {
	t.Parallel()
	const nights = "quiet: [{from: '21:00', to: '09:00'}]"
	utc := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return at
	}
	for name, c := range map[string]struct {
		policy, zone string
		attributes   map[string]any
		quiet        campaign.Quiet
		at           string
		expires      time.Duration
		until        string // when it is sent; "" at once
		outcome      string
	}{
		"waits over midnight":                  {policy: nights, zone: "Europe/Kyiv", at: "2026-01-10T22:00:00Z", until: "2026-01-11T07:00:00Z"},
		"waits on the customer's clock":        {policy: nights, zone: "America/New_York", at: "2026-01-10T12:00:00Z", until: "2026-01-10T14:00:00Z"},
		"goes out by day":                      {policy: nights, zone: "Europe/Kyiv", at: "2026-01-10T12:00:00Z"},
		"ends earlier when clocks go forward":  {policy: nights, zone: "Europe/Kyiv", at: "2026-03-28T22:00:00Z", until: "2026-03-29T06:00:00Z"},
		"ends later when clocks go back":       {policy: nights, zone: "Europe/Kyiv", at: "2026-10-24T22:00:00Z", until: "2026-10-25T07:00:00Z"},
		"takes the workspace's for no zone":    {policy: nights, zone: "", at: "2026-01-10T22:00:00Z", until: "2026-01-11T09:00:00Z"},
		"is left out by a message that skips":  {policy: nights, zone: "Europe/Kyiv", quiet: campaign.QuietSkip, at: "2026-01-10T22:00:00Z", outcome: "suppressed: quiet hours until 2026-01-11 09:00 Europe/Kyiv"},
		"is unknown to a message that ignores": {policy: nights, zone: "Europe/Kyiv", quiet: campaign.QuietIgnore, at: "2026-01-10T22:00:00Z"},
		"outlasts the message": {
			policy: nights, zone: "Europe/Kyiv", at: "2026-01-10T22:00:00Z", expires: time.Hour,
			outcome: "suppressed: quiet hours until 2026-01-11 09:00 Europe/Kyiv, after it is wanted",
		},
		"is of the country of the phone":    {policy: "quiet: [{country: UA, from: '21:00', to: '09:00'}]", zone: "UTC", at: "2026-01-10T22:00:00Z", until: "2026-01-11T09:00:00Z"},
		"is not of another country":         {policy: "quiet: [{country: PL, from: '21:00', to: '09:00'}]", zone: "UTC", at: "2026-01-10T22:00:00Z"},
		"is of the country on the record":   {policy: "quiet: [{country: PL, from: '21:00', to: '09:00'}]", zone: "UTC", attributes: map[string]any{"country": "pl"}, at: "2026-01-10T22:00:00Z", until: "2026-01-11T09:00:00Z"},
		"is not of another channel":         {policy: "quiet: [{channel: sms, from: '21:00', to: '09:00'}]", zone: "UTC", at: "2026-01-10T22:00:00Z"},
		"is unknown to a workspace without": {policy: "{}", zone: "UTC", at: "2026-01-10T22:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := openLedger(t)
			l.policy(c.policy)
			at := utc(c.at)
			cohort := l.campaign("hello", 0, l.customer("u1", c.zone, c.attributes))
			if c.expires == 0 {
				c.expires = 72 * time.Hour
			}
			l.plan(cohort, store.PlannedMessage{Channel: audience.Email, Quiet: c.quiet, ExpiresAt: at.Add(c.expires)})
			got := l.claim(cohort, audience.Email, at)
			switch {
			case c.outcome != "":
				require.Empty(t, got.Messages)
				require.Equal(t, 1, got.Suppressed)
				require.Equal(t, c.outcome, l.outcomes("u1")["hello/mail"])
				require.Len(t, l.decisions("u1"), 1)
			case c.until == "":
				require.Len(t, got.Messages, 1)
				require.Empty(t, l.decisions("u1"))
			default:
				until := utc(c.until)
				require.Empty(t, got.Messages)
				require.True(t, until.Equal(got.Next), got.Next)
				require.Equal(t, []string{"hello held: quiet hours until " + calendar.Moment(until, calendar.Zone(c.zone))}, l.decisions("u1"))
				next := l.look(cohort, at)
				require.Empty(t, next.Channels)
				require.True(t, until.Equal(next.Due), next.Due)
				require.Equal(t, 2, next.Active, "the journey, and the message that waits")
				require.Empty(t, l.claim(cohort, audience.Email, until.Add(-time.Second)).Messages)
				require.Equal(t, []audience.Channel{audience.Email}, l.look(cohort, until).Channels)
				require.Len(t, l.claim(cohort, audience.Email, until).Messages, 1)
			}
		})
	}

	t.Run("Are unknown to transactional messages", func(t *testing.T) {
		t.Parallel()
		l := openLedger(t)
		l.policy(nights + "\ncaps: [{most: 1, within: 1d}]")
		customer := l.customer("u1", "Europe/Kyiv", nil)
		for _, name := range []string{"one", "two"} {
			cohort := l.campaign(name, 0, customer)
			l.plan(cohort, store.PlannedMessage{Channel: audience.Email, Transactional: true})
			require.Len(t, l.claim(cohort, audience.Email, utc("2026-01-10T22:00:00Z").AddDate(0, 0, -30)).Messages, 1)
		}
	})
}

func TestQuietHoursChange(t *testing.T) {
	t.Parallel()
	night := time.Date(2200, 1, 10, 22, 0, 0, 0, time.UTC) // what is held back is so for years
	morning := night.Add(11 * time.Hour)
	nights, err := campaign.ParsePolicy([]byte("quiet: [{from: '21:00', to: '09:00'}]"))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		change func(l *ledger) error
		sent   bool
	}{
		"no quiet hours any more": {sent: true, change: func(l *ledger) error {
			return l.st.SetPolicy(t.Context(), l.seed.Workspace, campaign.Policy{})
		}},
		"the same quiet hours": {change: func(l *ledger) error {
			return l.st.SetPolicy(t.Context(), l.seed.Workspace, nights)
		}},
		"another time zone": {sent: true, change: func(l *ledger) error {
			return l.st.EditWorkspace(t.Context(), l.seed.Workspace, store.WorkspaceEdit{Timezone: new("America/New_York")})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := openLedger(t)
			require.NoError(t, l.st.SetPolicy(t.Context(), l.seed.Workspace, nights))
			held := l.campaign("hello", 0, l.customer("u1", "", nil))
			l.plan(held, store.PlannedMessage{Channel: audience.Email, ExpiresAt: night.AddDate(0, 0, 3)})
			require.True(t, morning.Equal(l.claim(held, audience.Email, night).Next))
			l.look(held, night) // it is known until when the cohort waits
			other := l.campaign("other", 0, l.customer("u2", "", nil))
			forgotten := func() []store.CohortRef {
				list, err := l.st.Forgotten(t.Context(), time.Time{}, 10)
				require.NoError(t, err)
				return list
			}
			require.Empty(t, forgotten())

			require.NoError(t, c.change(l))
			require.Equal(t, []store.CohortRef{{Workspace: l.seed.Workspace, ID: held.ID, Size: 1}}, forgotten(), "but not "+other.ID)
			require.Equal(t, []audience.Channel{audience.Email}, l.look(held, night).Channels)
			got := l.claim(held, audience.Email, night)
			if c.sent {
				require.Len(t, got.Messages, 1)
				return
			}
			require.Empty(t, got.Messages)
			require.True(t, morning.Equal(got.Next), "they hold on")
		})
	}
}

func TestClaimOfStoppedCampaign(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	c := l.campaign("hello", 0, l.customer("u1", "", nil))
	l.plan(c, store.PlannedMessage{Channel: audience.Email, Fallback: &store.Fallback{Step: "f", Channel: audience.SMS, Quiet: campaign.QuietWait, Expires: 60}})
	l.sql(`UPDATE campaigns SET status = 'stopped'`)
	require.Equal(t, 1, l.claim(c, audience.Email, noon).Suppressed)
	require.Equal(t, map[string]string{"hello/mail": "suppressed: the campaign was stopped"}, l.outcomes("u1"))
}

func TestClaimAfterTheJourneyLeft(t *testing.T) {
	t.Parallel()
	const nights = "quiet: [{from: '11:00', to: '13:00'}]"
	later := noon.Add(time.Hour)
	for name, c := range map[string]struct {
		status   campaign.Status
		reason   string
		decision store.Decision // of the end; without a kind, none
		prompt   bool           // it was not delayed
		outcome  string         // "" where it goes out
	}{
		"By the goal": {
			status: campaign.Converted, reason: "bought", decision: store.Decision{Kind: campaign.DecisionGoal},
			outcome: "suppressed: the journey has left: bought",
		},
		"By an exit of the campaign": {
			status: campaign.Exited, reason: "cancelled", decision: store.Decision{Kind: campaign.DecisionExit},
			outcome: "suppressed: the journey has left: cancelled",
		},
		"By something else than its campaign": {
			status: campaign.Exited, reason: "merged", outcome: "suppressed: the journey has left: merged",
		},
		"By a step of its own": {
			status: campaign.Exited, reason: "done", decision: store.Decision{Kind: campaign.DecisionExit, Step: "done"},
		},
		"By coming to its end":    {status: campaign.Finished, reason: campaign.ReasonFinished},
		"While it was to be sent": {status: campaign.Converted, reason: "bought", prompt: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := openLedger(t)
			cohort := l.campaign("hello", 0, l.customer("u1", "UTC", nil))
			l.plan(cohort, store.PlannedMessage{Channel: audience.Email})
			if !c.prompt {
				l.policy(nights)
				require.True(t, l.claim(cohort, audience.Email, noon).Next.Equal(later))
			}
			l.end(cohort, c.status, c.reason, c.decision)
			got := l.claim(cohort, audience.Email, later)
			if c.outcome == "" {
				require.Len(t, got.Messages, 1)
				return
			}
			require.Empty(t, got.Messages)
			require.Equal(t, 1, got.Suppressed)
			require.Equal(t, map[string]string{"hello/mail": c.outcome}, l.outcomes("u1"))
		})
	}

	t.Run("Is noticed however the message was delayed", func(t *testing.T) {
		t.Parallel()
		l := openLedger(t)
		cohort := l.campaign("hello", 0, l.customer("u1", "UTC", nil))
		l.plan(cohort, store.PlannedMessage{Channel: audience.Email})
		l.end(cohort, campaign.Converted, "bought", store.Decision{Kind: campaign.DecisionGoal})
		l.sql(`UPDATE touches SET occurred_at = $1`, noon.Add(-time.Minute))
		require.Equal(t, 1, l.claim(cohort, audience.Email, noon).Suppressed)
	})
}

// end lets the journeys of a cohort leave at noon.
func (l *ledger) end(c store.Cohort, status campaign.Status, reason string, decision store.Decision) {
	l.t.Helper()
	inTx(l.t, l.st, l.seed, func(tx *store.Tx) error {
		state, journeys, err := tx.LoadDue(l.t.Context(), c.ID, noon.AddDate(1, 0, 0), 1000)
		if err != nil {
			return err
		}
		out := store.Advanced{Cohort: c.ID, State: state, Journeys: journeys, Now: noon}
		for i := range journeys {
			j := &journeys[i]
			j.Status, j.ExitReason, j.DueAt = status, reason, time.Time{}
			if decision.Kind != "" {
				d := decision
				d.CustomerID, d.CampaignID, d.JourneyID, d.Outcome, d.At = j.Customer.ID, state.CampaignID, j.ID, reason, noon
				out.Decisions = append(out.Decisions, d)
			}
		}
		_, err = tx.WriteAdvanced(l.t.Context(), out)
		return err
	})
}

func TestClaimFallback(t *testing.T) {
	t.Parallel()
	byText := &store.Fallback{Step: "text", Channel: audience.SMS, Quiet: campaign.QuietWait, Expires: 3600, Fallback: &store.Fallback{
		Step: "again", Channel: audience.Email, Quiet: campaign.QuietIgnore, Expires: 7200,
	}}

	t.Run("Goes down the chain, and says why each time", func(t *testing.T) {
		t.Parallel()
		l := openLedger(t)
		c := l.campaign("hello", 0, l.customer("u1", "", nil))
		l.sql(`UPDATE customers SET email = ''`)
		l.plan(c, store.PlannedMessage{Channel: audience.Email, Fallback: byText})
		require.Equal(t, 1, l.claim(c, audience.Email, noon).Suppressed)
		require.Equal(t, []audience.Channel{audience.SMS}, l.look(c, noon).Channels)
		l.sql(`UPDATE customers SET phone = ''`)
		require.Equal(t, 1, l.claim(c, audience.SMS, noon).Suppressed)
		require.Equal(t, 1, l.claim(c, audience.Email, noon).Suppressed)
		require.Empty(t, l.look(c, noon).Channels)
		require.Equal(t, map[string]string{
			"hello/mail": "suppressed: no e-mail address on the record", "hello/text": "suppressed: no phone number on the record",
			"hello/again": "suppressed: no e-mail address on the record",
		}, l.outcomes("u1"))
		require.ElementsMatch(t, []string{
			"hello fallback: text is sent instead: no e-mail address on the record",
			"hello fallback: again is sent instead: no phone number on the record",
		}, l.decisions("u1"))
	})

	for status, planned := range map[audience.TouchStatus]bool{
		audience.Failed: true, audience.Suppressed: true, audience.Uncertain: false, audience.Accepted: false, audience.Planned: false,
	} {
		t.Run("After an attempt that ended "+string(status), func(t *testing.T) {
			t.Parallel()
			l := openLedger(t)
			c := l.campaign("hello", 0, l.customer("u1", "", nil))
			l.plan(c, store.PlannedMessage{Channel: audience.Email, Fallback: byText})
			claimed := l.claim(c, audience.Email, noon)
			require.Len(t, claimed.Messages, 1)
			st := store.Settlement{TouchID: claimed.Messages[0].TouchID, Status: status, Outcome: "550"}
			require.NoError(t, l.st.Settle(t.Context(), l.seed.Workspace, st))
			require.NoError(t, l.st.Settle(t.Context(), l.seed.Workspace, st), "a repeated answer")
			require.Equal(t, planned, len(l.claim(c, audience.SMS, noon).Messages) == 1)
			cohorts, err := l.st.Forgotten(t.Context(), time.Unix(0, 0), 10)
			require.NoError(t, err)
			require.Equal(t, planned, len(cohorts) == 1, "its workflow is to look again")
		})
	}

	t.Run("After a suppressed address, and a callback that says it failed", func(t *testing.T) {
		t.Parallel()
		l := openLedger(t)
		customer := l.customer("u1", "", nil)
		c := l.campaign("hello", 0, customer)
		l.plan(c, store.PlannedMessage{Channel: audience.Email, Fallback: byText})
		first := l.claim(c, audience.Email, noon)
		require.NoError(t, l.st.Settle(t.Context(), l.seed.Workspace, store.Settlement{
			TouchID: first.Messages[0].TouchID, Status: audience.Accepted,
		}))
		require.Empty(t, l.claim(c, audience.SMS, noon).Messages)
		require.NoError(t, l.st.Report(t.Context(), store.StatusReport{
			Workspace: l.seed.Workspace, TouchID: first.Messages[0].TouchID, Status: audience.Failed, OptedOut: true, Detail: "gone",
		}))
		require.Len(t, l.claim(c, audience.SMS, noon).Messages, 1)

		d := l.campaign("more", 0, customer)
		l.plan(d, store.PlannedMessage{Channel: audience.Email, Fallback: byText})
		require.Equal(t, 1, l.claim(d, audience.Email, noon).Suppressed)
		require.Len(t, l.claim(d, audience.SMS, noon).Messages, 1)
	})
}

func TestClaimCaps(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC()
	within := store.PlannedMessage{Channel: audience.Email, ExpiresAt: now.Add(72 * time.Hour)}

	t.Run("Leave out what is too much, until the time has passed", func(t *testing.T) {
		t.Parallel()
		l := openLedger(t)
		l.policy("caps: [{channel: email, most: 2, within: 7d}]")
		customer := l.customer("u1", "", nil)
		for i, want := range []int{1, 1, 0} {
			c := l.campaign(fmt.Sprintf("c%d", i), 0, customer)
			l.plan(c, within)
			require.Len(t, l.claim(c, audience.Email, now.Add(time.Duration(i)*time.Minute)).Messages, want)
		}
		require.Equal(t, "suppressed: the cap of 2 email messages within 7d is reached", l.outcomes("u1")["c2/mail"])
		require.Len(t, l.decisions("u1"), 1)
		require.Contains(t, l.decisions("u1")[0], "c2 capped: the cap of 2 email messages within 7d is reached; the last one was of campaign c1")
		c := l.campaign("later", 0, customer)
		l.plan(c, store.PlannedMessage{Channel: audience.Email, ExpiresAt: now.AddDate(0, 0, 30)})
		require.Len(t, l.claim(c, audience.Email, now.AddDate(0, 0, 8)).Messages, 1)
	})

	t.Run("Count one customer's messages one after another", func(t *testing.T) {
		t.Parallel()
		l := openLedger(t)
		l.policy("caps: [{most: 3, within: 7d}]")
		customer := l.customer("u1", "", nil)
		var cohorts []store.Cohort
		for i := range 8 {
			c := l.campaign(fmt.Sprintf("c%d", i), 0, customer)
			l.plan(c, within)
			cohorts = append(cohorts, c)
		}
		sent := make(chan int)
		for _, c := range cohorts {
			go func() {
				n := 0
				for at := now; at.Sub(now) < 40*time.Second; at = at.Add(2 * time.Second) { // past all patience
					out, err := l.st.Claim(t.Context(), store.ClaimRequest{
						Workspace: l.seed.Workspace, Cohort: c.ID, Channel: audience.Email, Claim: c.ID, Limit: 1, Now: at,
					})
					if err != nil {
						n = 100
					}
					n += len(out.Messages)
				}
				sent <- n
			}()
		}
		total := 0
		for range cohorts {
			total += <-sent
		}
		require.Equal(t, 3, total)
	})

	t.Run("Give the place to the higher priority, in whatever order things happen", func(t *testing.T) {
		t.Parallel()
		l := openLedger(t)
		l.policy("caps: [{channel: email, most: 1, within: 7d}]")
		random := rand.New(rand.NewPCG(4, 2))
		for round := range 50 {
			user := fmt.Sprintf("u%d", round)
			customer := l.customer(user, "", nil)
			low := l.campaign("low", 1, customer)
			high := l.campaign("high", 9, customer)
			todo := []func(at time.Time){
				func(time.Time) { l.plan(low, within) }, func(time.Time) { l.plan(high, within) },
			}
			random.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
			claims := []func(at time.Time){
				func(at time.Time) { l.claim(low, audience.Email, at) }, func(at time.Time) { l.claim(high, audience.Email, at) },
			}
			at := now
			for _, plan := range todo {
				plan(at)
				for range random.IntN(3) {
					at = at.Add(time.Duration(random.IntN(1500)) * time.Millisecond)
					claims[random.IntN(2)](at)
				}
			}
			for range 3 { // whatever came before, both ask again
				at = at.Add(1100 * time.Millisecond)
				random.Shuffle(2, func(i, j int) { claims[i], claims[j] = claims[j], claims[i] })
				claims[0](at)
				claims[1](at)
			}
			got := l.outcomes(user)
			require.Equal(t, "claimed: ", got["high/mail"], "round %d: %v", round, got)
			require.Equal(t, "suppressed: the cap of 1 email message within 7d is reached", got["low/mail"], "round %d", round)
			require.Contains(t, fmt.Sprint(l.decisions(user)), "low capped: the cap of 1 email message within 7d is reached; the last one was of campaign high, of priority 9")
		}
	})

	t.Run("Record who went first, and do not wait for ever", func(t *testing.T) {
		t.Parallel()
		l := openLedger(t)
		l.policy("caps: [{most: 1, within: 7d}]")
		customer := l.customer("u1", "", nil)
		low, high := l.campaign("low", 1, customer), l.campaign("high", 9, customer)
		l.plan(low, within)
		l.plan(high, within)
		got := l.claim(low, audience.Email, now)
		require.Empty(t, got.Messages)
		require.Equal(t, now.Add(time.Second).Truncate(time.Microsecond), got.Next.UTC())
		require.Equal(t, []string{"low waits: the cap of 1 message within 7d is reached: the place went to a message of campaign high, of priority 9"},
			l.decisions("u1"))
		require.Len(t, l.claim(high, audience.Email, now.Add(time.Second)).Messages, 1)
		require.Contains(t, l.decisions("u1")[1], "high first: it takes the place of a message of campaign low, of priority 1")

		other := l.customer("u2", "", nil)
		low, high = l.campaign("low", 1, other), l.campaign("high", 9, other)
		l.plan(low, within)
		l.plan(high, within)
		require.Empty(t, l.claim(low, audience.Email, now).Messages)
		require.Empty(t, l.claim(low, audience.Email, now.Add(29*time.Second)).Messages)
		require.Len(t, l.claim(low, audience.Email, now.Add(31*time.Second)).Messages, 1, "the sender of the other is away")
	})
}
