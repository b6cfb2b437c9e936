package content

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		source, message, advice string
		line                    int
	}{
		"file":                   {"{% include '../../../etc/hostname' %}", "include", "", 1},
		"render":                 {"{% render 'x' %}", "render", "", 1},
		"unknown tag":            {"a\n{% iff x %}{% endif %}", `unknown tag "iff"`, "did you mean if?", 2},
		"our own tags":           {"{% __out 0 %}", "unknown tag", "", 1},
		"empty tag":              {"{% %}", "without a name", "", 1},
		"unknown filter":         {"a\n\n{{ x | upcas }}", `unknown filter "upcas"`, "did you mean upcase?", 3},
		"filter far away":        {"{{ x | frobnicate }}", "unknown filter", "", 1},
		"filter in a tag":        {"{% assign y = x | nope %}", "unknown filter", "", 1},
		"open output":            {"a\nb {{ x", "never closed", "close it with }}", 2},
		"open tag":               {"a {% if x", "never closed", "close it with %}", 1},
		"open block":             {"a\n{% if x %}", "unterminated", "", 2},
		"open raw":               {"{% raw %}", "raw is never closed", "", 1},
		"stray end":              {"a\nb\n{% endif %}", "endif closes nothing", "", 3},
		"crossed ends":           {"{% for i in a %}{% if b %}\n{% endfor %}", "endfor where if is open", "close it with {% endif %} first", 2},
		"expression":             {"\n{{ a b }}", "cannot understand", "", 2},
		"condition":              {"{% if a == %}{% endif %}", "syntax error", "", 1},
		"range in memory":        {"{{ (1..1000000000) | join }}", "range of more than", "", 1},
		"range of variables":     {"{% assign a = (1..n) %}", "whose ends are not numbers", "", 1},
		"range through a filter": {"{% for i in (1..n) | reverse %}{% endfor %}", "whose ends are not numbers", "", 1},
		"too deep":               {strings.Repeat("{% if a %}", 60), "blocks within each other", "", 1},
		"too big":                {strings.Repeat("x", maxSource+1), "bytes, at most", "", 0},
		"not UTF-8":              {"\xff", "UTF-8", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := CompileSMS(tc.source)
			var ce *Error
			require.ErrorAs(t, err, &ce)
			require.Equal(t, PartSMS, ce.Part)
			require.Equal(t, tc.line, ce.Line, err)
			require.Contains(t, ce.Message, tc.message)
			if tc.advice != "" {
				require.Equal(t, tc.advice, ce.Advice)
			}
		})
	}
}

// Everything here would hang, or take all memory, in the library alone.
func TestRenderIsBounded(t *testing.T) {
	t.Parallel()
	grow := func(step string) string {
		return "{% assign s = 'xxxxxxxxxxxxxxxx' %}" + strings.Repeat(step, 40) + "{{ s | size }}"
	}
	for name, tc := range map[string]struct {
		source string
		cause  error
	}{
		"silent loop":       {"{% for i in (1..1000000000000) %}{% endfor %}", ErrTooBusy},
		"silent table":      {"{% tablerow i in (1..1000000000000) %}{% endtablerow %}", nil},
		"nested loops":      {strings.Repeat("{% for i in (1..1000) %}", 5) + strings.Repeat("{% endfor %}", 5), ErrTooBusy},
		"loop over data":    {"{% for i in (1..n) %}.{% endfor %}", ErrTooBusy},
		"loop that writes":  {"{% for i in (1..99999) %}" + strings.Repeat("x", 1000) + "{% endfor %}", ErrTooLong},
		"loop in a capture": {"{% capture s %}{% for i in (1..99999) %}" + strings.Repeat("x", 1000) + "{% endfor %}{% endcapture %}", ErrTooLong},
		"raw in a capture":  {"{% capture s %}{% for i in (1..99999) %}{% raw %}" + strings.Repeat("x", 1000) + "{% endraw %}{% endfor %}{% endcapture %}", ErrTooLong},
		"cycle in a capture": {
			"{% capture s %}{% for i in (1..99999) %}{% cycle '" + strings.Repeat("x", 1000) + "', '' %}{% endfor %}{% endcapture %}", ErrTooLong,
		},
		"doubling by append":  {grow("{% assign s = s | append: s %}"), ErrTooLong},
		"doubling by capture": {grow("{% capture s %}{{ s }}{{ s }}{% endcapture %}"), ErrTooLong},
		"doubling by replace": {grow("{% assign s = s | replace: 'x', s %}"), ErrTooLong},
		"doubling by join":    {grow("{% assign s = s | split: '' | join: s %}"), ErrTooLong},
		"doubling by concat":  {"{% assign a = 'a' | split: '' %}" + strings.Repeat("{% assign a = a | concat: a %}", 40), ErrTooLong},
		"padded date":         {"{{ 'now' | date: '%9999999Y' }}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			started := time.Now()
			_, err := render1(t, tc.source, Bindings{"n": 1e12})
			var ce *Error
			require.ErrorAs(t, err, &ce)
			if tc.cause != nil {
				require.Contains(t, ce.Message, tc.cause.Error())
			}
			require.NotContains(t, ce.Message, "\n")
			require.Less(t, time.Since(started), maxTime)
		})
	}
}

