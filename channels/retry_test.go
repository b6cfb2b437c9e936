package channels_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"soon":                          0,
		"-5":                            0,
		"7":                             7 * time.Second,
		"99999999999":                   24 * time.Hour,
		"Mon, 23 Nov 2026 10:00:30 GMT": 30 * time.Second,
		"Mon, 23 Nov 2026 09:00:00 GMT": 0,
		"Tue, 23 Nov 2027 09:00:00 GMT": 24 * time.Hour,
	} {
		require.Equal(t, want, channels.RetryAfter(value, now), value)
	}
}
