package rules_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/rules"
	"dotyk/rules/audience"
)

func explained(t *testing.T, src string, env rules.Env) *rules.Explanation {
	t.Helper()
	rule, err := rules.Compile(src, fullOptions())
	require.NoError(t, err, src)
	return rule.Explain(env)
}

func TestExplainChanges(t *testing.T) {
	t.Parallel()
	for src, want := range map[string][]string{
		// comparisons
		`count(events("order_completed", "90d")) >= 4`: {`count(events("order_completed", "90d")) is 3; it must be at least 4`},
		`4 <= count(events("order_completed", "90d"))`: {`count(events("order_completed", "90d")) is 3; it must be at least 4`},
		`customer.age > 30`:                            {`customer.age is 30; it must be more than 30`},
		`not (customer.age > 29)`:                      {`customer.age is 30; it must be at most 29`},
		`customer.age < 30.5 and customer.age != 30`:   {`customer.age is 30; it must be anything but 30`},
		`customer.age == 30`:                           {`customer.age is 30; it must be anything but 30`},
		`customer.age == 31`:                           {`customer.age is 30; it must be 31`},
		`customer.age < entry.total`:                   {`customer.age is 30; it must be at least entry.total (80)`},
		`customer.age in 40..50`:                       {`customer.age is 30; it must be between 40 and 50`},
		`customer.age in 18..30`:                       {`customer.age is 30; it must not be between 18 and 30`},
		`1 < customer.age < 30`:                        {`customer.age is 30; it must be less than 30`},
		`customer.plan == "pro"`:                       {`customer.plan is not known; it must be "pro"`},
		`customer.plan != "pro"`:                       {`customer.plan is not known; it must be "pro"`},
		`customer.plan != null`:                        {`customer.plan is not known; it must be known`},
		`customer.city == null`:                        {`customer.city is "Lviv"; it must be unknown`},
		`customer.phone != ""`:                         {`customer.phone is empty; it must not be empty`},
		`customer.city == ""`:                          {`customer.city is "Lviv"; it must be empty`},
		`event.at < customer.created_at`:               {`event.at is 2026-03-10T11:00:00Z; it must be before customer.created_at (2026-01-29T11:00:00Z)`},
		`customer.created_at > "2026-03-01"`:           {`customer.created_at is 2026-01-29T11:00:00Z; it must be after "2026-03-01"`},
		`customer.address == customer.list`:            {`customer.address is {"zip":"79000"}; it must be customer.list ([1,2,3])`},
		`last(events("order_completed")) == null`:      {`last(events("order_completed")) is the event of 2026-03-09T12:00:00Z; it must be unknown`},
		`events("order_completed") == null`:            {`events("order_completed") is 4 events; it must be unknown`},
		`now - event.at > "2h"`:                        {`now - event.at is 1h; it must be more than "2h": by itself on 2026-03-10T13:00:00.000001Z, if nothing else changes`},
		`(event.flag ?? false)`:                        {`event.flag ?? false is true; it must be false`},
		// texts and lists
		`customer.city startsWith "K"`:           {`customer.city is "Lviv"; it must start with "K"`},
		`customer.city endsWith "v"`:             {`customer.city is "Lviv"; it must not end with "v"`},
		`customer.city contains "<"`:             {`customer.city is "Lviv"; it must contain "<"`},
		`customer.city matches "^K"`:             {`customer.city is "Lviv"; it must match "^K"`},
		`customer.tags contains "old"`:           {`customer.tags is ["new","vip"]; it must contain "old"`},
		`"vip" in customer.tags`:                 {`customer.tags is ["new","vip"]; it must not contain "vip"`},
		`customer.city in ["Kyiv", "Odesa"]`:     {`customer.city is "Lviv"; it must be one of ["Kyiv", "Odesa"]`},
		`customer.city not in ["Kyiv", "Lviv"]`:  {`customer.city is "Lviv"; it must be none of ["Kyiv", "Lviv"]`},
		`customer.city not in ["Kyiv", "Odesa"]`: {`customer.city is "Lviv"; it must be one of ["Kyiv", "Odesa"]`},
		`segment("vip")`:                         {`the customer must be in segment "vip"`},
		`not segment("member")`:                  {`the customer must leave segment "member"`},
		`in_topic("news", "sms")`:                {`the customer may be sent messages on topic "news" by sms; they must unsubscribe from them`},
		`in_topic("club")`:                       {`the customer may not be sent messages on topic "club"; they must agree to them`},
		`sent("second").delivered`:               {`sent("second").delivered is false; it must be true`},
		`event.word`:                             {`event.word is "yes"; it must be true`},
		`event.flag`:                             {`event.flag is true; it must be false`},
		`journeys("welcome").active`:             {`journeys("welcome").active is false; it must be true`},
		`event.flag == false`:                    {`event.flag is true; it must be false`},
		`any(events("order_completed"), .total > 25)`: {
			`1 of the 4 events in events("order_completed") fulfils .total > 25; none may`,
		},
		`any(events("order_completed"), .total > 99)`: {
			`none of the 4 events in events("order_completed") fulfil .total > 99; at least one must`,
		},
		`all(events("order_completed"), .total > 15)`: {
			`2 of the 4 events in events("order_completed") fulfil .total > 15; all must`,
		},
		`all(customer.list, # > 0)`:         {`3 of the 3 items in customer.list fulfil # > 0; at least one must not`},
		`none(customer.list, # == 2)`:       {`1 of the 3 items in customer.list fulfils # == 2; none may`},
		`none(customer.list, # == 9)`:       {`none of the 3 items in customer.list fulfil # == 9; at least one must`},
		`any(events("none"), .total > 1)`:   {`there are no events in events("none"); there must be some that fulfil .total > 1`},
		`all(customer.nothing, # > 1)`:      {`there are no items in customer.nothing; there must be some that do not fulfil # > 1`},
		`customer.age > 18 ? false : true`:  {`customer.age is 30; it must be at most 18`},
		`true ? customer.age > 40 : 1 == 1`: {`customer.age is 30; it must be more than 40`},
		// several
		`customer.age > 40 and customer.city == "Lviv" and customer.phone != ""`: {
			`customer.age is 30; it must be more than 40`, `customer.phone is empty; it must not be empty`,
		},
		`customer.age > 18 and customer.city == "Lviv"`: {
			`either customer.age is 30; it must be at most 18`, `or customer.city is "Lviv"; it must be anything but "Lviv"`,
		},
		`customer.age > 40 or customer.city == "Kyiv"`: {
			`either customer.age is 30; it must be more than 40`, `or customer.city is "Lviv"; it must be "Kyiv"`,
		},
		`customer.age > 18 or customer.city == "Lviv"`: {
			`customer.age is 30; it must be at most 18`, `customer.city is "Lviv"; it must be anything but "Lviv"`,
		},
		`customer.phone != "" and (customer.age > 40 or customer.city == "Kyiv")`: {
			`customer.phone is empty; it must not be empty`,
			`either customer.age is 30; it must be more than 40, or customer.city is "Lviv"; it must be "Kyiv"`,
		},
		`(customer.age > 40 and customer.phone != "") or customer.city == "Kyiv"`: {
			`either customer.age is 30; it must be more than 40, and customer.phone is empty; it must not be empty`,
			`or customer.city is "Lviv"; it must be "Kyiv"`,
		},
		`customer.age > 40 and customer.age > 40`:                    {`customer.age is 30; it must be more than 40`},
		`(event.flag and 1 == 2) or customer.age > 40`:               {`customer.age is 30; it must be more than 40`},
		`event.flag ? customer.age > 40 : customer.phone != ""`:      {`either customer.age is 30; it must be more than 40`, `or event.flag is true; it must be false, and customer.phone is empty; it must not be empty`},
		`not (customer.age > 18 and customer.city startsWith "L")`:   {`either customer.age is 30; it must be at most 18`, `or customer.city is "Lviv"; it must not start with "L"`},
		`1 == 1 or event.flag`:                                       {`nothing can change this answer`},
		`customer.age > 40 and 1 == 2`:                               {`nothing can change this answer`},
		`now > "2026-01-01"`:                                         {`nothing can change this answer`},
		`any(events("order_completed"), .total > 25) == event.false`: {`any(events("order_completed"), .total > 25) is true; it must be event.false (not known)`},
		// time
		`days_since(customer.created_at) >= 43`: {
			`days_since(customer.created_at) is 40; it must be at least 43: by itself on 2026-03-13T11:00:00Z, if nothing else changes`,
		},
		`days_since(customer.created_at) < 40`: {`days_since(customer.created_at) is 40; it must be less than 40`},
		`count(events("order_completed", "90d")) > 2`: {
			`count(events("order_completed", "90d")) is 3; it must be at most 2: by itself on 2026-04-19T12:00:00.000001Z, if nothing else changes`,
		},
		`now.hour == 9`: {`now.hour is 12; it must be 9: by itself on 2026-03-11T09:00:00Z, if nothing else changes`},
		`event.starts_at < now`: {
			`event.starts_at is "2026-03-11T10:00:00+02:00"; it must be before now (2026-03-10T12:00:00Z): by itself on 2026-03-11T08:00:00.000001Z, if nothing else changes`,
		},
	} {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			env := fullEnv()
			env.History["order_completed"] = env.History["order_completed"][:4] // without the one that is still to come
			env.Segments = map[string]bool{"member": true}
			env.Topics = map[string]audience.TopicPolicy{"club": audience.OptIn}
			require.Equal(t, want, explained(t, src, env).Changes)
		})
	}
}

