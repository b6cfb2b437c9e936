package content_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/channels/content"
)

func render(t *testing.T, src content.EmailSource, b content.Bindings) content.RenderedEmail {
	t.Helper()
	if src.Subject == "" {
		src.Subject = "subject"
	}
	e, err := content.CompileEmail(src)
	require.NoError(t, err)
	out, err := e.Render(t.Context(), b)
	require.NoError(t, err)
	return out
}

func TestEscaping(t *testing.T) {
	t.Parallel()
	evil := `"><script>alert('1')</script>`
	escaped := `&#34;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;`
	for source, want := range map[string]string{
		`<p>{{ x }}</p>`:                                       `<p>` + escaped + `</p>`,
		`<p title="{{ x }}">`:                                  `<p title="` + escaped + `">`,
		`{{ x | escape }}`:                                     escaped,
		`{{ x | upcase | escape_once }}`:                       strings.NewReplacer("script", "SCRIPT", "alert", "ALERT").Replace(escaped),
		`{{ x | safe }}`:                                       evil,
		`{{ lines | newline_to_br }}`:                          "&lt;b&gt;<br />\nc",
		`{% assign y = x %}{{ y }}`:                            escaped,
		`{% capture y %}{{ x }}{% endcapture %}{{ y | safe }}`: escaped,
		`<a href="{{ js }}">`:                                  `<a href="#">`,
		`<a href='{{ js }}'>`:                                  `<a href='#'>`,
		`<a href = "{{ tabbed }}">`:                            `<a href = "#">`,
		`<a href="{{ js | escape }}">`:                         `<a href="#">`,
		`<img src="{{ dataurl }}">`:                            `<img src="#">`,
		`<a href="{{ url }}">{{ js }}</a>`:                     `<a href="https://example.com/?a=1&amp;b=2">javascript:alert(1)</a>`,
		`<a href="https://x/{{ js }}">`:                        `<a href="https://x/javascript:alert(1)">`,
		`<a href="{{ path }}">`:                                `<a href="/a:b?c=d">`,
		`<a href="{{ mail }}">`:                                `<a href="mailto:a@example.com">`,
		`{% raw %}<b>{{ x }}</b>{% endraw %}`:                  `<b>{{ x }}</b>`,
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			out := render(t, content.EmailSource{Subject: "{{ x }}", HTML: source, Text: "{{ x }}"}, content.Bindings{
				"x": evil, "lines": "<b>\nc", "js": "javascript:alert(1)", "tabbed": " java\tscript:x", "url": "https://example.com/?a=1&b=2",
				"path": "/a:b?c=d", "mail": "mailto:a@example.com", "dataurl": "data:text/html,x",
			})
			require.Equal(t, want, out.HTML)
			require.Equal(t, evil, out.Subject)
			require.Equal(t, evil, out.Text)
		})
	}

	t.Run("an attribute without quotes is refused", func(t *testing.T) {
		t.Parallel()
		_, err := content.CompileEmail(content.EmailSource{Subject: "s", HTML: "\n<a class=x href={{ url }}>"})
		require.ErrorContains(t, err, "html, line 2: an attribute's value without quotes")
		render(t, content.EmailSource{HTML: "<p>a < b = {{ x }}</p>"}, nil)
	})
}

func TestSubject(t *testing.T) {
	t.Parallel()
	out := render(t, content.EmailSource{Subject: "Hi\n {{ name }}\r\n\t!", Text: "x"}, content.Bindings{"name": "A\r\nBcc: b@example.com"})
	require.Equal(t, "Hi A Bcc: b@example.com !", out.Subject)

	e, err := content.CompileEmail(content.EmailSource{Subject: "{{ name }}", Text: "x"})
	require.NoError(t, err)
	_, err = e.Render(t.Context(), nil)
	require.ErrorContains(t, err, "subject: is empty for this customer")
	_, err = e.Render(t.Context(), content.Bindings{"name": strings.Repeat("x", 901)})
	require.ErrorIs(t, err, content.ErrTooLong)
}

