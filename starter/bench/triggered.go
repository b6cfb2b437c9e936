package main

import (
	"context"
	"fmt"

	"go.temporal.io/api/workflowservice/v1"

	"dotyk/workflows"
)

// triggered measures the product's main path, from a registration to the mail that it brings.
func triggered() experiment {
	return experiment{
		name: "triggered", events: 2000, batch: 20, engine: true,
		about: "somebody registers, a campaign {event: registered} -> email sends a mail",
		setup: setUpTriggered,
		cases: []benchCase{
			{name: "journeys", unit: "journeys", run: journeys, about: "registrations posted as fast as the API takes them; time is from the first post to the last accepted mail"},
			{name: "workflows", unit: "workflows", limit: true, run: workflowsUnderLoad, about: "workflows of one no-op local activity and one no-op activity on a second queue, started as many at a time as the hand-over does"},
			{name: "journeys-idle", unit: "journeys", run: journeysIdle, about: "one registration at a time, each waiting for its mail"},
			{name: "workflows-idle", unit: "workflows", limit: true, run: workflowsIdle, about: "one such workflow at a time, each waiting for its last activity"},
		},
		targets: []target{
			{about: "journeys a second / bare workflows a second", of: rate(), ours: "journeys", limit: "workflows", want: 0.7},
			{about: "CPU of a journey / CPU of a bare workflow", of: cpu(), ours: "journeys", limit: "workflows", want: 1.43, most: true},
			{about: "WAL of a journey / WAL of a bare workflow", of: walBytes(), ours: "journeys", limit: "workflows"},
			{about: "idle: p50 of a journey / p50 of a bare workflow", of: p50(), ours: "journeys-idle", limit: "workflows-idle"},
			{about: "idle: event to accepted mail, p50", of: p50(), ours: "journeys-idle", want: 150, most: true},
			{about: "idle: event to accepted mail, p99", of: p99(), ours: "journeys-idle", want: 1000, most: true},
		},
	}
}

// setUpTriggered runs both sides once: that fills caches, opens connections, prepares statements, and leaves rows of
// which Postgres then gets to know, as in a database that has been at work for a while.
func setUpTriggered(ctx context.Context, l *lab, p plan) error {
	if err := l.publish(ctx, "registered.yaml"); err != nil {
		return err
	}
	if _, err := journeys(ctx, l, p); err != nil {
		return err
	}
	if _, err := l.admin.Exec(ctx, "VACUUM (ANALYZE)"); err != nil {
		return fmt.Errorf("analyse tables: %w", err)
	}
	_, err := workflowsUnderLoad(ctx, l, p)
	return err
}

func journeys(ctx context.Context, l *lab, p plan) (figures, error) {
	return l.register(ctx, p, job{Items: p.Events, Batch: p.Batch, Connections: p.Concurrency})
}

func journeysIdle(ctx context.Context, l *lab, p plan) (figures, error) {
	return l.register(ctx, p, job{Items: p.Idle, Batch: 1, Connections: 1, Patient: true})
}

// register has registrations posted and waits until their mails came and their workflows ended.
func (l *lab) register(ctx context.Context, p plan, j job) (figures, error) {
	j.URL, j.Key, j.Label, j.Kind, j.Customers, j.Mails = l.url, l.key, p.label, registration, j.Items, true
	before, err := l.closed(ctx, journeyType)
	if err != nil {
		return figures{}, err
	}
	f, err := l.metered(ctx, func(ctx context.Context) (effect, error) {
		d, err := l.outside.do(ctx, j, p.progress)
		if err != nil {
			return effect{}, err
		}
		return d.effect(j.Items), l.awaitClosed(ctx, journeyType, before+int64(j.Items))
	})
	if err != nil {
		return f, err
	}
	return f, l.checkLedger(ctx)
}

// checkLedger makes sure that every mail was taken and recorded: what is fast and wrong is not worth measuring.
func (l *lab) checkLedger(ctx context.Context) error {
	var open int
	err := l.admin.QueryRow(ctx, `SELECT count(*) FROM touches WHERE status <> 'accepted'`).Scan(&open)
	if err != nil {
		return fmt.Errorf("check ledger: %w", err)
	}
	if open > 0 {
		return fmt.Errorf("check ledger: %d messages are not recorded as accepted", open)
	}
	return nil
}

// journeyType is the name under which the SDK registers workflows.Journey.
const journeyType = "Journey"

// closed counts the workflows of a type that have completed.
func (l *lab) closed(ctx context.Context, kind string) (int64, error) {
	res, err := l.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: namespace, Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Completed'", kind),
	})
	if err != nil {
		return 0, fmt.Errorf("count workflows: %w", err)
	}
	return res.GetCount(), nil
}

func (l *lab) awaitClosed(ctx context.Context, kind string, n int64) error {
	return until(ctx, func(ctx context.Context) (bool, error) {
		have, err := l.closed(ctx, kind)
		return have >= n, err
	})
}

// bareQueue and bareSendQueue are the two task queues of the bare workflows, as the product has two.
const bareQueue = workflows.TaskQueue + "-bare"

const bareSendQueue = bareQueue + "-send"
