package campaign

import (
	"fmt"
	"iter"
	"slices"

	"dotyk/rules"
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

// Messages gives every step that sends a message, in the order of the file: what must be compiled at publish.
func (d *Definition) Messages() []MessageStep { return messages(d.Steps) }

func messages(steps []Step) []MessageStep {
	var found []MessageStep
	for _, step := range steps {
		switch s := step.(type) {
		case *EmailStep:
			found = append(found, s)
		case *SMSStep:
			found = append(found, s)
		case *BranchStep:
			for _, arm := range s.Arms {
				found = append(found, messages(arm.Steps)...)
			}
		case *WaitStep, *WaitForStep, *UpdateStep, *ExitStep:
		}
	}
	return found
}

// Needs is everything that the rules of the steps, exits, goal and key need: what Advance must be given.
func (d *Definition) Needs() rules.Needs { return d.needs.Merge(rules.Needs{}) }

// TriggerNeeds is everything that the rules of the trigger and key need: what Match and MatchAudience must be given.
func (d *Definition) TriggerNeeds() rules.Needs {
	var needs rules.Needs
	switch t := d.Trigger.(type) {
	case EventTrigger:
		needs = needsOf(t.When)
	case AudienceTrigger:
		needs = needsOf(t.Rule)
	}
	return needs.Merge(needsOf(d.Key))
}

func (d *Definition) collectNeeds() rules.Needs {
	needs := needsOf(d.Key)
	for _, exit := range d.Exit {
		needs = needs.Merge(needsOf(exit.Rule)).Merge(needsOf(exit.When))
	}
	if d.Goal != nil {
		needs = needs.Merge(needsOf(d.Goal.When))
	}
	for _, step := range d.flow.steps {
		switch s := step.(type) {
		case *WaitForStep:
			needs = needs.Merge(needsOf(s.When))
		case *BranchStep:
			for _, arm := range s.Arms {
				needs = needs.Merge(needsOf(arm.When))
			}
		case *UpdateStep:
			for _, a := range s.Set {
				needs = needs.Merge(needsOf(a.Value))
			}
		case *EmailStep, *SMSStep, *WaitStep, *ExitStep:
		}
	}
	return needs
}

func needsOf(r *rules.Rule) rules.Needs {
	if r == nil {
		return rules.Needs{}
	}
	return r.Needs()
}

// Check finds what a campaign refers to and does not exist. Parse has found everything else.
func (d *Definition) Check(k Known) Violations {
	var r reader
	if k.Topic != nil && d.Topic != "" && !k.Topic(d.Topic) {
		r.report(place{path: "topic"}, CodeUnknownTopic, fmt.Sprintf("there is no topic %q", d.Topic), "Create it, or correct the name.")
	}
	for _, step := range d.Messages() {
		template := ""
		switch s := step.(type) {
		case *EmailStep:
			template = s.Template
		case *SMSStep:
			template = s.Template
		}
		if k.Template != nil && template != "" && !k.Template(template) {
			r.report(d.places[step.StepID()], CodeUnknownTemplate,
				fmt.Sprintf("the template %q of step %s does not exist", template, step.StepID()), "Create it, or correct the name.")
		}
	}
	return r.violations
}

// allSteps goes through steps and those within them, in the order of the file.
func allSteps(list []Step) iter.Seq[Step] {
	return func(yield func(Step) bool) { eachStep(list, yield) }
}

func eachStep(list []Step, yield func(Step) bool) bool {
	for _, step := range list {
		if !yield(step) {
			return false
		}
		for _, inner := range innerSteps(step) {
			if !eachStep(inner, yield) {
				return false
			}
		}
	}
	return true
}

// innerSteps gives the lists of steps within a step.
func innerSteps(step Step) [][]Step {
	var inner [][]Step
	switch s := step.(type) {
	case *BranchStep:
		for _, arm := range s.Arms {
			inner = append(inner, arm.Steps)
		}
	case *SplitStep:
		for _, arm := range s.Arms {
			inner = append(inner, arm.Steps)
		}
	case *RepeatStep:
		inner = append(inner, s.Steps)
	case *EmailStep, *SMSStep, *CallStep, *TaskStep, *WebhookStep, *WaitStep, *WaitForStep, *DecideStep, *UpdateStep,
		*OwnerStep, *NoteStep, *CouponStep, *JourneyStep, *ExitStep:
	}
	return inner
}