func TestTextFromHTML(t *testing.T) {
	t.Parallel()
	html := `<!doctype html><html><head><title>T</title><style>p > a { color: red }</style></head><body>
<!--[if mso]><p>Outlook</p><![endif]-->
<table><tr><td style="x">Left</td><td>Right</td></tr><tr><td>Below</td></tr></table>
<h1>Hi {{ name | escape }}</h1>
<p style="margin:0">{% if order.total > 5 %}Big{% else %}Small{% endif %} order &amp; thanks</p>
<p>{{ note | newline_to_br }}</p>
<ul>{% for i in order.items %}<li class="x">{{ i.sku }}</li>{% endfor %}</ul>
<a class="b" href="https://example.com/{{ id }}?a=1&amp;b=2">Go to <b>shop</b></a>
<img src="x.png" alt="x"> {%- comment %}secret{% endcomment %}
</body></html>`
	out := render(t, content.EmailSource{HTML: html}, content.Bindings{
		"name": "O'Neil <x>", "id": 7, "note": "a\nb",
		"order": map[string]any{"total": 9.0, "items": []any{map[string]any{"sku": "A"}, map[string]any{"sku": "B"}}},
	})
	for _, want := range []string{
		"Left Right\nBelow\n", "Hi O'Neil <x>\n", "Big order & thanks\n", "a\nb\n", "\n- A\n", "\n- B\n",
		"Go to shop <https://example.com/7?a=1&b=2>",
	} {
		require.Contains(t, out.Text, want)
	}
	for _, unwanted := range []string{"color", "Outlook", "secret", "<b>", "{", "\ue000", "\n\n\n", "&amp;"} {
		require.NotContains(t, out.Text, unwanted)
	}
	require.Contains(t, out.HTML, "Hi O&#39;Neil &lt;x&gt;")

	t.Run("that cannot be made", func(t *testing.T) {
		t.Parallel()
		_, err := content.CompileEmail(content.EmailSource{
			Subject: "s", HTML: "<style>{% if a %}</style>x<style>{% endif %}</style>{% if b %}<style>{% endif %}</style>",
		})
		require.ErrorContains(t, err, "write a text part")
	})
	t.Run("of pictures only", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, "subject\n", render(t, content.EmailSource{HTML: `<img src="a.png">`}, nil).Text)
	})
}

