package campaign_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/campaign"
)

// begin starts a journey at an instant and advances it once.
func begin(d *campaign.Definition, f campaign.Facts, now time.Time) (campaign.Journey, []campaign.Effect) {
	return campaign.Advance(d, campaign.Start(d, "j1", "", map[string]any{"starts_at": "2026-01-20T15:00:00Z"}, now), f, now)
}

func TestWaitUntilWhen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wait, began, want string
		attributes        map[string]any
		workspace         string
	}{
		"Clock":           {`until: "09:00"`, "2026-01-05T10:00:00Z", "2026-01-06T09:00:00Z", nil, ""},
		"ClockOfCustomer": {`until: "09:00"`, "2026-01-05T10:00:00Z", "2026-01-05T14:00:00Z", map[string]any{"timezone": "America/New_York"}, "Europe/Kyiv"},
		"ClockOfWorkspace": {
			`until: "09:00", zone: workspace`, "2026-01-05T10:00:00Z", "2026-01-06T07:00:00Z", map[string]any{"timezone": "America/New_York"}, "Europe/Kyiv",
		},
		"UnknownZoneIsThatOfTheWorkspace": {`until: "09:00"`, "2026-01-05T10:00:00Z", "2026-01-06T07:00:00Z", nil, "Europe/Kyiv"},
		"ClockOfZone":                     {`until: "09:00", zone: Asia/Tokyo`, "2026-01-05T10:00:00Z", "2026-01-06T00:00:00Z", nil, "Europe/Kyiv"},
		"ClockOnDays":                     {`until: "09:00", weekday: sat-sun`, "2026-01-05T10:00:00Z", "2026-01-10T09:00:00Z", nil, ""},
		"ClockShownNow":                   {`until: "10:00"`, "2026-01-05T10:00:00Z", "2026-01-05T10:00:00Z", nil, ""},
		"ClockInGap":                      {`until: "03:30", zone: Europe/Kyiv`, "2026-03-28T22:00:00Z", "2026-03-29T01:00:00Z", nil, ""},
		"ClockTwice":                      {`until: "03:30", zone: Europe/Kyiv`, "2026-10-24T22:00:00Z", "2026-10-25T00:30:00Z", nil, ""},

		"Moment":         {`until: entry.starts_at`, "2026-01-05T10:00:00Z", "2026-01-20T15:00:00Z", nil, ""},
		"MomentEqual":    {`until: entry.starts_at`, "2026-01-20T15:00:00Z", "2026-01-20T15:00:00Z", nil, ""},
		"HourBefore":     {`until: entry.starts_at, offset: -1h`, "2026-01-05T10:00:00Z", "2026-01-20T14:00:00Z", nil, ""},
		"DaysBeforeAt":   {`until: entry.starts_at, offset: -7d, at: "09:00", zone: workspace`, "2026-01-05T10:00:00Z", "2026-01-13T09:00:00Z", nil, ""},
		"DayInTheZone":   {`until: entry.starts_at, at: "09:00", zone: Asia/Tokyo`, "2026-01-05T10:00:00Z", "2026-01-21T00:00:00Z", nil, ""},
		"Computed":       {`until: 'now + "36h"'`, "2026-01-05T10:00:00Z", "2026-01-06T22:00:00Z", nil, ""},
		"DateIsMidnight": {`until: customer.day`, "2026-01-05T10:00:00Z", "2026-03-28T22:00:00Z", map[string]any{"day": "2026-03-29", "timezone": "Europe/Kyiv"}, ""},
		"DateAt": {
			`until: customer.day, at: "09:00"`, "2026-01-05T10:00:00Z", "2026-03-29T13:00:00Z", map[string]any{"day": "2026-03-29", "timezone": "America/New_York"}, "",
		},
		"DateAtFarEast": {
			`until: customer.day, at: "09:00"`, "2026-01-05T10:00:00Z", "2026-03-28T19:00:00Z", map[string]any{"day": "2026-03-29", "timezone": "Pacific/Kiritimati"}, "",
		},
		"DaysOverTheGap": { // 08:00 in Kyiv stays 08:00, though the clocks go forward
			`until: customer.then, offset: 1d`, "2026-01-05T10:00:00Z", "2026-03-29T05:00:00Z", map[string]any{"then": "2026-03-28T06:00:00Z", "timezone": "Europe/Kyiv"}, "",
		},
		"HoursOverTheGap": {
			`until: customer.then, offset: 23h`, "2026-01-05T10:00:00Z", "2026-03-29T05:00:00Z", map[string]any{"then": "2026-03-28T06:00:00Z", "timezone": "Europe/Kyiv"}, "",
		},
		"DayAndHours": {
			`until: customer.then, offset: -1d2h`, "2026-01-05T10:00:00Z", "2026-03-29T03:00:00Z", map[string]any{"then": "2026-03-30T05:00:00Z", "timezone": "Europe/Kyiv"}, "",
		},
		"SecondComingOfAnHour": { // 03:30 winter time, which the clock shows for the second time
			`until: customer.then`, "2026-01-05T10:00:00Z", "2026-10-25T01:30:00Z", map[string]any{"then": "2026-10-25T01:30:00Z", "timezone": "Europe/Kyiv"}, "",
		},

		"Yearly":     {`until: customer.birthday, yearly: true, at: "09:00"`, "2026-01-05T10:00:00Z", "2026-03-29T07:00:00Z", map[string]any{"birthday": "1990-03-29", "timezone": "Europe/Berlin"}, ""},
		"YearlyNext": {`until: customer.birthday, yearly: true, at: "09:00"`, "2026-03-29T07:00:01Z", "2027-03-29T07:00:00Z", map[string]any{"birthday": "1990-03-29", "timezone": "Europe/Berlin"}, ""},
		"YearlyLeap": {
			`until: customer.birthday, yearly: true, at: "09:00"`, "2026-01-05T10:00:00Z", "2026-02-28T14:00:00Z", map[string]any{"birthday": "1992-02-29", "timezone": "America/New_York"}, "",
		},
		"YearlyAcrossTheYear": {`until: customer.birthday, yearly: true, offset: -10d`, "2026-12-01T10:00:00Z", "2026-12-25T00:00:00Z", map[string]any{"birthday": "1990-01-04"}, ""},
		"YearlyYearsAhead":    {`until: customer.birthday, yearly: true, offset: -800d`, "2026-06-01T00:00:00Z", "2026-10-25T00:00:00Z", map[string]any{"birthday": "1990-01-02"}, ""},
		"YearlyTime": {
			`until: customer.signed, yearly: true`, "2026-01-05T10:00:00Z", "2026-07-01T05:30:15Z", map[string]any{"signed": "2020-07-01T05:30:15Z", "timezone": "Europe/Kyiv"}, "",
		},
		"YearlyInGapAtMidnight": { // the clocks of Havana skip the first hour of 8 March 2026, but not of the year after
			`until: customer.birthday, yearly: true`, "2026-04-01T00:00:00Z", "2027-03-08T05:00:00Z", map[string]any{"birthday": "2026-03-08", "timezone": "America/Havana"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ifPast := ", if_past: exit"
			if strings.HasPrefix(c.wait, `until: "`) {
				ifPast = ""
			}
			d := simple(t, "{wait: {id: p, "+c.wait+ifPast+"}}, {wait: 1d}")
			facts := with(c.attributes)
			facts.Zone = c.workspace
			began, want := at(t, c.began), at(t, c.want)
			j, effects := begin(d, facts, began)
			require.Empty(t, effects)
			if want.After(began) {
				require.Equal(t, "p", j.Position.Step)
				require.Equal(t, want.Format(time.RFC3339), j.DueAt.Format(time.RFC3339))
				early, effects := campaign.Advance(d, j, facts, want.Add(-time.Microsecond))
				require.Empty(t, effects)
				require.Equal(t, j, early)
				j, effects = campaign.Advance(d, j, facts, want.Add(3*time.Hour))
				require.Empty(t, effects)
			}
			require.Equal(t, "wait_2", j.Position.Step)
			require.Equal(t, campaign.Result{Happened: true, At: want}, j.Position.Results["p"])
			require.Equal(t, want.Add(day), j.DueAt, "a late wake-up does not add up")
		})
	}
}

