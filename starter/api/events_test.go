package api_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/analytics-go/v3"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/rules/audience"
	"dotyk/starter/api"
	"dotyk/starter/ingest"
)

func basic() map[string]string { return map[string]string{"Basic": "KEY"} }

func TestEventAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	track := func(id string) string {
		return `{"userId":"u1","event":"E","writeKey":"KEY","messageId":"` + id + `"}`
	}
	const ok = `{"success":true}`
	s.all(t, []exchange{
		{name: "identify", path: "/v1/identify", header: basic(), body: `{"userId":"u1","traits":{"email":"A@B.co"}}`, status: 200, want: []string{ok, "application/json"}},
		{name: "track", path: "/v1/track", body: track("1"), status: 200, want: []string{ok}},
		{name: "repeated", path: "/v1/track", body: track("1"), status: 200, want: []string{ok}},
		{name: "as text", path: "/v1/t", header: map[string]string{"Content-Type": "text/plain"}, body: track("2"), status: 200, want: []string{ok}},
		{name: "key in the query", path: "/v1/track?writeKey=KEY", body: `{"userId":"u1","event":"E"}`, status: 200, want: []string{ok}},
		{name: "page", path: "/v1/p", header: basic(), body: `{"userId":"u1"}`, status: 200, want: []string{ok}},
		{name: "screen", path: "/v1/s", header: basic(), body: `{"userId":"u1"}`, status: 200, want: []string{ok}},
		{name: "group", path: "/v1/g", header: basic(), body: `{"userId":"u1","groupId":"g"}`, status: 200, want: []string{ok}},
		{name: "alias", path: "/v1/a", header: basic(), body: `{"userId":"u1","previousId":"old"}`, status: 200, want: []string{ok}},
		{name: "merge", path: "/v1/merge", header: basic(), body: `{"userId":"u1","previousId":"older"}`, status: 200, want: []string{ok}},
		{name: "one letter", path: "/v1/i", header: basic(), body: `{"userId":"u1"}`, status: 200, want: []string{ok}},
		{name: "batch", path: "/v1/batch", header: basic(), body: `{"batch":[{"type":"track","userId":"u1","event":"B1"},{"type":"track","userId":"u1","event":"B2"}]}`, status: 200, want: []string{ok}},
		{name: "gzip", path: "/v1/b", header: map[string]string{"Basic": "KEY", "Content-Encoding": "gzip"}, body: zipped(t, `{"batch":[{"type":"track","userId":"u1","event":"zipped"}]}`), status: 200, want: []string{ok}},
		{name: "beacon", path: "/beacon/v1/batch?writeKey=KEY", body: `{"batch":[{"type":"track","userId":"u1","event":"beacon"}]}`, status: 200, want: []string{ok}},
		{name: "import", path: "/v1/import", header: basic(), body: `{"batch":[{"type":"track","userId":"u1","event":"past","historical":true,"timestamp":"2020-01-01"}],"x":"` + strings.Repeat(" ", 600<<10) + `"}`, status: 200, want: []string{ok}},
		{name: "empty batch", path: "/v1/batch", header: basic(), body: `{"batch":[]}`, status: 200, want: []string{ok}},
		{name: "metrics", path: "/v1/m", body: `whatever`, status: 200, want: []string{ok}},
		{
			name: "bad event in a good batch", path: "/v1/batch", header: basic(), status: 200,
			body: `{"batch":[{"type":"track","messageId":"bad","userId":"u1"},{"type":"track","userId":"u1","event":"good"},{"type":"identify","userId":"u1","traits":{"phone":"1"}}]}`,
			want: []string{`"success":true`, `"rejected":[{"index":0,"messageId":"bad","place":"batch[0].event"`, `"warnings":[{"index":2`, `"place":"batch[2].traits.phone"`, `"advice"`},
		},
		{
			name: "strict", path: "/v1/batch", header: map[string]string{"Basic": "KEY", "X-Strict-Mode": "1"}, status: 400,
			body: `{"batch":[{"type":"track","userId":"u1"},{"type":"track","userId":"u1","event":"not stored"}]}`,
			want: []string{`"success":false`, `"code":"invalid_messages"`, `"place":"batch[0].event"`},
		},
		{name: "strict and good", path: "/v1/track", header: map[string]string{"Basic": "KEY", "X-Strict-Mode": "1"}, body: `{"userId":"u1","event":"strict"}`, status: 200, want: []string{ok}},
	})
	require.ElementsMatch(t, []string{
		audience.EventIdentified, "E", "E", "E", audience.EventPageViewed, audience.EventScreenViewed, audience.EventGrouped, audience.EventAliased, audience.EventMerged,
		audience.EventIdentified, "B1", "B2", "zipped", "beacon", "past", "good", audience.EventIdentified, "strict",
	}, s.names(t, "u1"))
	require.Equal(t, "a@b.co", s.record(t, "u1").Customer.Email)
	require.Equal(t, []string{"rejected batch[0].event: the event has no name", "field batch[2].traits.phone: this is not a valid phone number"}, s.letters(t))
}

func TestEventAPIRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	manage, err := s.store.CreateKey(t.Context(), s.seed.Workspace, "site", "", []string{"read"})
	require.NoError(t, err)
	const path = "/v1/track"
	s.all(t, []exchange{
		{name: "no key", path: path, body: `{"userId":"u1","event":"E"}`, status: 401, want: []string{`"code":"unknown_key"`, `"success":false`, "Www-Authenticate: Basic"}},
		{name: "unknown key", path: path + "?writeKey=nonsense1", body: `{}`, status: 401, unwanted: []string{"nonsense1"}},
		{name: "endless key", path: path + "?writeKey=" + strings.Repeat("x", 5000), body: `{}`, status: 401},
		{name: "key of another scope", path: path + "?writeKey=" + manage, body: `{}`, status: 403, want: []string{`"code":"forbidden"`}},
		{name: "bad JSON", path: path, header: basic(), body: "{\"userId\":\n\"u1\"", status: 400, want: []string{`"code":"bad_json"`, `"line":2`, `"column":5`, `"offset":15`, `"advice"`}},
		{name: "no batch", path: "/v1/batch", header: basic(), body: `{}`, status: 400, want: []string{`"code":"no_batch"`}},
		{name: "too large", path: path, header: basic(), body: strings.Repeat(" ", 600<<10), status: 400, want: []string{`"code":"too_large"`}},
		{name: "too many", path: "/v1/batch", header: basic(), body: `{"batch":[` + strings.Repeat("1,", 3000) + `1]}`, status: 400, want: []string{`"code":"too_many_messages"`}},
		{name: "bomb", path: path, header: map[string]string{"Basic": "KEY", "Content-Encoding": "gzip"}, body: zipped(t, strings.Repeat(" ", 50<<20)), status: 400, want: []string{`"code":"too_large"`}},
		{name: "no gzip", path: path, header: map[string]string{"Basic": "KEY", "Content-Encoding": "gzip"}, body: `{"a":"not packed at all"}`, status: 400, want: []string{`"code":"bad_gzip"`}},
		{name: "cut gzip", path: path, header: map[string]string{"Basic": "KEY", "Content-Encoding": "gzip"}, body: zipped(t, "{}")[:15], status: 400},
		{name: "brotli", path: path, header: map[string]string{"Basic": "KEY", "Content-Encoding": "br"}, body: `x`, status: 415, want: []string{`"code":"unsupported_encoding"`}},
		{name: "GET", method: http.MethodGet, path: path, status: 405, want: []string{"Allow: POST, OPTIONS", `"code":"method_not_allowed"`}},
		{name: "elsewhere", method: http.MethodGet, path: "/nowhere", status: 404, want: []string{`"code":"not_found"`, "nosniff"}},
	})
	s.absent(t, "u1")
}

func TestCORS(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	from := map[string]string{"Origin": "https://shop.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-retry-count,anonymousid,content-type"}
	for _, path := range []string{"/v1/t", "/v1/batch", "/beacon/v1/batch", "/f/contact", "/sourceConfig/"} {
		w := s.do(t, exchange{method: http.MethodOptions, path: path, header: from, status: 204})
		h := w.Header()
		require.Equal(t, "https://shop.example", h.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "true", h.Get("Access-Control-Allow-Credentials"))
		require.Equal(t, "900", h.Get("Access-Control-Max-Age"))
		require.Equal(t, "Origin", h.Get("Vary"))
		for _, name := range []string{"Authorization", "X-Retry-Count", "AnonymousId", "Content-Type"} {
			require.Contains(t, h.Get("Access-Control-Allow-Headers"), name)
		}
	}
	s.all(t, []exchange{
		{name: "answer", path: "/v1/t", header: map[string]string{"Origin": "https://shop.example"}, body: `{`, status: 401, want: []string{"Access-Control-Allow-Origin: https://shop.example"}},
		{name: "no origin", path: "/v1/t", body: `{`, status: 401, unwanted: []string{"Access-Control"}},
		{name: "not for links", method: http.MethodOptions, path: "/u/x", header: from, status: 204, unwanted: []string{"Access-Control"}},
	})
}

func TestClientSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.all(t, []exchange{
		{
			name: "Segment", method: http.MethodGet, path: "/v1/projects/KEY/settings", status: 200,
			want: []string{`"integrations":{"Segment.io":{"apiHost":"dotyk.example/v1","apiKey":"KEY","protocol":"https"`},
		},
		{name: "unknown", method: http.MethodGet, path: "/v1/projects/unknown-key/settings", status: 401},
		{name: "RudderStack", method: http.MethodGet, path: "/sourceConfig/?p=npm&v=3", header: basic(), status: 200, want: []string{`"source":{`, `"destinations":[]`, `"config":{}`, `"id":"`}},
		{name: "without a slash", method: http.MethodGet, path: "/sourceConfig?writeKey=KEY", status: 200, want: []string{`"writeKey":"KEY"`}},
		{name: "no key", method: http.MethodGet, path: "/sourceConfig/", status: 401},
	})
	bare := newSite(t, func(c *api.Config) { c.PublicURL = "" })
	bare.all(t, []exchange{
		{name: "as the request says", method: http.MethodGet, path: "/v1/projects/KEY/settings", status: 200, want: []string{`"apiHost":"example.com/v1"`, `"protocol":"http"`}},
		{name: "as a stranger says", method: http.MethodGet, path: "/v1/projects/KEY/settings", header: map[string]string{"X-Forwarded-Proto": "https"}, status: 200, want: []string{`"protocol":"http"`}},
		{name: "as the proxy says", method: http.MethodGet, path: "/v1/projects/KEY/settings", from: "127.0.0.1:1", header: map[string]string{"X-Forwarded-Proto": "https"}, status: 200, want: []string{`"protocol":"https"`}},
	})
}

func TestPixel(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	data := base64.URLEncoding.EncodeToString([]byte(`{"writeKey":"` + s.seed.WriteKey + `","userId":"p1","event":"Opened >?","properties":{"plan":"pro"}}`))
	s.all(t, []exchange{
		{name: "base64", method: http.MethodGet, path: "/pixel/v1/track?data=" + data, status: 200, want: []string{"GIF89a", "Content-Type: image/gif", "no-store"}},
		{name: "parameters", method: http.MethodGet, path: "/pixel/v1/track?writeKey=KEY&userId=p1&event=Clicked&properties.plan=pro&properties.deep.er=1&context.traits.email=a@b.co", status: 200, want: []string{"GIF89a"}},
		{name: "page", method: http.MethodGet, path: "/pixel/v1/page?writeKey=KEY&anonymousId=p2", status: 200, want: []string{"GIF89a"}},
		{name: "HEAD", method: http.MethodHead, path: "/pixel/v1/track?writeKey=KEY&userId=head&event=E", status: 200},
		{name: "no key", method: http.MethodGet, path: "/pixel/v1/page?anonymousId=p2", status: 401, want: []string{"GIF89a"}},
		{name: "no base64", method: http.MethodGet, path: "/pixel/v1/page?data=%21", status: 400, want: []string{"GIF89a"}},
		{name: "too long", method: http.MethodGet, path: "/pixel/v1/page?data=" + strings.Repeat("a", 70000), status: 400, want: []string{"GIF89a"}},
		{name: "clash", method: http.MethodGet, path: "/pixel/v1/page?writeKey=KEY&anonymousId=p3&a=1&a.b=2", status: 200, want: []string{"GIF89a"}},
	})
	require.ElementsMatch(t, []string{"Opened >?", "Clicked"}, s.names(t, "p1"))
	for _, e := range s.record(t, "p1").Timeline {
		require.Equal(t, "pro", e.Properties["plan"])
	}
	require.Equal(t, "a@b.co", s.record(t, "p1").Customer.Email)
	s.absent(t, "head")
}

func TestKeyCache(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	event := exchange{path: "/v1/track", header: basic(), body: `{"userId":"u1","event":"E"}`, status: 200}
	s.do(t, event)
	_, err := s.connect(t).Exec(t.Context(), `UPDATE keys SET revoked_at = now()`)
	require.NoError(t, err)
	s.clock.advance(29 * time.Second)
	s.do(t, event)
	s.clock.advance(time.Second)
	event.status = 401
	s.do(t, event)
	_, err = s.connect(t).Exec(t.Context(), `UPDATE keys SET revoked_at = NULL`)
	require.NoError(t, err)
	s.clock.advance(4 * time.Second)
	s.do(t, event)
	s.clock.advance(time.Second)
	event.status = 200
	s.do(t, event)
}

