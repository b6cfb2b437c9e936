package campaign_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

const policySource = `
quiet:
  - {from: "21:00", to: "09:00"}
  - {channel: sms, country: UA, from: "20:00", to: "10:00", days: sat-sun}
caps:
  - {channel: email, most: 2, within: 7d}
  - {topic: news, most: 1, within: 1d}
holdout: 2.5%
`

func policy(t *testing.T, src string) campaign.Policy {
	t.Helper()
	p, err := campaign.ParsePolicy([]byte(src))
	require.NoError(t, err)
	return p
}

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	p := policy(t, policySource)
	require.Equal(t, campaign.Share(25_000), p.Holdout)
	require.Equal(t, 7*day, p.Window())
	encoded := p.JSON()
	require.JSONEq(t, `{"quiet":[{"from":"21:00","to":"09:00"},{"channel":"sms","country":"UA","from":"20:00","to":"10:00","days":"sat,sun"}],
		"caps":[{"channel":"email","most":2,"within":"7d"},{"topic":"news","most":1,"within":"1d"}],"holdout":"2.5%"}`, string(encoded))
	require.Equal(t, p, policy(t, string(encoded)))
	none := policy(t, "{}")
	require.Zero(t, none.Window())
	require.Equal(t, "{}", string(none.JSON()))
	require.Equal(t, none, policy(t, "{quiet: [], caps: []}"))
}

func TestPolicyViolations(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"[]":                                    "a policy is a list, where a group of fields is wanted",
		"quite: []":                             `a policy has no field "quite"`,
		"quiet: {}":                             `"quiet" is a group of fields, where a list is wanted`,
		"quiet: [21]":                           "quiet hours is a number, where a group of fields is wanted",
		"quiet: [{to: '09:00'}]":                `the quiet hours have no "from"`,
		"quiet: [{from: '25:00', to: '09:00'}]": "25:00",
		"quiet: [{from: 9, to: '09:00'}]":       "this is a number, where a time of day is wanted",
		"quiet: [{from: '21:00', to: '09:00', days: some}]":  "some",
		"quiet: [{from: '21:00', to: '09:00', country: ua}]": `"ua" is no country`,
		"caps: [{channel: mail, most: 1, within: 1d}]":       `"channel" cannot be "mail"`,
		"caps: [{within: 1d}]":                               "the cap does not say how many messages",
		"caps: [{most: 1}]":                                  "the cap does not say in what time",
		"caps: [{most: 0, within: 1d}]":                      "the number of messages must be a whole number from 1 to 1000",
		"caps: [{most: 1, within: soon}]":                    "soon",
		"caps: [often]":                                      "a cap is text, where a group of fields is wanted",
		"holdout: 60%":                                       "60% of all customers would be held out",
		"holdout: some":                                      "some",
		"{":                                                  "the file cannot be read",
	} {
		_, err := campaign.ParsePolicy([]byte(src))
		var vs campaign.Violations
		require.ErrorAs(t, err, &vs, src)
		require.Contains(t, vs.Error(), want, src)
	}
}

func TestQuietUntil(t *testing.T) {
	t.Parallel()
	p := policy(t, policySource)
	kyiv, err := time.LoadLocation("Europe/Kyiv")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		channel audience.Channel
		country string
		zone    *time.Location
		at      string
		until   string
	}{
		"Day":             {audience.Email, "UA", kyiv, "2026-01-05T10:00:00Z", ""},
		"Night":           {audience.Email, "UA", kyiv, "2026-01-05T19:00:00Z", "2026-01-06T07:00:00Z"},
		"AfterMidnight":   {audience.Email, "", time.UTC, "2026-01-06T00:30:00Z", "2026-01-06T09:00:00Z"},
		"ItsEnd":          {audience.Email, "", time.UTC, "2026-01-06T09:00:00Z", ""},
		"WeekendOfSMS":    {audience.SMS, "UA", kyiv, "2026-01-10T18:30:00Z", "2026-01-11T08:00:00Z"},
		"WeekendElsewher": {audience.SMS, "PL", kyiv, "2026-01-10T18:30:00Z", ""},
		"WeekendOfEmail":  {audience.Email, "UA", kyiv, "2026-01-10T18:30:00Z", ""},
		"SpringForward":   {audience.Email, "", kyiv, "2026-03-28T20:00:00Z", "2026-03-29T06:00:00Z"},
		"FallBack":        {audience.Email, "", kyiv, "2026-10-24T20:00:00Z", "2026-10-25T07:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			until, quiet := p.QuietUntil(c.channel, c.country, c.zone, at(t, c.at))
			require.Equal(t, c.until != "", quiet)
			if quiet {
				require.Equal(t, c.until, until.UTC().Format(time.RFC3339))
			}
		})
	}
	_, quiet := campaign.Policy{}.QuietUntil(audience.SMS, "UA", kyiv, t0)
	require.False(t, quiet)
}

