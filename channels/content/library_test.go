package content_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels/content"
)

func filled(t *testing.T, l content.Library, locale string, b content.Bindings) content.RenderedEmail {
	t.Helper()
	v, err := l.CompileEmail(l["mail"])
	require.NoError(t, err)
	out, err := v.For(locale).Render(t.Context(), b)
	require.NoError(t, err)
	return out
}

func TestLayoutsAndSnippets(t *testing.T) {
	t.Parallel()
	l := content.Library{
		"mail": {Subject: `{% include 'shop' %}: hi`, HTML: "<p>{{ name }}</p>{% include \"foot\" %}", Layout: "frame", Variants: map[string]content.Variant{
			"uk": {Subject: "Привіт", HTML: "<p>Вітаємо, {{ name }}</p>{% render 'foot' %}"},
		}},
		"frame": {Kind: content.KindLayout, HTML: "<html><body>\n{{ content }}\n</body></html>"},
		"foot": {
			Kind: content.KindSnippet, HTML: `<i>{% include 'shop' %}</i>`, Text: "-- {% include 'shop' %}",
			Variants: map[string]content.Variant{"uk": {HTML: "<i>Крамниця</i>"}},
		},
		"shop": {Kind: content.KindSnippet, HTML: "Shop &amp; {{ name }}", Text: "Shop"},
	}
	out := filled(t, l, "", content.Bindings{"name": "<A>"})
	require.Equal(t, "Shop: hi", out.Subject)
	require.Equal(t, "<html><body>\n<p>&lt;A&gt;</p><i>Shop &amp; &lt;A&gt;</i>\n</body></html>", out.HTML)
	require.Equal(t, "<A>\n\nShop & <A>\n", out.Text)

	out = filled(t, l, "uk-UA", content.Bindings{"name": "А"})
	require.Equal(t, "Привіт", out.Subject)
	require.Equal(t, "<html><body>\n<p>Вітаємо, А</p><i>Крамниця</i>\n</body></html>", out.HTML)

	require.Equal(t, []string{"foot", "frame", "shop"}, l["mail"].Uses())
}

