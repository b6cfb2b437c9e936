package pglocal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// Config says where a server keeps its data and how it runs.
type Config struct {
	// Dir holds everything: the data, the log, the lock and, where its path is short enough, the socket. It is made
	// when missing. Where this process is root, the user that the server runs as must be able to enter every directory
	// above it.
	Dir string
	// Binaries is the installation to use. Left zero, the one is found that suits the data.
	Binaries Binaries
	// Options are settings of PostgreSQL that add to ours or replace them: {"shared_buffers": "1GB"}.
	Options map[string]string
	// Fast gives up durability for speed (fsync, synchronous_commit and full_page_writes off, wal_level minimal): for
	// tests. A crash of the server may then lose the last commits, a crash of the machine everything.
	Fast bool
	// Logger hears what was found, made and taken over; nil is silent.
	Logger *slog.Logger
}

// Server is a running PostgreSQL server. Its methods are safe for concurrent use.
type Server struct {
	config    Config
	dir       string // absolute
	binaries  Binaries
	owner     owner
	socketDir string
	lock      *os.File
	log       *os.File
	process   *process
	logger    *slog.Logger
	stop      func() error
}

// Start starts the server of a directory, making its cluster on first use, and returns when it accepts connections.
// A server that an earlier process left running there is stopped first. After a crash it returns when recovery is
// done, however long that takes: ctx is the only limit. It governs the start alone; the server runs until Stop.
//
// Errors: ErrNoPostgres, ErrInUse, *VersionError, *AccessError; a server that refuses to start is quoted from its log.
func Start(ctx context.Context, config Config) (*Server, error) {
	dir, err := filepath.Abs(config.Dir)
	if err != nil {
		return nil, fmt.Errorf("resolve directory: %w", err)
	}
	s := &Server{config: config, dir: dir, logger: config.Logger}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.stop = sync.OnceValue(s.shutdown)
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL in %s: %w", dir, err), s.release())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	if err := s.choose(ctx); err != nil {
		return err
	}
	if err := s.prepareDir(ctx); err != nil {
		return err
	}
	var err error
	if s.lock, err = lock(filepath.Join(s.dir, "lock")); err != nil {
		return err
	}
	if err := s.takeOver(ctx); err != nil {
		return err
	}
	if err := s.prepareData(ctx); err != nil {
		return err
	}
	if err := s.makeSocketDir(); err != nil {
		return err
	}
	return s.run(ctx)
}

// choose settles which programs run and who runs them.
func (s *Server) choose(ctx context.Context) error {
	major, err := dataVersion(s.data())
	if err != nil {
		return err
	}
	s.binaries = s.config.Binaries
	if s.binaries.Dir == "" {
		s.binaries, err = findFor(ctx, s.data(), major)
	} else {
		s.binaries, err = choose([]Binaries{s.binaries}, s.data(), major)
	}
	if err != nil {
		return err
	}
	s.owner, err = chooseOwner(s.data())
	return err
}

// prepareDir makes the directory and sees to it that the server's user can enter it.
func (s *Server) prepareDir(ctx context.Context) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	if !s.owner.drop {
		return nil
	}
	info, err := os.Stat(s.dir)
	if err != nil {
		return fmt.Errorf("look at directory: %w", err)
	}
	// Entering is not reading: the files in it have modes of their own.
	if err := os.Chmod(s.dir, info.Mode().Perm()|0o011); err != nil {
		return fmt.Errorf("let user %s enter directory: %w", s.owner.name, err)
	}
	try := exec.CommandContext(ctx, s.binaries.path("postgres"), "--version")
	s.owner.prepare(try, s.dir)
	if err := try.Run(); err != nil {
		blocked, lookErr := s.owner.blocked(s.dir)
		if blocked != "" {
			return &AccessError{Dir: s.dir, Blocked: blocked, User: s.owner.name}
		}
		return fmt.Errorf("run postgres as user %s: %w", s.owner.name, errors.Join(err, lookErr))
	}
	return nil
}

// prepareData makes the cluster on first use. One that root copied belongs to root: it is given back to the user who
// must read it.
func (s *Server) prepareData(ctx context.Context) error {
	_, err := os.Stat(s.data())
	if err == nil {
		if s.owner.adopt {
			return s.owner.chown(s.data())
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at data directory: %w", err)
	}
	begun := time.Now()
	if err := s.createCluster(ctx); err != nil {
		return err
	}
	s.logger.InfoContext(ctx, "created PostgreSQL cluster", "dir", s.dir,
		"version", s.binaries.Version, "took", time.Since(begun))
	return nil
}

// data is the directory that PostgreSQL itself calls its data directory.
func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// URL gives the address of a database of this server, as its superuser, for pgx and for libpq. The database need not
// exist; "postgres" always does.
func (s *Server) URL(database string) string {
	query := url.Values{"host": {s.socketDir}, "port": {socketPort}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + database, RawQuery: query.Encode()}
	return u.String()
}

// Version is the version of the running server: "15.14".
func (s *Server) Version() string { return s.binaries.Version }

// Done is closed when the server has ended, by Stop or by itself.
func (s *Server) Done() <-chan struct{} { return s.process.done }

// Stop shuts the server down in an orderly way, breaking connections off, and waits until it has ended. Later calls
// return what the first did. It is an error that the server had ended by itself before.
func (s *Server) Stop() error { return s.stop() }
