package segments

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

// Transition is one joining or leaving.
type Transition struct {
	store.SegmentChange
	EventSegment string // the segment that the event is about, where segments made it themselves
}

// Because says in words why somebody joined or left.
func (c Transition) Because() string {
	switch {
	case c.EventName == "":
		return c.Cause
	case c.EventSegment != "":
		return fmt.Sprintf("event %s of segment %s", c.EventName, c.EventSegment)
	}
	return "event " + c.EventName
}

// History lists who joined and left, newest first. Names and errors are those of store.SegmentHistory.
func (s *Service) History(ctx context.Context, ws int64, segment, customer string, limit int) ([]Transition, error) {
	list, err := s.Store.SegmentHistory(ctx, ws, segment, customer, limit)
	if err != nil {
		return nil, err
	}
	about, err := s.about(ctx, ws, list)
	if err != nil {
		return nil, err
	}
	changes := make([]Transition, 0, len(list))
	for _, c := range list {
		changes = append(changes, Transition{SegmentChange: c, EventSegment: about[c.EventID]})
	}
	return changes, nil
}

// about finds which segments the events are about that segments made themselves, by the id of the event.
func (s *Service) about(ctx context.Context, ws int64, list []store.SegmentChange) (map[string]string, error) {
	own := map[string]bool{}
	for _, c := range list {
		if c.EventName == audience.EventSegmentEntered || c.EventName == audience.EventSegmentLeft {
			own[c.EventID] = true
		}
	}
	found := map[string]string{}
	if len(own) == 0 {
		return found, nil
	}
	err := s.Store.Query(ctx, ws, `SELECT id::text, coalesce(properties->>'segment', '') FROM events
		WHERE workspace_id = $1 AND id = ANY ($2::uuid[])`, []any{ws, slices.Sorted(maps.Keys(own))}, previewTimeout,
		func(rows pgx.Rows) error {
			var id, segment string
			if err := rows.Scan(&id, &segment); err != nil {
				return err
			}
			found[id] = segment
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("find segments of events: %w", err)
	}
	return found, nil
}

// Membership is a segment that a customer is in.
type Membership struct {
	Segment string
	Since   Transition // the joining; the zero Transition when it is not known
}

// Memberships lists the segments that a customer, given by our id, is in, by name.
func (s *Service) Memberships(ctx context.Context, ws int64, customer string) ([]Membership, error) {
	held, err := s.held(ctx, ws, customer)
	if err != nil || len(held) == 0 {
		return nil, err
	}
	latest, err := s.latest(ctx, ws, customer, held)
	if err != nil {
		return nil, err
	}
	list := make([]Membership, 0, len(held))
	for _, name := range held {
		m := Membership{Segment: name}
		if c := latest[name]; c.Joined {
			m.Since = c
		}
		list = append(list, m)
	}
	return list, nil
}

// held lists the names of the segments that a customer is in, in order.
func (s *Service) held(ctx context.Context, ws int64, customer string) ([]string, error) {
	all, err := s.List(ctx, ws)
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
	var names []string
	for _, g := range all {
		if member[g.ID] {
			names = append(names, g.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// latest finds the last change of a customer in each of the segments, by name. Nearly always they are among the
// customer's newest.
func (s *Service) latest(ctx context.Context, ws int64, customer string, names []string) (map[string]Transition, error) {
	changes, err := s.History(ctx, ws, "", customer, historyShown)
	if err != nil {
		return nil, err
	}
	found := map[string]Transition{}
	for _, c := range slices.Backward(changes) {
		found[c.Segment] = c
	}
	for _, name := range names {
		if _, known := found[name]; known {
			continue
		}
		changes, err := s.History(ctx, ws, name, customer, 1)
		if err != nil {
			return nil, err
		}
		for _, c := range changes {
			found[name] = c
		}
	}
	return found, nil
}
