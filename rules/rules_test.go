package rules_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules"
	"dotyk/rules/audience"
)

var now = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func order(age time.Duration, total any) audience.Event {
	return audience.Event{
		Name: "order_completed", OccurredAt: now.Add(-age),
		Properties: map[string]any{"total": total, "sku": "A", "items": []any{map[string]any{"sku": "A", "price": 5.5}}},
	}
}

const day = 24 * time.Hour

func fullEnv() rules.Env {
	opened := audience.Event{
		Name: "cart_updated", OccurredAt: now.Add(-time.Hour),
		Properties: map[string]any{
			"cart_id": "c1", "total": 120.0, "count": json.Number("3"), "starts_at": "2026-03-11T10:00:00+02:00",
			"flag": true, "word": "yes", "id": float64(1 << 40),
		},
	}
	return rules.Env{
		Facts: rules.Facts{
			Customer: audience.Customer{
				ID: "u1", Kind: audience.Client, Email: "ann@example.com", Name: "Ann", Timezone: "Europe/Kyiv",
				Tags: []string{"new", "vip"}, CreatedAt: now.Add(-40*day - time.Hour),
				Attributes: map[string]any{
					"age": 30, "score": 7.5, "city": "Lviv", "nothing": nil, "address": map[string]any{"zip": "79000"},
					"list": []any{1.0, 2.0, 3.0}, "my attr": "x", "big": "hello world",
				},
			},
			History: map[string][]audience.Event{"order_completed": {
				order(100*day, 10.0), order(50*day, 20.0), order(5*day, 30.0), order(day, nil), order(-day, 1000.0),
			}},
		},
		Event: &opened,
		Entry: map[string]any{"cart_id": "c1", "total": 80},
		Results: map[string]map[string]any{"bought": {
			"happened": true, "at": "2026-03-10T11:00:00Z", "event": map[string]any{"total": 99.0},
		}},
		Sent: map[string]audience.Delivery{"hello": {Status: audience.Delivered, At: now.Add(-time.Hour), OpenedAt: now}},
		Now:  now,
	}
}

func fullOptions() rules.Options {
	return rules.Options{
		Event: true, Entry: true, Results: []string{"bought", "seen"}, Sent: []string{"hello", "second"},
		Later: []string{"soon"},
	}
}

