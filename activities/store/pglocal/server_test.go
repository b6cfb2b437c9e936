package pglocal_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dotyk/activities/store/pglocal"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		os.Exit(helper(dir))
	}
	goleak.VerifyTestMain(m)
}

// newDir gives an empty directory that any user can enter: the server runs as another user where the tests run as root,
// and a test's own directory is closed to it.
func newDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	return filepath.Join(dir, "pg")
}

func start(t *testing.T, config pglocal.Config) *pglocal.Server {
	t.Helper()
	config.Fast = true
	srv, err := pglocal.Start(t.Context(), config)
	if errors.Is(err, pglocal.ErrNoPostgres) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = srv.Stop() }) // a second stop repeats the answer of the first
	return srv
}

func query[T any](t *testing.T, srv *pglocal.Server, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), srv.URL("postgres"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	var value T
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&value))
	return value
}

func exec(t *testing.T, srv *pglocal.Server, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), srv.URL("postgres"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func TestServer(t *testing.T) {
	t.Parallel()

	t.Run("KeepsDataBetweenRuns", func(t *testing.T) {
		t.Parallel()
		dir := newDir(t)
		first := start(t, pglocal.Config{Dir: dir})
		exec(t, first, "CREATE TABLE kept AS SELECT 42 AS answer")
		require.NoError(t, first.Stop())

		second := start(t, pglocal.Config{Dir: dir})
		require.Equal(t, 42, query[int](t, second, "SELECT answer FROM kept"))
		require.NoError(t, second.Stop())
		require.NoError(t, second.Stop(), "stopping twice is no error")
		<-second.Done()
	})

	t.Run("SuitsTheStore", func(t *testing.T) {
		t.Parallel()
		srv := start(t, pglocal.Config{Dir: newDir(t), Options: map[string]string{"work_mem": "7MB", "max_connections": "50"}})
		for setting, want := range map[string]string{
			"server_encoding": "UTF8", "lc_collate": "C.UTF-8", "TimeZone": "UTC", "jit": "off", "fsync": "off", "wal_level": "minimal",
			"work_mem": "7MB", "max_connections": "50", "listen_addresses": "", "shared_buffers": "256MB",
		} {
			require.Equal(t, want, query[string](t, srv, "SELECT current_setting('"+setting+"')"), setting)
		}
		require.Equal(t, "ПРИВІТ", query[string](t, srv, "SELECT upper('привіт')"))
		require.True(t, strings.HasPrefix(query[string](t, srv, "SELECT version()"), "PostgreSQL "+srv.Version()))
	})

	t.Run("IsDurableUnlessAskedNotTo", func(t *testing.T) {
		t.Parallel()
		srv, err := pglocal.Start(t.Context(), pglocal.Config{Dir: newDir(t)})
		if errors.Is(err, pglocal.ErrNoPostgres) {
			t.Skip(err)
		}
		require.NoError(t, err)
		require.Equal(t, "on", query[string](t, srv, "SHOW fsync"))
		require.Equal(t, "on", query[string](t, srv, "SHOW synchronous_commit"))
		require.NoError(t, srv.Stop())
	})

	t.Run("LetsOneIn", func(t *testing.T) {
		t.Parallel()
		dir := newDir(t)
		srv := start(t, pglocal.Config{Dir: dir})
		_, err := pglocal.Start(t.Context(), pglocal.Config{Dir: dir})
		require.ErrorIs(t, err, pglocal.ErrInUse)
		require.Equal(t, 1, query[int](t, srv, "SELECT 1"), "the first goes on")
		require.NoError(t, srv.Stop())
		require.NoError(t, start(t, pglocal.Config{Dir: dir}).Stop(), "free again")
	})

	t.Run("TakesLongPaths", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(newDir(t), strings.Repeat("long", 20), strings.Repeat("longer", 10))
		require.NoError(t, os.MkdirAll(filepath.Dir(dir), 0o755))
		srv := start(t, pglocal.Config{Dir: dir})
		socket := socketDir(t, srv)
		require.NotContains(t, socket, dir)
		require.Equal(t, 1, query[int](t, srv, "SELECT 1"))
		require.NoError(t, srv.Stop())
		require.NoDirExists(t, socket)
	})

	t.Run("KeepsOthersOut", func(t *testing.T) {
		t.Parallel()
		srv := start(t, pglocal.Config{Dir: newDir(t)})
		info, err := os.Stat(socketDir(t, srv))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	})

	t.Run("BreaksConnectionsOff", func(t *testing.T) {
		t.Parallel()
		srv := start(t, pglocal.Config{Dir: newDir(t)})
		conn, err := pgx.Connect(t.Context(), srv.URL("postgres"))
		require.NoError(t, err)
		begun := time.Now()
		require.NoError(t, srv.Stop())
		require.Less(t, time.Since(begun), 30*time.Second)
		require.Error(t, conn.Ping(t.Context()))
		require.NoError(t, conn.Close(t.Context()))
	})
}

