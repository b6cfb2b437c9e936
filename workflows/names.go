package workflows

import (
	"fmt"

	"go.temporal.io/sdk/worker"

	"dotyk/rules/audience"
)

// TaskQueue is where workflows and the short activities run.
const TaskQueue = "dotyk"

// SendQueue is the task queue of a channel: it has rate limits and trouble of its own.
func SendQueue(c audience.Channel) string { return TaskQueue + "-" + string(c) }

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
