package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/channels/email/smtptest"
)

func TestTemplateCommands(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	st := storetest.Open(t, s.url)
	seed := storetest.Workspace(t, st)
	mail := "ann@example.com"
	_, err := st.Ingest(t.Context(), seed.Workspace, []store.Delivery{{Source: seed.Source, Messages: []store.Message{{
		Call: store.CallIdentify, MessageID: "1", UserID: "ann", Profile: store.Profile{Email: &mail, Attributes: map[string]any{"firstName": "Ann"}},
	}}}})
	require.NoError(t, err)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"welcome.mjml":    "---\nsubject: Hi {{ customer.first_name }}\nlayout: frame\nlocale: en\n---\n<mj-text>Hello {% include \"shop\" %}</mj-text>",
		"welcome.uk.mjml": "---\nsubject: Вітаємо\n---\n<mj-text>Вітаємо</mj-text>",
		"frame.mjml":      "<mjml><mj-body><mj-section><mj-column>{{ content }}</mj-column></mj-section></mj-body></mjml>",
		"shop.html":       "<b>Shop</b>",
		"bad.html":        "---\nsubject: x\n---\n<p>\n{{ a | nope }}",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	file := func(name string) string { return filepath.Join(dir, name) }

	require.Equal(t, "saved template frame\nsaved template shop\nsaved template welcome\n", s.ok("template", "save", file("welcome.mjml")))
	require.Contains(t, s.fails("template", "save", file("bad.html")), `html, line 2: unknown filter "nope"`)
	list := s.ok("template", "list")
	require.Contains(t, list, "layout")
	require.Contains(t, list, "en, uk")
	require.Contains(t, s.ok("template", "show", "welcome"), `"layout": "frame"`)

	out := s.ok("template", "preview", "welcome", "--customer", mail, "--html", file("out.html"))
	require.Contains(t, out, "Subject: Hi Ann\n\nHello Shop\n")
	html, err := os.ReadFile(file("out.html"))
	require.NoError(t, err)
	require.Contains(t, string(html), "<b>Shop</b>")
	require.Contains(t, s.ok("template", "preview", "welcome", "--customer", mail, "--locale", "uk"), "Subject: Вітаємо")
	require.Contains(t, s.fails("template", "preview", "none", "--customer", mail), `no template "none"`)
	require.Contains(t, s.fails("template", "preview", "--customer", mail, "--step", "x"), "needs the name of its campaign")

	campaign := file("hello.yaml")
	require.NoError(t, os.WriteFile(campaign, []byte("campaign: hello\ntrigger: {event: registered}\ntopic: news\nsteps:\n"+
		"  - email: {id: hello, subject: 'Step for {{ customer.first_name }}', html: '{% include \"shop\" %}{{ campaign.name }}'}\n"), 0o600))
	s.ok("campaign", "publish", campaign)
	require.NoError(t, st.SaveTemplate(t.Context(), seed.Workspace, "shop", store.Template{Kind: "snippet", HTML: "changed"}))
	out = s.ok("template", "preview", "--campaign", "hello", "--step", "hello", "--customer", "ann")
	require.Contains(t, out, "Subject: Step for Ann\n\nShophello", "a version keeps the snippets that it was published with")

	mailbox := smtptest.Start(t, smtptest.Config{})
	require.Contains(t, s.fails("template", "send", "welcome", "--customer", "ann", "--to", "me@example.com"), "set SMTP_URL")
	s.ok("template", "send", "welcome", "--customer", "ann", "--to", "me@example.com", "--smtp-url", mailbox.URL(), "--email-from", "Shop <s@example.com>")
	messages := mailbox.Messages()
	require.Len(t, messages, 1)
	require.Equal(t, "[Test] Hi Ann", messages[0].Subject())

	s.ok("template", "delete", "welcome")
	require.Contains(t, s.fails("template", "show", "welcome"), "welcome")
}
