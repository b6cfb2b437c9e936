package campaign_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"dotyk/rules"
	"dotyk/rules/campaign"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestParse(t *testing.T) {
	t.Parallel()
	d := parse(t, welcome)
	require.Equal(t, "welcome", d.Name)
	trigger, ok := d.Trigger.(campaign.EventTrigger)
	require.True(t, ok)
	require.Equal(t, "registered", trigger.Event)
	require.Equal(t, `customer.email != ""`, trigger.When.Source())
	require.Equal(t, campaign.Reenter{Mode: campaign.ReenterAfter, After: 30 * day}, d.Reenter)
	require.Equal(t, "news", d.Topic)
	require.Equal(t, 5, d.Priority)
	require.Equal(t, 14*day, d.Goal.Within)
	require.Len(t, d.Exit, 2)
	ids := make([]string, len(d.Steps))
	for i, s := range d.Steps {
		ids[i] = s.StepID()
	}
	require.Equal(t, []string{"hello", "wait_2", "viewed", "branch_4", "email_5"}, ids)
	messages := d.Messages()
	require.Len(t, messages, 3)
	require.Equal(t, "nudge", messages[1].StepID())
	require.Equal(t, rules.Needs{Consents: true, Clock: true, History: map[string]time.Duration{"visited": 30 * day}},
		d.Needs())
	require.Equal(t, rules.Needs{Profile: []string{"email"}}, d.TriggerNeeds())
	branch, ok := d.Steps[3].(*campaign.BranchStep)
	require.True(t, ok)
	require.Equal(t, "update_4_1_1", branch.Arms[0].Steps[0].StepID())
	set, ok := branch.Arms[0].Steps[0].(*campaign.UpdateStep)
	require.True(t, ok)
	require.Equal(t, []string{"active", "warm"}, set.AddTags)
}

func TestParseAudience(t *testing.T) {
	t.Parallel()
	short := parse(t,
		`{campaign: n, topic: news, trigger: {audience: 'customer.kind == "client"'}, steps: [{email: {template: a}}]}`)
	long := parse(t,
		`{campaign: n, topic: news, trigger: {audience: {rule: 'customer.kind == "client"', once: true}}, steps: [{email: {template: a}}]}`)
	require.Equal(t, short.Hash(), long.Hash())
	everyone := parse(t, `{campaign: n, topic: news, trigger: {audience: true}, steps: [{email: {template: a}}]}`)
	trigger, ok := everyone.Trigger.(campaign.AudienceTrigger)
	require.True(t, ok)
	require.Equal(t, "true", trigger.Rule.Source())
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	d := parse(t, welcome)
	canonical, err := d.Canonical()
	require.NoError(t, err)
	require.Len(t, d.Hash(), 64)
	require.Contains(t, string(canonical), `"Come & see"`)
	require.Contains(t, string(canonical), `{"wait":{"id":"wait_2","for":"2d"}}`)

	again, err := campaign.Decode(canonical)
	require.NoError(t, err)
	require.Equal(t, d.Hash(), again.Hash())

	var tree any
	require.NoError(t, yaml.Unmarshal([]byte(welcome), &tree))
	asJSON, err := json.MarshalIndent(tree, "", "\t")
	require.NoError(t, err)
	fromJSON := parse(t, string(asJSON))
	require.Equal(t, d.Hash(), fromJSON.Hash())

	canonical[0] = 'x'
	unchanged, err := d.Canonical()
	require.NoError(t, err)
	require.Equal(t, byte('{'), unchanged[0])
	require.NotEqual(t, d.Hash(), parse(t, strings.Replace(welcome, "48h", "49h", 1)).Hash())
}

// TestViolations holds every file of testdata/violations beside the text that a marketer gets for it.
func TestViolations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/violations/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			require.NoError(t, err)
			got := violations(t, string(src)).Error() + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

