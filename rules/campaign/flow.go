package campaign

import (
	"fmt"
	"slices"
)

// end is the index after the last step.
const end = -1

// flow is the tree of steps as a graph: each step with the one that follows it. It has no cycles, so whatever walks
// along it comes to an end.
type flow struct {
	first   int
	steps   []Step
	next    []int          // index of the step that follows, or end
	arms    [][]int        // of a branch: index of the first step of each arm, or of what follows the branch
	because []string       // which arms lead to the step, in words
	index   map[string]int // by id
}

func newFlow(steps []Step) flow {
	f := flow{index: map[string]int{}}
	f.first = f.add(steps, end, "")
	return f
}

// add adds a list of steps, from the last to the first, and gives the index of the first, or after if there is none.
func (f *flow) add(list []Step, after int, because string) int {
	for _, step := range slices.Backward(list) {
		at := len(f.steps)
		f.steps = append(f.steps, step)
		f.next = append(f.next, after)
		f.arms = append(f.arms, nil)
		f.because = append(f.because, because)
		f.index[step.StepID()] = at
		if branch, ok := step.(*BranchStep); ok {
			arms := make([]int, len(branch.Arms))
			for i, arm := range branch.Arms {
				arms[i] = f.add(arm.Steps, after, because+armReason(branch, arm))
			}
			f.arms[at] = arms
		}
		after = at
	}
	return after
}

func armReason(branch *BranchStep, arm Arm) string {
	if arm.When == nil {
		return fmt.Sprintf("; no rule of %s held", branch.ID)
	}
	return fmt.Sprintf("; at %s, %s", branch.ID, arm.When.Source())
}

// entryEvents gives the names of the events of every wait_for that can be reached from the start without passing time.
// A journey that is about to start listens to them already, so that none is missed before its first step.
func (f *flow) entryEvents() []string {
	var names []string
	seen := make([]bool, len(f.steps))
	var visit func(at int)
	visit = func(at int) {
		if at == end || seen[at] {
			return
		}
		seen[at] = true
		switch s := f.steps[at].(type) {
		case *WaitForStep:
			names = append(names, s.Event)
		case *BranchStep:
			for _, first := range f.arms[at] {
				visit(first)
			}
			visit(f.next[at])
		case *EmailStep, *SMSStep, *UpdateStep:
			visit(f.next[at])
		case *WaitStep, *ExitStep:
		}
	}
	visit(f.first)
	return names
}

// listens gives the names of the events that concern a journey standing at a step, or, with step "", one that is about
// to start: those of its wait_for, the exits and the goal. They are sorted.
func (d *Definition) listens(step string) []string {
	var names []string
	for _, exit := range d.Exit {
		if exit.Event != "" {
			names = append(names, exit.Event)
		}
	}
	if d.Goal != nil {
		names = append(names, d.Goal.Event)
	}
	at, known := d.flow.index[step]
	switch {
	case step == "":
		names = append(names, d.flow.entryEvents()...)
	case known:
		if s, ok := d.flow.steps[at].(*WaitForStep); ok {
			names = append(names, s.Event)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