// holdingRules hold in fullEnv, compiled with fullOptions.
func holdingRules() []string {
	return []string{
		// the record
		`customer.email == "ann@example.com"`, `customer.email != ""`, `customer.phone == ""`, `not (customer.phone != "")`,
		`customer.kind == "client"`, `customer.tags contains "vip"`, `"vip" in customer.tags`, `"old" not in customer.tags`,
		`customer["my attr"] == "x"`, `customer.address.zip == "79000"`, `customer?.address?.zip == "79000"`,
		`customer.list[1] == 2`, `not customer.unsubscribed`, `customer.created_at < now`,
		`customer.created_at < "2026-03-01"`, `customer.created_at > "2026-01-01T00:00:00Z"`,
		// what is missing
		`customer.nobody == null`, `customer.nothing == null`, `not (customer.nobody == "")`, `customer.nobody != ""`,
		`not (customer.nobody > 0)`, `not (customer.nobody <= 0)`, `customer.nobody.deeper.still == null`,
		`customer.nobody + 1 == null`, `customer.nobody * 2 == nil`, `customer.list[9] == null`, `customer.list[-1] == null`,
		`not customer.nobody`, `(customer.nobody ?? 5) == 5`, `not (customer.nobody in [1, 2])`,
		`not (customer.nobody contains "a")`, `not (customer.nobody matches "a")`, `1 / 0 == null`, `5 % 0 == null`,
		`count(customer.nobody) == 0`, `not any(customer.nobody, true)`, `all(customer.nobody, false)`,
		`len(customer.nobody) == null`, `lower(customer.nobody) == null`, `days_since(customer.nobody) == null`,
		`local(now, "Nowhere/City") == null`, `local(now, "").hour == null`,
		// of the wrong kind
		`not (customer.city > 5)`, `customer.city != 5`, `customer.city + 1 == null`, `count(customer.city) == 0`,
		// numbers and times from JSON
		`customer.age == 30.0`, `event.total == 120`, `event.count == 3`, `event.count + 1 == 4`, `event.id == 1099511627776`,
		`event.starts_at > now`, `now < event.starts_at`, `event.starts_at > "2026-03-11T07:59:59Z"`,
		`customer.age in 18..30`, `customer.age not in 31..40`, `1 < customer.age < 31`,
		`9223372036854775807 + 1 >= 9223372036854775807`, `-customer.age == -30`, `abs(-3) == 3`, `abs(-3.5) == 3.5`,
		`round(2.5) == 3`, `floor(-0.5) == -1`, `ceil(customer.score) == 8`, `7 % 4 == 3`, `1 / 2 == 0.5`, `2 * 1.5 == 3`,
		// the event, the entry, results, messages
		`event.name == "cart_updated"`, `event.at < now`, `event.cart_id == entry.cart_id`, `entry.total + 40 == event.total`,
		`event.flag`, `bought.happened and bought.total == 99`, `bought.at < now`, `not seen.happened`, `seen.at == null`,
		`seen.total == null`, `sent("hello").delivered`, `sent("hello").status == "delivered"`, `sent("hello").at < now`,
		`not sent("second").delivered`, `sent("hello").opened`, `not sent("hello").clicked`, `not sent("second").opened`, `sent("second").status == null`,
		// history
		`count(events("order_completed")) == 4`, `count(events("order_completed", "90d")) == 3`,
		`events("order_completed", "60d") | count() == 3`, `count(events("order_completed"), .total > 15) == 2`,
		`sum(events("order_completed"), .total) == 60`, `avg(events("order_completed"), .total) == 20`,
		`min(events("order_completed"), .total) == 10`, `max(events("order_completed", "60d"), .total) == 30`,
		`sum(events("nothing"), .total) == 0`, `avg(events("nothing"), .total) == null`, `max(events("nothing"), .at) == null`,
		`first(events("order_completed")).total == 10`, `last(events("order_completed")).total == null`,
		`last(events("order_completed")).at == "2026-03-09T12:00:00Z"`, `days_since(last(events("order_completed")).at) == 1`,
		`any(events("order_completed"), .sku == "A")`, `all(events("order_completed"), .sku == "A")`,
		`none(events("order_completed"), .sku == "B")`, `any(events("order_completed"), any(.items, .sku == "A"))`,
		`sum(map(events("order_completed"), sum(.items, .price))) == 22`, `last(filter(events("order_completed"), .total > 15)).total == 30`,
		`max(events("order_completed"), .at) > now - "36h"`, `len(events("order_completed")) == 4`,
		`events("order_completed")[0].total == 10`, `sum(customer.list) == 6`, `avg(customer.list) == 2`,
		`min(customer.age, 18) == 18`, `max(customer.age, 18) == 30`, `max(customer.tags) == "vip"`,
		// time
		`days_since(customer.created_at) == 40`, `now - customer.created_at > "40d"`, `now - customer.created_at < "6w"`,
		`now - event.at == "1h"`, `now + "2d" > event.starts_at`, `local(now, customer.timezone).hour == 14`,
		`local(now, "UTC").weekday == "tuesday"`, `now.date == "2026-03-10"`, `local(event.starts_at, "UTC").hour == 8`,
		`now.year == 2026 and now.month == 3 and now.day == 10 and now.minute == 0`,
		// text
		`customer.city startsWith "L"`, `customer.city endsWith "v"`, `customer.city contains "vi"`,
		`customer.email matches "^[a-z]+@example\\.com$"`, `upper(customer.city) == "LVIV"`, `lower("AB") == "ab"`,
		`trim("  a ") == "a"`, `len("дотик") == 5`, `customer.city + "!" == "Lviv!"`, `"a" < "b"`,
		// logic
		`customer.age > 18 ? true : false`, `if customer.age > 40 { false } else { true }`, `true or event.word`,
		`[1, 2] == [1, 2.0]`, `[1] != [1, 2]`, `customer.min == null`, `(customer.avg ?? 1) == 1`,
	}
}

