package insight_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/rules/insight"
)

// Random tests begin at one seed, so that a run can be repeated; -rapid.seed=N tries another.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.seed", "1"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const (
	tolerance = 1e-6
	exact     = 0
)

// published is an entry of the figures that R, statsmodels and papers print.
type published struct {
	ID         string
	Counts     []int
	N          counts
	Table      [][]int
	Chi2, P, Z float64
	DF         int
	P1, P2     float64
	Power      float64
	NPerArm    float64 `json:"n_per_arm"`
	Count      int
	Conf       float64
	CI         []float64
	Newcombe   []float64 `json:"newcombe95"`
}

// counts is a list; entries about a single arm have a number instead.
type counts []int

// UnmarshalJSON implements json.Unmarshaler.
func (c *counts) UnmarshalJSON(raw []byte) error {
	var one int
	if err := json.Unmarshal(raw, &one); err == nil {
		*c = counts{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]int)(c))
}

func TestPublished(t *testing.T) {
	t.Parallel()
	figures := readPublished(t)
	for id, check := range map[string]func(*testing.T, published){
		"R-prop.test-smokers":   checkChiSquare,
		"statsmodels-prop.test": checkChiSquare,
		"R-chisq-agresti": func(t *testing.T, want published) {
			t.Helper()
			for i, hits := range want.Table[0] {
				want.Counts = append(want.Counts, hits)
				want.N = append(want.N, hits+want.Table[1][i])
			}
			checkChiSquare(t, want)
		},
		"statsmodels-ztest-2s": func(t *testing.T, want published) {
			t.Helper()
			z, p := insight.ProportionTest(want.Counts[0], want.N[0], want.Counts[1], want.N[1])
			require.InDelta(t, want.Z, z, tolerance)
			require.InDelta(t, want.P, p, tolerance)
		},
		"statsmodels-wilson": func(t *testing.T, want published) {
			t.Helper()
			low, high := insight.Wilson(want.Count, want.N[0], want.Conf)
			require.InDelta(t, want.CI[0], low, tolerance)
			require.InDelta(t, want.CI[1], high, tolerance)
		},
		"fagerland-2015": func(t *testing.T, want published) {
			t.Helper()
			low, high := insight.Difference(want.Counts[0], want.N[0], want.Counts[1], want.N[1], 0.95)
			require.InDelta(t, want.Newcombe[0], low, 0.0005, "it is printed with three places")
			require.InDelta(t, want.Newcombe[1], high, 0.0005)
		},
		"R-power.prop.test-n": func(t *testing.T, want published) {
			t.Helper()
			require.InDelta(t, want.NPerArm, insight.SampleSize(want.P1, want.P2, 0.05, want.Power), 1e-5,
				"R looks for the root, and stops near it")
		},
		"R-power.prop.test-power": func(t *testing.T, want published) {
			t.Helper()
			require.InDelta(t, want.Power, insight.Power(want.P1, want.P2, 0.05, int(want.NPerArm)), tolerance)
		},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, figures, id)
			var want published
			require.NoError(t, json.Unmarshal(figures[id], &want))
			check(t, want)
		})
	}
}

func checkChiSquare(t *testing.T, want published) {
	t.Helper()
	chi2, df, p := insight.ChiSquare(want.Counts, want.N)
	require.InDelta(t, want.Chi2, chi2, tolerance)
	require.Equal(t, want.DF, df)
	require.InDelta(t, want.P, p, tolerance)
}

// readPublished gives the entries by their ids.
func readPublished(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	dir := os.Getenv("DOTYK_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "abtest", "published.json"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no test data abtest/published.json (set DOTYK_TESTDATA)")
	}
	require.NoError(t, err)
	var file struct{ Published []json.RawMessage }
	require.NoError(t, json.Unmarshal(raw, &file))
	entries := map[string]json.RawMessage{}
	for _, entry := range file.Published {
		var named struct{ ID string }
		require.NoError(t, json.Unmarshal(entry, &named))
		entries[named.ID] = entry
	}
	return entries
}

func TestNothingCanBeTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string][4]int{
		"nobody": {0, 0, 0, 0}, "an empty arm": {3, 10, 0, 0}, "no hits": {0, 10, 0, 20}, "all hits": {10, 10, 20, 20},
		"negative": {-1, -5, 3, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z, p := insight.ProportionTest(c[0], c[1], c[2], c[3])
			require.Zero(t, z)
			require.InDelta(t, 1.0, p, exact)
			chi2, _, p := insight.ChiSquare([]int{c[0], c[2]}, []int{c[1], c[3]})
			require.Zero(t, chi2)
			require.InDelta(t, 1.0, p, exact)
		})
	}
	chi2, df, p := insight.ChiSquare(nil, []int{5})
	require.Zero(t, chi2)
	require.Zero(t, df)
	require.InDelta(t, 1.0, p, exact)
}