func TestRenderCancelled(t *testing.T) {
	t.Parallel()
	s, err := CompileSMS("{% for i in (1..50000) %}.{% endfor %}")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Render(ctx, nil)
	require.ErrorContains(t, err, context.Canceled.Error())
}

func TestLiquid(t *testing.T) {
	t.Parallel()
	data := Bindings{
		"name": "Олена", "none": "", "count": float64(2), "price": 9.5, "tags": []any{"a", "b", "c"}, "date": "2026-11-23",
		"order": map[string]any{"total": float64(100), "items": []any{map[string]any{"sku": "A"}, map[string]any{"sku": "B"}}},
		"big":   1e300, "flag": true, "at": time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), "odd": "not a date",
		"map": map[string]any{"e": 5, "c": 3, "a": 1, "d": 4, "b": 2},
	}
	for source, want := range map[string]string{
		"Hi {{ name }}":                                                "Hi Олена",
		"{{ unknown }}{{ unknown.more }}":                              "",
		"{{\n  name\n  | upcase\n}}":                                   "ОЛЕНА",
		"{{ 'a }b' }}":                                                 "a }b",
		"{% echo name %}":                                              "Олена",
		"{% # a note %}x":                                              "x",
		"a {%- comment %} {{ {% {%- endcomment -%} b":                  "ab",
		"{% raw %}{{ name }}{% endraw %}":                              "{{ name }}",
		"{% doc %}{{ x{% enddoc %}":                                    "",
		"{{ order.total }}":                                            "100",
		"{{ price | divided_by: 2 }}":                                  "4.75",
		"{{ 7 | divided_by: 2 }}":                                      "3",
		"{{ -7 | divided_by: 2 }}":                                     "-4",
		"{{ '7' | divided_by: '2' }}":                                  "3",
		"{% for i in (1..count) %}{{ i }}{% endfor %}":                 "12",
		"{% for t in tags limit: count %}{{ t }}{% endfor %}":          "ab",
		"{% for t in tags reversed %}{% cycle '1', '2' %}{% endfor %}": "121",
		"{% for i in order.items %}{{ i.sku }}{% unless forloop.last %},{% endunless %}{% endfor %}": "A,B",
		"{% for p in map %}{{ p[0] }}={{ p[1] }} {% endfor %}{{ map.b }} {{ map.size }}":             "a=1 b=2 c=3 d=4 e=5 2 5",
		"{% for t in tags %}{% if t == 'b' %}{% break %}{% endif %}{{ t }}{% endfor %}":              "a",
		"{% if none == blank %}yes{% endif %}":                                                       "yes",
		"{% if unknown == blank and name != blank %}yes{% endif %}":                                  "yes",
		"{% if none == empty %}yes{% endif %}":                                                       "yes",
		"{% if unknown == empty %}yes{% else %}no{% endif %}":                                        "no",
		"{% unless tags != empty %}none{% endunless %}":                                              "",
		"{% if order.items == blank %}no{% elsif name != blank %}yes{% endif %}":                     "yes",
		"{{ blank }}{{ empty }}":                                                                     "",
		"{{ date | date: '%d.%m.%Y' }}":                                                              "23.11.2026",
		"{{ odd | date: '%Y' }}{{ unknown | date: '%Y' }}":                                           "not a date",
		"{{ at }}":                                                 "2026-11-23 10:00:00 +0000",
		"{{ none | default: 'friend' }}":                           "friend",
		"{{ (1..3) | join: '-' }} {{ (1..3) }}":                    "1-2-3 1..3",
		"{{ tags }} {{ tags | join }}":                             "abc a b c",
		"{{ '<b>x</b><script>\ny</script>' | strip_html }}":        "x",
		"{{ \"a\r\nb\" | strip_newlines }}":                        "ab",
		"{% capture x %}{{ name }}!{% endcapture %}{{ x }}{{ x }}": "Олена!Олена!",
		"{% case count %}{% when 2 %}two{% else %}?{% endcase %}":  "two",
		"{{ flag }} {{ '<' }} {{ '<i>' | safe }}":                  "true < <i>",
		"{% tablerow t in tags cols: 2 %}{{ t }}{% endtablerow %}": `<tr class="row1"><td class="col1">a</td><td class="col2">b</td></tr><tr class="row2"><td class="col1">c</td></tr>`,
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			got, err := render1(t, source, data)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestRenderErrors(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"\n{{ 1 | divided_by: 0 }}":           "text, line 2: error applying filter",
		"{{ 'a' | divided_by: 2 }}":           "not a number",
		"{{ 'Liquid' | slice: -2, -1 }}":      "slice bounds",
		"{% cycle 'a', 'b' %}":                "outside a for loop",
		"{% break %}":                         "outside a loop",
		"{% for i in (1..'x') %}{% endfor %}": "can't convert",
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			_, err := render1(t, source, nil)
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "__")
		})
	}
}