func TestWaitUntilFollowsTheRecord(t *testing.T) {
	t.Parallel()
	d := simple(t, `{wait: {id: p, until: customer.visit, at: "09:00", if_past: exit}}, {email: {id: a, template: a}}, {wait: 1d}`)
	record := func(visit any, zone string) campaign.Facts {
		return with(map[string]any{"visit": visit, "timezone": zone})
	}
	j, _ := begin(d, record("2026-01-10", "Europe/Kyiv"), t0)
	require.Equal(t, at(t, "2026-01-10T07:00:00Z"), j.DueAt)
	require.Equal(t, []string{"changed:customer:*", "changed:customer:timezone", "changed:customer:visit", "lost", "won"}, j.ListensTo)
	now := t0.Add(2 * day)
	for name, c := range map[string]struct {
		visit any
		zone  string
		due   string
	}{
		"Later":           {"2026-01-20", "Europe/Kyiv", "2026-01-20T07:00:00Z"},
		"Earlier":         {"2026-01-09", "Europe/Kyiv", "2026-01-09T07:00:00Z"},
		"AnotherZone":     {"2026-01-10", "America/New_York", "2026-01-10T14:00:00Z"},
		"EasternZone":     {"2026-01-10", "Asia/Tokyo", "2026-01-10T00:00:00Z"},
		"EarlierThanWas":  {"2026-01-08", "America/New_York", "2026-01-08T14:00:00Z"},
		"SameAfterAll":    {"2026-01-10T12:00:00Z", "Europe/Kyiv", "2026-01-10T07:00:00Z"},
		"NotYetToday":     {"2026-01-07", "America/Los_Angeles", "2026-01-07T17:00:00Z"},
		"ManyYearsAhead":  {"2036-01-07", "UTC", "2036-01-07T09:00:00Z"},
		"TheMomentOfLook": {"2026-01-07T10:00:00Z", "UTC", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			moved, effects := campaign.Advance(d, j, record(c.visit, c.zone), now)
			if c.due == "" { // 09:00 was an hour ago
				require.Equal(t, []string{"a"}, plans(effects))
				return
			}
			require.Empty(t, effects)
			require.Equal(t, at(t, c.due), moved.DueAt)
			require.Equal(t, j.Position, moved.Position)
		})
	}
	t.Run("IntoThePast", func(t *testing.T) {
		t.Parallel()
		moved, effects := campaign.Advance(d, j, record("2026-01-06", "Europe/Kyiv"), now)
		require.Equal(t, []string{"a"}, plans(effects), "if_past is only for who comes to the wait")
		require.Equal(t, now, of[campaign.PlanEmail](effects)[0].At)
		require.Equal(t, now.Add(day), moved.DueAt, "what follows counts from the change")
		require.Equal(t, []campaign.RecordDecision{{
			Step: "p", Kind: campaign.DecisionWait, Outcome: "moved", Reason: "its moment was moved into the past: 2026-01-06 07:00 UTC",
		}}, decisions(effects, campaign.DecisionWait))
		require.False(t, moved.Position.Results["p"].Happened)
	})
	t.Run("Gone", func(t *testing.T) {
		t.Parallel()
		left, effects := campaign.Advance(d, j, record(nil, ""), now)
		require.Equal(t, campaign.Exited, left.Status)
		require.Equal(t, "p: missing", left.ExitReason)
		require.Equal(t, "missing", decisions(effects, campaign.DecisionWait)[0].Outcome)
	})
}

