package rules

import (
	"strings"
	"time"

	"dotyk/rules/audience"
	"dotyk/rules/calendar"
)

// customerField looks up customer.<name>.
func (r *run) customerField(name string) any {
	c := &r.env.Customer
	switch name {
	case "id":
		return c.ID
	case "kind":
		return string(c.Kind)
	case "external_id":
		return c.ExternalID
	case "email":
		return c.Email
	case "phone":
		return c.Phone
	case "name":
		return c.Name
	case "locale":
		return c.Locale
	case "timezone":
		return c.Timezone
	case "stage":
		return c.Stage
	case "tags":
		return textList(c.Tags)
	case "created_at":
		return present(c.CreatedAt)
	case "unsubscribed":
		return audience.Unsubscribed(r.consents(), r.now)
	}
	return plain(c.Attributes[name])
}

// present gives a moment, or missing for the zero time.
func present(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stored(t)
}

func eventValue(e *audience.Event, name string) any {
	switch {
	case e == nil:
		return nil
	case name == "name":
		return e.Name
	case name == "at":
		return present(e.OccurredAt)
	}
	return plain(e.Properties[name])
}

// resultField looks up <step>.<name>. A step that the journey has not passed has not happened.
func resultField(env *Env, step, name string) any {
	result := env.Results[step]
	switch name {
	case "happened":
		return result["happened"] == true
	case "at":
		switch at := result["at"].(type) {
		case time.Time:
			return present(at)
		case string: // as JSON keeps it
			if t, ok := ParseTime(at); ok {
				return present(t)
			}
		}
		return nil
	}
	event, ok := result["event"].(map[string]any)
	if !ok {
		return nil
	}
	return plain(event[name])
}

// events gives the customer's events of a name that occurred no later than now, and, with a window, no earlier than
// that long before now: both ends belong to the window.
func (r *run) events(name string, window time.Duration) (any, error) {
	history := r.env.History[name]
	if err := r.spend(len(history)); err != nil {
		return nil, err
	}
	list := make([]any, 0, len(history))
	for i := range history {
		at := instant(history[i].OccurredAt)
		if at.After(r.now) {
			r.changesAt(at)
			continue
		}
		if window > 0 {
			if at.Before(r.now.Add(-window)) {
				continue
			}
			r.changesAt(at.Add(window + time.Microsecond))
		}
		list = append(list, item{&history[i]})
	}
	return list, nil
}

// get looks up a field of an object, an event or a moment, or an item of a list by its number, counted from 0.
func (r *run) get(of, property any) any {
	name, named := property.(string)
	switch of := of.(type) {
	case map[string]any:
		if named {
			return plain(of[name])
		}
	case item:
		if named {
			return eventValue(of.event, name)
		}
	case moment:
		if named {
			return r.timeField(of, name)
		}
	case []any:
		if n, ok := asNumber(property); ok && n.whole && n.i >= 0 && n.i < int64(len(of)) {
			return plain(of[n.i])
		}
	}
	return nil
}

// timeField reads a moment off the clock and the calendar of its zone.
func (r *run) timeField(m moment, name string) any {
	switch {
	case m.moves > 0:
		r.changesIn((nextField(m.at, name).UnixMicro() - m.at.UnixMicro()) / int64(m.moves))
	case m.moves < 0: // a clock that runs backwards: nobody needs it, so looking often will do
		r.changesIn(time.Minute.Microseconds())
	}
	return timeValue(m.at, name)
}

func timeValue(t time.Time, name string) any {
	switch name {
	case "year":
		return int64(t.Year())
	case "month":
		return int64(t.Month())
	case "day":
		return int64(t.Day())
	case "weekday":
		return strings.ToLower(t.Weekday().String())
	case "hour":
		return int64(t.Hour())
	case "minute":
		return int64(t.Minute())
	case "date":
		return t.Format(time.DateOnly)
	}
	return nil
}

// nextField is the next moment at which a field of the clock or calendar changes. Clocks are set forward and back by
// less than the slack, and to whole quarters of an hour, in which it looks for the change.
func nextField(t time.Time, name string) time.Time {
	const quarter, slack = 15 * time.Minute, 3 * time.Hour
	if name == "minute" {
		return t.Truncate(time.Minute).Add(time.Minute)
	}
	guess := t.Add(time.Hour)
	switch name {
	case "date", "day", "weekday":
		guess = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, t.Location())
	case "month":
		guess = time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, t.Location())
	case "year":
		guess = time.Date(t.Year()+1, 1, 1, 0, 0, 0, 0, t.Location())
	}
	next, value := t, timeValue(t, name)
	if early := guess.Add(-slack); early.After(t) {
		next = early
	}
	for next = next.Truncate(quarter).Add(quarter); timeValue(next, name) == value && next.Before(guess.Add(slack)); {
		next = next.Add(quarter)
	}
	return next
}

// zone gives a time zone by its IANA name. It knows neither "" nor "Local", whose meaning depends on the machine.
func zone(name string) (*time.Location, bool) {
	if !calendar.KnownZone(name) {
		return nil, false
	}
	return calendar.Zone(name), true
}
