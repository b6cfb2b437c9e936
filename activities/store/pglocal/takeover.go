package pglocal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// errNoState says that no server has written its state file.
var errNoState = errors.New("no postmaster.pid")

// state is what a running server says of itself in postmaster.pid.
type state struct {
	pid   int
	ready bool // it accepts connections
}

// readState reads postmaster.pid: one value a line, of which the first is the process and the eighth the
// status. A server that is just starting has not written all of them yet.
func readState(data string) (state, error) {
	raw, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, errNoState
	}
	if err != nil {
		return state{}, fmt.Errorf("read postmaster.pid: %w", err)
	}
	lines := strings.Split(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		return state{}, errNoState
	}
	s := state{pid: pid}
	if len(lines) > 7 {
		s.ready = strings.TrimSpace(lines[7]) == "ready"
	}
	return s, nil
}

// takeOver stops a server that runs on our data although nobody holds the lock: the process that started it was
// killed. It is asked to shut down as Stop would, then to end at once; PostgreSQL recovers from that by itself. What a
// server that is dead already left behind (its state file) is PostgreSQL's to judge.
func (s *Server) takeOver(ctx context.Context) error {
	left, err := readState(s.data())
	if errors.Is(err, errNoState) {
		return nil
	}
	if err != nil {
		return err
	}
	if !runsOn(ctx, left.pid, s.data()) {
		return nil
	}
	s.logger.WarnContext(ctx, "stopping the PostgreSQL that an earlier run left behind", "dir", s.dir, "pid", left.pid)
	if err := s.endLeft(ctx, left.pid); err != nil {
		return fmt.Errorf("stop server of an earlier run: %w", err)
	}
	return nil
}

func (s *Server) endLeft(ctx context.Context, pid int) error {
	for _, r := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, fastAtMost}, {syscall.SIGQUIT, abruptAtMost}} {
		if err := syscall.Kill(pid, r.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal process %d: %w", pid, err)
		}
		gone, err := s.awaitGone(ctx, pid, r.wait)
		if gone || err != nil {
			return err
		}
	}
	return fmt.Errorf("process %d does not end", pid)
}

func (s *Server) awaitGone(ctx context.Context, pid int, atMost time.Duration) (bool, error) {
	limit := time.NewTimer(atMost)
	defer limit.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for runsOn(ctx, pid, s.data()) {
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("wait for process %d: %w", pid, ctx.Err())
		case <-limit.C:
			return false, nil
		case <-tick.C:
		}
	}
	return true, nil
}
