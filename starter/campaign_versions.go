package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
	"dotyk/starter/campaigns"
	"dotyk/starter/manage"
)

type campaignSave struct {
	workspaced
	File string `arg:"" help:"Campaign file, YAML or JSON, with templates beside it in the folder templates." type:"existingfile"`
	Name string `help:"Name of the draft, needed where the file is too faulty to tell."`
}

// Help gives an example.
func (*campaignSave) Help() string { return "Example: starter campaign save welcome.yaml" }

// Run saves a draft. It goes over whatever draft there is: who saves from a file has it there to compare.
func (c *campaignSave) Run(p *program) error {
	text, err := readCampaign(c.File)
	if err != nil {
		return err
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	d := store.Draft{Name: c.Name, Source: text.Source, Templates: text.Templates}
	parsed, err := campaign.Parse([]byte(text.Source))
	switch {
	case err == nil && c.Name == "":
		d.Name = parsed.Name
	case err == nil && c.Name != parsed.Name:
		return &campaigns.NameError{Wanted: c.Name, Own: parsed.Name}
	case c.Name == "":
		return fmt.Errorf("%s does not say which campaign it is (%w): give --name to save it all the same", c.File, err)
	}
	old, err := st.Draft(p.ctx, ws.ID, d.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	d.Revision = old.Revision
	if d, err = st.SaveDraft(p.ctx, ws.ID, d); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "saved draft %s, revision %d\n", d.Name, d.Revision)
	return nil
}

type campaignDrafts struct {
	workspaced
	JSON bool `help:"Print them as JSON."`
}

// Run lists drafts.
func (c *campaignDrafts) Run(p *program) error {
	list, err := read(p, &c.workspaced, (*store.Store).Drafts)
	if err != nil {
		return err
	}
	if c.JSON {
		views := make([]manage.Draft, 0, len(list))
		for _, d := range list {
			views = append(views, manage.NewDraft(d))
		}
		return printJSON(p.stdout, views)
	}
	t := newTable(p.stdout, "draft", "revision", "saved by", "saved")
	for _, d := range list {
		t.row(d.Name, strconv.Itoa(d.Revision), d.UpdatedBy, when(d.UpdatedAt))
	}
	return t.end("no drafts: save one with starter campaign save FILE")
}

type campaignShow struct {
	named
	Version   int  `help:"Of this version; without it, of the one that customers enter."`
	Draft     bool `xor:"what" help:"The draft instead."`
	Canonical bool `xor:"what" help:"In the canonical form, as JSON."`
}

// Help gives an example.
func (*campaignShow) Help() string {
	return "Example: starter campaign show welcome --version 2 > welcome.yaml"
}

// Run prints a campaign.
func (c *campaignShow) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if c.Draft {
		d, err := st.Draft(p.ctx, ws.ID, c.Name)
		if err != nil {
			return err
		}
		return printText(p.stdout, d.Source)
	}
	v, err := st.CampaignVersion(p.ctx, ws.ID, c.Name, c.Version)
	if err != nil {
		return err
	}
	if !c.Canonical {
		return printText(p.stdout, v.Source)
	}
	canonical, err := v.Definition.Canonical()
	if err != nil {
		return err
	}
	return printText(p.stdout, string(canonical))
}

// printText prints text that ends with a line.
func printText(w io.Writer, text string) error {
	if text == "" || text[len(text)-1] != '\n' {
		text += "\n"
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("print campaign: %w", err)
	}
	return nil
}

type campaignHistory struct {
	named
	JSON bool `help:"Print it as JSON."`
}

// Run lists versions.
func (c *campaignHistory) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := st.Versions(p.ctx, ws.ID, c.Name)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, manage.NewEditions(list))
	}
	t := newTable(p.stdout, "version", "published", "by", "under way", "", "note")
	for _, v := range list {
		live, note := "", v.Note
		if v.Live {
			live = "live"
		}
		if v.Of > 0 {
			note = strings.TrimSpace(fmt.Sprintf("version %d again. %s", v.Of, v.Note))
		}
		t.row(strconv.Itoa(v.Number), when(v.PublishedAt), v.PublishedBy, strconv.Itoa(v.Active), live, note)
	}
	return t.end("no versions")
}

type campaignDiff struct {
	workspaced
	Campaign string `arg:"" name:"name|file" help:"Name of a campaign, or a campaign file to compare with what is published."`
	A        string `arg:"" optional:"" help:"A version, or draft. Without it, the version that customers enter."`
	B        string `arg:"" optional:"" help:"A version, or draft. Without it, the version that customers enter; without both, the draft."`
	JSON     bool   `help:"Print it as JSON."`
}

// Help gives examples.
func (*campaignDiff) Help() string {
	return `Examples:
  starter campaign diff welcome              what publishing the draft would change
  starter campaign diff welcome 2            what changed since version 2
  starter campaign diff welcome 2 3          what changed from version 2 to version 3
  starter campaign diff welcome.yaml         what publishing the file would change`
}

// Run compares.
func (c *campaignDiff) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	a, b, err := c.editions(p, campaigns.New(st), ws.ID)
	if err != nil {
		return err
	}
	compared := campaigns.Compare(a, b)
	if c.JSON {
		return printJSON(p.stdout, manage.NewComparison(compared))
	}
	if len(compared.Differences) == 0 {
		fmt.Fprintf(p.stdout, "%s and %s are the same\n", compared.Before, compared.After)
		return nil
	}
	fmt.Fprintf(p.stdout, "from %s to %s\n\n", compared.Before, compared.After)
	printDifferences(p.stdout, compared.Differences)
	return nil
}

func (c *campaignDiff) editions(p *program, s *campaigns.Service, ws int64) (a, b campaigns.Edition, err error) {
	name, from, to := c.Campaign, c.A, c.B
	if isFile(c.Campaign) {
		loaded, err := loadCampaign(p, s, ws, c.Campaign)
		if err != nil {
			return a, b, err
		}
		name = loaded.Definition.Name
		b = campaigns.Edition{Label: c.Campaign, Definition: loaded.Definition, Templates: loaded.Templates}
	} else {
		if from == "" {
			to = campaigns.DraftEdition
		}
		if b, err = s.Edition(p.ctx, ws, name, to); err != nil {
			return a, b, err
		}
	}
	a, err = s.Edition(p.ctx, ws, name, from)
	return a, b, err
}

// printDifferences writes one difference a line.
func printDifferences(w io.Writer, list []campaign.Difference) {
	for _, d := range list {
		switch {
		case d.Before == nil:
			fmt.Fprintf(w, "+ %s: %s\n", oneLine(d.Path), shownValue(d.After))
		case d.After == nil:
			fmt.Fprintf(w, "- %s: %s\n", oneLine(d.Path), shownValue(d.Before))
		default:
			fmt.Fprintf(w, "~ %s: %s → %s\n", oneLine(d.Path), shownValue(d.Before), shownValue(d.After))
		}
	}
}

// shownValue writes a value on one line, cut short.
func shownValue(v any) string {
	const most = 120
	line := []rune(oneLine(compact(v)))
	if len(line) > most {
		return string(line[:most-1]) + "…"
	}
	return string(line)
}
