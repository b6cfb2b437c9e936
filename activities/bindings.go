package activities

import (
	"dotyk/channels/content"
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
