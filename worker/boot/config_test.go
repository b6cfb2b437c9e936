package boot

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/rules/audience"
)

func TestRates(t *testing.T) {
	t.Parallel()
	for messages, want := range map[float64]sendRate{
		0: {}, 0.5: {1, 0.5}, 40: {1, 40}, 100: {3, 100.0 / 3}, 1000: {25, 40},
	} {
		require.Equal(t, want, rateOf(messages), "%v a second", messages)
	}
	c := Config{EmailRate: 100, SMSRate: 1}
	require.Equal(t, 3, c.rate(audience.Email).chunk)
	require.Equal(t, 1, c.rate(audience.SMS).chunk)
	require.Zero(t, c.rate(audience.Webhook))
	c.SMSRate = -1
	require.ErrorIs(t, c.Check(), errNegativeRate)
}