// submitFunc stands where the batcher does, for answers that a test cannot bring about in time.
type submitFunc func(context.Context, store.Delivery) (ingest.Result, error)

func (f submitFunc) Submit(ctx context.Context, d store.Delivery) (ingest.Result, error) {
	return f(ctx, d)
}

func TestPressure(t *testing.T) {
	t.Parallel()
	event := exchange{path: "/v1/track", header: basic(), body: `{"userId":"u1","event":"E"}`}
	for name, c := range map[string]struct {
		err    error
		status int
		want   []string
		logged bool
	}{
		"busy":        {&ingest.BusyError{RetryAfter: 2500 * time.Millisecond}, 429, []string{"Retry-After: 3", "X-Ratelimit-Reset: 3", `"code":"busy"`}, false},
		"unavailable": {fmt.Errorf("%w: secret detail", ingest.ErrUnavailable), 503, []string{"Retry-After: 5", `"code":"unavailable"`}, true},
		"closing":     {ingest.ErrClosed, 503, []string{"Retry-After: 5"}, true},
		"too slow":    {context.DeadlineExceeded, 503, []string{"Retry-After: 5"}, true},
		"fault":       {errors.New("secret detail"), 500, []string{`"code":"internal"`}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, func(cfg *api.Config) {
				cfg.Batcher = submitFunc(func(context.Context, store.Delivery) (ingest.Result, error) { return ingest.Result{}, c.err })
			})
			e := event
			e.status, e.want, e.unwanted = c.status, c.want, []string{"secret detail"}
			s.do(t, e)
			require.Equal(t, c.logged, strings.Contains(s.logs.String(), c.err.Error()), s.logs)
		})
	}
	t.Run("panic", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, func(cfg *api.Config) {
			cfg.Batcher = submitFunc(func(context.Context, store.Delivery) (ingest.Result, error) { panic("secret detail") })
		})
		e := event
		e.status, e.want, e.unwanted = 500, []string{`"code":"internal"`}, []string{"secret detail"}
		s.do(t, e)
		require.Contains(t, s.logs.String(), "secret detail")
	})
	t.Run("no database", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, nil)
		s.do(t, exchange{method: http.MethodGet, path: "/healthz", status: 200, want: []string{`{"status":"ok"}`}})
		s.store.Close()
		s.do(t, exchange{method: http.MethodGet, path: "/healthz", status: 503, want: []string{`"reason":"ask database`}})
		e := event
		e.status, e.unwanted = 500, []string{"pool"}
		s.do(t, e)
	})
	t.Run("refused by the database", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, func(cfg *api.Config) {
			cfg.Batcher = submitFunc(func(_ context.Context, d store.Delivery) (ingest.Result, error) {
				return ingest.Result{Refused: []store.DeadLetter{{MessageID: d.Messages[1].MessageID, Reason: "secret detail", Advice: "mend it"}}}, nil
			})
		})
		s.do(t, exchange{
			path: "/v1/batch", header: basic(), status: 200, want: []string{`{"index":2,"messageId":"b"`, "mend it"}, unwanted: []string{"secret detail"},
			body: `{"batch":[{"type":"track","userId":"u","event":"A"},7,{"type":"track","userId":"u","event":"B","messageId":"b"}]}`,
		})
	})
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *api.Config) {
		c.Ready = func(context.Context) error { return errors.New("Temporal is starting") }
	})
	s.all(t, []exchange{
		{name: "alive", method: http.MethodGet, path: "/health", status: 200, want: []string{`"status":"ok"`}},
		{name: "not ready", method: http.MethodGet, path: "/healthz", status: 503, want: []string{`"status":"unavailable"`, `"reason":"Temporal is starting"`, "Retry-After: 1"}},
	})
}

func TestMounts(t *testing.T) {
	t.Parallel()
	say := func(what string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Content-Type-Options", "nosniff")
			_, err := io.WriteString(w, what+strconv.Itoa(len(r.URL.Path)))
			if err != nil {
				panic(err)
			}
		})
	}
	s := newSite(t, func(c *api.Config) { c.Dev, c.Next = say("dev"), say("console") })
	s.all(t, []exchange{
		{name: "dev", method: http.MethodGet, path: "/dev/mailbox", status: 200, want: []string{"dev12"}},
		{name: "console", method: http.MethodGet, path: "/", status: 200, want: []string{"console1"}},
		{name: "a known path stays ours", method: http.MethodGet, path: "/v1/track", status: 405},
	})
}