func TestRuleBool(t *testing.T) {
	t.Parallel()
	for _, src := range holdingRules() {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			rule, err := rules.Compile(src, fullOptions())
			require.NoError(t, err)
			held, err := rule.Bool(fullEnv())
			require.NoError(t, err)
			require.True(t, held)
			require.Equal(t, src, rule.Source())
			if !strings.Contains(src, "? ") && !strings.Contains(src, "if ") && !strings.Contains(src, "|") {
				_, err = rule.Bool(rules.Env{}) // nothing known is never an error
				require.NoError(t, err)
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct {
		src, message, suggestion string
		column                   int
	}{
		{`custmer.email == ""`, `unknown name "custmer"`, "customer", 1},
		{`customer.email == "" and evnt.total > 1`, `unknown name "evnt"`, "event", 26},
		{`boght.happened`, `unknown name "boght"`, "bought", 1},
		{`soon.happened`, `the result of soon is not known here: that step does not come before this one`, "", 1},
		{`cuont(events("a")) > 1`, `unknown function "cuont"`, "count", 1},
		{`repeat("x", 1e9)`, `unknown function "repeat"`, "", 1},
		{`sent("helo").delivered`, `no step before this one sends a message "helo"`, "hello", 6},
		{`sent("soon").delivered`, `nothing is known here of the message soon: that step does not come before this one`, "", 6},
		{`sent("hello").delivred`, `sent has no field "delivred", only status, delivered, opened, clicked and at`, "delivered", 15},
		{`sent("hello").clikced`, `sent has no field "clikced", only status, delivered, opened, clicked and at`, "clicked", 15},
		{`sent("hello")`, `sent alone is not a value; name what you want to know, as in sent("hello").delivered`, "", 1},
		{`customer.email`, `customer.email is text, where true or false is wanted`, "", 10},
		{`count(events("a"))`, `count(events("a")) is a number, where true or false is wanted`, "", 1},
		{`customer.email and true`, `customer.email is text, where true or false is wanted`, "", 10},
		{`customer.email > 5`, `cannot compare text with a number: customer.email is text, 5 is a number`, "", 16},
		{`now == 5`, `a time and a number are never equal: now is a time, 5 is a number`, "", 5},
		{`now > "soon"`, `"soon" is not a time; write "2026-01-31" or "2026-01-31T09:00:00+02:00"`, "", 7},
		{`now - "3 days" > customer.created_at`, `not a duration: "3 days": ' ' is not a unit: w, d, h, m or s`, "", 7},
		{`customer.email - 1 > 0`, `customer.email - 1 cannot be computed: customer.email is text, 1 is a number`, "", 16},
		{`now.hours > 5`, `a time has no field "hours"`, "hour", 5},
		{`customer.email.domain == ""`, `customer.email is text and has no field "domain"`, "", 16},
		{`customer == null`, `customer alone is not a value; name one of its fields, as in customer.email`, "", 1},
		{`events > 3`, `events is a function: write events(…)`, "", 1},
		{`customer[event.name] == ""`, `the field of customer must be written out, as in customer.email`, "", 16},
		{`count(events(customer.name)) > 0`, `events takes the name of an event and, if wanted, how far back: events("order_completed", "90d")`, "", 23},
		{`count(events("a", "90")) > 0`, `not a duration: "90": a unit is missing: w, d, h, m or s`, "", 19},
		{`"a" in customer.email`, `customer.email is text, and in looks into a list; to look into text write customer.email contains "a"`, "", 5},
		{`customer.email matches customer.name`, `the pattern of matches must be written out`, "", 33},
		{`customer.email matches "("`, "the pattern cannot be read: error parsing regexp: missing closing ): `(`", "", 24},
		{`count(1..1000000000) > 1`, `a range stands only after in, as in customer.age in 18..30`, "", 8},
		{`let a = 1; a > 0`, `a rule is a single expression, without let and without semicolons`, "", 5},
		{`customer.email = "a"`, `"=" does not compare; write "=="`, "", 16},
		{`customer.email ==`, `the rule ends too early`, "", 17},
		{"customer.age > 1 and\n  customer.email == 5", `text and a number are never equal: customer.email is text, 5 is a number`, "", 18},
		{``, `the rule is empty`, "", 1},
		{`# == 1`, ``, "", 1},
		{`true AND false`, `write "AND" in small letters: "and"`, "", 6},
		{`customer.n == 123456789012345678901`, `this number is too large; write it as a decimal, with .0 at its end`, "", 35},
		{`email == "x"`, `unknown name "email"`, "customer.email", 1},
		{`customer["a\u0000"] == 1`, `text holds valid UTF-8, without the character \u0000`, "", 10},
		{`2 ** 3 == 8`, `"**" is not part of the rule language`, "", 3},
		{`groupBy(events("a"), .b) == null`, `unknown function "groupBy"`, "", 1},
		{`customer.list[0:1] == null`, `a part of a list cannot be taken; use filter, first or last`, "", 14},
		{`sum(customer.tags, "a") > 0`, `sum adds numbers, and "a" is text`, "", 20},
		{`first(events("a")) and true`, `first(events("a")) is an event, where true or false is wanted`, "", 1},
	}
	for _, c := range cases {
		t.Run(c.src, func(t *testing.T) {
			t.Parallel()
			_, err := rules.Compile(c.src, fullOptions())
			var fault *rules.Error
			require.ErrorAs(t, err, &fault)
			if c.message != "" {
				require.Equal(t, c.message, fault.Message)
				require.Equal(t, c.column, fault.Column)
			}
			require.Equal(t, c.suggestion, fault.Suggestion)
		})
	}
}

func TestCompileScopes(t *testing.T) {
	t.Parallel()
	for src, message := range map[string]string{
		`event.total > 1`:        "there is no event here: only the rules of a trigger, a wait_for, an exit and a goal judge one",
		`entry.total > 1`:        "there is no entry here: only journeys that an event or data has started have one",
		`sent("hello").at > now`: `no step before this one sends a message "hello"`,
	} {
		_, err := rules.Compile(src, rules.Options{})
		var fault *rules.Error
		require.ErrorAs(t, err, &fault)
		require.Equal(t, message, fault.Message)
	}
}

func TestErrorShowsItsPlace(t *testing.T) {
	t.Parallel()
	_, err := rules.Compile("customer.age > 1 and\n\tcustomr.email == \"\"", rules.Options{})
	require.EqualError(t, err, "line 2, column 2: unknown name \"customr\"; did you mean \"customer\"?\n customr.email == \"\"\n ^")
	encoded, err := json.Marshal(err)
	require.NoError(t, err)
	require.JSONEq(t, `{"source":"customer.age > 1 and\n\tcustomr.email == \"\"","line":2,"column":2,
		"message":"unknown name \"customr\"","snippet":" customr.email == \"\"\n ^","suggestion":"customer"}`, string(encoded))

	_, err = rules.Compile(strings.Repeat(" ", 300)+"x == 1"+strings.Repeat(" ", 300), rules.Options{})
	var fault *rules.Error
	require.ErrorAs(t, err, &fault)
	require.Less(t, len(fault.Snippet), 210)
	caret := strings.Split(fault.Snippet, "\n")
	require.Equal(t, byte('x'), caret[0][len(caret[1])-1])
}

func TestLimits(t *testing.T) {
	t.Parallel()
	many := func(n int) []audience.Event { return make([]audience.Event, n) }
	env := rules.Env{Now: now, Facts: rules.Facts{Customer: audience.Customer{
		Attributes: map[string]any{"text": strings.Repeat("x", 60_000), "list": make([]any, 2000)},
	}, History: map[string][]audience.Event{"a": many(2000), "b": many(2000)}}}
	deep := strings.Repeat("(1 + ", 50) + "1" + strings.Repeat(")", 50) + " > 0"

	t.Run("Compile", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct {
			src  string
			want error
		}{
			{strings.Repeat(" ", 4097), rules.ErrSourceTooLong},
			{"true" + strings.Repeat(" or true", 400), rules.ErrTooManyNodes},
			{"true" + strings.Repeat(" or true", 200), nil},
			{deep, rules.ErrTooDeep},
			{`customer.email`, rules.ErrNotBoolean},
		} {
			_, err := rules.Compile(c.src, fullOptions())
			require.ErrorIs(t, err, c.want)
		}
	})
	t.Run("Run", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct {
			src  string
			want error
		}{
			{`any(events("a"), any(events("b"), .x == 1))`, rules.ErrWork},
			{`count(events("a"), count(events("b"), .at == now) > 0) > 0`, rules.ErrWork},
			{`len(map(customer.list, map(customer.list, 1))) > 0`, rules.ErrMemory},
			{`customer.text + customer.text == ""`, rules.ErrMemory},
			{`any(events("a"), customer.text matches "(x+x+)+y")`, rules.ErrWork},
			{`customer.text matches "(x?){900}y"`, rules.ErrWork},
			{`any(events("a"), customer.text == customer.text + "" and false)`, rules.ErrWork},
			{`any(events("a"), any(events("b"), customer.tags contains "x"))`, rules.ErrWork},
			{`count(filter(events("a"), lower(customer.text) < "a")) > 0`, rules.ErrWork},
		} {
			rule, err := rules.Compile(c.src, rules.Options{})
			require.NoError(t, err)
			started := time.Now()
			_, err = rule.Bool(env)
			require.ErrorIs(t, err, c.want, c.src)
			require.Less(t, time.Since(started), 10*time.Second)
			var fault *rules.Error
			require.ErrorAs(t, err, &fault)
			require.Equal(t, c.src, fault.Source)
		}
	})
}

