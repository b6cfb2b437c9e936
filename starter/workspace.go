package main

import (
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
	fmt.Fprintln(p.stdout, tracked(delivery.Tracking))
	return nil
}

type workspaceSet struct {
	workspaced
	Timezone *string `help:"Zone of the workspace's time of day, as Europe/Kyiv."`
	Country  *string `help:"Two letters of ISO 3166, as UA; empty for none."`

	Tracking       string  `enum:"on,off," default:"" help:"Whether messages tell when they are opened and their links followed: on or off."`
	TrackingDomain *string `help:"Where links of messages lead to first, as https://go.shop.example; empty for the public URL."`
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
	tracks := c.Tracking != "" || c.TrackingDomain != nil
	if c.Timezone == nil && c.Country == nil && !tracks {
		return errors.New("nothing to set: give --timezone, --country, --tracking or --tracking-domain")
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if c.Timezone != nil || c.Country != nil {
		if err := st.EditWorkspace(p.ctx, ws.ID, store.WorkspaceEdit{Timezone: c.Timezone, Country: c.Country}); err != nil {
			return err
		}
	}
	if tracks {
		if err := st.SetDelivery(p.ctx, ws.ID, c.track); err != nil {
			return err
		}
	}
	return printSettings(p, st, ws.ID)
}

func (c *workspaceSet) track(settings *channels.Settings) error {
	if c.Tracking != "" {
		settings.Tracking.Off = c.Tracking == "off"
	}
	if c.TrackingDomain != nil {
		settings.Tracking.Domain = *c.TrackingDomain
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
