package segments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"dotyk/activities/store"
	"dotyk/rules"
)

// Builder computes whole segments: those that are new, and those whose rule was edited.
//
// A build is several transactions, each of which first claims the segment and so makes sure that nobody edited it
// meanwhile. It stays "building" until the last of them, so a build that a crash cut short starts again. Meanwhile the
// members are those of before, and pickers note whom they would have judged, to be judged once the segment is live.
type Builder struct {
	Store  *store.Store
	Cache  *Cache
	Logger *slog.Logger
	Now    func() time.Time
	// Timeout bounds the computing of members by one statement.
	Timeout time.Duration
}

// BuildTimeout is how long one statement of a build may take.
const BuildTimeout = 15 * time.Minute

// lockedPage is for how many customers moments are computed in one transaction, during which their picker waits.
const lockedPage = 1000

// errSuperseded says that somebody else builds the segment, or that it was edited and must be built anew.
var errSuperseded = errors.New("segment is not to be built any more")

// TimedOut reports whether an error says that a statement, or a context, ran out of time.
func TimedOut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, store.ErrTooSlow)
}

// ordered puts those that others mention before the others.
func (b *Builder) ordered(ctx context.Context, refs []store.SegmentRef) ([]store.SegmentRef, error) {
	if len(refs) < 2 {
		return refs, nil
	}
	wanted := map[store.SegmentRef]bool{}
	var workspaces []int64
	for _, ref := range refs {
		if wanted[ref] = true; !slices.Contains(workspaces, ref.Workspace) {
			workspaces = append(workspaces, ref.Workspace)
		}
	}
	ordered := make([]store.SegmentRef, 0, len(refs))
	for _, ws := range workspaces {
		var list []store.LiveSegment
		err := b.Store.In(ctx, ws, func(tx *store.Tx) error {
			var err error
			list, err = tx.LiveSegments(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, seg := range InOrder(list) {
			if ref := (store.SegmentRef{Workspace: ws, ID: seg.ID}); wanted[ref] {
				ordered = append(ordered, ref)
			}
		}
	}
	return ordered, nil
}

// Build computes a segment's members, and the moments at which time will change them. A rule that cannot be evaluated
// makes the segment "failed", with its old members; that is no error. Nor is it that there is nothing to build.
func (b *Builder) Build(ctx context.Context, ref store.SegmentRef) error {
	run := build{Builder: b, ref: ref, began: b.Now()}
	err := b.Store.In(ctx, ref.Workspace, func(tx *store.Tx) error {
		var err error
		run.seg, err = claim(ctx, tx, ref.ID, 0)
		return err
	})
	if err == nil {
		err = run.run(ctx)
	}
	switch {
	case errors.Is(err, errSuperseded), errors.Is(err, store.ErrNotFound):
		return nil
	case err == nil:
		b.Logger.InfoContext(ctx, "segment built", "workspace", ref.Workspace, "segment", run.seg.Name,
			"version", run.seg.Version, "joined", run.joined, "left", run.left, "took", b.Now().Sub(run.began))
		return nil
	case ctx.Err() != nil, store.Unavailable(err):
		return err
	}
	b.Logger.WarnContext(ctx, "segment cannot be built", "workspace", ref.Workspace, "segment", run.seg.Name, "error", err)
	return run.finish(ctx, b.problem(err))
}

// problem says what is wrong in words for those who wrote the rule.
func (b *Builder) problem(err error) string {
	var fault *rules.Error
	switch {
	case errors.As(err, &fault):
		return fault.Error()
	case TimedOut(err):
		return "computing the members took longer than " + b.Timeout.String()
	default:
		return "the members could not be computed; the log of the worker says why"
	}
}

// claim takes a segment for this transaction; version 0 is any.
func claim(ctx context.Context, tx *store.Tx, id string, version int) (store.LiveSegment, error) {
	seg, now, err := tx.ClaimBuild(ctx, id)
	if err != nil {
		return seg, err
	}
	if version != 0 && now != version {
		return seg, errSuperseded
	}
	seg.Version = now
	return seg, nil
}

// build is one build of a segment.
type build struct {
	*Builder
	ref          store.SegmentRef
	seg          store.LiveSegment
	began        time.Time
	joined, left int64
}

func (b *build) run(ctx context.Context) error {
	rule, err := b.Cache.Get(b.seg)
	if err != nil {
		return err
	}
	o, err := selectOptions(ctx, b.Store, b.ref.Workspace, b.began)
	if err != nil {
		return err
	}
	selection, _, err := Choose(ctx, b.Store, b.ref.Workspace, rule, o)
	if err != nil {
		return err
	}
	if !selection.Exact {
		if selection, err = b.judged(ctx, rule, selection); err != nil {
			return err
		}
	}
	if err := b.swap(ctx, selection); err != nil {
		return err
	}
	if rule.Needs().Clock {
		if err := b.moments(ctx, rule); err != nil {
			return err
		}
	}
	return b.finish(ctx, "")
}

// judged lets the rule decide on those that the database cannot, and gives the selection of exactly those for whom it
// holds. Somebody for whom it fails stays what they are; should it fail for everybody, so does the build.
func (b *build) judged(ctx context.Context, rule *rules.Rule, superset rules.Selection) (rules.Selection, error) {
	ids, err := selected(ctx, b.Store, b.ref.Workspace, superset, b.Timeout)
	if err != nil {
		return rules.Selection{}, err
	}
	held := []string{}
	var failed []string
	var failure error
	seen := 0
	err = judgeAll(ctx, b.Store, b.ref.Workspace, rule, ids, b.began, func(v verdict) error {
		switch {
		case v.err != nil:
			failed, failure = append(failed, v.customer), v.err
		case v.held:
			held = append(held, v.customer)
		}
		if seen++; seen%judgePage != 0 {
			return nil
		}
		return b.Store.BuildProgress(ctx, b.ref.Workspace, b.seg.ID, int64(seen), int64(len(ids)))
	})
	if err != nil {
		return rules.Selection{}, err
	}
	if len(failed) > 0 {
		if len(failed) == len(ids) {
			return rules.Selection{}, failure
		}
		b.Logger.WarnContext(ctx, "rule of a segment failed; membership stays as it was", "workspace", b.ref.Workspace,
			"segment", b.seg.Name, "times", len(failed), "error", failure)
		kept, err := b.members(ctx, failed)
		if err != nil {
			return rules.Selection{}, err
		}
		held = append(held, kept...)
	}
	return rules.Selection{SQL: `SELECT u.id FROM unnest($1::uuid[]) AS u (id)`, Args: []any{held}, Exact: true}, nil
}

// members gives those of some customers who are members now.
func (b *build) members(ctx context.Context, customers []string) ([]string, error) {
	var kept []string
	err := b.Store.In(ctx, b.ref.Workspace, func(tx *store.Tx) error {
		kept = nil
		now, err := tx.Memberships(ctx, customers, []string{b.seg.ID})
		for _, c := range customers {
			if now[c][b.seg.ID] {
				kept = append(kept, c)
			}
		}
		return err
	})
	return kept, err
}

// swap replaces the members by those of a selection.
func (b *build) swap(ctx context.Context, selection rules.Selection) error {
	cause := store.CauseEdit
	if b.seg.Version == 1 {
		cause = store.CauseBuild
	}
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	return b.Store.In(ctx, b.ref.Workspace, func(tx *store.Tx) error {
		seg, err := claim(ctx, tx, b.seg.ID, b.seg.Version)
		if err != nil {
			return err
		}
		b.joined, b.left, err = tx.SwapMembers(ctx, seg, selection.SQL, selection.Args, b.began, cause)
		return err
	})
}

// movable gives a rule that holds for all customers whom time alone can move in or out by another. If time can reach the
// other only through events, those are the customers who have such.
func movable(rule *rules.Rule) (*rules.Rule, error) {
	needs := rule.Needs()
	if needs.OwnTimes || len(needs.History) == 0 {
		return compile("true", nil)
	}
	var each []string
	for _, name := range slices.Sorted(maps.Keys(needs.History)) {
		events := "events(" + strconv.Quote(name) + ")"
		if window := needs.History[name]; window > 0 {
			events = "events(" + strconv.Quote(name) + ", " + strconv.Quote(rules.FormatDuration(window)) + ")"
		}
		each = append(each, "any("+events+", true)")
	}
	some, err := compile(strings.Join(each, " or "), nil)
	if err != nil {
		return compile("true", nil)
	}
	return some, nil
}

// moments computes when time alone may change the answer, for every customer whom it can move.
func (b *build) moments(ctx context.Context, rule *rules.Rule) error {
	some, err := movable(rule)
	if err != nil {
		return err
	}
	all := some.Select(rules.SelectOptions{Workspace: b.ref.Workspace, Now: b.began, Form: rules.Correlated})
	_, total, err := counted(ctx, b.Store, b.ref.Workspace, all, b.Timeout)
	if err != nil {
		return err
	}
	scanned := int64(0)
	for after := nobody; ; {
		ids, err := selected(ctx, b.Store, b.ref.Workspace, page(all, after, lockedPage), b.Timeout)
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
		err = b.Store.In(ctx, b.ref.Workspace, func(tx *store.Tx) error { return b.momentsOf(ctx, tx, rule, ids) })
		if err != nil {
			return err
		}
		scanned += int64(len(ids))
		if err := b.Store.BuildProgress(ctx, b.ref.Workspace, b.seg.ID, scanned, total); err != nil {
			return err
		}
	}
}

// momentsOf replaces whatever was noted about these customers. So no picker may be at work: it might note a customer
// after we looked and before we wrote. Who was swapped in or out by what is no longer true is due at once, and
// campaigns are told of it only where something else than an import of the past had made it due before.
func (b *build) momentsOf(ctx context.Context, tx *store.Tx, rule *rules.Rule, ids []string) error {
	for shard := range int16(store.Shards) {
		if err := tx.LockSegments(ctx, shard); err != nil {
			return err
		}
	}
	if _, err := claim(ctx, tx, b.seg.ID, b.seg.Version); err != nil {
		return err
	}
	now := b.Now()
	facts, err := tx.Facts(ctx, ids, rule.Needs(), now)
	if err != nil {
		return err
	}
	members, err := tx.Memberships(ctx, ids, []string{b.seg.ID})
	if err != nil {
		return err
	}
	checks := make([]store.Check, 0, len(ids))
	for _, id := range ids {
		f, known := facts[id]
		if !known {
			continue
		}
		held, until, err := rule.Watch(rules.Env{Facts: f, Now: now})
		late := false
		switch {
		case err != nil:
			until = now.Add(postponed)
		case held != members[id][b.seg.ID]:
			until, late = now, true
		default:
			until = later(until, now)
		}
		checks = append(checks, store.Check{SegmentID: b.seg.ID, CustomerID: id, DueAt: until, History: late})
	}
	return tx.WriteMemberships(ctx, nil, checks)
}

// finish makes the segment live, or failed if there is a problem.
func (b *build) finish(ctx context.Context, problem string) error {
	err := b.Store.In(ctx, b.ref.Workspace, func(tx *store.Tx) error {
		if _, err := claim(ctx, tx, b.seg.ID, b.seg.Version); err != nil {
			return err
		}
		return tx.FinishBuild(ctx, b.seg.ID, b.seg.Version, problem)
	})
	if problem != "" && (errors.Is(err, errSuperseded) || errors.Is(err, store.ErrNotFound)) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finish build: %w", err)
	}
	return nil
}
