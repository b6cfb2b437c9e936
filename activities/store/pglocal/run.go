package pglocal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	pollEvery     = 10 * time.Millisecond  // how often the server's state file is read while it starts
	orphansEvery  = 200 * time.Millisecond // how often a start is tried while orphans of a killed server remain
	orphansAtMost = 30 * time.Second
	staleAtMost   = 5 * time.Second  // how long a start is tried while a server that was killed is not quite gone
	fastAtMost    = time.Minute      // for a shutdown that breaks connections off and writes a checkpoint
	abruptAtMost  = 10 * time.Second // for one that leaves the rest to recovery
)

// errOrphans says that processes of a killed server still hold its memory. They notice their parent's death soon.
var errOrphans = errors.New("processes of a killed server remain")

// errStale says that the process named by the state file exists although it is no server of ours: one that was killed
// stays in the table of processes until its parent, or who takes the parent's place, has heard of its end.
var errStale = errors.New("a killed server is not quite gone")

// run starts the server's process and waits until it accepts connections.
func (s *Server) run(ctx context.Context) error {
	begun := time.Now()
	for {
		err := s.launch(ctx)
		switch tried := time.Since(begun); {
		case errors.Is(err, errOrphans) && tried < orphansAtMost, errors.Is(err, errStale) && tried < staleAtMost:
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(orphansEvery):
		}
	}
}

func (s *Server) launch(ctx context.Context) error {
	log, from, err := openLog(filepath.Join(s.dir, "postgres.log"))
	if err != nil {
		return err
	}
	s.log = log
	cmd := exec.Command(s.binaries.path("postgres"), s.settings()...)
	s.owner.prepare(cmd, s.dir)
	// A session of its own: Ctrl-C in a terminal is this program's to handle, which then calls Stop.
	cmd.SysProcAttr.Setsid = true
	dieWithParent(cmd.SysProcAttr)
	cmd.Stdout, cmd.Stderr = log, log

	begun := time.Now()
	p, err := startProcess(cmd)
	if err != nil {
		return errors.Join(err, s.closeLog())
	}
	if err := p.awaitReady(ctx, s.data()); err != nil {
		tail := logTail(log, from)
		switch {
		case bytes.Contains(tail, []byte("is still in use")):
			err = errors.Join(errOrphans, err)
		case bytes.Contains(tail, []byte(`lock file "postmaster.pid" already exists`)):
			err = errors.Join(errStale, err)
		}
		return errors.Join(fmt.Errorf("%w; end of %s:\n%s", err, log.Name(), tail), s.closeLog())
	}
	s.process = p
	s.logger.InfoContext(ctx, "started PostgreSQL", "dir", s.dir, "version", s.binaries.Version,
		"pid", cmd.Process.Pid, "took", time.Since(begun))
	return nil
}

// awaitReady returns when the server accepts connections. A process that does not get that far is ended.
func (p *process) awaitReady(ctx context.Context, data string) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			return fmt.Errorf("wait for server: it ended: %w", p.outcome())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("wait for server: %w", ctx.Err()), p.end(syscall.SIGQUIT))
		case <-tick.C:
		}
		state, err := readState(data)
		if err != nil && !errors.Is(err, errNoState) {
			return errors.Join(err, p.end(syscall.SIGQUIT))
		}
		if err == nil && state.pid == p.cmd.Process.Pid && state.ready {
			return nil
		}
	}
}

func (s *Server) shutdown() error {
	var err error
	select {
	case <-s.process.done:
		err = fmt.Errorf("stop PostgreSQL: it had ended by itself: %w", s.process.outcome())
	default:
		err = s.process.end(syscall.SIGINT)
	}
	return errors.Join(err, s.release())
}

// release gives back what a server holds besides its process. Without the lock it holds nothing.
func (s *Server) release() error {
	if s.lock == nil {
		return nil
	}
	err := errors.Join(s.closeLog(), s.removeSocketDir(), s.lock.Close())
	s.lock = nil
	return err
}

func (s *Server) closeLog() error {
	if s.log == nil {
		return nil
	}
	err := s.log.Close()
	s.log = nil
	return err
}
