package activities

import (
	"dotyk/channels/content"
	"dotyk/rules/audience"
	"dotyk/rules/campaign/rehearsal"
)

// RehearsedBindings is what the template of a rehearsed message, task or note may mention: the same as that of a real one.
func RehearsedBindings(campaign string, c *rehearsal.Content) content.Bindings {
	a := about{
		customer: c.Recipient, entry: c.Entry, results: c.Position.Results, coupons: c.Coupons, codeless: c.Codeless,
		campaign: campaign, version: 1,
	}
	return a.bindings()
}

// PreviewBindings is what a template may mention that is filled in for a customer outside of any journey: entry is what
// would have started one.
func PreviewBindings(campaign string, version int, c audience.Customer, entry map[string]any) content.Bindings {
	a := about{customer: c, entry: entry, campaign: campaign, version: version}
	return a.bindings()
}
