package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"dotyk/activities/store"
)

// PickInput names the stream of events to pick.
type PickInput struct {
	Shard int16
}

// HandOvers is how many workflows one picker starts at one time.
const HandOvers = 16

const (
	pickTurn    = 10 * time.Minute // then Temporal is told, so that its history shows that picking goes on
	pickBatch   = 500              // events in one transaction
	pickIdle    = time.Second      // how often to look without being woken, and for customers whose moment has come
	sweepEvery  = 2 * time.Second  // how often to look for what nobody is told of
	teachEvery  = 2 * time.Second  // how often to write what events teach about the data
	forgetAfter = 30 * time.Second // a cohort whose workflow did nothing for so long is handed over again
	forgetEvery = 10 * time.Second // how often to look for such
	retainEvery = 6 * time.Hour    // how often to drop what has been kept long enough
)

// Pick judges the events of a shard as they come in: which segments a customer joins or leaves, which campaigns they
// enter, which waiting journeys are concerned. It also judges those whom the passing of time may have moved. It runs
// until its turn is over or the worker stops, and returns an error only when the store or Temporal is away; then it is
// tried again, and nothing is lost.
func (a *Activities) Pick(ctx context.Context, in PickInput) error {
	turn := time.NewTimer(pickTurn)
	defer turn.Stop()
	beat := time.NewTicker(pickIdle)
	defer beat.Stop()
	stopping := activity.GetWorkerStopChannel(ctx)
	s := &shift{sweeper: sweeper{Activities: a, before: time.Now()}, shard: in.Shard} // whatever an earlier turn left behind is overdue
	for {
		activity.RecordHeartbeat(ctx)
		busy, err := s.look(ctx)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-stopping:
			return a.teach(ctx)
		case <-turn.C:
			return nil
		default:
		}
		if busy {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-stopping:
			return a.teach(ctx)
		case <-turn.C:
			return nil
		case <-a.Waker.shards[in.Shard]:
			s.sweepAt = time.Now() // an audience is announced in the same way
		case <-beat.C:
		}
	}
}

// shift is one turn of a picker: what it looks after besides events, and when next.
type shift struct {
	sweeper
	shard                     int16
	sweepAt, watchAt, teachAt time.Time
}

// look does what there is to do now, and says whether there is more to do at once.
func (s *shift) look(ctx context.Context) (bool, error) {
	picked, err := s.pickShard(ctx, s.shard)
	if err != nil {
		return false, err
	}
	busy := picked > 0
	if s.shard == 0 {
		if err := s.brakes(ctx, time.Now()); err != nil {
			return false, err
		}
	}
	if s.shard == 0 && !time.Now().Before(s.sweepAt) {
		more, err := s.sweep(ctx)
		if err != nil {
			return false, err
		}
		if !more {
			s.sweepAt = time.Now().Add(sweepEvery)
		}
		busy = busy || more
	}
	if now := time.Now(); !now.Before(s.teachAt) {
		if err := s.teach(ctx); err != nil {
			return false, err
		}
		s.teachAt = now.Add(teachEvery)
	}
	if now := time.Now(); !now.Before(s.watchAt) {
		more, err := s.watchShard(ctx, s.shard, now)
		if err != nil {
			return false, err
		}
		if !more {
			s.watchAt = now.Add(pickIdle)
		}
		busy = busy || more
	}
	return busy, nil
}

// pickShard picks one batch for every workspace that has events waiting, and says how many events that were.
func (a *Activities) pickShard(ctx context.Context, shard int16) (int, error) {
	workspaces, err := a.Store.WorkspacesWithEvents(ctx, shard)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, ws := range workspaces {
		n, err := a.pickWorkspace(ctx, ws, shard)
		if err != nil {
			return total, fmt.Errorf("pick events of workspace %d: %w", ws, err)
		}
		total += n
		activity.RecordHeartbeat(ctx)
	}
	return total, nil
}

// pickWorkspace picks a batch. Should a batch fail because of what is in it, its events are picked one by one, and one
// that fails alone is set aside: it must not hold up everybody behind it. Any other failure is tried again as it is.
func (a *Activities) pickWorkspace(ctx context.Context, ws int64, shard int16) (int, error) {
	for _, size := range []int{pickBatch, 1} {
		n, err := a.pickBatch(ctx, ws, shard, size)
		if _, ok := errors.AsType[*brokenBatchError](err); !ok {
			return n, err
		}
		a.Logger.Error("events cannot be picked", "workspace", ws, "shard", shard, "events", size, "error", err)
		if size == 1 {
			return 1, a.Store.SetAside(ctx, ws, shard, err.Error())
		}
	}
	return 0, nil
}

// brokenBatchError says that judging some events fails, however often it is tried.
type brokenBatchError struct{ err error }

func (e *brokenBatchError) Error() string { return "judge events: " + e.err.Error() }
func (e *brokenBatchError) Unwrap() error { return e.err }

func (a *Activities) pickBatch(ctx context.Context, ws int64, shard int16, size int) (int, error) {
	p, err := a.judgeBatch(ctx, ws, shard, size)
	if store.Refused(err) {
		return 0, &brokenBatchError{err}
	}
	if err != nil {
		return 0, err
	}
	var fresh []store.CohortRef
	for i := range p.out.Cohorts {
		fresh = append(fresh, p.out.Cohorts[i].Ref(ws))
	}
	return len(p.events), a.handOver(ctx, fresh, p.wake(ws))
}

