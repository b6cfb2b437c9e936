package campaign_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

var t0 = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func parse(t *testing.T, src string) *campaign.Definition {
	t.Helper()
	d, err := campaign.Parse([]byte(src))
	require.NoError(t, err)
	return d
}

func violations(t *testing.T, src string) campaign.Violations {
	t.Helper()
	_, err := campaign.Parse([]byte(src))
	var vs campaign.Violations
	require.ErrorAs(t, err, &vs)
	return vs
}

func event(name string, at time.Time, properties map[string]any) audience.Event {
	return audience.Event{ID: name + at.Format("150405"), Name: name, OccurredAt: at, ReceivedAt: at, Properties: properties}
}

// plans gives the ids of the steps whose messages are planned.
func plans(effects []campaign.Effect) []string {
	var ids []string
	for _, e := range effects {
		switch e := e.(type) {
		case campaign.PlanEmail:
			ids = append(ids, e.Step)
		case campaign.PlanSMS:
			ids = append(ids, e.Step)
		case campaign.UpdateCustomer, campaign.RecordDecision:
		}
	}
	return ids
}

func decisions(effects []campaign.Effect, kind string) []campaign.RecordDecision {
	var found []campaign.RecordDecision
	for _, e := range effects {
		if d, ok := e.(campaign.RecordDecision); ok && d.Kind == kind {
			found = append(found, d)
		}
	}
	return found
}

const welcome = `
campaign: welcome
trigger: {event: registered, when: 'customer.email != ""'}
reenter: {after: 30d}
topic: news
priority: 5
goal: {event: order_completed, when: event.total > 0, within: 14d}
exit: ['customer.unsubscribed', {event: order_cancelled, when: 'event.order_id == entry.order_id'}]
steps:
  - email: {id: hello, template: welcome}
  - wait: 48h
  - wait_for: {id: viewed, event: product_viewed, timeout: 3d}
  - branch:
      - when: viewed.happened
        steps:
          - update: {set: {stage: '"interested"', last_seen: viewed.sku}, add_tags: [warm, active, warm]}
          - exit: viewed
      - when: count(events("visited", "30d")) > 2
        steps: [{sms: {id: nudge, text: "Come & see"}}]
      - else: []
  - email: {subject: "Still there?", html: "<p>Hi</p>", text: Hi}
`
