package storetest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/pglocal"
)

// server is the one Postgres of this test binary. It starts when the first test asks for it.
type server struct {
	once   sync.Once
	err    error
	dir    string
	local  *pglocal.Server
	number int
	mu     sync.Mutex
}

var shared server //nolint:gochecknoglobals // a test binary has one server, which Main stops

// template is the migrated database that every test's own is copied from.
const template = "dotyk_template"

// Main runs the tests of a package and stops the server that they used. It gives the exit code for os.Exit.
func Main(m *testing.M) int {
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the tests' Postgres:", err)
		return 1
	}
	return code
}

func (s *server) start() error {
	s.once.Do(func() {
		s.dir, s.err = os.MkdirTemp(parentDir(), "dotyk-pg-")
		if s.err != nil {
			return
		}
		if s.local, s.err = pglocal.Start(context.Background(), pglocal.Config{Dir: s.dir, Fast: true}); s.err != nil {
			return
		}
		if s.err = admin("CREATE DATABASE "+template, s.local.URL("postgres")); s.err != nil {
			return
		}
		_, s.err = store.Migrate(context.Background(), s.local.URL(template))
	})
	return s.err
}

func (s *server) stop() error {
	if s.local != nil {
		if err := s.local.Stop(); err != nil {
			return err
		}
	}
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

func admin(sql, databaseURL string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return fmt.Errorf("connect to the tests' Postgres: %w", err)
	}
	_, err = conn.Exec(ctx, sql)
	if closed := conn.Close(ctx); err == nil {
		err = closed
	}
	return err
}

// URL gives the address of a migrated database that is the test's own. It is dropped when the test ends.
func URL(tb testing.TB) string {
	tb.Helper()
	return database(tb, template)
}

// Empty gives the address of a database that is the test's own and was never migrated.
func Empty(tb testing.TB) string {
	tb.Helper()
	return database(tb, "template1")
}

// As gives the address of the same database for another user.
func As(databaseURL, name string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return ""
	}
	u.User = url.User(name)
	return u.String()
}

func database(tb testing.TB, from string) string {
	tb.Helper()
	require.NoError(tb, shared.start(), "start the tests' Postgres")
	shared.mu.Lock() // a template can be copied by one at a time
	defer shared.mu.Unlock()
	shared.number++
	name := fmt.Sprintf("t%d_%d", os.Getpid(), shared.number)
	require.NoError(tb, admin("CREATE DATABASE "+name+" TEMPLATE "+from, shared.local.URL("postgres")))
	tb.Cleanup(func() {
		require.NoError(tb, admin("DROP DATABASE "+name+" WITH (FORCE)", shared.local.URL("postgres")))
	})
	return shared.local.URL(name)
}

// Database names the database of a URL.
func Database(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(u.Path, "/")
}

// New opens a store on a database of the test's own.
func New(tb testing.TB) *store.Store {
	tb.Helper()
	return Open(tb, URL(tb))
}

// Open opens a store on a database and closes it when the test ends.
func Open(tb testing.TB, databaseURL string) *store.Store {
	tb.Helper()
	st, err := store.Open(tb.Context(), databaseURL, store.Options{MaxConns: 12})
	require.NoError(tb, err)
	tb.Cleanup(st.Close)
	return st
}

// Seed is a workspace with a key.
type Seed struct {
	Workspace int64
	WriteKey  string
	Source    store.Source
}

// Workspace makes a workspace with a write key and a source named "site".
func Workspace(tb testing.TB, st *store.Store) Seed {
	tb.Helper()
	ctx := tb.Context()
	list, err := st.Workspaces(ctx)
	require.NoError(tb, err)
	id, err := st.CreateWorkspace(ctx, fmt.Sprintf("ws-%d", len(list)+1), "Test shop")
	require.NoError(tb, err)
	key, err := st.CreateKey(ctx, id, "site", "", []string{store.ScopeWrite})
	require.NoError(tb, err)
	src, err := st.EnsureSource(ctx, id, "site")
	require.NoError(tb, err)
	return Seed{Workspace: id, WriteKey: key, Source: src}
}
