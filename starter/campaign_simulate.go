package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"dotyk/activities/simulation"
	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
	"dotyk/starter/campaigns"
)

type campaignSimulate struct {
	workspaced
	Campaign string  `arg:"" name:"file|name" help:"Campaign file, or name of a draft."`
	From     string  `placeholder:"DATE" help:"Beginning, as 2026-01-31 or 2026-01-31T09:00:00Z. Default: 30 days before the end."`
	To       string  `placeholder:"DATE" help:"End, which does not belong to it. Default: the last midnight, UTC."`
	JSON     string  `placeholder:"FILE" help:"Write the report as JSON; - prints it."`
	HTML     string  `placeholder:"FILE" help:"Write the report as a page with charts."`
	Sample   int     `help:"Play about so many customers, evenly chosen; 0 plays all."`
	SMSPrice float64 `name:"sms-price" help:"Price of one part of a text message."`
	Policy   string  `placeholder:"FILE" help:"Quiet hours, caps and holdout to play with, in place of the workspace's." type:"existingfile"`
}

// Help gives examples.
func (*campaignSimulate) Help() string {
	return `The campaign is played over what really happened to the workspace's customers. Nothing is sent or written but the report.

Examples:
  starter campaign simulate welcome.yaml --from 2026-01-01 --to 2026-02-01 --html welcome.html
  starter campaign simulate welcome --sample 5000 --sms-price 0.05 --json -`
}

// Run simulates.
func (c *campaignSimulate) Run(p *program) error {
	o, err := c.options(time.Now())
	if err != nil {
		return err
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	loaded, err := loadCampaign(p, campaigns.New(st), ws.ID, c.Campaign)
	if err != nil {
		return err
	}
	warnOf(p, loaded.Warnings)
	o.Draft, o.Templates = loaded.Definition, loaded.Templates
	var end func()
	o.Progress, end = simulationBar(p.stderr)
	r, err := simulation.Run(p.ctx, st, ws.ID, o)
	end()
	if err != nil {
		if p.ctx.Err() != nil {
			return errors.New("stopped; nothing was written")
		}
		return err
	}
	return c.write(p, r, o.Now)
}

// options reads what was asked for.
func (c *campaignSimulate) options(now time.Time) (simulation.Options, error) {
	const standard = 30 // days
	o := simulation.Options{Now: now, Sample: c.Sample, SMSPrice: c.SMSPrice}
	if c.Sample < 0 || c.SMSPrice < 0 {
		return o, errors.New("--sample and --sms-price cannot be negative")
	}
	var err error
	if o.To, err = dateOption("to", c.To, now.UTC().Truncate(24*time.Hour)); err != nil {
		return o, err
	}
	if o.From, err = dateOption("from", c.From, o.To.AddDate(0, 0, -standard)); err != nil {
		return o, err
	}
	if c.Policy == "" {
		return o, nil
	}
	raw, err := os.ReadFile(c.Policy)
	if err != nil {
		return o, fmt.Errorf("read policy: %w", err)
	}
	policy, err := campaign.ParsePolicy(raw)
	if err != nil {
		return o, fmt.Errorf("%s: %w", c.Policy, err)
	}
	o.Policy = &policy
	return o, nil
}

// dateOption reads a moment of an option.
func dateOption(name, text string, standard time.Time) (time.Time, error) {
	if text == "" {
		return standard, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--%s %q is no moment: write 2026-01-31 or 2026-01-31T09:00:00Z", name, text)
}

// simulationBar shows how far a simulation is, on a terminal. End takes the bar away.
func simulationBar(w io.Writer) (progress func(done, total int), end func()) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	bar := progressbar.NewOptions(1, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("customers"),
		progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(24), progressbar.OptionClearOnFinish())
	progress = func(done, total int) {
		bar.ChangeMax(max(total, 1))
		_ = bar.Set(done) // a bar that cannot be drawn stops nothing
	}
	return progress, func() { _ = bar.Finish() }
}

// write writes the report where it was asked for, and its figures for a person to read.
func (c *campaignSimulate) write(p *program, r *rehearsal.Report, now time.Time) error {
	if c.JSON == "-" {
		return errors.Join(printJSON(p.stdout, r), c.writeHTML(r, now))
	}
	if c.JSON != "" {
		if err := writeFile(c.JSON, func(w io.Writer) error { return printJSON(w, r) }); err != nil {
			return err
		}
	}
	if err := c.writeHTML(r, now); err != nil {
		return err
	}
	if err := printSimulation(p.stdout, r); err != nil {
		return err
	}
	for _, file := range []string{c.JSON, c.HTML} {
		if file != "" {
			fmt.Fprintf(p.stdout, "\nwrote %s", file)
		}
	}
	if cmp.Or(c.JSON, c.HTML) != "" {
		fmt.Fprintln(p.stdout)
	}
	return nil
}

func (c *campaignSimulate) writeHTML(r *rehearsal.Report, now time.Time) error {
	if c.HTML == "" {
		return nil
	}
	return writeFile(c.HTML, func(w io.Writer) error { return simulation.WriteHTML(w, r, now) })
}

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("write report to %s: %w", name, err)
	}
	return nil
}

