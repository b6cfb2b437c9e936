package content_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/channels/content"
)

func tracked(t *testing.T, src content.EmailSource, b content.Bindings, tr content.Tracking) content.RenderedEmail {
	t.Helper()
	if src.Subject == "" {
		src.Subject = "subject"
	}
	e, err := content.CompileEmail(src)
	require.NoError(t, err)
	out, err := e.RenderTracked(t.Context(), b, tr)
	require.NoError(t, err)
	return out
}

func bracket(target string) string { return "[" + target + "&]" }

var trackedData = content.Bindings{
	"id": "a&b", "url": "https://x.example/?a=1&b=2", "yes": true, "list": []any{"1", "2"}, "js": "javascript:alert(1)",
	"unsubscribe_url": "https://d.example/u/1", "preferences_url": "https://d.example/p/1", "nul": "\x00(https://evil.example\x00)",
}

func TestTrackedHTML(t *testing.T) {
	t.Parallel()
	own := `<a href="{{ unsubscribe_url }}">`
	for source, want := range map[string]string{
		`<a href="https://x.example/a">`:                                            `<a href="[https://x.example/a&amp;]">`,
		`<A class="b" HREF = 'HTTP://x.example/?a=1&amp;b=2' title="t">`:            `<A class="b" HREF = '[HTTP://x.example/?a=1&amp;b=2&amp;]' title="t">`,
		`<map><area shape="rect" href="https://x.example"></map>`:                   `<map><area shape="rect" href="[https://x.example&amp;]"></map>`,
		`<a href="https://x.example/{{ id }}?q={{ id | url_encode }}">`:             `<a href="[https://x.example/a&amp;b?q=a%26b&amp;]">`,
		`<a href="{{ url }}">`:                                                      `<a href="[https://x.example/?a=1&amp;b=2&amp;]">`,
		`<a {% if yes %}class="c"{% endif %} href="{{ url }}">`:                     `<a class="c" href="[https://x.example/?a=1&amp;b=2&amp;]">`,
		`<a href="{% if yes %}https://x.example{% else %}https://y{% endif %}">`:    `<a href="[https://x.example&amp;]">`,
		`{% for i in list %}<a href="https://x.example/{{ i }}">{% endfor %}`:       `<a href="[https://x.example/1&amp;]"><a href="[https://x.example/2&amp;]">`,
		`{% capture b %}<a href="{{ url }}">{% endcapture %}{{ b | safe }}`:         `<a href="[https://x.example/?a=1&amp;b=2&amp;]">`,
		` {%- if yes -%} <a href="https://x.example"> {%- endif -%} `:               `<a href="[https://x.example&amp;]">`,
		`<!--[if mso]><a href="https://x.example"><![endif]-->`:                     `<!--[if mso]><a href="[https://x.example&amp;]"><![endif]-->`,
		`<!-- <a href="https://x.example"> -->`:                                     `<!-- <a href="https://x.example"> -->`,
		`<script>'<a href="https://x.example">'</script>`:                           `<script>'<a href="https://x.example">'</script>`,
		`<a data-track="off" href="https://x.example">`:                             `<a href="https://x.example">`,
		`<a href="https://x.example" data-track='off' class="c">`:                   `<a href="https://x.example" class="c">`,
		`<a href="https://x.example" data-track="on">`:                              `<a href="[https://x.example&amp;]">`,
		own + `<a href="{{ preferences_url }}?lang=uk">`:                            `<a href="https://d.example/u/1"><a href="https://d.example/p/1?lang=uk">`,
		`<a href="mailto:a@x.example"><a href="tel:1"><a href="#top"><a href="">`:   `<a href="mailto:a@x.example"><a href="tel:1"><a href="#top"><a href="">`,
		`<a href="{{ js }}"><link href="https://x.example"><abbr href="https://x">`: `<a href="#"><link href="https://x.example"><abbr href="https://x">`,
		`<p>https://x.example</p><a name="https://x.example">`:                      `<p>https://x.example</p><a name="https://x.example">`,
		`{% if yes %}{{ nul }}<a href="{{ url }}">{% endif %}`:                      `(https://evil.example)<a href="[https://x.example/?a=1&amp;b=2&amp;]">`,
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			out := tracked(t, content.EmailSource{HTML: source + "<i>{{ unsubscribe_url }}</i>", Text: "t"}, trackedData, content.Tracking{Link: bracket})
			require.Equal(t, want+"<i>https://d.example/u/1</i>", out.HTML)
			plain := tracked(t, content.EmailSource{HTML: source, Text: "t"}, content.Bindings{"url": "u"}, content.Tracking{})
			require.NotContains(t, plain.HTML, "[http")
			require.NotContains(t, plain.HTML, "\x00")
			require.NotContains(t, plain.HTML, "data-track")
		})
	}
}

