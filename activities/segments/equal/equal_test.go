package equal

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/rules"
)

// worlds is over how many sets of customers the rules of a run are tried.
const worlds = 3

// regression is a rule on which the evaluators disagreed once, with the seed of the world in which they did.
type regression struct {
	Seed uint64 `json:"seed"`
	Rule string `json:"rule"`
	Note string `json:"note,omitempty"`
}

// TestEqual tries random rules: as many as -rapid.checks says. What it finds is shrunk, printed with its seed, and
// written to testdata, so that it is tried again by TestRegressions.
func TestEqual(t *testing.T) {
	t.Parallel()
	all := make([]*world, worlds)
	for seed := range all {
		all[seed] = newWorld(t, uint64(seed)+100)
	}
	var worst *regression
	tried, exact, chosen := 0, 0, 0
	t.Cleanup(func() {
		t.Logf("%d rules, %d of them answered by Postgres alone, %d that hold for some and not for all", tried, exact, chosen)
		if t.Failed() && worst != nil {
			keep(t, *worst)
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.IntRange(0, worlds-1).Draw(rt, "world")
		src := (&author{t: rt}).rule()
		r, err := rules.Compile(src, rules.Options{})
		if err != nil {
			rt.Skip("not a rule:", err)
		}
		w := all[seed]
		c, err := w.choose(t.Context(), r)
		if errors.Is(err, rules.ErrWork) || errors.Is(err, rules.ErrMemory) {
			rt.Skip("beyond the budgets:", err)
		}
		tried++
		note := ""
		if err != nil {
			note = err.Error()
		} else if same, who := c.agree(); !same {
			note = fmt.Sprintf("go and %s differ: %s\n%s", who, w.odd(t.Context(), r, c), c.sql)
		}
		if note != "" {
			worst = &regression{Seed: uint64(seed) + 100, Rule: src, Note: note}
			rt.Fatalf("%s\n%s", src, note)
		}
		if c.exact {
			exact++
		}
		if n := len(c.sets[0]); n > 0 && n < len(w.ids) {
			chosen++
		}
	})
}

func keep(t *testing.T, r regression) {
	t.Helper()
	h := fnv.New32a()
	_, _ = h.Write([]byte(r.Rule)) // a hash.Hash never fails
	raw, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join("testdata", fmt.Sprintf("%08x.json", h.Sum32())), append(raw, '\n'), 0o600)
	}
	if err != nil {
		t.Errorf("keep %s: %v", r.Rule, err)
	}
}

func TestRegressions(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	all := map[uint64]*world{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		var kept regression
		require.NoError(t, json.Unmarshal(raw, &kept), file)
		r, err := rules.Compile(kept.Rule, rules.Options{})
		if err != nil {
			continue // refused by now
		}
		if all[kept.Seed] == nil {
			all[kept.Seed] = newWorld(t, kept.Seed)
		}
		w := all[kept.Seed]
		c, err := w.choose(t.Context(), r)
		require.NoError(t, err, kept.Rule)
		same, who := c.agree()
		require.True(t, same, "%s: go and %s differ: %s", kept.Rule, who, w.odd(t.Context(), r, c))
	}
}