func TestSlot(t *testing.T) {
	t.Parallel()
	p := policy(t, policySource)
	message := func(id string, priority int, before time.Duration) campaign.Message {
		return campaign.Message{ID: id, Channel: audience.Email, Topic: id, Campaign: "of " + id, Priority: priority, At: t0.Add(-before)}
	}
	news := func(id string, before time.Duration) campaign.Message {
		return campaign.Message{ID: id, Channel: audience.SMS, Topic: "news", At: t0.Add(-before)}
	}
	sms := campaign.Message{ID: "s", Channel: audience.SMS, Topic: "other", At: t0}
	const full = "the cap of 2 email messages within 7d is reached"
	for name, c := range map[string]struct {
		m            campaign.Message
		sent, rivals []campaign.Message
		why          string
	}{
		"Free":           {message("m", 0, 0), []campaign.Message{message("x", 0, day), sms}, nil, ""},
		"Full":           {message("m", 0, 0), []campaign.Message{message("x", 0, day), message("y", 0, 6*day)}, nil, full},
		"LongAgo":        {message("m", 0, 0), []campaign.Message{message("x", 0, day), message("y", 0, 7*day)}, nil, ""},
		"OtherChannel":   {sms, []campaign.Message{message("x", 0, day), message("y", 0, 6*day)}, nil, ""},
		"Itself":         {message("m", 0, 0), []campaign.Message{message("x", 0, day), message("m", 0, 0)}, []campaign.Message{message("m", 0, 0)}, ""},
		"HigherPriority": {message("m", 1, 0), []campaign.Message{message("x", 0, day)}, []campaign.Message{message("z", 2, 0)}, full + ": the place went to a message of campaign of z, of priority 2"},
		"LowerPriority":  {message("m", 1, 0), []campaign.Message{message("x", 0, day)}, []campaign.Message{message("a", 0, time.Hour)}, ""},
		"Earlier":        {message("m", 1, 0), []campaign.Message{message("x", 0, day)}, []campaign.Message{message("z", 1, time.Hour)}, full + ": the place went to a message of campaign of z, of priority 1"},
		"LesserID":       {message("m", 1, 0), []campaign.Message{message("x", 0, day)}, []campaign.Message{message("a", 1, 0)}, full + ": the place went to a message of campaign of a, of priority 1"},
		"GreaterID":      {message("m", 1, 0), []campaign.Message{message("x", 0, day)}, []campaign.Message{message("z", 1, 0)}, ""},
		"RivalIsCapped": { // it cannot have a place because of another cap, so it takes none
			message("m", 0, 0),
			[]campaign.Message{message("x", 0, day), news("n", time.Hour)},
			[]campaign.Message{{ID: "z", Channel: audience.Email, Topic: "news", Priority: 9, At: t0}},
			"",
		},
		"Topic": {news("m", 0), []campaign.Message{news("x", time.Hour)}, nil, "the cap of 1 message on topic news within 1d is reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ok, why := p.Slot(c.m, c.sent, c.rivals)
			require.Equal(t, c.why, why)
			require.Equal(t, c.why == "", ok)
		})
	}
}
