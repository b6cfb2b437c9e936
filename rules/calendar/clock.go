package calendar

import (
	"fmt"
	"time"
)

const (
	clockLayout   = "15:04"
	minutesPerDay = 24 * 60
)

// Clock is a time of day, in minutes after midnight: 0 to 1439.
type Clock int

// ParseClock reads "09:00": two digits for the hour, 00 to 23, and two for the minute.
func ParseClock(s string) (Clock, error) {
	t, err := time.Parse(clockLayout, s)
	if err != nil || len(s) != len(clockLayout) {
		return 0, fmt.Errorf(`%q is not a time of day: write hour and minute, "00:00" to "23:59"`, s)
	}
	return Clock(t.Hour()*60 + t.Minute()), nil
}

// String writes "09:00".
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// On gives the moment at which the clock of a zone shows c on a day: the first of two, and where the zone skips c on that
// day, the first instant after the gap.
func (c Clock) On(d Date, zone *time.Location) time.Time {
	return firstShown(c.reading(d), zone)
}

// reading is the clock on a day as if it were in UTC.
func (c Clock) reading(d Date) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, int(c), 0, 0, time.UTC)
}

// NextClock gives the first moment at or after t at which the clock of a zone shows c on one of the days: the instant at
// which its minute begins, so that a minute that has begun does not count any more. A day that a zone skips as a whole is
// none of the days.
func NextClock(t time.Time, c Clock, days Weekdays, zone *time.Location) time.Time {
	// It may be some days until one of the set comes, and a week more if the zone skips that one.
	for d := DateOf(t, zone).AddDays(-1); ; d = d.AddDays(1) {
		if !days.Has(d.Weekday()) || !d.exists(zone) {
			continue
		}
		if at := c.On(d, zone); !at.Before(t) {
			return at
		}
	}
}
