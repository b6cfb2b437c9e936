package manage

import (
	"context"
	"slices"
	"time"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

func (s *server) findCustomer(ctx context.Context, ws int64, ref string) (audience.Customer, error) {
	c, err := s.Store.FindCustomer(ctx, ws, ref)
	if err != nil {
		return c, missing(err, "give our id, the site's id, an e-mail or a phone", "customer %q", ref)
	}
	return c, nil
}

type explainInput struct {
	SegmentPath
	Customer string    `query:"customer" required:"true" maxLength:"500" doc:"Our id, the site's id, e-mail or phone."`
	At       time.Time `query:"at" doc:"A past moment; now when left out."`
}

func (s *server) explainMembership(ctx context.Context, ws int64, in *explainInput) (*body[Explained], error) {
	c, err := s.findCustomer(ctx, ws, in.Customer)
	if err != nil {
		return nil, err
	}
	e, err := s.segments.Explain(ctx, ws, in.Name, c.ID, in.At)
	if err != nil {
		return nil, noSegment(err, in.Name)
	}
	return answerWith(NewExplained(e)), nil
}

type historyInput struct {
	SegmentPath
	Customer string `query:"customer" maxLength:"500" doc:"Only of this customer: our id, the site's id, e-mail or phone."`
	Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at the most."`
}

type changeList struct {
	Changes []Change `json:"changes"`
}

func (s *server) history(ctx context.Context, ws int64, in *historyInput) (*body[changeList], error) {
	if _, err := s.segments.Get(ctx, ws, in.Name); err != nil {
		return nil, noSegment(err, in.Name)
	}
	customer := ""
	if in.Customer != "" {
		c, err := s.findCustomer(ctx, ws, in.Customer)
		if err != nil {
			return nil, err
		}
		customer = c.ID
	}
	list, err := s.Store.SegmentHistory(ctx, ws, in.Name, customer, in.Limit)
	if err != nil {
		return nil, noSegment(err, in.Name)
	}
	return answerWith(changeList{Changes: NewChanges(list)}), nil
}

type customerInput struct {
	ID string `path:"id" maxLength:"500" doc:"Our id, the site's id, e-mail or phone."`
	Paging
}

type membership struct {
	Segment  string    `json:"segment"`
	JoinedAt time.Time `json:"joined_at,omitzero"`
	Cause    string    `json:"cause,omitempty"`
	EventID  string    `json:"event_id,omitempty"`
	Event    string    `json:"event,omitempty"`
}

type membershipList struct {
	CustomerID string       `json:"customer_id"`
	Segments   []membership `json:"segments"`
	Next       string       `json:"next,omitempty" doc:"Ask for the next page with after set to this."`
}

func (s *server) customerSegments(ctx context.Context, ws int64, in *customerInput) (*body[membershipList], error) {
	c, err := s.findCustomer(ctx, ws, in.ID)
	if err != nil {
		return nil, err
	}
	held, err := s.memberships(ctx, ws, c.ID)
	if err != nil {
		return nil, err
	}
	part, next, err := page(held, func(g store.Segment) []string { return []string{g.Name} }, in.Paging)
	if err != nil {
		return nil, err
	}
	list := membershipList{CustomerID: c.ID, Segments: make([]membership, 0, len(part)), Next: next}
	since, err := s.since(ctx, ws, c.ID, part)
	if err != nil {
		return nil, err
	}
	for _, g := range part {
		m := membership{Segment: g.Name}
		if h := since[g.Name]; h.Joined {
			m = membership{Segment: g.Name, JoinedAt: h.At.UTC(), Cause: h.Cause, EventID: h.EventID, Event: h.EventName}
		}
		list.Segments = append(list.Segments, m)
	}
	return answerWith(list), nil
}

// since finds the latest change of a customer in each of the segments, by name. Nearly always they are among the
// customer's newest.
func (s *server) since(ctx context.Context, ws int64, customer string, held []store.Segment) (map[string]store.SegmentChange, error) {
	const newest = 1000
	changes, err := s.Store.SegmentHistory(ctx, ws, "", customer, newest)
	if err != nil {
		return nil, err
	}
	latest := map[string]store.SegmentChange{}
	for _, h := range slices.Backward(changes) {
		latest[h.Segment] = h
	}
	for _, g := range held {
		if _, known := latest[g.Name]; known {
			continue
		}
		changes, err := s.Store.SegmentHistory(ctx, ws, g.Name, customer, 1)
		if err != nil {
			return nil, err
		}
		for _, h := range changes {
			latest[g.Name] = h
		}
	}
	return latest, nil
}

// memberships lists the segments that a customer is in.
func (s *server) memberships(ctx context.Context, ws int64, customer string) ([]store.Segment, error) {
	all, err := s.segments.List(ctx, ws)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(all))
	for _, g := range all {
		ids = append(ids, g.ID)
	}
	var member map[string]bool
	err = s.Store.In(ctx, ws, func(tx *store.Tx) error {
		found, err := tx.Memberships(ctx, []string{customer}, ids)
		member = found[customer]
		return err
	})
	if err != nil {
		return nil, err
	}
	var held []store.Segment
	for _, g := range all {
		if member[g.ID] {
			held = append(held, g)
		}
	}
	return held, nil
}
