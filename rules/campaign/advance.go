package campaign

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"dotyk/rules/audience"
)

// maxWalked is how many steps one call of Advance carries out, about. Only a repeat whose waits are over at once, or that
// was woken very late, comes so far.
const maxWalked = 20_000

// Advance takes a journey as far as it can go now: it hands it the events of the inbox, carries out every step that is
// due, and stops at a wait or at the end. It never fails: a rule that cannot be evaluated counts as false, and a
// decision records the error. The same input always gives the same output. A journey that has left stays as it is.
//
// Time. A wait counts from the instant at which the journey was to come to it, not from a late wake-up, so delays do
// not add up: of two waits of a day, the second ends two days after the first began, however late the journey was woken
// in between. What an event sets in motion counts from now, when the event is handled; so does what a change sets in
// motion, of the record or of the version, that brings a timer forward to a moment that has passed. Rules see the
// instant of their step as now, and the customer's record as it is.
//
// Events, oldest first. For each, the exits are judged, then the goal; only then are the steps carried out that were
// due before it occurred, so that nobody is sent what was delayed after having left; then it is offered to the step at
// which the journey stands. An event that occurred after a step was to end does not meet it. One that occurred
// before the step began but is handled only now does: the network or we were late, and to nag a customer who has
// done long ago what we ask for is worse than to wait too little. What nothing wants is ignored.
//
// Exits that are rules about the customer are judged once, before everything else.
//
// A journey that rests at a split without a winner whose time has come, or that has walked 20,000 steps in one call, is
// due at now: the first waits for Facts.Winners, the second goes on with the next call.
func Advance(d *Definition, j Journey, f Facts, now time.Time) (Journey, []Effect) {
	if j.Status != Active {
		return j, nil
	}
	w := &walker{d: d, j: j, f: f, now: instant(now), fuel: maxWalked}
	w.run()
	return w.j, w.effects
}

// walker is one call of Advance.
type walker struct {
	d       *Definition
	j       Journey
	f       Facts
	now     time.Time
	at      time.Time // the instant of the step that is carried out
	woken   time.Time // when the step at which the journey stood was to be looked at; zero if it came there in this call
	fuel    int       // how many steps may still be carried out
	effects []Effect

	results    map[string]map[string]any // of the position and the coupons, as rules want them; nil if out of date
	ownResults bool                      // the maps of the position are copies that may be written to
	ownPasses  bool
}

func (w *walker) run() {
	if _, known := w.d.flow.index[w.j.Position.Step]; !known && w.j.Position.Step != "" {
		reason := fmt.Sprintf("step %s does not exist in this version of the campaign", w.j.Position.Step)
		w.leave(Exited, reason, &RecordDecision{Kind: DecisionExit, Reason: reason})
		return
	}
	w.woken = w.now
	if due := w.j.DueAt; !due.IsZero() && due.Before(w.now) {
		w.woken = due
	}
	w.judgeExitRules()
	for _, e := range oldestFirst(w.f.Inbox) {
		if w.j.Status != Active {
			return
		}
		w.handle(e)
	}
	w.pass(func(due time.Time) bool { return !due.After(w.now) })
	if w.j.Status == Active {
		w.j.DueAt, w.j.ListensTo = latest(w.due(), w.now), w.d.listens(w.j.Position.Step)
	}
}

func oldestFirst(inbox []audience.Event) []audience.Event {
	return slices.SortedStableFunc(slices.Values(inbox), func(a, b audience.Event) int {
		return cmp.Or(a.OccurredAt.Compare(b.OccurredAt), a.ReceivedAt.Compare(b.ReceivedAt))
	})
}

func (w *walker) handle(e audience.Event) {
	if !w.concerned(e) || w.judgeExitEvents(e) || w.judgeGoal(e) {
		return
	}
	occurred := w.occurred(e)
	w.pass(func(due time.Time) bool {
		return due.Before(occurred) || (w.j.Position.Step == "" && !due.After(w.now))
	})
	if w.j.Status == Active {
		w.meet(e)
	}
}

// occurred is when an event happened, but not later than now: a sender's clock may be fast.
func (w *walker) occurred(e audience.Event) time.Time {
	if e.OccurredAt.Before(w.now) {
		return e.OccurredAt
	}
	return w.now
}

