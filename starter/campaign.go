package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
	"dotyk/starter/campaigns"
)

type campaignCommands struct {
	Check   campaignCheck   `cmd:"" help:"Check campaign files; exits with 1 when something is wrong."`
	Publish campaignPublish `cmd:"" help:"Publish a campaign file: customers enter it from now on."`
	Pause   campaignPause   `cmd:"" help:"Pause a campaign: nobody enters, journeys wait, nothing is sent."`
	Resume  campaignResume  `cmd:"" help:"Let a paused campaign go on."`
	List    campaignList    `cmd:"" help:"List the campaigns."`
	Test    campaignTest    `cmd:"" help:"Play scenario files under virtual time; exits with 1 when one goes otherwise."`
}

// load reads a campaign file with what the workspace knows, if there is one.
func load(file string, known campaigns.Known) (*campaigns.Loaded, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("find campaign file: %w", err)
	}
	loaded, err := campaigns.Load(os.DirFS(filepath.Dir(abs)), filepath.Base(abs), known)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s", file)
	}
	return loaded, err
}

type campaignCheck struct {
	workspaced
	Files []string `arg:"" help:"Campaign files, YAML or JSON." name:"file"`
	JSON  bool     `help:"Print the faults as JSON."`
}

// fileFaults is what is wrong with one file, as JSON.
type fileFaults struct {
	File       string              `json:"file"`
	Error      string              `json:"error,omitempty"`
	Violations campaign.Violations `json:"violations"`
}

var errFaults = errors.New("not every campaign can be published")

// Run checks files. Where a database can be reached, its templates count as known, and rules are checked against what is
// known of the workspace's data.
func (c *campaignCheck) Run(p *program) error {
	known, end := c.known(p.ctx)
	defer end()
	faults := make([]fileFaults, 0, len(c.Files))
	bad := 0
	for _, file := range c.Files {
		loaded, err := load(file, known)
		f := fileFaults{File: file, Violations: campaign.Violations{}}
		if err != nil {
			bad++
			if !errors.As(err, &f.Violations) {
				f.Error = err.Error()
			}
		}
		faults = append(faults, f)
		if c.JSON {
			continue
		}
		if err != nil {
			fmt.Fprintf(p.stdout, "%s: %v\n", file, err)
			continue
		}
		fmt.Fprintf(p.stdout, "%s: campaign %s is fine (%d steps send messages)\n", file, loaded.Definition.Name, len(loaded.Definition.Messages()))
		warnOf(p, loaded.Definition)
	}
	if c.JSON {
		enc := json.NewEncoder(p.stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(faults); err != nil {
			return fmt.Errorf("print faults: %w", err)
		}
	}
	if bad > 0 {
		return errFaults
	}
	return nil
}

// known asks the workspace. A file can be checked without any database, so none is no error.
func (c *campaignCheck) known(ctx context.Context) (campaigns.Known, func()) {
	none := func() {}
	if _, err := c.url(); err != nil {
		return campaigns.Known{}, none
	}
	st, ws, err := c.open(ctx)
	if err != nil {
		return campaigns.Known{}, none
	}
	known, err := knownTo(ctx, st, ws.ID)
	if err != nil {
		st.Close()
		return campaigns.Known{}, none
	}
	return known, st.Close
}

// knownTo is what a workspace knows.
func knownTo(ctx context.Context, st *store.Store, ws int64) (campaigns.Known, error) {
	schema, err := st.Schema(ctx, ws)
	if err != nil {
		return campaigns.Known{}, err
	}
	return campaigns.Known{Schema: schema, Templates: func(names []string) (map[string]store.Template, error) {
		var found map[string]store.Template
		err := st.In(ctx, ws, func(tx *store.Tx) error {
			var err error
			found, err = tx.Templates(ctx, names)
			return err
		})
		return found, err
	}}, nil
}

// warnOf prints what may be mistakes in a campaign that can be used.
func warnOf(p *program, d *campaign.Definition) {
	for _, w := range d.Warnings() {
		fmt.Fprintf(p.stderr, "warning: %s\n", w)
	}
}

type campaignPublish struct {
	workspaced
	File string `arg:"" help:"Campaign file, YAML or JSON; templates stand beside it in the folder templates."`
}

// Run publishes.
func (c *campaignPublish) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	known, err := knownTo(p.ctx, st, ws.ID)
	if err != nil {
		return err
	}
	loaded, err := load(c.File, known)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	warnOf(p, loaded.Definition)
	out, err := st.Publish(p.ctx, ws.ID, loaded.Publication())
	if err != nil {
		return err
	}
	name := loaded.Definition.Name
	switch {
	case !out.Changed:
		fmt.Fprintf(p.stdout, "campaign %s is live as version %d; nothing changed\n", name, out.Version)
	case out.Audience:
		fmt.Fprintf(p.stdout, "published campaign %s as version %d; its audience enters now\n", name, out.Version)
	case out.Version > 1:
		fmt.Fprintf(p.stdout, "published campaign %s as version %d; journeys under way stay on theirs\n", name, out.Version)
	default:
		fmt.Fprintf(p.stdout, "published campaign %s as version %d\n", name, out.Version)
	}
	return nil
}

type named struct {
	workspaced
	Name string `arg:"" help:"Name of the campaign."`
}

type (
	campaignPause  struct{ named }
	campaignResume struct{ named }
)

// Run pauses.
func (c *campaignPause) Run(p *program) error { return c.set(p, store.Paused) }

// Run resumes.
func (c *campaignResume) Run(p *program) error { return c.set(p, store.Live) }

func (c *named) set(p *program, status store.CampaignStatus) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.SetCampaignStatus(p.ctx, ws.ID, c.Name, status); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "campaign %s is %s\n", c.Name, status)
	return nil
}

type campaignList struct {
	workspaced
}

// Run lists campaigns.
func (c *campaignList) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := st.Campaigns(p.ctx, ws.ID)
	if err != nil {
		return err
	}
	t := newTable(p.stdout, "campaign", "status", "version", "under way", "ended", "sent", "uncertain", "changed")
	for _, l := range list {
		t.row(l.Name, string(l.Status), strconv.Itoa(l.Version), strconv.Itoa(l.Active), strconv.Itoa(l.Ended),
			strconv.Itoa(l.Sent), strconv.Itoa(l.Uncertain), when(l.UpdatedAt))
	}
	return t.end("no campaigns yet: publish one with starter campaign publish FILE")
}
