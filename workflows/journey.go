package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"dotyk/activities"
	"dotyk/rules/audience"
)

// JourneyInput names a cohort.
type JourneyInput struct {
	Workspace     int64
	Cohort        string
	Size          int  // journeys that entered
	Transactional bool // the campaign is: its work goes before marketing
}

// maxHistory is the number of history events after which a run continues as a new one, at the next quiet moment.
const maxHistory = 3500

// forEver is how long a local activity is tried again; left out, the SDK would take the time-out of one attempt, and a
// database that is away for seconds would end the journey.
const forEver = 10 * 365 * 24 * time.Hour

// Journey carries a cohort: it moves the journeys that are due, sends what they planned, and sleeps until the next is
// due or a signal says that an event concerns one of them.
func Journey(ctx workflow.Context, in JourneyInput) error {
	j := &journey{in: in, look: workflow.GetSignalChannel(ctx, SignalLook), sending: map[audience.Channel]workflow.Future{}}
	return j.run(ctx)
}

// journey is the state of one run. None of it needs to survive the run: it is all derived from the store.
type journey struct {
	in      JourneyInput
	look    workflow.ReceiveChannel
	sending map[audience.Channel]workflow.Future // under way
	again   []audience.Channel                   // planned more while under way
	held    bool                                 // the campaign is paused with messages planned
	waits   bool                                 // messages must wait for a moment that only Advance can tell
}

func (j *journey) run(ctx workflow.Context) error {
	for {
		j.drain()
		next, err := j.advance(ctx)
		if err != nil {
			return err
		}
		j.held, j.waits = false, false
		for _, channel := range next.Channels {
			j.send(ctx, channel)
		}
		if err := j.sleep(ctx, next); err != nil {
			return err
		}
		if j.done(next) && j.look.Len() == 0 {
			return nil
		}
		if len(j.sending) == 0 && workflow.GetInfo(ctx).GetCurrentHistoryLength() > maxHistory && j.look.Len() == 0 {
			return workflow.NewContinueAsNewError(ctx, Journey, j.in)
		}
	}
}

// done reports whether nothing is left to wait for: nobody is under way, and every message is settled.
func (j *journey) done(next activities.AdvanceResult) bool {
	return next.Active == 0 && next.Due.IsZero() && len(j.sending) == 0 && !j.held && !j.waits
}

// drain takes the signals that came so far: one look serves them all.
func (j *journey) drain() {
	for j.look.ReceiveAsync(nil) {
	}
}

// advance runs as a local activity for a single journey, which costs a third; for many it takes its time and beats.
func (j *journey) advance(ctx workflow.Context) (activities.AdvanceResult, error) {
	var a *activities.Activities
	var next activities.AdvanceResult
	in := activities.AdvanceInput{Workspace: j.in.Workspace, Cohort: j.in.Cohort, Now: workflow.Now(ctx)}
	retry := &temporal.RetryPolicy{
		InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second,
		NonRetryableErrorTypes: []string{activities.ErrorNoCohort},
	}
	if j.in.Size <= 1 {
		ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
			StartToCloseTimeout: 10 * time.Second, ScheduleToCloseTimeout: forEver, RetryPolicy: retry,
		})
		err := workflow.ExecuteLocalActivity(ctx, a.Advance, in).Get(ctx, &next)
		return next, err
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Hour, HeartbeatTimeout: time.Minute, RetryPolicy: retry,
		Priority: Priority(j.in.Workspace, j.in.Transactional),
	})
	err := workflow.ExecuteActivity(ctx, a.Advance, in).Get(ctx, &next)
	return next, err
}

// send starts sending on a channel, or notes that there is more to send once the present sending is done.
func (j *journey) send(ctx workflow.Context, channel audience.Channel) {
	if j.sending[channel] != nil {
		if !slices.Contains(j.again, channel) {
			j.again = append(j.again, channel)
		}
		return
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           SendQueue(channel),
		StartToCloseTimeout: 6 * time.Hour,
		HeartbeatTimeout:    10 * time.Second,
		Priority:            Priority(j.in.Workspace, j.in.Transactional),
		RetryPolicy: &temporal.RetryPolicy{ // for as long as its messages are wanted; then they say so and it ends
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second,
		},
	})
	var a *activities.Activities
	j.sending[channel] = workflow.ExecuteActivity(ctx, a.Send, activities.SendInput{
		Workspace: j.in.Workspace, Cohort: j.in.Cohort, Channel: channel, Size: j.in.Size,
	})
}

// sleep waits until the next journey is due or a signal comes. Messages are sent meanwhile; once nobody is active any
// more it waits for them alone.
func (j *journey) sleep(ctx workflow.Context, next activities.AdvanceResult) error {
	timerCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	woken, failed := false, error(nil)
	s := workflow.NewSelector(ctx)
	s.AddReceive(j.look, func(workflow.ReceiveChannel, bool) { woken = true })
	if !next.Due.IsZero() {
		s.AddFuture(workflow.NewTimer(timerCtx, max(next.Due.Sub(workflow.Now(ctx)), 0)), func(f workflow.Future) {
			woken = f.Get(timerCtx, nil) == nil
		})
	}
	watched := map[audience.Channel]workflow.Future{}
	for !woken && failed == nil && !j.waits {
		for _, channel := range sorted(j.sending) {
			f := j.sending[channel]
			if watched[channel] == f {
				continue
			}
			watched[channel] = f
			s.AddFuture(f, func(f workflow.Future) { failed = j.sent(ctx, channel, f) })
		}
		if j.done(next) {
			return nil
		}
		s.Select(ctx)
	}
	return failed
}

// sent notes the end of sending on a channel and starts anew when more was planned, or when only a part was sent to keep
// the rate.
func (j *journey) sent(ctx workflow.Context, channel audience.Channel, f workflow.Future) error {
	var result activities.SendResult
	if err := f.Get(ctx, &result); err != nil {
		return err
	}
	delete(j.sending, channel)
	j.held = j.held || result.Held
	j.waits = j.waits || !result.Next.IsZero()
	i := slices.Index(j.again, channel)
	if i >= 0 {
		j.again = slices.Delete(j.again, i, i+1)
	}
	if i >= 0 || result.More {
		j.send(ctx, channel)
	}
	return nil
}

// sorted lists the channels of a map in one order, as determinism demands.
func sorted(m map[audience.Channel]workflow.Future) []audience.Channel {
	list := make([]audience.Channel, 0, len(m))
	for _, c := range []audience.Channel{audience.Email, audience.SMS, audience.Webhook} {
		if m[c] != nil {
			list = append(list, c)
		}
	}
	return list
}