func TestWaitUntilIfPast(t *testing.T) {
	t.Parallel()
	const inner = `{branch: {id: b, arms: [{when: 'true and customer.vip', steps: [{email: {id: inside, template: a}}]}, {else: [{email: {id: out, template: a}}]}]}}`
	for name, c := range map[string]struct {
		ifPast string
		sent   []string
		status campaign.Status
	}{
		"Go":   {"go", []string{"out", "after"}, campaign.Finished},
		"Skip": {"skip", []string{"after"}, campaign.Finished},
		"Exit": {"exit", nil, campaign.Exited},
	} {
		for moment, outcome := range map[string]string{"2026-01-05T09:59:59Z": "past", "tomorrow": "missing"} {
			t.Run(name+"/"+outcome, func(t *testing.T) {
				t.Parallel()
				d := simple(t, `{wait: {id: p, until: customer.when, if_past: `+c.ifPast+`}}, `+inner+`, {sms: {id: after, text: t}}`)
				j, effects := begin(d, with(map[string]any{"when": moment}), t0)
				require.Equal(t, c.sent, plans(effects))
				require.Equal(t, c.status, j.Status)
				decision := decisions(effects, campaign.DecisionWait)[0]
				require.Equal(t, outcome, decision.Outcome)
				require.Equal(t, "p", decision.Step)
				require.False(t, j.Position.Results["p"].Happened)
			})
		}
	}
	t.Run("SkipAtTheEndOfAList", func(t *testing.T) {
		t.Parallel()
		d := simple(t, `{branch: [{when: 'customer.when != null', steps: [{wait: {until: customer.when, if_past: skip}}]}]}, {email: {id: a, template: a}}`)
		_, effects := begin(d, with(map[string]any{"when": "2020-01-01"}), t0)
		require.Equal(t, []string{"a"}, plans(effects))
	})
	t.Run("Reminders", func(t *testing.T) {
		t.Parallel()
		d := simple(t, `{email: {id: e0, template: a}}, {wait: {until: entry.starts_at, offset: -7d, at: "09:00", if_past: skip}}, {email: {id: e1, template: a}},
			{wait: {until: entry.starts_at, offset: -1d, at: "09:00", if_past: skip}}, {email: {id: e2, template: a}}`)
		j, effects := begin(d, campaign.Facts{}, at(t, "2026-01-18T10:00:00Z"))
		require.Equal(t, []string{"e0"}, plans(effects))
		require.Equal(t, at(t, "2026-01-19T09:00:00Z"), j.DueAt)
	})
	t.Run("RuleError", func(t *testing.T) {
		t.Parallel()
		d := simple(t, `{wait: {until: 'customer.long + customer.long'}}, {wait: 1d}`)
		j, effects := begin(d, with(map[string]any{"long": long}), t0)
		require.Equal(t, "wait_2", j.Position.Step)
		require.Len(t, decisions(effects, campaign.DecisionError), 1)
		require.Len(t, decisions(effects, campaign.DecisionWait), 1)
	})
}
