package rehearsal

import "time"

// Report is what a back-test came to.
type Report struct {
	Campaign    string       `json:"campaign"`
	From        time.Time    `json:"from"`
	To          time.Time    `json:"to" doc:"Not part of the time."`
	Zone        string       `json:"zone" doc:"Of the days."`
	Customers   int          `json:"customers" doc:"That were played."`
	Of          int          `json:"of" doc:"Customers that there were; more than were played where that was a sample."`
	SMSPrice    float64      `json:"sms_price" doc:"Of one part."`
	Draft       Outcome      `json:"draft"`
	Live        *Outcome     `json:"live,omitempty" doc:"The same of the live version, if there is one that differs."`
	LiveVersion int          `json:"live_version,omitempty"`
	Crowd       Crowd        `json:"crowd"`
	Pools       []CouponNeed `json:"pools" doc:"Of coupons that the draft takes from."`
	Assumptions []string     `json:"assumptions" doc:"What the figures take for granted, in plain words."`
}

// Outcome is what one version of a campaign would have done.
type Outcome struct {
	Journeys   int              `json:"journeys" doc:"That were entered; of held out customers none."`
	Customers  int              `json:"customers" doc:"Who entered, each counted once."`
	HeldOut    int              `json:"held_out"`
	NotEntered []ReasonCount    `json:"not_entered" doc:"How often the trigger came to nothing, by reason."`
	Ended      []ReasonCount    `json:"ended" doc:"Journeys that ended, by status and reason."`
	UnderWay   int              `json:"under_way" doc:"Journeys under way at the end."`
	Converted  int              `json:"converted" doc:"Journeys that reached the goal, as what really happened says."`
	Steps      []StepOutcome    `json:"steps" doc:"In the order of the file."`
	Messages   []MessageOutcome `json:"messages" doc:"In the order of the file."`
	Days       []Day            `json:"days" doc:"Every day from the first message to the last."`
	Email      int              `json:"email" doc:"Messages that would have been sent."`
	SMS        int              `json:"sms"`
	SMSParts   int              `json:"sms_parts"`
	SMSCost    float64          `json:"sms_cost"`
	Problems   []ReasonCount    `json:"problems" doc:"What steps asked for and could not have."`
}

// Sent counts the messages that would have been sent.
func (o Outcome) Sent() int { return o.Email + o.SMS }

// ReasonCount is how often something was the reason.
type ReasonCount struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

// StepOutcome is what became of journeys at a step.
type StepOutcome struct {
	Step    string `json:"step"`
	Kind    string `json:"kind"`
	Depth   int    `json:"depth" doc:"How many steps it stands within."`
	Reached int    `json:"reached" doc:"Journeys that came to it, each counted once."`
	Waiting int    `json:"waiting" doc:"Journeys that stood there at the end."`
	Done    int    `json:"done,omitempty" doc:"Tasks, calls, coupons, webhooks, notes: how many of them there would have been."`
	Ways    []Way  `json:"ways,omitempty" doc:"How often it came out how."`
}

// Way is one outcome of a step.
type Way struct {
	Outcome string `json:"outcome"`
	Rule    string `json:"rule,omitempty" doc:"That led there, if one did."`
	Count   int    `json:"count"`
}

// MessageOutcome is what became of the messages of a step.
type MessageOutcome struct {
	Step       string        `json:"step"`
	Channel    string        `json:"channel"`
	FallbackOf string        `json:"fallback_of,omitempty" doc:"The step in whose place it is sent."`
	Sent       int           `json:"sent"`
	Refused    []ReasonCount `json:"refused" doc:"Not sent for want of an address or of consent, or because the address is suppressed."`
	Capped     int           `json:"capped"`
	Quiet      int           `json:"quiet" doc:"Left out in quiet hours."`
	Expired    int           `json:"expired" doc:"Not wanted any more when quiet hours ended."`
	Gone       int           `json:"gone" doc:"Held by quiet hours until the journey had left by its goal or an exit."`
	Unfilled   int           `json:"unfilled" doc:"Whose content cannot be filled in for the customer."`
	Open       int           `json:"open" doc:"Held by quiet hours beyond the end."`
	Held       int           `json:"held" doc:"Held by quiet hours for a while, whatever came of them."`
	HeldMean   int           `json:"held_mean_seconds"`
	HeldMost   int           `json:"held_most_seconds"`
	Parts      int           `json:"parts,omitempty" doc:"Of text messages."`
	Cost       float64       `json:"cost,omitempty"`
}

// NotSent counts the messages that would not have been sent.
func (m MessageOutcome) NotSent() int {
	n := m.Capped + m.Quiet + m.Expired + m.Gone + m.Unfilled
	for _, r := range m.Refused {
		n += r.Count
	}
	return n
}

// Day is the messages of a day.
type Day struct {
	Day   string `json:"day" doc:"Such as 2026-03-29."`
	Email int    `json:"email"`
	SMS   int    `json:"sms"`
}

// Crowd is what else reached those who would have entered.
type Crowd struct {
	Customers     int             `json:"customers" doc:"Who were in other campaigns while they would have been in this one."`
	Campaigns     []OtherCampaign `json:"campaigns"`
	OverContacted int             `json:"over_contacted" doc:"Who would have got more than the caps allow, with what other campaigns really sent."`
	Caps          []OverCap       `json:"caps"`
}

// OtherCampaign is what another campaign really did in that time to those who would have been in both.
type OtherCampaign struct {
	Campaign  string `json:"campaign"`
	Customers int    `json:"customers"`
	Messages  int    `json:"messages" doc:"Marketing messages that it sent them."`
}

// OverCap is a cap that would have been passed.
type OverCap struct {
	Cap       string `json:"cap"`
	Allowed   int    `json:"allowed"`
	Customers int    `json:"customers"`
	Most      int    `json:"most" doc:"Messages that the worst of them would have got within the cap's time."`
}

// CouponNeed is what the draft takes from a pool of coupons.
type CouponNeed struct {
	Pool   string `json:"pool"`
	Free   int    `json:"free" doc:"Codes that nobody has now."`
	Wanted int    `json:"wanted" doc:"Codes that the draft would have given."`
}
