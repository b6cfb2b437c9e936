package campaign

import "time"

// Effect is something Advance wants done. The set is closed: PlanEmail, PlanSMS, PlanCall, PlanWebhook, CreateTask,
// WriteNote, AssignOwner, UpdateCustomer, IssueCoupon, StartJourney, RecordDecision.
//
// Step and Iteration together are unique within a journey for each of those that have both: carrying out an effect a
// second time must change nothing. Iteration is 1 for the first time that the journey passes the step. Reason says how
// the journey came here, in words for a marketer.
//
//sumtype:decl
type Effect interface{ effect() }

// PlanEmail asks for one email.
type PlanEmail struct {
	Step      string
	Iteration int
	Email     *EmailStep
	Reason    string
	At        time.Time // the instant of the step, from which Sending.Expires counts
}

// PlanSMS asks for one text message.
type PlanSMS struct {
	Step      string
	Iteration int
	SMS       *SMSStep
	Reason    string
	At        time.Time
}

// PlanCall asks for one phone call by a person.
type PlanCall struct {
	Step      string
	Iteration int
	Call      *CallStep
	Assign    Assign
	DueAt     time.Time // zero without
	Reason    string
	At        time.Time
}

// PlanWebhook asks for one request to a server.
type PlanWebhook struct {
	Step      string
	Iteration int
	Webhook   *WebhookStep
	Body      map[string]any // JSON-safe; nil: the default body
	Reason    string
	At        time.Time
}

// CreateTask asks for one task for a person.
type CreateTask struct {
	Step      string
	Iteration int
	Task      *TaskStep
	Assign    Assign
	DueAt     time.Time // zero without
	Reason    string
}

// WriteNote asks for a note on the customer's record.
type WriteNote struct {
	Step      string
	Iteration int
	Note      *NoteStep
}

// AssignOwner asks for an owner of the customer: the attribute owner, which holds a user's e-mail address.
type AssignOwner struct {
	Step      string
	Iteration int
	Assign    Assign
}

// Assign is an Assignee whose rule has been evaluated: whom work is for.
type Assign struct {
	Owner bool     // the customer's owner; nobody if she has none
	User  string   // this user; "" with the others, and where a rule gave nothing
	Among []string // each of these users in turn
}

// UpdateCustomer asks for a change of the customer's record.
type UpdateCustomer struct {
	Step string
	// Set maps a field or attribute of the customer to its new value, JSON-safe. A nil value removes the attribute.
	Set map[string]any
	// Add maps an attribute to the number to be added to it: an int64 or json.Number. An
	// attribute that the customer does not have counts as 0; to one that holds no number nothing is added.
	Add        map[string]any
	AddTags    []string
	RemoveTags []string
	AddTo      []string // names of lists (static segments)
	RemoveFrom []string
}

// IssueCoupon asks for a code for the customer.
type IssueCoupon struct {
	Step      string
	Iteration int
	Coupon    *CouponStep
	ExpiresAt time.Time // zero: never
}

// StartJourney asks for a journey of the same customer through another campaign.
type StartJourney struct {
	Step      string
	Iteration int
	Campaign  string
	Data      map[string]any // its entry; JSON-safe
	Wait      bool           // tell this journey when that one ends
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
	DecisionWait    = "wait" // where a wait until a moment came out otherwise than by its moment
	DecisionSplit   = "split"
	DecisionDecide  = "decide"
	DecisionRepeat  = "repeat"
	DecisionWebhook = "webhook"
	DecisionJourney = "journey"
	DecisionExit    = "exit"
	DecisionGoal    = "goal"
	DecisionError   = "error" // a rule could not be evaluated and counted as false
)

// The kinds of decision that are recorded around Advance.
const (
	DecisionTrigger = "trigger" // entered, or not entered and why; outcomes Entered, NotEntered, OutcomeHeldOut
	DecisionSend    = "send"    // a message was held back or left out: quiet hours, caps, a fallback
	DecisionMove    = "move"    // the journey came to another version, or was made to leave by a publication
)

// The outcomes of DecisionTrigger.
const (
	Entered        = "entered"
	NotEntered     = "not entered"
	OutcomeHeldOut = "held out"
)

func (PlanEmail) effect()      {}
func (PlanSMS) effect()        {}
func (PlanCall) effect()       {}
func (PlanWebhook) effect()    {}
func (CreateTask) effect()     {}
func (WriteNote) effect()      {}
func (AssignOwner) effect()    {}
func (UpdateCustomer) effect() {}
func (IssueCoupon) effect()    {}
func (StartJourney) effect()   {}
func (RecordDecision) effect() {}