// judgeBatch commits what the next events of a shard come to.
func (a *Activities) judgeBatch(ctx context.Context, ws int64, shard int16, size int) (p *picker, err error) {
	defer recovered(&err)
	err = a.Store.OnKnownPlans(ctx, ws, func(tx *store.Tx) error {
		if err := tx.LockSegments(ctx, shard); err != nil {
			return err
		}
		events, err := tx.ClaimEvents(ctx, shard, size)
		if err != nil {
			return err
		}
		p = &picker{
			gate: gate{now: moment(events)}, events: events, lateness: a.Lateness, out: store.Picked{Shard: shard},
		}
		if len(events) == 0 {
			return nil
		}
		if err := p.load(ctx, tx, a.versions, a.segments); err != nil {
			return err
		}
		if err := p.round.Judge(ctx, tx, p.facts, p.now); err != nil { // first, since triggers may ask for segments
			return err
		}
		p.pick()
		if err := tx.NoteSignals(ctx, p.signals()); err != nil {
			return err
		}
		return tx.WritePicked(ctx, p.out)
	})
	if err == nil {
		a.learner.learn(ws, p.events)
		if p.round != nil {
			p.round.Log(ctx, a.Logger, ws)
		}
	}
	return p, err
}

// recovered turns a panic while judging into an error that says that trying again is of no use.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = &brokenBatchError{fmt.Errorf("panic: %v", r)}
	}
}

// moment is the one at which a batch is judged: now, and not before any of its events, whose times are by the clock of
// the machine that took them.
func moment(events []store.PickedEvent) time.Time {
	now := time.Now()
	for i := range events {
		if at := events[i].OccurredAt; at.After(now) {
			now = at
		}
	}
	return now
}

// handOver starts the workflows of new cohorts and wakes those of old ones. What a crash leaves out here is found by
// sweep.
func (a *Activities) handOver(ctx context.Context, fresh, wake []store.CohortRef) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(HandOvers)
	for _, c := range fresh {
		g.Go(func() error { return a.Starter.Start(ctx, c) })
	}
	for _, c := range wake {
		g.Go(func() error { return a.Starter.Wake(ctx, c) })
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("hand over to workflows: %w", err)
	}
	return nil
}

// sweeper finds what nobody is told of: what a crash left behind, schedules, and audiences on their way in.
type sweeper struct {
	*Activities
	before   time.Time // cohorts that wait since before this moment are overdue
	looked   time.Time // when they were looked for last
	forgotAt time.Time // when those were looked for last that are to be looked at again
	zonesAt  time.Time // when schedules were given the zones of new customers last
	judgedAt time.Time // when brakes were judged last
	resentAt time.Time // when uncertain messages were looked for last
}

// sweep hands over what a crash left behind, carries out schedules, and lets the next page of each open audience enter. It
// says whether there is more to do at once.
func (a *sweeper) sweep(ctx context.Context) (bool, error) {
	if now := time.Now(); now.Sub(a.forgotAt) >= sweepEvery {
		if err := a.remind(ctx, now); err != nil {
			return false, err
		}
		a.forgotAt = now
	}
	if err := a.retain(ctx); err != nil {
		return false, err
	}
	if err := a.schedule(ctx); err != nil {
		return false, err
	}
	open, err := a.Store.OpenAudiences(ctx)
	if err != nil {
		return false, err
	}
	more := false
	for _, ref := range open {
		progress, err := a.enterPage(ctx, ref)
		switch {
		case ctx.Err() != nil, store.Unavailable(err):
			return false, fmt.Errorf("let audience enter: %w", err)
		case err != nil: // it must not hold up the others, and is tried again
			a.Logger.ErrorContext(ctx, "an audience cannot enter", "workspace", ref.Workspace, "audience", ref.ID, "error", err)
		}
		more = more || progress
		activity.RecordHeartbeat(ctx)
	}
	return more, nil
}

// remind hands over what a crash left behind.
func (a *sweeper) remind(ctx context.Context, now time.Time) error {
	const most = 2000
	if now.Sub(a.looked) >= forgetEvery {
		if !a.looked.IsZero() {
			a.before = now.Add(-forgetAfter)
		}
		a.looked = now
	} else {
		a.before = time.Time{} // only what is to be looked at again
	}
	forgotten, err := a.Store.Forgotten(ctx, a.before, most)
	if err != nil {
		return err
	}
	return a.handOver(ctx, nil, forgotten)
}

// retain drops the ids of messages that have been known for long enough, and ends consents whose time is up, some at a time.
func (a *Activities) retain(ctx context.Context) error {
	const some = 5000
	now := time.Now()
	last := a.retained.Load()
	if now.Sub(time.Unix(last, 0)) < retainEvery || !a.retained.CompareAndSwap(last, now.Unix()) {
		return nil
	}
	workspaces, err := a.Store.Workspaces(ctx)
	if err != nil {
		return err
	}
	for _, ws := range workspaces {
		for n := some; n == some; activity.RecordHeartbeat(ctx) {
			if n, err = a.Store.ForgetKeys(ctx, ws.ID, now.Add(-store.KeepKeys), some); err != nil {
				return err
			}
		}
		if err := a.Store.ForgetBrakeCounts(ctx, ws.ID); err != nil {
			return err
		}
		if _, err := a.Store.DropMails(ctx, ws.ID, now.Add(-store.KeepMails)); err != nil {
			return err
		}
		for n := some; n == some; activity.RecordHeartbeat(ctx) {
			if n, err = a.Store.ExpireConsents(ctx, ws.ID, now, some); err != nil {
				return err
			}
		}
	}
	return nil
}
