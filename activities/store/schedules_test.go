package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
)

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", s)
	require.NoError(t, err)
	return at
}

// office is a workspace of Kyiv with customers in some zones.
func office(t *testing.T, zones ...string) (*store.Store, storetest.Seed) {
	t.Helper()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	require.NoError(t, st.EditWorkspace(t.Context(), seed.Workspace, store.WorkspaceEdit{Timezone: new("Europe/Kyiv")}))
	for i, zone := range zones {
		living(t, st, seed, fmt.Sprint("z", i), zone)
	}
	return st, seed
}

func living(t *testing.T, st *store.Store, seed storetest.Seed, user, zone string) {
	t.Helper()
	ingest(t, st, seed, message("live-"+user, func(m *store.Message) {
		m.UserID, m.Profile = user, store.Profile{Timezone: new(zone)}
	}))
}

func publishAt(t *testing.T, st *store.Store, seed storetest.Seed, trigger, at string) store.Published {
	t.Helper()
	source := "campaign: timed\ntrigger: " + trigger + "\ntopic: news\nsteps: [{sms: {text: hi}}]"
	return store.PublishAt(t.Context(), t, st, seed.Workspace, store.Publication{Definition: define(t, source), Source: source},
		instant(t, at))
}

func fire(t *testing.T, st *store.Store, at string) int {
	t.Helper()
	n, err := st.FireSchedules(t.Context(), instant(t, at), 100)
	require.NoError(t, err)
	return n
}

const daily = `{schedule: {cron: "0 9 * * *", zone: %s, audience: 'true'}}`

func TestSchedules(t *testing.T) {
	t.Parallel()

	t.Run("Have a row for each zone of customers, over a change of clocks", func(t *testing.T) {
		t.Parallel()
		st, seed := office(t, "Europe/Berlin", "nonsense", "", "America/New_York")
		publishAt(t, st, seed, fmt.Sprintf(daily, "customer"), "2026-03-28 12:00") // in Europe clocks change that night
		require.Equal(t, map[string]string{
			"Europe/Kyiv": "2026-03-29T06:00:00Z", "Europe/Berlin": "2026-03-29T07:00:00Z",
			"America/New_York": "2026-03-28T13:00:00Z",
		}, store.Schedules(t.Context(), t, st, seed.Workspace))
		require.Equal(t, 1, fire(t, st, "2026-03-28 13:00"))
		require.Equal(t, 0, fire(t, st, "2026-03-29 05:59"))
		require.Equal(t, 2, fire(t, st, "2026-03-29 07:00"))
		require.Equal(t, []string{
			"schedule America/New_York 03-28 13:00", "schedule Europe/Kyiv 03-29 06:00", "schedule Europe/Berlin 03-29 07:00",
		}, store.Entries(t.Context(), t, st, seed.Workspace))
		require.Equal(t, "2026-03-30T06:00:00Z", store.Schedules(t.Context(), t, st, seed.Workspace)["Europe/Kyiv"])
	})

	t.Run("Are given zones that come up later", func(t *testing.T) {
		t.Parallel()
		st, seed := office(t)
		publishAt(t, st, seed, fmt.Sprintf(daily, "customer"), "2026-03-28 12:00")
		living(t, st, seed, "late", "Asia/Tokyo")
		require.NoError(t, st.FindZones(t.Context(), seed.Workspace, instant(t, "2026-03-28 20:00")))
		require.Equal(t, map[string]string{"Europe/Kyiv": "2026-03-29T06:00:00Z", "Asia/Tokyo": "2026-03-29T00:00:00Z"},
			store.Schedules(t.Context(), t, st, seed.Workspace))
	})

	t.Run("Carry out the latest of what was missed, and note the others", func(t *testing.T) {
		t.Parallel()
		st, seed := office(t)
		publishAt(t, st, seed, fmt.Sprintf(daily, "workspace"), "2026-06-01 12:00")
		require.Equal(t, 1, fire(t, st, "2026-06-05 05:00"))
		require.Equal(t, []string{"schedule  06-04 06:00"}, store.Entries(t.Context(), t, st, seed.Workspace))
		require.Equal(t, []string{
			`{"missed": {"last": "2026-06-02T06:00:00Z", "first": "2026-06-02T06:00:00Z"}}`,
		}, store.Audits(t.Context(), t, st, seed.Workspace, "campaign.missed"))
		require.Equal(t, map[string]string{"": "2026-06-05T06:00:00Z"}, store.Schedules(t.Context(), t, st, seed.Workspace))
		require.Zero(t, fire(t, st, "2026-06-05 05:00"), "once")
	})

	t.Run("Leave out what was missed by more than a day", func(t *testing.T) {
		t.Parallel()
		st, seed := office(t)
		publishAt(t, st, seed, `{schedule: {cron: "0 9 1 * *", audience: 'true'}}`, "2026-06-15 12:00")
		require.Equal(t, 1, fire(t, st, "2026-07-03 12:00"))
		require.Empty(t, store.Entries(t.Context(), t, st, seed.Workspace))
		require.Len(t, store.Audits(t.Context(), t, st, seed.Workspace, "campaign.missed"), 1)
		require.Equal(t, map[string]string{"": "2026-08-01T06:00:00Z"}, store.Schedules(t.Context(), t, st, seed.Workspace))
	})

	t.Run("Skip what comes while the campaign is paused, and say so when it is resumed", func(t *testing.T) {
		t.Parallel()
		st, seed := office(t)
		publishAt(t, st, seed, fmt.Sprintf(daily, "workspace"), "2026-06-01 12:00")
		store.SetStatusAt(t.Context(), t, st, seed.Workspace, "timed", store.Paused, instant(t, "2026-06-01 13:00"))
		require.Zero(t, fire(t, st, "2026-06-03 12:00"))
		store.SetStatusAt(t.Context(), t, st, seed.Workspace, "timed", store.Live, instant(t, "2026-06-03 13:00"))
		require.Zero(t, fire(t, st, "2026-06-03 13:00"))
		require.Empty(t, store.Entries(t.Context(), t, st, seed.Workspace))
		require.Equal(t, []string{`{"skipped": [{"last": "2026-06-03T06:00:00Z", "first": "2026-06-02T06:00:00Z"}]}`},
			store.Audits(t.Context(), t, st, seed.Workspace, "campaign.live"))
	})

	t.Run("End with their rule, and with the campaign", func(t *testing.T) {
		t.Parallel()
		st, seed := office(t)
		publishAt(t, st, seed, `{schedule: {rrule: "FREQ=DAILY;BYHOUR=9;BYMINUTE=0", audience: 'true', to: "2026-06-02T23:00:00Z"}}`,
			"2026-06-01 12:00")
		require.Equal(t, 1, fire(t, st, "2026-06-02 06:00"))
		require.Empty(t, store.Schedules(t.Context(), t, st, seed.Workspace))
		publishAt(t, st, seed, fmt.Sprintf(daily, "workspace"), "2026-06-02 12:00")
		require.Len(t, store.Schedules(t.Context(), t, st, seed.Workspace), 1)
		require.NoError(t, st.SetCampaignStatus(t.Context(), seed.Workspace, "timed", store.Stopped))
		require.Empty(t, store.Schedules(t.Context(), t, st, seed.Workspace))
	})

	t.Run("Lose nothing to a publication at the very moment", func(t *testing.T) {
		t.Parallel()
		st, seed := office(t)
		publishAt(t, st, seed, fmt.Sprintf(daily, "workspace"), "2026-06-01 12:00")
		publishAt(t, st, seed, `{schedule: {cron: "0 9 * * *", zone: workspace, audience: 'customer.vip == true'}}`, "2026-06-02 06:00")
		require.Equal(t, 1, fire(t, st, "2026-06-02 06:00"))
	})

	t.Run("Let an audience enter at its moment", func(t *testing.T) {
		t.Parallel()
		st, seed := office(t)
		p := publishAt(t, st, seed, `{audience: {rule: 'true', once: true, at: "2026-12-01T09:00:00+02:00"}}`, "2026-11-24 12:00")
		require.False(t, p.Audience)
		require.Zero(t, fire(t, st, "2026-12-01 06:59"))
		require.Equal(t, 1, fire(t, st, "2026-12-01 07:00"))
		require.Equal(t, []string{"audience  12-01 07:00"}, store.Entries(t.Context(), t, st, seed.Workspace))
		require.Empty(t, store.Schedules(t.Context(), t, st, seed.Workspace))
	})
}

