package main

import (
	"cmp"
	"errors"
	"fmt"

	"dotyk/activities/store"
	"dotyk/channels"
)

type workspaceCommands struct {
	Show workspaceShow `cmd:"" help:"Print the time zone, the country, and what is learnt from links."`
	Set  workspaceSet  `cmd:"" help:"Set the time zone, the country, and what is learnt from links."`
}

type workspaceShow struct{ workspaced }

// Run prints the settings.
func (c *workspaceShow) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	return printSettings(p, st, ws.ID)
}

func printSettings(p *program, st *store.Store, ws int64) error {
	settings, err := st.WorkspaceSettings(p.ctx, ws)
	if err != nil {
		return err
	}
	country := settings.Country
	if country == "" {
		country = "not set"
	}
	fmt.Fprintf(p.stdout, "workspace %s: time zone %s, country %s\n", settings.Slug, settings.Timezone, country)
	delivery, err := st.Delivery(p.ctx, ws)
	if err != nil {
		return err
	}
	e := delivery.Email
	for _, line := range []struct{ name, value string }{
		{"from", e.From}, {"replies to", e.ReplyTo}, {"postal address", e.Postal}, {"bounces to", e.Bounces},
	} {
		if line.value != "" {
			fmt.Fprintf(p.stdout, "%s: %s\n", line.name, line.value)
		}
	}
	fmt.Fprintln(p.stdout, tracked(delivery.Tracking))
	fmt.Fprintf(p.stdout, "uncertain messages: %s\n", cmp.Or(delivery.Uncertain, channels.UncertainLeave))
	return nil
}

type workspaceSet struct {
	workspaced
	Timezone *string `help:"Zone of the workspace's time of day, as Europe/Kyiv."`
	Country  *string `help:"Two letters of ISO 3166, as UA; empty for none."`

	From    *string `help:"Sender of e-mail, as 'Shop <hello@shop.example>'; empty for that of the installation."`
	ReplyTo *string `help:"Address for replies to e-mail; empty for the sender."`
	Postal  *string `help:"Postal address of the sender, which stands at the end of every marketing e-mail."`
	Bounces *string `help:"Domain whose mail comes to us: e-mail that cannot be delivered goes back there. Empty for none."`

	Tracking       string                    `enum:"on,off," default:"" help:"Whether messages tell when they are opened and their links followed: on or off."`
	TrackingDomain *string                   `help:"Where links of messages lead to first, as https://go.shop.example; empty for the public URL."`
	Uncertain      *channels.UncertainPolicy `help:"What becomes of messages of which nobody knows whether they were sent. leave: they count as sent. resend: after 15 minutes they are sent again, once." placeholder:"leave|resend"`
}

// Help says what the settings are for.
func (*workspaceSet) Help() string {
	return `The time zone is meant by "zone: workspace", and is that of customers whose own is
not known: of their quiet hours, too. The country is that of phone numbers without
a country code, and of customers whose country is not known.

Messages tell when they are opened and which of their links are followed, unless
tracking is off. A domain of your own for links must lead to this server.

  starter workspace set --timezone Europe/Kyiv --country UA
  starter workspace set --tracking-domain https://go.shop.example`
}

// Run changes the settings.
func (c *workspaceSet) Run(p *program) error {
	place := c.Timezone != nil || c.Country != nil
	if !place && !c.edits() {
		return errors.New("nothing to set: see starter workspace set --help")
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if place {
		if err := st.EditWorkspace(p.ctx, ws.ID, store.WorkspaceEdit{Timezone: c.Timezone, Country: c.Country}); err != nil {
			return err
		}
	}
	if c.edits() {
		if err := st.SetDelivery(p.ctx, ws.ID, c.edit); err != nil {
			return err
		}
	}
	return printSettings(p, st, ws.ID)
}

// edits says whether anything about messages is to be set.
func (c *workspaceSet) edits() bool {
	return c.From != nil || c.ReplyTo != nil || c.Postal != nil || c.Bounces != nil || c.Tracking != "" || c.TrackingDomain != nil ||
		c.Uncertain != nil
}

func (c *workspaceSet) edit(settings *channels.Settings) error {
	for _, s := range []struct{ to, from *string }{
		{&settings.Email.From, c.From},
		{&settings.Email.ReplyTo, c.ReplyTo},
		{&settings.Email.Postal, c.Postal},
		{&settings.Email.Bounces, c.Bounces},
		{&settings.Tracking.Domain, c.TrackingDomain},
	} {
		if s.from != nil {
			*s.to = *s.from
		}
	}
	if c.Tracking != "" {
		settings.Tracking.Off = c.Tracking == "off"
	}
	if c.Uncertain != nil {
		settings.Uncertain = *c.Uncertain
	}
	return nil
}

// tracked says in one line what is learnt from links.
func tracked(t channels.TrackingSettings) string {
	switch {
	case t.Off:
		return "tracking: off"
	case t.Domain != "":
		return "tracking: on, links lead through " + t.Domain
	}
	return "tracking: on, links lead through the public URL"
}
