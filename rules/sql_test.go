package rules_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/rules"
)

func selectOptions(form rules.Form) rules.SelectOptions {
	return rules.SelectOptions{Workspace: 7, Now: now, Zones: []string{"Europe/Kyiv", "UTC"}, Form: form}
}

// vocabulary is every word that a query may be made of. Nothing of a rule is among them but through a parameter.
var vocabulary = strings.Fields(`
	SELECT FROM WHERE AND OR NOT IS NULL DISTINCT ON ORDER BY DESC LIMIT OFFSET GROUP LEFT JOIN AS CASE WHEN THEN ELSE END
	EXISTS IN ANY ARRAY FILTER OVER PARTITION RANGE BETWEEN PRECEDING CURRENT ROW WITH ORDINALITY VALUES COLLATE AT TIME ZONE
	true false null bigint text numeric boolean jsonb integer interval timestamptz
	abs btrim ceil char_length coalesce count day div dotyk_time epoch extract floor hour isodow jsonb_agg jsonb_array_elements
	jsonb_array_length jsonb_exists jsonb_typeof lower max min minute mod month most nullif octet_length right round row_number
	starts_with strpos sum to_char to_jsonb translate unnest upper year bool_or held judged frames item n s v at
	customers events segments segment_members segment_changes consents topics journeys campaigns touches touch_statuses scores
	action active attributes channel computed_at created_at customer_id deleted_at direction email ended_at entered_at external_id id
	joined kind locale merged_into name occurred_at phone policy properties segment_id stage status step tags timezone topic touch_id value
	workspace_id campaign_id a c d e f g h j k m p w x y`)

var (
	sqlWord = regexp.MustCompile(`'[^']*'|"[^"]*"|\$[0-9]+|[A-Za-z_][A-Za-z_0-9]*|[0-9][0-9.e-]*|[^\s]`)
	alias   = regexp.MustCompile(`^([a-z])[0-9]+$`)
)

// literals are the texts that stand in queries themselves.
var literals = strings.Fields(`'null' 'true' '{}' '[]' 'UTC' 'number' 'string' 'array' 'object' 'YYYY-MM-DD' 'active' 'converted' 'held_out' 'granted'
	'confirmed' 'refreshed' 'imported' 'withdrawn' 'objected' 'requested' 'opt_out' 'out' 'delivered' 'monday' 'tuesday' 'wednesday' 'thursday' 'friday' 'saturday' 'sunday' "C"`)

// requireOwnWords checks that a query is made of the translator's own words.
func requireOwnWords(t *testing.T, sql string) {
	t.Helper()
	known := map[string]bool{"' microseconds'": true}
	for _, word := range append(vocabulary, literals...) {
		known[word] = true
	}
	for _, word := range sqlWord.FindAllString(sql, -1) {
		word = alias.ReplaceAllString(word, "$1")
		if word[0] == '$' || word[0] >= '0' && word[0] <= '9' || strings.Contains("()[],.:*+-/<>=|~#", word) {
			continue
		}
		require.True(t, known[word], "%s in %s", word, sql)
	}
}

func TestSelectTakesNothingFromTheRule(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		`customer["'; DROP TABLE customers; --"] == "'; DELETE FROM events; --"`,
		`count(events("x' OR '1'='1", "90d"), #["y\" OR 1=1"] == "$1") > 0`,
		`segment("a'); --") and in_topic("b\\'") and journeys("c$$").active and sent("d", "e/*").delivered`,
		`score["x'y"] > 1 and next_best("z'") == "\u2019"`,
		`customer.city matches "'; SELECT pg_sleep(10); --" and lower(customer.city) contains "\\"`,
		`local(now, "Europe/Kyiv'").hour == 1 and customer.x in ["a'", "b"]`,
	} {
		rule, err := rules.Compile(src, rules.Options{})
		require.NoError(t, err, src)
		for _, form := range []rules.Form{rules.Grouped, rules.Correlated} {
			s := rule.Select(selectOptions(form))
			requireOwnWords(t, s.SQL)
			require.True(t, s.Exact)
		}
	}
}

