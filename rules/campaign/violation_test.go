package campaign_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/rules/campaign"
)

// stepsOf makes a campaign of steps, given as the rest of the file.
func stepsOf(steps string) string {
	return "campaign: c\ntrigger: {event: e}\ntopic: news\nsteps:\n" + steps
}

// topOf makes a campaign of what stands at the top of a file.
func topOf(top string) string { return "campaign: c\ntopic: news\n" + top + "\nsteps: [{wait: 1d}]" }

// refused is a file with one fault.
type refused struct{ src, code, path string }

func requireRefused(t *testing.T, cases map[string]refused) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vs := violations(t, c.src)
			require.Len(t, vs, 1, "%v", vs)
			require.Equal(t, c.code, vs[0].Code, "%v", vs)
			require.Equal(t, c.path, vs[0].Path)
			require.Positive(t, vs[0].Line)
			require.NotContains(t, vs.Error(), "%!")
		})
	}
}

func TestTriggersRefused(t *testing.T) {
	t.Parallel()
	trigger := func(s string) string { return topOf("trigger: " + s) }
	requireRefused(t, map[string]refused{
		"two kinds":        {trigger("{segment: a, api: true}"), campaign.CodeConflict, "trigger"},
		"misspelt":         {trigger("{event: e, wen: customer.a}"), campaign.CodeUnknownField, "trigger.wen"},
		"no segment":       {trigger("{segment: {existing: true}}"), campaign.CodeMissingField, "trigger.segment"},
		"both ways":        {trigger("{segment: {entered: a, left: b}}"), campaign.CodeConflict, "trigger.segment"},
		"existing left":    {trigger("{segment: {left: a, existing: true}}"), campaign.CodeConflict, "trigger.segment.existing"},
		"segment rule":     {trigger("{segment: a, when: event.total > 1}"), campaign.CodeBadRule, "trigger.when"},
		"schedule when":    {trigger("{schedule: {cron: '@daily', audience: 'true'}, when: customer.a}"), campaign.CodeConflict, "trigger.when"},
		"schedule text":    {trigger("{schedule: daily}"), campaign.CodeWrongType, "trigger.schedule"},
		"no time":          {trigger("{schedule: {audience: 'true'}}"), campaign.CodeMissingField, "trigger.schedule"},
		"two times":        {trigger("{schedule: {cron: '@daily', rrule: 'FREQ=DAILY', audience: 'true'}}"), campaign.CodeConflict, "trigger.schedule"},
		"nobody":           {trigger("{schedule: {cron: '@daily'}}"), campaign.CodeMissingField, "trigger.schedule.audience"},
		"bad cron":         {trigger("{schedule: {cron: often, audience: 'true'}}"), campaign.CodeBadValue, "trigger.schedule.cron"},
		"bad rrule":        {trigger("{schedule: {rrule: often, audience: 'true'}}"), campaign.CodeBadValue, "trigger.schedule.rrule"},
		"bad zone":         {trigger("{schedule: {cron: '@daily', audience: 'true', zone: Kyiw}}"), campaign.CodeBadValue, "trigger.schedule.zone"},
		"bad from":         {trigger("{schedule: {cron: '@daily', audience: 'true', from: soon}}"), campaign.CodeBadValue, "trigger.schedule.from"},
		"to before from":   {trigger("{schedule: {cron: '@daily', audience: 'true', from: '2026-02-01T00:00:00Z', to: '2026-01-01T00:00:00Z'}}"), campaign.CodeConflict, "trigger.schedule.to"},
		"no attribute":     {trigger("{date: {at: '09:00'}}"), campaign.CodeMissingField, "trigger.date.attribute"},
		"date text":        {trigger("{date: birthday}"), campaign.CodeWrongType, "trigger.date"},
		"part of a day":    {trigger("{date: {attribute: b, offset: -3h}}"), campaign.CodeBadDuration, "trigger.date.offset"},
		"bad clock":        {trigger("{date: {attribute: b, at: '25:00'}}"), campaign.CodeBadValue, "trigger.date.at"},
		"clock as number":  {trigger("{date: {attribute: b, at: 9}}"), campaign.CodeWrongType, "trigger.date.at"},
		"later and at":     {trigger("{audience: {rule: customer.a, once: false, at: '2026-01-01T00:00:00Z'}}"), campaign.CodeConflict, "trigger.audience.at"},
		"moment as number": {trigger("{audience: {rule: customer.a, at: 2026}}"), campaign.CodeWrongType, "trigger.audience.at"},
		"api false":        {trigger("{api: false}"), campaign.CodeBadValue, "trigger.api"},
		"api when":         {trigger("{api: true, when: entry.a}"), campaign.CodeConflict, "trigger.when"},
	})
}