func TestExplainTree(t *testing.T) {
	t.Parallel()
	const src = "customer.email != \"\" and\n  (count(events(\"order_completed\", \"90d\"), .total >= 25) > 1 or segment(\"vip\"))"
	env := fullEnv()
	env.History["order_completed"] = env.History["order_completed"][:4] // without the one that is still to come
	got, err := json.Marshal(explained(t, src, env))
	require.NoError(t, err)
	require.JSONEq(t, `{
		"rule": "customer.email != \"\" and\n  (count(events(\"order_completed\", \"90d\"), .total >= 25) > 1 or segment(\"vip\"))",
		"holds": false, "at": "2026-03-10T12:00:00Z", "until": "2026-04-19T12:00:00.000001Z",
		"root": {
			"text": "customer.email != \"\" and\n  (count(events(\"order_completed\", \"90d\"), .total >= 25) > 1 or segment(\"vip\"))",
			"kind": "true or false", "value": false, "holds": false, "line": 1, "column": 1,
			"parts": [
				{"text": "customer.email != \"\"", "kind": "true or false", "value": true, "holds": true, "line": 1, "column": 1, "parts": [
					{"text": "customer.email", "kind": "text", "value": "ann@example.com", "line": 1, "column": 1}
				]},
				{"text": "count(events(\"order_completed\", \"90d\"), .total >= 25) > 1 or segment(\"vip\")", "kind": "true or false",
				 "value": false, "holds": false, "decides": true, "line": 2, "column": 4, "parts": [
					{"text": "count(events(\"order_completed\", \"90d\"), .total >= 25) > 1", "kind": "true or false", "value": false,
					 "holds": false, "line": 2, "column": 4, "parts": [
						{"text": "count(events(\"order_completed\", \"90d\"), .total >= 25)", "kind": "a number", "value": 1, "line": 2, "column": 4,
						 "total": 3, "held": 1, "items": [
							{"number": 2, "value": {"at": "2026-03-05T12:00:00Z", "total": 30}, "holds": true},
							{"number": 1, "value": {"at": "2026-01-19T12:00:00Z", "total": 20}, "holds": false},
							{"number": 3, "value": {"at": "2026-03-09T12:00:00Z", "total": null}, "holds": false}
						 ],
						 "parts": [
							{"text": "events(\"order_completed\", \"90d\")", "kind": "a list", "total": 3, "line": 2, "column": 10}
						 ]}
					 ]},
					{"text": "segment(\"vip\")", "kind": "true or false", "value": false, "holds": false, "line": 2, "column": 65}
				 ]}
			]
		},
		"changes": [
			"either count(events(\"order_completed\", \"90d\"), .total \u003e= 25) is 1; it must be more than 1",
			"or the customer must be in segment \"vip\""
		]
	}`, string(got))
}

