package campaign

import (
	"slices"
	"strings"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// listens gives what concerns a journey standing at a step: names of events, and Changed of what its rules mention. It is
// sorted. With step "", for one that is about to start, that of every step is in it that can be reached without passing
// time, so that nothing is missed before its first step.
func (d *Definition) listens(step string) []string {
	var l listener
	for _, exit := range d.Exit {
		l.event(exit.Event)
		l.rule(d, exit.Rule)
	}
	if d.Goal != nil {
		l.event(d.Goal.Event)
	}
	if at, known := d.flow.index[step]; known {
		l.step(d, d.flow.steps[at])
	} else {
		l.reach(d, d.flow.first, make([]bool, len(d.flow.steps)))
	}
	slices.Sort(l.to)
	return slices.Compact(l.to)
}

// listener collects what a journey listens to.
type listener struct{ to []string }

func (l *listener) event(name string) {
	if name != "" {
		l.to = append(l.to, name)
	}
}

func (l *listener) changed(mention string) {
	l.to = append(l.to, Changed(mention))
	if strings.HasPrefix(mention, rules.MentionProfile) {
		l.to = append(l.to, Changed(rules.MentionProfile+"*"))
	}
}

// rule listens to whatever may change the answer of a rule.
func (l *listener) rule(d *Definition, rule *rules.Rule) {
	if rule == nil {
		return
	}
	needs := rule.Needs()
	for _, mention := range needs.Mentions() {
		if name, event := strings.CutPrefix(mention, rules.MentionEvent); event {
			l.event(name)
		} else {
			l.changed(mention)
		}
	}
	if needs.Sent {
		for _, step := range d.Messages() {
			l.changed(rules.MentionTouch + d.Name + "/" + step.StepID())
		}
	}
	for _, id := range rule.Results() {
		if at, known := d.flow.index[id]; known {
			if _, coupon := d.flow.steps[at].(*CouponStep); coupon {
				l.event(audience.EventCouponRedeemed)
			}
		}
	}
}

// step listens to what concerns a journey that rests at a step.
func (l *listener) step(d *Definition, step Step) {
	switch s := step.(type) {
	case *WaitStep:
		if s.Until == nil {
			return
		}
		l.rule(d, s.Until.Moment)
		if s.Until.Zone == "" || s.Until.Zone == ZoneCustomer {
			l.changed(rules.MentionProfile + "timezone")
		}
	case *WaitForStep:
		l.event(s.Event)
		l.rule(d, s.Rule)
	case *WebhookStep:
		if s.Wait {
			l.event(audience.EventWebhookAnswered)
		}
	case *JourneyStep:
		if s.Wait {
			l.event(audience.EventJourneyEnded)
		}
	case *EmailStep, *SMSStep, *CallStep, *TaskStep, *BranchStep, *SplitStep, *DecideStep, *RepeatStep, *UpdateStep,
		*OwnerStep, *NoteStep, *CouponStep, *ExitStep:
	}
}

// reach listens to what concerns every step that can be reached from one on without passing time.
func (l *listener) reach(d *Definition, at int, seen []bool) {
	if at == end || seen[at] {
		return
	}
	seen[at] = true
	l.step(d, d.flow.steps[at])
	switch s := d.flow.steps[at].(type) {
	case *WaitStep:
		if s.Until == nil {
			return
		}
		if !d.flow.last[at] && s.Until.IfPast == PastSkip {
			l.reach(d, d.flow.skip(at), seen)
		}
	case *WaitForStep:
		if s.Rule == nil {
			return
		}
	case *WebhookStep:
		if s.Wait {
			return
		}
	case *JourneyStep:
		if s.Wait {
			return
		}
	case *ExitStep:
		return
	case *EmailStep, *SMSStep, *CallStep, *TaskStep, *BranchStep, *SplitStep, *DecideStep, *RepeatStep, *UpdateStep,
		*OwnerStep, *NoteStep, *CouponStep:
	}
	for _, first := range d.flow.arms[at] {
		l.reach(d, first, seen)
	}
	l.reach(d, d.flow.next[at], seen)
}

// trigger listens to whatever a change of may let a customer enter, or bring her entry forward or back.
func (l *listener) trigger(d *Definition) {
	switch t := d.Trigger.(type) {
	case AudienceTrigger:
		if !t.Once {
			l.rule(d, t.Rule)
		}
	case DateTrigger:
		l.changed(rules.MentionProfile + t.Attribute)
		if t.Zone == "" || t.Zone == ZoneCustomer {
			l.changed(rules.MentionProfile + "timezone")
		}
	case EventTrigger, SegmentTrigger, ScheduleTrigger, APITrigger:
	}
}

// mentions gives what is listened to besides events, in order.
func (l *listener) mentions() []string {
	var mentions []string
	for _, to := range l.to {
		if mention, ok := strings.CutPrefix(to, changedPrefix); ok && mention != rules.MentionProfile+"*" {
			mentions = append(mentions, mention)
		}
	}
	slices.Sort(mentions)
	return slices.Compact(mentions)
}