func TestLimitsRefused(t *testing.T) {
	t.Parallel()
	top := func(s string) string { return topOf("trigger: {event: e}\n" + s) }
	requireRefused(t, map[string]refused{
		"reenter twice":    {top("reenter: {after: 1d, when: customer.a}"), campaign.CodeConflict, "reenter"},
		"reenter length":   {top("reenter: {after: soon}"), campaign.CodeBadDuration, "reenter.after"},
		"reenter step":     {top("reenter: {when: wait_1.happened}"), campaign.CodeResultBeforeStep, "reenter.when"},
		"previous":         {top("exit: [previous.happened]"), campaign.CodeBadRule, "exit[0]"},
		"concurrent never": {top("concurrent: true"), campaign.CodeConflict, "concurrent"},
		"concurrent key":   {top("concurrent: true\nreenter: always\nkey: entry.a"), campaign.CodeConflict, "concurrent"},
		"holdout number":   {top("holdout: 5"), campaign.CodeBadValue, "holdout"},
		"holdout list":     {top("holdout: [5%]"), campaign.CodeWrongType, "holdout"},
		"holdout all":      {top("holdout: 100%"), campaign.CodeBadValue, "holdout"},
		"holdout more":     {top("holdout: 101%"), campaign.CodeBadValue, "holdout"},
		"brakes word":      {top("brakes: off course"), campaign.CodeWrongType, "brakes"},
		"brakes nothing":   {top("brakes: {bounces: 0%}"), campaign.CodeBadValue, "brakes.bounces"},
		"brakes amount":    {top("brakes: {spend: -1}"), campaign.CodeBadValue, "brakes.spend"},
		"brakes amounts":   {top("brakes: {spend: [1]}"), campaign.CodeWrongType, "brakes.spend"},
		"brakes time":      {top("brakes: {per: 8d}"), campaign.CodeBadValue, "brakes.per"},
		"brakes after":     {top("brakes: {after: 0}"), campaign.CodeBadValue, "brakes.after"},
		"channel":          {top("reachable: [email, post]"), campaign.CodeBadValue, "reachable[1]"},
		"no channel":       {top("reachable: []"), campaign.CodeBadValue, "reachable"},
		"channel text":     {top("reachable: email"), campaign.CodeWrongType, "reachable"},
		"exit coupon":      {top("exit: [gift.redeemed]"), campaign.CodeBadRule, "exit[0]"},
	})
}

