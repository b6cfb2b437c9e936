package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"syscall"
	_ "time/tzdata" // time zones must be known wherever the program runs

	"github.com/alecthomas/kong"

	"dotyk/activities/store"
)

// cli is every command with its options, declared once.
type cli struct {
	Serve    serveCommand      `cmd:"" help:"Serve the HTTP API."`
	Migrate  migrateCommand    `cmd:"" help:"Bring the database to this version's schema."`
	Key      keyCommands       `cmd:"" help:"Keys with which sites send events."`
	Import   importCommands    `cmd:"" help:"Import customers and orders from CSV files."`
	Campaign campaignCommands  `cmd:"" help:"Write, check, plan, publish and follow campaigns."`
	Segment  segmentCommands   `cmd:"" help:"Make segments, list their members, explain who is in them."`
	Customer customerCommands  `cmd:"" help:"Find customers, show their records, say why they got something or did not."`
	Task     taskCommands      `cmd:"" help:"What campaigns give to people to do."`
	Call     callCommands      `cmd:"" help:"Calls of customers under way."`
	Phones   telephonyCommands `cmd:"" name:"telephony" help:"Settings of SMS and calls: senders, prices, countries, working hours, voicemail."`
	User     userCommands      `cmd:"" help:"People who work with the records."`
	Coupon   couponCommands    `cmd:"" help:"Codes that campaigns give to customers."`
	Policy   policyCommands    `cmd:"" help:"Quiet hours, caps and the holdout of all marketing."`
	Brake    brakeCommands     `cmd:"" help:"Limits past which sending stops by itself."`
	Place    workspaceCommands `cmd:"" name:"workspace" help:"The workspace's time zone and country."`
	Webhook  webhookCommands   `cmd:"" help:"Requests that campaigns send to servers."`
	Hook     hookCommands      `cmd:"" help:"Webhooks of providers of e-mail."`
	Mail     mailCommands      `cmd:"" help:"Mail that comes back, and providers that refuse ours."`
	Account  accountCommands   `cmd:"" help:"Mail servers that the workspace sends over."`
	Class    classCommands     `cmd:"" name:"error-class" help:"What codes of providers mean."`
	Touch    touchCommands     `cmd:"" help:"Messages by what became of them."`
	Dead     deadCommands      `cmd:"" name:"dead-letter" help:"Events and fields that could not be taken."`
	Topic    topicCommands     `cmd:"" help:"What customers consent to."`

	Template    templateCommands    `cmd:"" help:"What messages say: save templates, see them for a customer, send tests."`
	Consent     consentCommands     `cmd:"" help:"What customers said about being contacted, with the proof."`
	Suppression suppressionCommands `cmd:"" help:"Addresses that must not be contacted."`

	Catalogue catalogueCommands `cmd:"" help:"What is known of attributes, events and their properties."`
}

// program is what commands may use of the outside world.
type program struct {
	ctx      context.Context
	stdin    io.Reader
	terminal bool // somebody can answer on stdin
	stdout   io.Writer
	stderr   io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs one command and gives its exit code: 0 done, 1 failed, 2 called wrongly.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	exit := -1
	parser, err := kong.New(&c, kong.Name("starter"),
		kong.Description("Dotyk: marketing automation and campaign workflows, with the customer record at its centre."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 80}), kong.UsageOnError())
	if err != nil {
		fmt.Fprintln(stderr, "starter:", err)
		return 2
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if exit >= 0 { // help was asked for
		return exit
	}
	if err != nil {
		fmt.Fprintf(stderr, "starter: %v\nTry: starter --help\n", err)
		return 2
	}
	err = command.Run(&program{ctx: store.WithActor(ctx, operator()), stdin: os.Stdin, terminal: isTerminal(os.Stdin), stdout: stdout, stderr: stderr})
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "starter:", err)
	return 1
}

// operator names who runs the command, for the audit.
func operator() string {
	if u, err := user.Current(); err == nil {
		return "cli:" + u.Username
	}
	return "cli"
}
