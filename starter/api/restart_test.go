package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/pglocal"
	"dotyk/activities/store/storetest"
	"dotyk/rules/audience"
	"dotyk/starter/api"
	"dotyk/starter/ingest"
)

// TestRestart stops the database under the API: whoever calls is asked to come back, and can.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) // root's Postgres runs as another user
	cfg := pglocal.Config{Dir: dir, Fast: true}
	server, err := pglocal.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	address := server.URL("postgres")
	_, err = store.Migrate(t.Context(), address)
	require.NoError(t, err)
	st := storetest.Open(t, address)
	s := &site{url: address, store: st, seed: storetest.Workspace(t, st), clock: &clock{at: time.Now()}, logs: &logs{}}
	s.batcher = ingest.NewBatcher(st, ingest.BatcherConfig{Logger: s.logger(), Patience: time.Millisecond})
	t.Cleanup(s.batcher.Close)
	s.Handler = api.New(api.Config{Store: st, Batcher: s.batcher, Logger: s.logger(), PublicURL: publicURL, Now: s.clock.now})

	path := s.link(t, s.touch(t, "u1", audience.Email, "news", "a@b.co"))
	event := exchange{path: "/v1/track", header: basic(), body: `{"userId":"u1","event":"E","messageId":"m1"}`}
	require.NoError(t, server.Stop())
	away := []exchange{
		event.answers(503, "Retry-After: 5", `"code":"unavailable"`),
		{path: "/v1/track?writeKey=not-cached", body: `{}`, status: 503, want: []string{"Retry-After: 5"}},
		{method: http.MethodGet, path: "/healthz", status: 503, want: []string{`"status":"unavailable"`}},
		{method: http.MethodGet, path: "/health", status: 200},
		{path: path, status: 503, want: []string{"Retry-After: 5", "does not work at the moment"}},
		post("message=x&writeKey=KEY").answers(503, "Retry-After: 5", "try again in a moment"),
	}
	s.all(t, away)

	server, err = pglocal.Start(t.Context(), cfg)
	require.NoError(t, err)
	s.all(t, []exchange{
		event.answers(200),
		{method: http.MethodGet, path: "/healthz", status: 200},
		{path: path, status: 200},
	})
	require.Contains(t, s.names(t, "u1"), "E")
}