func TestStartFailure(t *testing.T) {
	t.Parallel()

	t.Run("QuotesTheLog", func(t *testing.T) {
		t.Parallel()
		_, err := pglocal.Start(t.Context(), pglocal.Config{
			Dir: newDir(t), Fast: true, Options: map[string]string{"no_such_option": "1"},
		})
		if errors.Is(err, pglocal.ErrNoPostgres) {
			t.Skip(err)
		}
		require.ErrorContains(t, err, "no_such_option")
		require.ErrorContains(t, err, "postgres.log")
	})

	t.Run("LeavesNothingHalfMade", func(t *testing.T) {
		t.Parallel()
		dir := newDir(t)
		half := filepath.Join(dir, "data.new-123")
		require.NoError(t, os.MkdirAll(filepath.Join(half, "base"), 0o755))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := pglocal.Start(ctx, pglocal.Config{Dir: dir})
		if errors.Is(err, pglocal.ErrNoPostgres) {
			t.Skip(err)
		}
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, start(t, pglocal.Config{Dir: dir}).Stop())
		require.NoDirExists(t, half)
		left, err := filepath.Glob(filepath.Join(dir, "data.new-*"))
		require.NoError(t, err)
		require.Empty(t, left)
	})

	t.Run("OtherMajorVersion", func(t *testing.T) {
		t.Parallel()
		found, err := pglocal.Find()
		if err != nil {
			t.Skip(err)
		}
		dir := newDir(t)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "data"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("9\n"), 0o600))
		_, err = pglocal.Start(t.Context(), pglocal.Config{Dir: dir})
		var mismatch *pglocal.VersionError
		require.ErrorAs(t, err, &mismatch)
		require.Equal(t, 9, mismatch.Data)
		require.Contains(t, mismatch.Installed, found.Major)
		require.ErrorContains(t, err, "install PostgreSQL 9")
	})

	t.Run("UnreadableVersion", func(t *testing.T) {
		t.Parallel()
		dir := newDir(t)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "data"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("?"), 0o600))
		_, err := pglocal.Start(t.Context(), pglocal.Config{Dir: dir})
		require.ErrorContains(t, err, "read version of data directory")
	})

	t.Run("ClosedParent", func(t *testing.T) {
		t.Parallel()
		if os.Geteuid() != 0 {
			t.Skip("only root changes to another user")
		}
		if _, err := pglocal.Find(); err != nil {
			t.Skip(err)
		}
		closed := t.TempDir()
		require.NoError(t, os.Chmod(closed, 0o700))
		require.NoError(t, os.Chmod(filepath.Dir(closed), 0o755))
		_, err := pglocal.Start(t.Context(), pglocal.Config{Dir: filepath.Join(closed, "pg")})
		var access *pglocal.AccessError
		require.ErrorAs(t, err, &access)
		require.Equal(t, closed, access.Blocked)
		require.ErrorContains(t, err, "chmod o+x "+closed)
	})
}

func socketDir(t *testing.T, srv *pglocal.Server) string {
	t.Helper()
	u, err := url.Parse(srv.URL("postgres"))
	require.NoError(t, err)
	return u.Query().Get("host")
}

func ownerOf(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	st, ok := info.Sys().(*syscall.Stat_t)
	require.True(t, ok)
	return st.Uid
}
