package campaign_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

func TestPolicyOfTheLaw(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	require.NoError(t, err)
	sunday := time.Date(2026, 6, 7, 12, 0, 0, 0, paris)
	parse := func(source string) campaign.Policy {
		p, err := campaign.ParsePolicy([]byte(source))
		require.NoError(t, err)
		again, err := campaign.ParsePolicy(p.JSON())
		require.NoError(t, err)
		require.Equal(t, p, again)
		return p
	}
	law := parse(`jurisdiction: "on"`)
	require.JSONEq(t, `{"jurisdiction":"on"}`, string(law.JSON()))
	until, quiet := law.QuietUntil(audience.SMS, "FR", paris, sunday)
	require.True(t, quiet)
	require.Equal(t, time.Date(2026, 6, 8, 8, 0, 0, 0, paris), until, "no SMS on Sundays, nor before 8")
	for _, other := range []struct {
		channel audience.Channel
		country string
	}{{audience.Email, "FR"}, {audience.SMS, "UA"}} {
		_, quiet = law.QuietUntil(other.channel, other.country, paris, sunday)
		require.False(t, quiet, other)
	}
	own := parse(`{jurisdiction: "on", quiet: [{channel: sms, country: FR, from: "23:00", to: "07:00"}]}`)
	_, quiet = own.QuietUntil(audience.SMS, "FR", paris, sunday)
	require.False(t, quiet, "the workspace's own hours stand instead")
	require.Empty(t, parse(`jurisdiction: "off"`).Quiet)
	_, err = campaign.ParsePolicy([]byte(`jurisdiction: perhaps`))
	require.ErrorContains(t, err, "jurisdiction")
}