func TestViolationCodes(t *testing.T) {
	t.Parallel()
	campaignWith := func(steps string) string {
		return "campaign: c\ntrigger: {event: e}\ntransactional: true\nsteps:\n" + steps
	}
	for name, c := range map[string]struct{ src, code, path string }{
		"empty":           {"", campaign.CodeSyntax, ""},
		"blank":           {"\n# nothing\n", campaign.CodeSyntax, ""},
		"not utf-8":       {"campaign: \xff", campaign.CodeSyntax, ""},
		"large":           {"campaign: " + strings.Repeat("x", 1<<20), campaign.CodeTooLarge, ""},
		"list":            {"[1]", campaign.CodeWrongType, ""},
		"two documents":   {"campaign: a\n---\ncampaign: b", campaign.CodeMultipleDocs, ""},
		"broken":          {"campaign: [", campaign.CodeSyntax, ""},
		"tab":             {"campaign: a\nsteps:\n\t- wait: 1d", campaign.CodeSyntax, ""},
		"anchor":          {"campaign: &a x", campaign.CodeAlias, "campaign"},
		"merge":           {"a: {<<: {b: c}}", campaign.CodeAlias, "a"},
		"tag":             {"campaign: !!binary aGk=", campaign.CodeAlias, "campaign"},
		"deep yaml":       {strings.Repeat("[", 200) + strings.Repeat("]", 200), campaign.CodeTooLarge, ""},
		"deep json":       {strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200), campaign.CodeTooLarge, ""},
		"no steps":        {"campaign: c\ntrigger: {event: e}", campaign.CodeNoSteps, "steps"},
		"empty steps":     {campaignWith("  []"), campaign.CodeNoSteps, "steps"},
		"no timeout":      {campaignWith("  - wait_for: {event: a}"), campaign.CodeMissingTimeout, "steps[0].wait_for"},
		"duration":        {campaignWith("  - wait: 2 days"), campaign.CodeBadDuration, "steps[0].wait"},
		"zero":            {campaignWith("  - wait: 0s"), campaign.CodeBadDuration, "steps[0].wait"},
		"long":            {campaignWith("  - wait: 9999d"), campaign.CodeBadDuration, "steps[0].wait"},
		"no unit":         {campaignWith("  - wait: 2"), campaign.CodeBadDuration, "steps[0].wait"},
		"no content":      {campaignWith("  - email: {id: a}"), campaign.CodeNoContent, "steps[0].email"},
		"no subject":      {campaignWith("  - email: {text: a}"), campaign.CodeNoContent, "steps[0].email"},
		"no body":         {campaignWith("  - email: {subject: a}"), campaign.CodeNoContent, "steps[0].email"},
		"two contents":    {campaignWith("  - email: {subject: a, text: b, template: c}"), campaign.CodeConflict, "steps[0].email"},
		"no sms":          {campaignWith("  - sms: {}"), campaign.CodeNoContent, "steps[0].sms"},
		"two sms":         {campaignWith("  - sms: {text: a, template: b}"), campaign.CodeConflict, "steps[0].sms"},
		"no arms":         {campaignWith("  - branch: []"), campaign.CodeNoArms, "steps[0].branch"},
		"only else":       {campaignWith("  - branch: [{else: []}]"), campaign.CodeNoArms, "steps[0].branch[0]"},
		"else first":      {campaignWith("  - branch: [{else: []}, {when: customer.a, steps: []}]"), campaign.CodeElseNotLast, "steps[0].branch[0]"},
		"arm":             {campaignWith("  - branch: [{steps: []}, {else: []}]"), campaign.CodeMissingField, "steps[0].branch[0]"},
		"constant":        {campaignWith("  - branch: [{when: 1 < 2, steps: []}]"), campaign.CodeConstantRule, "steps[0].branch[0].when"},
		"before":          {campaignWith("  - branch: [{when: w.happened, steps: []}]\n  - wait_for: {id: w, event: e, timeout: 1d}"), campaign.CodeResultBeforeStep, "steps[0].branch[0].when"},
		"other arm":       {campaignWith("  - branch: [{when: customer.a, steps: [{wait_for: {id: w, event: e, timeout: 1d}}]}, {when: customer.b, steps: [{branch: [{when: w.happened, steps: []}]}]}]"), campaign.CodeResultBeforeStep, "steps[0].branch[1].steps[0].branch[0].when"},
		"duplicate id":    {campaignWith("  - wait: {id: a, for: 1d}\n  - wait: {id: a, for: 1d}"), campaign.CodeDuplicateID, "steps[1].wait.id"},
		"derived id":      {campaignWith("  - wait: {id: wait_2, for: 1d}\n  - wait: 1d"), campaign.CodeDuplicateID, "steps[1].wait"},
		"reserved id":     {campaignWith("  - wait: {id: event, for: 1d}"), campaign.CodeBadID, "steps[0].wait.id"},
		"odd id":          {campaignWith("  - wait: {id: a-b, for: 1d}"), campaign.CodeBadID, "steps[0].wait.id"},
		"number id":       {campaignWith("  - wait: {id: 5, for: 1d}"), campaign.CodeWrongType, "steps[0].wait.id"},
		"unreachable":     {campaignWith("  - exit: done\n  - wait: 1d"), campaign.CodeUnreachable, "steps[1]"},
		"no trigger":      {"campaign: c\nsteps: [{wait: 1d}]", campaign.CodeMissingField, "trigger"},
		"empty trigger":   {"campaign: c\ntrigger: {}\nsteps: [{wait: 1d}]", campaign.CodeMissingField, "trigger"},
		"both triggers":   {"campaign: c\ntrigger: {event: e, audience: true}\nsteps: [{wait: 1d}]", campaign.CodeConflict, "trigger"},
		"reenter":         {"campaign: c\nreenter: sometimes\ntrigger: {event: e}\nsteps: [{wait: 1d}]", campaign.CodeBadValue, "reenter"},
		"no name":         {"trigger: {event: e}\nsteps: [{wait: 1d}]", campaign.CodeMissingField, "campaign"},
		"topic":           {"campaign: c\ntrigger: {event: e}\nsteps: [{email: {template: a}}]", campaign.CodeMissingTopic, "topic"},
		"all topics":      {"campaign: c\ntopic: '*'\ntrigger: {event: e}\nsteps: [{email: {template: a}}]", campaign.CodeBadValue, "topic"},
		"priority":        {"campaign: c\npriority: high\ntrigger: {event: e}\nsteps: [{wait: 1d}]", campaign.CodeBadValue, "priority"},
		"flag":            {"campaign: c\ntransactional: 'yes'\ntrigger: {event: e}\nsteps: [{wait: 1d}]", campaign.CodeWrongType, "transactional"},
		"exit true":       {"campaign: c\nexit: ['true']\ntrigger: {event: e}\nsteps: [{wait: 1d}]", campaign.CodeConstantRule, "exit[0]"},
		"exit event":      {"campaign: c\nexit: {when: event.a}\ntrigger: {event: e}\nsteps: [{wait: 1d}]", campaign.CodeMissingField, "exit[0].event"},
		"audience false":  {"campaign: c\ntrigger: {audience: false}\nsteps: [{wait: 1d}]", campaign.CodeConstantRule, "trigger.audience"},
		"audience entry":  {"campaign: c\nkey: entry.a\ntrigger: {audience: true}\nsteps: [{wait: 1d}]", campaign.CodeBadRule, "key"},
		"set builtin":     {campaignWith("  - update: {set: {email: '\"a\"'}}"), campaign.CodeBadValue, "steps[0].update.set.email"},
		"set kind":        {campaignWith("  - update: {set: {stage: 5}}"), campaign.CodeBadRule, "steps[0].update.set.stage"},
		"no update":       {campaignWith("  - update: {}"), campaign.CodeNoContent, "steps[0].update"},
		"tag twice":       {campaignWith("  - update: {add_tags: [a], remove_tags: [a]}"), campaign.CodeConflict, "steps[0].update"},
		"tags":            {campaignWith("  - update: {add_tags: a}"), campaign.CodeWrongType, "steps[0].update.add_tags"},
		"two kinds":       {campaignWith("  - wait: 1d\n    exit: a"), campaign.CodeConflict, "steps[0]"},
		"not a step":      {campaignWith("  - wait"), campaign.CodeWrongType, "steps[0]"},
		"duplicate field": {campaignWith("  - wait: {for: 1d, for: 2d}"), campaign.CodeDuplicateField, "steps[0].wait.for"},
		"duplicate json":  {`{"campaign":"c","campaign":"d","trigger":{"event":"e"},"steps":[{"wait":"1d"}]}`, campaign.CodeDuplicateField, "campaign"},
		"many steps":      {campaignWith(strings.Repeat("  - wait: 1d\n", 501)), campaign.CodeTooLarge, "steps[500]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vs := violations(t, c.src)
			require.Len(t, vs, 1, "%v", vs)
			require.Equal(t, c.code, vs[0].Code, "%v", vs)
			require.Equal(t, c.path, vs[0].Path)
			require.NotContains(t, vs.Error(), "%!")
		})
	}
}

