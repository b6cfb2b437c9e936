package calendar

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Weekdays is a set of days of the week. The zero value stands for every day.
type Weekdays uint8

const daysPerWeek = 7

// dayNames are the names of days in the order of package time.
var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// everyDay is the set of all days when they are named; it is kept as zero.
const everyDay Weekdays = 1<<daysPerWeek - 1

// ParseWeekdays reads "mon", "mon-fri", "sat,sun", "fri-mon"; "" is every day.
func ParseWeekdays(s string) (Weekdays, error) {
	if s == "" {
		return 0, nil
	}
	var set Weekdays
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, last := slices.Index(dayNames, from), slices.Index(dayNames, to)
		if first < 0 || last < 0 {
			return 0, fmt.Errorf(`%q are not days of the week: write "mon", "mon-fri" or "sat,sun", `+
				`with the names mon, tue, wed, thu, fri, sat, sun`, s)
		}
		set |= 1 << first
		for day := first; day != last; {
			day = (day + 1) % daysPerWeek
			set |= 1 << day
		}
	}
	if set == everyDay {
		return 0, nil
	}
	return set, nil
}

// String writes days in the one form that ParseWeekdays reads back: "mon-fri", "sat,sun"; "" for every day. Weeks begin
// on Monday, and three days or more in a row are written as a range.
func (w Weekdays) String() string {
	if w&everyDay == 0 || w&everyDay == everyDay {
		return ""
	}
	var parts []string
	for i := range daysPerWeek {
		first := time.Weekday((i + 1) % daysPerWeek)
		if !w.Has(first) || w.Has((first+daysPerWeek-1)%daysPerWeek) {
			continue
		}
		length := 1
		for w.Has((first + time.Weekday(length)) % daysPerWeek) {
			length++
		}
		last := (int(first) + length - 1) % daysPerWeek
		switch length {
		case 1:
			parts = append(parts, dayNames[first])
		case 2:
			parts = append(parts, dayNames[first], dayNames[last])
		default:
			parts = append(parts, dayNames[first]+"-"+dayNames[last])
		}
	}
	return strings.Join(parts, ",")
}

// Has reports whether a day belongs to the set.
func (w Weekdays) Has(d time.Weekday) bool { return w == 0 || w&(1<<d) != 0 }
