package manage

import (
	"context"
	"strings"

	"dotyk/activities/segments"
	"dotyk/rules/audience"
)

// findCustomer finds whom a request names. A phone's plus, sent unescaped in a query, arrives as a space.
func (s *server) findCustomer(ctx context.Context, ws int64, ref string) (audience.Customer, error) {
	if digits, ok := strings.CutPrefix(ref, " "); ok && digits != "" && strings.Trim(digits, "0123456789") == "" {
		ref = "+" + digits
	}
	c, err := s.Store.FindCustomer(ctx, ws, ref)
	if err != nil {
		return c, missing(err, "give our id, the site's id, an e-mail or a phone", "customer %q", ref)
	}
	return c, nil
}

type explainInput struct {
	SegmentPath
	Customer string `query:"customer" required:"true" maxLength:"500" doc:"Our id, the site's id, e-mail or phone."`
	At       string `query:"at" maxLength:"100" doc:"A past moment, as 2026-01-31 (midnight UTC) or 2026-01-31T09:00:00Z; now when left out."`
}

func (s *server) explainMembership(ctx context.Context, ws int64, in *explainInput) (*body[Explained], error) {
	at, err := moment("query.at", in.At)
	if err != nil {
		return nil, err
	}
	c, err := s.findCustomer(ctx, ws, in.Customer)
	if err != nil {
		return nil, err
	}
	e, err := s.segments.Explain(ctx, ws, in.Name, c.ID, at)
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
	list, err := s.segments.History(ctx, ws, in.Name, customer, in.Limit)
	if err != nil {
		return nil, noSegment(err, in.Name)
	}
	return answerWith(changeList{Changes: NewChanges(list)}), nil
}

type customerInput struct {
	ID string `path:"id" maxLength:"500" doc:"Our id, the site's id, e-mail or phone."`
	Paging
}

type membershipList struct {
	CustomerID string       `json:"customer_id"`
	Segments   []Membership `json:"segments"`
	Next       string       `json:"next,omitempty" doc:"Ask for the next page with after set to this."`
}

func (s *server) customerSegments(ctx context.Context, ws int64, in *customerInput) (*body[membershipList], error) {
	c, err := s.findCustomer(ctx, ws, in.ID)
	if err != nil {
		return nil, err
	}
	held, err := s.segments.Memberships(ctx, ws, c.ID)
	if err != nil {
		return nil, err
	}
	part, next, err := page(held, func(m segments.Membership) []string { return []string{m.Segment} }, in.Paging)
	if err != nil {
		return nil, err
	}
	list := membershipList{CustomerID: c.ID, Segments: make([]Membership, 0, len(part)), Next: next}
	for _, m := range part {
		list.Segments = append(list.Segments, NewMembership(m))
	}
	return answerWith(list), nil
}
