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

// intakeTurns is how many turns of its activity one run of Intake or Refresh holds: a day and a half, and some hundred
// events.
const intakeTurns = 200

// refreshLongest is how long one turn of Refresh may take. A turn ends only between two segments.
const refreshLongest = 24 * time.Hour

// Intake keeps the picker of one shard running for ever, one turn after another.
func Intake(ctx workflow.Context, in IntakeInput) error {
	ctx = workflow.WithActivityOptions(ctx, turns(time.Hour))
	var a *activities.Activities
	for range intakeTurns {
		if err := workflow.ExecuteActivity(ctx, a.Pick, activities.PickInput{Shard: in.Shard}).Get(ctx, nil); err != nil {
			return err
		}
	}
	return workflow.NewContinueAsNewError(ctx, Intake, in)
}

// Refresh keeps the builder of segments running for ever, one turn after another. There is one for the installation.
func Refresh(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, turns(refreshLongest))
	var a *activities.Activities
	for range intakeTurns {
		if err := workflow.ExecuteActivity(ctx, a.Refresh).Get(ctx, nil); err != nil {
			return err
		}
	}
	return workflow.NewContinueAsNewError(ctx, Refresh)
}

// turns are the options of an activity that runs for its turn, and is tried again for ever.
func turns(longest time.Duration) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		StartToCloseTimeout: longest,
		HeartbeatTimeout:    10 * time.Second, // so soon another worker goes on after a crash
		WaitForCancellation: true,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 5 * time.Second,
		},
	}
}
