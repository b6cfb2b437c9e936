package api_test

import (
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"dotyk/channels/links"
	"dotyk/channels/sms"
	"dotyk/rules/audience"
)

// publicRequests are good requests to what anybody may call, from which forged ones are made.
func publicRequests(t *testing.T, s *site) []exchange {
	t.Helper()
	touch := s.touch(t, "u1", audience.Email, "news", "ann@corp.example")
	secret, err := s.store.Secret(t.Context(), s.seed.Workspace)
	require.NoError(t, err)
	signer, err := links.NewSigner(secret)
	require.NoError(t, err)
	click, err := signer.Click(s.seed.Workspace, touch, "https://shop.example/a?b=c")
	require.NoError(t, err)
	open, err := signer.Open(s.seed.Workspace, touch)
	require.NoError(t, err)
	form := map[string]string{"Content-Type": urlencoded}
	list := []exchange{
		{method: http.MethodGet, path: links.URL("", links.Click, click)},
		{method: http.MethodGet, path: links.URL("", links.Open, open)},
		{method: http.MethodGet, path: "/t/h/" + open},
		{method: http.MethodPost, path: s.link(t, touch), header: form, body: "List-Unsubscribe=One-Click"},
		{method: http.MethodPost, path: "/f/" + s.seed.WriteKey, header: form, body: "email=a%40b.co&name=%D0%86"},
		webhook("/hooks/twilio/status?w=1&touch="+touch, url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"sent"}}),
		webhook("/hooks/twilio/inbound?w=1", url.Values{"MessageSid": {"SM1"}, "From": {"+380671234567"}, "Body": {"Hi"}}),
		webhook("/hooks/twilio/call?w=1&task="+uuid.NewString(), url.Values{"CallSid": {"CA1"}, "CallStatus": {"completed"}, "CallDuration": {"4"}}),
	}
	for i := range list {
		if list[i].method == "" {
			list[i].method = http.MethodPost
		}
	}
	return list
}

var (
	oddPieces = []string{"", "\x00", "\xff\xfe", "%", "%00", "%zz", "%2e%2e%2f", "'", "\"><script>", "\r\nX: y", "../", "😀", "=", "&", "{", strings.Repeat("A", 9000), "-1", "99999999999999999999"}
	oddKinds  = []string{"", "application/json", "multipart/form-data", "multipart/form-data; boundary=x", "text/plain; charset=utf-7", ";;;", urlencoded}
	methods   = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, "BREW"}
)

// mutate changes one to three things of a request.
func mutate(r *rand.Rand, e exchange) exchange {
	header := map[string]string{}
	maps.Copy(header, e.header)
	e.header = header
	change := func(text string) string {
		at := r.IntN(len(text) + 1)
		switch r.IntN(4) {
		case 0:
			return text[:at]
		case 1:
			return text[:at] + oddPieces[r.IntN(len(oddPieces))] + text[at:]
		case 2:
			return text + text[at:]
		}
		if at == len(text) {
			return text
		}
		return text[:at] + string(rune(33+r.IntN(94))) + text[at+1:]
	}
	for range 1 + r.IntN(3) {
		switch r.IntN(6) {
		case 0, 1:
			prefix := strings.LastIndexByte(strings.SplitN(e.path, "?", 2)[0], '/') + 1
			e.path = e.path[:prefix] + change(e.path[prefix:])
		case 2:
			e.body = change(e.body)
		case 3:
			e.method = methods[r.IntN(len(methods))]
		case 4:
			header["Content-Type"] = oddKinds[r.IntN(len(oddKinds))]
		case 5:
			header[[]string{sms.SignatureHeader, "Content-Encoding", "User-Agent", "X-Forwarded-For", "Accept-Language"}[r.IntN(5)]] = oddPieces[r.IntN(len(oddPieces))]
		}
	}
	return e
}

// attempt sends what a stranger made up, and gives the answer.
func attempt(t testing.TB, s *site, e exchange) *httptest.ResponseRecorder {
	t.Helper()
	target := &url.URL{}
	target.Path, target.RawQuery, _ = strings.Cut(e.path, "?")
	if path, err := url.PathUnescape(target.Path); err == nil {
		target.RawPath, target.Path = target.Path, path
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", strings.NewReader(e.body))
	r.Method, r.URL, r.RemoteAddr = e.method, target, "127.0.0.1:4711" // loopback: no limit hides what is behind it
	for name, value := range e.header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func harmless(t testing.TB, e exchange, w *httptest.ResponseRecorder) {
	t.Helper()
	require.Less(t, w.Code, 500, "%s %q %q %q: %s", e.method, e.path, e.header, e.body, w.Body)
	for _, secret := range []string{"pgx", "SQLSTATE", "goroutine", "ann@corp.example", ".go:"} {
		require.NotContains(t, w.Body.String(), secret, "%s %q", e.method, e.path)
	}
	require.Empty(t, w.Header().Get("Set-Cookie"))
	if to := w.Header().Get("Location"); w.Code == http.StatusFound {
		require.Equal(t, "https://shop.example/a?b=c", to, "%q", e.path)
	}
}

func TestPublicEndpoints(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	good := publicRequests(t, s)
	for _, e := range good {
		harmless(t, e, attempt(t, s, e))
		harmless(t, e, attempt(t, s, e)) // replayed
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		e := mutate(r, good[r.IntN(len(good))])
		harmless(t, e, attempt(t, s, e))
	}
}
