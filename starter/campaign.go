package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
	"dotyk/starter/campaigns"
	"dotyk/starter/manage"
)

type campaignCommands struct {
	Check    campaignCheck    `cmd:"" help:"Check campaign files; exits with 1 when something is wrong."`
	Schema   campaignSchema   `cmd:"" help:"Print the JSON Schema of campaign files, for editors."`
	Plan     campaignPlan     `cmd:"" help:"Say what publishing would do to journeys under way."`
	Publish  campaignPublish  `cmd:"" help:"Publish a campaign file or a draft: customers enter it from now on."`
	Save     campaignSave     `cmd:"" help:"Save a campaign file as a draft, faulty or not."`
	Drafts   campaignDrafts   `cmd:"" help:"List the drafts."`
	Show     campaignShow     `cmd:"" help:"Print a campaign as it was published."`
	History  campaignHistory  `cmd:"" help:"List the versions of a campaign."`
	Diff     campaignDiff     `cmd:"" help:"Say how two versions, a draft or a file differ."`
	Rollback campaignRollback `cmd:"" help:"Publish an earlier version again, as a new one."`
	Pause    campaignPause    `cmd:"" help:"Pause a campaign: nobody enters, journeys wait, nothing is sent."`
	Resume   campaignResume   `cmd:"" help:"Let a paused campaign go on."`
	Stop     campaignStop     `cmd:"" help:"Stop a campaign: nobody enters, and journeys under way leave."`
	Archive  campaignArchive  `cmd:"" help:"Put a campaign that is over out of the way."`
	Enter    campaignEnter    `cmd:"" help:"Ask for a customer to be let into a campaign."`
	Touched  campaignTouched  `cmd:"" help:"List whom a campaign sent to."`
	Correct  campaignCorrect  `cmd:"" help:"Have those whom a campaign sent to enter another one, each once."`
	Results  campaignResults  `cmd:"" help:"Count what a campaign came to."`
	Test     campaignTest     `cmd:"" help:"Play scenario files under virtual time; exits with 1 when one goes otherwise."`
	List     campaignList     `cmd:"" help:"List the campaigns."`
	Simulate campaignSimulate `cmd:"" help:"Play a campaign over what really happened, and report what it would have done."`
}

// readCampaign reads a campaign file and the templates beside it.
func readCampaign(file string) (campaigns.Text, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return campaigns.Text{}, fmt.Errorf("find campaign file: %w", err)
	}
	text, err := campaigns.Read(os.DirFS(filepath.Dir(abs)), filepath.Base(abs))
	if errors.Is(err, fs.ErrNotExist) {
		return campaigns.Text{}, fmt.Errorf("there is no file %s", file)
	}
	return text, err
}

// isFile tells a campaign file from the name of a campaign.
func isFile(arg string) bool {
	if info, err := os.Stat(arg); err == nil && !info.IsDir() {
		return true
	}
	return strings.ContainsRune(arg, filepath.Separator) || slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(arg))
}

// textOf reads a file, or the draft of that name.
func textOf(ctx context.Context, s *campaigns.Service, ws int64, arg string) (campaigns.Text, error) {
	if isFile(arg) {
		return readCampaign(arg)
	}
	text, _, err := s.Draft(ctx, ws, arg)
	if errors.Is(err, store.ErrNotFound) {
		return text, fmt.Errorf("there is neither a file %s nor a draft of that name: starter campaign drafts lists these", arg)
	}
	return text, err
}

type campaignCheck struct {
	workspaced
	Files []string `arg:"" help:"Campaign files, YAML or JSON." name:"file"`
	JSON  bool     `help:"Print what was found as JSON."`
}

// Help gives an example.
func (*campaignCheck) Help() string {
	return `Where a database can be reached, what the workspace has counts as known: its templates, segments, users, pools of
coupons, topics, live campaigns, and the catalogue of its data.

Example: starter campaign check campaigns/*.yaml`
}

// fileReview is what checking one file found, as JSON.
type fileReview struct {
	File  string `json:"file"`
	Error string `json:"error,omitempty"`

	manage.Review
}

var errFaults = errors.New("not every campaign can be published")

// Run checks files.
func (c *campaignCheck) Run(p *program) error {
	known, end := c.known(p)
	defer end()
	reviews := make([]fileReview, 0, len(c.Files))
	bad := 0
	for _, file := range c.Files {
		r := fileReview{File: file}
		loaded, err := checkFile(file, known)
		var wrong campaign.Violations
		if err != nil {
			bad++
			if !errors.As(err, &wrong) {
				r.Error = err.Error()
			}
		}
		r.Review = manage.NewReview(loaded, wrong)
		reviews = append(reviews, r)
		if !c.JSON {
			printReview(p, r, err)
		}
	}
	if c.JSON {
		if err := printJSON(p.stdout, reviews); err != nil {
			return err
		}
	}
	if bad > 0 {
		return errFaults
	}
	return nil
}