func TestLibraryRefuses(t *testing.T) {
	t.Parallel()
	deep := content.Library{"mail": {Subject: "s", HTML: "{% include 's0' %}"}}
	wide := content.Library{"mail": {Subject: "s", HTML: "{% include 's0' %}"}}
	for i := range 20 {
		next := fmt.Sprintf("{%% include 's%d' %%}", i+1)
		deep[fmt.Sprintf("s%d", i)] = content.Template{Kind: content.KindSnippet, HTML: next}
		wide[fmt.Sprintf("s%d", i)] = content.Template{Kind: content.KindSnippet, HTML: strings.Repeat(next, 30)}
	}
	wide["s4"] = content.Template{Kind: content.KindSnippet, HTML: strings.Repeat("x", 400<<10)}
	snippet := func(html string) content.Template { return content.Template{Kind: content.KindSnippet, HTML: html} }
	layout := func(html string) content.Template { return content.Template{Kind: content.KindLayout, HTML: html} }
	mail := func(html, layout string) content.Template {
		return content.Template{Subject: "s", HTML: html, Layout: layout}
	}
	for name, tc := range map[string]struct {
		library content.Library
		want    string
	}{
		"no snippet":         {content.Library{"mail": mail("\n{% include 'no' %}", "")}, `html, line 2: there is no snippet "no"`},
		"a message":          {content.Library{"mail": mail("{% include 'mail' %}", "")}, `there is no snippet "mail"`},
		"a file":             {content.Library{"mail": mail("{% include '../../etc/hostname' %}", "")}, "there is no snippet"},
		"a variable":         {content.Library{"mail": mail("{% include name %}", "")}, "write the name of a snippet in quotes"},
		"parameters":         {content.Library{"mail": mail("{% render 'a', b: 1 %}", "")}, "write the name of a snippet in quotes"},
		"a snippet of text":  {content.Library{"mail": mail("{% include 'a' %}", ""), "a": {Kind: content.KindSnippet, Text: "x"}}, "the snippet a has no html"},
		"a cycle":            {content.Library{"mail": mail("{% include 'a' %}", ""), "a": snippet("{% include 'b' %}"), "b": snippet("{% include 'a' %}")}, "contain each other: a, then b, then a"},
		"itself":             {content.Library{"mail": mail("x", "l"), "l": layout("{{ content }}{% include 'a' %}"), "a": snippet("\n{% include 'a' %}")}, "html of a, line 2: templates contain each other: l, then a, then a"},
		"too deep":           {deep, "more than 8 templates within each other"},
		"too wide":           {wide, "with its layout and snippets"},
		"no layout":          {content.Library{"mail": mail("x", "l")}, `there is no layout "l"`},
		"a snippet around":   {content.Library{"mail": mail("x", "l"), "l": snippet("{{ content }}")}, `there is no layout "l"`},
		"no content":         {content.Library{"mail": mail("x", "l"), "l": layout("<body>")}, "html of l: the layout shows no content"},
		"fault in a snippet": {content.Library{"mail": mail("a\n{% include 'a' %}", ""), "a": snippet("b\n\n{{ c | nope }}")}, `html of a, line 3: unknown filter "nope"`},
		"fault in a layout":  {content.Library{"mail": mail("a\nb", "l"), "l": layout("b\n{{ content }}\n{% if x %}")}, "html of l, line 3"},
		"fault behind one":   {content.Library{"mail": mail("a\n{% include 'a' %}\n{{ x | nope }}", "l"), "l": layout("\n\n{{ content }}"), "a": snippet("b\n\nc")}, "html, line 3: unknown filter"},
		"fault in a variant": {content.Library{"mail": {Subject: "s", HTML: "x", Variants: map[string]content.Variant{"uk": {HTML: "{{"}}}}, "html of uk, line 1"},
		"no such locale":     {content.Library{"mail": {Subject: "s", HTML: "x", Variants: map[string]content.Variant{"nonsense!": {HTML: "x"}}}}, "no such locale"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			started := time.Now()
			_, err := tc.library.CompileEmail(tc.library["mail"])
			require.ErrorContains(t, err, tc.want)
			require.Less(t, time.Since(started), 5*time.Second)
		})
	}
	t.Run("while filling in", func(t *testing.T) {
		t.Parallel()
		l := content.Library{"mail": mail("a\n{% include 'a' %}", ""), "a": snippet("b\n\n{{ 1 | divided_by: 0 }}")}
		v, err := l.CompileEmail(l["mail"])
		require.NoError(t, err)
		_, err = v.For("").Render(t.Context(), nil)
		require.ErrorContains(t, err, "html of a, line 3: error applying filter")
	})
}

