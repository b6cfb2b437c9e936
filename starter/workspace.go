package main

import (
	"errors"
	"fmt"

	"dotyk/activities/store"
	"dotyk/channels"
)

type workspaceCommands struct {
	Show workspaceShow `cmd:"" help:"Print the time zone and the country."`
	Set  workspaceSet  `cmd:"" help:"Set the time zone, the country, or both."`
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
	return nil
}

type workspaceSet struct {
	workspaced
	Timezone *string `help:"Zone of the workspace's time of day, as Europe/Kyiv."`
	Country  *string `help:"Two letters of ISO 3166, as UA; empty for none."`

	Uncertain *channels.UncertainPolicy `help:"What becomes of messages of which nobody knows whether they were sent. leave: they count as sent. resend: after 15 minutes they are sent again, once." placeholder:"leave|resend"`
}

// Help says what the settings are for.
func (*workspaceSet) Help() string {
	return `The time zone is meant by "zone: workspace", and is that of customers whose own is
not known: of their quiet hours, too. The country is that of phone numbers without
a country code, and of customers whose country is not known.

  starter workspace set --timezone Europe/Kyiv --country UA`
}

// Run changes the settings.
func (c *workspaceSet) Run(p *program) error {
	if c.Timezone == nil && c.Country == nil && c.Uncertain == nil {
		return errors.New("nothing to set: give --timezone, --country or both, or --uncertain")
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if c.Uncertain != nil {
		err := st.SetDelivery(p.ctx, ws.ID, func(s *channels.Settings) error {
			s.Uncertain = *c.Uncertain
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "uncertain messages: %s\n", *c.Uncertain)
	}
	if c.Timezone == nil && c.Country == nil {
		return nil
	}
	if err := st.EditWorkspace(p.ctx, ws.ID, store.WorkspaceEdit{Timezone: c.Timezone, Country: c.Country}); err != nil {
		return err
	}
	return printSettings(p, st, ws.ID)
}
