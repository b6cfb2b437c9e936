package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain lets this test binary be the second process too: startOutside runs its own program. There is no search for
// goroutines left behind, as a few of the Temporal server's own outlive it.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "sink" {
		os.Exit(run(os.Args[1:], os.Stderr))
	}
	os.Exit(m.Run())
}

// small is a measurement that takes no time and says nothing about speed.
func small(t *testing.T) options {
	t.Helper()
	return options{
		Events: 20, Idle: 3, Batch: 5, Concurrency: 2, Customers: 300, People: 40, EventsEach: 8, Runs: 2, Dir: folder(t),
		JSON: filepath.Join(t.TempDir(), "figures.json"), CPUProfile: filepath.Join(t.TempDir(), "cpu.pprof"), Statements: 3,
	}
}

// folder is one that the user which Postgres runs as can enter, unlike those of t.TempDir where tests run as root.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bench-test-") //nolint:usetesting // t.TempDir's parent is closed to others
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// TestMeasure runs every case there is. They take turns, since they would starve each other.
func TestMeasure(t *testing.T) {
	t.Parallel()
	o := small(t)
	var out bytes.Buffer
	require.NoError(t, measure(t.Context(), o, &out, experiments()...))

	raw, err := os.ReadFile(o.JSON)
	require.NoError(t, err)
	var got report
	require.NoError(t, json.Unmarshal(raw, &got))
	require.Positive(t, got.Machine.Cores)
	require.Equal(t, "on", got.Machine.Fsync)
	require.Positive(t, got.Machine.SyncMS)
	require.Len(t, got.Experiments, len(experiments()))
	for i, e := range experiments() {
		res := got.Experiments[i]
		require.Equal(t, e.name, res.Name)
		require.Len(t, res.Statements, 3)
		for _, s := range res.Cases {
			require.Len(t, s.Runs, o.Runs, s.Name)
			for _, f := range append(s.Runs, s.Median) {
				require.Positive(t, f.Items, s.Name)
				require.Positive(t, f.PerSecond, s.Name)
				require.True(t, f.WAL > 0 || e.name == "segments" || s.Name == "rest" || s.Name == "pipelined", s.Name) // these write nothing
				require.Positive(t, f.PeakRSS, s.Name)
				require.GreaterOrEqual(t, f.Slowest, f.P99, s.Name)
				require.GreaterOrEqual(t, f.P99, f.P50, s.Name)
			}
			require.Contains(t, out.String(), s.Name)
			if !s.Limit {
				require.Positive(t, s.Median.P50, s.Name)
				require.FileExists(t, strings.TrimSuffix(o.CPUProfile, ".pprof")+"."+s.Name+".pprof")
			}
		}
		for j, target := range res.Targets {
			require.True(t, target.Value >= 0 || e.targets[j].less, target.About)
			require.Contains(t, out.String(), target.About)
		}
	}
	left, err := os.ReadDir(o.Dir)
	require.NoError(t, err)
	require.Empty(t, left, "directories of labs that were not removed")
}

// TestMeasureStops makes sure that Ctrl-C in the middle of a run leaves nothing behind.
func TestMeasureStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := small(t)
	o.Events, o.Batch, o.CPUProfile, o.Statements = 100_000_000, 100, "", 0
	e := ingestion()
	e.setup = func(ctx context.Context, l *lab, p plan) error {
		p.progress = func(done, _ int) {
			if done > 0 {
				cancel()
			}
		}
		_, err := postBatches(ctx, l, p)
		return err
	}
	require.ErrorIs(t, measure(ctx, o, &bytes.Buffer{}, e), context.Canceled)
	left, err := os.ReadDir(o.Dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestOptions(t *testing.T) {
	t.Parallel()
	good := options{Idle: 1, Concurrency: 1, Customers: 200, People: 1, EventsEach: 1, Runs: 1}
	require.NoError(t, good.check())
	for _, c := range []struct {
		want   string
		change func(*options)
	}{
		{"--events", func(o *options) { o.Events = -1 }},
		{"--idle", func(o *options) { o.Idle = 0 }},
		{"--concurrency", func(o *options) { o.Concurrency = 0 }},
		{"--batch", func(o *options) { o.Batch = -1 }},
		{"--customers", func(o *options) { o.Customers = 199 }},
		{"--events-each", func(o *options) { o.EventsEach = 0 }},
		{"--people", func(o *options) { o.People = 0 }},
		{"--runs", func(o *options) { o.Runs = 0 }},
		{"--statements", func(o *options) { o.Statements = -1 }},
	} {
		o := good
		c.change(&o)
		require.ErrorContains(t, measure(t.Context(), o, &bytes.Buffer{}), c.want)
	}
}

// TestDescribe also holds the tables to what the report relies on.
func TestDescribe(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, describe(&out, experiments()))
	for _, e := range experiments() {
		units := map[string]bool{}
		for _, c := range e.cases {
			require.Contains(t, out.String(), c.about)
			require.False(t, units[c.name], "two cases named %s", c.name)
			units[c.name] = true
		}
		for _, target := range e.targets {
			require.True(t, units[target.ours], target.about)
			require.True(t, target.limit == "" || units[target.limit], target.about)
		}
	}
}