func TestVariants(t *testing.T) {
	t.Parallel()
	l := content.Library{"mail": {Subject: "en", Text: "x", Locale: "en", Variants: map[string]content.Variant{
		"uk": {Subject: "uk"}, "pt-BR": {Subject: "pt-BR"}, "de": {Subject: "de"},
	}}}
	v, err := l.CompileEmail(l["mail"])
	require.NoError(t, err)
	var wg sync.WaitGroup
	for locale, want := range map[string]string{
		"": "en", "en-GB": "en", "uk": "uk", "uk_UA": "uk", "UK-ua": "uk", "pt": "pt-BR", "pt-PT": "pt-BR", "de-AT": "de", "fr": "en", "???": "en",
	} {
		wg.Go(func() {
			for range 3 {
				out, err := v.For(locale).Render(t.Context(), nil)
				if err != nil || out.Subject != want {
					t.Errorf("%s: got %s, want %s, %v", locale, out.Subject, want, err)
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, v.All(), 4)

	sms, err := l.CompileSMS(content.Template{Text: "Hi", Variants: map[string]content.Variant{"uk": {Text: "Привіт"}}})
	require.NoError(t, err)
	text, err := sms.For("uk").Render(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "Привіт", text)
}

func TestMJML(t *testing.T) {
	t.Parallel()
	l := content.Library{
		"frame": {Kind: content.KindLayout, HTML: "<mjml><mj-body>\n<mj-section><mj-column>{{ content }}</mj-column></mj-section></mj-body></mjml>"},
		"mail": {Subject: "s", Layout: "frame", HTML: `<mj-text>Вітаємо {{ name | default: "a < b" }} {% if total > 5 and total < 50 %}big{% endif %} &amp;
			<a href="https://x.example/?a=1&amp;b={{ id }}">Go</a></mj-text>
			{% comment %}<mj-foo>{% endcomment %}<mj-raw>{% for i in list %}</mj-raw><mj-button href="{{ url }}">B{{ i }}</mj-button><mj-raw>{% endfor %}</mj-raw>`},
	}
	v, err := l.CompileEmail(l["mail"])
	require.NoError(t, err)
	out, err := v.For("").RenderTracked(t.Context(), content.Bindings{"name": "<O>", "total": 9, "id": 7, "url": "https://u.example", "list": []any{1, 2}},
		content.Tracking{Link: bracket})
	require.NoError(t, err)
	for _, want := range []string{"<!doctype html>", "Вітаємо &lt;O&gt; big &amp;", `href="[https://x.example/?a=1&amp;b=7&amp;]"`, `href="[https://u.example&amp;]"`, "B1", "B2"} {
		require.Contains(t, out.HTML, want)
	}
	require.Contains(t, out.Text, "Вітаємо <O> big &")
	require.Contains(t, out.Text, "Go <[https://x.example/?a=1&b=7&]>")
	for _, unwanted := range []string{"dotykliquid", "mj-", "{{", "@media"} {
		require.NotContains(t, out.Text, unwanted)
	}
	require.NotContains(t, out.HTML, "dotykliquid")

	body := func(inside string) string {
		return "<mjml>\n<mj-body>\n<mj-section><mj-column>\n" + inside + "</mj-column></mj-section></mj-body></mjml>"
	}
	for source, want := range map[string]string{
		body("<mj-txt>x</mj-txt>"):                        "html, line 4: MJML has no <mj-txt> (did you mean mj-text?)",
		body("<mj-text>x</mj-column>"):                    "html, line 4: MJML: ",
		body("<mj-text colour='x'>x</mj-text>"):           "html, line 4: MJML: Invalid attribute 'colour'",
		body("{% if x %}<mj-text>x</mj-text>{% endif %}"): "html, line 4: {% if x %} stands where MJML shows nothing (put it into <mj-raw>",
		body("<mj-text>{{ x | nope }}</mj-text>"):         "html, line 4: unknown filter",
		body("<mj-include path='/etc/hostname'/>"):        "<mj-include> is not available",
		"<mjml></mjml>":                                   "it has no <mj-body>",
	} {
		_, err := content.CompileEmail(content.EmailSource{Subject: "s", HTML: source})
		require.ErrorContains(t, err, want, source)
	}
}

func TestStylesAreInlined(t *testing.T) {
	t.Parallel()
	out := render(t, content.EmailSource{HTML: `<html><head><style>p { color: red } .b { color: {{ brand }} } @media (max-width: 9px) { p { color: green } }</style></head>
<body><!--[if mso]>{{ name }}<![endif]--><table>{% for i in list %}<tr {% if i == 1 %}class="b"{% endif %}><td><p>{{ i }}</p></td></tr>{% endfor %}</table>
<a href="https://x.example/?a=1&amp;b={{ name }}">{{ name }}</a></body></html>`}, content.Bindings{"brand": "blue", "name": "N<", "list": []any{1, 2}})
	for _, want := range []string{
		`<p style="color:red">1</p>`, `<p style="color:red">2</p>`, "@media (max-width: 9px)", "<!--[if mso]>N&lt;<![endif]-->",
		`href="https://x.example/?a=1&amp;b=N&lt;"`, `<tr class="b"`,
	} {
		require.Contains(t, strings.ReplaceAll(out.HTML, "(max-width:9px)", "(max-width: 9px)"), want)
	}
	require.NotContains(t, out.HTML, "dotykliquid")
	require.NotContains(t, out.HTML, "<tbody></tbody>")
	require.Equal(t, "1\n\n2\n\nN< <https://x.example/?a=1&b=N<>\n", out.Text)

	const conditional = `<style>{% if a %}p { color: red }{% endif %}</style><p>x</p>`
	require.Equal(t, strings.ReplaceAll(conditional, "{% if a %}p { color: red }{% endif %}", ""), render(t, content.EmailSource{HTML: conditional}, nil).HTML)
}
