package campaign

import (
	"fmt"
	"slices"
	"strings"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// Caution finds what may be a mistake in a campaign that can be used, as the world around it is: messages that nobody may
// have consented to, pools of coupons without a free code, and live campaigns that send to the same customers at the same
// time.
func (d *Definition) Caution(k Known) Violations {
	var c checker
	if !d.Transactional {
		c.consent(d, k)
		c.collisions(d, k)
	}
	if k.Codes != nil {
		c.codes(d, k.Codes, 1, "it has no free code: whoever comes here gets none, and no message that shows it")
	}
	c.found.sort()
	return c.found
}

// Shortage warns of pools of coupons that have free codes, but fewer than customers would enter at once.
func (d *Definition) Shortage(free func(pool string) int, customers int) Violations {
	var c checker
	some := func(pool string) int {
		if n := free(pool); n > 0 {
			return n
		}
		return customers // Caution has warned of it
	}
	c.codes(d, some, customers, fmt.Sprintf("it has fewer free codes than the %d customers who would enter at once: "+
		"the last ones get none, and no message that shows it", customers))
	c.found.sort()
	return c.found
}

// codes warns of the coupon steps whose pool has fewer free codes than are needed.
func (c *checker) codes(d *Definition, free func(pool string) int, needed int, why string) {
	Walk(d.Steps, func(step Step) {
		s, ok := step.(*CouponStep)
		if !ok || s.Pool == "" || free(s.Pool) >= needed {
			return
		}
		c.report(d.at(s), CodeFewCodes, fmt.Sprintf("step %s takes codes from the pool %s, and %s", s.ID, s.Pool, why),
			"Add codes with \"starter coupon add "+s.Pool+" FILE\", or give the messages a fallback.")
	})
}

// consent warns of messages on a topic that wants a consent, where nothing on the way there has asked for it.
func (c *checker) consent(d *Definition, k Known) {
	if k.Policy == nil || d.Topic == "" {
		return
	}
	policy, known := k.Policy(d.Topic)
	if !known || policy == audience.OptOut {
		return
	}
	asked := d.triggerNamesTopic()
	for _, exit := range d.Exit {
		asked = asked || namesTopic(exit.Rule, d.Topic)
	}
	if !asked {
		c.consentOn(d, d.Steps, false)
	}
}

// consentOn walks a list of steps, and gives whether the consent has been asked for on every way through it.
func (c *checker) consentOn(d *Definition, steps []Step, asked bool) bool {
	for _, step := range steps {
		switch s := step.(type) {
		case *EmailStep, *SMSStep:
			if !asked {
				c.unasked(d, s)
			}
		case *WaitForStep:
			asked = asked || namesTopic(s.Rule, d.Topic)
		case *BranchStep:
			said := false // an earlier arm has asked: those who come to later ones have answered, too
			for _, arm := range s.Arms {
				said = said || namesTopic(arm.When, d.Topic)
				c.consentOn(d, arm.Steps, asked || said)
			}
		case *SplitStep, *RepeatStep:
			for _, list := range Within(s) {
				c.consentOn(d, list, asked)
			}
		case *CallStep, *TaskStep, *WebhookStep, *WaitStep, *DecideStep, *UpdateStep, *OwnerStep, *NoteStep, *CouponStep,
			*JourneyStep, *ExitStep:
		}
	}
	return asked
}

func (c *checker) unasked(d *Definition, step Step) {
	channel := channelOf(step)
	if slices.Contains(d.Reachable, channel) {
		return
	}
	c.report(d.at(step), CodeNoConsent,
		fmt.Sprintf("topic %s needs a consent, and nothing before step %s asks whether there is one: "+
			"who has given none is left out",
			d.Topic, step.StepID()),
		fmt.Sprintf("Add \"reachable: [%s]\", or a rule with in_topic(%q).", channel, d.Topic))
}

func channelOf(step Step) audience.Channel {
	if _, ok := step.(*SMSStep); ok {
		return audience.SMS
	}
	return audience.Email
}

func (d *Definition) triggerNamesTopic() bool {
	switch t := d.Trigger.(type) {
	case EventTrigger:
		return namesTopic(t.When, d.Topic)
	case SegmentTrigger:
		return namesTopic(t.When, d.Topic)
	case ScheduleTrigger:
		return namesTopic(t.Audience, d.Topic)
	case DateTrigger:
		return namesTopic(t.When, d.Topic)
	case AudienceTrigger:
		return namesTopic(t.Rule, d.Topic)
	case APITrigger:
		return namesTopic(t.When, d.Topic)
	}
	return false
}

// namesTopic reports whether a rule asks for the consent to a topic.
func namesTopic(r *rules.Rule, topic string) bool {
	if r == nil || !r.Needs().Consents {
		return false
	}
	source := r.Source()
	return strings.Contains(source, `"`+topic+`"`) || strings.Contains(source, "'"+topic+"'")
}

// collisions warns of live campaigns that the same event, or segment, lets customers enter, and that send on the same
// channel before any time has passed.
func (c *checker) collisions(d *Definition, k Known) {
	entrance := d.entrance()
	if entrance == "" {
		return
	}
	channels := atOnce(d.Steps)
	for _, other := range k.Live {
		if other.Name == d.Name || other.Transactional || other.entrance() != entrance {
			continue
		}
		for _, channel := range atOnce(other.Steps) {
			if slices.Contains(channels, channel) {
				c.report(d.spot("trigger"), CodeCollision,
					fmt.Sprintf("customers get an %s of campaign %s at the same time: it begins with %s, too",
						channel, other.Name, entrance),
					"Begin with a wait, narrow one of the triggers, or set a cap and priorities.")
			}
		}
	}
}

// entrance says what lets customers enter, if it can do so for another campaign at the same moment.
func (d *Definition) entrance() string {
	switch t := d.Trigger.(type) {
	case EventTrigger:
		return "event " + t.Event
	case SegmentTrigger:
		if t.Left {
			return "leaving segment " + t.Segment
		}
		return "joining segment " + t.Segment
	case ScheduleTrigger, DateTrigger, AudienceTrigger, APITrigger:
	}
	return ""
}

// atOnce lists the channels on which steps can send before any time has passed.
func atOnce(steps []Step) []audience.Channel {
	var channels []audience.Channel
	for _, step := range steps {
		if m, ok := step.(MessageStep); ok {
			channels = append(channels, channelOf(m))
		}
		for _, list := range Within(step) {
			channels = append(channels, atOnce(list)...)
		}
		if everyWay(step, pauses) {
			break
		}
	}
	slices.Sort(channels)
	return slices.Compact(channels)
}