// printSimulation writes the figures that matter most.
func printSimulation(w io.Writer, r *rehearsal.Report) error {
	fmt.Fprintf(w, "campaign %s from %s to %s, over %s\n\n", r.Campaign, when(r.From), when(r.To), plural(int64(r.Customers), "customer"))
	outcomes, head := []rehearsal.Outcome{r.Draft}, []string{"", "draft"}
	if r.Live != nil {
		outcomes, head = append(outcomes, *r.Live), append(head, "live")
	}
	figures := newTable(w, head...)
	line := func(what string, of func(rehearsal.Outcome) string) {
		cells := []string{what}
		for _, o := range outcomes {
			cells = append(cells, of(o))
		}
		figures.row(cells...)
	}
	line("journeys entered", func(o rehearsal.Outcome) string { return strconv.Itoa(o.Journeys) })
	line("held out", func(o rehearsal.Outcome) string { return strconv.Itoa(o.HeldOut) })
	line("reached the goal", func(o rehearsal.Outcome) string { return share(o.Converted, o.Journeys) })
	line("e-mails", func(o rehearsal.Outcome) string { return strconv.Itoa(o.Email) })
	line("text messages", func(o rehearsal.Outcome) string { return strconv.Itoa(o.SMS) })
	line("parts of text messages", func(o rehearsal.Outcome) string { return strconv.Itoa(o.SMSParts) })
	line("cost of text messages", func(o rehearsal.Outcome) string { return strconv.FormatFloat(o.SMSCost, 'f', 2, 64) })
	steps := newTable(w, "step", "kind", "reached", "waiting", "sent", "not sent")
	messages := map[string]rehearsal.MessageOutcome{}
	for _, m := range r.Draft.Messages {
		messages[m.Step] = m
	}
	for _, s := range r.Draft.Steps {
		sent, not := "", ""
		if m, ok := messages[s.Step]; ok {
			sent, not = strconv.Itoa(m.Sent), strconv.Itoa(m.NotSent())
		}
		steps.row(s.Step, s.Kind, strconv.Itoa(s.Reached), strconv.Itoa(s.Waiting), sent, not)
	}
	refused := newTable(w, "not entered because", "times")
	for _, n := range r.Draft.NotEntered {
		refused.row(n.Reason, strconv.Itoa(n.Count))
	}
	for i, t := range []*table{figures, steps, refused} {
		if t.rows == 0 {
			continue
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := t.end(""); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "\n%s would be contacted more than the caps allow; %d were in other campaigns at the same time\n",
		plural(int64(r.Crowd.OverContacted), "customer"), r.Crowd.Customers)
	return nil
}
