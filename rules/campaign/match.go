package campaign

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/calendar"
)

// Match judges an event, env.Event, by the campaign's trigger, for one customer: the event of an event trigger, or the one
// that says that she joined or left a segment. Entry.Data is the event's properties, from which the key is computed.
// A rule that cannot be evaluated does not match, and Reason says why.
func (d *Definition) Match(env rules.Env) Entry {
	wanted := d.TriggerEvent()
	switch {
	case wanted == "":
		return Entry{Reason: "the campaign is not triggered by events"}
	case env.Event == nil:
		return Entry{Reason: "there is no event to judge"}
	case env.Event.Name != wanted:
		return Entry{Reason: fmt.Sprintf("the event is %s, not %s", env.Event.Name, wanted)}
	}
	env.Entry = env.Event.Properties
	switch t := d.Trigger.(type) {
	case EventTrigger:
		return d.enter(env, t.When, t.Event+" happened")
	case SegmentTrigger:
		if of := env.Event.Properties["segment"]; of != t.Segment {
			return Entry{Reason: fmt.Sprintf("the segment is %v, not %s", of, t.Segment)}
		}
		verb := "joined"
		if t.Left {
			verb = "left"
		}
		return d.enter(env, t.When, fmt.Sprintf("the customer %s segment %s", verb, t.Segment))
	case ScheduleTrigger, DateTrigger, AudienceTrigger, APITrigger:
	}
	return Entry{}
}

// MatchAudience judges a customer by the rule of an audience or schedule trigger, as Match does by that of an event.
func (d *Definition) MatchAudience(env rules.Env) Entry {
	env.Event, env.Entry = nil, nil
	switch t := d.Trigger.(type) {
	case AudienceTrigger:
		return d.enter(env, t.Rule, "the customer belongs to the audience")
	case ScheduleTrigger:
		return d.enter(env, t.Audience, "it is time by the schedule and the customer belongs to the audience")
	case EventTrigger, SegmentTrigger, DateTrigger, APITrigger:
	}
	return Entry{Reason: "the campaign is not triggered by an audience"}
}

// MatchRequest judges the request of a program, a person or another campaign to let a customer enter, whatever the trigger
// is; env.Entry is the data that came with it. Of an API trigger its rule must hold.
func (d *Definition) MatchRequest(env rules.Env) Entry {
	env.Event = nil
	var rule *rules.Rule
	if t, ok := d.Trigger.(APITrigger); ok {
		rule = t.When
	}
	return d.enter(env, rule, "it was asked for")
}

// enter judges the rule of a trigger and computes the key. Env.Entry is the data with which a journey would start.
func (d *Definition) enter(env rules.Env, rule *rules.Rule, reason string) Entry {
	entry := Entry{Matched: true, Reason: reason, Rule: source(rule), Data: env.Entry}
	if rule != nil {
		held, values, err := rule.Judge(env)
		entry.Matched, entry.Values = held, values
		switch {
		case err != nil:
			entry.Reason = "the rule could not be evaluated: " + errorText(err)
		case held:
			entry.Reason += " and the rule holds"
		default:
			entry.Reason = "the rule does not hold"
		}
	}
	if !entry.Matched || d.Key == nil {
		return entry
	}
	key, err := d.keyOf(env)
	if err != nil {
		entry.Matched, entry.Reason = false, fmt.Sprintf("the key %s could not be evaluated: %s", d.Key.Source(), errorText(err))
	} else if key == "" {
		entry.Matched, entry.Reason = false, fmt.Sprintf("the key %s has no value", d.Key.Source())
	} else if len(key) > maxKey {
		entry.Matched, entry.Reason = false,
			fmt.Sprintf("the key %s has a value of %d bytes, more than %d", d.Key.Source(), len(key), maxKey)
		key = ""
	}
	entry.Key = key
	return entry
}

// maxKey is in bytes. Keys are in an index, which takes no longer ones.
const maxKey = 1000

// errorText is the message of a rule's error without its place and source, which stand beside it.
func errorText(err error) string {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return first
}

// keyOf evaluates the campaign's key. It gives "" if the key has no value, or one that cannot be a key: a list, say.
func (d *Definition) keyOf(env rules.Env) (string, error) {
	value, err := d.Key.Value(env)
	if err != nil {
		return "", fmt.Errorf("evaluate key: %w", err)
	}
	switch v := value.(type) {
	case string:
		return v, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", nil
}

func keyed(key string) string {
	if key == "" {
		return ""
	}
	return fmt.Sprintf(" with key %q", key)
}

func date(t time.Time) string { return calendar.Moment(t, time.UTC) }

// Start makes the journey of a customer who enters now. It is active, due at once, and stands before the first step. Of
// a concurrent campaign its key is its id.
func Start(d *Definition, id, key string, entry map[string]any, now time.Time) Journey {
	now = instant(now)
	if d.Concurrent {
		key = id
	}
	return Journey{
		ID: id, Status: Active, Position: Position{Began: now}, DueAt: now, ListensTo: d.listens(""),
		EnteredAt: now, Entry: entry, Key: key,
	}
}

// instant is a time as journeys keep it: in UTC and whole microseconds, which is what Postgres keeps.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// concerns reports whether an event concerns a journey: always without a key, else if the key, judged on the event as
// the entry, has the journey's value, or cannot be read from this event.
func (d *Definition) concerns(key string, e audience.Event, env rules.Env) bool {
	if d.Key == nil || key == "" {
		return true
	}
	env.Event, env.Entry = nil, e.Properties
	of, err := d.keyOf(env)
	return err != nil || of == "" || of == key // what cannot be read cannot exclude the event
}
