package api_test

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/channels/links"
	"dotyk/rules/audience"
)

func (s *site) signer(t *testing.T) *links.Signer {
	t.Helper()
	secret, err := s.store.Secret(t.Context(), s.seed.Workspace)
	require.NoError(t, err)
	signer, err := links.NewSigner(secret)
	require.NoError(t, err)
	return signer
}

func (s *site) topic(t *testing.T, name string, policy audience.TopicPolicy, title map[string]string, hidden bool) {
	t.Helper()
	require.NoError(t, s.store.EditTopic(t.Context(), s.seed.Workspace, name, store.TopicEdit{Policy: &policy, Title: title, Hidden: &hidden}))
}

func form(values url.Values) exchange {
	return exchange{header: map[string]string{"Content-Type": urlencoded}, body: values.Encode(), status: 200}
}

func TestPreferences(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.topic(t, "news", audience.OptOut, map[string]string{"en": "News of the <shop>", "uk": "Новини крамниці"}, false)
	s.topic(t, "offers", audience.OptIn, nil, false)
	s.topic(t, "internal", audience.OptOut, nil, true)
	touch := s.touch(t, "u1", audience.Email, "news", "a@b.co")
	s.do(t, exchange{
		path: "/v1/identify", header: map[string]string{"Basic": "KEY"}, status: 200,
		body: `{"userId":"u1","traits":{"email":"a@b.co","phone":"+380671234567"}}`,
	})
	token, err := s.signer(t).Preferences(s.seed.Workspace, touch)
	require.NoError(t, err)
	path := "/u/p/" + token
	ask := exchange{method: http.MethodGet, path: path, status: 200}

	ask.want = []string{"News of the &lt;shop&gt;", `value="email news" checked`, `value="sms news" checked`, `name="on" value="email offers">`, "form-action 'self'", "noindex"}
	ask.unwanted = []string{"internal", "<script", "https://", "Set-Cookie"}
	page := s.do(t, ask)
	if file := os.Getenv("DOTYK_PAGE"); file != "" {
		require.NoError(t, os.WriteFile(file, page.Body.Bytes(), 0o600))
	}
	s.do(t, exchange{method: http.MethodHead, path: path, status: 200})
	require.Empty(t, s.consents(t, "u1"), "looking changes nothing")
	s.do(t, exchange{method: http.MethodGet, path: s.link(t, touch), status: 200, want: []string{`href="p/` + token}})

	shown := []string{"email news", "sms news", "email offers", "sms offers"}
	save := form(url.Values{"shown": shown, "on": {"sms news", "email offers", "email internal"}})
	save.path, save.want = path, []string{"Your choice is saved.", `value="email offers" checked`, `name="on" value="email news">`}
	for range 2 {
		s.do(t, save)
	}
	require.ElementsMatch(t, []string{"email news withdrawn preference_page", "email offers confirmed preference_page"}, s.consents(t, "u1"), "only what changed")
	partial := form(url.Values{"shown": {"sms offers"}})
	partial.path = path
	s.do(t, partial)
	require.Len(t, s.consents(t, "u1"), 2, "what was not shown stays")

	all := form(url.Values{"scope": {"all"}})
	all.path, all.want = path, []string{"You will not receive any more messages"}
	all.unwanted = []string{" checked"}
	for range 2 {
		s.clock.advance(1e9)
		s.do(t, all)
	}
	require.Contains(t, s.consents(t, "u1"), "sms * withdrawn preference_page")
	require.Len(t, s.consents(t, "u1"), 4)

	s.do(t, exchange{path: "/v1/identify", header: map[string]string{"Basic": "KEY"}, status: 200, body: `{"userId":"u1","traits":{"locale":"uk-UA"}}`})
	ask.want, ask.unwanted = []string{"Новини крамниці", "Електронною поштою", `lang="uk"`}, nil
	s.do(t, ask)

	wrongPurpose := strings.TrimPrefix(s.link(t, touch), "/u/")
	for _, wrong := range []string{"x", token + "x", wrongPurpose, token[:len(token)-4] + "AAAA"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			s.do(t, exchange{name: wrong, method: method, path: "/u/p/" + wrong, status: 404, want: []string{"This link does not work"}, unwanted: []string{"Test shop"}})
		}
	}
}

func TestConfirmPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.topic(t, "news", audience.DoubleOptIn, nil, false)
	sent := form(url.Values{"email": {"ann@example.com"}, "consent": {"news"}, "consent_text": {"Yes, send me news"}})
	sent.path, sent.status = "/f/signup?writeKey="+s.seed.WriteKey, 303
	s.do(t, sent)
	require.Equal(t, []string{"email news requested form"}, s.consents(t, "ann@example.com"))
	c, err := s.store.FindCustomer(t.Context(), s.seed.Workspace, "ann@example.com")
	require.NoError(t, err)
	list, err := s.store.Ledger(t.Context(), s.seed.Workspace, c.ID)
	require.NoError(t, err)
	require.Equal(t, "Yes, send me news", list[0].TextShown)
	token, err := s.signer(t).Confirm(s.seed.Workspace, list[0].RequestID)
	require.NoError(t, err)
	path := "/u/c/" + token

	for _, method := range []string{http.MethodGet, http.MethodHead} {
		s.do(t, exchange{method: method, path: path, status: 200})
	}
	s.do(t, exchange{method: http.MethodGet, path: path, status: 200, want: []string{"“news”", "Yes, send me news", `<form method="post">`, "Test shop"}})
	require.Equal(t, []string{"email news requested form"}, s.consents(t, "ann@example.com"), "scanners confirm nothing")
	s.clock.advance(store.ConfirmWithin + 1e9)
	s.do(t, exchange{path: path, status: 410, want: []string{"too old"}})
	s.clock.advance(-store.ConfirmWithin)
	for range 2 {
		s.do(t, exchange{path: path, status: 200, want: []string{"it is confirmed"}})
	}
	require.Equal(t, []string{"email news confirmed confirmation"}, s.consents(t, "ann@example.com"))
	require.Contains(t, s.names(t, "ann@example.com"), audience.EventConsentConfirmed)
	unknown, err := s.signer(t).Confirm(s.seed.Workspace, c.ID)
	require.NoError(t, err)
	for _, wrong := range []string{"/u/c/" + unknown, path + "x", "/u/c/x"} {
		s.do(t, exchange{name: wrong, path: wrong, status: 404, want: []string{"This link does not work"}})
	}
}
