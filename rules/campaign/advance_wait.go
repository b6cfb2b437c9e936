package campaign

import (
	"fmt"
	"time"

	"dotyk/rules"
	"dotyk/rules/calendar"
)

// wait comes to a wait step: the journey rests there, unless the moment it waits for is past, or there is none.
func (w *walker) wait(s *WaitStep, at int) (following int, on bool) {
	if s.Until == nil {
		return end, w.rest(s)
	}
	w.forget(s.ID)
	moment, known, err := w.moment(s.Until, at, w.at)
	switch {
	case !known:
		return w.unknownMoment(s, at, err)
	case moment.Before(w.at):
		return w.ifPast(s, at, moment, RecordDecision{Outcome: "past", Reason: "its moment was past: " + date(moment)})
	}
	return end, w.rest(s)
}

// awake ends a wait whose time has come, or whose moment a change has put into the past.
func (w *walker) awake(s *WaitStep, at int, due time.Time) (following int, on bool) {
	if s.Until == nil {
		return w.d.flow.next[at], true
	}
	if _, known, err := w.moment(s.Until, at, w.j.Position.Began); !known {
		return w.unknownMoment(s, at, err)
	}
	if due.Before(w.woken) {
		w.resolve(s.ID, Result{At: due}, RecordDecision{
			Kind: DecisionWait, Outcome: "moved", Reason: "its moment was moved into the past: " + date(due),
		})
	} else {
		w.keep(s.ID, Result{Happened: true, At: due})
	}
	return w.d.flow.next[at], true
}

func (w *walker) unknownMoment(s *WaitStep, at int, err error) (following int, on bool) {
	if err != nil {
		w.fault(s.Until.Moment, s.ID, nil, nil, err)
	}
	return w.ifPast(s, at, time.Time{}, RecordDecision{
		Outcome: "missing", Rule: source(s.Until.Moment), Reason: "it is not known until when to wait",
		Values: s.Until.Moment.Values(w.env(nil, w.at)),
	})
}

// ifPast does what the step says for a moment that is past, or that does not exist.
func (w *walker) ifPast(s *WaitStep, at int, moment time.Time, decision RecordDecision) (following int, on bool) {
	decision.Kind = DecisionWait
	switch s.Until.IfPast {
	case PastSkip:
		decision.Reason += "; the next step was left out"
		w.resolve(s.ID, Result{At: moment}, decision)
		return w.d.flow.skip(at), true
	case PastExit:
		w.resolve(s.ID, Result{At: moment}, decision)
		w.leave(Exited, s.ID+": "+decision.Outcome, &RecordDecision{Step: s.ID, Kind: DecisionExit, Reason: decision.Reason})
		return end, false
	case PastGo:
	}
	w.resolve(s.ID, Result{At: moment}, decision)
	return w.d.flow.next[at], true
}

// moment computes what a wait that began at an instant waits for. It is not known where the rule gives no time. A clock that
// a repeat comes to again is waited for anew: else all rounds would be walked while it shows the same.
func (w *walker) moment(u *Until, at int, began time.Time) (moment time.Time, known bool, err error) {
	zone := w.zone(u.Zone)
	if u.Clock != nil {
		if w.iteration(at) > 1 {
			began = began.Add(time.Microsecond)
		}
		return instant(calendar.NextClock(began, *u.Clock, u.Days, zone)), true, nil
	}
	value, err := u.Moment.Value(w.env(nil, began))
	if err != nil {
		return time.Time{}, false, fmt.Errorf("evaluate moment: %w", err)
	}
	text, _ := value.(string)
	base, exact, ok := readMoment(text, zone)
	switch {
	case !ok:
		return time.Time{}, false, nil
	case u.Yearly:
		return u.firstYearly(base, began), true, nil
	}
	return instant(u.shift(base, exact)), true, nil
}

// zone finds the time zone that a step or trigger names.
func (w *walker) zone(name string) *time.Location {
	return zoneOf(name, w.f.Customer.Timezone, w.f.Zone)
}

// zoneOf finds a time zone by its name, or that of the customer or the workspace.
func zoneOf(name, customer, workspace string) *time.Location {
	switch name {
	case "", ZoneCustomer:
		return calendar.Zone(customer, workspace)
	case ZoneWorkspace:
		return calendar.Zone(workspace)
	}
	return calendar.Zone(name, workspace)
}

// firstYearly gives the first moment at or after began on which the day of a date comes round.
func (u *Until) firstYearly(base day, began time.Time) time.Time {
	const year = 365 * 24 * time.Hour
	for of := calendar.DateOf(began, base.zone).Year - int(u.Offset/year) - 2; ; of++ {
		round := base
		round.date = base.date.Anniversary(of)
		if moment := instant(u.shift(round, round.moment())); !moment.Before(began) {
			return moment
		}
	}
}

// shift moves a moment by the offset, whole days on the calendar, and then to the time of day. The moment is given as a
// day and, because a clock may show a time twice, exactly.
func (u *Until) shift(d day, exact time.Time) time.Time {
	const whole = 24 * time.Hour
	if days := int(u.Offset / whole); days != 0 {
		d.date = d.date.AddDays(days)
		exact = d.moment()
	}
	exact = exact.Add(u.Offset % whole)
	if u.At != nil {
		return u.At.On(calendar.DateOf(exact, d.zone), d.zone)
	}
	return exact
}

// day is a moment as the calendar and the clock of a zone show it.
type day struct {
	date  calendar.Date
	clock calendar.Clock
	rest  time.Duration // within the minute
	zone  *time.Location
}

// readMoment reads a moment, or a date, which is midnight in the zone.
func readMoment(text string, zone *time.Location) (day, time.Time, bool) {
	if len(text) == len(time.DateOnly) {
		date, err := calendar.ParseDate(text)
		d := day{date: date, zone: zone}
		return d, d.moment(), err == nil
	}
	t, ok := rules.ParseTime(text)
	local := t.In(zone)
	return day{
		date: calendar.DateOf(t, zone), clock: calendar.Clock(local.Hour()*60 + local.Minute()), zone: zone,
		rest: time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond()),
	}, t, ok
}

func (d day) moment() time.Time { return d.clock.On(d.date, d.zone).Add(d.rest) }
