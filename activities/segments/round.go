package segments

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"dotyk/activities/store"
	"dotyk/rules"
)

// Everything is what changed about a customer that is new, or took another over: every segment is concerned.
const Everything = rules.MentionProfile + "*"

// postponed is how long a customer is left alone whose rule could not be evaluated when time called for it.
const postponed = time.Hour

// Change is something that happened to a customer.
type Change struct {
	CustomerID string
	Event      string   // name of the event; "" when none brought it about
	EventID    string   // "" when none brought it about
	Mentions   []string // what else changed, in the words of rules.Needs.Mentions
}

// why a segment is judged for a customer.
type why struct {
	cause   string
	eventID string
	weight  int
}

// How much a reason explains: the heaviest is kept, and of several such the first.
const (
	silently = iota // an import of the past, of which campaigns are not told: anything else goes before it
	lightly         // something without an event
	newness         // an event that came with a new customer, or one that took another over: it concerns everything
	plainly         // an event that concerns this very segment
)

// Round judges some customers for the segments that concern them, once each. The transaction must hold the lock of the
// customers' shard, see store.Tx.LockSegments. Plan one by Happened or Due, load the facts that it needs, then Judge.
type Round struct {
	live     []judged // in order of dependency
	byID     map[string]int
	concerns []map[string]why // by segment, then customer
	due      bool             // planned by Due
	failed   map[string]failure

	Moves  []store.Move
	Checks []store.Check
}

// judged is a segment with its rule.
type judged struct {
	store.LiveSegment
	rule       *rules.Rule
	needs      rules.Needs
	dependents []int
}

// failure is how a rule failed in a round, and how often.
type failure struct {
	err   error
	times int
}

// Happened plans a round for the segments that changes concern. The changes are in order of arrival.
func Happened(ctx context.Context, tx *store.Tx, cache *Cache, changes []Change) (*Round, error) {
	r, err := newRound(ctx, tx, cache)
	if err != nil || len(r.live) == 0 {
		return r, err
	}
	by := map[string][]int{}
	for i := range r.live {
		for _, m := range r.live[i].Mentions {
			by[m] = append(by[m], i)
		}
	}
	for _, c := range changes {
		reason, everything := why{store.CauseChange, "", lightly}, why{store.CauseChange, "", lightly}
		switch {
		case c.EventID != "":
			reason, everything = why{store.CauseEvent, c.EventID, plainly}, why{store.CauseEvent, c.EventID, newness}
			for _, i := range by[rules.MentionEvent+c.Event] {
				r.concern(i, c.CustomerID, reason)
			}
		case slices.Contains(c.Mentions, store.ChangedHistory):
			reason = why{store.CauseHistory, "", silently}
			everything = reason
		}
		for _, m := range c.Mentions {
			if m == Everything {
				for i := range r.live {
					r.concern(i, c.CustomerID, everything)
				}
				continue
			}
			for _, i := range by[m] {
				r.concern(i, c.CustomerID, reason)
			}
		}
	}
	return r, nil
}

// Due plans a round for those whose moment has come. A check of a segment that is no more, or that failed, is dropped.
func Due(ctx context.Context, tx *store.Tx, cache *Cache, due []store.Check) (*Round, error) {
	r, err := newRound(ctx, tx, cache)
	if err != nil {
		return nil, err
	}
	r.due = true
	for _, c := range due {
		i, ok := r.byID[c.SegmentID]
		switch {
		case !ok:
			r.Checks = append(r.Checks, store.Check{SegmentID: c.SegmentID, CustomerID: c.CustomerID})
		case r.live[i].Status == store.SegmentLive: // what is due of a segment being built is judged once that is done
			reason := why{store.CauseTime, "", lightly}
			if c.History {
				reason = why{store.CauseHistory, "", silently}
			}
			r.concern(i, c.CustomerID, reason)
		}
	}
	return r, nil
}

func newRound(ctx context.Context, tx *store.Tx, cache *Cache) (*Round, error) {
	r := &Round{byID: map[string]int{}, failed: map[string]failure{}}
	list, err := tx.LiveSegments(ctx)
	if err != nil || len(list) == 0 {
		return r, err
	}
	byName := map[string]int{}
	for _, seg := range InOrder(list) {
		rule, err := cache.Get(seg)
		if err != nil { // saving refuses such rules; the segment stays as it is
			r.fail(seg.Name, err)
			continue
		}
		at := len(r.live)
		for _, name := range mentioned(seg.Mentions) {
			if on, ok := byName[name]; ok {
				r.live[on].dependents = append(r.live[on].dependents, at)
			}
		}
		r.byID[seg.ID], byName[seg.Name] = at, at
		r.live = append(r.live, judged{LiveSegment: seg, rule: rule, needs: rule.Needs()})
		r.concerns = append(r.concerns, map[string]why{})
	}
	return r, nil
}