func TestStepsRefused(t *testing.T) {
	t.Parallel()
	step := func(s string) string { return stepsOf("  - " + s) }
	requireRefused(t, map[string]refused{
		"quiet":             {step("sms: {text: a, quiet: never}"), campaign.CodeBadValue, "steps[0].sms.quiet"},
		"quiet length":      {step("sms: {text: a, quiet: [1h]}"), campaign.CodeWrongType, "steps[0].sms.quiet"},
		"expires":           {step("sms: {text: a, expires: soon}"), campaign.CodeBadDuration, "steps[0].sms.expires"},
		"fallback text":     {step("sms: {text: a, fallback: email}"), campaign.CodeWrongType, "steps[0].sms.fallback"},
		"fallback kind":     {step("sms: {text: a, fallback: {call: {title: a}}}"), campaign.CodeUnknownField, "steps[0].sms.fallback.call"},
		"two fallbacks":     {step("sms: {text: a, fallback: {sms: {text: b}, email: {template: c}}}"), campaign.CodeConflict, "steps[0].sms.fallback"},
		"fallback content":  {step("sms: {text: a, fallback: {email: {id: b}}}"), campaign.CodeNoContent, "steps[0].sms.fallback.email"},
		"fallback id":       {step("sms: {id: a, text: a, fallback: {sms: {id: a, text: a}}}"), campaign.CodeDuplicateID, "steps[0].sms.fallback.sms.id"},
		"no title":          {step("call: {for: owner}"), campaign.CodeMissingField, "steps[0].call.title"},
		"for nobody":        {step("task: {title: a, for: {}}"), campaign.CodeBadValue, "steps[0].task.for"},
		"for a word":        {step("task: {title: a, for: ann@example.com}"), campaign.CodeBadValue, "steps[0].task.for"},
		"for two":           {step("task: {title: a, for: {user: a, rule: customer.b}}"), campaign.CodeConflict, "steps[0].task.for"},
		"round of none":     {step("task: {title: a, for: {round_robin: []}}"), campaign.CodeBadValue, "steps[0].task.for.round_robin"},
		"round twice":       {step("task: {title: a, for: {round_robin: [a, a]}}"), campaign.CodeBadValue, "steps[0].task.for.round_robin"},
		"for a number":      {step("task: {title: a, for: {rule: 1 + 1}}"), campaign.CodeBadRule, "steps[0].task.for.rule"},
		"owner to owner":    {step("owner: {to: owner}"), campaign.CodeBadValue, "steps[0].owner.to"},
		"owner to nobody":   {step("owner: {replace: true}"), campaign.CodeMissingField, "steps[0].owner.to"},
		"empty note":        {step("note: {id: n}"), campaign.CodeNoContent, "steps[0].note"},
		"note list":         {step("note: [a]"), campaign.CodeWrongType, "steps[0].note"},
		"added id":          {step("update: {add: {email: 1}}"), campaign.CodeBadValue, "steps[0].update.add.email"},
		"set and added":     {step("update: {add: {a: 1}, set: {a: 1}}"), campaign.CodeConflict, "steps[0].update.add.a"},
		"list twice":        {step("update: {add_to: [a], remove_from: [a]}"), campaign.CodeConflict, "steps[0].update"},
		"empty set":         {step("update: {set: {}}"), campaign.CodeWrongType, "steps[0].update.set"},
		"pool and prefix":   {step("coupon: {pool: a, prefix: b}"), campaign.CodeConflict, "steps[0].coupon"},
		"odd prefix":        {step("coupon: {prefix: 'a b'}"), campaign.CodeBadValue, "steps[0].coupon.prefix"},
		"redeemed":          {step("coupon: {redeemed: order_completed}"), campaign.CodeWrongType, "steps[0].coupon.redeemed"},
		"no url":            {step("webhook: {wait: true}"), campaign.CodeMissingField, "steps[0].webhook.url"},
		"half an url":       {step("webhook: {url: shop.example}"), campaign.CodeBadValue, "steps[0].webhook.url"},
		"other scheme":      {step("webhook: {url: 'file:///etc/passwd'}"), campaign.CodeBadValue, "steps[0].webhook.url"},
		"password":          {step("webhook: {url: 'https://a:b@shop.example/'}"), campaign.CodeBadValue, "steps[0].webhook.url"},
		"method":            {step("webhook: {url: 'https://shop.example', method: post}"), campaign.CodeBadValue, "steps[0].webhook.method"},
		"header":            {step("webhook: {url: 'https://shop.example', headers: {'a b': c}}"), campaign.CodeBadValue, "steps[0].webhook.headers.a b"},
		"header value":      {step("webhook: {url: 'https://shop.example', headers: {a: \"b\\nc\"}}"), campaign.CodeBadValue, "steps[0].webhook.headers.a"},
		"empty body":        {step("webhook: {url: 'https://shop.example', body: {}}"), campaign.CodeWrongType, "steps[0].webhook.body"},
		"no campaign":       {step("journey: {data: {a: 1}}"), campaign.CodeMissingField, "steps[0].journey.campaign"},
		"endless journey":   {step("journey: {campaign: a, wait: true}"), campaign.CodeMissingTimeout, "steps[0].journey"},
		"idle timeout":      {step("journey: {campaign: a, timeout: 1d}"), campaign.CodeConflict, "steps[0].journey.timeout"},
		"choices":           {step("decide: {first: []}"), campaign.CodeNoArms, "steps[0].decide.first"},
		"no value":          {step("decide: {first: [{when: customer.a}]}"), campaign.CodeMissingField, "steps[0].decide.first[0].value"},
		"null value":        {step("decide: {first: [{when: customer.a, value: null}]}"), campaign.CodeMissingField, "steps[0].decide.first[0].value"},
		"else first":        {step("decide: {first: [{else: 1}, {when: customer.a, value: 2}]}"), campaign.CodeElseNotLast, "steps[0].decide.first[0]"},
		"else with value":   {step("decide: {first: [{else: 1, value: 2}]}"), campaign.CodeConflict, "steps[0].decide.first[0]"},
		"no when":           {step("decide: {first: [{value: 2}]}"), campaign.CodeMissingField, "steps[0].decide.first[0]"},
		"result field":      {step("decide: {first: [{else: {happened: 1}}]}"), campaign.CodeBadValue, "steps[0].decide.first[0].else.happened"},
		"infinite":          {step("decide: {first: [{else: .inf}]}"), campaign.CodeBadValue, "steps[0].decide.first[0].else"},
		"value twice":       {step("decide: {first: [{else: {a: 1, a: 2}}]}"), campaign.CodeDuplicateField, "steps[0].decide.first[0].else.a"},
		"unasked result":    {stepsOf("  - webhook: {id: w, url: 'https://shop.example'}\n  - branch: [{when: w.happened, steps: []}]"), campaign.CodeResultBeforeStep, "steps[1].branch[0].when"},
		"unasked wait":      {stepsOf("  - wait: {id: w, for: 1d}\n  - branch: [{when: w.happened, steps: []}]"), campaign.CodeResultBeforeStep, "steps[1].branch[0].when"},
		"constant decision": {step("decide: {first: [{when: 'false', value: 1}]}"), campaign.CodeConstantRule, "steps[0].decide.first[0].when"},
	})
}

