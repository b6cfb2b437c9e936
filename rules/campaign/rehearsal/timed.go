package rehearsal

import (
	"slices"
	"time"

	"dotyk/rules/calendar"
	"dotyk/rules/campaign"
)

// zoneOf is a schedule on the clock of one zone.
type zoneOf struct {
	live *live
	zone string
}

// follow sets up, for somebody who is new, what starts journeys as time passes.
func (w *World) follow(p *person) {
	for _, l := range w.campaigns {
		switch t := l.Trigger.(type) {
		case campaign.ScheduleTrigger:
			w.followSchedule(l, t, p)
		case campaign.DateTrigger:
			w.followDate(l, t, p)
		case campaign.AudienceTrigger:
			if !t.Once {
				w.at(w.now, rankFire, func() { w.judgeAudience(l, p, false) })
			}
		case campaign.EventTrigger, campaign.SegmentTrigger, campaign.APITrigger:
			// They do not depend on time.
		}
	}
}

// followField does so again where a field matters that has changed.
func (w *World) followField(p *person, field string) {
	for _, l := range w.campaigns {
		switch t := l.Trigger.(type) {
		case campaign.ScheduleTrigger:
			if field == "timezone" {
				w.followSchedule(l, t, p)
			}
		case campaign.DateTrigger:
			if field == t.Attribute || field == "timezone" {
				w.followDate(l, t, p)
			}
		case campaign.EventTrigger, campaign.SegmentTrigger, campaign.AudienceTrigger, campaign.APITrigger:
			// They follow mentions.
		}
	}
}

// triggerZone is the clock of a schedule for somebody.
func (w *World) triggerZone(p *person, zone string) *time.Location {
	switch zone {
	case campaign.ZoneCustomer:
		return w.zone(p)
	case campaign.ZoneWorkspace, "":
		return calendar.Zone(w.config.Zone)
	}
	return calendar.Zone(zone, w.config.Zone)
}

// followSchedule sets up the schedule on the clock of somebody's zone, unless it is.
func (w *World) followSchedule(l *live, t campaign.ScheduleTrigger, p *person) {
	zone := w.triggerZone(p, t.Zone)
	key := zoneOf{l, zone.String()}
	if w.zones[key] {
		return
	}
	w.zones[key] = true
	after := w.now
	if t.From.After(after) {
		after = instant(t.From)
	}
	w.fireNext(l, t, zone, after.Add(-time.Microsecond)) // the moment itself counts
}

func (w *World) fireNext(l *live, t campaign.ScheduleTrigger, zone *time.Location, after time.Time) {
	next, ok := t.Schedule.Next(after, zone)
	if !ok || !t.To.IsZero() && next.After(t.To) {
		return
	}
	w.at(next, rankFire, func() {
		for _, p := range w.people {
			if w.triggerZone(p, t.Zone).String() == zone.String() {
				w.judgeAudience(l, p, true)
			}
		}
		w.fireNext(l, t, zone, next)
	})
}

// followDate sets up the next moment of a date trigger for somebody, in place of the one that was set up before.
func (w *World) followDate(l *live, t campaign.DateTrigger, p *person) {
	w.dateAfter(l, t, p, w.now.Add(-time.Microsecond))
}

func (w *World) dateAfter(l *live, t campaign.DateTrigger, p *person, after time.Time) {
	delete(p.dates, l)
	value := p.Attributes[t.Attribute]
	if field := p.field(t.Attribute); field != nil {
		value = *field
	}
	at, _, ok := t.DateAt(value, p.Timezone, w.config.Zone, after)
	if !ok {
		return
	}
	put(&p.dates, l, at)
	w.at(at, rankFire, func() {
		if !p.dates[l].Equal(at) {
			return // the date or the zone has changed meanwhile
		}
		if entry := l.MatchDate(w.env(p, nil), w.config.Zone); entry.Matched {
			w.admit(admission{live: l, person: p, entry: entry, data: entry.Data})
		}
		w.dateAfter(l, t, p, at)
	})
}

// users reports whether work can be given to somebody.
func (w *World) knows(user string) bool {
	return w.config.Users == nil || slices.Contains(w.config.Users, user)
}
