package calendar_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/calendar"
)

// moments gives the first n moments of a schedule after from.
func moments(t require.TestingT, s calendar.Schedule, from time.Time, zone *time.Location, n int) []string {
	var list []string
	for range n {
		next, ok := s.Next(from, zone)
		if !ok {
			return append(list, "end")
		}
		require.True(t, next.After(from))
		list, from = append(list, next.Format(time.RFC3339)), next
	}
	return list
}

func TestCron(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cron, zone, from string
		want             []string
	}{
		"Mondays": {"0 9 * * mon", "Europe/Kyiv", "2026-03-22T12:00:00Z", []string{
			"2026-03-23T09:00:00+02:00", "2026-03-30T09:00:00+03:00",
		}},
		"a word": {"@monthly", "UTC", "2026-03-22T12:00:00Z", []string{"2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z"}},
		"what the clock skips does not come": {"30 3 * * *", "Europe/Kyiv", "2026-03-28T00:00:00Z", []string{
			"2026-03-28T03:30:00+02:00", "2026-03-30T03:30:00+03:00",
		}},
		"what it shows twice comes twice": {"30 3 * * *", "Europe/Kyiv", "2026-10-24T12:00:00Z", []string{
			"2026-10-25T03:30:00+03:00", "2026-10-25T03:30:00+02:00", "2026-10-26T03:30:00+02:00",
		}},
		"half an hour back": {"0 2 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z", []string{
			"2026-04-05T02:00:00+10:30", "2026-04-06T02:00:00+10:30",
		}},
		"a skipped day": {"0 9 * * *", "Pacific/Apia", "2011-12-29T09:30:00-10:00", []string{"2011-12-31T09:00:00+14:00"}},
		"leap days": {"0 0 29 2 *", "Europe/Kyiv", "2095-01-01T00:00:00Z", []string{
			"2096-02-29T00:00:00+02:00", "2104-02-29T00:00:00+02:00",
		}},
		"leap days, where no clock changes": {"0 0 29 2 *", "UTC", "2095-01-01T00:00:00Z", []string{
			"2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := calendar.ParseCron(test.cron)
			require.NoError(t, err)
			require.Equal(t, test.cron, s.Cron())
			require.Empty(t, s.RRule())
			require.Equal(t, test.want, moments(t, s, at(t, test.from), zone(t, test.zone), len(test.want)))
		})
	}
}

func TestCronRefuses(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":                         "write minute, hour, day, month and weekday",
		"0 9 * *":                  "write minute, hour, day, month and weekday",
		"0 0 9 * * *":              "write minute, hour, day, month and weekday",
		"60 9 * * *":               "write minute, hour, day, month and weekday",
		"@reboot":                  "write minute, hour, day, month and weekday",
		"@every 1h":                "@every has no fixed moments",
		"TZ=Europe/Kyiv 0 9 * * *": "name the zone beside it",
		"TZ=0":                     "name the zone beside it",
		"CRON_TZ=UTC 0 9 * * *":    "name the zone beside it",
		"0 9 30 2 *":               "no day is ever like that",
	} {
		_, err := calendar.ParseCron(s)
		require.ErrorContains(t, err, want, s)
	}
}

