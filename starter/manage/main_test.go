package manage_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/starter/manage"
)

func TestMain(m *testing.M) {
	code := storetest.Main(m)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// office is the management API on an address, over a real Postgres, with two workspaces of which only the first is
// used by KEY.
type office struct {
	t     *testing.T
	url   string // of the database
	store *store.Store
	seed  storetest.Seed // of the first workspace
	other storetest.Seed
	fill  *strings.Replacer // KEY, OTHERKEY and WRITEKEY, and ids of customers as ID(ann)
	base  string
	logs  *logs
}

func newOffice(t *testing.T, change func(*manage.Config)) *office {
	t.Helper()
	address := storetest.URL(t)
	st := storetest.Open(t, address)
	o := &office{t: t, url: address, store: st, seed: storetest.Workspace(t, st), other: storetest.Workspace(t, st), logs: &logs{}}
	words := []string{"WRITEKEY", o.seed.WriteKey, "OTHERKEY", o.key(o.other.Workspace), "KEY", o.key(o.seed.Workspace)}
	for _, name := range []string{"ann", "bob", "cyd"} {
		words = append(words, "ID("+name+")", o.customer(o.seed, name))
	}
	words = append(words, "ID(stranger)", o.customer(o.other, "stranger"))
	o.fill = strings.NewReplacer(words...)
	cfg := manage.Config{Store: st, Logger: slog.New(slog.NewTextHandler(o.logs, nil))}
	if change != nil {
		change(&cfg)
	}
	server := httptest.NewServer(manage.New(cfg))
	t.Cleanup(server.Close)
	t.Cleanup(server.Client().CloseIdleConnections)
	o.base = server.URL
	return o
}

func (o *office) key(ws int64) string {
	o.t.Helper()
	key, err := o.store.CreateKey(o.t.Context(), ws, "crm", "", []string{manage.Scope})
	require.NoError(o.t, err)
	return key
}

// customer registers a customer who is named, and whose plan is as long as the name: ann's is "3".
func (o *office) customer(seed storetest.Seed, name string) string {
	o.t.Helper()
	mail := name + "@example.com"
	now := time.Now().UTC()
	_, err := o.store.Ingest(o.t.Context(), seed.Workspace, []store.Delivery{{Source: seed.Source, Messages: []store.Message{{
		Call: store.CallIdentify, MessageID: name, UserID: name, Name: "registered", Properties: json.RawMessage(`{"via":"site"}`),
		OccurredAt: now, ReceivedAt: now,
		Profile: store.Profile{Email: &mail, Name: &name, Attributes: map[string]any{"plan": string(name[0])}},
	}}}})
	require.NoError(o.t, err)
	c, err := o.store.FindCustomer(o.t.Context(), seed.Workspace, name)
	require.NoError(o.t, err)
	return c.ID
}

// build does what a worker does: it finds the members of all segments that wait for it.
func (o *office) build() {
	o.t.Helper()
	b := &segments.Builder{
		Store: o.store, Cache: &segments.Cache{}, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Timeout: segments.BuildTimeout,
	}
	for turns := segments.NewTurns(b); ; {
		ref, found, err := turns.Next(o.t.Context())
		require.NoError(o.t, err)
		if !found {
			return
		}
		require.NoError(o.t, b.Build(o.t.Context(), ref))
		turns.Done(ref)
	}
}

type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// exchange is a test as data. Requests carry KEY unless header says otherwise.
type exchange struct {
	name     string
	method   string // default GET, or POST where there is a body
	path     string // below /api/v1, unless it begins with !
	header   map[string]string
	body     string
	status   int
	want     []string // in the answer's body or headers
	unwanted []string
	then     func() // runs afterwards
}

// do sends the request and checks the answer.
func (o *office) do(e exchange) string {
	o.t.Helper()
	if e.method == "" {
		e.method = http.MethodGet
		if e.body != "" {
			e.method = http.MethodPost
		}
	}
	path, whole := strings.CutPrefix(e.path, "!")
	if !whole {
		path = manage.Base + path
	}
	r, err := http.NewRequestWithContext(o.t.Context(), e.method, o.base+o.fill.Replace(path), strings.NewReader(o.fill.Replace(e.body)))
	require.NoError(o.t, err, e.name)
	r.Header.Set("Authorization", o.fill.Replace("Bearer KEY"))
	if e.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range e.header {
		r.Header.Set(name, o.fill.Replace(value))
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	w, err := client.Do(r)
	require.NoError(o.t, err, e.name)
	raw, err := io.ReadAll(w.Body)
	require.NoError(o.t, err, e.name)
	require.NoError(o.t, w.Body.Close())
	answer := string(raw)
	for name, values := range w.Header {
		answer += "\n" + name + ": " + strings.Join(values, ", ")
	}
	require.Equal(o.t, e.status, w.StatusCode, "%s: %s", e.name, answer)
	for _, want := range e.want {
		require.Contains(o.t, answer, o.fill.Replace(want), e.name)
	}
	for _, unwanted := range e.unwanted {
		require.NotContains(o.t, answer, o.fill.Replace(unwanted), e.name)
	}
	o.wellFormed(e, w, raw)
	if e.then != nil {
		e.then()
	}
	return string(raw)
}

// wellFormed checks what holds for every answer.
func (o *office) wellFormed(e exchange, w *http.Response, raw []byte) {
	o.t.Helper()
	require.NotEmpty(o.t, w.Header.Get("X-Request-Id"), e.name)
	require.Equal(o.t, "nosniff", w.Header.Get("X-Content-Type-Options"), e.name)
	require.Equal(o.t, "no-store", w.Header.Get("Cache-Control"), e.name)
	require.Empty(o.t, w.Header.Get("Access-Control-Allow-Origin"), e.name)
	if w.StatusCode < http.StatusBadRequest || e.method == http.MethodHead {
		return
	}
	require.Equal(o.t, "application/problem+json", w.Header.Get("Content-Type"), e.name)
	var p manage.Problem
	require.NoError(o.t, json.Unmarshal(raw, &p), e.name)
	require.Equal(o.t, w.StatusCode, p.Status, e.name)
	require.NotEmpty(o.t, p.Code, e.name)
	require.NotEmpty(o.t, p.Title, e.name)
	require.Contains(o.t, p.Detail, ": ", "%s: a detail says how to mend it", e.name)
	require.Equal(o.t, w.Header.Get("X-Request-Id"), p.RequestID, e.name)
	for _, leak := range []string{"SQLSTATE", "goroutine", ".go:", "pgx", "SELECT"} {
		require.NotContains(o.t, string(raw), leak, e.name)
	}
}

func (o *office) all(es []exchange) {
	o.t.Helper()
	for _, e := range es {
		o.do(e)
	}
}
