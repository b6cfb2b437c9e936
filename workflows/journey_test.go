package workflows_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"dotyk/activities"
	"dotyk/rules/audience"
	"dotyk/workflows"
)

// script plays the store: it answers each Advance with the next result, and counts what is asked.
type script struct {
	mu       sync.Mutex
	results  []activities.AdvanceResult
	advanced []time.Time // the workflow's clock at each Advance
	sent     []activities.SendInput
	send     func(n int, in activities.SendInput) (activities.SendResult, error)
	advance  func(n int) error
}

func (s *script) Advance(_ context.Context, in activities.AdvanceInput) (activities.AdvanceResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.advanced)
	s.advanced = append(s.advanced, in.Now)
	if s.advance != nil {
		if err := s.advance(n); err != nil {
			return activities.AdvanceResult{}, err
		}
	}
	if n >= len(s.results) {
		return activities.AdvanceResult{}, nil
	}
	return s.results[n], nil
}

func (s *script) Send(_ context.Context, in activities.SendInput) (activities.SendResult, error) {
	s.mu.Lock()
	n := len(s.sent)
	s.sent = append(s.sent, in)
	s.mu.Unlock()
	if s.send != nil {
		return s.send(n, in)
	}
	return activities.SendResult{Accepted: 1}, nil
}

// environment is a quiet one with virtual time.
func environment() *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	return suite.NewTestWorkflowEnvironment()
}

// play runs a Journey under virtual time.
func play(t *testing.T, s *script, size int, prepare func(env *testsuite.TestWorkflowEnvironment)) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	env := environment()
	env.RegisterWorkflow(workflows.Journey)
	env.RegisterActivityWithOptions(s.Advance, activity.RegisterOptions{Name: "Advance"})
	env.RegisterActivityWithOptions(s.Send, activity.RegisterOptions{Name: "Send"})
	if prepare != nil {
		prepare(env)
	}
	env.ExecuteWorkflow(workflows.Journey, workflows.JourneyInput{Workspace: 1, Cohort: "c", Size: size})
	require.True(t, env.IsWorkflowCompleted())
	return env
}

var start = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func at(env *testsuite.TestWorkflowEnvironment) { env.SetStartTime(start) }

func TestJourney(t *testing.T) {
	t.Parallel()

	for _, size := range []int{1, 1000} {
		t.Run("Moves, sends, sleeps until due and ends", func(t *testing.T) {
			t.Parallel()
			s := &script{results: []activities.AdvanceResult{
				{Active: size, Due: start.Add(48 * time.Hour), Channels: []audience.Channel{audience.Email, audience.SMS}},
				{Channels: []audience.Channel{audience.Email}},
			}}
			env := play(t, s, size, at)
			require.NoError(t, env.GetWorkflowError())
			require.Equal(t, []time.Time{start, start.Add(48 * time.Hour)}, s.advanced)
			require.Len(t, s.sent, 3)
			require.Equal(t, size, s.sent[0].Size)
		})
	}

	t.Run("Looks again when told of an event, before it is due", func(t *testing.T) {
		t.Parallel()
		s := &script{results: []activities.AdvanceResult{{Active: 1, Due: start.Add(48 * time.Hour)}}}
		env := play(t, s, 1, func(env *testsuite.TestWorkflowEnvironment) {
			at(env)
			env.RegisterDelayedCallback(func() { env.SignalWorkflow(workflows.SignalLook, nil) }, time.Hour)
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, []time.Time{start, start.Add(time.Hour)}, s.advanced)
	})

	t.Run("Waits for an event alone when nothing is due", func(t *testing.T) {
		t.Parallel()
		s := &script{results: []activities.AdvanceResult{{Active: 1}}}
		env := play(t, s, 1, func(env *testsuite.TestWorkflowEnvironment) {
			at(env)
			env.RegisterDelayedCallback(func() { env.SignalWorkflow(workflows.SignalLook, nil) }, 400*24*time.Hour)
		})
		require.NoError(t, env.GetWorkflowError())
		require.Len(t, s.advanced, 2)
	})

	t.Run("Takes many signals as one", func(t *testing.T) {
		t.Parallel()
		s := &script{results: []activities.AdvanceResult{{Active: 1}, {Active: 1, Due: start.Add(3 * time.Hour)}}}
		env := play(t, s, 1, func(env *testsuite.TestWorkflowEnvironment) {
			at(env)
			env.RegisterDelayedCallback(func() {
				for range 50 {
					env.SignalWorkflow(workflows.SignalLook, nil)
				}
			}, time.Hour)
		})
		require.NoError(t, env.GetWorkflowError())
		require.LessOrEqual(t, len(s.advanced), 4)
	})

	t.Run("Tries sending again until it is done, while others of the cohort go on", func(t *testing.T) {
		t.Parallel()
		s := &script{results: []activities.AdvanceResult{
			{Active: 2, Due: start.Add(time.Second), Channels: []audience.Channel{audience.Email}},
			{Active: 1, Due: start.Add(10 * time.Second), Channels: []audience.Channel{audience.Email}},
		}}
		s.send = func(n int, _ activities.SendInput) (activities.SendResult, error) {
			if n < 5 {
				return activities.SendResult{}, temporal.NewApplicationError("mail server is away", activities.ErrorTryLater)
			}
			return activities.SendResult{}, nil
		}
		env := play(t, s, 2, at)
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, start.Add(time.Second), s.advanced[1], "an unsent message holds nobody up")
		require.Len(t, s.sent, 7, "five failures, one success, and once more for what was planned meanwhile")
	})

	t.Run("Stays while its campaign is paused, and sends when it is resumed", func(t *testing.T) {
		t.Parallel()
		s := &script{results: []activities.AdvanceResult{
			{Channels: []audience.Channel{audience.Email}},
			{Channels: []audience.Channel{audience.Email}},
		}}
		s.send = func(n int, _ activities.SendInput) (activities.SendResult, error) {
			return activities.SendResult{Held: n == 0}, nil
		}
		env := play(t, s, 1, func(env *testsuite.TestWorkflowEnvironment) {
			at(env)
			env.RegisterDelayedCallback(func() { env.SignalWorkflow(workflows.SignalLook, nil) }, 24*time.Hour)
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, []time.Time{start, start.Add(24 * time.Hour)}, s.advanced)
		require.Len(t, s.sent, 2)
	})

	t.Run("Goes on after the store was away", func(t *testing.T) {
		t.Parallel()
		s := &script{advance: func(n int) error {
			if n < 3 {
				return errors.New("database is restarting")
			}
			return nil
		}}
		require.NoError(t, play(t, s, 1, at).GetWorkflowError())
		require.Len(t, s.advanced, 4)
	})

	t.Run("Ends when its cohort does not exist", func(t *testing.T) {
		t.Parallel()
		s := &script{advance: func(int) error {
			return temporal.NewNonRetryableApplicationError("no such cohort", activities.ErrorNoCohort, nil)
		}}
		require.ErrorContains(t, play(t, s, 1, at).GetWorkflowError(), "no such cohort")
	})

	t.Run("Continues as a new run before its history grows long", func(t *testing.T) {
		t.Parallel()
		s := &script{}
		for i := range 2000 {
			s.results = append(s.results, activities.AdvanceResult{Active: 1, Due: start.Add(time.Duration(i+1) * time.Hour)})
		}
		env := play(t, s, 1, func(env *testsuite.TestWorkflowEnvironment) {
			at(env)
			env.SetCurrentHistoryLength(10_000)
		})
		var again *workflow.ContinueAsNewError
		require.ErrorAs(t, env.GetWorkflowError(), &again)
		require.Len(t, s.advanced, 1)
	})
}

// turns counts the turns of an activity that ends now and then because the database is restarting.
type turns struct{ n int }

func (c *turns) next() error {
	c.n++
	if c.n%3 == 0 {
		return errors.New("database is restarting")
	}
	return nil
}

// keepsRunning runs a workflow until it continues as a new run, as it must.
func keepsRunning(t *testing.T, env *testsuite.TestWorkflowEnvironment, run any, args ...any) {
	t.Helper()
	env.RegisterWorkflow(run)
	env.ExecuteWorkflow(run, args...)
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, env.GetWorkflowError(), &again, "it never ends")
}

