package calendar

import (
	"regexp"
	"sync"
	"time"
)

// zones are those that were loaded, by name: loading one reads and parses a file. Only zones that exist are kept, so it
// stays as small as the time zone database.
var zones sync.Map

// zoneName is the form of the names of the time zone database; others name files that lie beside it.
var zoneName = regexp.MustCompile(`^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`)

// Zone gives the first of the names that is a zone of the time zone database ("" and "Local" are none), or UTC.
func Zone(names ...string) *time.Location {
	for _, name := range names {
		if zone := load(name); zone != nil {
			return zone
		}
	}
	return time.UTC
}

// Moment writes a moment as reasons do, to the minute and with the zone in which it is told: "2026-11-23 17:05 UTC",
// "2026-11-23 19:05 Europe/Kyiv".
func Moment(at time.Time, zone *time.Location) string {
	return at.In(zone).Format("2006-01-02 15:04 ") + zone.String()
}

// KnownZone reports whether a name is a zone of the time zone database.
func KnownZone(name string) bool { return load(name) != nil }

func load(name string) *time.Location {
	if kept, ok := zones.Load(name); ok {
		zone, _ := kept.(*time.Location)
		return zone
	}
	if name == "Local" || !zoneName.MatchString(name) {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil // an error says nothing but that there is no such zone
	}
	zones.Store(name, zone)
	return zone
}

// A span is a stretch of time in which a zone has one offset, though not always all of it. Start and end are zero where there is no end to it.
type span struct {
	start, end time.Time
	offset     time.Duration
}

func spanAt(t time.Time, zone *time.Location) span {
	t = t.In(zone)
	start, end := t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		// Beyond the transitions in its database, package time ends a leap year's last stretch a day too early.
		end = end.AddDate(0, 0, 1)
	}
	_, seconds := t.Zone()
	return span{start: start, end: end, offset: time.Duration(seconds) * time.Second}
}

func (s span) contains(t time.Time) bool {
	return !t.Before(s.start) && (s.end.IsZero() || t.Before(s.end))
}

// maxOffset is more than any zone was ever away from UTC.
const maxOffset = 16 * time.Hour

// firstShown gives the first instant at which the clock of a zone shows a reading, which is given as a time in UTC, or the
// first after the gap into which the reading falls: in either case the first at which it shows no less.
func firstShown(reading time.Time, zone *time.Location) time.Time {
	for s := spanAt(reading.Add(-maxOffset), zone); ; s = spanAt(s.end, zone) {
		at := reading.Add(-s.offset)
		switch {
		case at.Before(s.start):
			return s.start.In(zone)
		case s.contains(at):
			return at.In(zone)
		}
	}
}

// lastShown gives the last instant at which the clock of a zone shows a reading, or the first after the gap into which it
// falls.
func lastShown(reading time.Time, zone *time.Location) time.Time {
	last := firstShown(reading, zone)
	for s := spanAt(last, zone); !s.end.IsZero() && s.end.Before(reading.Add(maxOffset)); {
		s = spanAt(s.end, zone)
		if at := reading.Add(-s.offset); s.contains(at) {
			last = at.In(zone)
		}
	}
	return last
}
