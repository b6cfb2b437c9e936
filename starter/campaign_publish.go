package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"dotyk/activities/store"
	"dotyk/starter/campaigns"
	"dotyk/starter/manage"
)

// moving says what becomes of journeys under way.
type moving struct {
	Stay   bool              `xor:"moves" help:"Journeys under way finish in their version: the default."`
	Move   bool              `xor:"moves" help:"They go on in the new version, at the step where they stand."`
	Exit   bool              `xor:"moves" help:"They leave."`
	Step   map[string]string `placeholder:"ID=POLICY" help:"stay, move or exit for those at this step of their version; may be repeated."`
	Rename map[string]string `placeholder:"OLD=NEW" help:"The new id of a step, so that those who stand there can move; may be repeated."`
}

// moves gives them as the store takes them, which finds out whether they can be.
func (m moving) moves() store.Moves {
	out := manage.Moves{Default: string(store.PolicyStay), Steps: m.Step, Rename: m.Rename}
	switch {
	case m.Move:
		out.Default = string(store.PolicyMove)
	case m.Exit:
		out.Default = string(store.PolicyExit)
	}
	return out.Stored()
}

type campaignPlan struct {
	workspaced
	moving
	Campaign string `arg:"" name:"file|name" help:"Campaign file, or name of a draft."`
	JSON     bool   `help:"Print the plan as JSON."`
}

// Help gives examples.
func (*campaignPlan) Help() string {
	return `Examples:
  starter campaign plan welcome.yaml --move
  starter campaign plan welcome.yaml --move --step pause=stay --rename hello=greeting`
}

// Run plans.
func (c *campaignPlan) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	service := campaigns.New(st)
	loaded, err := loadCampaign(p, service, ws.ID, c.Campaign)
	if err != nil {
		return err
	}
	plan, err := service.Plan(p.ctx, ws.ID, loaded, c.moves())
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, manage.NewPublicationPlan(plan, loaded.Warnings))
	}
	warnOf(p, loaded.Warnings)
	return printPublicationPlan(p.stdout, plan)
}

// loadCampaign reads and checks a file or a draft.
func loadCampaign(p *program, s *campaigns.Service, ws int64, arg string) (*campaigns.Loaded, error) {
	text, err := textOf(p.ctx, s, ws, arg)
	if err != nil {
		return nil, err
	}
	loaded, err := s.Check(p.ctx, ws, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", arg, err)
	}
	return loaded, nil
}

// printPublicationPlan writes what publishing would do, for a person to read.
func printPublicationPlan(w io.Writer, plan store.PublicationPlan) error {
	switch {
	case !plan.Changed:
		fmt.Fprintf(w, "campaign %s is published as version %d; nothing would change\n", plan.Name, plan.From)
	case plan.From == 0:
		fmt.Fprintf(w, "campaign %s is new and would be version %d\n", plan.Name, plan.To)
	default:
		fmt.Fprintf(w, "campaign %s is %s as version %d and would be version %d\n", plan.Name, plan.Status, plan.From, plan.To)
	}
	if plan.AudienceSize != nil {
		fmt.Fprintf(w, "%s would enter at once\n", plural(int64(*plan.AudienceSize), "customer"))
	}
	if len(plan.Differences) > 0 {
		fmt.Fprintln(w)
		printDifferences(w, plan.Differences)
	}
	fmt.Fprintln(w)
	t := newTable(w, "version", "step", "waiting", "due", "what becomes of them", "go on at once", "due then")
	for _, at := range plan.Waiting {
		atOnce := ""
		if at.Policy == store.PolicyMove {
			atOnce = strconv.Itoa(at.DueNow)
		}
		t.row(strconv.Itoa(at.Version), stepName(at.Step, at.Kind), strconv.Itoa(at.Journeys),
			span(at.EarliestDue, at.LatestDue), at.Becomes, atOnce, span(at.NewEarliestDue, at.NewLatestDue))
	}
	return t.end("no journeys of other versions are under way")
}

// stepName names a step with its kind.
func stepName(step, kind string) string {
	switch {
	case step == "":
		return "(start)"
	case kind == "" || strings.HasPrefix(step, kind+"_"): // an id that was made from the kind says it already
		return step
	}
	return fmt.Sprintf("%s (%s)", step, kind)
}

// span writes two moments, or one if they are the same.
func span(from, to time.Time) string {
	switch {
	case from.IsZero():
		return ""
	case to.IsZero() || when(from) == when(to):
		return when(from)
	}
	return when(from) + " to " + when(to)
}

