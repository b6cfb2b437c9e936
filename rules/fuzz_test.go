package rules_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/rules"
)

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		`customer.email != "" and count(events("order_completed", "90d")) > 2`, `sum(events("a"), .total) in 1..5`,
		`local(now, customer.timezone).hour >= 9 ? bought.happened : not sent("hello").delivered`,
		`any(events("a"), any(.items, .sku matches "^A")) or min(1, 2) == avg([1, 2])`, `1..1e9`, `repeat("x", 1e9)`,
		`let a = 1; a`, `{a: 1}.a`, `#`, `.x`, `a?.b?.[1]`, `map(1, #index)`, "`raw`", `b"x" == 1`, `$env`, `::len(1)`,
		`customer.a ?? customer.b ?? 1`, `if 1 == 1 { 2 } else { 3 }`, `-9223372036854775808 % -1 / 0`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		options := fullOptions()
		for _, options.Want = range []rules.Want{rules.WantBool, rules.WantValue, rules.WantText} {
			rule, err := rules.Compile(src, options)
			var fault *rules.Error
			if err != nil {
				require.ErrorAs(t, err, &fault)
				require.NotContains(t, fault.Message, "goroutine")
				continue
			}
			held, err := rule.Bool(fullEnv())
			known, always := rule.Always()
			switch {
			case err != nil:
				require.True(t, errors.Is(err, rules.ErrNotBoolean) || errors.Is(err, rules.ErrWork) || errors.Is(err, rules.ErrMemory),
					"%v", err)
			case always:
				require.Equal(t, known, held)
			}
			value, err := rule.Value(fullEnv())
			if err == nil {
				_, err = json.Marshal(value)
				require.NoError(t, err)
			}
			_, err = json.Marshal(rule.Values(fullEnv()))
			require.NoError(t, err)
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, seed := range []string{"90d", "1h30m", "2w", "", "1", "d", "99999999999999d", "1m1h", "1d1d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := rules.ParseDuration(s)
		if err != nil {
			require.ErrorIs(t, err, rules.ErrDuration)
			return
		}
		again, err := rules.ParseDuration(rules.FormatDuration(d))
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}