// concern notes that a segment is to be judged for a customer.
func (r *Round) concern(i int, customer string, reason why) {
	if have, ok := r.concerns[i][customer]; !ok || have.weight < reason.weight {
		r.concerns[i][customer] = reason
	}
}

func (r *Round) fail(name string, err error) {
	f := r.failed[name]
	if f.err == nil {
		f.err = err
	}
	f.times++
	r.failed[name] = f
}

// Needs is what the rules need that this round may come to.
func (r *Round) Needs() rules.Needs {
	var needs rules.Needs
	for _, i := range r.reach() {
		needs = needs.Merge(r.live[i].needs)
	}
	return needs
}

// reach lists the segments that are concerned, or would be if those they mention changed, in order.
func (r *Round) reach() []int {
	reached := make([]bool, len(r.live))
	var list []int
	for i := range r.live {
		if reached[i] = reached[i] || len(r.concerns[i]) > 0; !reached[i] {
			continue
		}
		list = append(list, i)
		for _, d := range r.live[i].dependents {
			reached[d] = true
		}
	}
	return list
}

// Customers lists those whom the round is about.
func (r *Round) Customers() []string {
	set := map[string]bool{}
	for _, concerned := range r.concerns {
		for c := range concerned {
			set[c] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// Judge decides as of now, and writes who joined and who left. In facts, which must hold all Customers, it changes
// Segments to what they are afterwards. A rule that fails for a customer leaves the membership as it was.
func (r *Round) Judge(ctx context.Context, tx *store.Tx, facts map[string]rules.Facts, now time.Time) error {
	if customers := r.Customers(); len(customers) > 0 {
		var ids []string
		for _, i := range r.reach() {
			ids = append(ids, r.live[i].ID)
		}
		members, err := tx.Memberships(ctx, customers, ids)
		if err != nil {
			return err
		}
		for i := range r.live { // the order lets those that are moved concern those that stand behind
			for _, customer := range slices.Sorted(maps.Keys(r.concerns[i])) {
				r.judge(i, customer, facts, members[customer], now)
			}
		}
	}
	if len(r.Moves)+len(r.Checks) == 0 {
		return nil
	}
	return tx.WriteMemberships(ctx, r.Moves, r.Checks)
}

func (r *Round) judge(i int, customer string, facts map[string]rules.Facts, member map[string]bool, now time.Time) {
	s, reason := &r.live[i], r.concerns[i][customer]
	check := store.Check{SegmentID: s.ID, CustomerID: customer}
	f, known := facts[customer]
	switch {
	case !known: // taken over by another record since
		r.Checks = append(r.Checks, check)
		return
	case s.Status != store.SegmentLive: // only the builder knows who is a member; the customer is judged after it
		check.DueAt, check.History = now, reason.cause == store.CauseHistory
		r.Checks = append(r.Checks, check)
		return
	}
	held, until, err := s.rule.Watch(rules.Env{Facts: f, Now: now})
	if err != nil {
		r.fail(s.Name, err)
		if r.due {
			check.DueAt, check.History = now.Add(postponed), reason.cause == store.CauseHistory
			r.Checks = append(r.Checks, check)
		}
		return
	}
	check.Earliest = !r.due
	if check.DueAt = later(until, now); s.needs.Clock || r.due {
		r.Checks = append(r.Checks, check)
	}
	if held == member[s.ID] {
		return
	}
	r.Moves = append(r.Moves, store.Move{
		SegmentID: s.ID, Segment: s.Name, CustomerID: customer, Version: s.Version, Joined: held, Cause: reason.cause,
		EventID: reason.eventID, At: now,
	})
	f.Segments = maps.Clone(f.Segments)
	if f.Segments == nil {
		f.Segments = map[string]bool{}
	}
	f.Segments[s.Name] = held
	facts[customer] = f
	for _, d := range s.dependents {
		r.concern(d, customer, reason)
	}
}

// later makes sure that a moment lies ahead, so that nobody is judged over and over. No moment stays none.
func later(until, now time.Time) time.Time {
	if until.IsZero() || until.After(now) {
		return until
	}
	return now.Add(time.Second)
}

// Log tells of the rules that failed, once each.
func (r *Round) Log(ctx context.Context, logger *slog.Logger, workspace int64) {
	for _, name := range slices.Sorted(maps.Keys(r.failed)) {
		f := r.failed[name]
		logger.WarnContext(ctx, "rule of a segment failed; membership stays as it was",
			"workspace", workspace, "segment", name, "times", f.times, "error", f.err)
	}
}
