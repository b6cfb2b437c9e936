package calendar

import (
	"cmp"
	"fmt"
	"time"
)

// Date is a day of the Gregorian calendar, in no zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads "2026-03-29".
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf(`%q is not a day: write year, month and day as in "2026-03-29"`, s)
	}
	return dateOf(t), nil
}

// String writes "2026-03-29".
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// DateOf gives the day of a moment in a zone.
func DateOf(t time.Time, zone *time.Location) Date { return dateOf(t.In(zone)) }

func dateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date{Year: year, Month: month, Day: day}
}

// AddDays gives the day n days later.
func (d Date) AddDays(n int) Date {
	return dateOf(time.Date(d.Year, d.Month, d.Day+n, 0, 0, 0, 0, time.UTC))
}

// Compare orders days: -1, 0 or 1.
func (d Date) Compare(o Date) int {
	return cmp.Or(cmp.Compare(d.Year, o.Year), cmp.Compare(d.Month, o.Month), cmp.Compare(d.Day, o.Day))
}

// Weekday gives the day of the week.
func (d Date) Weekday() time.Weekday { return Clock(0).reading(d).Weekday() }

// Anniversary gives the day of that year on which d comes round; 29 February comes on the 28th in common years.
func (d Date) Anniversary(year int) Date {
	day := Date{Year: year, Month: d.Month, Day: d.Day}
	if day.AddDays(0) != day {
		return Date{Year: year, Month: time.February, Day: 28}
	}
	return day
}

// exists is false for a day that a zone skips, as Samoa did 30 December 2011 when it went over the date line.
func (d Date) exists(zone *time.Location) bool { return DateOf(Clock(0).On(d, zone), zone) == d }
