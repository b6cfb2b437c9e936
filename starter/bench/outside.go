package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// job is what the world outside is asked to do: post so many items, and wait for the mail that each brings.
type job struct {
	URL         string // of the API
	Key         string
	Label       string // goes into every id and address, which makes them new
	Kind        kind
	Items       int
	Batch       int // items in a request; 1 posts to the endpoint for single events
	Connections int
	Customers   int  // over which the items are spread
	Mails       bool // each item brings one mail; wait for all of them
	Expect      int  // wait for so many mails, to whomever; none is awaited by its address
	MailsEach   int  // with Expect: how many of them one address may get
	Historical  bool // events are marked as history, which is stored and starts nothing
	Patient     bool // post an item only when the mail of the one before has come; on one connection
}

// kind is what is posted.
type kind string

// The kinds.
const (
	registration kind = "registration" // an identify and a track, as a site sends them when somebody registers
	view         kind = "view"         // one track
	nothing      kind = "nothing"      // mails come of themselves
)

// done is what a job came to. Durations are nanoseconds.
type done struct {
	Posted   int             // items, so far
	Took     time.Duration   // from the first request to the last answer, or the last mail
	Requests []time.Duration // latency of each
	Mails    []time.Duration // from the request that carried an item to the mail that it brought
	Bytes    int64           // of bodies
	CPU      time.Duration
	Over     bool // the last word on the job
	Error    string
}

// hello is the first line that the other process says.
type hello struct{ SMTP string }

// outside is the handle on the process that plays the world around us: the sites that post and the mail server that
// takes. It ends when its standard input does, so it never outlives this process.
type outside struct {
	smtp string // URL of the mail server
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
}

// startOutside runs this program once more, as `bench sink`.
func startOutside(ctx context.Context) (*outside, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	// Not CommandContext: it is told to end by the end of its input, like everything else in its turn.
	cmd := exec.Command(self, "sink") //nolint:gosec // this very program
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start second process: %w", err)
	}
	o := &outside{cmd: cmd, in: in, out: json.NewDecoder(out)}
	defer context.AfterFunc(ctx, o.hangUp)()
	var h hello
	if err := o.out.Decode(&h); err != nil {
		return nil, errors.Join(fmt.Errorf("hear from second process: %w", err), ctx.Err(), o.stop())
	}
	o.smtp = h.SMTP
	return o, nil
}

func (o *outside) hangUp() { _ = o.in.Close() } // it may be closed already

// stop ends the other process and waits for it.
func (o *outside) stop() error {
	o.hangUp()
	if err := o.cmd.Wait(); err != nil {
		return fmt.Errorf("end second process: %w", err)
	}
	return nil
}

// do has a job done.
func (o *outside) do(ctx context.Context, j job, progress func(done, total int)) (done, error) {
	defer context.AfterFunc(ctx, o.hangUp)()
	if err := json.NewEncoder(o.in).Encode(j); err != nil {
		return done{}, errors.Join(ctx.Err(), fmt.Errorf("ask second process: %w", err))
	}
	for {
		var d done
		if err := o.out.Decode(&d); err != nil {
			return done{}, errors.Join(ctx.Err(), fmt.Errorf("hear from second process: %w", err))
		}
		progress(d.Posted, j.Items)
		switch {
		case d.Error != "":
			return d, errors.Join(ctx.Err(), errors.New(d.Error))
		case d.Over:
			return d, nil
		}
	}
}

// effect of a job whose items are what counts.
func (d *done) effect(items int) effect {
	e := effect{items: items, wall: d.Took, latencies: d.Requests, body: d.Bytes, outside: d.CPU}
	if len(d.Mails) > 0 {
		e.latencies = d.Mails
	}
	return e
}
