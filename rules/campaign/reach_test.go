package campaign_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

func TestUnreachable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	both := audience.Customer{Email: "ann@example.com", Phone: "+380501112233"}
	policy := campaign.Policy{Caps: []campaign.Cap{{Channel: audience.Email, Most: 1, Within: 24 * time.Hour}}}
	sent := []campaign.Message{{ID: "m", Channel: audience.Email, Topic: "news", Campaign: "other", At: now.Add(-time.Hour)}}
	said := func(channel audience.Channel, action audience.ConsentAction) []audience.Consent {
		return []audience.Consent{{Channel: channel, Topic: "news", Action: action, OccurredAt: now.Add(-time.Hour), Method: "form"}}
	}
	for name, c := range map[string]struct {
		contact       campaign.Contact
		transactional bool
		want          string
	}{
		"by an address":              {contact: campaign.Contact{Channel: audience.Email, Customer: both}},
		"without an e-mail address":  {contact: campaign.Contact{Channel: audience.Email}, transactional: true, want: "no e-mail address on the record"},
		"without a phone number":     {contact: campaign.Contact{Channel: audience.SMS}, want: "no phone number on the record"},
		"nor for calls":              {contact: campaign.Contact{Channel: audience.Call}, want: "no phone number on the record"},
		"suppressed":                 {contact: campaign.Contact{Channel: audience.SMS, Customer: both, Suppressed: "it bounced"}, transactional: true, want: "it bounced"},
		"having refused":             {contact: campaign.Contact{Channel: audience.Email, Customer: both, Consents: said(audience.Email, audience.Withdrawn)}, want: "unsubscribed from topic news on 2026-03-29 by form"},
		"having refused elsewhere":   {contact: campaign.Contact{Channel: audience.SMS, Customer: both, Consents: said(audience.Email, audience.Withdrawn)}},
		"not asked, and must be":     {contact: campaign.Contact{Channel: audience.Email, Customer: both, Topic: audience.OptIn, Consents: said(audience.SMS, audience.Granted)}, want: "no consent to topic news, which requires opt-in"},
		"asked":                      {contact: campaign.Contact{Channel: audience.Email, Customer: both, Topic: audience.OptIn, Consents: said(audience.Email, audience.Granted)}},
		"with as much as caps allow": {contact: campaign.Contact{Channel: audience.Email, Customer: both, Sent: sent}, want: "the cap of 1 email message within 1d is reached"},
		"for what must be said":      {contact: campaign.Contact{Channel: audience.Email, Customer: both, Sent: sent, Consents: said(audience.Email, audience.Withdrawn)}, transactional: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &campaign.Definition{Name: "hello", Topic: "news", Transactional: c.transactional}
			got := d.Unreachable(c.contact, policy, now)
			if c.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, c.want)
		})
	}
}
