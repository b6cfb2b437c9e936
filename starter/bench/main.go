package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones must be known wherever the program runs

	"github.com/alecthomas/kong"
)

// commands of the program.
type commands struct {
	Triggered triggeredCommand `cmd:"" help:"Measure journeys that events start: rate, cost and latency, beside bare workflows."`
	Ingest    ingestCommand    `cmd:"" help:"Measure how fast events are stored and picked, beside COPY."`
	Journeys  journeysCommand  `cmd:"" help:"Measure a campaign that a hundred thousand go through, beside plain SQL and a bare loop that sends."`
	Broadcast broadcastCommand `cmd:"" help:"Measure one mail to a hundred thousand, beside a bare loop that sends the same bytes."`
	Segments  segmentsCommand  `cmd:"" help:"Measure rules over a million made-up customers, beside SQL written by hand, and events with 50 live segments."`
	All       allCommand       `cmd:"" help:"Measure everything."`
	List      listCommand      `cmd:"" help:"Describe what is measured."`
	Sink      sinkCommand      `cmd:"" hidden:"" help:"Be the world outside: take mail, post events. Told what to do on standard input."`
}

// options of a measurement.
type options struct {
	Events      int               `help:"Registrations or events in each run; 0 for what suits the experiment (see list)."`
	Idle        int               `default:"200" help:"Events that are posted one at a time, each waiting for its mail."`
	Concurrency int               `default:"8" help:"Connections that post at one time."`
	Batch       int               `help:"Registrations or events in one request; 0 for what suits the experiment."`
	Customers   int               `default:"1000000" help:"Customers that are made up, where segments are measured."`
	EventsEach  int               `default:"10" help:"Events that each of them has on average."`
	People      int               `default:"100000" help:"Customers who go through a campaign at once, where journeys are measured."`
	Live        string            `enum:"all,quarter,none" default:"all" help:"Keep the 50 live segments in the workspace of all customers, or in that of a quarter of them; or none, and measure no events with live segments. At the full size, to build them takes an hour."`
	Runs        int               `default:"3" help:"Rounds; every round runs both sides, each second one in the opposite order."`
	JSON        string            `name:"json" placeholder:"FILE" help:"Write everything measured, run by run, to a file."`
	Dir         string            `type:"path" placeholder:"DIR" help:"Keep Postgres' data in a new directory below this one, to choose the disk. Default: the system's directory for temporary files."`
	Keep        bool              `help:"Leave that directory, with Postgres' log in it, when done."`
	Postgres    map[string]string `placeholder:"NAME=VALUE" help:"Settings of Postgres besides ours."`
	Statements  int               `placeholder:"N" help:"List the N statements that cost Postgres most, of the product's own database. Counting them costs a few per cent."`
	Verbose     bool              `short:"v" help:"Show what the parts that run have to say from warnings on, the Temporal server's complaints of overload among them."`
	CPUProfile  string            `name:"cpuprofile" placeholder:"FILE" help:"Write a CPU profile of the first run of each case that is ours; the case's name goes before the extension."`
}

// check refuses what cannot be measured.
func (o *options) check() error {
	for _, v := range []struct {
		flag  string
		value int
		least int
	}{
		{"events", o.Events, 0},
		{"idle", o.Idle, 1},
		{"concurrency", o.Concurrency, 1},
		{"batch", o.Batch, 0},
		{"customers", o.Customers, 200},
		{"events-each", o.EventsEach, 1},
		{"people", o.People, 1},
		{"runs", o.Runs, 1},
		{"statements", o.Statements, 0},
	} {
		if v.value < v.least {
			return fmt.Errorf("--%s is %d: give at least %d", v.flag, v.value, v.least)
		}
	}
	return nil
}

type triggeredCommand struct{ options }

// Run measures.
func (c *triggeredCommand) Run(ctx context.Context) error {
	return measure(ctx, c.options, os.Stdout, triggered())
}

type broadcastCommand struct{ options }

// Run measures.
func (c *broadcastCommand) Run(ctx context.Context) error {
	return measure(ctx, c.options, os.Stdout, broadcast())
}

type ingestCommand struct{ options }

// Run measures.
func (c *ingestCommand) Run(ctx context.Context) error {
	return measure(ctx, c.options, os.Stdout, ingestion(), picking())
}

type journeysCommand struct{ options }

// Run measures.
func (c *journeysCommand) Run(ctx context.Context) error {
	return measure(ctx, c.options, os.Stdout, through())
}

type segmentsCommand struct{ options }

// Run measures.
func (c *segmentsCommand) Run(ctx context.Context) error {
	experiments := segmenting()
	if c.Live == liveNone {
		experiments = experiments[:1]
	}
	return measure(ctx, c.options, os.Stdout, experiments...)
}

type allCommand struct{ options }

// Run measures.
func (c *allCommand) Run(ctx context.Context) error {
	return measure(ctx, c.options, os.Stdout, experiments()...)
}

type listCommand struct{}

// Run describes.
func (listCommand) Run() error { return describe(os.Stdout, experiments()) }

// experiments are all there are.
func experiments() []experiment {
	return append([]experiment{triggered(), through(), broadcast(), ingestion(), picking()}, segmenting()...)
}

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

// run gives the exit code: 130 when it was told to stop, as shells expect.
func run(args []string, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for the first
	parser, err := kong.New(&commands{}, kong.Name("bench"),
		kong.Description("Measures Dotyk beside the physical limit of this machine."),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 80}), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	command, err := parser.Parse(args)
	parser.FatalIfErrorf(err)
	err = command.Run()
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "bench: stopped; everything is cleaned up")
		return 130
	default:
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
}