func TestRRule(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rule, zone, from string
		want             []string
	}{
		"Mondays": {"FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0", "Europe/Kyiv", "2026-03-22T12:00:00Z", []string{
			"2026-03-23T09:00:00+02:00", "2026-03-30T09:00:00+03:00",
		}},
		"first Monday of the month": {"FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=30", "Europe/Kyiv", "2026-03-22T12:00:00Z", []string{
			"2026-04-06T09:30:00+03:00", "2026-05-04T09:30:00+03:00",
		}},
		"last working day of the month": {"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=17", "UTC", "2026-02-01T00:00:00Z", []string{
			"2026-02-27T17:00:00Z", "2026-03-31T17:00:00Z",
		}},
		"without a time of day": {"FREQ=WEEKLY;BYDAY=MO", "UTC", "2026-03-22T12:00:00Z", []string{"2026-03-23T00:00:00Z"}},
		"with nothing else":     {"FREQ=YEARLY", "UTC", "2026-03-22T12:00:00Z", []string{"2027-01-01T00:00:00Z"}},
		"every second week": {"FREQ=WEEKLY;INTERVAL=2;BYHOUR=9", "UTC", "2026-03-01T00:00:00Z", []string{
			"2026-03-09T09:00:00Z", "2026-03-23T09:00:00Z",
		}},
		"from its start": {"DTSTART=20260309T093000;FREQ=WEEKLY;INTERVAL=2", "Europe/Kyiv", "2026-01-01T00:00:00Z", []string{
			"2026-03-09T09:30:00+02:00", "2026-03-23T09:30:00+02:00", "2026-04-06T09:30:00+03:00",
		}},
		"every third day": {"DTSTART=20260301T090000;FREQ=DAILY;INTERVAL=3", "UTC", "2026-12-01T00:00:00Z", []string{
			"2026-12-02T09:00:00Z", "2026-12-05T09:00:00Z",
		}},
		"leap days": {"DTSTART=20240229T090000;FREQ=YEARLY", "UTC", "2040-03-01T00:00:00Z", []string{
			"2044-02-29T09:00:00Z", "2048-02-29T09:00:00Z",
		}},
		"every fifth month": {"DTSTART=20240115T090000;FREQ=MONTHLY;INTERVAL=5", "UTC", "2026-01-01T00:00:00Z", []string{
			"2026-02-15T09:00:00Z", "2026-07-15T09:00:00Z",
		}},
		"skipped: after the gap": {"FREQ=DAILY;BYHOUR=3;BYMINUTE=30", "Europe/Kyiv", "2026-03-28T12:00:00Z", []string{
			"2026-03-29T04:00:00+03:00", "2026-03-30T03:30:00+03:00",
		}},
		"twice: the first": {"FREQ=DAILY;BYHOUR=3;BYMINUTE=30", "Europe/Kyiv", "2026-10-24T12:00:00Z", []string{
			"2026-10-25T03:30:00+03:00", "2026-10-26T03:30:00+02:00",
		}},
		"both in one gap": {"FREQ=DAILY;BYHOUR=3;BYMINUTE=10,30", "Europe/Kyiv", "2026-03-28T12:00:00Z", []string{
			"2026-03-29T04:00:00+03:00", "2026-03-30T03:10:00+03:00",
		}},
		"half an hour": {"FREQ=DAILY;BYHOUR=2;BYMINUTE=15", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", []string{
			"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00",
		}},
		"until an hour of the clock": {"FREQ=DAILY;BYHOUR=9;UNTIL=20260311T090000", "Europe/Kyiv", "2026-03-10T00:00:00Z", []string{
			"2026-03-10T09:00:00+02:00", "2026-03-11T09:00:00+02:00", "end",
		}},
		"until an instant": {"FREQ=DAILY;BYHOUR=9;UNTIL=20260311T065959Z", "Europe/Kyiv", "2026-03-10T00:00:00Z", []string{
			"2026-03-10T09:00:00+02:00", "end",
		}},
		"until the end of a day": {"FREQ=DAILY;BYHOUR=9;UNTIL=20260311", "Europe/Kyiv", "2026-03-10T00:00:00Z", []string{
			"2026-03-10T09:00:00+02:00", "2026-03-11T09:00:00+02:00", "end",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := calendar.ParseRRule(test.rule)
			require.NoError(t, err)
			require.Equal(t, test.rule, s.RRule())
			require.Empty(t, s.Cron())
			require.Equal(t, test.want, moments(t, s, at(t, test.from), zone(t, test.zone), len(test.want)))
		})
	}
}

func TestRRuleRefuses(t *testing.T) {
	t.Parallel()
	const hours = "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"
	for s, want := range map[string]string{
		"":                                  "write it as in",
		"BYDAY=MO":                          "FREQ is required",
		"FREQ=FORTNIGHTLY":                  "undefined frequency",
		"FREQ=HOURLY":                       "write a cron expression",
		"FREQ=SECONDLY":                     "write a cron expression",
		"FREQ=DAILY;COUNT=3":                "say with UNTIL when it ends",
		"FREQ=DAILY;BYSECOND=1":             "leave them out",
		"FREQ=YEARLY;BYEASTER=400":          "leave them out",
		"FREQ=DAILY;INTERVAL=1001":          "INTERVAL is a number from 1 to 1000",
		"FREQ=DAILY;INTERVAL=-1":            "INTERVAL is a number from 1 to 1000",
		"FREQ=DAILY;BYHOUR=24":              "keep it within the bounds",
		"FREQ=DAILY;BYDAY=1MO":              "only with FREQ=MONTHLY or YEARLY",
		"FREQ=MONTHLY;BYDAY=-53MO":          "at most 5 of a day in a month",
		"FREQ=YEARLY;BYMONTH=12;BYDAY=53MO": "at most 5 of a day in a month",
		"FREQ=DAILY;BYMINUTE=" + strings.Repeat("1,", 20) + "2,3;BYHOUR=" + hours: "more than 48 times a day",
		"FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1,2,3,4,5,6":                              "at most 5 positions",
		"FREQ=MONTHLY;BYWEEKNO=1":                                                 "BYWEEKNO needs FREQ=YEARLY",
		"FREQ=DAILY;UNTIL=soon":                                                   "write it as in",
		"FREQ=DAILY;COLOR=RED":                                                    "unknown RRULE property",
		"DTSTART=20260105T090000Z;FREQ=DAILY":                                     "leave out the Z",
		"DTSTART=00010105T090000;FREQ=DAILY":                                      "in the years 1970 to 2200",
		"FREQ=DAILY\nFREQ=DAILY":                                                  "in one line",
		"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30":                                     "it has no moment",
		"FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30":                                      "it has no moment",
		"DTSTART=20260105T090000;FREQ=DAILY;UNTIL=20260101":                       "it has no moment",
		"FREQ=DAILY;BYHOUR=" + strings.Repeat("1,", 300) + "1":                    "at most 500 characters",
	} {
		_, err := calendar.ParseRRule(s)
		require.ErrorContains(t, err, want, s)
	}
}

