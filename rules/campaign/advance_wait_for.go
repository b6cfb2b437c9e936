package campaign

import (
	"fmt"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// maxGlances is how many moments of the past are looked at to find when a rule came to hold by the passing of time.
const maxGlances = 100

// dueOf is when a wait_for ends if nothing happens.
func (w *walker) dueOf(s *WaitForStep) time.Time {
	limit := w.j.Position.Began.Add(s.Timeout)
	next := limit
	switch {
	case s.Rule != nil:
		next = w.watch(s.Rule, limit)
	case s.Quiet > 0:
		next = w.quietFrom(s).Add(s.Quiet)
	}
	if next.After(limit) {
		return limit
	}
	return next
}

// watch finds the moment at which a rule holds, or at which it must be looked at again; no later than limit. It looks
// from the moment on at which the journey was to be woken.
func (w *walker) watch(rule *rules.Rule, limit time.Time) time.Time {
	at := latest(w.j.Position.Began, w.woken)
	last := w.now
	if limit.Before(last) {
		last = limit
	}
	for glances := 1; at.Before(last); glances++ {
		held, until, err := rule.Watch(w.env(nil, at))
		switch {
		case err == nil && held:
			return at
		case until.IsZero():
			return limit
		case until.After(last):
			return until
		}
		if at = until; glances == maxGlances {
			at = last
		}
	}
	held, until, err := rule.Watch(w.env(nil, last))
	if err == nil && held {
		return last
	}
	if until.IsZero() {
		return limit
	}
	return until
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// quietFrom is the moment from which the quiet of a wait_for is counted: the latest of its events, which is kept as its
// result as long as the journey stands there, or its beginning.
func (w *walker) quietFrom(s *WaitForStep) time.Time {
	return latest(w.j.Position.Began, w.j.Position.Results[s.ID].At)
}

// conclude ends a wait_for whose time has come: its rule holds, it was quiet long enough, or its timeout is over.
func (w *walker) conclude(s *WaitForStep) {
	decision := RecordDecision{
		Kind: DecisionWaitFor, Outcome: outcomeTimedOut,
		Reason: fmt.Sprintf("%s did not happen within %s", s.Event, rules.FormatDuration(s.Timeout)),
	}
	result := Result{At: w.at}
	switch {
	case s.Rule != nil:
		held, values := w.judge(s.Rule, nil, w.at, s.ID)
		decision.Rule, decision.Values = s.Rule.Source(), values
		decision.Reason = "the rule did not come to hold within " + rules.FormatDuration(s.Timeout)
		if result.Happened = held; held {
			decision.Outcome, decision.Reason = outcomeHappened, "the rule holds"
		}
	case s.Quiet > 0:
		result = w.quietResult(s)
		quiet := rules.FormatDuration(s.Quiet)
		decision.Reason = fmt.Sprintf("%s did not stop for %s within %s", s.Event, quiet, rules.FormatDuration(s.Timeout))
		if result.Happened = !w.at.Before(w.quietFrom(s).Add(s.Quiet)); result.Happened {
			decision.Outcome, decision.Reason = outcomeHappened, fmt.Sprintf("%s did not happen for %s", s.Event, quiet)
		}
	}
	w.resolve(s.ID, result, decision)
}

// quietResult is the latest event of a wait_for with quiet; where none came, the entry, if it was such an event.
func (w *walker) quietResult(s *WaitForStep) Result {
	if last, came := w.j.Position.Results[s.ID]; came {
		return last
	}
	if t, ok := w.d.Trigger.(EventTrigger); ok && t.Event == s.Event {
		return Result{At: w.j.EnteredAt, Event: w.j.Entry}
	}
	return Result{At: w.at}
}

// meetWaitFor offers an event to a wait_for. It reports whether it is over.
func (w *walker) meetWaitFor(s *WaitForStep, e audience.Event) bool {
	if s.Event == "" || s.Event != e.Name || w.late(e) {
		return false
	}
	held, values := w.judge(s.When, &e, w.now, s.ID)
	if !held {
		return false
	}
	if s.Quiet > 0 {
		w.beginAnew(s, e)
		return false
	}
	w.at = w.now
	w.resolve(s.ID, Result{Happened: true, At: instant(e.OccurredAt), Event: e.Properties}, RecordDecision{
		Kind: DecisionWaitFor, Outcome: outcomeHappened, Rule: source(s.When), Values: values, EventID: e.ID,
		Reason: fmt.Sprintf("%s happened on %s", e.Name, date(e.OccurredAt)),
	})
	return true
}

// beginAnew lets the quiet count from an event, unless a later one has come before it.
func (w *walker) beginAnew(s *WaitForStep, e audience.Event) {
	at := instant(w.occurred(e))
	if last, came := w.j.Position.Results[s.ID]; !came || !at.Before(last.At) {
		w.keep(s.ID, Result{Happened: true, At: at, Event: e.Properties})
	}
}
