package campaign

import (
	"time"

	"dotyk/rules"
)

// Step is a node of a campaign. The set is closed: *EmailStep, *SMSStep, *WaitStep, *WaitForStep, *BranchStep,
// *UpdateStep, *ExitStep.
//
// Every step has an id, given with `id:` or derived from its kind and place ("wait_2" is the second step of the
// campaign, "sms_4_1_2" the second step in the first arm of its fourth). An id is a letter or underscore followed by
// letters, digits and underscores, is unique in the campaign, and is what rules call the step by.
//
//sumtype:decl
type Step interface {
	// StepID is the id of the step.
	StepID() string
	step()
}

// MessageStep is a step that sends a message. The set is closed: *EmailStep, *SMSStep.
//
//sumtype:decl
type MessageStep interface {
	Step
	message()
}

// EmailStep sends an email, either from a stored template or with its content in place:
//
//	email: {id: hello, template: welcome}
//	email: {subject: "Hello {{ customer.name }}", html: "<p>…</p>", text: "…"}
//
// Exactly one of Template and Subject is set. Next to Subject stands HTML or Text, or both.
type EmailStep struct {
	ID       string
	Template string // name of a stored template
	Subject  string // Liquid
	HTML     string // Liquid over HTML
	Text     string // Liquid over plain text
}

// SMSStep sends a text message, either with its text in place or from a stored template:
//
//	sms: {id: nudge, text: "Your cart waits for you"}
//
// Exactly one of Text and Template is set.
type SMSStep struct {
	ID       string
	Text     string // Liquid over plain text
	Template string // name of a stored template
}

// WaitStep lets time pass:
//
//	wait: 2d
//	wait: {id: pause, for: 1h30m}
type WaitStep struct {
	ID  string
	For time.Duration // whole seconds, longer than zero
}

// WaitForStep waits until an event happens, but no longer than its timeout:
//
//	wait_for: {id: bought, event: order_completed, when: 'event.total > 0', timeout: 3d}
//
// Later rules see the outcome as <id>.happened, <id>.at and <id>.<property of the event>.
type WaitForStep struct {
	ID      string
	Event   string      // name of the event
	When    *rules.Rule // judged for each such event; nil means any of them
	Timeout time.Duration
}

// BranchStep goes one way of several, the first whose rule holds, and continues after the branch:
//
//	branch:
//	  - when: bought.happened
//	    steps: [{exit: bought}]
//	  - else: [{sms: {text: "…"}}]
//
// If no rule holds and there is no else, it does nothing. The long form names it: {id: …, arms: […]}.
type BranchStep struct {
	ID   string
	Arms []Arm
}

// Arm is one way of a branch.
type Arm struct {
	When  *rules.Rule // nil for the else arm, which is the last
	Steps []Step
}

// UpdateStep changes the customer's record:
//
//	update: {set: {stage: '"nurtured"', visits: 'customer.visits + 1'}, add_tags: [welcomed], remove_tags: [new]}
//
// Each value under set is a rule that gives the new value; text itself stands in quotes of its own. A value that is
// missing removes the attribute.
type UpdateStep struct {
	ID         string
	Set        []Assignment // sorted by Attribute
	AddTags    []string     // sorted, unique
	RemoveTags []string     // sorted, unique
}

// Assignment gives one field or attribute of the customer a new value.
type Assignment struct {
	Attribute string
	Value     *rules.Rule
}

// ExitStep ends the journey; it is the last of its list:
//
//	exit: bought
type ExitStep struct {
	ID     string
	Reason string // becomes the journey's ExitReason; "exit" if none is given
}

// StepID implements Step.
func (s *EmailStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *SMSStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *WaitStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *WaitForStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *BranchStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *UpdateStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *ExitStep) StepID() string { return s.ID }

func (*EmailStep) step()   {}
func (*SMSStep) step()     {}
func (*WaitStep) step()    {}
func (*WaitForStep) step() {}
func (*BranchStep) step()  {}
func (*UpdateStep) step()  {}
func (*ExitStep) step()    {}

func (*EmailStep) message() {}
func (*SMSStep) message()   {}
