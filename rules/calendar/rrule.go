package calendar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// ruleAnchor is where a rule begins to count that does not say DTSTART: midnight of a Monday that is the first of January.
// So rules without BYHOUR, BYDAY, BYMONTHDAY or BYMONTH mean the beginning of the day, the week, the month, the year.
var ruleAnchor = time.Date(2001, time.January, 1, 0, 0, 0, 0, time.UTC)

// What package rrule takes without complaint, and then runs for ages over or fails on.
const (
	maxRuleLength  = 500
	maxInterval    = 1000
	firstRuleYear  = 1970
	lastRuleYear   = 2200
	mondaysInMonth = 5
	shortestMonth  = 28
	maxTimes       = 48
	maxPositions   = 5
)

// rule is a recurrence rule that has been read. Its moments are readings of a clock, given as if clocks were in UTC.
type rule struct {
	series rrule.RRule // without Until
	until  time.Time   // the last moment; zero without
	local  bool        // until is a reading, too, and not an instant
}

// ParseRRule reads a recurrence rule such as "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0": FREQ is DAILY, WEEKLY, MONTHLY or
// YEARLY, beside which all of RFC 5545 but COUNT and BYSECOND may stand.
//
// The rule is read on the clock of a zone. It counts from DTSTART, which may be among its parts
// ("DTSTART=20260105T090000;FREQ=WEEKLY;INTERVAL=2"), or from Monday, 1 January 2001, midnight; without BYHOUR or BYMINUTE
// its moments have those of that time of day. UNTIL is the last moment, and of a day alone its end.
func ParseRRule(s string) (Schedule, error) {
	r, err := readRRule(s)
	if err != nil {
		return Schedule{}, fmt.Errorf("recurrence rule %q: %w", s, err)
	}
	if _, ok := r.next(r.series.Options.Dtstart.AddDate(0, 0, -1), time.UTC); !ok {
		return Schedule{}, fmt.Errorf("recurrence rule %q: it has no moment", s)
	}
	return Schedule{rrule: s, series: r}, nil
}

func readRRule(s string) (rule, error) {
	if len(s) > maxRuleLength || strings.ContainsAny(s, "\r\n") {
		return rule{}, fmt.Errorf("write it in one line of at most %d characters", maxRuleLength)
	}
	option, err := rrule.StrToROption(s)
	if err != nil {
		return rule{}, fmt.Errorf(`%w; write it as in "FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0"`, err)
	}
	option.Byhour, option.Byminute = distinct(option.Byhour), distinct(option.Byminute)
	if err := checkRule(option); err != nil {
		return rule{}, err
	}
	r := rule{until: option.Until, local: true}
	for part := range strings.SplitSeq(s, ";") {
		name, value, _ := strings.Cut(part, "=")
		switch {
		case name == "DTSTART" && strings.HasSuffix(value, "Z"):
			return rule{}, errors.New("DTSTART is a time on the clock of the zone: leave out the Z")
		case name == "UNTIL" && strings.HasSuffix(value, "Z"):
			r.local = false
		case name == "UNTIL" && len(value) == len(rrule.DateFormat):
			r.until = r.until.AddDate(0, 0, 1).Add(-time.Second)
		}
	}
	option.Until = time.Time{}
	if option.Dtstart.IsZero() {
		option.Dtstart = ruleAnchor
	}
	series, err := rrule.NewRRule(*option)
	if err != nil {
		return rule{}, fmt.Errorf("%w: keep it within the bounds", err)
	}
	r.series = *series
	return r, nil
}

// checkRule refuses what RFC 5545 forbids, what a campaign has no use for, and what is too much to compute.
func checkRule(o *rrule.ROption) error {
	start := o.Dtstart.Year()
	switch {
	case o.Freq > rrule.DAILY:
		return errors.New("FREQ is DAILY, WEEKLY, MONTHLY or YEARLY; for moments of each hour write a cron expression")
	case o.Count != 0:
		return errors.New("COUNT is not supported: say with UNTIL when it ends")
	case len(o.Bysecond) > 0 || len(o.Byeaster) > 0:
		return errors.New("BYSECOND and BYEASTER are not supported: leave them out")
	case o.Interval < 0 || o.Interval > maxInterval:
		return fmt.Errorf("INTERVAL is a number from 1 to %d", maxInterval)
	case !o.Dtstart.IsZero() && (start < firstRuleYear || start > lastRuleYear):
		return fmt.Errorf("DTSTART lies in the years %d to %d", firstRuleYear, lastRuleYear)
	case max(len(o.Byhour), 1)*max(len(o.Byminute), 1) > maxTimes:
		return fmt.Errorf("BYHOUR and BYMINUTE give more than %d times a day; write a cron expression", maxTimes)
	case len(o.Bysetpos) > maxPositions:
		return fmt.Errorf("BYSETPOS holds at most %d positions", maxPositions)
	case len(o.Byweekno) > 0 && o.Freq != rrule.YEARLY:
		return errors.New("BYWEEKNO needs FREQ=YEARLY")
	}
	for _, day := range o.Byweekday {
		switch ofYear := o.Freq == rrule.YEARLY && len(o.Bymonth) == 0; {
		case day.N() == 0:
		case o.Freq != rrule.YEARLY && o.Freq != rrule.MONTHLY:
			return errors.New("BYDAY counts days, as in 1MO, only with FREQ=MONTHLY or YEARLY")
		case !ofYear && max(day.N(), -day.N()) > mondaysInMonth:
			return fmt.Errorf("BYDAY counts at most %d of a day in a month", mondaysInMonth)
		}
	}
	return nil
}

func distinct(values []int) []int {
	slices.Sort(values)
	return slices.Compact(values)
}

// next gives the first moment after t on the clock of a zone.
func (r rule) next(t time.Time, zone *time.Location) (time.Time, bool) {
	_, offset := t.In(zone).Zone()
	series := r.series
	series.DTStart(r.startBefore(t.UTC().Add(time.Duration(offset)*time.Second - maxOffset)))
	following := series.Iterator()
	for reading, ok := following(); ok; reading, ok = following() {
		at := firstShown(reading, zone)
		last := at
		if r.local {
			last = reading
		}
		if !r.until.IsZero() && last.After(r.until) {
			return time.Time{}, false
		}
		if at.After(t) {
			return at, true
		}
	}
	return time.Time{}, false
}

// startBefore gives a reading, no later than t unless the rule begins later, from which the rule counts as it does from
// its start. The series would otherwise be walked through from there.
func (r rule) startBefore(t time.Time) time.Time {
	o := r.series.Options
	start := o.Dtstart
	// The week, month or year of the start may have begun before it, so one more interval is gone back.
	after := func(units int) int { return max(units/o.Interval-1, 0) * o.Interval }
	months := (t.Year()-start.Year())*12 + int(t.Month()-start.Month())
	days := int(t.Sub(start) / (24 * time.Hour))
	switch {
	case o.Freq == rrule.DAILY:
		return start.AddDate(0, 0, after(days))
	case o.Freq == rrule.WEEKLY:
		return start.AddDate(0, 0, daysPerWeek*after(days/daysPerWeek))
	case start.Day() > shortestMonth:
		return start // not every month has such a day
	case o.Freq == rrule.MONTHLY:
		return start.AddDate(0, after(months), 0)
	default:
		return start.AddDate(after(months/12), 0, 0)
	}
}
