package devenv

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.temporal.io/server/temporal"

	"dotyk/activities/store/pglocal"
)

const namespace = "dotyk-test"

func startPostgres(t *testing.T) *pglocal.Server {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) // as root, Postgres runs as another user
	srv, err := pglocal.Start(t.Context(), pglocal.Config{Dir: filepath.Join(dir, "pg")})
	if errors.Is(err, pglocal.ErrNoPostgres) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Stop()) })
	return srv
}

// greet is a tiny workflow: an activity and a timer.
func greet(ctx workflow.Context, name string) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	var greeting string
	if err := workflow.ExecuteActivity(ctx, salute, name).Get(ctx, &greeting); err != nil {
		return "", err
	}
	return greeting, workflow.Sleep(ctx, 10*time.Millisecond)
}

func salute(_ context.Context, name string) (string, error) { return "hello " + name, nil }

// runWorkflow does what a worker and a starter do.
func runWorkflow(t *testing.T, address, id string) {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{
		HostPort: address, Namespace: namespace, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(t, err)
	defer c.Close()
	w := worker.New(c, "greetings", worker.Options{})
	w.RegisterWorkflow(greet)
	w.RegisterActivity(salute)
	require.NoError(t, w.Start())
	defer w.Stop()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "greetings"}, greet, id)
	require.NoError(t, err)
	var greeting string
	require.NoError(t, run.Get(t.Context(), &greeting))
	require.Equal(t, "hello "+id, greeting)
}

// The starts stand in one test because each costs the machine more than a test should.
func TestTemporal(t *testing.T) {
	t.Parallel()
	pg := startPostgres(t)
	config := TemporalConfig{
		PostgresURL:    pg.URL("postgres") + "&pool_max_conns=4", // as a URL meant for a pool may be
		DatabasePrefix: "one_",
		Namespace:      namespace,
		Logger:         slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	t.Run("TakenPort", func(t *testing.T) { takenPort(t, config) })
	for _, id := range []string{"first", "second"} {
		begun := time.Now()
		srv, err := StartTemporal(t.Context(), config)
		require.NoError(t, err)
		t.Logf("%s start took %s", id, time.Since(begun))
		begun = time.Now()
		runWorkflow(t, srv.HostPort(), id)
		t.Logf("%s workflow took %s", id, time.Since(begun))

		if id == "second" { // another one beside it, on databases of its own
			config.DatabasePrefix = "two_"
			other, err := StartTemporal(t.Context(), config)
			require.NoError(t, err)
			require.NotEqual(t, srv.HostPort(), other.HostPort())
			runWorkflow(t, other.HostPort(), "first")
			require.NoError(t, other.Stop())
		}
		require.NoError(t, srv.Err())
		begun = time.Now()
		require.NoError(t, srv.Stop())
		require.NoError(t, srv.Stop(), "stopping twice is no error")
		t.Logf("stop took %s", time.Since(begun))
	}
}

// takenPort starts the server with each port taken in turn: every service must say so, and let go of everything.
func takenPort(t *testing.T, config TemporalConfig) {
	failed := newFailure()
	config.DatabasePrefix = "taken_"
	stores, err := prepareDatabases(t.Context(), config, newServerLogger(config.Logger, failed))
	require.NoError(t, err)
	var listen net.ListenConfig
	taken, err := listen.Listen(t.Context(), "tcp", hostPort(0))
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	addr, ok := taken.Addr().(*net.TCPAddr)
	require.True(t, ok)
	for i, service := range temporal.DefaultServices {
		ports, err := freePorts(t.Context(), len(temporal.DefaultServices))
		require.NoError(t, err)
		ports[i] = addr.Port
		begun := time.Now()
		_, err = launch(stores, ports, config.Logger)
		require.ErrorIs(t, err, syscall.EADDRINUSE, service)
		t.Logf("%s said so after %s", service, time.Since(begun))
	}
}

func TestStartTemporalFailure(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		config TemporalConfig
		want   string
	}{
		"BadPrefix":  {TemporalConfig{DatabasePrefix: `a"; --`}, "check database prefix"},
		"NotAURL":    {TemporalConfig{PostgresURL: "host=/tmp password=secret"}, "want postgres://"},
		"Unreadable": {TemporalConfig{PostgresURL: "postgres://me:secret@host:x/db"}, "read Postgres URL"},
		"NoServer":   {TemporalConfig{PostgresURL: "postgres://127.0.0.1:1/db?sslmode=disable"}, "create database temporal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := StartTemporal(t.Context(), tc.config)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}
