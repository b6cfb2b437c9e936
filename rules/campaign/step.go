package campaign

import (
	"time"

	"dotyk/rules"
	"dotyk/rules/calendar"
)

// Step is a node of a campaign. The set is closed: *EmailStep, *SMSStep, *CallStep, *TaskStep, *WebhookStep, *WaitStep,
// *WaitForStep, *BranchStep, *SplitStep, *DecideStep, *RepeatStep, *UpdateStep, *OwnerStep, *NoteStep, *CouponStep,
// *JourneyStep, *ExitStep.
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
	// How says how the message goes out.
	How() Sending
	message()
}

// Sending says how a message goes out. Its fields stand among those of the step.
type Sending struct {
	// Quiet says what happens in quiet hours: `quiet: wait` (the default), `quiet: skip`, `quiet: ignore`.
	Quiet Quiet
	// Expires is how long after its step the message is still wanted: `expires: 4h`. Default 3d.
	Expires time.Duration
	// Fallback is sent instead where this one cannot be sent: no address, no consent, suppressed, capped, refused for good.
	// `fallback: {email: {template: nudge}}`; it may have a fallback of its own. Its id is the step's with "_fallback"
	// behind it, unless it has one. Rules see it by sent("<its id>").
	Fallback MessageStep
}

// Quiet says what becomes of a message whose moment lies in quiet hours.
type Quiet string

// The ways to treat quiet hours. Transactional messages know none.
const (
	QuietWait   Quiet = "wait"   // it goes out when they end, unless it has expired by then
	QuietSkip   Quiet = "skip"   // it is left out, and never late
	QuietIgnore Quiet = "ignore" // it goes out at once: only for what the customer waits for
)

// DefaultExpires is how long a message is wanted that does not say.
const DefaultExpires = 72 * time.Hour

// EmailStep sends an email, either from a stored template or with its content in place:
//
//	email: {id: hello, template: welcome, quiet: skip}
//	email: {subject: "Hello {{ customer.name }}", html: "<p>…</p>", text: "…"}
//
// Exactly one of Template and Subject is set. Next to Subject stands HTML or Text, or both.
type EmailStep struct {
	ID       string
	Template string // name of a stored template
	Subject  string // Liquid
	HTML     string // Liquid over HTML
	Text     string // Liquid over plain text
	Sending
}

// SMSStep sends a text message, either with its text in place or from a stored template:
//
//	sms: {id: nudge, text: "Your cart waits for you", fallback: {email: {template: nudge}}}
//
// Exactly one of Text and Template is set.
type SMSStep struct {
	ID       string
	Text     string // Liquid over plain text
	Template string // name of a stored template
	Sending
}

// CallStep has a person call the customer: it creates a task of that kind, with a script to read. With `dial: true` the
// task can be called by a click through the phone provider: it rings the user, then the customer.
//
//	call: {id: ring, for: owner, title: "Ask {{ customer.name }} about the offer", script: "…", due: 1d, dial: true}
//
// The outcome comes back as the event call_completed; `wait_for: {event: call_completed, when: 'event.step == "ring"'}`
// waits for it.
type CallStep struct {
	ID     string
	Title  string // Liquid
	Script string // Liquid; "" without
	For    Assignee
	Due    time.Duration // after the step; 0 without
	Dial   bool
}

// TaskStep gives a person something to do:
//
//	task: {id: handoff, for: owner, title: "Call {{ customer.name }}", text: "…", due: 1d}
//
// The outcome comes back as the event task_completed; `wait_for: {event: task_completed, when: 'event.step == "handoff"'}`
// waits for it. An event that names another journey than the one that waits does not concern it.
type TaskStep struct {
	ID    string
	Title string // Liquid
	Text  string // Liquid; "" without
	For   Assignee
	Due   time.Duration // after the step; 0 without
}

// Assignee says whom work is for:
//
//	for: owner                                   the customer's owner: the default
//	for: {user: ann@example.com}
//	for: {round_robin: [ann@example.com, bob@example.com]}
//	for: {rule: 'customer.country == "UA" ? "ann@example.com" : "bob@example.com"'}
//
// Exactly one of the fields is set. Users are named by their e-mail addresses.
type Assignee struct {
	Owner bool
	User  string
	Among []string
	Rule  *rules.Rule // gives text
}

// OwnerStep gives the customer an owner, unless she has one: `owner: {to: {round_robin: […]}}`, with `replace: true` even
// if she has. The owner is the attribute owner.
type OwnerStep struct {
	ID      string
	To      Assignee // not Owner
	Replace bool
}

// NoteStep writes a note on the record: `note: {text: "Asked for a price list"}`, or `note: "…"`.
type NoteStep struct {
	ID   string
	Text string // Liquid
}