// find gives the first node of a text.
func find(n rules.Node, text string) *rules.Node {
	if n.Text == text {
		return &n
	}
	for _, part := range n.Parts {
		if found := find(part, text); found != nil {
			return found
		}
	}
	return nil
}

func TestExplainParts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ src, text, want string }{
		// what was skipped is evaluated, too
		{`customer.phone != "" and customer.age > 18`, `customer.age`, `{"kind": "a number", "value": 30, "column": 26}`},
		{`true or event.flag`, `true`, `{"kind": "true or false", "value": true, "holds": true, "decides": true, "column": 1}`},
		{`event.flag ? customer.age == 1 : seen.happened`, `seen.happened`, `{"kind": "true or false", "value": false, "holds": false, "column": 34}`},
		// what is missing, exact numbers, times, durations, objects
		{`customer.nobody.deeper == 1`, `customer.nobody`, `{"kind": "a value", "missing": true, "column": 1}`},
		{`customer.score + 0.10 == 1`, `customer.score + 0.10`, `{"kind": "a number", "value": 7.6, "column": 1}`},
		{`9223372036854775807 + 1 == 1`, `9223372036854775807 + 1`, `{"kind": "a number", "value": 9223372036854775808, "column": 1}`},
		{`now - "1h" > event.at`, `now - "1h"`, `{"kind": "a time", "value": "2026-03-10T11:00:00Z", "column": 1}`},
		{`now - event.at > "1h"`, `now - event.at`, `{"kind": "a duration", "value": "1h", "column": 1}`},
		{`customer.address.zip == "1"`, `customer.address`, `{"kind": "a value", "value": {"zip": "79000"}, "column": 1}`},
		{`event.word and true`, `event.word`, `{"kind": "text", "value": "yes", "holds": false, "decides": true, "column": 1}`},
		// what decides
		{`not event.flag`, `event.flag`, `{"kind": "true or false", "value": true, "holds": true, "decides": true, "column": 5}`},
		{`event.flag ? customer.age == 1 : seen.happened`, `customer.age == 1`, `{"kind": "true or false", "value": false, "holds": false, "decides": true, "column": 14}`},
		{`(customer.nobody ?? customer.age) == 30`, `customer.age`, `{"kind": "a number", "value": 30, "decides": true, "column": 21}`},
		{`(customer.nobody ?? customer.age) == 30`, `customer.nobody`, `{"kind": "a value", "missing": true, "column": 2}`},
		// lists
		{`customer.tags contains "x"`, `customer.tags`, `{"kind": "a list", "value": ["new", "vip"], "total": 2, "column": 1}`},
		{`count(events("none")) == 0`, `events("none")`, `{"kind": "a list", "value": [], "column": 7}`},
		{
			`count(events("order_completed", "2d")) == 0`, `events("order_completed", "2d")`,
			`{"kind": "a list", "total": 1, "items": [{"number": 1, "value": {"at": "2026-03-09T12:00:00Z"}}], "column": 7}`,
		},
		{`last(events("order_completed")).at < now`, `last(events("order_completed"))`, `{"kind": "an event", "value": {"at": "2026-03-09T12:00:00Z"}, "column": 1}`},
		{`sum(events("order_completed", "60d"), .total) > 1`, `sum(events("order_completed", "60d"), .total)`, `{"kind": "a number", "value": 50, "total": 3, "items": [
			{"number": 1, "value": {"at": "2026-01-19T12:00:00Z", "total": 20}, "gives": 20},
			{"number": 2, "value": {"at": "2026-03-05T12:00:00Z", "total": 30}, "gives": 30},
			{"number": 3, "value": {"at": "2026-03-09T12:00:00Z", "total": null}}], "column": 1}`},
		{`all(customer.list, # > 1)`, `all(customer.list, # > 1)`, `{"kind": "true or false", "value": false, "holds": false, "total": 3, "held": 2, "items": [
			{"number": 1, "value": 1, "holds": false}, {"number": 2, "value": 2, "holds": true}, {"number": 3, "value": 3, "holds": true}], "column": 1}`},
		{
			`any(first(events("order_completed")).items, .price > 5)`, `any(first(events("order_completed")).items, .price > 5)`,
			`{"kind": "true or false", "value": true, "holds": true, "total": 1, "held": 1, "items": [{"number": 1, "value": {"price": 5.5}, "holds": true}], "column": 1}`,
		},
	} {
		t.Run(c.src+" "+c.text, func(t *testing.T) {
			t.Parallel()
			node := find(explained(t, c.src, fullEnv()).Root, c.text)
			require.NotNil(t, node)
			node.Parts = nil
			got, err := json.Marshal(node)
			require.NoError(t, err)
			text, err := json.Marshal(c.text)
			require.NoError(t, err)
			require.JSONEq(t, `{"text": `+string(text)+`, "line": 1, `+c.want[1:], string(got))
		})
	}
}

