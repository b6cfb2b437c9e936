package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
	"dotyk/starter/manage"
)

type brakeCommands struct {
	Show  brakeShow  `cmd:"" help:"Print the limits, and what they stopped."`
	Set   brakeSet   `cmd:"" help:"Set limits of marketing campaigns, or of all together."`
	Clear brakeClear `cmd:"" help:"Go back to the limits that hold where none are set."`
	Lift  brakeLift  `cmd:"" help:"Let a channel go on that a brake of the workspace holds."`
}

type brakeShow struct {
	workspaced
	JSON bool `help:"Print what they stopped as JSON."`
}

// Run prints limits and brakes.
func (c *brakeShow) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	const most = 100
	list, err := st.Brakes(p.ctx, ws.ID, store.BrakeFilter{Limit: most})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, manage.NewBrakes(list))
	}
	settings, err := st.Delivery(p.ctx, ws.ID)
	if err != nil {
		return err
	}
	if err := printLimits(p.stdout, settings.Brakes); err != nil {
		return err
	}
	t := newTable(p.stdout, "stopped", "when", "because", "until", "by")
	for _, b := range list {
		what, until := "channel "+string(b.Channel), "now"
		switch {
		case b.Campaign != "":
			what = "campaign " + b.Campaign
		case b.Channel == "":
			what = "all channels"
		}
		if b.ReleasedAt != nil {
			until = when(*b.ReleasedAt)
		}
		t.row(what, when(b.AppliedAt), b.Reason, until, b.ReleasedBy)
	}
	return t.end("no limit was passed")
}

func printLimits(w io.Writer, b channels.BrakeSettings) error {
	each, err := json.Marshal(b.OfCampaign(nil, false))
	if err != nil {
		return fmt.Errorf("print limits: %w", err)
	}
	all, err := json.Marshal(b.OfWorkspace())
	if err != nil {
		return fmt.Errorf("print limits: %w", err)
	}
	_, err = fmt.Fprintf(w, "each marketing campaign: %s\nall together: %s\n", each, all)
	return err
}

type brakeSet struct {
	workspaced
	Campaigns     *string `help:"Limits of each marketing campaign that does not say otherwise, or none." placeholder:"LIMITS"`
	Together      *string `help:"Limits of all marketing campaigns together, or none." placeholder:"LIMITS"`
	Transactional *bool   `help:"Whether the limits of all together count and hold service messages, too." negatable:""`
}

// Help gives an example.
func (*brakeSet) Help() string {
	return `Limits are written as in a campaign. What is left out keeps its default.

Example: starter brake set --campaigns '{bounces: 3%, complaints: 0.1%, per: 1h, after: 200}'
Example: starter brake set --together '{spend: 500, per: 1d}'`
}

// Run sets limits.
func (c *brakeSet) Run(p *program) error {
	if c.Campaigns == nil && c.Together == nil && c.Transactional == nil {
		return errors.New("nothing to set: give --campaigns, --together or --transactional")
	}
	var each, all *campaign.Brakes
	for _, l := range []struct {
		name string
		text *string
		to   **campaign.Brakes
	}{{"--campaigns", c.Campaigns, &each}, {"--together", c.Together, &all}} {
		if l.text == nil {
			continue
		}
		b, err := campaign.ParseBrakes([]byte(*l.text))
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		*l.to = &b
	}
	return c.change(p, func(b *channels.BrakeSettings) {
		if each != nil {
			b.Campaigns = each
		}
		if all != nil {
			b.Workspace = all
		}
		if c.Transactional != nil {
			b.Transactional = *c.Transactional
		}
	})
}

// change changes the limits of a workspace, and prints them.
func (c *workspaced) change(p *program, edit func(*channels.BrakeSettings)) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	var after channels.BrakeSettings
	err = st.SetDelivery(p.ctx, ws.ID, func(s *channels.Settings) error {
		edit(&s.Brakes)
		after = s.Brakes
		return nil
	})
	if err != nil {
		return err
	}
	return printLimits(p.stdout, after)
}

type brakeClear struct{ workspaced }

// Run forgets limits.
func (c *brakeClear) Run(p *program) error {
	return c.change(p, func(b *channels.BrakeSettings) { *b = channels.BrakeSettings{} })
}

type brakeLift struct {
	workspaced
	Channel audience.Channel `arg:"" optional:"" help:"email or sms; left out: the brake of all channels."`
	Anyway  bool             `help:"Even if the limit is passed still."`
}

// Run lifts a brake.
func (c *brakeLift) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.ReleaseBrake(p.ctx, ws.ID, c.Channel, c.Anyway); err != nil {
		return adviseAnyway(err)
	}
	fmt.Fprintln(p.stdout, "what waited goes on")
	return nil
}

// adviseAnyway says how to go on although a limit is passed.
func adviseAnyway(err error) error {
	if _, ok := errors.AsType[*store.BrakeHoldsError](err); ok {
		return fmt.Errorf("%w; mend the cause and wait, or say --anyway", err)
	}
	return err
}

