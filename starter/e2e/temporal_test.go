package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"regexp"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/starter/devenv"
)

// envTemporal makes this test binary a Temporal server on the Postgres of that address: so it can be killed.
const envTemporal = "DOTYK_E2E_TEMPORAL"

var temporalLine = regexp.MustCompile(`(?m)^temporal at (\S+)$`)

// temporalMain is the main function of that server; it gives the exit code.
func temporalMain(postgres string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server, err := devenv.StartTemporal(ctx, devenv.TemporalConfig{PostgresURL: postgres})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("temporal at", server.HostPort())
	select {
	case <-ctx.Done():
	case <-server.Failed():
	}
	if err := errors.Join(server.Err(), server.Stop()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startTemporal runs a Temporal server as a process of its own and gives its address.
func startTemporal(t *testing.T, postgres string) (*process, string) {
	t.Helper()
	p := start(t, "temporal", []string{envTemporal + "=" + postgres})
	return p, p.await(t, temporalLine)
}

// relay is an address that stays while what is behind it comes and goes.
type relay struct {
	listener net.Listener
	work     sync.WaitGroup

	mu     sync.Mutex
	target string // "" for nothing
	open   map[net.Conn]bool
}

// startRelay listens until the test ends.
func startRelay(t *testing.T) *relay {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{listener: l, open: map[net.Conn]bool{}}
	r.work.Go(r.accept)
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		r.to("")
		r.work.Wait()
	})
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

// to says what is behind the relay from now on, and breaks off what went to another.
func (r *relay) to(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
	for c := range r.open {
		_ = c.Close() // it may be closed already
	}
	clear(r.open)
}

func (r *relay) accept() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		out := r.dial()
		if out == nil {
			_ = in.Close() // as a port where nobody listens
			continue
		}
		if r.keep(in, out) {
			r.work.Go(func() { pass(in, out) })
			r.work.Go(func() { pass(out, in) })
		}
	}
}

func (r *relay) dial() net.Conn {
	r.mu.Lock()
	target := r.target
	r.mu.Unlock()
	if target == "" {
		return nil
	}
	out, err := net.Dial("tcp", target)
	if err != nil {
		return nil
	}
	return out
}

func (r *relay) keep(in, out net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.target == "" {
		_, _ = in.Close(), out.Close()
		return false
	}
	r.open[in], r.open[out] = true, true
	return true
}

// pass copies until either side ends, and then ends both.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from) // its end is the connection's
	_, _ = to.Close(), from.Close()
}