func TestDateMembers(t *testing.T) {
	t.Parallel()
	st, seed := office(t)
	ids := map[string]string{}
	for user, born := range map[string]any{
		"leap": "2000-02-29", "eve": "1990-02-28", "march": "1985-03-01T23:30:00+02:00", "june": "1985-06-01", "none": nil, "odd": 7,
	} {
		ingest(t, st, seed, message("born-"+user, func(m *store.Message) {
			m.UserID, m.Profile = user, store.Profile{Attributes: map[string]any{"birthday": born}}
		}))
		ids[record(t, st, seed, user).Customer.ID] = user
	}
	for _, c := range []struct {
		name, trigger, at string
		want              []string
	}{
		{
			"Every year, and in common years the day before", `{date: {attribute: birthday, yearly: true}}`, "2027-02-28 07:00",
			[]string{"eve", "leap", "march"},
		},
		{"Some days before", `{date: {attribute: birthday, yearly: true, offset: -7d}}`, "2027-05-25 07:00", []string{"june"}},
		{"Once", `{date: {attribute: birthday}}`, "1985-06-01 07:00", []string{"june"}},
		{"Never for others", `{date: {attribute: birthday, yearly: true}}`, "2027-10-01 07:00", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := define(t, "campaign: dated\ntrigger: "+c.trigger+"\ntopic: news\nsteps: [{sms: {text: hi}}]")
			page, err := st.AudiencePage(t.Context(), seed.Workspace, store.OpenAudience{
				Kind: store.EntryDate, At: instant(t, c.at), After: "00000000-0000-0000-0000-000000000000", TimeZone: "Europe/Kyiv",
			}, d.Trigger, 10)
			require.NoError(t, err)
			var got []string
			for _, id := range page.Customers {
				got = append(got, ids[id])
			}
			require.ElementsMatch(t, c.want, got)
		})
	}
}