func TestZeroSchedule(t *testing.T) {
	t.Parallel()
	_, ok := calendar.Schedule{}.Next(at(t, "2026-03-10T00:00:00Z"), time.UTC)
	require.False(t, ok)
}

// The vectors of robfig/cron: times across zones and clock changes.
func TestCronVectors(t *testing.T) {
	t.Parallel()
	var vectors struct {
		Next []struct{ At, Spec, Next string }
		// An expression fires at a moment if that is the first one after the second before.
		Activation []struct {
			At, Spec string
			Fires    bool
		}
	}
	require.NoError(t, json.Unmarshal(testData(t, "time/cron_vectors_robfig.json"), &vectors))
	require.Len(t, vectors.Next, 62)
	require.Len(t, vectors.Activation, 29)
	for _, v := range vectors.Next {
		// The zone stands before the expression, or before the moment.
		specZone, spec := cutZone(v.Spec)
		momentZone, moment := cutZone(v.At)
		from := vectorTime(t, moment)
		inZone := from.Location()
		if name := cmp.Or(specZone, momentZone); name != "" {
			inZone = zone(t, name)
		}
		next, ok := nextOfVector(t, spec, from, inZone)
		require.Equal(t, v.Next != "", ok, v.Spec)
		if ok {
			require.True(t, vectorTime(t, v.Next).Equal(next), "%s after %s: %s, want %s", v.Spec, v.At, next, v.Next)
		}
	}
	for _, v := range vectors.Activation {
		s, err := calendar.ParseCron(v.Spec)
		require.NoError(t, err)
		moment := vectorTime(t, v.At)
		next, ok := s.Next(moment.Add(-time.Second), time.UTC)
		require.True(t, ok)
		require.Equal(t, v.Fires, next.Equal(moment), "%s at %s", v.Spec, v.At)
	}
}

// nextOfVector takes expressions of five fields and of six.
func nextOfVector(t *testing.T, spec string, from time.Time, zone *time.Location) (time.Time, bool) {
	t.Helper()
	if len(strings.Fields(spec)) == 5 {
		s, err := calendar.ParseCron(spec)
		require.NoError(t, err)
		return s.Next(from, zone)
	}
	next, ok, err := calendar.NextWithSeconds(spec, from, zone)
	require.NoError(t, err)
	return next, ok
}

// cutZone takes the name of the zone off "TZ=Europe/Kyiv 0 9 * * *".
func cutZone(s string) (name, rest string) {
	prefix, rest, _ := strings.Cut(s, " ")
	if _, name, ok := strings.Cut(prefix, "TZ="); ok {
		return name, rest
	}
	return "", s
}

// vectorTime reads the two forms of time in the vectors. Some name a day of the week that is not that day's.
func vectorTime(t *testing.T, s string) time.Time {
	t.Helper()
	for _, layout := range []string{"Mon Jan 2 15:04 2006", "Mon Jan 2 15:04:05 2006", "2006-01-02T15:04:05-0700"} {
		if moment, err := time.Parse(layout, s); err == nil {
			return moment
		}
	}
	require.Fail(t, "no time", s)
	return time.Time{}
}

// testData reads a file of the shared test data, which stands beside the project or where DOTYK_TESTDATA says.
func testData(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("DOTYK_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no test data %s (set DOTYK_TESTDATA)", name)
	}
	require.NoError(t, err)
	return raw
}

func FuzzSchedule(f *testing.F) {
	for _, seed := range []string{
		"0 9 * * mon", "@weekly", "TZ=0", "*/7 0-5/2 1,15 jan-mar ?", "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=9",
		"DTSTART=20260105T090000;FREQ=WEEKLY;INTERVAL=2;UNTIL=20270101", "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;WKST=SU",
		"FREQ=YEARLY;BYYEARDAY=-366;BYSETPOS=-1",
	} {
		f.Add(seed)
	}
	kyiv, from := zone(f, "Europe/Kyiv"), at(f, "2026-03-28T12:00:00Z")
	f.Fuzz(func(t *testing.T, s string) {
		for _, parse := range []func(string) (calendar.Schedule, error){calendar.ParseCron, calendar.ParseRRule} {
			schedule, err := parse(s)
			if err != nil {
				continue
			}
			if next, ok := schedule.Next(from, kyiv); ok {
				require.True(t, next.After(from))
			}
		}
	})
}
