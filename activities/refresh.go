package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"dotyk/activities/segments"
)

const (
	refreshIdle = time.Second     // how often to look for segments to build
	refreshBeat = 2 * time.Second // how often Temporal is told that a build goes on
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

// buildWaiting builds every segment that waits for it.
func buildWaiting(ctx context.Context, b *segments.Builder) error {
	waiting, err := b.Waiting(ctx)
	if err != nil {
		return err
	}
	for _, ref := range waiting {
		if err := b.Build(ctx, ref); err != nil {
			return fmt.Errorf("build segment %s of workspace %d: %w", ref.ID, ref.Workspace, err)
		}
	}
	return nil
}
