package calendar_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/rules/calendar"
)

// drawZone draws a zone, most of which change their clocks in some odd way.
func drawZone(t *rapid.T) *time.Location {
	return zone(t, rapid.SampledFrom([]string{
		"UTC", "Europe/Kyiv", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca",
		"America/Sao_Paulo", "America/St_Johns", "Asia/Kathmandu", "Pacific/Kiritimati", "Africa/Monrovia", "America/Godthab",
	}).Draw(t, "zone"))
}

// drawTime draws a moment, half of them within a day of a change of the zone's clock.
func drawTime(t *rapid.T, zone *time.Location) time.Time {
	from, to := time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(2080, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	moment := time.Unix(rapid.Int64Range(from, to).Draw(t, "time"), rapid.Int64Range(0, 1).Draw(t, "ns")).In(zone)
	if _, change := moment.ZoneBounds(); !change.IsZero() && rapid.Bool().Draw(t, "at a change") {
		return change.Add(time.Duration(rapid.IntRange(-24*60, 24*60).Draw(t, "minutes")) * time.Minute)
	}
	return moment
}

func drawClock(t *rapid.T) calendar.Clock {
	return calendar.Clock(rapid.IntRange(0, 1439).Draw(t, "clock"))
}

func drawDays(t *rapid.T) calendar.Weekdays {
	return calendar.Weekdays(rapid.IntRange(0, 127).Draw(t, "days"))
}

// shows reports whether the clock of a zone shows c and has just come to do so.
func shows(moment time.Time, c calendar.Clock) bool {
	return moment.Hour()*60+moment.Minute() == int(c) && moment.Second() == 0 && moment.Nanosecond() == 0
}

func TestNextClockProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, c, days := drawZone(t), drawClock(t), drawDays(t)
		from := drawTime(t, zone)
		next := calendar.NextClock(from, c, days, zone)
		require.False(t, next.Before(from))
		require.LessOrEqual(t, next.Sub(from), 16*24*time.Hour)
		require.True(t, days.Has(next.Weekday()))
		begin, _ := next.ZoneBounds()
		require.True(t, shows(next, c) || next.Equal(begin), "%s shows neither %s nor the end of a gap", next, c)
		require.Equal(t, next, calendar.NextClock(next, c, days, zone), "it is the next of itself")
		// No minute before it shows the clock, but the second coming of one.
		for at := from.Truncate(time.Minute).Add(time.Minute); at.Before(next) && at.Sub(from) < 26*time.Hour; at = at.Add(time.Minute) {
			if shows(at.In(zone), c) && days.Has(at.In(zone).Weekday()) {
				require.True(t, c.On(calendar.DateOf(at, zone), zone).Before(from), "%s was passed over", at)
			}
		}
	})
}

func TestClockOnProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, c := drawZone(t), drawClock(t)
		d := calendar.DateOf(drawTime(t, zone), zone)
		on := c.On(d, zone)
		before := on.Add(-time.Nanosecond)
		read := func(at time.Time) time.Time {
			return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
		}
		wanted := time.Date(d.Year, d.Month, d.Day, 0, int(c), 0, 0, time.UTC)
		require.False(t, read(on).Before(wanted), "the clock shows no less")
		require.True(t, read(before).Before(wanted), "and does so for the first time")
		if begin, _ := on.ZoneBounds(); !on.Equal(begin) {
			require.Equal(t, wanted, read(on))
		}
	})
}

func TestUntilProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone := drawZone(t)
		windows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) calendar.Window {
			return calendar.Window{From: drawClock(t), To: drawClock(t), Days: drawDays(t)}
		}), 0, 4).Draw(t, "windows")
		at := drawTime(t, zone)
		end, inside := calendar.Until(windows, at, zone)
		if !inside {
			require.True(t, end.Equal(at))
			return
		}
		require.True(t, end.After(at))
		again, still := calendar.Until(windows, end, zone)
		require.False(t, still, "at its end %s it lasts until %s", end, again)
		require.True(t, again.Equal(end))
		// Every moment before it lies in a window, and has the same end.
		between := at.Add(time.Duration(rapid.Int64Range(0, int64(end.Sub(at))-1).Draw(t, "between")))
		same, inside := calendar.Until(windows, between, zone)
		require.True(t, inside, "%s lies in no window", between)
		require.True(t, same.Equal(end))
	})
}

func TestNextProperty(t *testing.T) {
	t.Parallel()
	field := func(t *rapid.T, name string, from, to int) string {
		return rapid.OneOf(rapid.Just("*"), rapid.Just("*/7"), rapid.Map(rapid.IntRange(from, to), strconv.Itoa)).Draw(t, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		zone := drawZone(t)
		from := drawTime(t, zone)
		s, err := calendar.ParseCron(field(t, "minute", 0, 59) + " " + field(t, "hour", 0, 23) + " " +
			field(t, "day", 1, 28) + " " + field(t, "month", 1, 12) + " " + field(t, "weekday", 0, 6))
		require.NoError(t, err)
		next, ok := s.Next(from, zone)
		require.True(t, ok)
		require.True(t, next.After(from))
		// Whatever lies between leads to the same moment.
		between := from.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(from))-1).Draw(t, "between")))
		same, ok := s.Next(between, zone)
		require.True(t, ok)
		require.True(t, next.Equal(same), "%s after %s, %s after %s", next, from, same, between)
	})
}

func TestNextOfRuleProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone := drawZone(t)
		from := drawTime(t, zone).AddDate(45, 0, 0)
		rule := "DTSTART=20010103T091500;FREQ=" + rapid.SampledFrom([]string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}).Draw(t, "freq") +
			";INTERVAL=" + strconv.Itoa(rapid.IntRange(1, 6).Draw(t, "interval")) +
			rapid.SampledFrom([]string{"", ";BYDAY=MO,SA", ";BYHOUR=2;BYMINUTE=30", ";BYHOUR=0,12", ";BYDAY=SU;WKST=SU"}).Draw(t, "rest")
		s, err := calendar.ParseRRule(rule)
		require.NoError(t, err)
		next, ok := s.Next(from, zone)
		require.True(t, ok)
		require.True(t, next.After(from))
		// Whatever lies between leads to the same moment, however far back.
		back := min(next.Sub(from)-1, 400*24*time.Hour)
		between := from.Add(time.Duration(rapid.Int64Range(0, int64(back)).Draw(t, "between")))
		same, ok := s.Next(between, zone)
		require.True(t, ok)
		require.True(t, next.Equal(same), "%s after %s, %s after %s", next, from, same, between)
	})
}
