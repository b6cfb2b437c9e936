package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stopAtMost is a little more than what the programs allow themselves.
const stopAtMost = 45 * time.Second

// process is a program that runs beside the test.
type process struct {
	name   string
	cmd    *exec.Cmd
	output *output
	done   chan struct{} // closed when it has ended and err is set
	err    error
}

// start runs a program until the test ends. Of the environment it gets what is no setting of ours, and env. If the test
// fails the program's output is shown.
func start(t *testing.T, name string, env []string, args ...string) *process {
	t.Helper()
	p := &process{name: name, output: &output{}, done: make(chan struct{})}
	p.cmd = exec.Command(program(name), args...)
	if name == "temporal" { // this test binary itself, see temporalMain
		p.cmd.Path = os.Args[0]
	}
	p.cmd.Env = append(cleanEnv(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{}
	dieWithParent(p.cmd.SysProcAttr)
	started := make(chan error)
	go func() {
		// Linux ends the child with the thread that started it, so the thread is kept as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	require.NoError(t, <-started, "start %s", name)
	t.Cleanup(func() {
		if p.running() {
			p.stop(t)
		}
		if t.Failed() {
			t.Logf("the end of %s's output:\n%s", name, p.output.tail())
		}
	})
	return p
}

// cleanEnv is this process's environment without what configures the programs.
func cleanEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		for _, prefix := range []string{"DOTYK_", "TWILIO_", "TEMPORAL_", "SMTP_URL=", "DATABASE_URL=", "PUBLIC_URL="} {
			if strings.HasPrefix(v, prefix) {
				return true
			}
		}
		return false
	})
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop asks the program to end, as an operator would, and wants it to end well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("ask %s to stop: %v", p.name, err)
	}
	select {
	case <-p.done:
		if p.err != nil {
			t.Errorf("%s did not stop well: %v", p.name, p.err)
		}
	case <-time.After(stopAtMost):
		t.Errorf("%s did not stop within %s", p.name, stopAtMost)
		p.kill(t)
	}
}

// kill ends the program without a chance to tidy up.
func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill(), "kill %s", p.name)
	<-p.done
}

// await waits for a line of output and gives the first group of the pattern.
func (p *process) await(t *testing.T, pattern *regexp.Regexp) string {
	t.Helper()
	var found [][]byte
	eventually(t, func() bool {
		found = pattern.FindSubmatch(p.output.bytes())
		return found != nil || !p.running()
	}, "%s did not say %s", p.name, pattern)
	require.NotNil(t, found, "%s ended before it said %s", p.name, pattern)
	return string(found[1])
}

// output keeps what a program writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write keeps p.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.buf.Bytes())
}

func (o *output) tail() []byte {
	const most = 6000
	all := o.bytes()
	return all[max(0, len(all)-most):]
}
