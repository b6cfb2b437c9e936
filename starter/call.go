package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/starter/manage"
)

type callCommands struct {
	List    callList    `cmd:"" help:"List the calls of customers under way."`
	Current callCurrent `cmd:"" help:"Say who calls: the customer's record in short."`
	Take    callTake    `cmd:"" help:"Take the customer who waits longest: it rings your phone first."`
}

type callList struct {
	workspaced
	JSON bool `help:"Print them as JSON."`
}

// Run lists calls.
func (c *callList) Run(p *program) error {
	list, err := c.calls(p, "")
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, manage.NewCurrentCalls(list))
	}
	t := newTable(p.stdout, "since", "state", "from", "customer", "stage", "user")
	for _, l := range list {
		t.row(when(l.StartedAt), string(l.State), first(l.From, "secret"), first(l.Customer.Name, l.Customer.Email, l.Customer.ID), l.Customer.Stage, first(l.User, "nobody"))
	}
	return t.end("nobody calls")
}

func (c *workspaced) calls(p *program, user string) ([]store.CurrentCall, error) {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	return st.CurrentCalls(p.ctx, ws.ID, user)
}

type callCurrent struct {
	workspaced
	User string `arg:"" help:"E-mail of the user who is rung or talks."`
}

// Help gives an example.
func (*callCurrent) Help() string { return "Example: starter call current ann@example.com" }

// Run says who calls.
func (c *callCurrent) Run(p *program) error {
	list, err := c.calls(p, c.User)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		fmt.Fprintf(p.stdout, "nobody calls %s\n", c.User)
	}
	for _, l := range list {
		fmt.Fprintf(p.stdout, "%s calls from %s (%s)\n", first(l.Customer.Name, l.Customer.Email, "somebody"), first(l.From, "a secret number"), l.State)
		fmt.Fprintf(p.stdout, "  customer %s, stage %s, tags %s\n", l.Customer.ID, first(l.Customer.Stage, "none"), first(strings.Join(l.Customer.Tags, ", "), "none"))
		for _, t := range l.Touches {
			fmt.Fprintf(p.stdout, "  %s %s %s: %s %s\n", when(t.At), t.Channel, t.Direction, t.Summary, t.Outcome)
		}
	}
	return nil
}

type callTake struct {
	workspaced
	twilio
	User string `arg:"" help:"E-mail of the user whose phone rings."`
}

// Help gives an example.
func (*callTake) Help() string {
	return "Example: starter call take ann@example.com\n\nThe user has a phone (starter user add --phone)."
}

// Run takes a call.
func (c *callTake) Run(p *program) error {
	return c.dial(p, &c.workspaced, activities.Desk.TakeCall, c.User)
}

type telephonyCommands struct {
	Show telephonyShow `cmd:"" help:"Show them as JSON."`
	Set  telephonySet  `cmd:"" help:"Replace them by those of a JSON file."`
}

type telephonyShow struct{ workspaced }

// Run shows the settings.
func (c *telephonyShow) Run(p *program) error {
	settings, err := read(p, &c.workspaced, (*store.Store).Delivery)
	if err != nil {
		return err
	}
	return printJSON(p.stdout, settings.Telephony)
}

type telephonySet struct {
	workspaced
	File string `arg:"" help:"JSON, as starter telephony show prints it; - reads the standard input."`
}

// Help gives an example.
func (*telephonySet) Help() string {
	return `Example: echo '{"senders": [{"from": "+380441112233", "countries": ["UA"], "rate": 1}],
  "voice": {"greeting": "Hello", "queue": true, "zone": "Europe/Kyiv",
  "hours": [{"days": ["mon", "fri"], "from": "09:00", "to": "18:00"}]}}' | starter telephony set -`
}

// Run sets the settings.
func (c *telephonySet) Run(p *program) error {
	var raw []byte
	var err error
	if c.File == "-" {
		raw, err = io.ReadAll(p.stdin)
	} else {
		raw, err = os.ReadFile(c.File)
	}
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	t, err := manage.ReadTelephony(raw)
	if err != nil {
		return err
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	err = st.SetDelivery(p.ctx, ws.ID, func(s *channels.Settings) error {
		s.Telephony = t
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "the settings of SMS and calls are set")
	return nil
}
