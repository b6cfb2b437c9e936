package devenv

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"go.temporal.io/server/common/log/tag"
	"go.uber.org/zap/zapcore"
)

// errEnded stands for a failure that the server gave no error for.
var errEnded = errors.New("server ended")

// failure holds the first error that the server cannot go on after.
type failure struct {
	once    sync.Once
	done    chan struct{}
	err     error
	settled atomic.Bool // the server neither starts nor stops: what goes wrong is worth a warning
	// assembling says that the server is being put together, all of it in guard's goroutine, within functions that do
	// not survive Goexit (sync.OnceValue). There a failure panics, and guard recovers.
	assembling atomic.Bool
}

func newFailure() *failure { return &failure{done: make(chan struct{})} }

func (f *failure) set(err error) {
	f.once.Do(func() {
		f.err = err
		close(f.done)
	})
}

// cause gives the failure, nil if there is none.
func (f *failure) cause() error {
	select {
	case <-f.done:
		return f.err
	default:
		return nil
	}
}

// guard runs what may call Fatal, which ends its goroutine, in one of its own. The server's account of a failure is
// added to the error: it carries the cause.
func (f *failure) guard(run func() error) error {
	ended := make(chan error, 1)
	go func() {
		err := errEnded
		defer func() {
			if p := recover(); p != nil && p != any(errEnded) {
				panic(p) //nolint:forbidigo // not ours: a bug must show
			}
			ended <- err
		}()
		err = run()
	}()
	if err := <-ended; err != nil {
		return errors.Join(err, f.cause())
	}
	return nil
}

// end reports a failure and ends the goroutine. It does not return.
func (f *failure) end(err error) {
	f.set(err)
	if f.assembling.Load() {
		panic(errEnded) //nolint:forbidigo // recovered by guard
	}
	runtime.Goexit()
}

// fatalError keeps the cause of what the server calls fatal. Value would give its text only.
func fatalError(msg string, tags []tag.Tag) error {
	for _, t := range tags {
		z, ok := t.(tag.ZapTag)
		if !ok || z.Field().Type != zapcore.ErrorType {
			continue
		}
		if cause, ok := z.Field().Interface.(error); ok {
			return fmt.Errorf("%s: %w", msg, cause)
		}
	}
	return fmt.Errorf("%s: %w", msg, errEnded)
}
