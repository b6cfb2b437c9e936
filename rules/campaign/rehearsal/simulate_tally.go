package rehearsal

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// mostReasons bounds what a report lists; the rest is added up under otherReasons.
const (
	mostReasons  = 40
	otherReasons = "other reasons"
)

// counts are figures by reason.
type counts map[string]int

func (c counts) add(reason string) {
	if _, known := c[reason]; !known && len(c) >= mostReasons {
		reason = otherReasons
	}
	c[reason]++
}

// list gives the most frequent first.
func (c counts) list() []ReasonCount {
	list := make([]ReasonCount, 0, len(c))
	for reason, n := range c {
		list = append(list, ReasonCount{reason, n})
	}
	slices.SortFunc(list, func(a, b ReasonCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}

var (
	moments = regexp.MustCompile(`\d{4}-\d{2}-\d{2}( \d{2}:\d{2}(:\d{2})? UTC)?`)
	keys    = regexp.MustCompile(` with key "(\\.|[^"\\])*"`)
)

// general takes out of a reason what is only true of one customer.
func general(reason string) string {
	return keys.ReplaceAllString(moments.ReplaceAllString(reason, "…"), " with the same key")
}

// tally adds up what a world tells. What it keeps of single customers lasts until turn.
type tally struct {
	definition *campaign.Definition
	zone       *time.Location
	parts      func(*campaign.Definition, *Content) (int, error)

	total      Outcome
	notEntered counts
	ended      counts
	problems   counts
	steps      map[string]*stepTally
	messages   map[string]*messageTally
	days       map[string]*Day

	reached   map[string]bool      // "journey step"
	stands    map[string]string    // step at which a journey stands, by journey
	held      map[string]time.Time // messages that wait, since when, by "journey step iteration"
	stays     map[string][]*Stay   // by customer
	would     map[string][]campaign.Message
	over      map[string]bool
	overCount int
}

type stepTally struct {
	StepOutcome
	ways map[string]*Way
}

type messageTally struct {
	MessageOutcome
	refused counts
	held    time.Duration
	most    time.Duration
}

func newTally(d *campaign.Definition, zone *time.Location, parts func(*campaign.Definition, *Content) (int, error)) *tally {
	t := &tally{
		definition: d, zone: zone, parts: parts, notEntered: counts{}, ended: counts{}, problems: counts{},
		steps: map[string]*stepTally{}, messages: map[string]*messageTally{}, days: map[string]*Day{},
	}
	t.clear()
	t.prepare(d.Steps, 0)
	return t
}

// prepare makes a place for each step, in the order of the file.
func (t *tally) prepare(steps []campaign.Step, depth int) {
	for _, step := range steps {
		t.place(step, depth)
		if m, ok := step.(campaign.MessageStep); ok {
			of := m.StepID()
			for m = m.How().Fallback; m != nil; m = m.How().Fallback {
				t.place(m, depth+1)
				t.messages[m.StepID()].FallbackOf = of
				of = m.StepID()
			}
		}
		for _, inner := range campaign.Within(step) {
			t.prepare(inner, depth+1)
		}
	}
}

func (t *tally) place(step campaign.Step, depth int) {
	id := step.StepID()
	t.steps[id] = &stepTally{
		StepOutcome: StepOutcome{Step: id, Kind: kindOf(step), Depth: depth}, ways: map[string]*Way{},
	}
	if m, ok := step.(campaign.MessageStep); ok {
		t.messages[id] = &messageTally{
			MessageOutcome: MessageOutcome{Step: id, Channel: string(channelOf(m))}, refused: counts{},
		}
	}
}

func (t *tally) clear() {
	t.reached, t.stands, t.held = map[string]bool{}, map[string]string{}, map[string]time.Time{}
	t.stays, t.would, t.over = map[string][]*Stay{}, map[string][]campaign.Message{}, map[string]bool{}
}

// turn adds up what is known of the customers that were played, and forgets them.
func (t *tally) turn() {
	for _, step := range t.stands {
		t.total.UnderWay++
		if s := t.steps[step]; s != nil {
			s.Waiting++
		}
	}
	for message := range t.held {
		_, rest, _ := strings.Cut(message, " ")
		step, _, _ := strings.Cut(rest, " ")
		t.messages[step].Open++
	}
	t.total.Customers += len(t.stays)
	t.overCount += len(t.over)
	t.clear()
}

func (t *tally) reach(journey, step string) {
	key := journey + " " + step
	if s := t.steps[step]; s != nil && !t.reached[key] {
		t.reached[key] = true
		s.Reached++
	}
}

func (t *tally) arrive(_, journey string, steps []string, stands string) {
	for _, step := range steps {
		t.reach(journey, step)
	}
	if _, active := t.stands[journey]; active {
		t.stands[journey] = stands
	}
}

func (t *tally) observe(e Entry) {
	switch e.Kind {
	case Entered:
		t.total.Journeys++
		t.stands[e.Journey] = ""
		t.stays[e.Customer] = append(t.stays[e.Customer], &Stay{From: e.At})
	case NotEntered:
		t.notEntered.add(general(e.Reason))
	case HeldOut:
		t.total.HeldOut++
	case Ended:
		t.end(e)
	case Decided:
		t.decided(e)
	case Sent, Delayed, Suppressed:
		t.message(e)
	case Task, Call, Note, Coupon, Webhook, Owner:
		if s := t.steps[e.Step]; s != nil {
			s.Done++
		}
	case Problem:
		t.problems.add(general(e.Reason))
	case Happened, Changed, Joined, Left, Redeemed:
		// What happened is known; it is what the rest comes of.
	}
}

func (t *tally) end(e Entry) {
	delete(t.stands, e.Journey)
	reason := e.Outcome
	if e.Reason != e.Outcome && e.Reason != "" {
		reason += ": " + general(e.Reason)
	}
	t.ended.add(reason)
	if e.Outcome == string(campaign.Converted) {
		t.total.Converted++
	}
	for _, stay := range slices.Backward(t.stays[e.Customer]) {
		if stay.To.IsZero() { // of several under way, which one does not matter: they are her time in the campaign
			stay.To = e.At
			break
		}
	}
}

func (t *tally) decided(e Entry) {
	s := t.steps[e.Step]
	if s == nil || e.Journey == "" || e.Detail == campaign.DecisionError {
		return
	}
	way := s.ways[e.Outcome]
	if way == nil {
		if len(s.ways) >= mostReasons {
			return
		}
		way = &Way{Outcome: e.Outcome, Rule: e.Rule}
		s.ways[e.Outcome] = way
	}
	way.Count++
}

func (t *tally) message(e Entry) {
	m := t.messages[e.Step]
	if m == nil {
		return
	}
	t.reach(e.Journey, e.Step)
	key := e.Journey + " " + e.Step + " " + strconv.Itoa(e.Iteration)
	since, waited := t.held[key]
	if e.Kind == Delayed {
		if !waited {
			t.held[key] = e.At
			m.Held++
		}
		return
	}
	if waited {
		delete(t.held, key)
		m.held += e.At.Sub(since)
		m.most = max(m.most, e.At.Sub(since))
	}
	if e.Kind == Sent {
		t.sent(m, e)
		return
	}
	switch e.Detail {
	case LeftOutCapped:
		m.Capped++
	case LeftOutQuiet:
		m.Quiet++
	case LeftOutExpired:
		m.Expired++
	case LeftOutGone:
		m.Gone++
	default:
		m.refused.add(general(e.Reason))
	}
}

func (t *tally) sent(m *messageTally, e Entry) {
	parts := 1
	if e.Channel == audience.SMS && t.parts != nil {
		var err error
		if parts, err = t.parts(t.definition, e.Content); err != nil {
			m.Unfilled++
			t.problems.add("step " + e.Step + ": " + err.Error())
			return
		}
	}
	m.Sent++
	name := e.At.In(t.zone).Format(time.DateOnly)
	day := t.days[name]
	if day == nil {
		day = &Day{Day: name}
		t.days[name] = day
	}
	if e.Channel == audience.SMS {
		m.Parts += parts
		day.SMS++
	} else {
		day.Email++
	}
	if !t.definition.Transactional {
		t.would[e.Customer] = append(t.would[e.Customer], campaign.Message{
			Channel: e.Channel, Topic: e.Topic, Campaign: e.Campaign, Priority: e.Priority, At: e.At,
		})
	}
}

// outcome gives the figures.
func (t *tally) outcome(b Back) Outcome {
	o := t.total
	o.NotEntered, o.Ended, o.Problems = t.notEntered.list(), t.ended.list(), t.problems.list()
	o.Steps, o.Messages = []StepOutcome{}, []MessageOutcome{}
	campaign.Walk(t.definition.Steps, func(step campaign.Step) {
		s := t.steps[step.StepID()]
		line := s.StepOutcome
		for _, way := range s.ways {
			line.Ways = append(line.Ways, *way)
		}
		slices.SortFunc(line.Ways, func(a, b Way) int { return cmp.Compare(a.Outcome, b.Outcome) })
		o.Steps = append(o.Steps, line)
		if m := t.messages[step.StepID()]; m != nil {
			o.Messages = append(o.Messages, m.outcome(b.SMSPrice))
		}
	})
	for _, m := range o.Messages {
		if m.Channel == string(audience.SMS) {
			o.SMS, o.SMSParts = o.SMS+m.Sent, o.SMSParts+m.Parts
		} else {
			o.Email += m.Sent
		}
	}
	o.SMSCost = price(o.SMSParts, b.SMSPrice)
	o.Days = t.everyDay()
	return o
}

func (m *messageTally) outcome(smsPrice float64) MessageOutcome {
	line := m.MessageOutcome
	line.Refused = m.refused.list()
	line.Cost = price(line.Parts, smsPrice)
	line.HeldMost = int(m.most.Seconds())
	if over := line.Held - line.Open; over > 0 {
		line.HeldMean = int(m.held.Seconds()) / over
	}
	return line
}

// price is rounded to hundredths of a cent.
func price(parts int, each float64) float64 { return math.Round(float64(parts)*each*1e4) / 1e4 }

// everyDay lists the days from the first message to the last, those without any among them.
func (t *tally) everyDay() []Day {
	days := []Day{}
	var first, last string
	for name := range t.days {
		if first == "" || name < first {
			first = name
		}
		last = max(last, name)
	}
	day, err := time.Parse(time.DateOnly, first)
	for ; err == nil; day = day.AddDate(0, 0, 1) {
		name := day.Format(time.DateOnly)
		if d := t.days[name]; d != nil {
			days = append(days, *d)
		} else {
			days = append(days, Day{Day: name})
		}
		if name >= last {
			break
		}
	}
	return days
}

// kindOf names a step as files do.
func kindOf(step campaign.Step) string {
	switch step.(type) {
	case *campaign.EmailStep:
		return "email"
	case *campaign.SMSStep:
		return "sms"
	case *campaign.CallStep:
		return "call"
	case *campaign.TaskStep:
		return "task"
	case *campaign.WebhookStep:
		return "webhook"
	case *campaign.WaitStep:
		return "wait"
	case *campaign.WaitForStep:
		return "wait_for"
	case *campaign.BranchStep:
		return "branch"
	case *campaign.SplitStep:
		return "split"
	case *campaign.DecideStep:
		return "decide"
	case *campaign.RepeatStep:
		return "repeat"
	case *campaign.UpdateStep:
		return "update"
	case *campaign.OwnerStep:
		return "owner"
	case *campaign.NoteStep:
		return "note"
	case *campaign.CouponStep:
		return "coupon"
	case *campaign.JourneyStep:
		return "journey"
	case *campaign.ExitStep:
		return "exit"
	}
	return ""
}