func TestRuleValue(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]any{
		`customer.age + 1`: int64(31), `customer.score * 2`: int64(15), `customer.score + 0.1`: json.Number("7.6"), `"a" + "b"`: "ab", `customer.nobody`: nil, `now`: "2026-03-10T12:00:00Z",
		`now - event.at`: "1h", `event.at - now`: "-1h", `customer.tags`: []any{"new", "vip"}, `event.count`: int64(3), `1 == 1`: true,
		`customer.address`: map[string]any{"zip": "79000"}, `entry.cart_id`: "c1",
		`map(filter(events("order_completed"), .total == 30), .total)`: []any{int64(30)},
	} {
		options := fullOptions()
		options.Want = rules.WantValue
		rule, err := rules.Compile(src, options)
		require.NoError(t, err)
		got, err := rule.Value(fullEnv())
		require.NoError(t, err)
		require.Equal(t, want, got, src)
		_, err = json.Marshal(got)
		require.NoError(t, err)
	}
	_, err := rules.Compile(`first(events("a"))`, rules.Options{Want: rules.WantValue})
	require.ErrorContains(t, err, "is an event; name one of its properties")
	_, err = rules.Compile(`1 + 1`, rules.Options{Want: rules.WantText})
	require.ErrorContains(t, err, "1 + 1 is a number, where text is wanted")
}

