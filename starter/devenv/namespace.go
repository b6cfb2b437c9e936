package devenv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"
)

// probeEvery is how often a server that is still starting is asked again.
const probeEvery = 50 * time.Millisecond

// prepareNamespace registers a namespace and returns when every service knows it: each keeps a cache of its own.
func (t *Temporal) prepareNamespace(ctx context.Context, name string, log *slog.Logger) error {
	quiet := sdklog.NewStructuredLogger(slog.New(calm{log.Handler(), t.failed}))
	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: t.hostPort, Logger: quiet})
	if err != nil {
		return fmt.Errorf("connect to frontend: %w", err)
	}
	defer namespaces.Close()
	err = t.retry(ctx, func(ctx context.Context) error {
		err := namespaces.Register(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace:                        name,
			WorkflowExecutionRetentionPeriod: durationpb.New(retention),
		})
		if _, ok := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); ok {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("register namespace %s: %w", name, err)
	}

	c, err := client.NewLazyClient(client.Options{HostPort: t.hostPort, Namespace: name, Logger: quiet})
	if err != nil {
		return fmt.Errorf("connect to namespace %s: %w", name, err)
	}
	defer c.Close()
	if err := t.retry(ctx, func(ctx context.Context) error { return probe(ctx, c) }); err != nil {
		return fmt.Errorf("wait for namespace %s: %w", name, err)
	}
	return nil
}

// probe asks each of the services that workflows need something about the namespace.
func probe(ctx context.Context, c client.Client) error {
	const nobody = "dotyk-probe"
	if _, err := c.DescribeTaskQueue(ctx, nobody, enumspb.TASK_QUEUE_TYPE_WORKFLOW); err != nil {
		return fmt.Errorf("ask matching: %w", err)
	}
	if _, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{}); err != nil {
		return fmt.Errorf("ask visibility: %w", err)
	}
	_, err := c.DescribeWorkflowExecution(ctx, nobody, "")
	if _, ok := errors.AsType[*serviceerror.NotFound](err); err != nil && !ok {
		return fmt.Errorf("ask history: %w", err)
	}
	return nil
}

// retry repeats f until it succeeds, ctx ends or the server fails, and returns the last error then.
func (t *Temporal) retry(ctx context.Context, f func(context.Context) error) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-t.Failed():
			return errors.Join(err, t.Err())
		case <-tick.C:
		}
	}
}