func TestExplainText(t *testing.T) {
	t.Parallel()
	for src, want := range map[string][]string{
		`(customer.age > 18) and ( customer.age<40 )`:           {`customer.age > 18`, `customer.age<40`},
		`1 < customer.age < 31`:                                 {`1 < customer.age`, `customer.age < 31`},
		`events("order_completed", "60d") | count() == 3`:       {`events("order_completed", "60d") | count()`, `events("order_completed", "60d")`},
		`if customer.age > 40 { false } else { event.flag }`:    {`if customer.age > 40 { false } else { event.flag }`, `customer.age > 40`},
		`(customer.age > 1 ? (event.flag) : true) and true`:     {`customer.age > 1 ? (event.flag) : true`, `event.flag`},
		`"old" not in ( customer.tags )`:                        {`"old" not in ( customer.tags )`, `customer.tags`},
		`customer?.address?.zip == "7"`:                         {`customer?.address?.zip`, `customer?.address`},
		`customer["my attr"] == "x"`:                            {`customer["my attr"]`},
		`(customer.a ?? customer.address).zip == "я"`:           {`(customer.a ?? customer.address).zip`, `customer.a ?? customer.address`},
		`customer.list[ (customer.age - 29) ] == 2`:             {`customer.list[ (customer.age - 29) ]`, `customer.age - 29`},
		`avg(events("a"), { .total }) in customer.age..abs(-3)`: {`avg(events("a"), { .total })`, `abs(-3)`},
		`min(customer.age, (18)) == - (18)`:                     {`min(customer.age, (18))`},
	} {
		rule, err := rules.Compile(src, fullOptions())
		require.NoError(t, err, src)
		for _, text := range want {
			require.NotNil(t, find(rule.Explain(fullEnv()).Root, text), "%s in %s", text, src)
		}
	}
	x := explained(t, "customer.age > 18 and\n\t(customer.age < 20)", fullEnv())
	part := find(x.Root, "customer.age < 20")
	require.Equal(t, []int{2, 3}, []int{part.Line, part.Column})
}

