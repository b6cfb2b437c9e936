package campaigns_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"dotyk/channels/content"
	"dotyk/starter/campaigns"
)

func TestReadTemplates(t *testing.T) {
	t.Parallel()
	files := func(names map[string]string) fstest.MapFS {
		fs := fstest.MapFS{}
		for name, text := range names {
			fs["templates/"+name] = &fstest.MapFile{Data: []byte(text)}
		}
		return fs
	}
	read, err := campaigns.ReadTemplates(files(map[string]string{
		"mail.html":    "---\nsubject: Hi\npreheader: Look\nlayout: frame\nlocale: en\n---\n{% include 'foot' %}\n",
		"mail.txt":     "text\n",
		"mail.uk.html": "---\nsubject: Привіт\n---\nпривіт",
		"mail.uk.txt":  "текст",
		"mail.v2.html": "not of a language",
		"frame.html":   "{{ content }}",
		"foot.txt":     "---\nkind: snippet\n---\nfoot",
		"unused.html":  "x",
	}), "templates", []string{"mail", "nowhere", "../mail"})
	require.NoError(t, err)
	require.Equal(t, map[string]content.Template{
		"mail": {
			Subject: "Hi", Preheader: "Look", HTML: "{% include 'foot' %}", Text: "text", Layout: "frame", Locale: "en",
			Variants: map[string]content.Variant{"uk": {Subject: "Привіт", HTML: "привіт", Text: "текст"}},
		},
		"frame": {Kind: content.KindLayout, HTML: "{{ content }}"},
		"foot":  {Kind: content.KindSnippet, Text: "foot"},
	}, read)

	for want, names := range map[string]map[string]string{
		"keep one of them":               {"mail.html": "x", "mail.mjml": "x"},
		"its head may hold":              {"mail.html": "---\ntitle: x\n---\n"},
		"put another line ---":           {"mail.html": "---\nsubject: x\n"},
		"write layout or snippet":        {"mail.html": "---\nkind: page\n---\n"},
		"stand in the head of mail only": {"mail.html": "x", "mail.uk.html": "---\nlayout: x\n---\n"},
	} {
		_, err := campaigns.ReadTemplates(files(names), "templates", []string{"mail"})
		require.ErrorContains(t, err, want)
	}
	none, err := campaigns.ReadTemplates(fstest.MapFS{}, "templates", []string{"mail"})
	require.NoError(t, err)
	require.Empty(t, none)
}
