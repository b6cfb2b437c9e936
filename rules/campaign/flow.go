package campaign

import (
	"fmt"
	"slices"
)

// end is the index after the last step.
const end = -1

// flow is the tree of steps as a graph: each step with the one that follows it. The only cycles are those of repeat steps:
// what follows the last step of a repeat is the repeat itself, which counts its rounds.
type flow struct {
	first   int
	steps   []Step
	next    []int          // index of the step that follows, or end
	last    []bool         // is it the last step of its list
	looped  []bool         // is it within a repeat
	arms    [][]int        // index of the first step of each arm of a branch or split, or of the steps of a repeat
	because []string       // which arms lead to the step, in words
	index   map[string]int // by id
}

func newFlow(steps []Step) flow {
	f := flow{index: map[string]int{}}
	f.first = f.add(steps, end, "", false)
	return f
}

// add adds a list of steps, from the last to the first, and gives the index of the first, or after if there is none.
func (f *flow) add(list []Step, after int, because string, looped bool) int {
	for i, step := range slices.Backward(list) {
		at := len(f.steps)
		f.steps = append(f.steps, step)
		f.next = append(f.next, after)
		f.last = append(f.last, i == len(list)-1)
		f.looped = append(f.looped, looped)
		f.arms = append(f.arms, nil)
		f.because = append(f.because, because)
		f.index[step.StepID()] = at
		arms := f.addArms(step, at, after, because, looped) // grows f.arms
		f.arms[at] = arms
		after = at
	}
	return after
}

func (f *flow) addArms(step Step, at, after int, because string, looped bool) []int {
	var arms []int
	switch s := step.(type) {
	case *BranchStep:
		for _, arm := range s.Arms {
			arms = append(arms, f.add(arm.Steps, after, because+armReason(s, arm), looped))
		}
	case *SplitStep:
		for _, arm := range s.Arms {
			arms = append(arms, f.add(arm.Steps, after, fmt.Sprintf("%s; at %s, arm %s", because, s.ID, arm.Name), looped))
		}
	case *RepeatStep:
		arms = append(arms, f.add(s.Steps, at, because+"; again and again at "+s.ID, true))
	case *EmailStep, *SMSStep, *CallStep, *TaskStep, *WebhookStep, *WaitStep, *WaitForStep, *DecideStep, *UpdateStep,
		*OwnerStep, *NoteStep, *CouponStep, *JourneyStep, *ExitStep:
	}
	return arms
}

func armReason(branch *BranchStep, arm Arm) string {
	if arm.When == nil {
		return fmt.Sprintf("; no rule of %s held", branch.ID)
	}
	return fmt.Sprintf("; at %s, %s", branch.ID, arm.When.Source())
}

// skip gives the step after the next one of the same list, or what follows the list if there is no next one.
func (f *flow) skip(at int) int {
	if f.last[at] {
		return f.next[at]
	}
	return f.next[f.next[at]]
}