// every calls check for each node.
func every(n *rules.Node, check func(n *rules.Node)) {
	check(n)
	for i := range n.Parts {
		every(&n.Parts[i], check)
	}
}

// crowded is an environment of a customer with a great many events and long texts.
func crowded() rules.Env {
	env := fullEnv()
	long := strings.Repeat(`<"я">`, 2_000)
	events := make([]audience.Event, 10_000)
	for i := range events {
		events[i] = audience.Event{Name: "order_completed", OccurredAt: now.Add(time.Duration(i-9_999) * 37 * time.Minute), Properties: map[string]any{
			"total": float64(i), "sku": long, long: long, "items": []any{map[string]any{"sku": long, "price": json.Number("0.1"), "note": long}},
		}}
	}
	env.History = map[string][]audience.Event{"order_completed": events}
	for name := range env.Customer.Attributes {
		if _, text := env.Customer.Attributes[name].(string); text {
			env.Customer.Attributes[name] = long
		}
	}
	env.Customer.Attributes["list"] = []any{long, []any{long, long}, map[string]any{long: long}}
	env.Event.Properties["word"] = long
	return env
}

func TestExplainAgrees(t *testing.T) {
	t.Parallel()
	const most = 100 * 1024
	for _, src := range holdingRules() {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			rule, err := rules.Compile(src, fullOptions())
			require.NoError(t, err)
			for _, env := range []rules.Env{fullEnv(), {}, crowded()} {
				held, until, err := rule.Watch(env)
				x := rule.Explain(env)
				require.Equal(t, held, x.Holds)
				require.Equal(t, until, x.Until)
				require.Equal(t, err != nil, x.Error != "")
				if err == nil {
					require.Equal(t, held, *x.Root.Holds)
					require.NotEmpty(t, x.Changes)
				}
				require.Equal(t, src, x.Root.Text)
				encoded, err := json.Marshal(x)
				require.NoError(t, err)
				require.Less(t, len(encoded), most)
			}
			// What a node shows is what its text gives when it is a rule of its own.
			options := fullOptions()
			options.Want = rules.WantValue
			every(&rule.Explain(fullEnv()).Root, func(n *rules.Node) {
				require.Empty(t, n.Error, n.Text)
				alone, err := rules.Compile(n.Text, options)
				if err != nil {
					require.Regexp(t, "is a list of events|is an event", err.Error(), n.Text)
					return
				}
				value, err := alone.Value(fullEnv())
				require.NoError(t, err)
				require.Equal(t, value, n.Value, n.Text)
			})
		})
	}
}