func TestSMS(t *testing.T) {
	t.Parallel()
	s, err := CompileSMS(" {{ text }} ")
	require.NoError(t, err)
	got, err := s.Render(t.Context(), Bindings{"text": "<Hi> & bye"})
	require.NoError(t, err)
	require.Equal(t, "<Hi> & bye", got)
	_, err = s.Render(t.Context(), nil)
	require.ErrorContains(t, err, "is empty for this customer")
	_, err = s.Render(t.Context(), Bindings{"text": strings.Repeat("ж", 1601)})
	require.ErrorIs(t, err, ErrTooLong)
	_, err = CompileSMS("  ")
	require.ErrorContains(t, err, "sms: is empty")
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	e, err := CompileEmail(EmailSource{
		Subject: "{{ n }}", HTML: "{% for i in (1..9) %}{% cycle 'a', 'b' %}{{ n | times: i }}{% endfor %}{% assign n = 1 %}",
	})
	require.NoError(t, err)
	shared := map[string]any{"list": []any{3, 1, 2}}
	want, err := e.Render(t.Context(), Bindings{"n": 7, "shared": shared})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				got, err := e.Render(t.Context(), Bindings{"n": 7, "shared": shared})
				if err != nil || got != want {
					t.Errorf("got %v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		"Hi {{ name | upcase }}", "{% for i in (1..3) %}{{ i }}{% endfor %}", "{% if a == blank %}{% endif %}", "{%- raw -%}{{{% endraw %}",
		"{% capture x %}{% endcapture %}", "{% tablerow i in a cols:2 %}{% endtablerow %}", "{{ x | date: '%Y' }}", "{{ '}}' }}", "{% case a %}{% when 1 %}",
		"{% cycle 'a': 1, 2 %}", "{{ a[", "{% comment %}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		data := Bindings{"a": []any{1, "x", nil}, "name": "n", "x": map[string]any{"y": 1.5}}
		for _, m := range []mode{plainMode, htmlMode, textHTMLMode} {
			p, err := compile(PartHTML, m, source)
			if err != nil {
				continue
			}
			_, err = newRendering(t.Context(), data).fill(p)
			if err != nil {
				var ce *Error
				require.ErrorAs(t, err, &ce)
			}
		}
		if _, err := textOf(source); err != nil {
			var ce *Error
			require.ErrorAs(t, err, &ce)
		}
	})
}
