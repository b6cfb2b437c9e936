package manage

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"dotyk/activities/store"
	"dotyk/rules"
)

// Entry is what is known about an attribute, an event, or a property of an event.
type Entry struct {
	Kind        string               `json:"kind" enum:"attribute,event,property"`
	Event       string               `json:"event,omitempty" doc:"Of a property."`
	Name        string               `json:"name"`
	Type        rules.Type           `json:"type,omitempty" doc:"As declared, or else as learnt."`
	Declared    bool                 `json:"declared"`
	Description string               `json:"description,omitempty"`
	Counts      map[rules.Type]int64 `json:"counts,omitempty" doc:"How many values of each type were seen."`
	Count       int64                `json:"count" doc:"How often it was seen."`
	LastSeen    time.Time            `json:"last_seen,omitzero"`
}

// NewEntries shows the catalogue of the store.
func NewEntries(list []store.CatalogueEntry) []Entry {
	views := make([]Entry, 0, len(list))
	for _, e := range list {
		views = append(views, Entry{
			Kind: e.Kind, Event: e.Event, Name: e.Name, Type: e.Type, Declared: e.Declared, Description: e.Description,
			Counts: e.Counts, Count: e.Count, LastSeen: utc(e.LastSeen),
		})
	}
	return views
}

// Of an entry, what the first word of its key says.
const (
	attribute = "attribute"
	event     = "event"
	property  = "property"
)

type catalogueInput struct {
	Paging
	Kind string `query:"kind" enum:"attribute,event,property" doc:"Only these."`
}

type entryList struct {
	Entries []Entry `json:"entries"`
	Next    string  `json:"next,omitempty" doc:"Ask for the next page with after set to this."`
}

func (s *server) listCatalogue(ctx context.Context, ws int64, in *catalogueInput) (*body[entryList], error) {
	all, err := s.Store.Catalogue(ctx, ws)
	if err != nil {
		return nil, err
	}
	var kept []store.CatalogueEntry
	for _, e := range all {
		if in.Kind == "" || e.Kind == in.Kind {
			kept = append(kept, e)
		}
	}
	part, next, err := page(kept, func(e store.CatalogueEntry) []string { return []string{e.Kind, e.Event, e.Name} }, in.Paging)
	if err != nil {
		return nil, err
	}
	return answerWith(entryList{Entries: NewEntries(part), Next: next}), nil
}

type declareInput struct {
	Body struct {
		Entries []Declaration `json:"entries" minItems:"1" maxItems:"1000"`
	}
}

// Declaration says what an attribute, event or property is to be.
type Declaration struct {
	Kind        string     `json:"kind" enum:"attribute,event,property"`
	Event       string     `json:"event,omitempty" maxLength:"200" doc:"Of a property, and only of that."`
	Name        string     `json:"name" minLength:"1" maxLength:"200"`
	Type        rules.Type `json:"type,omitempty" enum:"text,number,boolean,time,list,object,mixed" doc:"Of an attribute or property, if it is to be declared; an event has none."`
	Description string     `json:"description,omitempty" maxLength:"2000"`
}

type declared struct {
	Declared int `json:"declared" doc:"How many."`
}

func (s *server) declare(ctx context.Context, ws int64, in *declareInput) (*body[declared], error) {
	entries := make([]store.CatalogueEntry, 0, len(in.Body.Entries))
	for i, d := range in.Body.Entries {
		if message := d.fault(); message != "" {
			p := problem(http.StatusUnprocessableEntity, "invalid", "entry %d: %s", i, message)
			p.Errors = []Fault{{Location: fmt.Sprintf("body.entries[%d]", i), Message: message}}
			return nil, p
		}
		entries = append(entries, store.CatalogueEntry{
			Kind: d.Kind, Event: d.Event, Name: d.Name, Type: d.Type, Description: d.Description, Declared: true,
		})
	}
	if err := s.Store.Declare(ctx, ws, entries); err != nil {
		return nil, err
	}
	return answerWith(declared{Declared: len(entries)}), nil
}

// fault says what the parts of a declaration do not fit together; "" when they do.
func (d Declaration) fault() string {
	switch {
	case d.Kind == property && d.Event == "":
		return "a property needs the event that it belongs to"
	case d.Kind != property && d.Event != "":
		return "only a property belongs to an event; leave event out"
	case d.Kind == event && d.Type != "":
		return "an event has no type; declare its properties"
	}
	return ""
}

type attributeInput struct {
	Name string `path:"name" maxLength:"200"`
}

// EventPath is an event in a path.
type EventPath struct {
	Event string `path:"event" maxLength:"200"`
}

type propertyInput struct {
	EventPath
	Name string `path:"name" maxLength:"200"`
}

func (s *server) undeclareAttribute(ctx context.Context, ws int64, in *attributeInput) (*struct{}, error) {
	return s.undeclare(ctx, ws, attribute, "", in.Name)
}

func (s *server) undeclareEvent(ctx context.Context, ws int64, in *EventPath) (*struct{}, error) {
	return s.undeclare(ctx, ws, event, "", in.Event)
}

func (s *server) undeclareProperty(ctx context.Context, ws int64, in *propertyInput) (*struct{}, error) {
	return s.undeclare(ctx, ws, property, in.Event, in.Name)
}

func (s *server) undeclare(ctx context.Context, ws int64, kind, event, name string) (*struct{}, error) {
	if err := s.Store.Undeclare(ctx, ws, kind, event, name); err != nil {
		return nil, missing(err, "GET "+Base+"/catalogue lists those there are", "declared %s %q", kind, name)
	}
	return &struct{}{}, nil
}
