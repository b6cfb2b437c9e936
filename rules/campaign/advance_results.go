package campaign

import (
	"encoding/json"
	"maps"
	"math"
)

// arrive counts that the journey comes to a step, and gives the iteration: 1 outside of repeats.
func (w *walker) arrive(at int) int {
	step := w.d.flow.steps[at]
	if _, repeat := step.(*RepeatStep); repeat || !w.d.flow.looped[at] {
		return 1
	}
	id := step.StepID()
	passes := w.j.Position.Passes[id] + 1
	w.setPasses(id, passes)
	return passes
}

// iteration is how many times the journey has come to the step.
func (w *walker) iteration(at int) int {
	return max(1, w.j.Position.Passes[w.d.flow.steps[at].StepID()])
}

func (w *walker) setPasses(id string, n int) {
	if !w.ownPasses {
		w.j.Position.Passes, w.ownPasses = maps.Clone(w.j.Position.Passes), true
	}
	if n == 0 {
		if delete(w.j.Position.Passes, id); len(w.j.Position.Passes) == 0 {
			w.j.Position.Passes = nil // as it comes back from JSON
		}
		return
	}
	if w.j.Position.Passes == nil {
		w.j.Position.Passes = map[string]int{}
	}
	w.j.Position.Passes[id] = n
}

// resolve keeps and records the outcome of a step.
func (w *walker) resolve(id string, result Result, decision RecordDecision) {
	w.keep(id, result)
	decision.Step = id
	w.plan(decision)
}

// keep keeps the outcome of a step.
func (w *walker) keep(id string, result Result) {
	w.writeResults()
	if w.j.Position.Results == nil {
		w.j.Position.Results = map[string]Result{}
	}
	w.j.Position.Results[id] = result
}

// forget removes the outcome of a step that the journey comes to again.
func (w *walker) forget(id string) {
	if _, known := w.j.Position.Results[id]; known {
		w.writeResults()
		if delete(w.j.Position.Results, id); len(w.j.Position.Results) == 0 {
			w.j.Position.Results = nil // as it comes back from JSON
		}
	}
}

func (w *walker) writeResults() {
	if w.results = nil; !w.ownResults {
		w.j.Position.Results, w.ownResults = maps.Clone(w.j.Position.Results), true
	}
}

// wholeNumber reads a whole number of an event's property, however it was decoded.
func wholeNumber(v any) (int64, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case float64:
		return int64(v), v == math.Trunc(v)
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	}
	return 0, false
}
