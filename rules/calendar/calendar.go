package calendar

import (
	"errors"
	"time"
)

// Clock is a time of day, in minutes after midnight: 0 to 1439.
type Clock int

// Date is a day of the Gregorian calendar, in no zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// Weekdays is a set of days of the week. The zero value stands for every day.
type Weekdays uint8

// Window is a part of the day on some days of the week. One that ends before it begins goes over midnight, and belongs to
// the day on which it begins. One that ends when it begins is the whole day.
type Window struct {
	From, To Clock
	Days     Weekdays
}

// Schedule is a series of moments without end: those of a cron expression or of a recurrence rule (RFC 5545).
type Schedule struct {
	cron, rrule string // one of them is set: as it was written
}

var errStub = errors.New("not written yet")

// ParseClock reads "09:00".
func ParseClock(s string) (Clock, error) { return 0, errStub }

// String writes "09:00".
func (c Clock) String() string { return "" }

// On gives the moment at which the clock of a zone shows c on a day.
func (c Clock) On(d Date, zone *time.Location) time.Time { return time.Time{} }

// NextClock gives the first moment at or after t at which the clock of a zone shows c on one of the days.
func NextClock(t time.Time, c Clock, days Weekdays, zone *time.Location) time.Time { return t }

// ParseDate reads "2026-03-29".
func ParseDate(s string) (Date, error) { return Date{}, errStub }

// String writes "2026-03-29".
func (d Date) String() string { return "" }

// DateOf gives the day of a moment in a zone.
func DateOf(t time.Time, zone *time.Location) Date { return Date{} }

// AddDays gives the day n days later.
func (d Date) AddDays(n int) Date { return d }

// Compare orders days: -1, 0 or 1.
func (d Date) Compare(o Date) int { return 0 }

// Anniversary gives the day of that year on which d comes round; 29 February comes on the 28th in common years.
func (d Date) Anniversary(year int) Date { return d }

// ParseWeekdays reads "mon", "mon-fri", "sat,sun", "fri-mon".
func ParseWeekdays(s string) (Weekdays, error) { return 0, errStub }

// String writes days in the one form that ParseWeekdays reads back: "mon-fri", "sat,sun"; "" for every day.
func (w Weekdays) String() string { return "" }

// Has reports whether a day belongs to the set.
func (w Weekdays) Has(d time.Weekday) bool { return true }

// Zone gives the first of the names that is a zone of the time zone database ("" and "Local" are none), or UTC.
func Zone(names ...string) *time.Location { return time.UTC }

// KnownZone reports whether a name is a zone of the time zone database.
func KnownZone(name string) bool { return true }

// ParseCron reads a cron expression of five fields, minute first, or a word such as "@daily".
func ParseCron(s string) (Schedule, error) { return Schedule{}, errStub }

// ParseRRule reads a recurrence rule such as "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0".
func ParseRRule(s string) (Schedule, error) { return Schedule{}, errStub }

// Cron is the expression that ParseCron read, or "".
func (s Schedule) Cron() string { return s.cron }

// RRule is the rule that ParseRRule read, or "".
func (s Schedule) RRule() string { return s.rrule }

// Next gives the first moment after t on the clock of a zone; false when there is none any more.
func (s Schedule) Next(t time.Time, zone *time.Location) (time.Time, bool) { return t, false }

// Until tells whether t lies in one of the windows, and when the windows around it have ended: the first moment at or
// after t that lies in none. It gives false also when there is no such moment within eight days.
func Until(windows []Window, t time.Time, zone *time.Location) (time.Time, bool) { return t, false }
