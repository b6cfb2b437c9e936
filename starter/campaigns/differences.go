package campaigns

import (
	"fmt"
	"maps"
	"slices"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
)

// templateDifferences lists, by name, what is different in the templates of b that a has as well, or has not.
func templateDifferences(a, b map[string]store.Template) []campaign.Difference {
	var list []campaign.Difference
	for _, name := range slices.Sorted(maps.Keys(b)) {
		before, had := a[name]
		after := b[name]
		if !had {
			list = append(list, campaign.Difference{Path: "templates." + name, After: after.Subject})
			continue
		}
		for _, part := range []struct{ field, before, after string }{
			{"subject", before.Subject, after.Subject}, {"html", before.HTML, after.HTML}, {"text", before.Text, after.Text},
		} {
			if part.before != part.after {
				list = append(list, campaign.Difference{
					Path: fmt.Sprintf("templates.%s.%s", name, part.field), Before: part.before, After: part.after,
				})
			}
		}
	}
	return list
}

// Disturbs reports whether a plan does anything to journeys under way.
func Disturbs(plan store.PublicationPlan) bool {
	return slices.ContainsFunc(plan.Waiting, func(w store.WaitingAt) bool {
		return w.Journeys > 0 && w.Policy != store.PolicyStay
	})
}
