package channels_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/channels"
)

func TestTrackingSettings(t *testing.T) {
	t.Parallel()
	const public = "https://dotyk.example/"
	for domain, base := range map[string]string{
		"": "https://dotyk.example", "https://go.shop.example": "https://go.shop.example",
		"https://go.shop.example/": "https://go.shop.example", "http://localhost:8080": "http://localhost:8080",
	} {
		s := channels.Settings{Tracking: channels.TrackingSettings{Domain: domain}}
		require.NoError(t, s.Check(), domain)
		require.Equal(t, base, s.Tracking.Base(public))
	}
	for _, domain := range []string{
		"go.shop.example", "ftp://go.shop.example", "https://", "https://a.example/path", "https://a.example?x=1", "https://a@b.example", "https://[",
	} {
		s := channels.Settings{Tracking: channels.TrackingSettings{Domain: domain}}
		require.ErrorContains(t, s.Check(), "without a path", domain)
	}
}