func checkFile(file string, known campaigns.Known) (*campaigns.Loaded, error) {
	text, err := readCampaign(file)
	if err != nil {
		return nil, err
	}
	return campaigns.Check(text, known)
}

func printReview(p *program, r fileReview, err error) {
	if err != nil {
		fmt.Fprintf(p.stdout, "%s: %v\n", r.File, err)
		return
	}
	fmt.Fprintf(p.stdout, "%s: campaign %s is fine (messages in it: %d)\n", r.File, r.Campaign, r.Messages)
	warnOf(p, r.Warnings)
}

// known asks the workspace. A file can be checked without any database, so none is no error; one that does not answer is
// worth a warning.
func (c *campaignCheck) known(p *program) (campaigns.Known, func()) {
	none := func() {}
	if _, err := c.url(); err != nil {
		return campaigns.Known{}, none
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		fmt.Fprintf(p.stderr, "warning: checked without what the workspace knows: %v\n", err)
		return campaigns.Known{}, none
	}
	known, err := campaigns.New(st).Known(p.ctx, ws.ID)
	if err != nil {
		fmt.Fprintf(p.stderr, "warning: checked without what the workspace knows: %v\n", err)
		st.Close()
		return campaigns.Known{}, none
	}
	return known, st.Close
}

// warnOf prints what may be mistakes in a campaign that can be used.
func warnOf(p *program, warnings campaign.Violations) {
	for _, w := range warnings {
		fmt.Fprintf(p.stderr, "warning: %s\n", oneLines(w.String()))
	}
}

type campaignSchema struct{}

// Help gives an example.
func (*campaignSchema) Help() string {
	return `Example: starter campaign schema > campaign.schema.json
An editor that knows it completes and checks files that begin with
# yaml-language-server: $schema=campaign.schema.json`
}

// Run prints the schema.
func (*campaignSchema) Run(p *program) error {
	schema, err := campaign.Schema()
	if err != nil {
		return err
	}
	if _, err := p.stdout.Write(schema); err != nil {
		return fmt.Errorf("print schema: %w", err)
	}
	return nil
}

type named struct {
	workspaced
	Name string `arg:"" help:"Name of the campaign."`
}

type (
	campaignPause  struct{ named }
	campaignResume struct {
		named
		Anyway bool `help:"Even if a limit is passed still by which a brake stopped it."`
	}
	campaignStop    struct{ named }
	campaignArchive struct{ named }
)

// Run pauses.
func (c *campaignPause) Run(p *program) error { return c.set(p, store.Paused) }

// Run resumes.
func (c *campaignResume) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.ResumeCampaign(p.ctx, ws.ID, c.Name, c.Anyway); err != nil {
		return adviseAnyway(err)
	}
	fmt.Fprintf(p.stdout, "campaign %s is %s\n", c.Name, store.Live)
	return nil
}

// Run stops.
func (c *campaignStop) Run(p *program) error { return c.set(p, store.Stopped) }

// Run archives.
func (c *campaignArchive) Run(p *program) error { return c.set(p, store.Archived) }

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
	All  bool `help:"Archived campaigns, too."`
	JSON bool `help:"Print them as JSON."`
}

// Run lists campaigns.
func (c *campaignList) Run(p *program) error {
	list, err := read(p, &c.workspaced, (*store.Store).Campaigns)
	if err != nil {
		return err
	}
	if !c.All {
		list = slices.DeleteFunc(list, func(l store.CampaignSummary) bool { return l.Status == store.Archived })
	}
	if c.JSON {
		views := make([]manage.Campaign, 0, len(list))
		for _, l := range list {
			views = append(views, manage.NewCampaign(l))
		}
		return printJSON(p.stdout, views)
	}
	t := newTable(p.stdout, "campaign", "status", "version", "under way", "ended", "sent", "uncertain", "changed", "note")
	for _, l := range list {
		t.row(l.Name, string(l.Status), strconv.Itoa(l.Version), strconv.Itoa(l.Active), strconv.Itoa(l.Ended),
			strconv.Itoa(l.Sent), strconv.Itoa(l.Uncertain), when(l.UpdatedAt), l.Note)
	}
	return t.end("no campaigns yet: publish one with starter campaign publish FILE")
}
