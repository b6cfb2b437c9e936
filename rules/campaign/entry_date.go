package campaign

import (
	"fmt"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/calendar"
)

// MatchDate judges a customer by a date trigger, for the day that has begun in the trigger's zone at env.Now, with zone
// that of the workspace. Data is {date, value}.
func (d *Definition) MatchDate(env rules.Env, zone string) Entry {
	t, ok := d.Trigger.(DateTrigger)
	if !ok {
		return Entry{Reason: "the campaign is not triggered by a date"}
	}
	value := t.value(env.Customer)
	in := zoneOf(t.Zone, env.Customer.Timezone, zone)
	date, known := dateValue(value, in)
	if !known {
		return Entry{Reason: fmt.Sprintf("customer.%s is no date", t.Attribute)}
	}
	meant := calendar.DateOf(env.Now, in).AddDays(-t.Days)
	if t.Yearly {
		date = date.Anniversary(meant.Year)
	}
	if date != meant {
		return Entry{Reason: fmt.Sprintf("customer.%s is %s, not %s", t.Attribute, date, meant)}
	}
	env.Event, env.Entry = nil, map[string]any{"date": meant.String(), "value": value}
	return d.enter(env, t.When, fmt.Sprintf("it is time by customer.%s, %s", t.Attribute, meant))
}

// value is what the customer's record holds of the date, as JSON has it; nil without.
func (t DateTrigger) value(c audience.Customer) any {
	if t.Attribute == "created_at" {
		if c.CreatedAt.IsZero() {
			return nil
		}
		return c.CreatedAt.UTC().Format(time.RFC3339Nano)
	}
	return c.Attributes[t.Attribute]
}

// dateValue reads the day that the value of an attribute means: a date is itself, a time is its day in the zone.
func dateValue(value any, zone *time.Location) (calendar.Date, bool) {
	text, _ := value.(string)
	d, _, ok := readMoment(text, zone)
	return d.date, ok
}

// DateAt gives the next moment after now at which a customer with this value of the attribute and this zone enters by the
// date trigger, and false where there is none. The date is the day that is meant, without the offset.
func (t DateTrigger) DateAt(value any, customerZone, workspaceZone string, now time.Time) (time.Time, calendar.Date, bool) {
	zone := zoneOf(t.Zone, customerZone, workspaceZone)
	date, known := dateValue(value, zone)
	if !known {
		return time.Time{}, calendar.Date{}, false
	}
	dates := []calendar.Date{date}
	if t.Yearly {
		dates = nil
		around := calendar.DateOf(now, zone).AddDays(-t.Days).Year
		for year := around - 1; year <= around+1; year++ {
			dates = append(dates, date.Anniversary(year))
		}
	}
	for _, meant := range dates {
		if at := t.At.On(meant.AddDays(t.Days), zone); at.After(now) {
			return at, meant, true
		}
	}
	return time.Time{}, calendar.Date{}, false
}
