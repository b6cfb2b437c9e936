package audience_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/audience"
)

func TestMayContactIn(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	ago := func(months int) time.Time { return at.AddDate(0, -months, 0) }
	said := func(action audience.ConsentAction, expires time.Time) []audience.Consent {
		return []audience.Consent{{Topic: "news", Action: action, OccurredAt: ago(1), Method: "form", ExpiresAt: expires}}
	}
	in := func(country string, bought, asked time.Time) audience.Circumstances {
		return audience.Circumstances{At: at, Law: audience.LawOf(country, audience.Email), Bought: bought, Asked: asked}
	}
	var never time.Time
	const canada = audience.Refusal("no consent, which the law of CA requires for email")
	for name, c := range map[string]struct {
		c      audience.Circumstances
		policy audience.TopicPolicy
		said   []audience.Consent
		want   audience.Refusal
	}{
		"requested, double":        {audience.Circumstances{}, audience.DoubleOptIn, said(audience.Requested, never), "consent to topic news was requested and is not confirmed"},
		"requested, opt-out":       {audience.Circumstances{}, audience.OptOut, said(audience.Requested, never), ""},
		"nothing, double":          {audience.Circumstances{}, audience.DoubleOptIn, nil, "no consent to topic news, which requires opt-in"},
		"confirmed":                {audience.Circumstances{}, audience.DoubleOptIn, said(audience.Confirmed, never), ""},
		"objected":                 {audience.Circumstances{}, audience.OptOut, said(audience.Objected, never), "unsubscribed from topic news on 2026-05-01 by form"},
		"expired":                  {audience.Circumstances{}, audience.OptOut, said(audience.Expired, never), "consent to topic news expired on 2026-05-01"},
		"its time is up":           {audience.Circumstances{At: at}, audience.OptIn, said(audience.Granted, at), "consent to topic news expired on 2026-06-01"},
		"its time is not up":       {audience.Circumstances{At: at}, audience.OptIn, said(audience.Granted, at.Add(1)), ""},
		"Canada, nothing":          {in("CA", never, never), audience.OptOut, nil, canada},
		"Canada, bought lately":    {in("CA", ago(23), never), audience.OptOut, nil, ""},
		"Canada, bought long ago":  {in("CA", ago(24), never), audience.OptOut, nil, canada},
		"Canada, asked lately":     {in("CA", never, ago(5)), audience.OptOut, nil, ""},
		"Canada, asked long ago":   {in("CA", never, ago(6)), audience.OptOut, nil, canada},
		"Canada, opt-in is more":   {in("CA", ago(1), never), audience.OptIn, nil, "no consent to topic news, which requires opt-in"},
		"Germany, bought ever":     {in("DE", ago(240), never), audience.OptOut, nil, ""},
		"Ukraine, bought":          {in("UA", ago(1), never), audience.OptOut, nil, "no consent, which the law of UA requires for email"},
		"Ukraine, granted":         {in("UA", never, never), audience.OptOut, said(audience.Granted, never), ""},
		"United States":            {in("US", never, never), audience.OptOut, nil, ""},
		"nobody knows the country": {in("", never, never), audience.OptOut, nil, "no consent, which the law of an unknown country requires for email"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, audience.MayContactIn(c.c, "news", c.policy, c.said))
		})
	}
}

func TestLaws(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, l := range audience.Laws() {
		key := l.Country + " " + string(l.Channel)
		require.False(t, seen[key], key)
		seen[key] = true
		require.Len(t, l.Country, 2)
		require.NotEmpty(t, l.Source, key)
		require.NotEmpty(t, l.AsOf, key)
		require.Positive(t, l.ProofMonths, key)
	}
	require.True(t, audience.LawOf("CA", audience.Email).Postal)
}
