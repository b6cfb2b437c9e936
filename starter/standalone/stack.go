package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/activities/store"
	"dotyk/activities/store/pglocal"
	"dotyk/starter/campaigns"
	"dotyk/starter/devenv"
	"dotyk/starter/examples"
	"dotyk/starter/mailin"
	"dotyk/starter/server"
	"dotyk/worker/boot"
)

// stack is everything that runs, in the order in which it was started.
type stack struct {
	options
	logger *slog.Logger
	out    io.Writer

	terminal bool // out is one

	url       string  // of our database
	postgres  *keeper // nil where the database is a given one
	store     *store.Store
	workspace store.WorkspaceInfo
	temporal  *devenv.Temporal
	dev       devParts
	ready     atomic.Bool
	closers   []func() error // run in reverse
}

// names of files in the data directory.
const (
	fileDatabaseURL = "database-url" // for the starter, which runs beside us
	fileWriteKey    = "write-key"
)

// errStarting is what /healthz says until everything runs.
var errStarting = errors.New("starting")

func (s *stack) start(ctx context.Context) error {
	began := time.Now()
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s (choose another address with --listen): %w", s.Listen, err)
	}
	s.onStop(func() error { // until the server takes it over
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	if s.PublicURL == "" {
		s.PublicURL = "http://" + reachable(ln.Addr().String())
	}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"Postgres", s.startPostgres},
		{"store", s.startStore},
		{"Temporal", s.startTemporal},
		{"mailbox and phone", s.startDev},
		{"API", func(ctx context.Context) error { return s.serve(ctx, ln) }},
		{"worker", s.startWorker},
		{"inbound mail", s.startInbox},
		{"campaigns", s.publishExamples},
	} {
		s.progress("starting " + step.name + " …")
		if err := step.run(ctx); err != nil {
			s.progress("")
			return fmt.Errorf("start %s: %w", step.name, err)
		}
	}
	s.ready.Store(true)
	s.progress("")
	fmt.Fprintf(s.out, "started in %s\n", time.Since(began).Round(100*time.Millisecond))
	return nil
}

// progress shows on a terminal what is going on, in one line that the next one replaces.
func (s *stack) progress(what string) {
	if s.terminal {
		fmt.Fprint(s.out, "\r\033[K"+what)
	}
}

func (s *stack) onStop(f func() error) { s.closers = append(s.closers, f) }