func TestWaitsRefused(t *testing.T) {
	t.Parallel()
	step := func(s string) string { return stepsOf("  - " + s) }
	requireRefused(t, map[string]refused{
		"for and until":   {step("wait: {for: 1d, until: '09:00'}"), campaign.CodeConflict, "steps[0].wait"},
		"nothing":         {step("wait: {id: w}"), campaign.CodeMissingField, "steps[0].wait"},
		"for on a day":    {step("wait: {for: 1d, weekday: mon}"), campaign.CodeConflict, "steps[0].wait.weekday"},
		"clock offset":    {step("wait: {until: '09:00', offset: 1h}"), campaign.CodeConflict, "steps[0].wait.offset"},
		"moment on a day": {step("wait: {until: entry.a, weekday: mon}"), campaign.CodeConflict, "steps[0].wait.weekday"},
		"no clock":        {step("wait: {until: '24:00'}"), campaign.CodeBadValue, "steps[0].wait.until"},
		"days":            {step("wait: {until: '09:00', weekday: someday}"), campaign.CodeBadValue, "steps[0].wait.weekday"},
		"days as list":    {step("wait: {until: '09:00', weekday: [mon]}"), campaign.CodeWrongType, "steps[0].wait.weekday"},
		"zone":            {step("wait: {until: '09:00', zone: here}"), campaign.CodeBadValue, "steps[0].wait.zone"},
		"offset":          {step("wait: {until: entry.a, offset: early}"), campaign.CodeBadDuration, "steps[0].wait.offset"},
		"if past":         {step("wait: {until: entry.a, if_past: stop}"), campaign.CodeBadValue, "steps[0].wait.if_past"},
		"event and rule":  {step("wait_for: {event: e, rule: customer.a, timeout: 1d}"), campaign.CodeConflict, "steps[0].wait_for"},
		"rule and when":   {step("wait_for: {rule: customer.a, when: event.b, timeout: 1d}"), campaign.CodeConflict, "steps[0].wait_for.when"},
		"rule and quiet":  {step("wait_for: {rule: customer.a, quiet: 1h, timeout: 1d}"), campaign.CodeConflict, "steps[0].wait_for.quiet"},
		"rule of event":   {step("wait_for: {rule: event.a, timeout: 1d}"), campaign.CodeBadRule, "steps[0].wait_for.rule"},
		"always":          {step("wait_for: {rule: 'true', timeout: 1d}"), campaign.CodeConstantRule, "steps[0].wait_for.rule"},
		"neither":         {step("wait_for: {timeout: 1d}"), campaign.CodeMissingField, "steps[0].wait_for.event"},
		"long quiet":      {step("wait_for: {event: e, quiet: 2d, timeout: 1d}"), campaign.CodeConflict, "steps[0].wait_for.quiet"},
	})
}