// TestExplainOfAnything puts rules together at random: the answer is that of Bool, every change that time makes is the
// one that Bool sees, and every deciding part decides.
func TestExplainOfAnything(t *testing.T) {
	t.Parallel()
	all := holdingRules()
	rapid.Check(t, func(t *rapid.T) {
		var grow func(depth int) string
		grow = func(depth int) string {
			if depth == 0 {
				return "(" + rapid.SampledFrom(all).Draw(t, "rule") + ")"
			}
			form := rapid.SampledFrom([]string{"(%s and %s)", "(%s or %s)", "not (%s or not %s)", "(%[1]s ? %[2]s : not %[1]s)"}).Draw(t, "form")
			return fmt.Sprintf(form, grow(depth-1), grow(depth-1))
		}
		src := grow(rapid.IntRange(1, 3).Draw(t, "depth"))
		rule, err := rules.Compile(src, fullOptions())
		if err != nil {
			require.True(t, errors.Is(err, rules.ErrSourceTooLong) || errors.Is(err, rules.ErrTooManyNodes), "%v", err)
			return
		}
		env := fullEnv()
		env.Now = env.Now.Add(time.Duration(rapid.IntRange(-100, 100).Draw(t, "hours")) * time.Hour)
		held, err := rule.Bool(env)
		require.NoError(t, err)
		x := rule.Explain(env)
		require.Equal(t, held, x.Holds)
		require.Equal(t, held, *x.Root.Holds)
		encoded, err := json.Marshal(x)
		require.NoError(t, err)
		require.Less(t, len(encoded), 100*1024)
		every(&x.Root, func(n *rules.Node) {
			if n.Holds == nil || x.Cut || len(n.Text) > 200 {
				return
			}
			alone, err := rules.Compile(n.Text, fullOptions())
			require.NoError(t, err, n.Text)
			held, err := alone.Bool(env)
			require.NoError(t, err)
			require.Equal(t, held, *n.Holds, n.Text)
		})
	})
}

