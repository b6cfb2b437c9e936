package api_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/channels/links"
	"dotyk/channels/tracking"
	"dotyk/rules/audience"
	"dotyk/starter/api"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"

// tracked is a site with an observer, which the test moves, and a message that was sent an hour ago.
func tracked(t *testing.T) (*site, *api.Observer, *links.Signer, string) {
	t.Helper()
	var observer *api.Observer
	s := newSite(t, func(c *api.Config) {
		observer = api.NewObserver(c.Store.(*store.Store), c.Logger, c.Now)
		c.Observer = observer
	})
	touch := s.touch(t, "u1", audience.Email, "news", "ann@corp.example")
	_, err := s.connect(t).Exec(t.Context(), `INSERT INTO touch_statuses (workspace_id, touch_id, status, at)
		VALUES ($1, $2, 'accepted', $3)`, s.seed.Workspace, touch, s.clock.now().Add(-time.Hour))
	require.NoError(t, err)
	secret, err := s.store.Secret(t.Context(), s.seed.Workspace)
	require.NoError(t, err)
	signer, err := links.NewSigner(secret)
	require.NoError(t, err)
	return s, observer, signer, touch
}

func TestTracking(t *testing.T) {
	t.Parallel()
	s, observer, signer, touch := tracked(t)
	click := func(target string) string {
		token, err := signer.Click(s.seed.Workspace, touch, target)
		require.NoError(t, err)
		return links.URL("", links.Click, token)
	}
	token, err := signer.Open(s.seed.Workspace, touch)
	require.NoError(t, err)
	open := links.URL("", links.Open, token)
	agent := map[string]string{"User-Agent": firefox, "Host": "go.shop.example"}

	for target, want := range map[string]string{
		"https://shop.example/sale?a=1&b=%D1%96#top": "https://shop.example/sale?a=1&b=%D1%96#top",
		"http://shop.example":                        "http://shop.example",
		"https://крамниця.example:8443/і?q=ї":        "https://xn--80aqejfp0c4d.example:8443/%D1%96?q=%D1%97",
		"https://u:p@shop.example/'\"<>":             "https://u:p@shop.example/'\"<>",
	} {
		w := s.do(t, exchange{method: http.MethodGet, path: click(target), header: agent, status: 302, unwanted: []string{"Set-Cookie"}})
		require.Equal(t, want, w.Header().Get("Location"))
		require.Equal(t, "no-store, private", w.Header().Get("Cache-Control"))
		require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
		s.clock.advance(time.Minute)
	}
	s.do(t, exchange{method: http.MethodHead, path: click("https://shop.example/"), header: agent, status: 302})
	s.clock.advance(time.Minute)
	s.do(t, exchange{method: http.MethodGet, path: open, header: agent, status: 200, want: []string{"GIF89a", "image/gif", "no-store"}, unwanted: []string{"Set-Cookie"}})
	s.do(t, exchange{method: http.MethodPost, path: open, status: 405})

	observer.Tick(t.Context())
	c, err := s.store.FindCustomer(t.Context(), s.seed.Workspace, "u1")
	require.NoError(t, err)
	young, err := s.store.Observations(t.Context(), s.seed.Workspace, c.ID, 1)
	require.NoError(t, err)
	require.Equal(t, "pending", young[0].Verdict, "too young to be judged")
	s.clock.advance(tracking.Settled)
	observer.Tick(t.Context())
	names := s.names(t, "u1")
	require.Contains(t, names, audience.EventEmailOpened)
	require.Equal(t, 4, strings.Count(strings.Join(names, " "), audience.EventEmailClicked))
	seen, err := s.store.Observations(t.Context(), s.seed.Workspace, c.ID, 100)
	require.NoError(t, err)
	require.Len(t, seen, 6)
	require.Equal(t, "203.0.113.0/24", seen[0].Network, "addresses are cut")
	require.Equal(t, "scanner", seen[1].Verdict)
	require.Equal(t, []string{"HEAD request"}, seen[1].Reasons)
}

