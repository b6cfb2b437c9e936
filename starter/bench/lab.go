package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/sdk/client"

	"dotyk/activities/store"
	"dotyk/activities/store/pglocal"
	"dotyk/starter/devenv"
	"dotyk/starter/server"
	"dotyk/worker/boot"
)

//go:embed campaigns
var files embed.FS //nolint:gochecknoglobals // embedded files can stand nowhere else

// lab is everything that runs during an experiment: the parts of the product as its own programs start them, on a
// private Postgres with fsync on, and the world outside.
type lab struct {
	options
	logger     *slog.Logger
	dir        string
	pg         *pglocal.Server
	database   string    // URL of the product's database
	admin      *pgx.Conn // superuser in the product's database
	postmaster int       // process id
	store      *store.Store
	workspace  int64
	source     store.Source
	key        string
	temporal   *devenv.Temporal // nil without an engine
	client     client.Client    // as the worker has one
	url        string           // of the API
	outside    *outside
	bare       *bareline
	resident   rows           // what the tables hold when a case begins that stores events
	notes      []string       // what the report says besides figures about the experiment under way
	closers    []func() error // run in reverse
}

// storeConns is the number of connections that standalone gives its store.
const storeConns = 40

// openLab starts everything. With an engine the worker runs too, and so does one for bare workflows.
func openLab(ctx context.Context, o options, engine bool) (_ *lab, err error) {
	l := &lab{options: o, logger: slog.New(slog.DiscardHandler)}
	if o.Verbose {
		l.logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	steps := []struct {
		name string
		run  func(context.Context) error
	}{
		{"Postgres", l.startPostgres}, {"store", l.startStore}, {"world outside", l.startOutside}, {"API", l.startAPI},
	}
	for _, step := range steps {
		if err := step.run(ctx); err != nil {
			return nil, fmt.Errorf("start %s: %w", step.name, err)
		}
	}
	if engine {
		if err := l.startEngine(ctx); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// startEngine starts what runs workflows, in a lab that has none yet.
func (l *lab) startEngine(ctx context.Context) error {
	steps := []struct {
		name string
		run  func(context.Context) error
	}{{"Temporal", l.startTemporal}, {"worker", l.startWorker}, {"bare workflows", l.startBare}}
	for _, step := range steps {
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("start %s: %w", step.name, err)
		}
	}
	return nil
}

func (l *lab) onClose(f func() error) { l.closers = append(l.closers, f) }

// close stops everything in the reverse order of its start, and leaves nothing behind.
func (l *lab) close() error {
	var errs []error
	for _, f := range slices.Backward(l.closers) {
		errs = append(errs, f())
	}
	l.closers = nil
	return errors.Join(errs...)
}

// broken gives the error that ended the Temporal server, if that is why an experiment failed.
func (l *lab) broken() error {
	if l.temporal == nil {
		return nil
	}
	return l.temporal.Err()
}

func (l *lab) startPostgres(ctx context.Context) error {
	var err error
	if l.dir, err = os.MkdirTemp(l.Dir, "dotyk-bench-"); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	l.onClose(func() error {
		if l.Keep {
			fmt.Fprintln(os.Stderr, "kept", l.dir)
			return nil
		}
		return os.RemoveAll(l.dir)
	})
	settings := l.Postgres
	if l.Statements > 0 {
		settings = withStatements(settings)
	}
	if l.pg, err = pglocal.Start(ctx, pglocal.Config{Dir: l.dir, Options: settings, Logger: l.logger}); err != nil {
		return err
	}
	l.onClose(l.pg.Stop)
	const name = "dotyk"
	postgres, err := pgx.Connect(ctx, l.pg.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	_, err = postgres.Exec(ctx, "CREATE DATABASE "+name)
	if err = errors.Join(err, postgres.Close(context.WithoutCancel(ctx))); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	l.database = l.pg.URL(name)
	if l.admin, err = pgx.Connect(ctx, l.database); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	l.onClose(func() error { return l.admin.Close(context.WithoutCancel(ctx)) })
	var backend int
	if err := l.admin.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&backend); err != nil {
		return fmt.Errorf("ask for process: %w", err)
	}
	l.postmaster, err = parent(backend)
	return err
}

func (l *lab) startStore(ctx context.Context) error {
	if _, err := store.Migrate(ctx, l.database); err != nil {
		return err
	}
	var err error
	if l.store, err = store.Open(ctx, l.database, store.Options{MaxConns: storeConns}); err != nil {
		return err
	}
	l.onClose(func() error { l.store.Close(); return nil })
	if l.workspace, err = l.store.CreateWorkspace(ctx, "bench", "Bench"); err != nil {
		return err
	}
	if l.key, err = l.store.CreateKey(ctx, l.workspace, "site", "", []string{store.ScopeWrite}); err != nil {
		return err
	}
	l.source, err = l.store.EnsureSource(ctx, l.workspace, "site")
	return err
}

func (l *lab) startOutside(ctx context.Context) error {
	var err error
	if l.outside, err = startOutside(ctx); err != nil {
		return err
	}
	l.onClose(l.outside.stop)
	return nil
}

func (l *lab) startAPI(ctx context.Context) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	l.url = "http://" + ln.Addr().String()
	l.onClose(server.Start(ctx, ln, server.Config{Store: l.store, PublicURL: l.url, Logger: l.logger}).Stop)
	return nil
}

const namespace = "default"

func (l *lab) startTemporal(ctx context.Context) error {
	var err error
	l.temporal, err = devenv.StartTemporal(ctx, devenv.TemporalConfig{
		PostgresURL: l.database, Namespace: namespace, Logger: l.logger,
	})
	if err != nil {
		return err
	}
	l.onClose(l.temporal.Stop)
	l.client, err = client.DialContext(ctx, boot.ClientOptions(boot.Config{
		TemporalAddress: l.temporal.HostPort(), TemporalNamespace: namespace,
	}, l.logger))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	l.onClose(func() error { l.client.Close(); return nil })
	return nil
}

func (l *lab) startWorker(ctx context.Context) error {
	w, err := boot.Start(ctx, boot.Config{
		DatabaseURL: l.database, TemporalAddress: l.temporal.HostPort(), TemporalNamespace: namespace,
		SMTPURL: fmt.Sprintf("%s?pool=%d", l.outside.smtp, sinkConnections), PublicURL: l.url, EmailFrom: "Bench <hello@bench.example>",
	}, boot.Options{Logger: l.logger, Store: l.store})
	if err != nil {
		return err
	}
	l.onClose(func() error { w.Stop(); return nil })
	return nil
}

// publish makes one of our campaigns live.
func (l *lab) publish(ctx context.Context, file string) error {
	return l.publishIn(ctx, l.workspace, file)
}
