package segments

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/rules/audience"
)

// What a draft can be refused for, besides its rule (*rules.Error), a name that is taken (store.ErrExists), and a name
// that others rely on (*store.SegmentInUseError).
var (
	ErrName = errors.New("invalid name of a segment")
	ErrKind = errors.New("wrong kind of segment")
)

// Service is what people do with segments. It is safe for concurrent use.
type Service struct {
	Store *store.Store
	Now   func() time.Time
}

// New makes a service on a store, by the clock of this machine.
func New(st *store.Store) *Service { return &Service{Store: st, Now: time.Now} }

// Draft is a segment as somebody wants it.
type Draft struct {
	Name        string
	Description string
	Rule        string // of a segment that is not static
	Static      bool   // a list that is imported
	By          string // who wants it
}

// Check compiles a rule against what is known of the workspace's data. The error is a *rules.Error where the rule is at
// fault.
func (s *Service) Check(ctx context.Context, ws int64, rule string) (*rules.Rule, error) {
	schema, err := s.Store.Schema(ctx, ws)
	if err != nil {
		return nil, err
	}
	r, err := compile(rule, schema)
	if err != nil {
		return nil, err
	}
	for _, own := range []string{audience.EventSegmentEntered, audience.EventSegmentLeft} {
		if _, asks := r.Needs().History[own]; asks {
			return nil, mistake(rule, "segments make the events "+own+" themselves, so a segment that asks for them could move "+
				`its members in and out for ever; ask for segment("…") instead`)
		}
	}
	return r, nil
}

// mistake is an error about a rule as a whole.
func mistake(rule, message string) *rules.Error {
	return &rules.Error{Source: rule, Line: 1, Column: 1, Message: message}
}

// Create makes a segment. Its members are computed in the background. It gives the warnings about its rule, too.
func (s *Service) Create(ctx context.Context, ws int64, d Draft) (store.Segment, []*rules.Error, error) {
	draft, warnings, err := s.check(ctx, ws, d)
	if err != nil {
		return store.Segment{}, nil, err
	}
	made, err := s.Store.CreateSegment(ctx, ws, draft)
	return made, warnings, err
}

// Edit changes a segment; an empty name of the draft keeps the name. Until the new members are computed the old ones
// stay. A segment that others mention cannot be renamed (*store.SegmentInUseError), and its kind stays what it is
// (ErrKind).
func (s *Service) Edit(ctx context.Context, ws int64, name string, d Draft) (store.Segment, []*rules.Error, error) {
	now, err := s.Store.Segment(ctx, ws, name)
	if err != nil {
		return store.Segment{}, nil, err
	}
	if (now.Kind == store.SegmentStatic) != d.Static {
		return store.Segment{}, nil, fmt.Errorf("%w: %q stays a %s segment", ErrKind, name, now.Kind)
	}
	if d.Name == "" {
		d.Name = name
	}
	draft, warnings, err := s.check(ctx, ws, d)
	if err != nil {
		return store.Segment{}, nil, err
	}
	made, err := s.Store.EditSegment(ctx, ws, name, draft)
	return made, warnings, err
}

// check turns a draft into what the store keeps.
func (s *Service) check(ctx context.Context, ws int64, d Draft) (store.SegmentDraft, []*rules.Error, error) {
	draft := store.SegmentDraft{
		Name: strings.TrimSpace(d.Name), Description: strings.TrimSpace(d.Description), Kind: store.SegmentStatic, By: d.By,
	}
	if err := checkName(draft.Name); err != nil {
		return draft, nil, err
	}
	var warnings []*rules.Error
	if !d.Static {
		r, err := s.Check(ctx, ws, d.Rule)
		if err != nil {
			return draft, nil, err
		}
		needs := r.Needs()
		draft.Kind, draft.Rule, draft.Mentions, draft.Clock = store.SegmentRule, d.Rule, needs.Mentions(), needs.Clock
		warnings = r.Warnings()
	} else if d.Rule != "" {
		return draft, nil, fmt.Errorf("%w: a list has no rule", ErrKind)
	}
	return draft, warnings, s.acyclic(ctx, ws, draft)
}

// acyclic refuses a draft by which segments would depend on one another in a circle.
func (s *Service) acyclic(ctx context.Context, ws int64, draft store.SegmentDraft) error {
	if len(mentioned(draft.Mentions)) == 0 {
		return nil
	}
	list, err := s.Store.Segments(ctx, ws)
	if err != nil {
		return err
	}
	if way := cycle(list, draft.Name, draft.Mentions); way != nil {
		return mistake(draft.Rule, "segments would depend on one another in a circle: "+strings.Join(way, " → "))
	}
	return nil
}

// maxName bounds the name of a segment, in characters.
const maxName = 100

func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case utf8.RuneCountInString(name) > maxName:
		return fmt.Errorf("%w: it is longer than %d characters", ErrName, maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) || strings.ContainsAny(name, "\"/"):
		return fmt.Errorf("%w: %q has characters that a name cannot have", ErrName, name)
	default:
		return nil
	}
}

// Delete removes a segment; its members leave. *store.SegmentInUseError while another mentions it.
func (s *Service) Delete(ctx context.Context, ws int64, name, by string) error {
	return s.Store.DeleteSegment(ctx, ws, name, by)
}

// List gives all segments of a workspace.
func (s *Service) List(ctx context.Context, ws int64) ([]store.Segment, error) {
	return s.Store.Segments(ctx, ws)
}

// Get gives one segment; store.ErrNotFound when there is none of that name.
func (s *Service) Get(ctx context.Context, ws int64, name string) (store.Segment, error) {
	return s.Store.Segment(ctx, ws, name)
}

// Members lists up to limit members of a segment after the given one, and counts all of them; see store.Members.
func (s *Service) Members(ctx context.Context, ws int64, name string, asOf time.Time, after string, limit int) ([]store.Member, int64, error) {
	list, err := s.Store.Members(ctx, ws, name, asOf, after, limit)
	if err != nil {
		return nil, 0, err
	}
	if after == "" && len(list) < limit { // these are all, and a second look could find others
		return list, int64(len(list)), nil
	}
	count, err := s.Store.CountMembers(ctx, ws, name, asOf)
	return list, count, err
}
