package main

import (
	"errors"
	"fmt"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

type migrateCommand struct {
	database
}

// Run migrates.
func (c *migrateCommand) Run(p *program) error {
	url, err := c.url()
	if err != nil {
		return err
	}
	steps, err := store.Migrate(p.ctx, url)
	if err != nil {
		return err
	}
	for _, step := range steps {
		fmt.Fprintln(p.stdout, "applied", step)
	}
	if len(steps) == 0 {
		fmt.Fprintln(p.stdout, "the database is up to date")
	}
	return nil
}

type keyCommands struct {
	Create keyCreate `cmd:"" help:"Make a key and print it; it cannot be read again."`
}

type keyCreate struct {
	database
	Workspace string `name:"workspace" short:"w" env:"DOTYK_WORKSPACE" default:"main" help:"Workspace; it is made when there is none of that name."`
	Source    string `arg:"" optional:"" default:"site" help:"Name of the source that uses the key: a site, a shop."`
	Country   string `help:"Country of the workspace's national phone numbers, as UA."`
	Scope     string `enum:"write,manage" default:"write" help:"write: send events, as a site does. manage: use the management API; keep such a key secret."`
}

// Run makes a key.
func (c *keyCreate) Run(p *program) error {
	st, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	info, err := st.WorkspaceBySlug(p.ctx, c.Workspace)
	if errors.Is(err, store.ErrNotFound) {
		info.Slug = c.Workspace
		info.ID, err = st.CreateWorkspace(p.ctx, c.Workspace, c.Workspace)
	}
	if err != nil {
		return err
	}
	if c.Country != "" {
		if err := st.EditWorkspace(p.ctx, info.ID, store.WorkspaceEdit{Country: &c.Country}); err != nil {
			return err
		}
	}
	key, err := st.CreateKey(p.ctx, info.ID, c.Source, "", []string{c.Scope})
	if err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, key)
	return nil
}

type touchCommands struct {
	List      touchList      `cmd:"" help:"List the newest touches in a status, such as those of unknown fate."`
	Uncertain touchUncertain `cmd:"" help:"List messages of which nobody knows whether they were sent."`
	Resolve   touchResolve   `cmd:"" help:"Say what becomes of uncertain messages."`
}

type touchList struct {
	workspaced
	Status audience.TouchStatus `default:"uncertain" enum:"planned,claimed,accepted,delivered,failed,suppressed,uncertain" help:"planned, claimed, accepted, delivered, failed, suppressed or uncertain."`
	Limit  int                  `default:"100" help:"How many at the most."`
}

// Run lists touches.
func (c *touchList) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := st.TouchesByStatus(p.ctx, ws.ID, c.Status, c.Limit)
	if err != nil {
		return err
	}
	t := newTable(p.stdout, "when", "channel", "to", "campaign", "step", "why")
	for _, l := range list {
		t.row(when(l.At), string(l.Channel), l.Address, l.Campaign, l.Step, l.Outcome)
	}
	return t.end(fmt.Sprintf("no touch is %s", c.Status))
}

type deadCommands struct {
	List deadList `cmd:"" help:"List the newest, with the reason and how to mend it."`
}

type deadList struct {
	workspaced
	Limit int `default:"50" help:"How many at the most."`
}

// Run lists dead letters.
func (c *deadList) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := st.DeadLetters(p.ctx, ws.ID, c.Limit)
	if err != nil {
		return err
	}
	t := newTable(p.stdout, "when", "source", "what", "message", "place", "why", "how to mend it")
	for _, d := range list {
		t.row(when(d.ReceivedAt), d.Source, string(d.Severity), d.MessageID, d.Place, d.Reason, d.Advice)
	}
	return t.end("everything that came in was taken")
}