func TestIntake(t *testing.T) {
	t.Parallel()
	env := environment()
	var count turns
	env.RegisterActivityWithOptions(func(_ context.Context, in activities.PickInput) error {
		require.Equal(t, int16(3), in.Shard)
		return count.next()
	}, activity.RegisterOptions{Name: "Pick"})
	keepsRunning(t, env, workflows.Intake, workflows.IntakeInput{Shard: 3})
	require.Greater(t, count.n, 200)
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	env := environment()
	var count turns
	env.RegisterActivityWithOptions(func(context.Context) error { return count.next() }, activity.RegisterOptions{Name: "Refresh"})
	keepsRunning(t, env, workflows.Refresh)
	require.Greater(t, count.n, 200)
}

func TestSendParts(t *testing.T) {
	t.Parallel()

	t.Run("Sends part after part as long as there is more", func(t *testing.T) {
		t.Parallel()
		s := &script{
			results: []activities.AdvanceResult{{Channels: []audience.Channel{audience.Email}}},
			send: func(n int, _ activities.SendInput) (activities.SendResult, error) {
				return activities.SendResult{Accepted: 25, More: n < 3}, nil
			},
		}
		require.NoError(t, play(t, s, 100, at).GetWorkflowError())
		require.Len(t, s.sent, 4)
		require.Len(t, s.advanced, 1)
	})

	t.Run("Looks when messages that must wait may be sent, also when nobody is under way", func(t *testing.T) {
		t.Parallel()
		s := &script{
			results: []activities.AdvanceResult{
				{Channels: []audience.Channel{audience.SMS}},
				{Due: start.Add(10 * time.Hour)},
				{Channels: []audience.Channel{audience.SMS}},
			},
			send: func(n int, _ activities.SendInput) (activities.SendResult, error) {
				if n == 0 {
					return activities.SendResult{Next: start.Add(10 * time.Hour)}, nil
				}
				return activities.SendResult{Accepted: 1}, nil
			},
		}
		require.NoError(t, play(t, s, 1, at).GetWorkflowError())
		require.Len(t, s.sent, 2)
		require.Equal(t, []time.Time{start, start, start.Add(10 * time.Hour)}, s.advanced)
	})

	t.Run("Sends requests to servers beside messages", func(t *testing.T) {
		t.Parallel()
		s := &script{results: []activities.AdvanceResult{{Channels: []audience.Channel{audience.Email, audience.Webhook}}}}
		require.NoError(t, play(t, s, 1, at).GetWorkflowError())
		require.Len(t, s.sent, 2)
	})
}

func TestPriority(t *testing.T) {
	t.Parallel()
	require.Equal(t, temporal.Priority{PriorityKey: 1, FairnessKey: "ws-7"}, workflows.Priority(7, true))
	require.Equal(t, temporal.Priority{PriorityKey: 3, FairnessKey: "ws-7"}, workflows.Priority(7, false))
}
