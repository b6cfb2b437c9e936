package campaign

// Effect is something Advance wants done. The set is closed: PlanEmail, PlanSMS, UpdateCustomer, RecordDecision.
//
//sumtype:decl
type Effect interface{ effect() }

// PlanEmail asks for one email. Step and Iteration together are unique within a journey.
type PlanEmail struct {
	Step      string
	Iteration int // 1 for the first time the journey passes the step
	Email     *EmailStep
	Reason    string // how the journey came here, in words for a marketer
}

// PlanSMS asks for one text message. Step and Iteration together are unique within a journey.
type PlanSMS struct {
	Step      string
	Iteration int // 1 for the first time the journey passes the step
	SMS       *SMSStep
	Reason    string // how the journey came here, in words for a marketer
}

// UpdateCustomer asks for a change of the customer's record.
type UpdateCustomer struct {
	Step string
	// Set maps a field or attribute of the customer to its new value, JSON-safe. A nil value removes the attribute.
	Set        map[string]any
	AddTags    []string
	RemoveTags []string
}

// RecordDecision asks for a decision to be written down, so that anyone can see later why the journey went this way.
type RecordDecision struct {
	Step    string // id of the step that decided; empty for exits and the goal, which belong to the whole campaign
	Kind    string // one of the Decision constants
	Outcome string // what was decided: "arm_1", "else", "none", "happened", "timed_out", a reason for leaving
	Rule    string // source of the rule that decided, if one did
	Reason  string // one sentence for a marketer
	Values  map[string]any
	EventID string // the event that was judged, if there was one
}

// The kinds of decision that Advance records.
const (
	DecisionBranch  = "branch"
	DecisionWaitFor = "wait_for"
	DecisionExit    = "exit"
	DecisionGoal    = "goal"
	DecisionError   = "error" // a rule could not be evaluated and counted as false
)

func (PlanEmail) effect()      {}
func (PlanSMS) effect()        {}
func (UpdateCustomer) effect() {}
func (RecordDecision) effect() {}
