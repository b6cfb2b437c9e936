package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"dotyk/activities/segments"
	"dotyk/activities/store"
)

const (
	watchBatch   = 500       // customers judged in one transaction because their moment has come
	watchSetback = time.Hour // how long those are left alone whose judging failed
)

// changes is what a batch says to the segments.
func changes(events []store.PickedEvent) []segments.Change {
	list := make([]segments.Change, len(events))
	for i := range events {
		e := &events[i]
		list[i] = segments.Change{CustomerID: e.CustomerID, Event: e.Name, EventID: e.ID, Mentions: e.Changed}
	}
	return list
}

// watchShard judges the customers of a shard whose moment has come: time alone may have moved them. It takes one batch
// of every workspace, and says whether there is more to do at once.
func (a *Activities) watchShard(ctx context.Context, shard int16, now time.Time) (bool, error) {
	workspaces, err := a.Store.WorkspacesWithChecks(ctx, shard, now)
	if err != nil {
		return false, err
	}
	more := false
	for _, ws := range workspaces {
		n, err := a.watchWorkspace(ctx, ws, shard, now)
		if err != nil {
			return more, fmt.Errorf("watch segments of workspace %d: %w", ws, err)
		}
		more = more || n == watchBatch
		activity.RecordHeartbeat(ctx)
	}
	return more, nil
}

// watchWorkspace judges one batch, and says how many checks it dealt with. Should judging fail whenever it is tried, the
// batch is set back: it must not hold up the events of the shard.
func (a *Activities) watchWorkspace(ctx context.Context, ws int64, shard int16, now time.Time) (int, error) {
	n, err := a.watchBatch(ctx, ws, shard, now)
	if store.Refused(err) {
		err = &brokenBatchError{err}
	}
	if _, ok := errors.AsType[*brokenBatchError](err); !ok {
		return n, err
	}
	a.Logger.ErrorContext(ctx, "customers cannot be judged as time passes; tried again later",
		"workspace", ws, "shard", shard, "later", watchSetback, "error", err)
	err = a.Store.In(ctx, ws, func(tx *store.Tx) error {
		due, err := a.due(ctx, tx, shard, now)
		if err != nil {
			return err
		}
		for i := range due {
			due[i].DueAt = now.Add(watchSetback)
		}
		n = len(due)
		return tx.WriteMemberships(ctx, nil, due)
	})
	return n, err
}

func (a *Activities) watchBatch(ctx context.Context, ws int64, shard int16, now time.Time) (n int, err error) {
	defer recovered(&err)
	var round *segments.Round
	err = a.Store.In(ctx, ws, func(tx *store.Tx) error {
		due, err := a.due(ctx, tx, shard, now)
		if n = len(due); err != nil || n == 0 {
			return err
		}
		if late := time.Now(); late.After(now) {
			now = late // what became known while we waited for the lock counts
		}
		if round, err = segments.Due(ctx, tx, a.segments, due); err != nil {
			return err
		}
		facts, err := tx.Facts(ctx, round.Customers(), round.Needs(), now)
		if err != nil {
			return err
		}
		return round.Judge(ctx, tx, facts, now)
	})
	if err == nil && round != nil {
		round.Log(ctx, a.Logger, ws)
	}
	return n, err
}

// due claims the checks of a shard whose moment has come.
func (a *Activities) due(ctx context.Context, tx *store.Tx, shard int16, now time.Time) ([]store.Check, error) {
	if err := tx.LockSegments(ctx, shard); err != nil {
		return nil, err
	}
	return tx.DueChecks(ctx, shard, now, watchBatch)
}