func TestSelectSaysWhatItLeavesToGo(t *testing.T) {
	t.Parallel()
	for src, want := range map[string][]rules.SelectionPart{
		`customer.age > 1 and customer.city matches "\\bK"`: {
			{Text: "customer.age > 1", Where: "postgres"},
			{Text: `customer.city matches "\\bK"`, Where: "go", Reason: `the pattern has a part that Postgres reads otherwise: \b`},
		},
		`(last(events("a")) ?? first(events("b"))).total > 1`: {
			{Text: `(last(events("a")) ?? first(events("b"))).total > 1`, Where: "go", Reason: "one of two events, or lists of events, cannot be looked into by Postgres"},
		},
		`true`: {{Text: "true", Where: "postgres"}},
	} {
		rule, err := rules.Compile(src, rules.Options{})
		require.NoError(t, err)
		s := rule.Select(selectOptions(rules.Grouped))
		require.Equal(t, want, s.Parts)
		require.Equal(t, len(want) == 1 && want[0].Where == "postgres", s.Exact)
	}
}

// TestSelectReadsEventsOnce holds what makes the grouped form fast: one look at each kind of event.
func TestSelectReadsEventsOnce(t *testing.T) {
	t.Parallel()
	rule, err := rules.Compile(`count(events("a", "7d")) > 1 and sum(events("a", "30d"), .total) > 10 and none(events("a"), .x == 1) and last(events("a")).at < now - "1d"`, rules.Options{})
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(rule.Select(selectOptions(rules.Grouped)).SQL, "FROM events"))
	require.Equal(t, 4, strings.Count(rule.Select(selectOptions(rules.Correlated)).SQL, "FROM events"))
	other, err := rules.Compile(`count(events("a")) > 3`, rules.Options{})
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(rules.Classify(selectOptions(rules.Grouped), []*rules.Rule{rule, other}).SQL, "FROM events"))
}

// TestSelectGrowsWithTheRule tries what would double with every level if an expression were written twice.
func TestSelectGrowsWithTheRule(t *testing.T) {
	t.Parallel()
	deep := func(start, before, after string, levels int) string {
		return strings.Repeat(before, levels) + start + strings.Repeat(after, levels)
	}
	for _, src := range []string{
		deep("customer.a", "", "[0]", 30) + " == 1",
		deep("customer.a", "(", " + customer.b)", 30) + " == 1",
		deep("customer.a", "(", " ?? customer.b)", 30) + " > 1",
		deep("customer.a", "(true == (", " in [customer.b, customer.c, true]))", 12),
		deep("customer.a", "lower(", ")", 30) + ` == "a"`,
		deep("customer.a", "((", " contains customer.b) ? customer.c : customer.d)", 12) + " == 1",
		deep("customer.created_at", "(", ` + "1d")`, 30) + " < now",
		deep("customer.a", "time(", " ?? now)", 15) + " == time(customer.b)",
		deep("customer.a", "first(map([", ", 1], # ?? 2))", 8) + " == 1",
		deep("customer.a", "max([", ", 1])", 15) + " == 1",
		deep("customer.a", "(customer.b == 1 ? ", " : customer.c)", 15) + " == 1",
	} {
		rule, err := rules.Compile(src, rules.Options{})
		require.NoError(t, err, src)
		for _, form := range []rules.Form{rules.Grouped, rules.Correlated} {
			require.Less(t, len(rule.Select(selectOptions(form)).SQL), 100*len(src)+2000, src)
		}
	}
}

func FuzzSelect(f *testing.F) {
	for _, seed := range []string{
		`customer.email != "" and count(events("order_completed", "90d")) > 2`, `sum(events("a"), .total) in 1..5`,
		`local(now, customer.timezone).hour >= 9`, `any(events("a"), any(.items, .sku matches "^A")) or min(1, 2) == avg([1, 2])`,
		`customer["a'b"].c[0] ?? "x" == "y"`, `most_within(events("a"), "2d") > 1`, `segment("a") or not in_topic("b")`, `[[1], customer.list] == [1]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		rule, err := rules.Compile(src, rules.Options{})
		if err != nil {
			return
		}
		for _, form := range []rules.Form{rules.Grouped, rules.Correlated} {
			s := rule.Select(selectOptions(form))
			requireOwnWords(t, s.SQL)
			require.Less(t, len(s.SQL), 500*len(src)+2000)
		}
		requireOwnWords(t, rules.Classify(selectOptions(rules.Grouped), []*rules.Rule{rule}).SQL)
	})
}
