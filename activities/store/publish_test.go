package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules/audience"
	"dotyk/rules/calendar"
	"dotyk/rules/campaign"
)

// patient keeps everybody waiting for three days, and brief for one hour, at the same step.
const (
	patient = `
campaign: hello
trigger: {event: registered}
topic: news
steps:
  - email: {id: mail, subject: Hi, text: Hello}
  - wait: {id: pause, for: 3d}
  - sms: {id: text, text: Hello}
`
	brief = `
campaign: hello
trigger: {event: registered}
topic: news
steps:
  - email: {id: mail, subject: Hi, text: Hello}
  - wait: {id: pause, for: 1h}
  - sms: {id: text, text: Hello}
`
	gone = `
campaign: hello
trigger: {event: registered}
topic: news
steps:
  - email: {id: mail, subject: Hi, text: Hello}
  - wait: {id: other, for: 1d}
  - sms: {id: text, text: Hello}
`
)

// patiently lets customers wait at the step pause of patient since noon, with a message planned.
func patiently(t *testing.T, st *store.Store, seed storetest.Seed, customers ...string) store.Cohort {
	t.Helper()
	c := enter(t, st, seed, publish(t, st, seed, patient), patient, customers...)
	inTx(t, st, seed, func(tx *store.Tx) error {
		state, due, err := tx.LoadDue(t.Context(), c.ID, noon, 1000)
		require.NoError(t, err)
		out := store.Advanced{Cohort: c.ID, State: state, Journeys: due, Now: noon}
		for i := range due {
			due[i].Position = campaign.Position{Step: "pause", Began: noon}
			due[i].DueAt = noon.Add(72 * time.Hour)
			out.Messages = append(out.Messages, store.PlannedMessage{
				JourneyID: due[i].ID, CustomerID: due[i].Customer.ID, Channel: audience.Email, Step: "mail", Iteration: 1, Topic: "news",
			})
		}
		_, err = tx.WriteAdvanced(t.Context(), out)
		return err
	})
	return c
}

func republish(t *testing.T, st *store.Store, seed storetest.Seed, source string, m store.Moves, now time.Time) store.Published {
	t.Helper()
	return store.PublishAt(t.Context(), t, st, seed.Workspace, store.Publication{Definition: define(t, source), Source: source, Moves: m}, now)
}

// dueOf loads what is due of a cohort at a moment.
func dueOf(t *testing.T, st *store.Store, seed storetest.Seed, c store.Cohort, now time.Time) []store.DueJourney {
	t.Helper()
	var due []store.DueJourney
	inTx(t, st, seed, func(tx *store.Tx) error {
		var err error
		_, due, err = tx.LoadDue(t.Context(), c.ID, now, 1000)
		return err
	})
	return due
}

