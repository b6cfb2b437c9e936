package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/starter/rehearse"
)

const (
	rehearsedCampaign = `
campaign: hello
trigger: {event: registered}
topic: news
steps:
  - wait: 1d
  - branch:
      - when: customer.vip == true
        steps: [{email: {id: vip, subject: "For {{ customer.name }}", text: "{{ unsubscribe_url }}"}}]
      - else: [{email: {id: plain, subject: Hello, text: "{{ unsubscribe_url }}"}}]
`
	rehearsedScenario = `
scenario: hello
campaigns: [hello.yaml]
customers: {ann: {email: ann@example.com, name: Ann, attributes: {vip: true}}}
events: [{at: 2026-01-05T10:00:00Z, customer: ann, event: registered}]
nothing_else: true
`
)

func TestCampaignTest(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	test := func(args ...string) (out, errs string, code int) {
		var stdout, stderr bytes.Buffer
		code = run(t.Context(), append([]string{"campaign", "test"}, args...), &stdout, &stderr)
		return stdout.String(), stderr.String(), code
	}
	file("hello.yaml", rehearsedCampaign)
	passing := file("passing.yaml", rehearsedScenario+`
expect: [{at: 2026-01-06T10:00:30Z, customer: ann, email: vip, text: For Ann}]`)

	out, errs, code := test(passing)
	require.Zero(t, code, out+errs)
	require.Regexp(t, `^ok    \S+passing\.yaml: hello \(\d+\.\d ms\)\n$`, out)

	wrong := file("wrong.yaml", rehearsedScenario+`
expect: [{at: 2026-01-06T10:00:00Z, customer: ann, email: plain}]`)
	out, errs, code = test(passing, wrong)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "not every scenario went as expected")
	_, difference, _ := strings.Cut(out, "wrong.yaml: hello")
	require.Contains(t, difference, "line 8: ann: expected e-mail plain at 2026-01-06 10:00:00 UTC\n  happened: it did not happen")
	require.Contains(t, difference, "around it: 2026-01-06 10:00:00 UTC e-mail vip")
	require.Contains(t, difference, "because: 2026-01-06 10:00:00 UTC branch branch_2: arm_1 (customer.vip == true held) [customer.vip: true]")
	require.Contains(t, difference, "and 1 more; --json shows all")

	out, _, code = test("--json", wrong)
	require.Equal(t, 1, code)
	var outcomes []rehearse.Outcome
	require.NoError(t, json.Unmarshal([]byte(out), &outcomes))
	require.Len(t, outcomes, 1)
	require.False(t, outcomes[0].Passed)
	require.Len(t, outcomes[0].Differences, 2)

	out, _, code = test("--log", passing)
	require.Zero(t, code)
	require.Contains(t, out, "2026-01-05 10:00:00 UTC ann entered hello: registered happened")

	for _, c := range []struct{ scenario, want string }{
		{
			rehearsedScenario + "expect: [{at: 2026-01-06T10:00:00Z, customer: ann, email: vip, text: For Bob}]\n",
			`its text is "For Ann`,
		},
		{strings.Replace(rehearsedScenario, "hello.yaml", "bye.yaml", 1), "campaign bye.yaml: read campaign: open bye.yaml"},
		{rehearsedScenario + "until: never\n", `line 7, column 8: "never" is no time`},
	} {
		out, _, code = test(file("other.yaml", c.scenario))
		require.Equal(t, 1, code, c.scenario)
		require.Contains(t, out, c.want)
	}
	out, _, code = test(filepath.Join(folder, "nowhere.yaml"))
	require.Equal(t, 1, code)
	require.Contains(t, out, "FAIL")
}