func TestRuleValues(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]map[string]any{
		`customer.email != "" and count(events("order_completed", "90d")) > 1`: {
			"customer.email": "ann@example.com", `count(events("order_completed", "90d"))`: int64(3),
		},
		`customer.address.zip == "1" or customer.nobody == 1`:        {"customer.address.zip": "79000", "customer.nobody": nil},
		`customer.phone != "" and customer.email != ""`:              {"customer.phone": ""},
		`last(events("order_completed")).at > now - "2d"`:            {`last(events("order_completed")).at`: "2026-03-09T12:00:00Z"},
		`any(events("order_completed"), .total > entry.total)`:       {`any(events("order_completed"), .total > entry.total)`: false},
		`days_since(customer.created_at) > 3`:                        {"days_since(customer.created_at)": int64(40), "customer.created_at": "2026-01-29T11:00:00Z"},
		`bought.happened and sent("hello").delivered and event.flag`: {"bought.happened": true, `sent("hello").delivered`: true, "event.flag": true},
		`sum(events("order_completed"), .total) > 1`:                 {`sum(events("order_completed"), .total)`: int64(60)},
		`event.word and true`:                                        {"event.word": "yes"}, // kept although the rule fails
		`avg(events("order_completed"), .total) > 1`:                 {`avg(events("order_completed"), .total)`: int64(20)},
		`customer.tags contains "x"`:                                 {"customer.tags": []any{"new", "vip"}},
		`1 == 1`:                                                     {},
	} {
		rule, err := rules.Compile(src, fullOptions())
		require.NoError(t, err)
		require.Equal(t, want, rule.Values(fullEnv()), src)
	}
	t.Run("Short", func(t *testing.T) {
		t.Parallel()
		rule, err := rules.Compile(`customer.a == customer.b`, rules.Options{})
		require.NoError(t, err)
		deep := any("x")
		for range 50 {
			deep = []any{deep}
		}
		values := rule.Values(rules.Env{Facts: rules.Facts{Customer: audience.Customer{
			Attributes: map[string]any{"a": strings.Repeat("я", 10_000), "b": []any{make([]any, 1000), deep}},
		}}})
		encoded, err := json.Marshal(values)
		require.NoError(t, err)
		require.Less(t, len(encoded), 1000)
	})
}

