package rehearsal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
)

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	const head = "scenario: s\ncampaigns: [c.yaml]\ncustomers: {ann: {email: ann@example.com}}\n"
	for name, c := range map[string]struct {
		src, code string
		line      int
		message   string
	}{
		"nothing":                  {"", campaign.CodeSyntax, 0, "empty"},
		"what is no YAML":          {head + "events: [", campaign.CodeSyntax, 4, ""},
		"no name":                  {"campaigns: [c.yaml]\n", campaign.CodeMissingField, 1, "no name"},
		"no campaign":              {"scenario: s\n", campaign.CodeMissingField, 1, "no campaign"},
		"an unknown field":         {head + "expct: []\n", campaign.CodeUnknownField, 4, "expct"},
		"an unknown field of one":  {head + "expect: [{at: 2026-01-05, customer: ann,\n  emial: x}]\n", campaign.CodeUnknownField, 5, "emial"},
		"one of a customer":        {head + "# two\nsegments: {}\n" + "lists: [a]\nusers: {}\n", campaign.CodeWrongType, 7, "cannot stand here"},
		"an anchor":                {head + "lists: &a [x]\n", campaign.CodeAlias, 4, "anchors"},
		"no time":                  {head + "start: tomorrow\n", campaign.CodeBadValue, 4, "tomorrow"},
		"no duration":              {head + "within: 5 minutes\n", campaign.CodeBadDuration, 4, "5 minutes"},
		"a policy with a fault":    {head + "policy: {caps: [{most: x, within: 7d}]}\n", campaign.CodeBadValue, 4, ""},
		"a segment with a fault":   {head + "segments: {s: 'customer.'}\n", campaign.CodeBadRule, 1, ""},
		"an odd policy of a topic": {head + "topics: {news: maybe}\n", campaign.CodeBadValue, 1, "maybe"},
		"an unknown customer": {
			head + "events:\n  - {at: 2026-01-05T10:00:00Z, customer: anm, event: x}\n", campaign.CodeUnknownName, 5, "anm",
		},
		"nobody":             {head + "events:\n  - {at: 2026-01-05T10:00:00Z, event: x}\n", campaign.CodeMissingField, 5, "no customer"},
		"never":              {head + "events:\n  - {customer: ann, event: x}\n", campaign.CodeMissingField, 5, "when it happens"},
		"nothing to do":      {head + "events:\n  - {at: 2026-01-05T10:00:00Z, customer: ann}\n", campaign.CodeMissingField, 5, "nothing happens"},
		"two arms":           {head + "events:\n  - {at: 2026-01-05T10:00:00Z, customer: ann, event: x, arm: {a: b, c: d}}\n", campaign.CodeConflict, 5, "arm"},
		"two things":         {head + "expect:\n  - {at: 2026-01-05, customer: ann, email: a, sms: b}\n", campaign.CodeConflict, 5, "2 things"},
		"no thing":           {head + "expect:\n  - {at: 2026-01-05, customer: ann}\n", campaign.CodeConflict, 5, "0 things"},
		"no moment":          {head + "expect:\n  - {customer: ann, email: a}\n", campaign.CodeMissingField, 5, "when it is expected"},
		"a count of nothing": {head + "counts: [{is: 1}]\n", campaign.CodeMissingField, 4, "what is counted"},
		"a count of any":     {head + "counts: [{email: a}]\n", campaign.CodeMissingField, 4, "how many"},
		"a group of one":     {"scenario: s\ncampaigns: [c]\ncustomers:\n  ann: {count: 3}\n", campaign.CodeConflict, 4, "group"},
		"an unknown kind":    {"scenario: s\ncampaigns: [c]\ncustomers:\n  ann: {kind: friend}\n", campaign.CodeBadValue, 4, "friend"},
		"a list of people":   {"scenario: s\ncampaigns: [c]\ncustomers: [ann]\n", campaign.CodeWrongType, 3, "by their names"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := rehearsal.Read([]byte(c.src))
			var faults rehearsal.Faults
			require.ErrorAs(t, err, &faults)
			require.Len(t, faults, 1, err)
			require.Equal(t, c.code, faults[0].Code, err)
			require.Equal(t, c.line, faults[0].Line, err)
			require.Contains(t, err.Error(), c.message)
		})
	}
}

func TestRead(t *testing.T) {
	t.Parallel()

	t.Run("Takes JSON", func(t *testing.T) {
		t.Parallel()
		s, err := rehearsal.Read([]byte(`{"scenario": "s", "campaigns": ["c.json"], "customers": {"ann": {}},
			"events": [{"at": "2026-01-05T10:00:00Z", "customer": "ann", "event": "x", "properties": {"n": 1.50, "on": "2026-01-05"}}]}`))
		require.NoError(t, err)
		require.Equal(t, "2026-01-05T10:00:00Z", s.Start.Format("2006-01-02T15:04:05Z07:00"))
		require.Equal(t, "2026-02-04T10:00:00Z", s.Until.Format("2006-01-02T15:04:05Z07:00"))
		require.Equal(t, rehearsal.DefaultWithin, s.Within.Duration)
	})

	t.Run("Keeps data as JSON has it", func(t *testing.T) {
		t.Parallel()
		s, err := rehearsal.Read([]byte("scenario: s\ncampaigns: [c]\ncustomers:\n  ann:\n    attributes:\n" +
			"      {on: 2026-01-05, at: 2026-01-05T10:00:00Z, whole: 7, part: 1.5, list: [1, {a: true}], none: null}\n"))
		require.NoError(t, err)
		require.JSONEq(t, `{"on": "2026-01-05", "at": "2026-01-05T10:00:00Z", "whole": 7, "part": 1.5, "list": [1, {"a": true}], "none": null}`,
			asJSON(t, s.Customers[0].Attributes))
	})
}
