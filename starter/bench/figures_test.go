package main

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	require.Zero(t, quantile(nil, 0.5))
	ten := make([]time.Duration, 10)
	for i := range ten {
		ten[i] = time.Duration(i + 1)
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.05: 1, 0.1: 1, 0.11: 2, 0.5: 5, 0.51: 6, 0.99: 10, 1: 10} {
		require.Equal(t, want, quantile(ten, q), "quantile %v", q)
	}
	rapid.Check(t, func(rt *rapid.T) {
		values := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(0, 50).Draw(rt, "value"))
		}), 1, 40).Draw(rt, "values")
		q := rapid.Float64Range(0, 1).Draw(rt, "q")
		slices.Sort(values)
		got := quantile(values, q)
		within := 0
		for _, v := range values {
			if v <= got {
				within++
			}
		}
		require.GreaterOrEqual(rt, float64(within), q*float64(len(values)))
	})
}

func TestMedian(t *testing.T) {
	t.Parallel()
	require.Zero(t, median(nil))
	require.InDelta(t, 2, median([]float64{3, 1, 2}), 0)
	require.InDelta(t, 2.5, median([]float64{4, 1, 2, 3}), 0)
	m := medianFigures([]figures{{Items: 7, P50: 1, WAL: 9}, {Items: 7, P50: 3, WAL: 5}, {Items: 7, P50: 2, WAL: 7}})
	require.Equal(t, figures{Items: 7, P50: 2, WAL: 7}, m)
	require.Equal(t, figures{}, medianFigures(nil))
}

func TestTarget(t *testing.T) {
	t.Parallel()
	all := []series{
		{Name: "ours", Runs: []figures{{PerSecond: 50}, {PerSecond: 90}, {PerSecond: 10}}},
		{Name: "limit", Runs: []figures{{PerSecond: 100}, {PerSecond: 100}, {PerSecond: 0}}},
	}
	// Each run is divided by itself; one without a limit counts as nothing rather than as infinite.
	ratio := target{of: rate(), ours: "ours", limit: "limit", want: 0.7}
	got := ratio.judge(all)
	require.InDelta(t, 0.5, got.Value, 1e-9)
	require.InDelta(t, 0, got.Low, 1e-9)
	require.InDelta(t, 0.9, got.High, 1e-9)
	require.True(t, got.Ratio)
	require.False(t, got.met())
	difference := target{of: rate(), ours: "ours", limit: "limit", less: true}
	got = difference.judge(all)
	require.InDelta(t, -10, got.Value, 1e-9)
	require.InDelta(t, -50, got.Low, 1e-9)
	require.InDelta(t, 10, got.High, 1e-9)
	require.False(t, got.Ratio)
	bound := target{of: rate(), ours: "ours", want: 60, most: true}
	got = bound.judge(all)
	require.InDelta(t, 50, got.Value, 1e-9)
	require.True(t, got.met())
	unknown := target{of: rate(), ours: "neither"}
	require.Zero(t, unknown.judge(all).Value)
}

func TestPrint(t *testing.T) {
	t.Parallel()
	r := report{
		Machine: &machine{Cores: 2, Load: 3, Postgres: "15.1", Fsync: "on", Commit: "on", SyncMS: 1},
		Options: options{Runs: 1},
		Experiments: []result{{
			Name: "thing", Events: 5, Notes: []string{"it was made up"},
			Targets: []outcome{
				{About: "ratio", Value: 0.6, Want: 0.7, Ratio: true},
				{About: "bound", Value: 90, Want: 150, Most: true, Unit: "ms"},
				{About: "no aim", Value: 2, Ratio: true},
			},
			Cases:      []series{{Name: "ours", Median: figures{Items: 5, PerSecond: 12.4, CPU: 1.26, OwnCPU: 12.6}}, {Name: "floor", Limit: true, Median: figures{Items: 5, P50: 3}}},
			Statements: []statement{{SQL: "SELECT 1", Calls: 3, Share: 0.5}},
		}},
	}
	var out bytes.Buffer
	require.NoError(t, r.print(&out))
	for _, want := range []string{
		"2 cores of an unknown processor", "trust the ratios", "at least 0.70: missed", "at most 150.0 ms: met", "(limit) floor", "SELECT 1",
		"it was made up", " 1.3 ", " 13 ",
	} {
		require.Contains(t, out.String(), want)
	}
	require.NotContains(t, out.String(), "outside µs", "a column that nobody filled")
	r.Experiments = nil
	require.Error(t, r.save(t.TempDir()), "a directory is no file")
}
