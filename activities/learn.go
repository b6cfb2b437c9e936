package activities

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"dotyk/activities/segments"
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

// learner collects what picked events teach about the data of workspaces: names, and of which type their values were. It
// is written from time to time, because a write for each event would cost more than picking it. What a crash loses are a
// few seconds of counts.
type learner struct {
	mu    sync.Mutex
	found map[sightKey]sight
}

type sightKey struct {
	workspace         int64
	kind, event, name string
	of                rules.Type
}

type sight struct {
	count int64
	at    time.Time
}

// learn notes what a batch teaches.
func (l *learner) learn(ws int64, events []store.PickedEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.found == nil {
		l.found = map[sightKey]sight{}
	}
	for i := range events {
		e := &events[i]
		if e.ID == "" {
			continue
		}
		l.note(sightKey{workspace: ws, kind: seenEvent, name: e.Name}, e.OccurredAt)
		for name, value := range e.Properties {
			of, known := typeOf(value)
			if !known {
				continue
			}
			l.note(sightKey{ws, seenProperty, e.Name, name, of}, e.OccurredAt)
			profile := slices.Contains(e.Changed, rules.MentionProfile+name) ||
				e.Type == string(store.CallIdentify) && slices.Contains(e.Changed, segments.Everything) // of a new customer
			if profile && !slices.Contains(recordFields, name) {
				l.note(sightKey{ws, seenAttribute, "", name, of}, e.OccurredAt) // it went into the record
			}
		}
	}
}

func (l *learner) note(k sightKey, at time.Time) {
	s := l.found[k]
	if s.count++; at.After(s.at) {
		s.at = at
	}
	l.found[k] = s
}

// take gives, by workspace, what was noted since it was called last.
func (l *learner) take() map[int64][]store.Seen {
	l.mu.Lock()
	defer l.mu.Unlock()
	by := map[int64][]store.Seen{}
	for k, s := range l.found {
		by[k.workspace] = append(by[k.workspace], store.Seen{Kind: k.kind, Event: k.event, Name: k.name, Type: k.of, Count: s.count, At: s.at})
	}
	l.found = nil
	return by
}

// teach writes to the catalogues what was learnt.
func (a *Activities) teach(ctx context.Context) error {
	for ws, seen := range a.learner.take() {
		if err := a.Store.In(ctx, ws, func(tx *store.Tx) error { return tx.Learn(ctx, seen) }); err != nil {
			return err
		}
	}
	return nil
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