func TestSplitsRefused(t *testing.T) {
	t.Parallel()
	split := func(s string) string { return stepsOf("  - split: {" + s + "}") }
	const path = "steps[0].split"
	requireRefused(t, map[string]refused{
		"no arms":       {split("id: s"), campaign.CodeNoArms, path},
		"one arm":       {split("arms: {a: 100%}"), campaign.CodeNoArms, path},
		"text":          {split("arms: half"), campaign.CodeWrongType, path + ".arms"},
		"less":          {split("arms: {a: 40%, b: 50%}"), campaign.CodeBadShares, path + ".arms"},
		"more":          {split("arms: {a: 60%, b: 50%}"), campaign.CodeBadShares, path + ".arms"},
		"no rest":       {split("arms: {a: 50%, b: 50%, c: rest}"), campaign.CodeBadShares, path + ".arms"},
		"two rests":     {split("arms: {a: rest, b: rest}"), campaign.CodeBadShares, path + ".arms.b"},
		"nobody":        {split("arms: {a: 0%, b: rest}"), campaign.CodeBadShares, path + ".arms.a"},
		"odd share":     {split("arms: {a: half, b: rest}"), campaign.CodeBadValue, path + ".arms.a"},
		"no share":      {split("arms: {a: {steps: []}, b: rest}"), campaign.CodeMissingField, path + ".arms.a.share"},
		"empty arm":     {split("arms: {a: , b: rest}"), campaign.CodeWrongType, path + ".arms.a"},
		"odd name":      {split("arms: {a-b: 50%, b: rest}"), campaign.CodeBadValue, path + ".arms.a-b"},
		"no name":       {split("arms: [{share: 50%}, {name: b, share: rest}]"), campaign.CodeBadValue, path + ".arms[0].name"},
		"name twice":    {split("arms: [{name: b, share: 50%}, {name: b, share: rest}]"), campaign.CodeDuplicateField, path + ".arms[1].name"},
		"named again":   {split("arms: {a: {name: b, share: 50%}, b: rest}"), campaign.CodeConflict, path + ".arms.a.name"},
		"steps":         {split("arms: {a: {share: 50%, steps: none}, b: rest}"), campaign.CodeWrongType, path + ".arms.a.steps"},
		"no experiment": {split("arms: {a: 50%, b: 50%}, by: clicks"), campaign.CodeConflict, path + ".by"},
		"no by":         {split("arms: {a: 10%, b: 10%, winner: rest}, after: 4h"), campaign.CodeMissingField, path + ".by"},
		"no after":      {split("arms: {a: 10%, b: 10%, winner: rest}, by: clicks"), campaign.CodeMissingField, path + ".after"},
		"one contender": {split("arms: {a: 10%, winner: rest}, by: clicks, after: 4h"), campaign.CodeNoArms, path},
		"no goal":       {split("arms: {a: 10%, b: 10%, winner: rest}, by: goal, after: 4h"), campaign.CodeConflict, path + ".by"},
		"by":            {split("arms: {a: 10%, b: 10%, winner: rest}, by: click, after: 4h"), campaign.CodeBadValue, path + ".by"},
		"alpha":         {split("arms: {a: 10%, b: 10%, winner: rest}, by: clicks, after: 4h, alpha: 1"), campaign.CodeBadValue, path + ".alpha"},
		"default":       {split("arms: {a: 10%, b: 10%, winner: rest}, by: clicks, after: 4h, default: c"), campaign.CodeBadValue, path + ".default"},
		"winner steps":  {split("arms: {a: 10%, b: 10%, winner: {share: rest, steps: []}}, by: clicks, after: 4h"), campaign.CodeConflict, path + ".arms.winner.steps"},
	})
}

