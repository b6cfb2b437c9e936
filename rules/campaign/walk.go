package campaign

// Walk calls fn for each of the steps and for those within them, in the order of the file: what stands in for a message
// that cannot be sent comes right after it.
func Walk(steps []Step, fn func(Step)) {
	for _, step := range steps {
		fn(step)
		switch s := step.(type) {
		case *EmailStep:
			walkFallback(s.Fallback, fn)
		case *SMSStep:
			walkFallback(s.Fallback, fn)
		case *BranchStep:
			for _, arm := range s.Arms {
				Walk(arm.Steps, fn)
			}
		case *SplitStep:
			for _, arm := range s.Arms {
				Walk(arm.Steps, fn)
			}
		case *RepeatStep:
			Walk(s.Steps, fn)
		case *CallStep, *TaskStep, *WebhookStep, *WaitStep, *WaitForStep, *DecideStep, *UpdateStep, *OwnerStep, *NoteStep,
			*CouponStep, *JourneyStep, *ExitStep:
		}
	}
}

func walkFallback(m MessageStep, fn func(Step)) {
	if m != nil {
		Walk([]Step{m}, fn)
	}
}