// WebhookStep sends a request to a server, signed, and tries again until it is answered or its time is up:
//
//	webhook: {id: stock, url: "https://shop.example/stock", body: {sku: entry.sku}, wait: true, timeout: 10m}
//
// Each value in the body is a rule; without a body the customer, the entry and the campaign are sent. With wait the
// journey goes on when the server has answered, at the latest after the timeout, and later rules see stock.happened (it
// answered with success), stock.status and stock.body.
type WebhookStep struct {
	ID      string
	URL     string // absolute, http or https
	Method  string // POST (the default), PUT or PATCH
	Headers map[string]string
	Body    []Assignment // sorted by name; nil: the default body
	Wait    bool
	Timeout time.Duration // default 1h
}

// WaitStep lets time pass, or waits for a moment:
//
//	wait: 2d
//	wait: {id: pause, for: 1h30m}
//	wait: {until: "09:00", weekday: mon-fri, zone: customer}                       the next time a clock shows that
//	wait: {until: entry.starts_at, offset: -7d, at: "09:00", zone: workspace, if_past: skip}
//	wait: {until: customer.birthday, yearly: true, at: "09:00"}                    follows the record when it changes
//
// Exactly one of For and Until is set.
type WaitStep struct {
	ID    string
	For   time.Duration // whole seconds, longer than zero
	Until *Until
}

// Until is the moment that a WaitStep waits for. Either Clock is set, or Moment.
type Until struct {
	Clock *calendar.Clock // the next time that a clock shows this; at once if it shows it now
	// Days are those on which Clock counts: `weekday: mon-fri`.
	Days calendar.Weekdays
	// Moment is a rule that gives a time, or text that says one (rules.ParseTime). It is computed anew whenever something
	// that it mentions changes.
	Moment *rules.Rule
	Yearly bool            // the first time from the beginning of the wait on that Moment's day comes round
	Offset time.Duration   // added to Moment; negative is before; whole days are days of the calendar
	At     *calendar.Clock // on the day of Moment, when the clock shows this; nil: at Moment itself
	Zone   string          // ZoneCustomer (the default), ZoneWorkspace, or a name such as "Europe/Kyiv"
	IfPast IfPast          // what to do when the moment is past, or there is none
}

// IfPast says what a WaitStep does whose moment is past when the journey comes to it, or who has none.
type IfPast string

// What a wait does whose moment is past.
const (
	PastGo   IfPast = "go"   // go on at once: the default
	PastSkip IfPast = "skip" // leave out the next step of the list
	PastExit IfPast = "exit" // leave the campaign
)

