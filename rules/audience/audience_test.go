package audience_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/audience"
)

func TestMayContact(t *testing.T) {
	t.Parallel()
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	say := func(topic string, action audience.ConsentAction, day int) audience.Consent {
		return audience.Consent{Topic: topic, Action: action, OccurredAt: at(day), Method: "api"}
	}
	const news, offers, all = "news", "offers", audience.AllTopics
	for name, c := range map[string]struct {
		policy   audience.TopicPolicy
		consents []audience.Consent
		refusal  audience.Refusal
	}{
		"nothing said, opt-out":   {audience.OptOut, nil, ""},
		"nothing said, opt-in":    {audience.OptIn, nil, "no consent to topic news, which requires opt-in"},
		"another topic":           {audience.OptIn, []audience.Consent{say(offers, audience.Granted, 1)}, "no consent to topic news, which requires opt-in"},
		"granted":                 {audience.OptIn, []audience.Consent{say(news, audience.Granted, 1)}, ""},
		"withdrawn":               {audience.OptOut, []audience.Consent{say(news, audience.Withdrawn, 2)}, "unsubscribed from topic news on 2026-01-02 by api"},
		"withdrawn from all":      {audience.OptOut, []audience.Consent{say(news, audience.Granted, 1), say(all, audience.Withdrawn, 2)}, "unsubscribed from all messages on 2026-01-02 by api"},
		"granted again":           {audience.OptOut, []audience.Consent{say(all, audience.Withdrawn, 1), say(news, audience.Granted, 2)}, ""},
		"out of order":            {audience.OptOut, []audience.Consent{say(all, audience.Withdrawn, 2), say(news, audience.Granted, 1)}, "unsubscribed from all messages on 2026-01-02 by api"},
		"the last of one instant": {audience.OptOut, []audience.Consent{say(news, audience.Granted, 1), say(news, audience.Withdrawn, 1)}, "unsubscribed from topic news on 2026-01-01 by api"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.refusal, audience.MayContact(news, c.policy, c.consents))
		})
	}
}

func TestBefore(t *testing.T) {
	t.Parallel()
	open := []audience.TouchStatus{audience.Planned, audience.Claimed, audience.Uncertain}
	taken := append(slices.Clone(open), audience.Accepted)
	for to, want := range map[audience.TouchStatus][]audience.TouchStatus{
		audience.Accepted:   open,
		audience.Delivered:  taken,
		audience.Failed:     taken,
		audience.Suppressed: taken,
		audience.Uncertain:  {audience.Claimed},
		audience.Planned:    {audience.Claimed},
	} {
		require.Equal(t, want, audience.Before(to), to)
	}
}

func TestCustomerKindValid(t *testing.T) {
	t.Parallel()
	require.True(t, audience.Client.Valid() && audience.Partner.Valid() && audience.Supplier.Valid())
	require.False(t, audience.CustomerKind("").Valid())
}