func TestTrackedText(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"See https://x.example/a?b=1.":                                   "See [https://x.example/a?b=1&].",
		"(https://x.example) <http://y.example/>, https://z/(a)":         "([https://x.example&]) <[http://y.example/&]>, [https://z/(a)&]",
		"https://x.example/{{ id }}/end\n":                               "[https://x.example/a&b/end&]\n",
		"Cart: {{ url }}\n{{ id }}":                                      "Cart: [https://x.example/?a=1&b=2&]\na&b",
		"<{{ url }}>":                                                    "<[https://x.example/?a=1&b=2&]>",
		"x{{ url }} {{ url }}{{ id }}":                                   "xhttps://x.example/?a=1&b=2 [https://x.example/?a=1&b=2a&b&]",
		"{% if yes %}https://x.example{% else %}http://y{% endif %} end": "[https://x.example&] end",
		"{% if yes %}https://x.example{% endif %}/more":                  "https://x.example/more",
		"https://x.example/{% if yes %}a{% endif %}":                     "[https://x.example/a&]",
		"https://x.example/{% if yes %} a{% endif %}":                    "https://x.example/ a",
		"a {{- url -}} b":                                                "ahttps://x.example/?a=1&b=2b",
		"{{ preferences_url }} mailto:a@x ftp://x":                       "https://d.example/p/1 mailto:a@x ftp://x",
		"{% for i in list %}https://x.example/{{ i }}\n{% endfor %}":     "[https://x.example/1&]\n[https://x.example/2&]\n",
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			out := tracked(t, content.EmailSource{Text: "{{ unsubscribe_url }}\n" + source}, trackedData, content.Tracking{Link: bracket})
			require.Equal(t, "https://d.example/u/1\n"+want, out.Text)
		})
	}
	t.Run("made from HTML", func(t *testing.T) {
		t.Parallel()
		out := tracked(t, content.EmailSource{
			HTML: `<p><a href="{{ url }}">Go</a> <a data-track="off" href="https://off.example">Off</a> <a href="https://x.example/?a&amp;b">X</a></p>`,
		}, content.Bindings{"url": "https://u.example"}, content.Tracking{Link: bracket})
		require.Equal(t, "Go <[https://u.example&]> Off <https://off.example> X <[https://x.example/?a&b&]>\n", out.Text)
	})
}

func TestUTM(t *testing.T) {
	t.Parallel()
	utm := map[string]string{"source": "dotyk", "utm_medium": "e mail", "content": ""}
	for target, want := range map[string]string{
		"https://x.example":                        "https://x.example?utm_source=dotyk&utm_medium=e+mail",
		"https://x.example/?a=1#part?x":            "https://x.example/?a=1&utm_source=dotyk&utm_medium=e+mail#part?x",
		"https://x.example/?utm_source=own":        "https://x.example/?utm_source=own&utm_medium=e+mail",
		"https://x.example/?utm_medium&utm_source": "https://x.example/?utm_medium&utm_source",
	} {
		out := tracked(t, content.EmailSource{Text: target}, nil, content.Tracking{UTM: utm})
		require.Equal(t, want, out.Text)
		out = tracked(t, content.EmailSource{HTML: `<a href="` + target + `">`}, nil, content.Tracking{UTM: utm, Link: strings.ToUpper})
		require.Equal(t, `<a href="`+strings.ReplaceAll(strings.ToUpper(want), "&", "&amp;")+`">`, out.HTML)
	}
}

func TestPixel(t *testing.T) {
	t.Parallel()
	out := tracked(t, content.EmailSource{HTML: "<html><body>x</BODY ></html>", Text: "t"},
		content.Bindings{"unsubscribe_url": "https://u"}, content.Tracking{Pixel: "https://p/?a&b"})
	require.Contains(t, out.HTML, `</a></p><img src="https://p/?a&amp;b" width="1" height="1" alt=""`)
	require.True(t, strings.HasSuffix(out.HTML, "</BODY ></html>"), out.HTML)
	require.Equal(t, "t\n", tracked(t, content.EmailSource{Text: "t\n"}, nil, content.Tracking{Pixel: "https://p"}).Text)
}

func TestPostalAddress(t *testing.T) {
	t.Parallel()
	b := content.Bindings{"unsubscribe_url": "https://u.example", "postal_address": "Shop & Co\n\n Kyiv, 1"}
	out := render(t, content.EmailSource{HTML: `<html lang="uk"><body>x</body></html>`, Text: "t"}, b)
	require.Contains(t, out.HTML, `>Відписатися</a></p><p style="font-size:12px;color:#666666;text-align:center">Shop &amp; Co<br>Kyiv, 1</p></body>`)
	require.Equal(t, "t\n\nВідписатися: https://u.example\nShop & Co\nKyiv, 1\n", out.Text)

	out = render(t, content.EmailSource{HTML: `{{ postal_address | newline_to_br }} {{ unsubscribe_url }}`, Locale: "uk-UA"}, b)
	require.Equal(t, "Shop &amp; Co<br />\n<br />\n Kyiv, 1 https://u.example", out.HTML)
	require.NotContains(t, out.Text, "Відписатися")

	b["unsubscribe_url"] = ""
	require.Equal(t, "t", render(t, content.EmailSource{Text: "t"}, b).Text, "a service message")
}
