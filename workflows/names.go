package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"dotyk/rules/audience"
)

// TaskQueue is where workflows and the short activities run.
const TaskQueue = "dotyk"

// SendQueue is the task queue of a channel: it has rate limits and trouble of its own.
func SendQueue(c audience.Channel) string { return TaskQueue + "-" + string(c) }

// Priority is the place of a workspace's work in the queues: transactional before marketing, and each workspace in turn.
func Priority(workspace int64, transactional bool) temporal.Priority {
	p := temporal.Priority{PriorityKey: marketing, FairnessKey: fmt.Sprintf("ws-%d", workspace)}
	if transactional {
		p.PriorityKey = urgent
	}
	return p
}

// The places in Temporal's queues, which has 1 to 5; 3 is that of work that says nothing.
const (
	urgent    = 1
	marketing = 3
)

// SignalLook asks a Journey to look at its cohort again: an event concerns it, or its campaign was resumed.
const SignalLook = "look"

// JourneyID is the workflow id of a cohort.
func JourneyID(workspace int64, cohort string) string {
	return fmt.Sprintf("journey-%d-%s", workspace, cohort)
}

// IntakeID is the workflow id of a shard's picker.
func IntakeID(shard int16) string { return fmt.Sprintf("intake-%d", shard) }

// RefreshID is the workflow id of the builder of segments.
const RefreshID = "refresh"

// Register makes a worker run the workflows.
func Register(w worker.WorkflowRegistry) {
	w.RegisterWorkflow(Intake)
	w.RegisterWorkflow(Journey)
	w.RegisterWorkflow(Refresh)
}
