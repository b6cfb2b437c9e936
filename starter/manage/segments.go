package manage

import (
	"context"
	"net/url"

	"dotyk/activities/segments"
	"dotyk/activities/store"
)

// SegmentPath is a segment in a path.
type SegmentPath struct {
	Name string `path:"name" maxLength:"200" doc:"Name of the segment."`
}

func noSegment(err error, name string) error {
	return missing(err, "GET "+Base+"/segments lists those there are", "segment %q", name)
}

// body is an answer without headers of its own.
type body[T any] struct {
	Body T
}

func answerWith[T any](v T) *body[T] { return &body[T]{Body: v} }

type segmentList struct {
	Segments []Segment `json:"segments"`
	Next     string    `json:"next,omitempty" doc:"Ask for the next page with after set to this."`
}

func (s *server) listSegments(ctx context.Context, ws int64, in *Paging) (*body[segmentList], error) {
	all, err := s.segments.List(ctx, ws)
	if err != nil {
		return nil, err
	}
	part, next, err := page(all, func(g store.Segment) []string { return []string{g.Name} }, *in)
	if err != nil {
		return nil, err
	}
	list := segmentList{Segments: make([]Segment, 0, len(part)), Next: next}
	for _, g := range part {
		list.Segments = append(list.Segments, NewSegment(g))
	}
	return answerWith(list), nil
}

type createInput struct {
	Body struct {
		Name        string `json:"name" minLength:"1" maxLength:"200" doc:"As rules name it: segment(\"vip\")."`
		Description string `json:"description,omitempty" maxLength:"2000"`
		Kind        string `json:"kind,omitempty" enum:"rule,static" default:"rule" doc:"rule: whoever the rule holds for. static: a list to be imported."`
		Rule        string `json:"rule,omitempty" doc:"The rule of a segment of that kind, such as customer.plan == \"pro\"."`
	}
}

// saved is a segment as it was just stored, with what is doubtful about its rule.
type saved struct {
	Segment  Segment `json:"segment"`
	Warnings []Fault `json:"warnings"`
}

type created struct {
	Location string `header:"Location"`
	Body     saved
}

func (s *server) createSegment(ctx context.Context, ws int64, in *createInput) (*created, error) {
	b := in.Body
	g, warnings, err := s.segments.Create(ctx, ws, segments.Draft{
		Name: b.Name, Description: b.Description, Rule: b.Rule, Static: b.Kind == string(store.SegmentStatic), By: actor(ctx),
	})
	if err != nil {
		return nil, err
	}
	return &created{
		Location: Base + "/segments/" + url.PathEscape(g.Name),
		Body:     saved{Segment: NewSegment(g), Warnings: NewFaults(warnings)},
	}, nil
}

func (s *server) getSegment(ctx context.Context, ws int64, in *SegmentPath) (*body[Segment], error) {
	g, err := s.segments.Get(ctx, ws, in.Name)
	if err != nil {
		return nil, noSegment(err, in.Name)
	}
	return answerWith(NewSegment(g)), nil
}

type editInput struct {
	SegmentPath
	Body struct {
		Name        *string `json:"name,omitempty" minLength:"1" maxLength:"200" doc:"A new name; refused while a rule names the segment."`
		Description *string `json:"description,omitempty" maxLength:"2000"`
		Rule        *string `json:"rule,omitempty" minLength:"1" doc:"A new rule."`
	}
}

// editSegment changes what is given and keeps the rest.
func (s *server) editSegment(ctx context.Context, ws int64, in *editInput) (*body[saved], error) {
	g, err := s.segments.Get(ctx, ws, in.Name)
	if err != nil {
		return nil, noSegment(err, in.Name)
	}
	d := segments.Draft{Name: g.Name, Description: g.Description, Rule: g.Rule, Static: g.Kind == store.SegmentStatic, By: actor(ctx)}
	b := in.Body
	for _, field := range []struct{ to, from *string }{{&d.Name, b.Name}, {&d.Description, b.Description}, {&d.Rule, b.Rule}} {
		if field.from != nil {
			*field.to = *field.from
		}
	}
	g, warnings, err := s.segments.Edit(ctx, ws, in.Name, d)
	if err != nil {
		return nil, noSegment(err, in.Name)
	}
	return answerWith(saved{Segment: NewSegment(g), Warnings: NewFaults(warnings)}), nil
}

func (s *server) deleteSegment(ctx context.Context, ws int64, in *SegmentPath) (*struct{}, error) {
	if err := s.segments.Delete(ctx, ws, in.Name, actor(ctx)); err != nil {
		return nil, noSegment(err, in.Name)
	}
	return &struct{}{}, nil
}

func (s *server) rebuild(ctx context.Context, ws int64, in *SegmentPath) (*body[Segment], error) {
	if err := s.Store.RebuildSegment(ctx, ws, in.Name); err != nil {
		return nil, noSegment(err, in.Name)
	}
	return s.getSegment(ctx, ws, in)
}
