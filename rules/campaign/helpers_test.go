package campaign_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules"
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
		if email, ok := e.(campaign.PlanEmail); ok {
			ids = append(ids, email.Step)
		} else if sms, ok := e.(campaign.PlanSMS); ok {
			ids = append(ids, sms.Step)
		}
	}
	return ids
}

// of gives the effects of one kind.
func of[E campaign.Effect](effects []campaign.Effect) []E {
	var found []E
	for _, e := range effects {
		if e, ok := e.(E); ok {
			found = append(found, e)
		}
	}
	return found
}

func decisions(effects []campaign.Effect, kind string) []campaign.RecordDecision {
	var found []campaign.RecordDecision
	for _, d := range of[campaign.RecordDecision](effects) {
		if d.Kind == kind {
			found = append(found, d)
		}
	}
	return found
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return parsed.UTC()
}

// with gives facts about a customer with attributes; "timezone" is a field of the record.
func with(attributes map[string]any) campaign.Facts {
	zone, _ := attributes["timezone"].(string)
	return campaign.Facts{Facts: rules.Facts{Customer: audience.Customer{ID: "c1", Timezone: zone, Attributes: attributes}}}
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

// long is a text that is too long to be doubled in a rule.
var long = strings.Repeat("x", 60_000)