func TestIntervalsAtTheEdges(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		hits, n    int
		confidence float64
		low, high  float64
	}{
		{0, 0, 0.95, 0, 1}, {0, 10, 0.95, 0, 0.277532799}, {10, 10, 0.95, 0.722467200, 1}, {5, 10, 1, 0, 1}, {5, 10, 0, 0.5, 0.5},
	} {
		low, high := insight.Wilson(test.hits, test.n, test.confidence)
		require.InDelta(t, test.low, low, tolerance)
		require.InDelta(t, test.high, high, tolerance)
	}
	low, high := insight.Difference(1, 2, 0, 0, 0.95)
	require.InDelta(t, -1.0, low, exact)
	require.InDelta(t, 1.0, high, exact)
}

func TestSampleSizeAtTheEdges(t *testing.T) {
	t.Parallel()
	require.True(t, math.IsInf(insight.SampleSize(0.3, 0.3, 0.05, 0.8), 1), "equal rates")
	require.True(t, math.IsInf(insight.SampleSize(0.3, 0.4, 0, 0.8), 1), "no level")
	require.True(t, math.IsInf(insight.SampleSize(0.3, 0.4, 0.05, 1), 1), "certainty")
	require.True(t, math.IsInf(insight.SampleSize(0.3, 0.4, math.NaN(), 0.8), 1))
	require.Zero(t, insight.SampleSize(0.3, 0.4, 0.05, 0))
	require.InDelta(t, 0.025, insight.Power(0.3, 0.3, 0.05, 100), exact)
	require.InDelta(t, 0.025, insight.Power(0.3, 0.4, 0.05, 0), exact)
	require.InDelta(t, 1.0, insight.Power(0, 1, 0.05, 100), exact)
	require.InDelta(t, 0.0, insight.Power(0, 1, 0.05, 1), exact)
}

func TestExperimentProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nA, nB := rapid.IntRange(0, 100_000).Draw(t, "nA"), rapid.IntRange(0, 100_000).Draw(t, "nB")
		hitsA, hitsB := rapid.IntRange(0, nA).Draw(t, "hitsA"), rapid.IntRange(0, nB).Draw(t, "hitsB")
		z, p := insight.ProportionTest(hitsA, nA, hitsB, nB)
		require.False(t, math.IsNaN(z) || math.IsInf(z, 0))
		require.True(t, p >= 0 && p <= 1)
		back, same := insight.ProportionTest(hitsB, nB, hitsA, nA)
		require.InDelta(t, -z, back, tolerance)
		require.InDelta(t, p, same, tolerance)
		// Of two arms both tests are the same one.
		chi2, df, again := insight.ChiSquare([]int{hitsA, hitsB}, []int{nA, nB})
		require.InEpsilon(t, 1+z*z, 1+chi2, tolerance)
		if df == 1 {
			require.InDelta(t, p, again, tolerance)
		}
		confidence := rapid.Float64Range(0, 1).Draw(t, "confidence")
		low, high := insight.Wilson(hitsA, nA, confidence)
		require.True(t, 0 <= low && low <= high && high <= 1, "%v to %v", low, high)
		low, high = insight.Difference(hitsA, nA, hitsB, nB, confidence)
		require.True(t, -1 <= low && low <= high && high <= 1, "%v to %v", low, high)
	})
}

func TestSampleSizeProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p1 := rapid.Float64Range(0.01, 0.98).Draw(t, "p1")
		p2 := rapid.Float64Range(p1+0.005, 0.99).Draw(t, "p2")
		alpha, power := rapid.Float64Range(0.001, 0.2).Draw(t, "alpha"), rapid.Float64Range(0.5, 0.99).Draw(t, "power")
		n := insight.SampleSize(p1, p2, alpha, power)
		require.False(t, math.IsNaN(n) || math.IsInf(n, 0))
		require.GreaterOrEqual(t, insight.Power(p1, p2, alpha, int(math.Ceil(n))), power-tolerance)
		require.Less(t, insight.Power(p1, p2, alpha, int(math.Ceil(n))-1), power+tolerance)
	})
}