// TestSegmentExamples sends every payload of Segment's public specification and compares what is stored.
func TestSegmentExamples(t *testing.T) {
	t.Parallel()
	var examples []struct {
		Payload map[string]json.RawMessage `json:"payload"`
	}
	require.NoError(t, json.Unmarshal(dataFile(t, "segment/segment_spec_examples.json"), &examples))
	require.Len(t, examples, 132)
	s := newSite(t, nil)
	conn := s.connect(t)
	stored, refused := 0, 0
	for i, e := range examples {
		// Sent one by one: the examples share a message id, and the second of them would be a repetition.
		id := fmt.Sprintf("example-%d", i)
		e.Payload["messageId"] = json.RawMessage(`"` + id + `"`)
		raw, err := json.Marshal(e.Payload)
		require.NoError(t, err)
		w := s.do(t, exchange{path: "/v1/batch", header: basic(), body: `{"batch":[` + string(raw) + `]}`, status: 200})
		if strings.Contains(w.Body.String(), `"rejected"`) {
			refused++
			require.Contains(t, w.Body.String(), `"advice"`)
			continue
		}
		stored++
		requireStored(t, conn, id, e.Payload)
	}
	t.Logf("%d stored unchanged, %d refused with a reason", stored, refused)
	require.Equal(t, 132, stored+refused)
	require.GreaterOrEqual(t, stored, 69)
}

func requireStored(t *testing.T, conn *pgx.Conn, id string, payload map[string]json.RawMessage) {
	t.Helper()
	var call, name, properties, context, extra string
	err := conn.QueryRow(t.Context(), `SELECT call, name, properties, coalesce(context, 'null'), coalesce(extra, 'null') FROM events WHERE message_id = $1`, id).
		Scan(&call, &name, &properties, &context, &extra)
	require.NoError(t, err)
	var rest map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(extra), &rest))
	for field, raw := range payload {
		switch {
		case rest[field] != nil:
			require.JSONEq(t, string(raw), string(rest[field]))
		case field == "properties" || field == "traits":
			require.JSONEq(t, string(raw), properties)
		case field == "context":
			require.JSONEq(t, string(raw), context)
		case field == "event":
			require.JSONEq(t, string(raw), `"`+name+`"`)
		case field == "type" || field == "action":
			require.JSONEq(t, string(raw), `"`+call+`"`)
		}
	}
}

// TestSegmentClient drives the API with Segment's own Go client.
func TestSegmentClient(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	server := httptest.NewServer(s)
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	results := &callback{}
	client, err := analytics.NewWithConfig(s.seed.WriteKey, analytics.Config{
		Endpoint: server.URL, BatchSize: 25, Transport: transport, Callback: results,
	})
	require.NoError(t, err)
	require.NoError(t, client.Enqueue(analytics.Identify{UserId: "go", Traits: analytics.NewTraits().SetEmail("Go@Example.com").SetName("Go Pher").Set("plan", "pro")}))
	for i := range 60 {
		require.NoError(t, client.Enqueue(analytics.Track{UserId: "go", Event: fmt.Sprint("event ", i), Properties: analytics.NewProperties().SetRevenue(12.5)}))
	}
	require.NoError(t, client.Enqueue(analytics.Alias{PreviousId: "before", UserId: "go"}))
	require.NoError(t, client.Close())
	results.mu.Lock()
	defer results.mu.Unlock()
	require.Empty(t, results.failures)
	require.Equal(t, 62, results.successes)
	r := s.record(t, "go")
	require.Len(t, r.Timeline, 62)
	require.Equal(t, "go@example.com", r.Customer.Email)
	require.Equal(t, "Go Pher", r.Customer.Name)
	require.Equal(t, "pro", r.Customer.Attributes["plan"])
}

type callback struct {
	mu        sync.Mutex
	successes int
	failures  []error
}

func (c *callback) Success(analytics.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.successes++
}

func (c *callback) Failure(_ analytics.Message, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures = append(c.failures, err)
}

// TestConcurrentRequests sends from many connections at once over real HTTP.
func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	server := httptest.NewServer(s)
	defer server.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 10 {
				body := fmt.Sprintf(`{"writeKey":%q,"userId":"many","event":"E","messageId":"%d-%d"}`, s.seed.WriteKey, i, j)
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/track", bytes.NewReader([]byte(body)))
				if err != nil {
					t.Error(err)
					return
				}
				w, err := client.Do(r)
				if err != nil || w.StatusCode != http.StatusOK {
					t.Error(w, err)
					return
				}
				if err := w.Body.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, s.names(t, "many"), 160)
}