type campaignPublish struct {
	workspaced
	moving
	File string `arg:"" name:"file|name" help:"Campaign file, YAML or JSON, with templates beside it in the folder templates; or the name of a draft."`
	Note string `help:"What to remember about it."`
	Yes  bool   `short:"y" help:"Do not ask before journeys under way are moved or leave."`
}

// Help gives examples.
func (*campaignPublish) Help() string {
	return `Journeys under way finish in their version, unless --move or --exit say otherwise: then the plan is shown first.

Examples:
  starter campaign publish welcome.yaml
  starter campaign publish welcome.yaml --move --note "shorter wait" --yes`
}

// Run publishes.
func (c *campaignPublish) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	service := campaigns.New(st)
	loaded, err := loadCampaign(p, service, ws.ID, c.File)
	if err != nil {
		return err
	}
	warnOf(p, loaded.Warnings)
	moves := c.moves()
	plan := func() (store.PublicationPlan, error) { return service.Plan(p.ctx, ws.ID, loaded, moves) }
	if err := p.agree(c.moving, c.Yes, plan); err != nil {
		return err
	}
	out, err := service.Publish(p.ctx, ws.ID, loaded, moves, c.Note)
	if err != nil {
		return err
	}
	printPublished(p.stdout, loaded.Definition.Name, out)
	return nil
}

func printPublished(w io.Writer, name string, out store.Published) {
	moved := ""
	switch out.Moved {
	case 0:
	case 1:
		moved = "; 1 journey goes on in it"
	default:
		moved = fmt.Sprintf("; %d journeys go on in it", out.Moved)
	}
	if out.Left > 0 {
		moved += fmt.Sprintf("; %s left", plural(int64(out.Left), "journey"))
	}
	switch {
	case !out.Changed && out.Again:
		fmt.Fprintf(w, "campaign %s is live again as version %d%s\n", name, out.Version, moved)
	case !out.Changed && moved == "":
		fmt.Fprintf(w, "campaign %s is live as version %d; nothing changed\n", name, out.Version)
	case !out.Changed:
		fmt.Fprintf(w, "campaign %s is live as version %d%s\n", name, out.Version, moved)
	case out.Audience:
		fmt.Fprintf(w, "published campaign %s as version %d; its audience enters now%s\n", name, out.Version, moved)
	case out.Version > 1 && moved == "":
		fmt.Fprintf(w, "published campaign %s as version %d; journeys under way stay on theirs\n", name, out.Version)
	default:
		fmt.Fprintf(w, "published campaign %s as version %d%s\n", name, out.Version, moved)
	}
}

var (
	errNotAsked = errors.New("this would move journeys under way or make them leave, and there is no terminal to ask on: look at starter campaign plan, then say --yes")
	errDeclined = errors.New("nothing was published")
)

// agree shows the plan and asks, where journeys under way would be disturbed. Without a terminal it never waits for an
// answer.
func (p *program) agree(m moving, yes bool, planned func() (store.PublicationPlan, error)) error {
	if yes || !m.Move && !m.Exit && len(m.Step) == 0 {
		return nil
	}
	plan, err := planned()
	if err != nil {
		return err
	}
	if !campaigns.Disturbs(plan) {
		return nil
	}
	if !p.terminal {
		return errNotAsked
	}
	if err := printPublicationPlan(p.stdout, plan); err != nil {
		return err
	}
	fmt.Fprint(p.stdout, "\npublish? [y/N] ")
	answer, err := bufio.NewReader(p.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read answer: %w", err)
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return errDeclined
	}
	return nil
}

// isTerminal reports whether somebody can answer there.
func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

type campaignRollback struct {
	named
	moving
	Version int    `arg:"" help:"The version to bring back; it becomes a new one."`
	Note    string `help:"What to remember about it."`
	Yes     bool   `short:"y" help:"Do not ask before journeys under way are moved or leave."`
}

// Help gives an example.
func (*campaignRollback) Help() string { return "Example: starter campaign rollback welcome 2 --move" }

// Run brings an old version back.
func (c *campaignRollback) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	service := campaigns.New(st)
	moves := c.moves()
	plan := func() (store.PublicationPlan, error) {
		return service.PlanRollback(p.ctx, ws.ID, c.Name, c.Version, moves)
	}
	if err := p.agree(c.moving, c.Yes, plan); err != nil {
		return err
	}
	out, err := st.Rollback(p.ctx, ws.ID, c.Name, c.Version, moves, c.Note)
	if err != nil {
		return err
	}
	printPublished(p.stdout, c.Name, out)
	return nil
}