func TestPreheader(t *testing.T) {
	t.Parallel()
	out := render(t, content.EmailSource{
		HTML: "<html><BODY class='x'><p>Body</p></BODY></html>", Preheader: "5 < 6 &\n{{ name }}",
	}, content.Bindings{"name": "<b>"})
	require.Contains(t, out.HTML, `<BODY class='x'><div style="display:none;max-height:0;overflow:hidden;mso-hide:all">5 &lt; 6 &amp; &lt;b&gt;</div><p>`)
	require.Equal(t, "Body\n", out.Text)

	_, err := content.CompileEmail(content.EmailSource{Subject: "s", HTML: "x", Preheader: "{{ a | nope }}"})
	require.ErrorContains(t, err, "preheader, line 1: unknown filter")
}

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	const url = "https://example.com/u/token?a=1&b=2"
	b := content.Bindings{"unsubscribe_url": url, "staff": false}
	const escaped = "https://example.com/u/token?a=1&amp;b=2"

	t.Run("added where it lacks", func(t *testing.T) {
		t.Parallel()
		out := render(t, content.EmailSource{HTML: "<body><p>x</p></body>", UnsubscribeLabel: "Відписатися <"}, b)
		require.Contains(t, out.HTML, `<a href="`+escaped+`"`)
		require.Contains(t, out.HTML, "Відписатися &lt;</a></p></body>")
		require.Equal(t, "x\n\nВідписатися <: "+url+"\n", out.Text)
	})
	t.Run("left alone where it is", func(t *testing.T) {
		t.Parallel()
		src := content.EmailSource{Subject: "s", HTML: `<a href="{{ unsubscribe_url }}">stop</a>`}
		e, err := content.CompileEmail(src)
		require.NoError(t, err)
		require.True(t, e.UsesUnsubscribe())
		out := render(t, src, b)
		require.Equal(t, `<a href="`+escaped+`">stop</a>`, out.HTML)
		require.Equal(t, "stop <"+url+">\n", out.Text)
	})
	t.Run("added where the author's is not reached", func(t *testing.T) {
		t.Parallel()
		out := render(t, content.EmailSource{HTML: `x{% if staff %}{{ unsubscribe_url }}{% endif %}`}, b)
		require.Contains(t, out.HTML, escaped)
		require.Contains(t, out.Text, url)
	})
	t.Run("to the text alone", func(t *testing.T) {
		t.Parallel()
		out := render(t, content.EmailSource{HTML: `{{ unsubscribe_url }}`, Text: "x"}, b)
		require.Equal(t, escaped, out.HTML)
		require.Equal(t, "x\n\nUnsubscribe: "+url+"\n", out.Text)
	})
	t.Run("not without an address", func(t *testing.T) {
		t.Parallel()
		src := content.EmailSource{Subject: "s", HTML: "x 'unsubscribe_url'{{ 'unsubscribe_url' }}"}
		e, err := content.CompileEmail(src)
		require.NoError(t, err)
		require.False(t, e.UsesUnsubscribe())
		require.Equal(t, "x\n", render(t, content.EmailSource{HTML: "x"}, nil).Text)
	})
	t.Run("plain text", func(t *testing.T) {
		t.Parallel()
		out := render(t, content.EmailSource{Text: "x"}, b)
		require.Empty(t, out.HTML)
		require.Equal(t, "x\n\nUnsubscribe: "+url+"\n", out.Text)
	})
}

func TestCompileEmailRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		src  content.EmailSource
		want string
	}{
		"no subject":   {content.EmailSource{HTML: "x"}, "subject: is empty"},
		"no content":   {content.EmailSource{Subject: "s", HTML: " "}, "html: is empty"},
		"bad subject":  {content.EmailSource{Subject: "{{", HTML: "x"}, "subject, line 1"},
		"bad HTML":     {content.EmailSource{Subject: "s", HTML: "\n{% if x %}"}, "html, line 2"},
		"bad HTML tag": {content.EmailSource{Subject: "s", HTML: "{{ x"}, "html, line 1"},
		"bad text":     {content.EmailSource{Subject: "s", HTML: "x", Text: "\n\n{{ a b }}"}, "text, line 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := content.CompileEmail(tc.src)
			require.ErrorContains(t, err, tc.want)
			var ce *content.Error
			require.ErrorAs(t, err, &ce)
		})
	}
}

func BenchmarkRender(b *testing.B) {
	e, err := content.CompileEmail(content.EmailSource{
		Subject: "Hi {{ customer.name }}",
		HTML: strings.Repeat("<p>A paragraph of fifty or so characters of text.</p>\n", 100) +
			`<a href="{{ url }}">{{ customer.name }}</a>{% for i in items %}<li>{{ i.name }}: {{ i.price | times: 2 }}</li>{% endfor %}`,
	})
	require.NoError(b, err)
	data := content.Bindings{
		"customer": map[string]any{"name": "Олена"}, "url": "https://example.com", "unsubscribe_url": "https://example.com/u/x",
		"items": []any{map[string]any{"name": "A", "price": 1.5}, map[string]any{"name": "B", "price": 2.0}},
	}
	b.ReportAllocs()
	for b.Loop() {
		_, err := e.Render(b.Context(), data)
		require.NoError(b, err)
	}
}

func BenchmarkCompile(b *testing.B) {
	src := content.EmailSource{Subject: "Hi {{ customer.name }}", HTML: strings.Repeat("<p>Hi {{ customer.name | upcase }}</p>\n", 50)}
	for b.Loop() {
		_, err := content.CompileEmail(src)
		require.NoError(b, err)
	}
}
