package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules/audience"
	"dotyk/starter/api"
	"dotyk/starter/ingest"
)

func TestMain(m *testing.M) {
	code := storetest.Main(m)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const (
	publicURL   = "https://dotyk.example"
	twilioToken = "0123456789abcdef0123456789abcdef"
)

// site is the API over a real Postgres, with a clock that the test moves.
type site struct {
	http.Handler
	url     string // of the database
	store   *store.Store
	batcher *ingest.Batcher
	seed    storetest.Seed
	clock   *clock
	logs    *logs
}

func newSite(t *testing.T, change func(*api.Config)) *site {
	t.Helper()
	address := storetest.URL(t)
	st := storetest.Open(t, address)
	s := &site{url: address, store: st, seed: storetest.Workspace(t, st), clock: &clock{at: time.Now().UTC()}, logs: &logs{}}
	s.batcher = ingest.NewBatcher(st, ingest.BatcherConfig{Logger: s.logger()})
	t.Cleanup(s.batcher.Close)
	cfg := api.Config{Store: st, Batcher: s.batcher, Logger: s.logger(), PublicURL: publicURL, TwilioAuthToken: twilioToken, Now: s.clock.now}
	if change != nil {
		change(&cfg)
	}
	s.Handler = api.New(cfg)
	return s
}

func (s *site) logger() *slog.Logger { return slog.New(slog.NewTextHandler(s.logs, nil)) }

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
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

// exchange is a test as data.
type exchange struct {
	name     string
	method   string // default POST
	path     string
	header   map[string]string
	from     string // address of the connection; default one of the outside
	body     string
	status   int
	want     []string // in the answer's body or headers
	unwanted []string
}

// do sends the request and checks the answer. KEY stands for the write key.
func (s *site) do(t *testing.T, e exchange) *httptest.ResponseRecorder {
	t.Helper()
	fill := func(text string) string { return strings.ReplaceAll(text, "KEY", s.seed.WriteKey) }
	if e.method == "" {
		e.method = http.MethodPost
	}
	r := httptest.NewRequestWithContext(t.Context(), e.method, fill(e.path), strings.NewReader(fill(e.body)))
	r.RemoteAddr = "203.0.113.7:4711"
	if e.from != "" {
		r.RemoteAddr = e.from
	}
	for name, value := range e.header {
		if name == "Basic" {
			r.SetBasicAuth(fill(value), "")
			continue
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	answer := w.Body.String()
	for name, values := range w.Header() {
		answer += "\n" + name + ": " + strings.Join(values, ", ")
	}
	require.Equal(t, e.status, w.Code, "%s: %s", e.name, answer)
	for _, want := range e.want {
		require.Contains(t, answer, fill(want), e.name)
	}
	for _, unwanted := range e.unwanted {
		require.NotContains(t, answer, fill(unwanted), e.name)
	}
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"), e.name)
	return w
}

func (s *site) all(t *testing.T, es []exchange) {
	t.Helper()
	for _, e := range es {
		s.do(t, e)
	}
}

// record is what the store holds of a customer, by user id, anonymous id or e-mail.
func (s *site) record(t *testing.T, ref string) *store.Record {
	t.Helper()
	c, err := s.store.FindCustomer(t.Context(), s.seed.Workspace, ref)
	require.NoError(t, err, ref)
	r, err := s.store.Record(t.Context(), s.seed.Workspace, c.ID, 1000)
	require.NoError(t, err)
	return r
}

func (s *site) names(t *testing.T, ref string) []string {
	t.Helper()
	var list []string
	for _, e := range s.record(t, ref).Timeline {
		list = append(list, e.Name)
	}
	return list
}

func (s *site) absent(t *testing.T, ref string) {
	t.Helper()
	_, err := s.store.FindCustomer(t.Context(), s.seed.Workspace, ref)
	require.ErrorIs(t, err, store.ErrNotFound, ref)
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// dataFile reads a file of the shared test data, and skips the test where there is none.
func dataFile(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("DOTYK_TESTDATA")
	if dir == "" {
		root, err := filepath.Abs(".")
		require.NoError(t, err)
		for root != filepath.Dir(root) {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			root = filepath.Dir(root)
		}
		dir = filepath.Join(filepath.Dir(root), "shared", "data")
	}
	raw, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no test data %s (set DOTYK_TESTDATA)", name)
	}
	require.NoError(t, err)
	return raw
}

// letters are the dead letters, as "severity place: reason".
func (s *site) letters(t *testing.T) []string {
	t.Helper()
	conn := s.connect(t)
	rows, err := conn.Query(t.Context(), `SELECT severity || ' ' || place || ': ' || reason FROM dead_letters ORDER BY id`)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return list
}

func (s *site) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) })
	return conn
}

// touch puts a message that was sent on a customer's record and gives its id.
func (s *site) touch(t *testing.T, user string, channel audience.Channel, topic, address string) string {
	t.Helper()
	s.do(t, exchange{path: "/v1/identify", header: map[string]string{"Basic": "KEY"}, body: `{"userId":"` + user + `"}`, status: 200})
	customer, err := s.store.FindCustomer(t.Context(), s.seed.Workspace, user)
	require.NoError(t, err)
	id := uuid.NewString()
	_, err = s.connect(t).Exec(t.Context(), `INSERT INTO touches (workspace_id, id, customer_id, channel, direction, status, topic, address, occurred_at)
		VALUES ($1, $2, $3, $4, 'out', 'claimed', $5, $6, now())`, s.seed.Workspace, id, customer.ID, channel, topic, address)
	require.NoError(t, err)
	return id
}
