package rules_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/rules"
)

func BenchmarkRule(b *testing.B) {
	const src = `customer.email != "" and customer.age > 18 and sum(events("order_completed", "90d"), .total) > 40`
	rule, err := rules.Compile(src, rules.Options{})
	require.NoError(b, err)
	env := fullEnv()
	b.Run("Compile", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := rules.Compile(src, rules.Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Bool", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if held, err := rule.Bool(env); err != nil || !held {
				b.Fatal(held, err)
			}
		}
	})
	b.Run("Judge", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := rule.Judge(env); err != nil {
				b.Fatal(err)
			}
		}
	})
}
