package calendar_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/calendar"
)

// windows reads "21:00-09:00 mon-fri; 13:00-14:00".
func windows(t require.TestingT, s string) []calendar.Window {
	var list []calendar.Window
	for part := range strings.SplitSeq(s, ";") {
		hours, weekdays, _ := strings.Cut(strings.TrimSpace(part), " ")
		from, to, _ := strings.Cut(hours, "-")
		list = append(list, calendar.Window{From: clock(t, from), To: clock(t, to), Days: days(t, weekdays)})
	}
	return list
}

func TestUntil(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ zone, windows, at, want string }{
		"by day, outside":         {"UTC", "21:00-09:00", "2026-03-10T12:00:00Z", ""},
		"at the beginning":        {"UTC", "21:00-09:00", "2026-03-10T21:00:00Z", "2026-03-11T09:00:00Z"},
		"after midnight":          {"UTC", "21:00-09:00", "2026-03-10T03:00:00Z", "2026-03-10T09:00:00Z"},
		"at the end":              {"UTC", "21:00-09:00", "2026-03-10T09:00:00Z", ""},
		"within a day":            {"UTC", "13:00-14:00", "2026-03-10T13:59:59Z", "2026-03-10T14:00:00Z"},
		"another day":             {"UTC", "13:00-14:00 mon", "2026-03-10T13:30:00Z", ""},
		"belongs to where begun":  {"UTC", "21:00-09:00 fri", "2026-03-14T08:00:00Z", "2026-03-14T09:00:00Z"},
		"evening of the next day": {"UTC", "21:00-09:00 fri", "2026-03-14T22:00:00Z", ""},
		"two that follow":         {"UTC", "21:00-00:00; 00:00-09:00", "2026-03-10T22:00:00Z", "2026-03-11T09:00:00Z"},
		"two that overlap":        {"UTC", "21:00-02:00; 01:00-09:00", "2026-03-10T22:00:00Z", "2026-03-11T09:00:00Z"},
		"whole days":              {"UTC", "00:00-00:00 sat-sun", "2026-03-14T12:00:00Z", "2026-03-16T00:00:00Z"},
		"whole days and night":    {"UTC", "00:00-00:00 sat-sun; 21:00-09:00", "2026-03-13T22:00:00Z", "2026-03-16T09:00:00Z"},
		"all but one hour a week": {"UTC", "10:00-09:00 mon; 09:00-09:00 tue-sun", "2026-03-09T10:00:00Z", "2026-03-16T09:00:00Z"},
		"always":                  {"UTC", "08:00-08:00", "2026-03-10T12:00:00Z", ""},
		"always, in two parts":    {"UTC", "08:00-20:00; 20:00-08:00", "2026-03-10T12:00:00Z", ""},
		"on her clock":            {"Europe/Kyiv", "21:00-09:00", "2026-03-10T20:00:00Z", "2026-03-11T07:00:00Z"},
		"end skipped":             {"Europe/Kyiv", "21:00-03:30", "2026-03-28T22:00:00Z", "2026-03-29T01:00:00Z"},
		"beginning skipped":       {"Europe/Kyiv", "03:30-05:00", "2026-03-29T04:00:00+03:00", "2026-03-29T02:00:00Z"},
		"skipped as a whole":      {"Europe/Kyiv", "03:10-03:50", "2026-03-29T04:00:00+03:00", ""},
		"end shown twice":         {"Europe/Kyiv", "21:00-03:30", "2026-10-25T03:45:00+03:00", "2026-10-25T01:30:00Z"},
		"beginning shown twice":   {"Europe/Kyiv", "03:30-05:00", "2026-10-25T03:10:00+02:00", "2026-10-25T03:00:00Z"},
		"New York, autumn":        {"America/New_York", "22:00-01:30", "2026-11-01T05:45:00Z", "2026-11-01T06:30:00Z"},
		"half an hour":            {"Australia/Lord_Howe", "22:00-01:45", "2026-04-05T01:50:00+11:00", "2026-04-04T15:15:00Z"},
		"over the skipped day":    {"Pacific/Apia", "21:00-09:00", "2011-12-29T22:00:00-10:00", "2011-12-30T19:00:00Z"},
		"Ramadan":                 {"Africa/Casablanca", "22:00-02:30", "2026-02-15T02:45:00+01:00", "2026-02-15T02:30:00Z"},
		"put back over midnight":  {"America/St_Johns", "00:00-06:00", "2010-11-06T23:30:00-03:30", "2010-11-07T09:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			moment := at(t, test.at)
			end, inside := calendar.Until(windows(t, test.windows), moment, zone(t, test.zone))
			if test.want == "" {
				require.False(t, inside)
				require.True(t, end.Equal(moment))
				return
			}
			require.True(t, inside)
			require.Equal(t, test.want, end.UTC().Format(time.RFC3339))
		})
	}
	t.Run("no windows", func(t *testing.T) {
		t.Parallel()
		_, inside := calendar.Until(nil, at(t, "2026-03-10T12:00:00Z"), time.UTC)
		require.False(t, inside)
	})
}
