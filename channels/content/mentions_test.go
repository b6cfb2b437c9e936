package content_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/channels/content"
)

func TestMentions(t *testing.T) {
	t.Parallel()
	for source, want := range map[string][]string{
		"Hi":                                   nil,
		"{{ customer.name }}, {{ gift.code }}": {"customer.name", "gift.code"},
		`{{ customer.address.city | upcase }} {{customer["name"]}}`:                   {"customer", "customer.address"},
		"{{ items[0].name }} {{ a }} {{- a -}}":                                       {"a", "items"},
		`{{ "customer.nmae" }} {{ 5 }} {{ true }} {{ nil }}`:                          nil,
		"{% assign x = customer.name %}{{ x }}{% capture y %}{% endcapture %}{{ y }}": nil,
		"{% for i in entry.items %}{{ i.name }} {{ forloop.index }}{% endfor %}":      nil,
		"{% raw %}{{ a }}{% endraw %}{% comment %}{{ b }}{% endcomment %}":            nil,
		"{% echo a %}{% if b %}{{ c }}{% endif %}":                                    {"a", "c"},
		"{{ broken": nil,
	} {
		require.Equal(t, want, content.Mentions(source), source)
	}
	require.Equal(t, []string{"a", "b"}, content.Mentions("{{ a }}", "{{ b }}{% assign c = 1 %}", "{{ c }}"))
}

// The place of the message in a layout is no variable; the same word in a message is.
func TestMentionsOfALayout(t *testing.T) {
	t.Parallel()
	library := content.Library{"frame": {Kind: content.KindLayout, HTML: "<b>{{ a }}</b>{{ content }}", Variants: map[string]content.Variant{"uk": {HTML: "{{- content -}}{{ b }}"}}}}
	sources := library.Sources(content.Template{Subject: "{{ c }}", HTML: "hi", Layout: "frame"})
	require.Equal(t, []string{"a", "b", "c"}, content.Mentions(sources...))
	require.Equal(t, []string{"content"}, content.Mentions(library.Sources(content.Template{Text: "{{ content }}"})...))
}