func TestMoves(t *testing.T) {
	t.Parallel()
	later := noon.Add(2 * time.Hour)

	t.Run("Leave everybody where they are by default", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		c := patiently(t, st, seed, person(t, st, seed, "u1"))
		p := republish(t, st, seed, brief, store.Moves{}, later)
		require.Equal(t, 2, p.Version)
		require.Zero(t, p.Moved+p.Left)
		require.Empty(t, dueOf(t, st, seed, c, later))
		due := dueOf(t, st, seed, c, noon.Add(72*time.Hour))
		require.Len(t, due, 1)
		require.Equal(t, 1, due[0].Version)
	})

	t.Run("Carry journeys to the new version, which releases those who have waited long enough", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		c := patiently(t, st, seed, person(t, st, seed, "u1"), person(t, st, seed, "u2"))
		p := republish(t, st, seed, brief, store.Moves{Steps: map[string]store.MovePolicy{"pause": store.PolicyMove}}, later)
		require.Equal(t, 2, p.Moved)
		due := dueOf(t, st, seed, c, later)
		require.Len(t, due, 2)
		require.Equal(t, 2, due[0].Version)
		require.Equal(t, "pause", due[0].Position.Step)
		moved, effects := campaign.Advance(define(t, brief), due[0].Journey, campaign.Facts{}, later)
		require.Equal(t, campaign.Finished, moved.Status)
		require.NotEmpty(t, effects)
		poked, err := st.Forgotten(t.Context(), time.Time{}, 10)
		require.NoError(t, err)
		require.Equal(t, []store.CohortRef{{Workspace: seed.Workspace, ID: c.ID, Size: 2}}, poked)
		require.Contains(t, decisions(record(t, st, seed, "u1")), "move: moved")
	})

	t.Run("Make journeys leave, and suppress what is planned for them", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		c := patiently(t, st, seed, person(t, st, seed, "u1"))
		p := republish(t, st, seed, brief, store.Moves{Default: store.PolicyExit}, later)
		require.Equal(t, 1, p.Left)
		require.Empty(t, dueOf(t, st, seed, c, later.Add(1000*time.Hour)))
		r := record(t, st, seed, "u1")
		mail := touches(r)[audience.Email]
		require.Equal(t, audience.Suppressed, mail.Status)
		require.Equal(t, "left by publication of version 2", mail.Outcome)
		require.Contains(t, decisions(r), "move: left")
	})

	t.Run("Make those leave who are to move and cannot, unless their step is said to have another name", func(t *testing.T) {
		t.Parallel()
		for _, rename := range []map[string]string{nil, {"pause": "other"}} {
			st := storetest.New(t)
			seed := storetest.Workspace(t, st)
			patiently(t, st, seed, person(t, st, seed, "u1"))
			p := republish(t, st, seed, gone, store.Moves{Default: store.PolicyMove, Rename: rename}, later)
			require.Equal(t, len(rename), p.Moved)
			require.Equal(t, 1-len(rename), p.Left)
		}
	})

	t.Run("Carry journeys of older versions without a new one", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		patiently(t, st, seed, person(t, st, seed, "u1"))
		republish(t, st, seed, brief, store.Moves{}, later)
		p := republish(t, st, seed, brief, store.Moves{Default: store.PolicyMove}, later)
		require.Equal(t, 2, p.Version)
		require.False(t, p.Changed)
		require.Equal(t, 1, p.Moved)
	})

	t.Run("Tell the journey that waits for one that is made to leave", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		customer := person(t, st, seed, "u1")
		p := publish(t, st, seed, patient)
		c := store.Cohort{ID: store.NewCohortID(), CampaignID: p.CampaignID, Version: 1, Journeys: []store.NewJourney{{
			Journey: campaign.Start(define(t, patient), store.NewJourneyID(), "", nil, noon), CustomerID: customer,
			Parent: &store.Parent{Journey: store.NewJourneyID(), Step: "sub", Iteration: 1},
		}}}
		inTx(t, st, seed, func(tx *store.Tx) error {
			return tx.WritePicked(t.Context(), store.Picked{Cohorts: []store.Cohort{c}})
		})
		require.NoError(t, st.SetCampaignStatus(t.Context(), seed.Workspace, "hello", store.Stopped))
		require.Contains(t, names(record(t, st, seed, "u1")), audience.EventJourneyEnded)
	})

	t.Run("Refuse a policy that there is not", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		for _, m := range []store.Moves{{Default: "jump"}, {Steps: map[string]store.MovePolicy{"pause": "jump"}}} {
			p := store.Publication{Definition: define(t, patient), Moves: m}
			_, err := st.Publish(t.Context(), seed.Workspace, p)
			require.ErrorIs(t, err, store.ErrInvalid)
			_, err = st.PlanPublication(t.Context(), seed.Workspace, p)
			require.ErrorIs(t, err, store.ErrInvalid)
		}
	})
}

func decisions(r *store.Record) []string {
	var list []string
	for _, e := range r.Timeline {
		if e.Channel == audience.Decided {
			list = append(list, e.Name+": "+e.Summary)
		}
	}
	return list
}

func TestPlanPublication(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	plan := func(source string, m store.Moves) store.PublicationPlan {
		p, err := st.PlanPublication(t.Context(), seed.Workspace, store.Publication{Definition: define(t, source), Source: source, Moves: m})
		require.NoError(t, err)
		return p
	}
	fresh := plan(patient, store.Moves{})
	require.Equal(t, store.PublicationPlan{Name: "hello", To: 1, Changed: true}, fresh)

	patiently(t, st, seed, person(t, st, seed, "u1"), person(t, st, seed, "u2"))
	same := plan(patient, store.Moves{})
	require.Equal(t, store.PublicationPlan{Name: "hello", From: 1, To: 1, Status: store.Live}, same)

	p := plan(brief, store.Moves{Default: store.PolicyMove})
	require.NotEmpty(t, p.Differences)
	require.Equal(t, []store.WaitingAt{{
		Version: 1, Step: "pause", Kind: "wait", Journeys: 2, Policy: store.PolicyMove, Becomes: "go on at pause in version 2",
		DueNow: 2, EarliestDue: p.Waiting[0].EarliestDue, LatestDue: p.Waiting[0].LatestDue,
		NewEarliestDue: p.Waiting[0].NewEarliestDue, NewLatestDue: p.Waiting[0].NewLatestDue,
	}}, p.Waiting)
	require.True(t, noon.Add(72*time.Hour).Equal(p.Waiting[0].EarliestDue))
	require.True(t, noon.Add(time.Hour).Equal(p.Waiting[0].NewLatestDue))

	require.Equal(t, "stay on version 1", plan(brief, store.Moves{}).Waiting[0].Becomes)
	require.Equal(t, "leave", plan(brief, store.Moves{Default: store.PolicyExit}).Waiting[0].Becomes)
	lost := plan(gone, store.Moves{Default: store.PolicyMove}).Waiting[0]
	require.Contains(t, lost.Becomes, "leave: ")
	require.Zero(t, lost.DueNow)
	size := plan("campaign: all\ntrigger: {audience: 'true'}\ntopic: news\nsteps: [{sms: {text: hi}}]", store.Moves{}).AudienceSize
	require.Equal(t, new(2), size)

	list, err := st.Versions(t.Context(), seed.Workspace, "hello")
	require.NoError(t, err)
	require.Len(t, list, 1, "a plan changes nothing")

	everybody := "campaign: all\ntrigger: {audience: 'true'}\ntopic: news\nsteps: [{sms: {text: hi}}]"
	publish(t, st, seed, everybody)
	require.Nil(t, plan(everybody, store.Moves{}).AudienceSize, "nobody enters what is live already")
}

