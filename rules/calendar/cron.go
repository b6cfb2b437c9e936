package calendar

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

const (
	// cronHorizonYears is how far ahead a moment is looked for: 29 February 2104 comes eight years after that of 2096.
	cronHorizonYears = 9
	// cronStepYears is no more than package cron looks ahead.
	cronStepYears = 4
)

// ParseCron reads a cron expression of five fields, minute first, or a word: @hourly, @daily, @weekly, @monthly, @yearly.
// It refuses a zone within the expression, which stands beside it, @every, whose moments would depend on when one begins
// to count, and an expression that no day meets, such as 30 February.
func ParseCron(s string) (Schedule, error) {
	switch {
	case strings.Contains(s, "="):
		return Schedule{}, fmt.Errorf("cron expression %q: it cannot hold a zone; name the zone beside it", s)
	case strings.HasPrefix(s, "@every"):
		return Schedule{}, fmt.Errorf(`cron expression %q: @every has no fixed moments; write "*/15 * * * *" for each quarter`, s)
	}
	spec, err := cron.ParseStandard(s)
	if err != nil {
		return Schedule{}, fmt.Errorf(`cron expression %q: %w; write minute, hour, day, month and weekday, as in "0 9 * * mon"`,
			s, err)
	}
	pattern := cronSeries{spec}
	if _, ok := pattern.next(time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC), time.UTC); !ok {
		return Schedule{}, fmt.Errorf("cron expression %q: no day is ever like that", s)
	}
	return Schedule{cron: s, series: pattern}, nil
}

// cronSeries is a cron expression that has been read.
type cronSeries struct{ spec cron.Schedule }

// next asks for the next moment in each stretch of one offset by itself: within such a stretch clocks do not jump,
// and jumps, above all those that are no whole hour, are what package cron gets wrong.
func (c cronSeries) next(t time.Time, zone *time.Location) (time.Time, bool) {
	horizon := t.AddDate(cronHorizonYears, 0, 0)
	for t.Before(horizon) {
		s := spanAt(t.Add(time.Nanosecond), zone)
		next := c.spec.Next(t.In(time.FixedZone("", int(s.offset/time.Second))))
		if !next.IsZero() && s.contains(next) {
			return next.In(zone), true
		}
		t = t.AddDate(cronStepYears, 0, 0)
		if last := s.end.Add(-time.Nanosecond); !s.end.IsZero() && last.Before(t) {
			t = last
		}
	}
	return time.Time{}, false
}
