package campaign

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// firstIteration is the Iteration of every plan, as long as no step can be passed twice.
const firstIteration = 1

// Advance takes a journey as far as it can go now: it hands it the events of the inbox, carries out every step that is
// due, and stops at a wait or at the end. It never fails: a rule that cannot be evaluated counts as false, and a
// decision records the error. The same input always gives the same output. A journey that has left stays as it is.
//
// Time. A wait counts from the instant at which the journey was to come to it, not from a late wake-up, so delays do
// not add up: of two waits of a day, the second ends two days after the first began, however late the journey was woken
// in between. What an event sets in motion counts from now, when the event is handled. Rules see the instant of their
// step as now, and the customer's record as it is.
//
// Events, oldest first. For each, the exits are judged, then the goal; only then are the steps carried out that were due
// before it occurred, so that nobody is sent what was delayed after having left; then it is offered to the wait_for at
// which the journey stands. An event that occurred after a wait_for was to end does not meet it. One that occurred
// before the wait_for began but is handled only now does: the network or we were late, and to nag a customer who has
// done long ago what we ask for is worse than to wait too little. What nothing wants is ignored.
//
// Exits that are rules about the customer are judged once, before everything else.
func Advance(d *Definition, j Journey, f Facts, now time.Time) (Journey, []Effect) {
	if j.Status != Active {
		return j, nil
	}
	w := &walker{d: d, j: j, f: f, now: instant(now)}
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
	effects []Effect
}

func (w *walker) run() {
	if _, known := w.d.flow.index[w.j.Position.Step]; !known && w.j.Position.Step != "" {
		reason := fmt.Sprintf("step %s does not exist in this version of the campaign", w.j.Position.Step)
		w.leave(Exited, reason, &RecordDecision{Kind: DecisionExit, Reason: reason})
		return
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
		w.j.DueAt, w.j.ListensTo = w.due(), w.d.listens(w.j.Position.Step)
	}
}

func oldestFirst(inbox []audience.Event) []audience.Event {
	return slices.SortedStableFunc(slices.Values(inbox), func(a, b audience.Event) int {
		return cmp.Or(a.OccurredAt.Compare(b.OccurredAt), a.ReceivedAt.Compare(b.ReceivedAt))
	})
}

func (w *walker) handle(e audience.Event) {
	if !w.d.concerns(w.j.Key, e, w.env(nil, w.now)) || w.judgeExitEvents(e) || w.judgeGoal(e) {
		return
	}
	occurred := e.OccurredAt
	if occurred.After(w.now) {
		occurred = w.now // a sender's clock is fast
	}
	w.pass(func(due time.Time) bool {
		return due.Before(occurred) || (w.j.Position.Step == "" && !due.After(w.now))
	})
	if w.j.Status == Active {
		w.meet(e)
	}
}

// pass carries out what is due, as long as the due time satisfies elapsed.
func (w *walker) pass(elapsed func(due time.Time) bool) {
	for w.j.Status == Active && elapsed(w.due()) {
		w.at = w.due()
		if w.j.Position.Step == "" {
			w.walk(w.d.flow.first)
			continue
		}
		at := w.d.flow.index[w.j.Position.Step]
		if s, ok := w.d.flow.steps[at].(*WaitForStep); ok {
			w.resolve(s, Result{At: w.at}, RecordDecision{
				Outcome: "timed_out", Reason: fmt.Sprintf("%s did not happen within %s", s.Event, rules.FormatDuration(s.Timeout)),
			})
		}
		w.walk(w.d.flow.next[at])
	}
}

// due is when the journey moves on by itself.
func (w *walker) due() time.Time {
	began := w.j.Position.Began
	at, waiting := w.d.flow.index[w.j.Position.Step]
	if !waiting {
		return began
	}
	switch s := w.d.flow.steps[at].(type) {
	case *WaitStep:
		return began.Add(s.For)
	case *WaitForStep:
		return began.Add(s.Timeout)
	case *EmailStep, *SMSStep, *BranchStep, *UpdateStep, *ExitStep:
		// A version in which the step has become another kind: go on from it at once.
	}
	return began
}