func TestRuleNeeds(t *testing.T) {
	t.Parallel()
	rule, err := rules.Compile(`count(events("a", "7d")) > 1 and count(events("a", "2w")) > 2 or count(events("b")) > 0
		and count(events("b", "1d")) > 0 and customer.unsubscribed`, rules.Options{})
	require.NoError(t, err)
	want := rules.Needs{History: map[string]time.Duration{"a": 14 * day, "b": 0}, Consents: true, Clock: true}
	require.Equal(t, want, rule.Needs())
	rule.Needs().History["a"] = 1
	require.Equal(t, want, rule.Needs(), "a caller cannot change a rule")
	require.Equal(t, rules.Needs{History: map[string]time.Duration{"a": 14 * day, "b": 0, "c": 1}, Consents: true, Clock: true},
		want.Merge(rules.Needs{History: map[string]time.Duration{"b": 5, "c": 1}}))
	require.Equal(t, rules.Needs{}, rules.Needs{}.Merge(rules.Needs{}))
}

func TestRuleAlways(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`true`: "true", `1 > 2`: "false", `customer.age > 1 or 1 < 2`: "true", `customer.age > 1 and false`: "false",
		`not true`: "false", `customer.age > 1`: "no", `customer.age > 1 and true`: "no", `"a" in ["a"]`: "true",
		`now > "2020-01-01"`: "no", `null`: "false", `(true or event.flag) and not false`: "true", `false or null == 1`: "false",
	} {
		rule, err := rules.Compile(src, fullOptions())
		require.NoError(t, err)
		held, always := rule.Always()
		got := "no"
		if always {
			got = map[bool]string{true: "true", false: "false"}[held]
		}
		require.Equal(t, want, got, src)
	}
}

func TestRuleIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	rule, err := rules.Compile(`sum(events("order_completed"), .total) == 60 and local(now, customer.timezone).hour == 14`, fullOptions())
	require.NoError(t, err)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for range 50 {
				held, values, err := rule.Judge(fullEnv())
				if err != nil || !held || len(values) != 2 {
					t.Errorf("held %v, values %v, error %v", held, values, err)
				}
			}
		})
	}
	workers.Wait()
}

func TestRuleNeedsToTheLast(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]rules.Needs{
		`count(events("a")) > 1 and last(events("b")).at < now - "1d"`: {History: map[string]time.Duration{"a": 0, "b": 0}, Clock: true},
		`sum(events("a"), .total) > 1 and count(events("b")) > 0`:      {History: map[string]time.Duration{"a": 0, "b": 0}, Properties: []string{"a"}},
		`any(events("a", "1d"), .at > customer.created_at)`:            {History: map[string]time.Duration{"a": day}, Profile: []string{"created_at"}, Clock: true},
		`customer.created_at < now - "1d"`:                             {Profile: []string{"created_at"}, Clock: true, OwnTimes: true},
		`customer.flag and now.hour == 9`:                              {Profile: []string{"flag"}, Clock: true, OwnTimes: true},
		`count(customer.list, now.hour == 9) > 0`:                      {Profile: []string{"list"}, Clock: true, OwnTimes: true},
		`days_since(last(events("a")).at) > 3`:                         {History: map[string]time.Duration{"a": 0}, Clock: true},
		`segment("s") and in_topic("t") and rfm.recency > 1`:           {Segments: []string{"s"}, Consents: true, Scores: true},
		`journeys("c").active or sent("c", "hello").delivered`:         {Journeys: []string{"c"}, Touches: []string{"c/hello"}},
	} {
		rule, err := rules.Compile(src, rules.Options{})
		require.NoError(t, err)
		require.Equal(t, want, rule.Needs(), src)
	}
	rule, err := rules.Compile(`segment("s") and customer.plan == "pro" and count(events("a", "1d")) > 0 and journeys("c").active
		and sent("c", "x").delivered and in_topic("t") and score.churn > 0.5`, rules.Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"consents:", "customer:plan", "event:a", "journeys:c", "scores:", "segment:s", "sent:c/x"}, rule.Needs().Mentions())
}