func TestMovesNameSteps(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	publish(t, st, seed, patient)
	for name, c := range map[string]struct {
		moves  store.Moves
		reason string
	}{
		"policy":   {store.Moves{Steps: map[string]store.MovePolicy{"puase": store.PolicyExit}}, `no version that was published has a step "puase"`},
		"old name": {store.Moves{Rename: map[string]string{"puase": "other"}}, `no version that was published has a step "puase"`},
		"new name": {store.Moves{Rename: map[string]string{"pause": "othr"}}, `step "pause" is to become "othr"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := store.Publication{Definition: define(t, gone), Source: gone, Moves: c.moves}
			_, planned := st.PlanPublication(t.Context(), seed.Workspace, p)
			_, published := st.Publish(t.Context(), seed.Workspace, p)
			for _, err := range []error{planned, published} {
				require.ErrorIs(t, err, store.ErrInvalid)
				require.ErrorContains(t, err, c.reason)
			}
		})
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	ctx := store.WithActor(t.Context(), "ann")
	templated := func(subject, step string) store.Publication {
		source := "campaign: t\ntrigger: {event: e}\ntopic: news\nsteps: [{email: {template: one}}" + step + "]"
		return store.Publication{
			Definition: define(t, source), Source: source, Note: "about " + subject,
			Templates: map[string]store.Template{"one": {Subject: subject, Text: "x"}},
		}
	}
	_, err := st.Publish(ctx, seed.Workspace, templated("One", ""))
	require.NoError(t, err)
	_, err = st.Publish(ctx, seed.Workspace, templated("Two", ", {wait: 1d}"))
	require.NoError(t, err)
	back, err := st.Rollback(ctx, seed.Workspace, "t", 1, store.Moves{}, "two was wrong")
	require.NoError(t, err)
	require.Equal(t, 3, back.Version)

	list, err := st.Versions(ctx, seed.Workspace, "t")
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Equal(t, store.VersionInfo{
		Number: 3, Hash: list[2].Hash, PublishedBy: "ann", PublishedAt: list[0].PublishedAt, Note: "two was wrong", Of: 1, Live: true,
	}, list[0])
	require.Equal(t, "about Two", list[1].Note)
	live, err := st.CampaignVersion(ctx, seed.Workspace, "t", 0)
	require.NoError(t, err)
	require.Equal(t, 3, live.Number)
	require.Equal(t, "One", live.Templates["one"].Subject)
	require.Equal(t, templated("One", "").Source, live.Source)
	inTx(t, st, seed, func(tx *store.Tx) error {
		templates, err := tx.Templates(ctx, []string{"one"})
		require.Equal(t, "Two", templates["one"].Subject, "other campaigns may use it")
		return err
	})
	definitions, err := st.LiveDefinitions(ctx, seed.Workspace)
	require.NoError(t, err)
	require.Len(t, definitions, 1)

	for name, number := range map[string]int{"t": 9, "nothing": 0} {
		_, err = st.CampaignVersion(ctx, seed.Workspace, name, number)
		require.ErrorIs(t, err, store.ErrNotFound)
	}
	_, err = st.Versions(ctx, seed.Workspace, "nothing")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = st.Rollback(ctx, seed.Workspace, "t", 0, store.Moves{}, "")
	require.ErrorIs(t, err, store.ErrInvalid)
}

func TestStatus(t *testing.T) {
	t.Parallel()

	t.Run("Goes only where it makes sense, and says what to do instead", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		patiently(t, st, seed, person(t, st, seed, "u1"))
		set := func(status store.CampaignStatus) error {
			return st.SetCampaignStatus(t.Context(), seed.Workspace, "hello", status)
		}
		require.ErrorContains(t, set(store.Archived), "stop it first")
		require.NoError(t, set(store.Stopped))
		require.ErrorContains(t, set(store.Live), "publish it again")
		require.ErrorIs(t, set(store.Paused), store.ErrInvalid)
		require.NoError(t, set(store.Archived))
		require.ErrorIs(t, set(store.Stopped), store.ErrInvalid)
		p := publish(t, st, seed, patient)
		require.Equal(t, 1, p.Version)
		require.NoError(t, set(store.Paused))
		require.NoError(t, set(store.Live))
	})

	t.Run("Stopped, everybody leaves", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		patiently(t, st, seed, person(t, st, seed, "u1"))
		require.NoError(t, st.SetCampaignStatus(t.Context(), seed.Workspace, "hello", store.Stopped))
		list, err := st.Campaigns(t.Context(), seed.Workspace)
		require.NoError(t, err)
		require.Equal(t, 0, list[0].Active)
		require.Equal(t, 1, list[0].Ended)
		require.Equal(t, store.ReasonStopped, touches(record(t, st, seed, "u1"))[audience.Email].Outcome)
	})

	t.Run("Stopped and published again, an audience enters anew", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		const all = "campaign: all\ntrigger: {audience: 'true'}\ntopic: news\nsteps: [{sms: {text: hi}}]"
		publish(t, st, seed, all)
		require.NoError(t, st.SetCampaignStatus(t.Context(), seed.Workspace, "all", store.Stopped))
		open, err := st.OpenAudiences(t.Context())
		require.NoError(t, err)
		require.Empty(t, open)
		require.True(t, publish(t, st, seed, all).Audience)
	})
}

func TestDrafts(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	ctx := store.WithActor(t.Context(), "ann")
	first, err := st.SaveDraft(ctx, seed.Workspace, store.Draft{
		Name: "d", Source: "campaign: [", Templates: map[string]store.Template{"one": {Subject: "S"}},
	})
	require.NoError(t, err)
	require.Equal(t, 1, first.Revision)
	require.Equal(t, "ann", first.UpdatedBy)
	_, err = st.SaveDraft(ctx, seed.Workspace, store.Draft{Name: "d", Source: "mine"})
	require.ErrorIs(t, err, store.ErrConflict, "somebody else made one of that name")
	second, err := st.SaveDraft(ctx, seed.Workspace, store.Draft{Name: "d", Source: "better", Revision: 1})
	require.NoError(t, err)
	require.Equal(t, 2, second.Revision)
	_, err = st.SaveDraft(ctx, seed.Workspace, store.Draft{Name: "d", Source: "late", Revision: 1})
	require.ErrorIs(t, err, store.ErrConflict)
	got, err := st.Draft(ctx, seed.Workspace, "d")
	require.NoError(t, err)
	require.Equal(t, second, got)
	list, err := st.Drafts(ctx, seed.Workspace)
	require.NoError(t, err)
	require.Equal(t, []store.Draft{second}, list)
	require.NoError(t, st.DeleteDraft(ctx, seed.Workspace, "d"))
	require.ErrorIs(t, st.DeleteDraft(ctx, seed.Workspace, "d"), store.ErrNotFound)
	_, err = st.Draft(ctx, seed.Workspace, "d")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = st.SaveDraft(ctx, seed.Workspace, store.Draft{})
	require.ErrorIs(t, err, store.ErrInvalid)
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	none, err := st.Policy(t.Context(), seed.Workspace)
	require.NoError(t, err)
	require.Empty(t, none)
	want := campaign.Policy{
		Quiet: []campaign.QuietHours{{
			Channel: audience.SMS, Country: "UA", Window: calendar.Window{From: 20 * 60, To: 10 * 60},
		}},
		Caps:    []campaign.Cap{{Channel: audience.Email, Most: 3, Within: 7 * 24 * time.Hour}},
		Holdout: 20000,
	}
	require.NoError(t, st.SetPolicy(t.Context(), seed.Workspace, want))
	got, err := st.Policy(t.Context(), seed.Workspace)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestEditWorkspace(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	require.NoError(t, st.EditWorkspace(t.Context(), seed.Workspace, store.WorkspaceEdit{Timezone: new("Europe/Kyiv"), Country: new("UA")}))
	for name, edit := range map[string]store.WorkspaceEdit{
		"no zone":         {Timezone: new("Kyiv"), Country: new("PL")},
		"the local zone":  {Timezone: new("Local")},
		"an empty zone":   {Timezone: new("")},
		"no country":      {Country: new("XX")},
		"in lower case":   {Country: new("ua")},
		"a country, long": {Timezone: new("UTC"), Country: new("Ukraine")},
	} {
		require.ErrorIs(t, st.EditWorkspace(t.Context(), seed.Workspace, edit), store.ErrInvalid, name)
	}
	got, err := st.WorkspaceSettings(t.Context(), seed.Workspace)
	require.NoError(t, err)
	require.Equal(t, "Europe/Kyiv UA", got.Timezone+" "+got.Country)
	require.NoError(t, st.EditWorkspace(t.Context(), seed.Workspace, store.WorkspaceEdit{Country: new("")}))
	got, err = st.WorkspaceSettings(t.Context(), seed.Workspace)
	require.NoError(t, err)
	require.Equal(t, "Europe/Kyiv ", got.Timezone+" "+got.Country)
	require.ErrorIs(t, st.EditWorkspace(t.Context(), 999_999, store.WorkspaceEdit{}), store.ErrNotFound)
	_, err = st.WorkspaceSettings(t.Context(), 999_999)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestRequest(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	person(t, st, seed, "u1")
	publish(t, st, seed, patient)
	for range 2 {
		require.NoError(t, st.Request(t.Context(), seed.Workspace, store.Request{
			Campaign: "hello", Customer: "u1@example.com", Data: map[string]any{"a": 1}, Key: "once",
		}))
	}
	require.NoError(t, st.Request(t.Context(), seed.Workspace, store.Request{Campaign: "hello", Customer: "u1"}))
	asked := 0
	for _, e := range record(t, st, seed, "u1").Timeline {
		if e.Name == audience.EventRequested {
			asked++
		}
	}
	require.Equal(t, 2, asked)
	require.ErrorIs(t, st.Request(t.Context(), seed.Workspace, store.Request{Campaign: "no", Customer: "u1"}), store.ErrNotFound)
	require.ErrorIs(t, st.Request(t.Context(), seed.Workspace, store.Request{Campaign: "hello", Customer: "no"}), store.ErrNotFound)
	require.NoError(t, st.SetCampaignStatus(t.Context(), seed.Workspace, "hello", store.Paused))
	require.ErrorIs(t, st.Request(t.Context(), seed.Workspace, store.Request{Campaign: "hello", Customer: "u1"}), store.ErrInvalid)
}

func TestRedeemCoupons(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	ann, bob := person(t, st, seed, "ann"), person(t, st, seed, "bob")
	soon := noon.Add(time.Hour)
	store.Coupon(t.Context(), t, st, seed.Workspace, "ANN-1", ann, false, soon)
	store.Coupon(t.Context(), t, st, seed.Workspace, "ANN-2", ann, false, soon)
	store.Coupon(t.Context(), t, st, seed.Workspace, "ANY-1", ann, true, soon)
	redeem := func(customer, code string, at time.Time) {
		event := store.NewJourneyID() // any id
		for range 2 {                 // an event that is repeated changes nothing
			inTx(t, st, seed, func(tx *store.Tx) error {
				return tx.RedeemCoupons(t.Context(), []store.Redemption{{
					EventID: event, CustomerID: customer, Event: "order_completed", Property: "coupon", Code: code, At: at,
				}})
			})
		}
	}
	redeem(bob, "ann-1", noon)                  // hers
	redeem(ann, "ann-1", noon)                  // upper and lower case are the same
	redeem(ann, "ANN-1", noon)                  // used
	redeem(ann, "ANN-2", soon.Add(time.Second)) // expired
	redeem(bob, "ANY-1", noon)                  // anybody's
	redeem(bob, "SUMMER", noon)                 // none of ours
	told := func(user string) (list []string) {
		for _, e := range record(t, st, seed, user).Timeline {
			if e.Name == audience.EventCouponRedeemed || e.Name == audience.EventCouponRefused {
				reason, _ := e.Properties["reason"].(string)
				list = append(list, e.Name+" "+e.Properties["code"].(string)+" "+reason) //nolint:forcetypeassert // a test
			}
		}
		return list
	}
	require.ElementsMatch(t, []string{
		"coupon_redeemed ANN-1 ", "coupon_refused ANN-1 used on 2026-11-23 12:00 UTC",
		"coupon_refused ANN-2 expired on 2026-11-23 13:00 UTC", "coupon_redeemed ANY-1 ",
	}, told("ann"))
	require.Equal(t, []string{"coupon_refused ANN-1 unknown customer: it was given to another"}, told("bob"))
}