func TestRepeatsRefused(t *testing.T) {
	t.Parallel()
	repeat := func(s string) string { return stepsOf("  - repeat: {" + s + "}") }
	const path = "steps[0].repeat"
	const message = "{email: {template: a}}"
	requireRefused(t, map[string]refused{
		"no max":      {repeat("steps: [{wait: 1d}]"), campaign.CodeMissingField, path + ".max"},
		"max":         {repeat("max: 1001, steps: [{wait: 1d}]"), campaign.CodeBadValue, path + ".max"},
		"no steps":    {repeat("max: 3"), campaign.CodeMissingField, path},
		"empty":       {repeat("max: 3, steps: []"), campaign.CodeNoSteps, path},
		"no wait":     {repeat("max: 3, steps: [" + message + "]"), campaign.CodeLoopWithoutWait, path},
		"one way":     {repeat("max: 3, steps: [{branch: [{when: customer.a, steps: [{wait: 1d}]}]}]"), campaign.CodeLoopWithoutWait, path},
		"else way":    {repeat("max: 3, steps: [{branch: [{when: customer.a, steps: [{wait: 1d}]}, {else: [" + message + "]}]}]"), campaign.CodeLoopWithoutWait, path},
		"split way":   {repeat("max: 3, steps: [{split: {arms: {a: {share: 50%, steps: [{wait: 1d}]}, b: rest}}}]"), campaign.CodeLoopWithoutWait, path},
		"inner while": {repeat("max: 3, steps: [{repeat: {while: customer.a, max: 3, steps: [{wait: 1d}]}}]"), campaign.CodeLoopWithoutWait, path},
		"often": {
			repeat("max: 1000, steps: [{repeat: {max: 11, steps: [{wait: 1d}]}}]"),
			campaign.CodeTooLarge, path + ".steps[0].repeat",
		},
		"never": {repeat("while: 'false', max: 3, steps: [{wait: 1d}]"), campaign.CodeConstantRule, path + ".while"},
	})
	for name, steps := range map[string]string{
		"every way":  "{branch: [{when: customer.a, steps: [{wait: 1d}]}, {else: [{exit: gone}]}]}",
		"split ways": "{split: {arms: {a: {share: 50%, steps: [{wait: 1d}]}, b: {share: rest, steps: [{wait: 2d}]}}}}",
		"inner":      "{repeat: {max: 3, steps: [{wait: 1d}]}}",
		"wait for":   "{wait_for: {event: e, timeout: 1d}}",
		"until":      "{wait: {until: '09:00'}}, {wait: 1h}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parse(t, repeat("max: 3, steps: ["+message+", "+steps+"]"))
		})
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]refused{
		"dead end": {
			stepsOf("  - branch: [{when: customer.a, steps: [{exit: a}]}, {else: [{wait: 1d}, {exit: b}]}]\n  - wait: 1d"),
			campaign.CodeUnreachable, "steps[1]",
		},
		"dead ends of a split": {
			stepsOf("  - split: {arms: {a: {share: 50%, steps: [{exit: a}]}, b: {share: rest, steps: [{exit: b}]}}}\n  - wait: 1d"),
			campaign.CodeUnreachable, "steps[1]",
		},
		"quiet service message": {
			"campaign: c\ntrigger: {event: e}\ntransactional: true\nsteps: [{sms: {text: a, quiet: skip}}]",
			campaign.CodePointless, "steps[0].sms.quiet",
		},
		"loop until a moment": {
			stepsOf("  - repeat: {max: 3, steps: [{wait: {until: customer.birthday}}, {sms: {text: a}}]}"),
			campaign.CodeLoopWithoutWait, "steps[0].repeat",
		},
		"topic of service messages": {
			"campaign: c\ntopic: news\ntrigger: {event: e}\ntransactional: true\nsteps: [{sms: {text: a}}]",
			campaign.CodePointless, "topic",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vs := parse(t, c.src).Warnings()
			require.Len(t, vs, 1, "%v", vs)
			require.Equal(t, c.code, vs[0].Code)
			require.Equal(t, c.path, vs[0].Path)
		})
	}
	require.Empty(t, parse(t, wholeFile).Warnings())
	require.Empty(t,
		parse(t, stepsOf("  - branch: [{when: customer.a, steps: [{exit: a}]}]\n  - sms: {text: a, quiet: ignore}")).Warnings())
}

