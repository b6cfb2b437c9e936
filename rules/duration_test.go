package rules_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "2d": 48 * time.Hour, "2w": 14 * 24 * time.Hour,
		"1w2d3h4m5s": 9*24*time.Hour + 3*time.Hour + 4*time.Minute + 5*time.Second, "0s": 0,
	} {
		got, err := rules.ParseDuration(s)
		require.NoError(t, err)
		require.Equal(t, want, got, s)
	}
	for s, message := range map[string]string{
		"":                      `not a duration: "": it is empty`,
		"2":                     `not a duration: "2": a unit is missing: w, d, h, m or s`,
		"2 d":                   `not a duration: "2 d": ' ' is not a unit: w, d, h, m or s`,
		"-2d":                   `not a duration: "-2d": expected a whole number at "-2d"`,
		"1.5h":                  `not a duration: "1.5h": '.' is not a unit: w, d, h, m or s`,
		"30m1h":                 `not a duration: "30m1h": units go from the longest to the shortest, each once: w, d, h, m, s`,
		"200000d":               `not a duration: "200000d": it is too long`,
		"99999999999999999999d": `not a duration: "99999999999999999999d": it is too long`,
		"100000w99999d":         `not a duration: "100000w99999d": it is too long`,
	} {
		_, err := rules.ParseDuration(s)
		require.EqualError(t, err, message)
		require.ErrorIs(t, err, rules.ErrDuration)
	}
}

func TestFormatDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0s", 90 * time.Minute: "1h30m", 14 * 24 * time.Hour: "14d", 25*time.Hour + time.Second: "1d1h1s",
	} {
		require.Equal(t, want, rules.FormatDuration(d))
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	names := []string{"customer", "event", "entry", "now"}
	for misspelt, want := range map[string]string{
		"custmer": "customer", "evnet": "event", "wno": "now", "zebra": "", "": "", "customers": "customer",
	} {
		require.Equal(t, want, rules.Suggest(misspelt, names), misspelt)
	}
}

func TestReserved(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"customer", "event", "now", "and", "count", "rfm", "null", "sent"} {
		require.True(t, rules.Reserved(name), name)
	}
	require.False(t, rules.Reserved("bought"))
}