// stop ends everything in the reverse order of its start.
func (s *stack) stop() error {
	s.ready.Store(false)
	var errs []error
	for _, v := range slices.Backward(s.closers) {
		errs = append(errs, v())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// reachable turns an address to listen on into one that a browser on this machine can open.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// startPostgres finds the database: the given one, or one in a private Postgres.
func (s *stack) startPostgres(ctx context.Context) error {
	s.url = s.DatabaseURL
	if s.url == "" {
		s.postgres = &keeper{config: pglocal.Config{Dir: filepath.Join(s.Data, "postgres"), Logger: s.logger}}
		if err := s.postgres.start(ctx); err != nil {
			return err
		}
		s.onStop(s.postgres.stop)
		if err := ensureDatabase(ctx, s.postgres.url("postgres"), "dotyk"); err != nil {
			return err
		}
		s.url = s.postgres.url("dotyk")
	}
	if err := os.WriteFile(filepath.Join(s.Data, fileDatabaseURL), []byte(s.url+"\n"), 0o600); err != nil {
		return fmt.Errorf("note address of database: %w", err)
	}
	return nil
}

func ensureDatabase(ctx context.Context, admin, name string) error {
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return fmt.Errorf("connect to private Postgres: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing of it is needed any more
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&there); err != nil {
		return fmt.Errorf("look for database: %w", err)
	}
	if there {
		return nil
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

func (s *stack) startStore(ctx context.Context) error {
	if _, err := store.Migrate(ctx, s.url); err != nil {
		return err
	}
	keys, err := s.secretKeys()
	if err != nil {
		return err
	}
	if s.store, err = store.Open(ctx, s.url, store.Options{MaxConns: 40, SecretKeys: keys}); err != nil {
		return err
	}
	s.onStop(func() error { s.store.Close(); return nil })
	list, err := s.store.Workspaces(ctx)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		if _, err := s.store.CreateWorkspace(ctx, "main", "My shop"); err != nil {
			return err
		}
		if list, err = s.store.Workspaces(ctx); err != nil {
			return err
		}
	}
	s.workspace = list[0]
	return s.ensureKey(ctx)
}

// ensureKey sees to it that there is a write key that we can print: the given one, that of the first run, or a new one.
func (s *stack) ensureKey(ctx context.Context) error {
	file := filepath.Join(s.Data, fileWriteKey)
	key := s.WriteKey
	if key == "" {
		raw, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("read write key: %w", err)
		}
		key = strings.TrimSpace(string(raw))
	}
	if key != "" {
		known, err := s.store.Authenticate(ctx, key)
		if err == nil && known.Source.Workspace == s.workspace.ID {
			s.WriteKey = key
			return nil
		}
		if err == nil {
			return fmt.Errorf("the write key belongs to another workspace: give another with --write-key")
		}
		if !errors.Is(err, store.ErrUnknownKey) {
			return err
		}
	}
	var err error
	if s.WriteKey, err = s.store.CreateKey(ctx, s.workspace.ID, "site", key, []string{store.ScopeWrite}); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(s.WriteKey+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep write key: %w", err)
	}
	return nil
}

func (s *stack) startTemporal(ctx context.Context) error {
	if s.TemporalAddress != "" {
		return nil
	}
	t, err := devenv.StartTemporal(ctx, devenv.TemporalConfig{
		PostgresURL: s.url, Namespace: s.TemporalNamespace, Logger: s.logger,
	})
	if err != nil {
		return err
	}
	s.temporal = t
	s.TemporalAddress = t.HostPort()
	s.onStop(t.Stop)
	return nil
}

func (s *stack) serve(ctx context.Context, ln net.Listener) error {
	telephone := s.telephone()
	desk, err := telephone.Desk(s.store)
	if err != nil {
		return err
	}
	mailer, closeMailer, err := server.Mailer(s.SMTPURL, s.EmailFrom)
	if err != nil {
		return err
	}
	s.onStop(closeMailer)
	var dev http.Handler
	if handler := s.dev.handler(); handler != nil {
		dev = handler
	}
	srv := server.Start(ctx, ln, server.Config{
		Store: s.store, PublicURL: s.PublicURL, TwilioAuthToken: s.TwilioAuthToken, Logger: s.logger, Dev: dev, Desk: desk,
		Mailer: mailer,
		Ready: func(ctx context.Context) error {
			if !s.ready.Load() {
				return errStarting
			}
			return s.store.Ping(ctx)
		},
	})
	s.onStop(srv.Stop)
	return nil
}

// telephone is what calls are dialled over, as texts are sent.
func (s *stack) telephone() server.Telephone {
	return server.Telephone{
		AccountSID: s.TwilioAccountSID, AuthToken: s.TwilioAuthToken, BaseURL: s.TwilioBaseURL, From: s.SMSFrom, PublicURL: s.PublicURL,
	}
}

func (s *stack) startWorker(ctx context.Context) error {
	s.DatabaseURL = s.url
	w, err := boot.Start(ctx, s.Config, boot.Options{Logger: s.logger, Store: s.store, Alone: s.temporal != nil})
	if err != nil {
		return err
	}
	s.onStop(func() error { w.Stop(); return nil })
	return nil
}

// startInbox takes mail that comes back, in the ways that are configured.
func (s *stack) startInbox(ctx context.Context) error {
	inbox, err := mailin.Start(ctx, mailin.Config{Options: s.Options, Store: s.store, Logger: s.logger})
	if err != nil {
		return err
	}
	s.onStop(inbox.Stop)
	return nil
}

// publishExamples publishes the example campaigns where there is none yet.
func (s *stack) publishExamples(ctx context.Context) error {
	if !s.Examples {
		return nil
	}
	list, err := s.store.Campaigns(ctx, s.workspace.ID)
	if err != nil || len(list) > 0 {
		return err
	}
	for _, name := range examples.Names() {
		loaded, err := campaigns.Load(examples.Files, name, campaigns.Known{})
		if err != nil {
			return fmt.Errorf("load example %s: %w", name, err)
		}
		if _, err := s.store.Publish(ctx, s.workspace.ID, loaded.Publication()); err != nil {
			return err
		}
	}
	return nil
}
