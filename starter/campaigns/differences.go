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
			{"subject", before.Subject, after.Subject},
			{"html", before.HTML, after.HTML},
			{"text", before.Text, after.Text},
			{"preheader", before.Preheader, after.Preheader},
			{"layout", before.Layout, after.Layout},
			{"locale", before.Locale, after.Locale},
			{"kind", string(before.Kind), string(after.Kind)},
		} {
			if part.before != part.after {
				list = append(list, campaign.Difference{
					Path: fmt.Sprintf("templates.%s.%s", name, part.field), Before: part.before, After: part.after,
				})
			}
		}
		list = append(list, variantDifferences(name, before, after)...)
	}
	return list
}

func variantDifferences(name string, before, after store.Template) []campaign.Difference {
	var list []campaign.Difference
	for _, locale := range slices.Sorted(maps.Keys(after.Variants)) {
		a, b := before.Variants[locale], after.Variants[locale]
		for _, part := range []struct{ field, before, after string }{
			{"subject", a.Subject, b.Subject}, {"preheader", a.Preheader, b.Preheader}, {"html", a.HTML, b.HTML}, {"text", a.Text, b.Text},
		} {
			if part.before != part.after {
				path := fmt.Sprintf("templates.%s.%s.%s", name, locale, part.field)
				list = append(list, campaign.Difference{Path: path, Before: part.before, After: part.after})
			}
		}
	}
	for _, locale := range slices.Sorted(maps.Keys(before.Variants)) {
		if _, has := after.Variants[locale]; !has {
			list = append(list, campaign.Difference{
				Path: fmt.Sprintf("templates.%s.%s", name, locale), Before: before.Variants[locale].Subject,
			})
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
