package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/calendar"
)

func TestDate(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "2026-3-29", "2026-02-29", "29.03.2026", "2026-03-29T00:00:00Z"} {
		_, err := calendar.ParseDate(s)
		require.ErrorContains(t, err, "is not a day", s)
	}
	d := date(t, "2026-03-29")
	require.Equal(t, calendar.Date{Year: 2026, Month: time.March, Day: 29}, d)
	require.Equal(t, "2026-03-29", d.String())
	require.Equal(t, time.Sunday, d.Weekday())
	require.Equal(t, date(t, "2026-04-01"), d.AddDays(3))
	require.Equal(t, date(t, "2025-12-31"), date(t, "2026-01-01").AddDays(-1))
	require.Equal(t, "2026-03-29", calendar.DateOf(at(t, "2026-03-28T22:30:00Z"), zone(t, "Europe/Kyiv")).String())
}

func TestDateCompare(t *testing.T) {
	t.Parallel()
	ordered := []string{"2025-12-31", "2026-01-01", "2026-01-02", "2026-02-01"}
	for i, a := range ordered {
		for j, b := range ordered {
			require.Equal(t, max(-1, min(1, i-j)), date(t, a).Compare(date(t, b)), "%s, %s", a, b)
		}
	}
}

func TestAnniversary(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		date string
		year int
		want string
	}{
		"ordinary":          {"1990-05-04", 2026, "2026-05-04"},
		"leap day":          {"1992-02-29", 2026, "2026-02-28"},
		"leap day, leap":    {"1992-02-29", 2028, "2028-02-29"},
		"leap day, 2100":    {"1992-02-29", 2100, "2100-02-28"},
		"year of the birth": {"1992-02-29", 1992, "1992-02-29"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, date(t, test.date).Anniversary(test.year).String())
		})
	}
}

func TestWeekdays(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"": "", "mon": "mon", "mon-fri": "mon-fri", "sat,sun": "sat,sun", "sun,sat": "sat,sun", "fri-mon": "fri-mon",
		"mon-sun": "", "tue-mon": "", "mon,tue,wed": "mon-wed", "wed,mon": "mon,wed", "sun,mon": "sun,mon",
		"mon-tue,sat-sun": "sat-tue", "fri-fri": "fri", "mon,mon": "mon", "mon-wed,fri": "mon-wed,fri",
	} {
		require.Equal(t, want, days(t, s).String(), s)
	}
	for _, s := range []string{"Mon", "monday", "mon-", "-fri", ",", "mon,,tue", "mon fri", "mon-tue-wed"} {
		_, err := calendar.ParseWeekdays(s)
		require.ErrorContains(t, err, "are not days of the week", s)
	}
	for set := range calendar.Weekdays(1 << 7) {
		again := days(t, set.String())
		for d := range time.Weekday(7) {
			require.Equal(t, set.Has(d), again.Has(d), "%s of %s", d, set)
		}
	}
}

func TestMoment(t *testing.T) {
	t.Parallel()
	moment := at(t, "2026-11-23T17:05:59.9Z")
	require.Equal(t, "2026-11-23 17:05 UTC", calendar.Moment(moment, time.UTC))
	require.Equal(t, "2026-11-23 19:05 Europe/Kyiv", calendar.Moment(moment, zone(t, "Europe/Kyiv")))
}

func TestZone(t *testing.T) {
	t.Parallel()
	require.Equal(t, "Europe/Kyiv", calendar.Zone("", "Local", "Nowhere/Land", "Europe/Kyiv", "UTC").String())
	require.Equal(t, time.UTC, calendar.Zone())
	require.Equal(t, time.UTC, calendar.Zone("nonsense"))
	require.True(t, calendar.KnownZone("UTC"))
	for _, name := range []string{"", "Local", "../etc/passwd", "Europe/", "tzdata.zi", "EUROPE/KYIV!", "posixrules\x00"} {
		require.False(t, calendar.KnownZone(name), name)
	}
}
