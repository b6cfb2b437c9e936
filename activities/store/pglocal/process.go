package pglocal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is the server's first process, a child of this one.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and err is set
	err  error
}

var errExited = errors.New("exit status 0")

func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux ends the child when the thread that started it ends, not the process (prctl(2), PR_SET_PDEATHSIG). So
		// the thread is kept for this goroutine as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("run postgres: %w", err)
	}
	return p, nil
}

// outcome says how an ended process ended; it is never nil.
func (p *process) outcome() error {
	if p.err == nil {
		return errExited
	}
	return p.err
}

// end asks the process to shut down by a signal of PostgreSQL's (SIGINT: fast, SIGQUIT: immediate), and again more
// firmly when it does not, and waits until it has ended. It returns nil if the first request was enough.
func (p *process) end(first syscall.Signal) error {
	requests := []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, fastAtMost}, {syscall.SIGQUIT, abruptAtMost}, {syscall.SIGKILL, abruptAtMost}}
	var errs []error
	for _, r := range requests {
		if len(errs) == 0 && r.signal != first {
			continue
		}
		if err := p.cmd.Process.Signal(r.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, fmt.Errorf("signal server: %w", err))
			continue
		}
		select {
		case <-p.done:
			if len(errs) == 0 && r.signal == syscall.SIGINT && p.err != nil {
				errs = append(errs, fmt.Errorf("shut server down: %w", p.err))
			}
			return errors.Join(errs...)
		case <-time.After(r.wait):
			errs = append(errs, fmt.Errorf("shut server down: no end %s after %s", r.wait, r.signal))
		}
	}
	return errors.Join(errs...)
}