// pass carries out what is due, as long as the due time satisfies elapsed.
func (w *walker) pass(elapsed func(due time.Time) bool) {
	for w.j.Status == Active && w.fuel > 0 {
		due := w.due()
		if !elapsed(due) || !w.resume(due) {
			return
		}
	}
}

// walk carries out steps from one on until one at which the journey rests, an exit or the end.
func (w *walker) walk(at int) {
	for at != end {
		w.fuel--
		following, on := w.step(at)
		if !on {
			return
		}
		at = following
	}
	w.leave(Finished, ReasonFinished, nil)
}

// step carries out one step. It gives the step that follows, or false where the journey rests or has left.
func (w *walker) step(at int) (following int, on bool) {
	step := w.d.flow.steps[at]
	iteration := w.arrive(at)
	following = w.d.flow.next[at]
	switch s := step.(type) {
	case *EmailStep:
		w.plan(PlanEmail{Step: s.ID, Iteration: iteration, Email: s, Reason: w.because(at), At: w.at})
		w.sent(s.ID)
	case *SMSStep:
		w.plan(PlanSMS{Step: s.ID, Iteration: iteration, SMS: s, Reason: w.because(at), At: w.at})
		w.sent(s.ID)
	case *CallStep:
		w.plan(PlanCall{
			Step: s.ID, Iteration: iteration, Call: s, Assign: w.assign(s.For, s.ID), DueAt: w.after(s.Due),
			Reason: w.because(at), At: w.at,
		})
	case *TaskStep:
		w.plan(CreateTask{
			Step: s.ID, Iteration: iteration, Task: s, Assign: w.assign(s.For, s.ID), DueAt: w.after(s.Due),
			Reason: w.because(at),
		})
	case *NoteStep:
		w.plan(WriteNote{Step: s.ID, Iteration: iteration, Note: s})
	case *OwnerStep:
		w.owner(s, iteration)
	case *UpdateStep:
		w.update(s)
	case *CouponStep:
		w.coupon(s, iteration)
	case *WebhookStep:
		w.webhook(s, iteration, w.because(at))
		return following, !s.Wait || w.rest(s)
	case *JourneyStep:
		w.journey(s, iteration)
		return following, !s.Wait || w.rest(s)
	case *BranchStep:
		return w.branch(s, at), true
	case *SplitStep:
		return w.split(s, at)
	case *DecideStep:
		w.decide(s)
	case *RepeatStep:
		return w.repeat(s, at)
	case *ExitStep:
		w.leave(Exited, s.Reason, &RecordDecision{
			Step: s.ID, Kind: DecisionExit, Reason: "the exit was reached: " + w.because(at),
		})
		return end, false
	case *WaitStep:
		return w.wait(s, at)
	case *WaitForStep:
		w.forget(s.ID)
		return following, w.rest(s)
	}
	return following, true
}

func (w *walker) plan(effect Effect) { w.effects = append(w.effects, effect) }

// rest lets the journey stand at a step from now on. It gives false, for it does not go on.
func (w *walker) rest(s Step) bool {
	w.j.Position.Step, w.j.Position.Began, w.woken = s.StepID(), w.at, time.Time{}
	return false
}

// after is the instant so long after the step; zero for 0.
func (w *walker) after(d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return w.at.Add(d)
}

// because says how a journey came to a step.
func (w *walker) because(at int) string { return enteredBy(w.d.Trigger) + w.d.flow.because[at] }

func enteredBy(t Trigger) string {
	switch t := t.(type) {
	case EventTrigger:
		return "entered when " + t.Event + " happened"
	case SegmentTrigger:
		if t.Left {
			return "entered when leaving segment " + t.Segment
		}
		return "entered when joining segment " + t.Segment
	case ScheduleTrigger:
		return "entered by the schedule"
	case DateTrigger:
		return "entered by the date " + t.Attribute
	case AudienceTrigger:
		return "entered with the audience"
	case APITrigger:
		return "entered when asked for"
	}
	return ""
}

// leave ends the journey, with a decision unless it has just come to its end.
func (w *walker) leave(status Status, reason string, decision *RecordDecision) {
	w.j.Status, w.j.ExitReason, w.j.DueAt, w.j.ListensTo = status, reason, time.Time{}, nil
	if decision != nil {
		decision.Outcome = reason
		w.plan(*decision)
	}
}
