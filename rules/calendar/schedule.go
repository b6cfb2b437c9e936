package calendar

import "time"

// Schedule is a series of moments without end, unless its rule says UNTIL: those of a cron expression or of a recurrence
// rule (RFC 5545). The zero value has no moment.
//
// The two differ where a zone changes its clock. A cron expression is a pattern that the clock is compared with, as cron
// does: what the clock skips does not come that day, and what it shows twice comes twice. A recurrence rule names each
// moment by day and time, so that it comes once: after the gap, or at its first coming.
type Schedule struct {
	cron, rrule string // one of them is set: as it was written
	series      series // the same, read; nil for no moment
}

// series gives the first moment after t on the clock of a zone; false when there is none any more.
type series interface {
	next(t time.Time, zone *time.Location) (time.Time, bool)
}

// Cron is the expression that ParseCron read, or "".
func (s Schedule) Cron() string { return s.cron }

// RRule is the rule that ParseRRule read, or "".
func (s Schedule) RRule() string { return s.rrule }

// Next gives the first moment after t on the clock of a zone; false when there is none any more.
func (s Schedule) Next(t time.Time, zone *time.Location) (time.Time, bool) {
	if s.series == nil {
		return time.Time{}, false
	}
	return s.series.next(t, zone)
}
