package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSegmentsRefuseToMeasure makes sure that nothing is compared that does not answer the same question.
func TestSegmentsRefuseToMeasure(t *testing.T) {
	t.Parallel()
	const everybody = `SELECT c.id FROM customers c WHERE c.workspace_id = $1 AND $2::timestamptz IS NOT NULL`
	for name, c := range map[string]struct{ rule, hand, want string }{
		"other answer":  {`customer.age >= 30`, everybody, "different customers"},
		"no SQL":        {`customer.age >= 30`, "SELECT", "by hand"},
		"no rule":       {`customer.age >=`, everybody, "ask no rule"},
		"not Postgres'": {`customer.address[customer.plan] == 1`, everybody, "postgres cannot decide alone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := segmentation{questions: []question{{name: name, rule: c.rule, hand: c.hand}}}
			o := small(t)
			require.ErrorContains(t, measure(t.Context(), o, &bytes.Buffer{}, s.judging()), c.want)
		})
	}
}