func TestTrackingWithoutDatabase(t *testing.T) {
	t.Parallel()
	s, observer, signer, touch := tracked(t)
	token, err := signer.Click(s.seed.Workspace, touch, "https://shop.example/")
	require.NoError(t, err)
	path := links.URL("", links.Click, token)
	s.do(t, exchange{method: http.MethodGet, path: path, status: 302})
	s.store.Close()
	s.do(t, exchange{method: http.MethodGet, path: path, status: 302, want: []string{"https://shop.example/"}})
	observer.Tick(t.Context())
	require.Contains(t, s.logs.String(), "store openings and clicks; they wait")
	for range 60 {
		s.do(t, exchange{method: http.MethodGet, path: path, status: 302})
	}
	observer.Tick(t.Context())
	require.Contains(t, s.logs.String(), "lost=10")

	stranger, err := signer.Click(s.seed.Workspace+1, touch, "https://shop.example/")
	require.NoError(t, err)
	s.do(t, exchange{method: http.MethodGet, path: links.URL("", links.Click, stranger), status: 503, want: []string{"does not work at the moment"}, unwanted: []string{"pool"}})
}

func TestBadTrackingLinks(t *testing.T) {
	t.Parallel()
	s, observer, signer, touch := tracked(t)
	good, err := signer.Click(s.seed.Workspace, touch, "https://shop.example/")
	require.NoError(t, err)
	open, err := signer.Open(s.seed.Workspace, touch)
	require.NoError(t, err)
	trap, err := signer.Honeypot(s.seed.Workspace, touch)
	require.NoError(t, err)
	nowhere, err := signer.Click(4711, touch, "https://evil.example/")
	require.NoError(t, err)
	body := ""
	for i, path := range []string{
		"/t/c/x", "/t/c/" + good[:len(good)-2], "/t/c/" + good + "A", "/t/c/" + open, "/t/o/" + good + ".gif", "/t/o/" + open, "/t/h/" + open,
		"/t/c/" + nowhere, "/t/c/" + strings.Repeat("A", 9000), "/t/c/%00%ff", "/t/c/https:%2F%2Fevil.example", "/t/h/" + trap,
	} {
		w := s.do(t, exchange{name: path, method: http.MethodGet, path: path, status: 404, want: []string{"This link does not work"}, unwanted: []string{"Location", "evil", "Set-Cookie"}})
		if i == 0 {
			body = w.Body.String()
		}
		require.Equal(t, body, w.Body.String(), "all look alike")
	}
	for range 30 {
		s.ServeHTTP(discard{}, request(t, "/t/c/x"))
	}
	s.do(t, exchange{method: http.MethodGet, path: "/t/c/x", status: 429, want: []string{"Retry-After"}})
	s.do(t, exchange{method: http.MethodGet, path: "/t/c/" + good, status: 302})
	s.clock.advance(time.Minute)
	observer.Tick(t.Context())
	c, err := s.store.FindCustomer(t.Context(), s.seed.Workspace, "u1")
	require.NoError(t, err)
	seen, err := s.store.Observations(t.Context(), s.seed.Workspace, c.ID, 100)
	require.NoError(t, err)
	require.Len(t, seen, 2)
	require.Equal(t, tracking.Honeypot, seen[1].Kind)
	require.Equal(t, "scanner", seen[1].Verdict)
}

// TestObserverFull shows that nobody waits, and that what does not fit is told.
func TestObserverFull(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.store.Close()
	o := api.NewObserver(s.store, slog.New(slog.NewTextHandler(s.logs, nil)), s.clock.now)
	for i := range 20010 {
		o.Note(1, tracking.Observation{TouchID: string(rune(i))})
	}
	o.Tick(t.Context())
	require.Contains(t, s.logs.String(), "lost=10")
	require.Contains(t, s.logs.String(), "waiting=20000")
	o.Note(1, tracking.Observation{TouchID: "one more"})
	o.Tick(t.Context())
	require.Contains(t, s.logs.String(), "lost=1\n")
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

func request(t testing.TB, path string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	require.NoError(t, err)
	r.RemoteAddr = "203.0.113.7:4711"
	return r
}
