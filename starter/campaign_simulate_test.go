package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store/storetest"
	"dotyk/rules/campaign/rehearsal"
)

func TestCampaignSimulate(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	st := storetest.Open(t, s.url)
	storetest.Workspace(t, st)
	dir := t.TempDir()
	file := filepath.Join(dir, "nudge.yaml")
	require.NoError(t, os.WriteFile(file, []byte(slow), 0o600))
	page, data := filepath.Join(dir, "r.html"), filepath.Join(dir, "r.json")
	simulate := []string{"campaign", "simulate", file, "--from", "2026-01-01", "--to", "2026-02-01"}

	t.Run("Prints the figures and writes the reports", func(t *testing.T) {
		t.Parallel()
		out := s.ok(append(simulate, "--html", page, "--json", data, "--sms-price", "0.05")...)
		for _, want := range []string{"campaign nudge from 2026-01-01", "journeys entered", "pause", "wrote " + page, "wrote " + data} {
			require.Contains(t, out, want)
		}
		require.NotContains(t, out, "LIVE", "there is no live version to compare with")
		written, err := os.ReadFile(page)
		require.NoError(t, err)
		require.Contains(t, string(written), "<h1>nudge</h1>")
		raw, err := os.ReadFile(data)
		require.NoError(t, err)
		var r rehearsal.Report
		require.NoError(t, json.Unmarshal(raw, &r))
		require.Equal(t, "nudge", r.Campaign)
		require.InDelta(t, 0.05, r.SMSPrice, 1e-9)
	})

	t.Run("Prints JSON", func(t *testing.T) {
		t.Parallel()
		var r rehearsal.Report
		require.NoError(t, json.Unmarshal([]byte(s.ok(append(simulate, "--json", "-")...)), &r))
		require.Zero(t, r.Draft.Journeys)
	})

	t.Run("Says what is wrong", func(t *testing.T) {
		t.Parallel()
		faulty := filepath.Join(dir, "policy.yaml")
		require.NoError(t, os.WriteFile(faulty, []byte("caps: 3\n"), 0o600))
		require.Contains(t, s.fails("campaign", "simulate", file, "--from", "soon"), `--from "soon" is no moment`)
		require.Contains(t, s.fails("campaign", "simulate", file, "--from", "2026-02-01", "--to", "2026-01-01"), "let it end later")
		require.Contains(t, s.fails("campaign", "simulate", file, "--to", "2200-01-01"), "yet to come")
		require.Contains(t, s.fails("campaign", "simulate", "nothing"), "neither a file")
		require.Contains(t, s.fails(append(simulate, "--policy", faulty)...), "policy.yaml")
		require.Contains(t, s.fails(append(simulate, "--sample=-1")...), "cannot be negative")
		require.Contains(t, s.fails(append(simulate, "--html", filepath.Join(dir, "no", "r.html"))...), "write report")
	})
}
