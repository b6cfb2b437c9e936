package campaign_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/campaign"
)

func TestBrakes(t *testing.T) {
	t.Parallel()

	t.Run("Pass at the first case above the limit, and not before enough messages", func(t *testing.T) {
		t.Parallel()
		b, err := campaign.ParseBrakes([]byte("{bounces: 3%, complaints: 0.1%, spend: 10.10, per: 1h, after: 200}"))
		require.NoError(t, err)
		for _, c := range []struct {
			counts campaign.BrakeCounts
			limit  string
		}{
			{campaign.BrakeCounts{Messages: 199, Bounces: 199}, ""},
			{campaign.BrakeCounts{Messages: 200, Bounces: 6}, ""},
			{campaign.BrakeCounts{Messages: 200, Bounces: 7}, "bounces"},
			{campaign.BrakeCounts{Messages: 200, Complaints: 1}, ""}, // chance
			{campaign.BrakeCounts{Messages: 2000, Complaints: 2}, ""},
			{campaign.BrakeCounts{Messages: 1999, Complaints: 2}, "complaints"},
			{campaign.BrakeCounts{Messages: 200, Failures: 200}, ""}, // no limit is set
			{campaign.BrakeCounts{Messages: 1, Spend: "10.100000"}, ""},
			{campaign.BrakeCounts{Messages: 1, Spend: "10.100001"}, "spend"},
		} {
			limit, why := b.Passed(c.counts)
			require.Equal(t, c.limit, limit, "%+v", c.counts)
			require.Equal(t, limit == "", why == "")
		}
		_, why := b.Passed(campaign.BrakeCounts{Messages: 200, Bounces: 7})
		require.Equal(t, "7 of 200 messages bounced within 1h: 3.50%, more than 3%", why)
		limit, _ := campaign.Brakes{None: true}.Over(b).Passed(campaign.BrakeCounts{Messages: 200, Bounces: 200})
		require.Empty(t, limit)
	})

	t.Run("Take what they do not say from the workspace", func(t *testing.T) {
		t.Parallel()
		b, err := campaign.ParseBrakes([]byte("{bounces: 50%, per: 1d}"))
		require.NoError(t, err)
		all := b.Over(campaign.DefaultBrakes())
		require.Equal(t, "50%", all.Bounces.String())
		require.Equal(t, "0.3%", all.Complaints.String())
		require.Equal(t, 24*time.Hour, all.Per)
		require.Equal(t, 200, all.After)
	})

	t.Run("Survive JSON", func(t *testing.T) {
		t.Parallel()
		for _, source := range []string{`"none"`, `{"bounces":"3%","spend":100.5,"per":"1h","after":200}`, `{}`} {
			var b campaign.Brakes
			require.NoError(t, json.Unmarshal([]byte(source), &b), source)
			raw, err := json.Marshal(b)
			require.NoError(t, err)
			require.JSONEq(t, source, string(raw))
		}
		var b campaign.Brakes
		require.ErrorContains(t, json.Unmarshal([]byte(`{"bounce":"3%"}`), &b), "bounces")
	})
}
