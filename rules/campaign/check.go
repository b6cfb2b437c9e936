package campaign

import (
	"cmp"
	"fmt"
)

// at is the place of a step.
func (d *Definition) at(step Step) place { return d.places[step.StepID()] }

// spot is the place of a field at the top of the file; of one that is not there, the file itself.
func (d *Definition) spot(path string) place { return cmp.Or(d.spots[path], place{path: path}) }

// Check finds what a campaign refers to and does not exist, and where it leads back to itself. Parse has found everything
// else that is wrong.
func (d *Definition) Check(k Known) Violations {
	c := checker{}
	c.exists(d.spot("topic"), k.Topic, CodeUnknownTopic, "topic", d.Topic)
	if t, ok := d.Trigger.(SegmentTrigger); ok {
		c.exists(d.spot("trigger"), k.Segment, CodeUnknownSegment, "segment", t.Segment)
	}
	Walk(d.Steps, func(step Step) { c.step(d, step, k) })
	c.found.sort()
	return c.found
}

// Fault makes a violation at the place of a step, for what only others can find: what its templates say, for example.
func (d *Definition) Fault(step Step, code, message, advice string) Violation {
	at := d.at(step)
	return Violation{Line: at.line, Column: at.column, Path: at.path, Code: code, Message: message, Advice: advice}
}

// checker collects what Check finds.
type checker struct{ found Violations }

func (c *checker) report(at place, code, message, advice string) {
	c.found = append(c.found, Violation{
		Line: at.line, Column: at.column, Path: at.path, Code: code, Message: message, Advice: advice,
	})
}

// exists reports a name of something that does not exist. An empty name, and a nil function, pass.
func (c *checker) exists(at place, known func(string) bool, code, what, name string) {
	if name == "" || known == nil || known(name) {
		return
	}
	c.report(at, code, fmt.Sprintf("there is no %s %q", what, name), "Create it, or correct the name.")
}

func (c *checker) step(d *Definition, step Step, k Known) {
	at := d.at(step)
	assignee := func(a Assignee) {
		c.exists(at, k.User, CodeUnknownUser, "user", a.User)
		for _, user := range a.Among {
			c.exists(at, k.User, CodeUnknownUser, "user", user)
		}
	}
	switch s := step.(type) {
	case *EmailStep:
		c.exists(at, k.Template, CodeUnknownTemplate, "template", s.Template)
	case *SMSStep:
		c.exists(at, k.Template, CodeUnknownTemplate, "template", s.Template)
	case *CallStep:
		assignee(s.For)
	case *TaskStep:
		assignee(s.For)
	case *OwnerStep:
		assignee(s.To)
	case *UpdateStep:
		for _, lists := range [][]string{s.AddTo, s.RemoveFrom} {
			for _, list := range lists {
				c.exists(at, k.List, CodeUnknownList, "list", list)
			}
		}
	case *CouponStep:
		c.exists(at, k.Pool, CodeUnknownPool, "pool of coupons", s.Pool)
	case *JourneyStep:
		c.subJourney(d, s, k)
	case *WebhookStep, *WaitStep, *WaitForStep, *BranchStep, *SplitStep, *DecideStep, *RepeatStep, *NoteStep, *ExitStep:
	}
}

// subJourney checks a step that leads into another campaign.
func (c *checker) subJourney(d *Definition, s *JourneyStep, k Known) {
	if way := wayBack(d.Name, s.Campaign, k.Live); way != "" {
		c.report(d.at(s), CodeCircle, "this leads back to the campaign itself: "+d.Name+way,
			"Let one of the campaigns end without the next.")
		return
	}
	c.exists(d.at(s), k.Campaign, CodeUnknownCampaign, "campaign", s.Campaign)
}

// wayBack follows journey steps from a campaign to another, and gives the campaigns on the way, or "" if none leads there.
func wayBack(to, from string, live []*Definition) string {
	seen := map[string]bool{}
	var follow func(name string) string
	follow = func(name string) string {
		if name == to {
			return " → " + name
		}
		if seen[name] {
			return ""
		}
		seen[name] = true
		for _, d := range live {
			if d.Name != name {
				continue
			}
			for _, next := range d.subJourneys() {
				if way := follow(next); way != "" {
					return " → " + name + way
				}
			}
		}
		return ""
	}
	return follow(from)
}

// subJourneys lists the campaigns that journey steps lead to.
func (d *Definition) subJourneys() []string {
	var names []string
	Walk(d.Steps, func(step Step) {
		if s, ok := step.(*JourneyStep); ok {
			names = append(names, s.Campaign)
		}
	})
	return names
}
