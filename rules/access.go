package rules

import (
	"strings"
	"sync"
	"time"

	"dotyk/rules/audience"
)

// customerField looks up customer.<name>.
func customerField(env *Env, name string) any {
	c := &env.Customer
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
		return env.Unsubscribed
	}
	return plain(c.Attributes[name])
}

// present gives a time, or missing for the zero time.
func present(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
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
		at, ok := asTime(result["at"])
		if !ok {
			return nil
		}
		return at
	}
	event, ok := result["event"].(map[string]any)
	if !ok {
		return nil
	}
	return plain(event[name])
}

func sentField(env *Env, step, name string) any {
	delivery, ok := env.Sent[step]
	switch {
	case name == "delivered":
		return delivery.Status == audience.Delivered
	case !ok:
		return nil
	case name == "status":
		return string(delivery.Status)
	}
	return present(delivery.At)
}

// events gives the customer's events of a name that occurred no later than now, and, with a window, no earlier than
// that long before now.
func (r *run) events(name string, window time.Duration) (any, error) {
	history := r.env.History[name]
	if err := r.spend(len(history)); err != nil {
		return nil, err
	}
	list := make([]any, 0, len(history))
	for i := range history {
		at := history[i].OccurredAt
		if at.After(r.env.Now) || (window > 0 && at.Before(r.env.Now.Add(-window))) {
			continue
		}
		list = append(list, item{&history[i]})
	}
	return list, nil
}

// get looks up a field of an object, an event or a time, or an item of a list by its number, counted from 0.
func get(of, property any) any {
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
	case time.Time:
		if named {
			return timeValue(of, name)
		}
	case []any:
		if n, ok := asNumber(property); ok && n.whole && n.i >= 0 && n.i < int64(len(of)) {
			return plain(of[n.i])
		}
	}
	return nil
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

// zones remembers the time zones that have been loaded, because loading one reads a file. Only zones that exist are
// kept, so it stays as small as the time zone database.
var zones sync.Map

// zone gives a time zone by its IANA name. It knows neither "" nor "Local", whose meaning depends on the machine.
func zone(name string) (*time.Location, bool) {
	if z, ok := zones.Load(name); ok {
		location, ok := z.(*time.Location)
		return location, ok
	}
	if name == "" || name == "Local" {
		return nil, false
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, false
	}
	zones.Store(name, z)
	return z, true
}
