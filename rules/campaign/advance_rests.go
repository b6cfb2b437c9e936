package campaign

import (
	"fmt"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// due is when the journey moves on by itself from the step at which it stands.
func (w *walker) due() time.Time {
	began := w.j.Position.Began
	at, resting := w.d.flow.index[w.j.Position.Step]
	if !resting {
		return began
	}
	switch s := w.d.flow.steps[at].(type) {
	case *WaitStep:
		if s.Until == nil {
			return began.Add(s.For)
		}
		if moment, known, _ := w.moment(s.Until, at, began); known {
			return moment
		}
	case *WaitForStep:
		return w.dueOf(s)
	case *SplitStep:
		if s.awaits() && w.winner(s) == nil {
			return began.Add(s.After)
		}
	case *WebhookStep:
		if s.Wait {
			return began.Add(s.Timeout)
		}
	case *JourneyStep:
		if s.Wait {
			return began.Add(s.Timeout)
		}
	case *EmailStep, *SMSStep, *CallStep, *TaskStep, *BranchStep, *DecideStep, *RepeatStep, *UpdateStep, *OwnerStep,
		*NoteStep, *CouponStep, *ExitStep:
		// A repeat is where a long walk is interrupted. Another kind comes from a version in which the step was a wait: the
		// journey goes on from it at once.
	}
	return began
}

// resume carries a journey on from the step at which it stands and whose time has come. It gives false where it must
// still wait for something else.
func (w *walker) resume(due time.Time) bool {
	at, resting := w.d.flow.index[w.j.Position.Step]
	if !resting {
		w.at = due
		w.walk(w.d.flow.first)
		return true
	}
	w.at = due
	if due.Before(w.woken) {
		w.at = w.woken
	}
	following := w.d.flow.next[at]
	switch s := w.d.flow.steps[at].(type) {
	case *WaitStep:
		var on bool
		if following, on = w.awake(s, at, due); !on {
			return true
		}
	case *WaitForStep:
		w.conclude(s)
	case *SplitStep:
		if !s.awaits() {
			break
		}
		winner := w.winner(s)
		if winner == nil {
			return false
		}
		following = w.take(s, at, winner.Arm, "the winner: "+winner.Reason)
	case *WebhookStep:
		w.timedOut(s.ID, DecisionWebhook, s.Wait, "there was no answer", s.Timeout)
	case *JourneyStep:
		w.timedOut(s.ID, DecisionJourney, s.Wait, "the journey through "+s.Campaign+" did not end", s.Timeout)
	case *RepeatStep:
		w.at, following = w.j.Position.Began, at
	case *EmailStep, *SMSStep, *CallStep, *TaskStep, *BranchStep, *DecideStep, *UpdateStep, *OwnerStep, *NoteStep,
		*CouponStep, *ExitStep:
	}
	w.walk(following)
	return true
}

func (w *walker) timedOut(id, kind string, waits bool, what string, timeout time.Duration) {
	if waits {
		w.resolve(id, Result{At: w.at}, RecordDecision{
			Kind: kind, Outcome: outcomeTimedOut, Reason: what + " within " + rules.FormatDuration(timeout),
		})
	}
}

// The outcomes of steps that wait for something.
const (
	outcomeHappened = "happened"
	outcomeTimedOut = "timed_out"
)

// meet offers an event to the step at which the journey stands.
func (w *walker) meet(e audience.Event) {
	at, resting := w.d.flow.index[w.j.Position.Step]
	if !resting {
		return
	}
	met := false
	switch s := w.d.flow.steps[at].(type) {
	case *WaitForStep:
		met = w.meetWaitFor(s, e)
	case *WebhookStep:
		met = s.Wait && w.meetAnswer(s, e, w.iteration(at))
	case *JourneyStep:
		met = s.Wait && w.meetEnd(s, e, w.iteration(at))
	case *EmailStep, *SMSStep, *CallStep, *TaskStep, *WaitStep, *BranchStep, *SplitStep, *DecideStep, *RepeatStep,
		*UpdateStep, *OwnerStep, *NoteStep, *CouponStep, *ExitStep:
	}
	if met {
		w.walk(w.d.flow.next[at])
	}
}

// late reports whether an event occurred after the step at which the journey stands was to end.
func (w *walker) late(e audience.Event) bool {
	return w.occurred(e).After(w.due())
}

// meetAnswer keeps the answer to a webhook.
func (w *walker) meetAnswer(s *WebhookStep, e audience.Event, iteration int) bool {
	if e.Name != audience.EventWebhookAnswered || !names(e, "journey", w.j.ID, s.ID, iteration) || w.late(e) {
		return false
	}
	ok := e.Properties["ok"] == true
	outcome := "refused"
	if ok {
		outcome = "answered"
	}
	w.at = w.now
	w.resolve(s.ID, Result{Happened: ok, At: instant(e.OccurredAt), Event: map[string]any{
		"status": e.Properties["status"], "body": e.Properties["body"], "error": e.Properties["error"],
	}}, RecordDecision{
		Kind: DecisionWebhook, Outcome: outcome, EventID: e.ID,
		Reason: fmt.Sprintf("the server %s on %s%s", outcome, date(e.OccurredAt), answer(e.Properties)),
	})
	return true
}

// answer says what a server answered, as far as it is known.
func answer(properties map[string]any) string {
	if text, _ := properties["error"].(string); text != "" {
		return ": " + text
	}
	if status, known := wholeNumber(properties["status"]); known {
		return fmt.Sprintf(" with status %d", status)
	}
	return ""
}

// meetEnd keeps how the journey through another campaign ended.
func (w *walker) meetEnd(s *JourneyStep, e audience.Event, iteration int) bool {
	if e.Name != audience.EventJourneyEnded || !names(e, "parent", w.j.ID, s.ID, iteration) || w.late(e) {
		return false
	}
	status, _ := e.Properties["status"].(string)
	ended := status == string(Finished) || status == string(Exited) || status == string(Converted)
	reason := fmt.Sprintf("the journey through %s ended on %s: %s", s.Campaign, date(e.OccurredAt), status)
	outcome := outcomeHappened
	if !ended {
		reason, outcome = fmt.Sprintf("there was no journey through %s: %s", s.Campaign, status), NotEntered
	}
	if why, _ := e.Properties["reason"].(string); why != "" {
		reason += ", " + why
	}
	w.at = w.now
	w.resolve(s.ID, Result{Happened: ended, At: instant(e.OccurredAt), Event: map[string]any{
		"status": e.Properties["status"], "reason": e.Properties["reason"],
	}}, RecordDecision{Kind: DecisionJourney, Outcome: outcome, EventID: e.ID, Reason: reason})
	return true
}

// names reports whether an event names a journey, a step of it and, if any, the iteration of that step.
func names(e audience.Event, property, journey, step string, iteration int) bool {
	of, given := wholeNumber(e.Properties["iteration"])
	return e.Properties[property] == journey && e.Properties["step"] == step && (!given || of == int64(iteration))
}