// WaitForStep waits until an event happens, or until a rule about the customer holds, but no longer than its timeout:
//
//	wait_for: {id: bought, event: order_completed, when: 'event.total > 0', timeout: 3d}
//	wait_for: {id: hot, rule: customer.score >= 50, timeout: 5d}
//	wait_for: {id: cart, event: cart_updated, quiet: 1h, timeout: 2d}
//
// With quiet it waits until the event has not happened for so long: each time it does, the time begins anew. Its outcome
// is then the latest such event; where none came, the entry, if the journey was triggered by that event.
//
// Later rules see the outcome as <id>.happened, <id>.at and <id>.<property of the event>.
type WaitForStep struct {
	ID      string
	Event   string      // name of the event; "" with Rule
	When    *rules.Rule // judged for each such event; nil means any of them
	Rule    *rules.Rule // nil with Event
	Quiet   time.Duration
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

// SplitStep sends customers one way of several by chance. Chance is the customer's id, the campaign's name and the step's
// id: the same customer goes the same way always.
//
//	split: {id: look, arms: {a: 50%, b: 50%}}
//	split: {id: subject, arms: {a: 10%, b: 10%, winner: rest}, by: clicks, after: 4h, alpha: 0.05}
//	split: {id: offer, arms: {a: {share: 50%, steps: […]}, b: {share: rest, steps: […]}}}
//
// Later rules see the arm as <id>.arm. The shares add up to 100%; one arm may have the rest.
//
// The arm called winner is an experiment's: who falls to it waits until After has passed since the first customer came to
// the split, then goes the way of the arm that did best by By, and <id>.arm is that arm. It is the best arm's rate against
// the second best's, by the two-proportion z-test with pooled variance, two-sided; if p is not under Alpha, Default wins.
type SplitStep struct {
	ID      string
	Arms    []SplitArm // in the order of the file, which divides the customers
	By      SplitBy    // for an experiment
	After   time.Duration
	Alpha   float64 // default 0.05
	Default string  // default the first arm
}

// SplitArm is one way of a split.
type SplitArm struct {
	Name   string
	Share  Share
	Winner bool // waits for the winner; its Name is "winner", and it has no steps
	Steps  []Step
}

// SplitBy is what an experiment counts: of the customers in an arm, those who did this after they came to it.
type SplitBy string

// What an experiment can count.
const (
	ByClicks SplitBy = "clicks" // the event email_clicked, with the campaign's name as its property campaign
	ByOpens  SplitBy = "opens"  // the event email_opened, in the same way
	ByGoal   SplitBy = "goal"   // the campaign's goal was reached
)

// DecideStep chooses a value, the first whose rule holds, and keeps it for later rules and templates:
//
//	decide: {id: offer, first: [{when: 'rfm.monetary >= 4', value: {discount: 15}}, {else: {discount: 5}}]}
//
// They see its fields as offer.discount; a value that is no group of fields as offer.value. If no rule holds and there is
// no else, offer.happened is false.
type DecideStep struct {
	ID    string
	First []Choice
}

// Choice is one value of a decide step.
type Choice struct {
	When  *rules.Rule // nil for the else, which is the last
	Value any         // as JSON decodes it, with numbers as json.Number
}

// RepeatStep carries out its steps again and again, as long as a rule holds, judged before each time, and no more than Max
// times. There is a wait, or a wait_for, among its steps on every way through them.
//
//	repeat: {id: nag, while: 'not bought.happened', max: 10, steps: […]}
type RepeatStep struct {
	ID    string
	While *rules.Rule // nil: only Max ends it
	Max   int         // 1 to 1000; of nested ones the product is at most 10,000
	Steps []Step
}

// UpdateStep changes the customer's record:
//
//	update: {set: {stage: '"nurtured"'}, add: {score: 10}, add_tags: [welcomed], remove_tags: [new],
//	         add_to: [buyers], remove_from: [leads]}
//
// Each value under set is a rule that gives the new value; text itself stands in quotes of its own. A value that is
// missing removes the attribute. Each value under add is a rule that gives a number, which is added to the attribute.
// add_to and remove_from name lists, which are static segments.
type UpdateStep struct {
	ID         string
	Set        []Assignment // sorted by Attribute
	Add        []Assignment // sorted by Attribute
	AddTags    []string     // sorted, unique
	RemoveTags []string     // sorted, unique
	AddTo      []string     // sorted, unique
	RemoveFrom []string     // sorted, unique
}

// Assignment gives a name a value: a field or attribute of the customer, or a field of data.
type Assignment struct {
	Attribute string
	Value     *rules.Rule
}

// CouponStep gives the customer a code of her own, from a pool or made up, which can be redeemed once:
//
//	coupon: {id: gift, pool: birthday, expires: 10d}
//	coupon: {id: gift, prefix: BDAY-, expires: 10d, redeemed: {event: order_completed, property: coupon}}
//
// Templates show {{ gift.code }} and {{ gift.expires_at }}; rules see gift.redeemed, too, also those of exits and the goal.
// A code is redeemed by the named event of its customer, or of anybody if the coupon is `transferable: true`, whose property
// holds it, before it expires.
type CouponStep struct {
	ID           string
	Pool         string        // "" where it is made up
	Prefix       string        // of one that is made up
	Expires      time.Duration // 0: never
	Event        string        // default order_completed
	Property     string        // default coupon
	Transferable bool
}

// JourneyStep puts the customer into another campaign:
//
//	journey: {id: upsell, campaign: upsell, data: {sku: entry.sku}, wait: true, timeout: 30d}
//
// With wait the journey goes on when that one has ended, or she was not let in, at the latest after the timeout, and later
// rules see upsell.happened, upsell.status and upsell.reason.
type JourneyStep struct {
	ID       string
	Campaign string
	Data     []Assignment // sorted by name; its entry
	Wait     bool
	Timeout  time.Duration // with Wait
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
func (s *CallStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *TaskStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *WebhookStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *WaitStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *WaitForStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *BranchStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *SplitStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *DecideStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *RepeatStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *UpdateStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *OwnerStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *NoteStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *CouponStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *JourneyStep) StepID() string { return s.ID }

// StepID implements Step.
func (s *ExitStep) StepID() string { return s.ID }

func (*EmailStep) step()   {}
func (*SMSStep) step()     {}
func (*CallStep) step()    {}
func (*TaskStep) step()    {}
func (*WebhookStep) step() {}
func (*WaitStep) step()    {}
func (*WaitForStep) step() {}
func (*BranchStep) step()  {}
func (*SplitStep) step()   {}
func (*DecideStep) step()  {}
func (*RepeatStep) step()  {}
func (*UpdateStep) step()  {}
func (*OwnerStep) step()   {}
func (*NoteStep) step()    {}
func (*CouponStep) step()  {}
func (*JourneyStep) step() {}
func (*ExitStep) step()    {}

// How implements MessageStep.
func (s *EmailStep) How() Sending { return s.Sending }

// How implements MessageStep.
func (s *SMSStep) How() Sending { return s.Sending }

func (*EmailStep) message() {}
func (*SMSStep) message()   {}
