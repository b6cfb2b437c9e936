package campaigns

import (
	"fmt"
	"slices"
	"strings"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/channels/content"
	"dotyk/rules"
	"dotyk/rules/campaign"
)

// recordFields are what every customer has for templates.
var recordFields = []string{
	"id", "kind", "external_id", "email", "phone", "name", "first_name", "locale", "timezone", "stage", "tags", "created_at",
}

// unknownMentions warns of names in messages that nothing stands behind: whoever gets such a message finds a hole in it.
// Attributes are only looked at where the data of a workspace is known.
func unknownMentions(d *campaign.Definition, templates map[string]store.Template, schema *rules.Schema) campaign.Violations {
	names := []string{
		"customer", "entry", "campaign", "unsubscribe_url", "preferences_url", "confirm_url", "postal_address",
	}
	fields := slices.Clone(recordFields)
	campaign.Walk(d.Steps, func(step campaign.Step) {
		switch s := step.(type) {
		case *campaign.WaitForStep, *campaign.WaitStep, *campaign.SplitStep, *campaign.DecideStep, *campaign.CouponStep,
			*campaign.WebhookStep, *campaign.JourneyStep:
			names = append(names, s.StepID())
		case *campaign.UpdateStep:
			for _, a := range slices.Concat(s.Set, s.Add) {
				fields = append(fields, a.Attribute)
			}
		case *campaign.EmailStep, *campaign.SMSStep, *campaign.CallStep, *campaign.TaskStep, *campaign.NoteStep,
			*campaign.OwnerStep, *campaign.BranchStep, *campaign.RepeatStep, *campaign.ExitStep:
		}
	})
	var list campaign.Violations
	for _, m := range d.Messages() {
		for _, mention := range content.Mentions(activities.Sources(m, templates)...) {
			name, field, _ := strings.Cut(mention, ".")
			switch {
			case !slices.Contains(names, name):
				list = append(list, d.Fault(m, campaign.CodeUnknownName,
					fmt.Sprintf("step %s: nothing is called %q, so {{ %s }} shows nothing", m.StepID(), name, mention),
					"A message can show "+strings.Join(names, ", ")+"."))
			case name == "customer" && field != "" && !slices.Contains(fields, field) && lacks(schema, field):
				list = append(list, d.Fault(m, campaign.CodeUnknownName,
					fmt.Sprintf("step %s: no attribute is called %q, so {{ %s }} shows nothing", m.StepID(), field, mention),
					"Correct the name; if it is to come, declare it: starter catalogue declare attribute "+field+" TYPE."))
			}
		}
	}
	return list
}

// lacks reports whether it is known which attributes there are, and this is none of them.
func lacks(schema *rules.Schema, attribute string) bool {
	if schema == nil || schema.Attributes == nil {
		return false
	}
	_, ok := schema.Attributes[attribute]
	return !ok
}
