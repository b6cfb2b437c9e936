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
}