// meet offers an event to the wait_for at which the journey stands.
func (w *walker) meet(e audience.Event) {
	at, ok := w.d.flow.index[w.j.Position.Step]
	if !ok {
		return
	}
	s, ok := w.d.flow.steps[at].(*WaitForStep)
	if !ok || s.Event != e.Name || e.OccurredAt.After(w.due()) {
		return
	}
	held, values := w.judge(s.When, &e, w.now, s.ID)
	if !held {
		return
	}
	w.at = w.now
	w.resolve(s, Result{Happened: true, At: e.OccurredAt.UTC(), Event: e.Properties}, RecordDecision{
		Outcome: "happened", Rule: source(s.When), Values: values, EventID: e.ID,
		Reason: fmt.Sprintf("%s happened on %s", e.Name, date(e.OccurredAt)),
	})
	w.walk(w.d.flow.next[at])
}

// resolve keeps and records the outcome of a wait_for.
func (w *walker) resolve(s *WaitForStep, result Result, decision RecordDecision) {
	results := maps.Clone(w.j.Position.Results)
	if results == nil {
		results = map[string]Result{}
	}
	results[s.ID] = result
	w.j.Position.Results = results
	decision.Step, decision.Kind = s.ID, DecisionWaitFor
	w.effects = append(w.effects, decision)
}

// walk carries out steps from one on until a wait, an exit or the end. The flow has no cycles, so it comes to one.
func (w *walker) walk(at int) {
	for at != end {
		following := w.d.flow.next[at]
		switch s := w.d.flow.steps[at].(type) {
		case *EmailStep:
			w.effects = append(w.effects, PlanEmail{Step: s.ID, Iteration: firstIteration, Email: s, Reason: w.because(at)})
			w.sent(s.ID)
		case *SMSStep:
			w.effects = append(w.effects, PlanSMS{Step: s.ID, Iteration: firstIteration, SMS: s, Reason: w.because(at)})
			w.sent(s.ID)
		case *UpdateStep:
			w.update(s)
		case *BranchStep:
			following = w.branch(s, at)
		case *ExitStep:
			w.leave(Exited, s.Reason, &RecordDecision{
				Step: s.ID, Kind: DecisionExit, Reason: "the exit was reached: " + w.because(at),
			})
			return
		case *WaitStep, *WaitForStep:
			w.j.Position.Step, w.j.Position.Began = s.StepID(), w.at
			return
		}
		at = following
	}
	w.leave(Finished, ReasonFinished, nil)
}

// because says how a journey came to a step.
func (w *walker) because(at int) string {
	reason := ""
	switch t := w.d.Trigger.(type) {
	case EventTrigger:
		reason = "entered when " + t.Event + " happened"
	case AudienceTrigger:
		reason = "entered with the audience"
	}
	return reason + w.d.flow.because[at]
}

func (w *walker) branch(s *BranchStep, at int) (following int) {
	seen := map[string]any{}
	for i, arm := range s.Arms {
		if arm.When == nil {
			w.effects = append(w.effects, RecordDecision{
				Step: s.ID, Kind: DecisionBranch, Outcome: "else", Reason: "no rule of the branch held", Values: seen,
			})
			return w.d.flow.arms[at][i]
		}
		held, values := w.judge(arm.When, nil, w.at, s.ID)
		maps.Copy(seen, values)
		if held {
			w.effects = append(w.effects, RecordDecision{
				Step: s.ID, Kind: DecisionBranch, Outcome: fmt.Sprintf("arm_%d", i+1), Rule: arm.When.Source(),
				Reason: arm.When.Source() + " held", Values: seen,
			})
			return w.d.flow.arms[at][i]
		}
	}
	w.effects = append(w.effects, RecordDecision{
		Step: s.ID, Kind: DecisionBranch, Outcome: "none", Reason: "no rule of the branch held, and it has no else", Values: seen,
	})
	return w.d.flow.next[at]
}

// leave ends the journey, with a decision unless it has just come to its end.
func (w *walker) leave(status Status, reason string, decision *RecordDecision) {
	w.j.Status, w.j.ExitReason, w.j.DueAt, w.j.ListensTo = status, reason, time.Time{}, nil
	if decision != nil {
		decision.Outcome = reason
		w.effects = append(w.effects, *decision)
	}
}
