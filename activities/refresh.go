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
	refreshIdle   = time.Second     // how often to look for segments to build
	refreshBeat   = 2 * time.Second // how often Temporal is told that a build goes on
	refreshBuilds = 2               // how many segments are built at a time
)

// Refresh computes the members of segments that are new or were edited. It runs until its turn is over or the worker
// stops. A build that is cut short starts again in the next turn.
func (a *Activities) Refresh(ctx context.Context) error {
	turn := time.NewTimer(pickTurn)
	defer turn.Stop()
	idle := time.NewTicker(refreshIdle)
	defer idle.Stop()
	stopping := activity.GetWorkerStopChannel(ctx)
	building, stop := context.WithCancel(ctx)
	defer stop()
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		beatUntil(building, stopping, stop)
	}()
	defer func() { stop(); <-beating }()
	b := segments.Builder{
		Store: a.Store, Cache: a.segments, Logger: a.Logger, Now: time.Now, Timeout: segments.BuildTimeout,
	}
	for {
		err := buildWaiting(building, &b)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-stopping:
			return nil
		case <-turn.C:
			return err
		default:
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-stopping:
			return nil
		case <-turn.C:
			return nil
		case <-idle.C:
		}
	}
}

// beatUntil keeps Temporal informed while statements take their time, and stops the build together with the worker.
func beatUntil(ctx context.Context, stopping <-chan struct{}, stop func()) {
	beat := time.NewTicker(refreshBeat)
	defer beat.Stop()
	for {
		activity.RecordHeartbeat(ctx)
		select {
		case <-ctx.Done():
			return
		case <-stopping:
			stop()
			return
		case <-beat.C:
		}
	}
}

// built is how the build of a segment ended.
type built struct {
	ref store.SegmentRef
	err error
}

// buildWaiting builds every segment that waits for it, or comes to wait meanwhile, a few at a time and each of another
// workspace: so a slow one does not hold up everybody. After a turn, or an error, it begins no more, and returns when
// those under way have ended.
func buildWaiting(ctx context.Context, b *segments.Builder) error {
	turns := segments.NewTurns(b)
	ended := make(chan built)
	look := time.NewTicker(refreshIdle)
	defer look.Stop()
	var failed error
	begun := time.Now()
	for running := 0; ; {
		for failed == nil && running < refreshBuilds && time.Since(begun) < pickTurn {
			ref, found, err := turns.Next(ctx)
			if failed = err; err != nil || !found {
				break
			}
			running++
			go func() { ended <- built{ref, b.Build(ctx, ref)} }()
		}
		if running == 0 {
			return failed
		}
		select {
		case one := <-ended:
			running--
			turns.Done(one.ref)
			if one.err != nil {
				failed = errors.Join(failed, fmt.Errorf("build segment %s of workspace %d: %w", one.ref.ID, one.ref.Workspace, one.err))
			}
		case <-look.C:
			turns.Again()
		}
	}
}