// TestShapesRefused: what stands where something else is wanted.
func TestShapesRefused(t *testing.T) {
	t.Parallel()
	step := func(s string) string { return stepsOf("  - " + s) }
	top := func(s string) string { return topOf("trigger: {event: e}\n" + s) }
	requireRefused(t, map[string]refused{
		"steps":        {"campaign: c\ntrigger: {event: e}\nsteps: none", campaign.CodeWrongType, "steps"},
		"trigger":      {topOf("trigger: registered"), campaign.CodeWrongType, "trigger"},
		"audience":     {topOf("trigger: {audience: {once: true}}"), campaign.CodeMissingField, "trigger.audience.rule"},
		"cron":         {topOf("trigger: {schedule: {cron: 5, audience: 'true'}}"), campaign.CodeWrongType, "trigger.schedule.cron"},
		"goal":         {top("goal: order_completed"), campaign.CodeWrongType, "goal"},
		"exit":         {top("exit: 5"), campaign.CodeWrongType, "exit"},
		"key":          {top("key: [entry.a]"), campaign.CodeWrongType, "key"},
		"reenter":      {top("reenter: {aftr: 1d}"), campaign.CodeUnknownField, "reenter.aftr"},
		"empty rule":   {top("exit: [{event: e, when: }]"), campaign.CodeWrongType, "exit[0].when"},
		"arm":          {step("branch: [a]"), campaign.CodeWrongType, "steps[0].branch[0]"},
		"arms":         {step("branch: {arms: {when: customer.a}}"), campaign.CodeWrongType, "steps[0].branch.arms"},
		"arm of both":  {step("branch: [{when: customer.a, steps: []}, {else: [], steps: []}]"), campaign.CodeConflict, "steps[0].branch[1]"},
		"arm's steps":  {step("branch: [{when: customer.a, steps: {wait: 1d}}]"), campaign.CodeWrongType, "steps[0].branch[0].steps"},
		"decide":       {step("decide: 5"), campaign.CodeWrongType, "steps[0].decide"},
		"first":        {step("decide: {first: {when: customer.a}}"), campaign.CodeWrongType, "steps[0].decide.first"},
		"choice":       {step("decide: {first: [5]}"), campaign.CodeWrongType, "steps[0].decide.first[0]"},
		"repeat":       {step("repeat: 5"), campaign.CodeWrongType, "steps[0].repeat"},
		"split":        {step("split: 5"), campaign.CodeWrongType, "steps[0].split"},
		"wait_for":     {step("wait_for: order_completed"), campaign.CodeWrongType, "steps[0].wait_for"},
		"headers":      {step("webhook: {url: 'https://a.example', headers: X}"), campaign.CodeWrongType, "steps[0].webhook.headers"},
		"header twice": {step("webhook: {url: 'https://a.example', headers: {A: b, A: c}}"), campaign.CodeDuplicateField, "steps[0].webhook.headers.A"},
		"set twice":    {step("update: {set: {a: 1, a: 2}}"), campaign.CodeDuplicateField, "steps[0].update.set.a"},
		"no name":      {step("update: {set: {'': 1}}"), campaign.CodeBadValue, "steps[0].update.set."},
		"length":       {step("wait: [1d]"), campaign.CodeWrongType, "steps[0].wait"},
		"long name":    {step("exit: '" + strings.Repeat("x", 300) + "'"), campaign.CodeBadValue, "steps[0].exit"},
		"empty text":   {step("sms: {text: ' '}"), campaign.CodeBadValue, "steps[0].sms.text"},
		"text of list": {step("sms: {text: [a]}"), campaign.CodeWrongType, "steps[0].sms.text"},
	})
}

// TestValues: the numbers of YAML that JSON writes otherwise mean the same.
func TestValues(t *testing.T) {
	t.Parallel()
	d := parse(t, stepsOf("  - decide: {first: [{else: {hex: 0x1F, plus: +1.5, plain: 1e3, deep: [null, {a: True}]}}]}"))
	decide, ok := d.Steps[0].(*campaign.DecideStep)
	require.True(t, ok)
	require.Equal(t, map[string]any{
		"hex": json.Number("31"), "plus": json.Number("1.5"), "plain": json.Number("1e3"), "deep": []any{nil, map[string]any{"a": true}},
	}, decide.First[0].Value)
}

// TestShare: parts are read and written to the millionth.
func TestShare(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]campaign.Share{"0%": 0, "5%": 50_000, "0.5%": 5000, "12.3456%": 123_456, "0.0001%": 1, "100%": 1_000_000} {
		got, err := campaign.ParseShare(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, text, got.String())
	}
	for _, text := range []string{"", "5", "%", "-5%", "5.%", "0.00001%", "100.0001%", "1e1%", "5 %"} {
		_, err := campaign.ParseShare(text)
		require.ErrorIs(t, err, campaign.ErrShare, text)
	}
}
