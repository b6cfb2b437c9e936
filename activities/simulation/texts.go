package simulation

import (
	"context"
	"fmt"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/channels/content"
	"dotyk/channels/sms"
	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
)

// texts are the text messages of the definitions that are played, compiled.
type texts map[*campaign.Definition]map[string]content.SMSVariants // by step

func (t texts) add(d *campaign.Definition, templates map[string]store.Template) error {
	compiled := map[string]content.SMSVariants{}
	for _, m := range d.Messages() {
		step, ok := m.(*campaign.SMSStep)
		if !ok {
			continue
		}
		text, err := activities.CompileSMS(step, templates)
		if err != nil {
			return fmt.Errorf("compile content of step %s: %w", step.ID, err)
		}
		compiled[step.ID] = text
	}
	t[d] = compiled
	return nil
}

// parts counts the parts of a text message as the sender does.
func (t texts) parts(ctx context.Context, d *campaign.Definition, c *rehearsal.Content) (int, error) {
	body, err := t[d][c.Step.StepID()].For(c.Recipient.Locale).Render(ctx, activities.RehearsedBindings(d.Name, c))
	if err != nil {
		return 0, fmt.Errorf("fill text: %w", err)
	}
	return sms.Count(body).Parts, nil
}
