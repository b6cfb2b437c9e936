package activities

import (
	"encoding/json"
	"slices"
	"time"

	"dotyk/activities/store"
	"dotyk/rules"
)

// The kinds of entry of a workspace's catalogue.
const (
	seenAttribute = "attribute"
	seenEvent     = "event"
	seenProperty  = "property"
)

// recordFields are those of every record. They have their types by themselves.
var recordFields = []string{
	"id", "kind", "external_id", "email", "phone", "name", "locale", "timezone", "stage", "tags", "created_at", "unsubscribed",
}

// seen is what a batch teaches about the workspace's data: names, and of which type their values were.
func seen(events []store.PickedEvent) []store.Seen {
	type key struct {
		kind, event, name string
		of                rules.Type
	}
	type sight struct {
		count int64
		at    time.Time
	}
	found := map[key]sight{}
	note := func(k key, at time.Time) {
		s := found[k]
		if s.count++; at.After(s.at) {
			s.at = at
		}
		found[k] = s
	}
	for i := range events {
		e := &events[i]
		if e.ID == "" {
			continue
		}
		note(key{kind: seenEvent, name: e.Name}, e.OccurredAt)
		for name, value := range e.Properties {
			of, known := typeOf(value)
			if !known {
				continue
			}
			note(key{seenProperty, e.Name, name, of}, e.OccurredAt)
			if slices.Contains(e.Changed, rules.MentionProfile+name) && !slices.Contains(recordFields, name) {
				note(key{seenAttribute, "", name, of}, e.OccurredAt) // it went into the record
			}
		}
	}
	list := make([]store.Seen, 0, len(found))
	for k, s := range found {
		list = append(list, store.Seen{Kind: k.kind, Event: k.event, Name: k.name, Type: k.of, Count: s.count, At: s.at})
	}
	return list
}

// typeOf tells the type of a value out of a JSON decoder. Null has none.
func typeOf(value any) (rules.Type, bool) {
	switch v := value.(type) {
	case bool:
		return rules.TypeBoolean, true
	case json.Number, float64, int64:
		return rules.TypeNumber, true
	case string:
		if _, ok := rules.ParseTime(v); ok {
			return rules.TypeTime, true
		}
		return rules.TypeText, true
	case []any:
		return rules.TypeList, true
	case map[string]any:
		return rules.TypeObject, true
	}
	return "", false
}