// touchedBy says which messages of a campaign are meant.
type touchedBy struct {
	Step   string                 `help:"Only of this step."`
	Status []audience.TouchStatus `enum:"planned,claimed,accepted,delivered,failed,suppressed,uncertain" help:"Only in these statuses. Default: accepted,delivered,uncertain."`
	Since  time.Time              `help:"Only those sent at this moment or later, as 2026-01-31T09:00:00Z."`
	Until  time.Time              `help:"Only those sent before."`
}

func (t *touchedBy) of(name string) store.TouchedFilter {
	return store.TouchedFilter{Campaign: name, Step: t.Step, Statuses: t.Status, Since: t.Since, Until: t.Until}
}

type campaignTouched struct {
	named
	touchedBy
	Full   bool   `help:"With whole addresses; else they are masked."`
	Format string `enum:"csv,json" default:"csv" help:"csv, or json: an object a line."`
}

// Help gives an example.
func (*campaignTouched) Help() string {
	return `Example: starter campaign touched sale --step offer --since 2026-01-31T09:00:00Z`
}

// Run lists whom a campaign sent to, as they are read.
func (c *campaignTouched) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	lines, table := json.NewEncoder(p.stdout), csv.NewWriter(p.stdout)
	if c.Format == "csv" {
		if err := table.Write([]string{"touch", "customer", "external_id", "name", "channel", "address", "step", "status", "at"}); err != nil {
			return fmt.Errorf("print touches: %w", err)
		}
	}
	err = st.Touched(p.ctx, ws.ID, c.of(c.Name), "", 0, func(t store.Touched) error {
		t.At = t.At.UTC()
		if !c.Full {
			t.Address = manage.Mask(t.Address)
		}
		if c.Format == "json" {
			return lines.Encode(t)
		}
		return table.Write([]string{
			t.ID, t.Customer, t.External, t.Name, t.Channel, t.Address, t.Step, t.Status, t.At.Format(time.RFC3339),
		})
	})
	table.Flush()
	return errors.Join(err, table.Error())
}

type campaignCorrect struct {
	named
	touchedBy
	With   string `required:"" help:"Name of the campaign that they enter; its trigger may be {api: true}." placeholder:"CAMPAIGN"`
	ID     string `help:"Of the correction: nobody enters twice by the same. Made of the rest when left out."`
	DryRun bool   `help:"Only count whom it would concern."`
}

// Help gives an example.
func (*campaignCorrect) Help() string {
	return `Exactly those whom the campaign sent to, or may have, are asked into the other one, which
must be published. Called again it goes on where it was broken off, and asks nobody twice.

Example: starter campaign correct sale --with sale-sorry --step offer --dry-run`
}

// Run corrects.
func (c *campaignCorrect) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	what := store.Correction{Filter: c.of(c.Name), Into: c.With, ID: c.ID}
	if c.DryRun {
		size, err := st.CorrectionSize(p.ctx, ws.ID, what)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "correction %s concerns %d customers, of whom %d would be asked into campaign %s\n",
			size.ID, size.Customers, size.Asked, c.With)
		return nil
	}
	done, err := st.Correct(p.ctx, ws.ID, what)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "correction %s concerns %d customers, of whom %d were asked into campaign %s now\n",
		done.ID, done.Customers, done.Asked, c.With)
	return nil
}

type touchUncertain struct {
	workspaced
	Campaign string `help:"Only of this campaign."`
	Limit    int    `default:"100" help:"How many at the most."`
}

// Run lists uncertain messages.
func (c *touchUncertain) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := st.Uncertain(p.ctx, ws.ID, c.Campaign, "", c.Limit)
	if err != nil {
		return err
	}
	t := newTable(p.stdout, "touch", "when", "customer", "channel", "to", "campaign", "step", "why")
	for _, u := range list {
		t.row(u.ID, when(u.At), first(u.Name, u.Customer), string(u.Channel), u.Address, u.Campaign, u.Step, u.Why)
	}
	return t.end("no touch is uncertain")
}

type touchResolve struct {
	workspaced
	Touch    string `arg:"" optional:"" help:"Id of the touch; else --campaign."`
	Campaign string `help:"All uncertain messages of this campaign."`
	Sent     bool   `xor:"as" required:"" help:"It was sent: somebody found out."`
	NotSent  bool   `xor:"as" required:"" help:"It was not sent: it has failed."`
	Resend   bool   `xor:"as" required:"" help:"Send it again, at the risk of a second copy."`
}

// Run resolves.
func (c *touchResolve) Run(p *program) error {
	if (c.Touch == "") == (c.Campaign == "") {
		return errors.New("say which: give the id of a touch, or --campaign NAME")
	}
	as := store.ResolveSent
	switch {
	case c.NotSent:
		as = store.ResolveNotSent
	case c.Resend:
		as = store.Resend
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if c.Touch != "" {
		if err := st.Resolve(p.ctx, ws.ID, c.Touch, as); err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "touch %s is resolved: %s\n", c.Touch, as)
		return nil
	}
	n, err := st.ResolveAll(p.ctx, ws.ID, c.Campaign, as)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%d touches are resolved: %s\n", n, as)
	return nil
}