func TestExplainTime(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		`days_since(customer.created_at) >= 43`, `count(events("order_completed", "90d")) > 2`, `now.hour == 9`,
		`event.starts_at < now`, `not (local(now, "Europe/Kyiv").weekday in ["sunday", "monday"]) and customer.age > 18`,
	} {
		rule, err := rules.Compile(src, fullOptions())
		require.NoError(t, err)
		env := fullEnv()
		x := rule.Explain(env)
		var text string
		for _, line := range x.Changes {
			if _, after, found := strings.Cut(line, "by itself on "); found {
				text, _, _ = strings.Cut(after, ",")
			}
		}
		at, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err, "%s: %s", src, x.Changes)
		for moment, want := range map[time.Time]bool{at.Add(-time.Microsecond): x.Holds, at: !x.Holds} {
			env.Now = moment
			held, err := rule.Bool(env)
			require.NoError(t, err)
			require.Equal(t, want, held, "%s at %s", src, moment)
		}
	}
}

func TestExplainLimits(t *testing.T) {
	t.Parallel()
	env := crowded()
	t.Run("WorkOfTheRule", func(t *testing.T) {
		t.Parallel()
		const inner = `any(events("order_completed"), any(events("order_completed"), .x == 1))`
		x := explained(t, `customer.age > 18 and `+inner, env)
		require.False(t, x.Holds)
		require.Equal(t, rules.ErrWork.Error(), x.Error)
		require.Equal(t, x.Error, x.Root.Error)
		require.Empty(t, x.Changes)
		require.Nil(t, x.Root.Holds)
		require.True(t, *find(x.Root, "customer.age > 18").Holds)
		require.Equal(t, rules.ErrWork.Error(), find(x.Root, inner).Error)
	})
	t.Run("WorkOfOnePart", func(t *testing.T) {
		t.Parallel()
		x := explained(t, `customer.age > 40 and any(events("order_completed"), customer.city matches "(x+x+)+y")`, env)
		require.False(t, x.Holds)
		require.Empty(t, x.Error)
		require.Equal(t, []string{
			`customer.age is 30; it must be more than 40`,
			`any(events("order_completed"), customer.city matches "(x+x+)+y") could not be evaluated: rule needs too much work`,
		}, x.Changes)
	})
	t.Run("ItemsThatCannotBeLookedAt", func(t *testing.T) {
		t.Parallel()
		x := explained(t, `any(events("order_completed"), .total == 0 or customer.city matches "(x+x+)+y")`, env)
		require.True(t, x.Holds)
		require.Equal(t, "its items could not be looked at: "+rules.ErrWork.Error(), x.Root.Error)
		require.Len(t, x.Root.Items, 20)
		require.Nil(t, x.Root.Items[0].Holds)
		require.Nil(t, x.Root.Held)
		require.Contains(t, x.Changes[0], `some of the 10000 events in events("order_completed") fulfil`)
	})
	t.Run("WorkOfTheExplanation", func(t *testing.T) {
		t.Parallel()
		costly := make([]string, 12)
		for i := range costly {
			costly[i] = fmt.Sprintf(`none(events("order_completed"), count(.items, .price > %d) > 0)`, i)
		}
		started := time.Now()
		x := explained(t, `customer.age > 40 and `+strings.Join(costly, " and "), env)
		require.Less(t, time.Since(started), 20*time.Second)
		require.False(t, x.Holds)
		encoded, err := json.Marshal(x)
		require.NoError(t, err)
		require.Less(t, len(encoded), 100*1024)
	})
	t.Run("Length", func(t *testing.T) {
		t.Parallel()
		for src, cut := range map[string]bool{
			strings.Repeat(`any(events("order_completed"), .sku in 1..2) and `, 20) + "true":                              false,
			strings.Repeat(`customer.list == event.word or `, 36) + "true":                                                false,
			strings.Repeat(`customer.list == [`+strings.Repeat("event.word, ", 4)+`1] or `, 24) + "true":                  true,
			`any(events("order_completed"), .sku == "" or .` + strings.Repeat("x", 2_000) + ` == 1)`:                      false,
			strings.Repeat(`"<<<<<<<<<<<<<<<<<" < customer.city ? true : (`, 30) + "event.flag" + strings.Repeat(")", 30): false,
		} {
			x := explained(t, src, env)
			encoded, err := json.Marshal(x)
			require.NoError(t, err)
			require.Less(t, len(encoded), 100*1024)
			require.LessOrEqual(t, len(x.Changes), 21)
			require.Equal(t, cut, x.Cut, src)
		}
		few := explained(t, strings.Repeat(`any(events("order_completed"), .sku in 1..2) and `, 20)+"true", env).Root.Parts
		require.Len(t, few[0].Items, 20)
		require.Len(t, few[len(few)-2].Items, 3)
		text := few[0].Items[0].Value.(map[string]any)["sku"].(string)
		require.True(t, strings.HasPrefix(text, `<"я">`) && strings.HasSuffix(text, "…"), text)
	})
	t.Run("Sentences", func(t *testing.T) {
		t.Parallel()
		x := explained(t, "customer.age > 40"+strings.Repeat(" or customer.age > 40", 5)+manyConditions(30), env)
		require.Len(t, x.Changes, 21)
		require.Equal(t, "and 11 more", x.Changes[20])
	})
	t.Run("ItemsThatTell", func(t *testing.T) {
		t.Parallel()
		x := explained(t, `any(events("order_completed"), .total in [5000, 7000])`, env)
		require.Len(t, x.Root.Items, 20)
		require.Equal(t, 5001, x.Root.Items[0].Number)
		require.Equal(t, 7001, x.Root.Items[1].Number)
		require.Equal(t, 1, x.Root.Items[2].Number)
		require.Equal(t, 2, *x.Root.Held)
		require.Equal(t, 10_000, x.Root.Total)
	})
}

