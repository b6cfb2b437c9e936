package campaigns

import (
	"maps"
	"slices"

	"dotyk/channels/webhook"
	"dotyk/rules/campaign"
)

// refusedHeaders reports headers of webhooks that would be refused when the requests go out.
func refusedHeaders(d *campaign.Definition) campaign.Violations {
	var bad campaign.Violations
	campaign.Walk(d.Steps, func(step campaign.Step) {
		hook, ok := step.(*campaign.WebhookStep)
		if !ok {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(hook.Headers)) {
			if err := webhook.CheckHeader(name, hook.Headers[name]); err != nil {
				bad = append(bad, d.Fault(hook, campaign.CodeBadValue, "step "+hook.StepID()+": "+err.Error(), ""))
			}
		}
	})
	return bad
}
