package boot

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"dotyk/activities/store"
	"dotyk/workflows"
)

// cohorts starts and wakes the workflows of cohorts.
type cohorts struct{ client client.Client }

func (s cohorts) options(c store.CohortRef) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       workflows.JourneyID(c.Workspace, c.ID),
		TaskQueue:                workflows.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		EnableEagerStart:         true, // the first task runs in this process, without a way through the server
		Priority:                 workflows.Priority(c.Workspace, c.Transactional),
	}
}

func input(c store.CohortRef) workflows.JourneyInput {
	return workflows.JourneyInput{Workspace: c.Workspace, Cohort: c.ID, Size: c.Size, Transactional: c.Transactional}
}

// Start implements activities.Starter.
func (s cohorts) Start(ctx context.Context, c store.CohortRef) error {
	_, err := s.client.ExecuteWorkflow(ctx, s.options(c), workflows.Journey, input(c))
	if err != nil {
		return fmt.Errorf("start journey workflow: %w", err)
	}
	return nil
}

// Wake implements activities.Starter.
func (s cohorts) Wake(ctx context.Context, c store.CohortRef) error {
	id := workflows.JourneyID(c.Workspace, c.ID)
	err := s.client.SignalWorkflow(ctx, id, "", workflows.SignalLook, nil)
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok { // never started, or it ended just before the event came
		o := s.options(c)
		o.EnableEagerStart = false // not to be had together with a signal
		_, err = s.client.SignalWithStartWorkflow(ctx, id, workflows.SignalLook, nil, o, workflows.Journey, input(c))
	}
	if err != nil {
		return fmt.Errorf("wake journey workflow: %w", err)
	}
	return nil
}
