package campaign

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// Match judges an event, env.Event, by the campaign's trigger, for one customer. env.Entry is set to the event's
// properties for the key. A rule that cannot be evaluated does not match, and Reason says why.
func (d *Definition) Match(env rules.Env) Entry {
	t, ok := d.Trigger.(EventTrigger)
	switch {
	case !ok:
		return Entry{Reason: "the campaign is not triggered by events"}
	case env.Event == nil:
		return Entry{Reason: "there is no event to judge"}
	case env.Event.Name != t.Event:
		return Entry{Reason: fmt.Sprintf("the event is %s, not %s", env.Event.Name, t.Event)}
	}
	env.Entry = env.Event.Properties
	return d.enter(env, t.When, t.Event+" happened")
}

// MatchAudience judges a customer by the rule of an audience trigger, as Match does by that of an event.
func (d *Definition) MatchAudience(env rules.Env) Entry {
	t, ok := d.Trigger.(AudienceTrigger)
	if !ok {
		return Entry{Reason: "the campaign is not triggered by an audience"}
	}
	env.Event, env.Entry = nil, nil
	return d.enter(env, t.Rule, "the customer belongs to the audience")
}

func (d *Definition) enter(env rules.Env, rule *rules.Rule, reason string) Entry {
	entry := Entry{Matched: true, Reason: reason, Rule: source(rule)}
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
	}
	entry.Key = key
	return entry
}

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

// MayEnter decides, from the customer's journeys through the campaign so far, whether another with this key may start at
// env.Now, and says why or why not. There are never two active journeys with one key.
func (d *Definition) MayEnter(past []Past, key string, env rules.Env) (bool, string) {
	now := env.Now
	var last *Past
	for i := range past {
		p := &past[i]
		if p.Key != key {
			continue
		}
		if p.Status == Active {
			return false, fmt.Sprintf("a journey%s is under way since %s", keyed(key), date(p.EnteredAt))
		}
		if last == nil || p.EnteredAt.After(last.EnteredAt) {
			last = p
		}
	}
	if last == nil {
		return true, "it is the first journey" + keyed(key)
	}
	switch d.Reenter.Mode {
	case ReenterAlways:
		return true, "the campaign may be entered again"
	case ReenterAfter:
		again, period := last.EnteredAt.Add(d.Reenter.After), rules.FormatDuration(d.Reenter.After)
		if now.Before(again) {
			return false, fmt.Sprintf("entered on %s; may enter again after %s, on %s", date(last.EnteredAt), period, date(again))
		}
		return true, fmt.Sprintf("entered on %s, and may enter again after %s", date(last.EnteredAt), period)
	case ReenterNever, ReenterWhen:
	}
	return false, fmt.Sprintf("entered on %s, and the campaign may be entered only once%s", date(last.EnteredAt), keyed(key))
}

func keyed(key string) string {
	if key == "" {
		return ""
	}
	return fmt.Sprintf(" with key %q", key)
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// Start makes the journey of a customer who enters now. It is active, due at once, and stands before the first step.
func Start(d *Definition, id, key string, entry map[string]any, now time.Time) Journey {
	now = instant(now)
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
