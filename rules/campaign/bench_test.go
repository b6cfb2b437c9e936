package campaign_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/rules/campaign"
)

func BenchmarkCampaign(b *testing.B) {
	d, err := campaign.Parse([]byte(welcome))
	require.NoError(b, err)
	canonical, err := d.Canonical()
	require.NoError(b, err)
	b.Run("Decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := campaign.Decode(canonical); err != nil {
				b.Fatal(err)
			}
		}
	})
	j := campaign.Start(d, "j", "", nil, t0)
	b.Run("Advance", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			campaign.Advance(d, j, campaign.Facts{}, t0.Add(6*day))
		}
	})
	short, err := campaign.Parse([]byte("{campaign: c, trigger: {event: e}, topic: news, steps: [{email: {template: a}}, {wait: 2d}, {email: {template: b}}]}"))
	require.NoError(b, err)
	b.Run("EnterEmailWait", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			campaign.Advance(short, campaign.Start(short, "j", "", nil, t0), campaign.Facts{}, t0)
		}
	})
}
