package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/calendar"
)

func TestParseClock(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]calendar.Clock{"00:00": 0, "09:00": 540, "23:59": 1439} {
		got, err := calendar.ParseClock(s)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, s, got.String())
	}
	for _, s := range []string{"", "9:00", "24:00", "09:60", "09:00:00", "9am", "-1:00", "0９:00"} {
		_, err := calendar.ParseClock(s)
		require.ErrorContains(t, err, "is not a time of day", s)
	}
}

func TestClockOn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ zone, date, clock, want string }{
		"ordinary day":                   {"Europe/Kyiv", "2026-03-28", "03:30", "2026-03-28T03:30:00+02:00"},
		"skipped: after the gap":         {"Europe/Kyiv", "2026-03-29", "03:30", "2026-03-29T04:00:00+03:00"},
		"begin of the gap":               {"Europe/Kyiv", "2026-03-29", "03:00", "2026-03-29T04:00:00+03:00"},
		"end of the gap":                 {"Europe/Kyiv", "2026-03-29", "04:00", "2026-03-29T04:00:00+03:00"},
		"twice: the first":               {"Europe/Kyiv", "2026-10-25", "03:30", "2026-10-25T03:30:00+03:00"},
		"once, after the repeated hour":  {"Europe/Kyiv", "2026-10-25", "04:00", "2026-10-25T04:00:00+02:00"},
		"New York skips":                 {"America/New_York", "2026-03-08", "02:30", "2026-03-08T03:00:00-04:00"},
		"New York repeats":               {"America/New_York", "2026-11-01", "01:30", "2026-11-01T01:30:00-04:00"},
		"half an hour skipped":           {"Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-04T02:30:00+11:00"},
		"half an hour twice":             {"Australia/Lord_Howe", "2026-04-05", "01:45", "2026-04-05T01:45:00+11:00"},
		"before the half hour comes":     {"Australia/Lord_Howe", "2026-04-05", "02:00", "2026-04-05T02:00:00+10:30"},
		"a day that never was":           {"Pacific/Apia", "2011-12-30", "09:00", "2011-12-31T00:00:00+14:00"},
		"the day before it":              {"Pacific/Apia", "2011-12-29", "23:59", "2011-12-29T23:59:00-10:00"},
		"the day after it":               {"Pacific/Apia", "2011-12-31", "09:00", "2011-12-31T09:00:00+14:00"},
		"Ramadan begins: twice":          {"Africa/Casablanca", "2026-02-15", "02:30", "2026-02-15T02:30:00+01:00"},
		"Ramadan ends: skipped":          {"Africa/Casablanca", "2026-03-22", "02:30", "2026-03-22T03:00:00+01:00"},
		"midnight skipped":               {"America/Sao_Paulo", "2018-11-04", "00:00", "2018-11-04T01:00:00-02:00"},
		"midnight shown before put back": {"America/St_Johns", "2010-11-07", "00:00", "2010-11-07T00:00:00-02:30"},
		"no zone changes":                {"UTC", "2026-03-29", "02:30", "2026-03-29T02:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := clock(t, test.clock).On(date(t, test.date), zone(t, test.zone))
			require.Equal(t, test.want, got.Format(time.RFC3339))
		})
	}
}

func TestNextClock(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ zone, from, clock, days, want string }{
		"shown now":              {"Europe/Kyiv", "2026-03-10T09:00:00+02:00", "09:00", "", "2026-03-10T09:00:00+02:00"},
		"its minute has begun":   {"Europe/Kyiv", "2026-03-10T09:00:01+02:00", "09:00", "", "2026-03-11T09:00:00+02:00"},
		"later today":            {"Europe/Kyiv", "2026-03-10T06:59:00Z", "09:00", "", "2026-03-10T09:00:00+02:00"},
		"on Monday":              {"Europe/Kyiv", "2026-03-13T10:00:00+02:00", "09:00", "mon-fri", "2026-03-16T09:00:00+02:00"},
		"in a week":              {"Europe/Kyiv", "2026-03-13T10:00:00+02:00", "09:00", "fri", "2026-03-20T09:00:00+02:00"},
		"skipped":                {"Europe/Kyiv", "2026-03-29T00:00:00Z", "03:30", "", "2026-03-29T04:00:00+03:00"},
		"between its two":        {"Europe/Kyiv", "2026-10-25T03:45:00+03:00", "03:30", "", "2026-10-26T03:30:00+02:00"},
		"the second of two":      {"Europe/Kyiv", "2026-10-25T03:30:00+02:00", "03:30", "", "2026-10-26T03:30:00+02:00"},
		"over the skipped day":   {"Pacific/Apia", "2011-12-29T10:00:00-10:00", "09:00", "", "2011-12-31T09:00:00+14:00"},
		"the skipped day itself": {"Pacific/Apia", "2011-12-29T10:00:00-10:00", "09:00", "fri", "2012-01-06T09:00:00+14:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := calendar.NextClock(at(t, test.from), clock(t, test.clock), days(t, test.days), zone(t, test.zone))
			require.Equal(t, test.want, got.Format(time.RFC3339))
		})
	}
}
