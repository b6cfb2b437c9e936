package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/starter/manage"
)

// moment is a point in time on the command line: RFC 3339, or a date or date and time of this machine's zone.
type moment struct{ time.Time }

// UnmarshalText reads a moment.
func (m *moment) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, string(text), time.Local); err == nil {
			m.Time = t
			return nil
		}
	}
	return fmt.Errorf("%q is not a moment: write it as 2026-11-23, 2026-11-23 09:30 or 2026-11-23T09:30:00Z", text)
}

type segmentShow struct {
	segmentNamed
	JSON bool `help:"Print it as JSON."`
}

// shown is a segment with what its rule selects now.
type shown struct {
	Segment manage.Segment  `json:"segment"`
	Preview *manage.Preview `json:"preview,omitempty"`
	Sample  []manage.Member `json:"sample"`
}

const sampleSize = 10

// Run shows a segment.
func (c *segmentShow) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	service := segments.New(st)
	g, err := service.Get(p.ctx, ws.ID, c.Name)
	if err != nil {
		return err
	}
	members, err := st.Members(p.ctx, ws.ID, c.Name, time.Time{}, "", sampleSize)
	if err != nil {
		return err
	}
	view := shown{Segment: manage.NewSegment(g), Sample: manage.NewMembers(members)}
	if g.Kind == store.SegmentRule {
		preview, err := service.Preview(p.ctx, ws.ID, g.Rule, time.Time{})
		var wrong *rules.Error
		switch {
		case errors.As(err, &wrong): // the segment says so itself
		case err != nil:
			return err
		default:
			made := manage.NewPreview(preview)
			view.Preview = &made
		}
	}
	if c.JSON {
		return printJSON(p.stdout, view)
	}
	printSegment(p.stdout, g)
	if view.Preview != nil {
		printPlan(p.stdout, view.Preview.Plan)
	}
	fmt.Fprintln(p.stdout)
	return printMembers(p.stdout, view.Sample)
}

func printSegment(w io.Writer, g store.Segment) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %-9s %s\n", name, value)
		}
	}
	fmt.Fprintf(w, "%s  (%s, version %d)\n", oneLine(g.Name), g.Kind, g.Version)
	line("what for", oneLine(g.Description))
	line("rule", strings.ReplaceAll(oneLines(g.Rule), "\n", "\n            "))
	line("status", string(g.Status))
	if g.Status == store.SegmentBuilding && g.Total > 0 {
		line("progress", fmt.Sprintf("%d of %d customers", g.Scanned, g.Total))
	}
	line("problem", strings.ReplaceAll(oneLines(g.Problem), "\n", "\n            "))
	line("members", strconv.FormatInt(g.Members, 10))
	line("mentions", oneLine(strings.Join(g.Mentions, ", ")))
	if g.Clock {
		line("time", "its passing alone may change who is a member")
	}
	line("made", when(g.CreatedAt))
	line("changed", when(g.UpdatedAt))
	if !g.BuiltAt.IsZero() {
		line("built", when(g.BuiltAt))
	}
}

func printPlan(w io.Writer, plan manage.Plan) {
	how := "exactly by the database"
	if !plan.Exact {
		how = "narrowed down by the database, then judged one by one"
	}
	fmt.Fprintf(w, "  %-9s answered %s (%s, cost %.0f)\n", "plan", how, plan.Form, plan.Cost)
	for _, part := range plan.Parts {
		reason := ""
		if part.Reason != "" {
			reason = ": " + part.Reason
		}
		fmt.Fprintf(w, "            %-8s  %s%s\n", part.Where, oneLine(shortRule(part.Text)), oneLine(reason))
	}
}

func printMembers(w io.Writer, list []manage.Member) error {
	t := newTable(w, "id", "external id", "name", "e-mail", "phone", "joined", "because")
	for _, m := range list {
		joined := ""
		if !m.JoinedAt.IsZero() {
			joined = when(m.JoinedAt)
		}
		t.row(m.CustomerID, m.ExternalID, m.Name, m.Email, m.Phone, joined, m.Cause)
	}
	return t.end("nobody is in it")
}

type segmentPreview struct {
	workspaced
	At   moment `aliases:"as-of" help:"Judge for this past moment instead of now; fields and attributes are taken as they are now."`
	JSON bool   `help:"Print it as JSON."`
	ruled
}

// Help gives an example.
func (*segmentPreview) Help() string {
	return `Example:
  starter segment preview 'days_since(last(events("order_completed", "365d")).at) > 90'`
}

// Run previews a rule.
func (c *segmentPreview) Run(p *program) error {
	rule, err := c.needed()
	if err != nil {
		return err
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	preview, err := segments.New(st).Preview(p.ctx, ws.ID, rule, c.At.Time)
	if err != nil {
		return err
	}
	view := manage.NewPreview(preview)
	if c.JSON {
		return printJSON(p.stdout, view)
	}
	warn(p.stderr, preview.Warnings)
	fmt.Fprintf(p.stdout, "%s in %s\n", plural(view.Count, "customer"), preview.Took.Round(time.Millisecond))
	if view.Note != "" {
		fmt.Fprintf(p.stdout, "  %-9s %s\n", "note", view.Note)
	}
	printPlan(p.stdout, view.Plan)
	fmt.Fprintln(p.stdout)
	t := newTable(p.stdout, "id", "external id", "name", "e-mail", "phone")
	for _, m := range view.Sample {
		t.row(m.CustomerID, m.ExternalID, m.Name, m.Email, m.Phone)
	}
	return t.end("it selects nobody")
}

type segmentCheck struct {
	workspaced
	JSON bool `help:"Print the outcome as JSON."`
	ruled
}

var errWrongRule = errors.New("the rule is wrong")

// refusal is a rule that is wrong, as JSON.
type refusal struct {
	OK    bool         `json:"ok"`
	Error *rules.Error `json:"error"`
}

// Run checks a rule.
func (c *segmentCheck) Run(p *program) error {
	text, err := c.needed()
	if err != nil {
		return err
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	rule, err := segments.New(st).Check(p.ctx, ws.ID, text)
	var wrong *rules.Error
	if c.JSON && errors.As(err, &wrong) {
		if err := printJSON(p.stdout, refusal{Error: wrong}); err != nil {
			return err
		}
		return errWrongRule
	}
	if err != nil {
		return err
	}
	checked := manage.NewChecked(rule)
	if c.JSON {
		return printJSON(p.stdout, checked)
	}
	warn(p.stderr, rule.Warnings())
	fmt.Fprintln(p.stdout, "the rule is fine")
	if len(checked.Needs) > 0 {
		fmt.Fprintln(p.stdout, "its answer may change with:", oneLine(strings.Join(checked.Needs, ", ")))
	}
	if checked.Clock {
		fmt.Fprintln(p.stdout, "its answer may change as time passes")
	}
	return nil
}
