package campaign

import (
	"encoding/json"
	"fmt"
	"maps"
)

// The outcomes of a branch or decide step in which no rule held.
const (
	outcomeElse = "else"
	outcomeNone = "none"
)

func (w *walker) branch(s *BranchStep, at int) (following int) {
	seen := map[string]any{}
	for i, arm := range s.Arms {
		if arm.When == nil {
			w.plan(RecordDecision{
				Step: s.ID, Kind: DecisionBranch, Outcome: outcomeElse, Reason: "no rule of the branch held", Values: seen,
			})
			return w.d.flow.arms[at][i]
		}
		held, values := w.judge(arm.When, nil, w.at, s.ID)
		maps.Copy(seen, values)
		if held {
			w.plan(RecordDecision{
				Step: s.ID, Kind: DecisionBranch, Outcome: fmt.Sprintf("arm_%d", i+1), Rule: arm.When.Source(),
				Reason: arm.When.Source() + " held", Values: seen,
			})
			return w.d.flow.arms[at][i]
		}
	}
	w.plan(RecordDecision{
		Step: s.ID, Kind: DecisionBranch, Outcome: outcomeNone, Reason: "no rule of the branch held, and it has no else",
		Values: seen,
	})
	return w.d.flow.next[at]
}

func (w *walker) decide(s *DecideStep) {
	seen := map[string]any{}
	for i, choice := range s.First {
		decision := RecordDecision{Kind: DecisionDecide, Outcome: outcomeElse, Values: seen}
		reason := "no rule held"
		if choice.When != nil {
			held, values := w.judge(choice.When, nil, w.at, s.ID)
			maps.Copy(seen, values)
			if !held {
				continue
			}
			decision.Outcome, decision.Rule = fmt.Sprintf("choice_%d", i+1), choice.When.Source()
			reason = choice.When.Source() + " held"
		}
		decision.Reason = fmt.Sprintf("%s, which gives %s", reason, inWords(choice.Value))
		w.resolve(s.ID, Result{Happened: true, At: w.at, Event: valueFields(choice.Value)}, decision)
		return
	}
	w.resolve(s.ID, Result{At: w.at}, RecordDecision{
		Kind: DecisionDecide, Outcome: outcomeNone, Reason: "no rule held, and there is no else", Values: seen,
	})
}

func valueFields(value any) map[string]any {
	if fields, ok := value.(map[string]any); ok {
		return fields
	}
	return map[string]any{"value": value}
}

func inWords(value any) string {
	text, _ := json.Marshal(value) // it was read from JSON
	return string(text)
}

// split sends a customer one way by chance, or to the winner, for which the journey may have to rest.
func (w *walker) split(s *SplitStep, at int) (following int, on bool) {
	arm := s.draw(w.d.Name, w.f.Customer.ID)
	if !arm.Winner {
		reason := fmt.Sprintf("chance chose %s, where %s of the customers go", arm.Name, arm.Share)
		return w.take(s, at, arm.Name, reason), true
	}
	if winner := w.winner(s); winner != nil {
		return w.take(s, at, winner.Arm, "the winner: "+winner.Reason), true
	}
	return end, w.rest(s)
}

// winner gives the winner of a split, or nil as long as it is not known.
func (w *walker) winner(s *SplitStep) *Winner {
	winner, known := w.f.Winners[s.ID]
	if !known {
		return nil
	}
	return &winner
}

// take sends the journey into an arm, or into the default one if the arm is not there.
func (w *walker) take(s *SplitStep, at int, name, reason string) (following int) {
	chosen := s.arm(name)
	name = s.Arms[chosen].Name
	w.resolve(s.ID, Result{Happened: true, At: w.at, Event: map[string]any{"arm": name}}, RecordDecision{
		Kind: DecisionSplit, Outcome: name, Reason: reason,
	})
	return w.d.flow.arms[at][chosen]
}

// repeat begins another round of a repeat, or goes on behind it.
func (w *walker) repeat(s *RepeatStep, at int) (following int, on bool) {
	if w.fuel <= 0 {
		return end, w.rest(s)
	}
	rounds := w.j.Position.Passes[s.ID]
	decision := RecordDecision{Step: s.ID, Kind: DecisionRepeat, Rule: source(s.While)}
	if rounds >= s.Max {
		decision.Outcome, decision.Reason = "max", fmt.Sprintf("it was done %d times, which is the most", rounds)
		return w.behind(s, at, decision), true
	}
	held, values := w.judge(s.While, nil, w.at, s.ID)
	decision.Values = values
	if !held {
		decision.Outcome, decision.Reason = "done", fmt.Sprintf("its rule did not hold any more after %d times", rounds)
		return w.behind(s, at, decision), true
	}
	w.setPasses(s.ID, rounds+1)
	decision.Outcome, decision.Reason = "again", fmt.Sprintf("time %d of at most %d", rounds+1, s.Max)
	w.plan(decision)
	return w.d.flow.arms[at][0], true
}

func (w *walker) behind(s *RepeatStep, at int, decision RecordDecision) (following int) {
	w.setPasses(s.ID, 0)
	w.plan(decision)
	return w.d.flow.next[at]
}
