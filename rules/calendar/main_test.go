package calendar_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/calendar"
)

// Random tests begin at one seed, so that a run can be repeated; -rapid.seed=N tries another.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.seed", "1"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// zone loads a time zone.
func zone(t require.TestingT, name string) *time.Location {
	z, err := time.LoadLocation(name)
	require.NoError(t, err)
	return z
}

// at reads a moment with its offset, as in "2026-03-29T04:00:00+03:00".
func at(t require.TestingT, s string) time.Time {
	moment, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return moment
}

func clock(t require.TestingT, s string) calendar.Clock {
	c, err := calendar.ParseClock(s)
	require.NoError(t, err)
	return c
}

func date(t require.TestingT, s string) calendar.Date {
	d, err := calendar.ParseDate(s)
	require.NoError(t, err)
	return d
}

func days(t require.TestingT, s string) calendar.Weekdays {
	w, err := calendar.ParseWeekdays(s)
	require.NoError(t, err)
	return w
}
