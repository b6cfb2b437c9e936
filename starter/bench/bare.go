package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"dotyk/activities"
	"dotyk/activities/store"
)

// handOver is how many workflows the product starts at one time, in all its pickers together.
const handOver = activities.HandOvers * store.Shards

// bareType is the name under which the SDK registers bareWorkflow.
const bareType = "bareWorkflow"

// bareInput is as large as the input of a journey.
type bareInput struct {
	Workspace int64
	Cohort    string
	Size      int
}

// bareNext is as large as what Advance gives.
type bareNext struct {
	Active   int
	Channels []string
}

// bareline runs workflows of the shape of a journey that do nothing: the limit of the engine on this machine.
type bareline struct {
	ran chan struct{} // has an element for each run of the last activity
}

// bareWorkflow runs one local activity and one ordinary activity on another queue, with a journey's time-outs.
func bareWorkflow(ctx workflow.Context, in bareInput) error {
	var b *bareline
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: 10 * time.Second})
	var next bareNext
	if err := workflow.ExecuteLocalActivity(local, b.BareAdvance, in).Get(ctx, &next); err != nil {
		return err
	}
	ordinary := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: bareSendQueue, StartToCloseTimeout: 6 * time.Hour, HeartbeatTimeout: 10 * time.Second,
	})
	return workflow.ExecuteActivity(ordinary, b.BareSend, in).Get(ctx, nil)
}

// BareAdvance does nothing.
func (b *bareline) BareAdvance(context.Context, bareInput) (bareNext, error) {
	return bareNext{Active: 0, Channels: []string{"email"}}, nil
}

// BareSend does nothing and says that it ran.
func (b *bareline) BareSend(ctx context.Context, _ bareInput) error {
	select {
	case b.ran <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startBare starts two workers, configured as the product's are.
func (l *lab) startBare(context.Context) error {
	l.bare = &bareline{ran: make(chan struct{}, handOver)}
	core := worker.New(l.client, bareQueue, worker.Options{})
	core.RegisterWorkflow(bareWorkflow)
	core.RegisterActivity(l.bare)
	sender := worker.New(l.client, bareSendQueue, worker.Options{DisableWorkflowWorker: true})
	sender.RegisterActivity(l.bare)
	for _, w := range []worker.Worker{core, sender} {
		if err := w.Start(); err != nil {
			return fmt.Errorf("start worker: %w", err)
		}
		l.onClose(func() error { w.Stop(); return nil })
	}
	return nil
}

// start starts one bare workflow with the options of a journey. Like the product's hand-over it is repeated when the
// server was too slow to answer; a workflow that was started all the same is not started twice.
func (l *lab) start(ctx context.Context, id string) error {
	for {
		_, err := l.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: id, TaskQueue: bareQueue, EnableEagerStart: true,
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
			Priority:                 temporal.Priority{FairnessKey: strconv.FormatInt(l.workspace, 10)},
		}, bareWorkflow, bareInput{Workspace: l.workspace, Cohort: id, Size: 1})
		var started *serviceerror.WorkflowExecutionAlreadyStarted
		var slow *serviceerror.DeadlineExceeded
		var away *serviceerror.Unavailable
		switch {
		case err == nil, errors.As(err, &started):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.As(err, &slow) && !errors.As(err, &away) && !errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("start bare workflow: %w", err)
		}
	}
}

// workflowsUnderLoad starts as many workflows as there would be journeys, and ends with the last activity of the last.
func workflowsUnderLoad(ctx context.Context, l *lab, p plan) (figures, error) {
	return l.runBare(ctx, p.Events, func(ctx context.Context) (effect, error) {
		began := time.Now()
		var next atomic.Int64
		g, starting := errgroup.WithContext(ctx)
		for range handOver {
			g.Go(func() error {
				for i := next.Add(1) - 1; i < int64(p.Events); i = next.Add(1) - 1 {
					if err := l.start(starting, fmt.Sprintf("bare-%s-%d", p.label, i)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		var wall time.Duration
		g.Go(func() error {
			for i := range p.Events {
				if err := l.bare.await(starting); err != nil {
					return err
				}
				p.progress(i+1, p.Events)
			}
			wall = time.Since(began)
			return nil
		})
		err := g.Wait()
		return effect{items: p.Events, wall: wall}, err
	})
}

// workflowsIdle runs one workflow after another, each as soon as the one before ran its last activity.
func workflowsIdle(ctx context.Context, l *lab, p plan) (figures, error) {
	return l.runBare(ctx, p.Idle, func(ctx context.Context) (effect, error) {
		e := effect{items: p.Idle}
		for i := range p.Idle {
			began := time.Now()
			if err := l.start(ctx, fmt.Sprintf("bare-%s-%d", p.label, i)); err != nil {
				return e, err
			}
			if err := l.bare.await(ctx); err != nil {
				return e, err
			}
			e.latencies = append(e.latencies, time.Since(began))
			e.wall += time.Since(began)
			p.progress(i+1, p.Idle)
		}
		return e, nil
	})
}

// runBare meters n bare workflows until all are closed.
func (l *lab) runBare(ctx context.Context, n int, fn func(context.Context) (effect, error)) (figures, error) {
	before, err := l.closed(ctx, bareType)
	if err != nil {
		return figures{}, err
	}
	return l.metered(ctx, func(ctx context.Context) (effect, error) {
		e, err := fn(ctx)
		if err != nil {
			return e, err
		}
		return e, l.awaitClosed(ctx, bareType, before+int64(n))
	})
}

// await waits for one run of the last activity.
func (b *bareline) await(ctx context.Context) error {
	t := time.NewTimer(silence)
	defer t.Stop()
	select {
	case <-b.ran:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return fmt.Errorf("no bare workflow went on in %s", silence)
	}
}
