package rehearsal

import (
	"cmp"
	"maps"
	"slices"

	"dotyk/rules"
	"dotyk/rules/campaign"
)

// Wants is what must be known of the past to play a campaign.
type Wants struct {
	rules.Needs          // of what was before the time that is played
	Events      []string // names of the events of that time that matter, sorted
	Lists       []string // static segments that steps add to or remove from, sorted
	Pools       []string // of coupons, sorted
	Changes     []string // what its steps change, in the form of rules.Needs.Mentions, sorted
}

// Asks tells what must be known to play some campaigns.
func Asks(definitions ...*campaign.Definition) Wants {
	var w Wants
	for _, d := range definitions {
		w.Also(d.Needs().Merge(d.TriggerNeeds()))
		w.Events = append(w.Events, d.TriggerEvent())
		if t, ok := d.Trigger.(campaign.SegmentTrigger); ok {
			w.Segments = append(w.Segments, t.Segment)
		}
		if d.Goal != nil {
			w.Events = append(w.Events, d.Goal.Event)
		}
		for _, exit := range d.Exit {
			w.Events = append(w.Events, exit.Event)
		}
		w.Changes = append(w.Changes, rules.MentionJourneys+d.Name)
		campaign.Walk(d.Steps, func(step campaign.Step) { w.step(d.Name, step) })
	}
	w.sort()
	return w
}

// Also adds what the rule of a segment needs.
func (w *Wants) Also(n rules.Needs) {
	w.Needs = w.Merge(n)
	w.Events = append(w.Events, slices.Collect(maps.Keys(n.History))...)
	w.sort()
}

func (w *Wants) sort() {
	for _, names := range []*[]string{&w.Events, &w.Lists, &w.Pools, &w.Changes, &w.Segments} {
		slices.Sort(*names)
		*names = slices.DeleteFunc(slices.Compact(*names), func(name string) bool { return name == "" })
	}
}

func (w *Wants) step(name string, step campaign.Step) {
	switch s := step.(type) {
	case *campaign.WaitForStep:
		w.Events = append(w.Events, s.Event)
	case *campaign.CouponStep:
		w.Events, w.Pools = append(w.Events, cmp.Or(s.Event, redeemingEvent)), append(w.Pools, s.Pool)
	case *campaign.UpdateStep:
		for _, set := range slices.Concat(s.Set, s.Add) {
			w.Changes = append(w.Changes, rules.MentionProfile+set.Attribute)
		}
		if len(s.AddTags)+len(s.RemoveTags) > 0 {
			w.Changes = append(w.Changes, rules.MentionProfile+"tags")
		}
		w.Lists = slices.Concat(w.Lists, s.AddTo, s.RemoveFrom)
	case *campaign.OwnerStep:
		w.Changes = append(w.Changes, rules.MentionProfile+"owner")
	case *campaign.EmailStep, *campaign.SMSStep:
		w.Changes = append(w.Changes, rules.MentionTouch+name+"/"+s.StepID())
	case *campaign.CallStep, *campaign.TaskStep, *campaign.WebhookStep, *campaign.WaitStep, *campaign.BranchStep,
		*campaign.SplitStep, *campaign.DecideStep, *campaign.RepeatStep, *campaign.NoteStep, *campaign.JourneyStep,
		*campaign.ExitStep:
	}
}