func TestNumbersAreExact(t *testing.T) {
	t.Parallel()
	tenth := audience.Event{Name: "a", OccurredAt: now, Properties: map[string]any{"n": json.Number("0.1"), "spent": json.Number("2000.00")}}
	env := rules.Env{Now: now, Facts: rules.Facts{
		History: map[string][]audience.Event{"a": slices.Repeat([]audience.Event{tenth}, 10)},
		Customer: audience.Customer{Attributes: map[string]any{
			"spent": json.Number("2000.00"), "serial": json.Number("12345678901234567890123"), "beyond": json.Number("1e1000000000"),
		}},
	}}
	for _, src := range []string{
		`sum(events("a"), .n) == 1`, `0.1 + 0.2 == 0.3`, `customer.spent >= 2000`, `customer.spent == 2000`, `not (customer.spent > 2000)`,
		`customer.serial + 1 == 12345678901234567890124`, `customer.serial * 10 > customer.serial`, `customer.beyond == null`, `1 / 3 == 0.33333333333333333333`,
		`2 / 3 == 0.66666666666666666667`, `-2 / 3 == -0.66666666666666666667`, `avg(events("a"), .n) == 0.1`, `5.5 % 2 == 1.5`, `-5.5 % 2 == -1.5`,
		`round(2.5) == 3`, `round(-2.5) == -3`, `0.1 * 0.1 == 0.01`, `1_000.5 == 1000.5`, `abs(-0.5) == 0.5`,
	} {
		rule, err := rules.Compile(strings.ReplaceAll(src, "12345678901234567890124", "12345678901234567890124.0"), rules.Options{})
		require.NoError(t, err, src)
		held, err := rule.Bool(env)
		require.NoError(t, err)
		require.True(t, held, src)
	}
}

