package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"dotyk/activities"
)

// IntakeInput names a shard of events.
type IntakeInput struct {
	Shard int16
}

// intakeTurns is how many turns of Pick one run of Intake holds: a day and a half, and some hundred events.
const intakeTurns = 200

// Intake keeps the picker of one shard running for ever, one turn after another.
func Intake(ctx workflow.Context, in IntakeInput) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Hour,
		HeartbeatTimeout:    10 * time.Second, // so soon another worker goes on after a crash
		WaitForCancellation: true,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 5 * time.Second,
		},
	})
	var a *activities.Activities
	for range intakeTurns {
		if err := workflow.ExecuteActivity(ctx, a.Pick, activities.PickInput{Shard: in.Shard}).Get(ctx, nil); err != nil {
			return err
		}
	}
	return workflow.NewContinueAsNewError(ctx, Intake, in)
}
