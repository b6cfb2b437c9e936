package content

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// bothWays fills a template in piece by piece and as one tree, which is how the library does it.
func bothWays(t require.TestingT, m mode, source string, b Bindings) (compiled bool) {
	mark := func(tokens []token) []token { return tokens }
	p, err := build(PartHTML, m, source, mark)
	if err != nil {
		return false
	}
	_, whole, err := prepare(PartHTML, m, source, mark)
	require.NoError(t, err)
	got, gotErr := newRendering(ctxOf(t), b).fill(p)
	want, wantErr := newRendering(ctxOf(t), b).fill(whole)
	if wantErr != nil {
		require.Error(t, gotErr, source)
		if !errors.Is(wantErr, ErrTooLong) { // the library notices it a line later, when it empties a buffer
			require.Equal(t, wantErr.Error(), gotErr.Error(), source)
		}
		return true
	}
	require.NoError(t, gotErr, source)
	require.Equal(t, want, got, source)
	return true
}

// Every template gives the same, in pieces or as one tree.
func TestPiecesAreTheWhole(t *testing.T) {
	t.Parallel()
	t.Run("golden", func(t *testing.T) {
		t.Parallel()
		var suite struct {
			Tests []struct {
				Template string
				Data     map[string]any
			}
		}
		require.NoError(t, json.Unmarshal(testData(t, "liquid/golden_liquid_dev.json"), &suite))
		compiled := 0
		for _, tc := range suite.Tests {
			if strings.HasSuffix(tc.Template, "| last }}") || strings.HasSuffix(tc.Template, "| first }}") {
				continue // of a map the library takes any
			}
			for _, m := range []mode{plainMode, htmlMode, textHTMLMode} {
				if bothWays(t, m, tc.Template, tc.Data) {
					compiled++
				}
			}
		}
		require.Greater(t, compiled, 1000)
	})
	t.Run("random", func(t *testing.T) {
		t.Parallel()
		fragments := []string{
			" text\n", "\n\n", "<p>", `<a href="`, `">`, "  ", "é\t", "{{ name }}", "{{- name -}}", "{{ evil }}", "{{ none }}", "{{ nested.a.b }}",
			"{{ nested.size }}", "{{ list.first }}", "{{ list }}", "{{ name | upcase }}", "{{ none | default: 'x' }}", `{{ name | default: "y" }}`,
			"{{ number | default: 'z' }}", "{{ number }}", "{{ price }}", "{{ x }}", "{{ blank }}", "{{ missing }}", "{{ gone.code }}",
			"{{ invalid }}", "{{ 1 | divided_by: 0 }}", "{% assign x = name | append: '!' %}", "{% assign name = 5 %}", "{%- comment %}c{% endcomment -%}",
			"{% comment %}c{% endcomment %}", "{% raw %} {{ r }} {% endraw %}", "{% if name %}", "{%- if none -%}", "{% else %}", "{% endif %}", "{% unless none %}",
			"{% endunless %}", "{% for i in list %}", "{% endfor %}", "{{ i }}{{ forloop.index }}", "{% cycle 'a', 'b' %}", "{% break %}", "{% capture x %}",
			"{% endcapture %}", "{% case number %}{% when 3 %}", "{% endcase %}", "{% tablerow i in list %}", "{% endtablerow %}", "{% echo name %}",
		}
		data := Bindings{
			"name": "Олена", "evil": `"><b>&`, "number": 3.0, "price": json.Number("9.50"), "list": []any{"a", " b ", nil},
			"nested": map[string]any{"a": map[string]any{"b": "deep", "size": "own"}}, "invalid": "a\xff", "gone": map[string]any{"code": Missing{Why: "empty pool"}},
		}
		rapid.Check(t, func(t *rapid.T) {
			parts := rapid.SliceOfN(rapid.SampledFrom(fragments), 1, 12).Draw(t, "template")
			m := rapid.SampledFrom([]mode{plainMode, htmlMode, textHTMLMode}).Draw(t, "mode")
			source := strings.Join(parts, "")
			if !bothWays(t, m, source, data) {
				for _, block := range []string{"if", "for", "unless"} { // most that are random do not close
					bothWays(t, m, source+"{% end"+block+" %} tail", data)
				}
			}
		})
	})
}

// What is plain goes without the library's trees and copies no data.
func TestFillingIsCheap(t *testing.T) { //nolint:paralleltest // it counts allocations
	p, err := compile(PartText, plainMode, "Hi {{ customer.name }}, {{ customer.city | default: 'x' }} {{ n }}\n"+strings.Repeat("text ", 500))
	require.NoError(t, err)
	data := Bindings{"customer": map[string]any{"name": "Олена", "city": "Київ"}, "n": 5.0}
	allocations := testing.AllocsPerRun(100, func() {
		if _, err := newRendering(t.Context(), data).fill(p); err != nil {
			t.Error(err)
		}
	})
	require.LessOrEqual(t, allocations, 6.0)
}