func TestCatalogueOfOwnEvents(t *testing.T) {
	t.Parallel()
	own := []string{
		audience.EventSegmentEntered, audience.EventSegmentLeft, audience.EventRequested, audience.EventJourneyEnded,
		audience.EventTaskCompleted, audience.EventCallCompleted, audience.EventWebhookAnswered, audience.EventCouponRedeemed,
		audience.EventCouponRefused, audience.EventMerged, audience.EventUnsubscribed, audience.EventSMSReceived,
		audience.EventEmailReplied,
	}
	schema := &rules.Schema{Events: map[string]map[string]rules.Type{
		"visited":                   {},
		audience.EventTaskCompleted: {"step": rules.TypeNumber, "title": rules.TypeText, "project": rules.TypeText},
	}}
	warnings := func(src, event string) []string {
		rule, err := rules.Compile(src, rules.Options{Event: true, EventName: event, Schema: schema})
		require.NoError(t, err, src)
		var list []string
		for _, w := range rule.Warnings() {
			list = append(list, w.Message)
		}
		return list
	}
	for _, name := range own {
		require.Empty(t, warnings(`count(events("`+name+`")) > 1`, ""), name)
	}
	require.Empty(t, warnings(`event.step == "ring" and event.outcome == "reached" and event.duration > 60`, audience.EventCallCompleted))
	require.Empty(t, warnings(`event.body.left > 1 or event.body == "none"`, audience.EventWebhookAnswered))
	// The workspace sends an event of this name, too.
	require.Empty(t, warnings(`event.step == 3 or event.step == "ring" or event.project == event.outcome`, audience.EventTaskCompleted))
	require.Equal(t, []string{`no property of task_completed is called "colour" yet`}, warnings(`event.colour == "red"`, audience.EventTaskCompleted))

	for src, want := range map[string]string{
		`count(events("task_compleated")) > 1`: `did you mean "task_completed"?`,
		`event.duration == "long"`:             "a number and text are never equal",
		`event.outcom == "reached"`:            `did you mean "outcome"?`,
	} {
		_, err := rules.Compile(src, rules.Options{Event: true, EventName: audience.EventCallCompleted, Schema: schema})
		require.ErrorContains(t, err, want, src)
		rule, err := rules.Compile(src, rules.Options{Event: true, EventName: audience.EventCallCompleted, Schema: &rules.Schema{}})
		require.NoError(t, err, "nothing is known, so nothing is checked")
		require.Empty(t, rule.Warnings())
	}
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	schema := &rules.Schema{
		Attributes: map[string]rules.Type{"age": rules.TypeNumber, "city": rules.TypeText, "renews": rules.TypeTime, "odd": rules.TypeMixed},
		Events:     map[string]map[string]rules.Type{"order_completed": {"total": rules.TypeNumber, "sku": rules.TypeText}},
		Segments:   []string{"vip"}, Topics: []string{"news"}, Campaigns: []string{"welcome"},
	}
	for src, want := range map[string]string{
		`customer.agee > 1`:                             `line 1, column 10: no attribute is called "agee"; if it is to come, declare it: starter catalogue declare attribute agee TYPE; did you mean "age"?`,
		`count(events("order_complted")) > 1`:           `line 1, column 14: no event is called "order_complted"; if it is to come, declare it: starter catalogue declare event order_complted; did you mean "order_completed"?`,
		`sum(events("order_completed"), .totl) > 1`:     `line 1, column 33: no property of order_completed is called "totl"; if it is to come, declare it: starter catalogue declare property order_completed totl TYPE; did you mean "total"?`,
		`customer.age == "x"`:                           `line 1, column 14: a number and text are never equal: customer.age is a number, "x" is text`,
		`customer.city > 5`:                             `line 1, column 15: cannot compare text with a number: customer.city is text, 5 is a number`,
		`any(events("order_completed"), .sku > 5)`:      `line 1, column 37: cannot compare text with a number: .sku is text, 5 is a number`,
		`event.total startsWith "a"`:                    `line 1, column 13: startsWith works on text: event.total is a number, "a" is text`,
		`segment("vipp")`:                               `line 1, column 9: there is no segment "vipp"; did you mean "vip"?`,
		`segment("nothing like it")`:                    `line 1, column 9: there is no segment "nothing like it"`,
		`in_topic("nws")`:                               `line 1, column 10: no topic is called "nws"; if it is to come, declare it: starter topic set nws; did you mean "news"?`,
		`journeys("welcom").active`:                     `line 1, column 10: no campaign is called "welcom"; did you mean "welcome"?`,
		`customer.emial == "a"`:                         `line 1, column 10: no attribute is called "emial"; if it is to come, declare it: starter catalogue declare attribute emial TYPE; did you mean "email"?`,
		`age > 1`:                                       `line 1, column 1: unknown name "age"; did you mean "customer.age"?`,
		`customer.plan == "a" and customer.odd > 1`:     "",
		`count(events("order_cancelled")) > 1`:          "",
		`customer.odd == "a" and customer.odd.b > 1`:    "",
		`count(events("something_else"), .any > 1) > 1`: "",
	} {
		_, err := rules.Compile(src, rules.Options{Event: true, EventName: "order_completed", Schema: schema})
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.Error(t, err, src)
		first, _, _ := strings.Cut(err.Error(), "\n")
		require.Equal(t, want, first)
	}
	rule, err := rules.Compile(`customer.plan == "a" and count(events("visited")) > 1 and customer.renews < "2026-01-01"`, rules.Options{Schema: schema})
	require.NoError(t, err)
	var warnings []string
	for _, w := range rule.Warnings() {
		warnings = append(warnings, w.Message)
	}
	require.Equal(t, []string{
		`no attribute is called "plan" yet`, `no event is called "visited" yet`,
		"customer.renews holds times, and is compared with text letter by letter; write time(customer.renews) to compare times",
	}, warnings)
}
