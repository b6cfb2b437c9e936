package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dotyk/rules/campaign"
)

// assumptions says in plain words what the figures take for granted.
func (p *player) assumptions() []string {
	said := []string{
		fmt.Sprintf("The draft is played as if it had been published on %s. What happened before starts nothing, but rules see it.",
			p.From.UTC().Format("2006-01-02 15:04 UTC")),
		"Fields, attributes and tags of customers are as they are now: no history of them is kept. What the draft " +
			"itself changes counts from that moment on.",
		"Events, consents, suppressions and requests happen when they really did. Nobody reacts to what only the draft " +
			"would have sent: clicks, orders and replies are the real ones. Of an address that was suppressed more than " +
			"once, the last time counts.",
		"Every message is taken by the provider at once. Text messages are filled in for each customer and counted in parts; " +
			"e-mails are not filled in.",
		"Journeys of this campaign that really began earlier count for whether it may be entered again; they are not played on.",
	}
	if len(p.policy.Caps) > 0 {
		said = append(said, "Under the caps stand what was really sent before the beginning, and what the draft would send. What "+
			"other campaigns really sent later is shown beside it, as who would be contacted too much.")
	}
	if len(p.segments.history) > 0 {
		said = append(said, "Members of these segments are those that they really had: "+
			strings.Join(p.segments.history, ", ")+".")
	}
	if names := slices.Sorted(maps.Keys(p.segments.rules)); len(names) > 0 {
		said = append(said, "Members of these segments are found by their rules, because they are younger than the "+
			"beginning, or because the draft would change who belongs to them: "+strings.Join(names, ", ")+".")
	}
	if len(p.segments.unknown) > 0 {
		said = append(said, "There are no segments of these names, so nobody belongs to them: "+
			strings.Join(p.segments.unknown, ", ")+".")
	}
	if p.wants.Scores {
		said = append(said, "Scores are those that were computed before the beginning.")
	}
	said = append(said, p.ofSteps()...)
	if p.Policy != nil {
		said = append(said, "Quiet hours, caps and the holdout are those of the policy that was given, not the workspace's.")
	}
	if p.Sample > 0 && p.workspace.Customers > p.Sample {
		said = append(said, fmt.Sprintf("Only a sample is played: about %d of %d customers. All figures are of the sample.",
			p.Sample, p.workspace.Customers))
	}
	switch {
	case p.same:
		said = append(said, "The draft is the live version, so there is nothing to compare it with.")
	case p.live == nil:
		said = append(said, "No version of this campaign is live, so there is nothing to compare the draft with.")
	}
	return said
}

// ofSteps says what is taken for granted of what lies outside.
func (p *player) ofSteps() []string {
	var tasks, webhooks, journeys, winners, coupons bool
	campaign.Walk(p.Draft.Steps, func(step campaign.Step) {
		switch s := step.(type) {
		case *campaign.TaskStep, *campaign.CallStep:
			tasks = true
		case *campaign.WebhookStep:
			webhooks = true
		case *campaign.JourneyStep:
			journeys = true
		case *campaign.SplitStep:
			winners = winners || slices.ContainsFunc(s.Arms, func(arm campaign.SplitArm) bool { return arm.Winner })
		case *campaign.CouponStep:
			coupons = true
		case *campaign.EmailStep, *campaign.SMSStep, *campaign.WaitStep, *campaign.WaitForStep, *campaign.BranchStep,
			*campaign.DecideStep, *campaign.RepeatStep, *campaign.UpdateStep, *campaign.OwnerStep, *campaign.NoteStep,
			*campaign.ExitStep:
		}
	})
	var said []string
	for _, s := range []struct {
		holds bool
		text  string
	}{
		{tasks, "Tasks and calls are counted and stay open: nobody completes them."},
		{webhooks, "Servers answer every request with status 200 and nothing else."},
		{journeys, "Other campaigns are not played: a step that puts customers into one is answered as if they were not let in."},
		{winners, "No experiment is decided by its figures: of each, the default arm wins."},
		{coupons, "Coupons are made up, also where they come from a pool, and nobody redeems them."},
	} {
		if s.holds {
			said = append(said, s.text)
		}
	}
	return said
}