func manyConditions(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " or customer.age == %d", i+100)
	}
	return b.String()
}

func TestExplainValues(t *testing.T) {
	t.Parallel()
	rule, err := rules.Compile(`customer.age + 1`, rules.Options{Want: rules.WantValue})
	require.NoError(t, err)
	x := rule.Explain(fullEnv())
	require.Equal(t, int64(31), x.Root.Value)
	require.Nil(t, x.Root.Holds)
	require.Empty(t, x.Changes)
}

func TestExplainIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	rule, err := rules.Compile(`sum(events("order_completed"), .total) == 61 and any(customer.list, # > 2) or days_since(customer.created_at) > 45`, fullOptions())
	require.NoError(t, err)
	want := rule.Explain(fullEnv())
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			if got := rule.Explain(fullEnv()); !equalJSON(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
	workers.Wait()
}

func equalJSON(a, b any) bool {
	x, err := json.Marshal(a)
	y, also := json.Marshal(b)
	return err == nil && also == nil && string(x) == string(y)
}

func FuzzExplain(f *testing.F) {
	for _, src := range holdingRules() {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		rule, err := rules.Compile(src, fullOptions())
		if err != nil {
			return
		}
		held, err := rule.Bool(fullEnv())
		x := rule.Explain(fullEnv())
		require.Equal(t, held, x.Holds)
		require.Equal(t, err != nil, x.Error != "")
		encoded, err := json.Marshal(x)
		require.NoError(t, err)
		require.Less(t, len(encoded), 100*1024)
	})
}

func TestExplainJunctionInLoop(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		`any(events("order_completed"), .total > 3 and .total < 9 or .sku == "A")`, `count(customer.list, # > 1 and not (# > 2)) == 1`,
		`all(events("order_completed"), .total > 3 or any(.items, .sku == "A" and .price > 1))`,
	} {
		rule, err := rules.Compile(src, fullOptions())
		require.NoError(t, err)
		encoded, err := json.Marshal(rule.Explain(fullEnv()))
		require.NoError(t, err)
		require.NotContains(t, string(encoded), "goroutine", src)
		require.NotContains(t, string(encoded), `"error"`, src)
	}
}
