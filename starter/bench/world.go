package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// sinkCommand is the second process.
type sinkCommand struct{}

// Run plays the world outside until standard input ends.
func (sinkCommand) Run(ctx context.Context) error {
	// Ctrl-C reaches every process of a terminal; this one ends when the first one hangs up.
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	return playWorld(context.WithoutCancel(ctx), os.Stdin, os.Stdout)
}

// world is the mail server, and what is known of the mail that is awaited.
type world struct {
	mail sink

	mu      sync.Mutex
	awaited map[string]time.Time // address -> when the request that will bring its mail was sent
	mails   []time.Duration      // of those that came
	strange []string             // addresses of mail that was not awaited, or came before
	each    int                  // how many mails an address may get that is not awaited; 0: none
	got     map[string]int       // address -> how many mails of those came
	since   time.Time            // when the job began
	came    chan struct{}        // has an element when mails grew
}

func newWorld() *world {
	w := &world{awaited: map[string]time.Time{}, came: make(chan struct{}, 1)}
	w.mail = sink{taken: w.taken, open: map[net.Conn]bool{}}
	return w
}

// playWorld does one job after another.
func playWorld(ctx context.Context, in io.Reader, out io.Writer) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	w := newWorld()
	var serving sync.WaitGroup
	serving.Go(func() { w.mail.serve(ln) })
	defer func() {
		_ = ln.Close() // all that could fail has been told
		serving.Wait()
		w.mail.close()
	}()
	say := json.NewEncoder(out)
	if err := say.Encode(hello{SMTP: "smtp://" + ln.Addr().String()}); err != nil {
		return fmt.Errorf("say hello: %w", err)
	}
	jobs, ctx := readJobs(ctx, in)
	for j := range jobs {
		d := w.work(ctx, j, say)
		if err := say.Encode(d); err != nil {
			return fmt.Errorf("tell outcome: %w", err)
		}
	}
	return nil
}

// readJobs gives what is asked, and a context that ends with the input: then nobody waits for the job under way.
func readJobs(ctx context.Context, in io.Reader) (<-chan job, context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	jobs := make(chan job)
	go func() {
		defer cancel()
		defer close(jobs)
		for dec := json.NewDecoder(in); ; {
			var j job
			if dec.Decode(&j) != nil { // the end, or nothing that could be understood
				return
			}
			jobs <- j
		}
	}()
	return jobs, ctx
}

// work does one job, telling how far it is.
func (w *world) work(ctx context.Context, j job, say *json.Encoder) done {
	w.begin(j)
	cpu, err := ownTime()
	if err != nil {
		return done{Error: err.Error()}
	}
	p := newPoster(j, w)
	stop := p.tell(say)
	began := time.Now()
	err = p.post(ctx)
	switch {
	case err != nil:
	case j.Mails:
		err = w.wait(ctx, j.Items)
	case j.Expect > 0:
		err = w.wait(ctx, j.Expect)
	}
	d := done{Took: time.Since(began), Posted: j.Items, Requests: p.latencies(), Bytes: p.bytes.Load(), Over: true}
	stop()
	w.mu.Lock()
	d.Mails = w.mails
	if err == nil && len(w.strange) > 0 {
		err = fmt.Errorf("%d mails were not awaited or came twice, first to %s", len(w.strange), w.strange[0])
	}
	w.mu.Unlock()
	after, cpuErr := ownTime()
	d.CPU = after - cpu
	if err = errors.Join(err, cpuErr); err != nil {
		d.Error = err.Error()
	}
	return d
}

func (w *world) begin(j job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.awaited)
	w.each, w.got, w.since = j.MailsEach, map[string]int{}, time.Now()
	w.mails, w.strange = nil, nil
}

func (w *world) await(addresses []string, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, address := range addresses {
		w.awaited[address] = since
	}
}

// taken notes a mail.
func (w *world) taken(address string) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	since, ok := w.awaited[address]
	if w.each > 0 {
		w.got[address]++
		since, ok = w.since, w.got[address] <= w.each
	}
	if !ok {
		w.strange = append(w.strange, address)
		return
	}
	delete(w.awaited, address)
	w.mails = append(w.mails, now.Sub(since))
	select {
	case w.came <- struct{}{}:
	default:
	}
}

func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.mails)
}

// silence is how long no mail may come before we give up.
const silence = time.Minute

// wait returns when so many mails have come.
func (w *world) wait(ctx context.Context, n int) error {
	t := time.NewTimer(silence)
	defer t.Stop()
	for w.count() < n {
		t.Reset(silence)
		select {
		case <-w.came:
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
			return fmt.Errorf("%d of %d mails came, and none in the last %s", w.count(), n, silence)
		}
	}
	return nil
}