func TestViolationPlaces(t *testing.T) {
	t.Parallel()
	src := "{\n  \"campaign\": \"c\",\n  \"trigger\": {\"event\": \"ї\", \"when\": \"custmer.a\"},\n  \"steps\": [{\"wait\": \"x\"}]\n}"
	vs := violations(t, src)
	require.Len(t, vs, 2)
	require.Equal(t, [2]int{3, 37}, [2]int{vs[0].Line, vs[0].Column})
	require.Equal(t, 1, vs[0].Rule.Column)
	require.Equal(t, `Did you mean "customer"?`, vs[0].Advice)
	require.Equal(t, [2]int{4, 22}, [2]int{vs[1].Line, vs[1].Column})
	encoded, err := json.Marshal(vs[1])
	require.NoError(t, err)
	require.JSONEq(t, `{"line":4,"column":22,"path":"steps[0].wait","code":"bad_duration",
		"message":"not a duration: \"x\": expected a whole number at \"x\"",
		"advice":"Write it with units, as in 90s, 1h30m, 2d or 2w."}`, string(encoded))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(welcome))
	f.Add([]byte(`{"campaign":"c","trigger":{"audience":"true"},"steps":[{"exit":null}]}`))
	f.Add([]byte("a: &x [*x, *x]"))
	f.Fuzz(func(t *testing.T, src []byte) {
		d, err := campaign.Parse(src)
		if err != nil {
			var vs campaign.Violations
			require.ErrorAs(t, err, &vs)
			require.NotEmpty(t, vs)
			require.NotEmpty(t, vs.Error())
			return
		}
		canonical, err := d.Canonical()
		require.NoError(t, err)
		again, err := campaign.Decode(canonical)
		require.NoError(t, err)
		require.Equal(t, d.Hash(), again.Hash())
		j := campaign.Start(d, "j", "", nil, t0)
		for range 600 {
			if j.Status != campaign.Active {
				return
			}
			j, _ = campaign.Advance(d, j, campaign.Facts{}, j.DueAt)
		}
		require.NotEqual(t, campaign.Active, j.Status)
	})
}
