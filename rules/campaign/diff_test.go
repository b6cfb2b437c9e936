package campaign_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/rules/campaign"
)

const old = `
campaign: c
trigger: {event: registered}
topic: news
priority: 5
goal: {event: order_completed, within: 14d}
steps:
  - email: {id: hello, template: welcome}
  - wait: {id: pause, for: 2d}
  - branch:
      id: rich
      arms:
        - {when: customer.total > 100, steps: [{sms: {id: nudge, text: Come}}, {task: {id: handoff, title: Call}}]}
        - else: [{wait: {id: later, for: 1d}}]
  - split: {id: look, arms: [{name: a, share: 50%, steps: [{note: {id: n, text: a}}]}, {name: b, share: 50%}]}
  - exit: {id: bye, reason: done}
`

func TestDiff(t *testing.T) {
	t.Parallel()
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(old) }
	for name, c := range map[string]struct{ src, want string }{
		"nothing": {old, `null`},
		"field":   {replace("template: welcome", "template: hi, quiet: skip"), `[{"path":"steps.hello.template","before":"welcome","after":"hi"},{"path":"steps.hello.quiet","after":"skip"}]`},
		"top":     {replace("priority: 5", "reenter: always", "14d", "7d"), `[{"path":"reenter","after":"always"},{"path":"priority","before":5},{"path":"goal.within","before":"14d","after":"7d"}]`},
		"rule":    {replace("> 100", "> 200"), `[{"path":"steps.rich.arms","before":[{"when":"customer.total > 100"},{"else":true}],"after":[{"when":"customer.total > 200"},{"else":true}]}]`},
		"added":   {replace("  - wait: {id: pause, for: 2d}", "  - wait: {id: pause, for: 2d}\n  - note: {id: new, text: x}"), `[{"path":"steps.new","after":{"note":{"text":"x"}}}]`},
		"removed": {replace("  - wait: {id: pause, for: 2d}\n", ""), `[{"path":"steps.pause","before":{"wait":{"for":"2d"}}}]`},
		"arm gone": {replace("        - else: [{wait: {id: later, for: 1d}}]\n", ""), `[
			{"path":"steps.rich.arms","before":[{"when":"customer.total > 100"},{"else":true}],"after":[{"when":"customer.total > 100"}]},
			{"path":"steps.later","before":{"wait":{"for":"1d"}}}]`},
		"kind": {replace("wait: {id: pause, for: 2d}", "note: {id: pause, text: x}"), `[{"path":"steps.pause","before":{"wait":{"for":"2d"}},"after":{"note":{"text":"x"}}}]`},
		"moved within": {
			replace("{sms: {id: nudge, text: Come}}, {task: {id: handoff, title: Call}}", "{task: {id: handoff, title: Call}}, {sms: {id: nudge, text: Come}}"),
			`[{"path":"steps.nudge.place","before":"first of rich, arm 1","after":"behind handoff of rich, arm 1"}]`,
		},
		"moved out": {
			replace("{note: {id: n, text: a}}", "", "  - exit:", "  - note: {id: n, text: a}\n  - exit:"),
			`[{"path":"steps.n.place","before":"first of look, arm a","after":"behind look of steps"}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := json.Marshal(campaign.Diff(parse(t, old), parse(t, c.src)))
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(got))
		})
	}
}

// TestDiffOfAny: a campaign differs from itself in nothing, and two campaigns that differ in nothing are the same.
func TestDiffOfAny(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawWhole(t), drawWhole(t)
		require.Empty(t, campaign.Diff(a, a))
		require.Equal(t, a.Hash() == b.Hash(), len(campaign.Diff(a, b)) == 0)
	})
}
