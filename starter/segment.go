package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/starter/manage"
)

type segmentCommands struct {
	Create  segmentCreate  `cmd:"" help:"Make a segment, and wait until its members are found."`
	Edit    segmentEdit    `cmd:"" help:"Change a segment's rule, name or description."`
	Delete  segmentDelete  `cmd:"" help:"Delete a segment; its members leave it."`
	List    segmentList    `cmd:"" help:"List the segments."`
	Show    segmentShow    `cmd:"" help:"Show a segment: its members' number, how it is answered, a sample."`
	Preview segmentPreview `cmd:"" help:"Say whom a rule would select, without storing anything."`
	Check   segmentCheck   `cmd:"" help:"Check a rule; exits with 1 when it is wrong."`
	Members segmentMembers `cmd:"" help:"List the members, now or at a past moment."`
	Explain segmentExplain `cmd:"" help:"Explain why a customer is a member, or is not."`
	History segmentHistory `cmd:"" help:"List who joined and left, when and why."`
	Rebuild segmentRebuild `cmd:"" help:"Find the members from scratch."`
	Import  segmentImport  `cmd:"" help:"Add customers from a file to a static segment."`
}

// ruled is a rule on the command line or in a file.
type ruled struct {
	Rule string `arg:"" optional:"" help:"The rule, as 'customer.plan == \"pro\"'."`
	File string `help:"Read the rule from this file." type:"existingfile"`
}

// text gives the rule; empty when none was given.
func (r *ruled) text() (string, error) {
	if r.File == "" {
		return r.Rule, nil
	}
	if r.Rule != "" {
		return "", errors.New("give the rule or --file, not both")
	}
	raw, err := os.ReadFile(r.File)
	if err != nil {
		return "", fmt.Errorf("read rule: %w", err)
	}
	return strings.TrimRight(string(raw), "\r\n"), nil
}

// needed gives the rule, which must be there.
func (r *ruled) needed() (string, error) {
	text, err := r.text()
	if err == nil && strings.TrimSpace(text) == "" {
		err = errors.New("no rule: give one, or --file")
	}
	return text, err
}

// builds is what commands have in common that start a build.
type builds struct {
	Wait     bool          `default:"true" negatable:"" help:"Wait until the members are found."`
	Patience time.Duration `default:"5s" help:"How long to wait for a worker that does nothing."`
	JSON     bool          `help:"Print the segment as JSON."`
}

type segmentCreate struct {
	workspaced
	builds
	Name        string `arg:"" help:"Name, as rules use it: segment(\"vip\")."`
	Description string `help:"What the segment is for."`
	Static      bool   `help:"A list to be imported, instead of a rule."`
	ruled
}

// Help gives an example.
func (*segmentCreate) Help() string {
	return `Example: starter segment create vip 'sum(events("order_completed", "90d"), .total) > 500'`
}

// Run creates a segment.
func (c *segmentCreate) Run(p *program) error {
	rule, err := c.text()
	if err != nil {
		return err
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	g, warnings, err := segments.New(st).Create(p.ctx, ws.ID, segments.Draft{
		Name: c.Name, Description: c.Description, Rule: rule, Static: c.Static, By: operator(),
	})
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("there is a segment %q already: change it with starter segment edit", c.Name)
	}
	if err != nil {
		return err
	}
	warn(p.stderr, warnings)
	return c.report(p, st, ws.ID, g)
}

type segmentEdit struct {
	workspaced
	builds
	Name        string  `arg:"" help:"Name of the segment."`
	Rename      string  `help:"A new name."`
	Description *string `help:"A new description."`
	ruled
}

// Help gives examples.
func (*segmentEdit) Help() string {
	return `Examples:
  starter segment edit vip 'sum(events("order_completed", "90d"), .total) > 800'
  starter segment edit vip --rename best --description "Our best customers"`
}

// Run changes what was given and keeps the rest.
func (c *segmentEdit) Run(p *program) error {
	rule, err := c.text()
	if err != nil {
		return err
	}
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
	d := segments.Draft{
		Name: first(c.Rename, g.Name), Description: g.Description, Rule: first(rule, g.Rule),
		Static: g.Kind == store.SegmentStatic, By: operator(),
	}
	if c.Description != nil {
		d.Description = *c.Description
	}
	g, warnings, err := service.Edit(p.ctx, ws.ID, c.Name, d)
	if err != nil {
		return err
	}
	warn(p.stderr, warnings)
	return c.report(p, st, ws.ID, g)
}

type segmentNamed struct {
	workspaced
	Name string `arg:"" help:"Name of the segment."`
}

type segmentDelete struct{ segmentNamed }

// Run deletes a segment.
func (c *segmentDelete) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	err = segments.New(st).Delete(p.ctx, ws.ID, c.Name, operator())
	if used, ok := errors.AsType[*store.SegmentInUseError](err); ok {
		return fmt.Errorf("segment %q is named by %s: change or delete these first", used.Name, strings.Join(used.By, ", "))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "deleted segment %s\n", c.Name)
	return nil
}

type segmentRebuild struct {
	segmentNamed
	builds
}

// Help gives an example.
func (*segmentRebuild) Help() string { return "Example: starter segment rebuild vip" }

// Run finds the members again.
func (c *segmentRebuild) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.RebuildSegment(p.ctx, ws.ID, c.Name); err != nil {
		return err
	}
	g, err := segments.New(st).Get(p.ctx, ws.ID, c.Name)
	if err != nil {
		return err
	}
	return c.report(p, st, ws.ID, g)
}

type segmentList struct {
	workspaced
	JSON bool `help:"Print the segments as JSON."`
}

// Run lists segments.
func (c *segmentList) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := segments.New(st).List(p.ctx, ws.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		views := make([]manage.Segment, 0, len(list))
		for _, g := range list {
			views = append(views, manage.NewSegment(g))
		}
		return printJSON(p.stdout, views)
	}
	t := newTable(p.stdout, "segment", "kind", "status", "members", "version", "changed", "rule")
	for _, g := range list {
		t.row(g.Name, string(g.Kind), string(g.Status), strconv.FormatInt(g.Members, 10), strconv.Itoa(g.Version), when(g.UpdatedAt), shortRule(g.Rule))
	}
	return t.end("no segments yet: make one with starter segment create NAME RULE")
}

// shortRule is a rule in a column.
func shortRule(rule string) string {
	const most = 60
	line := []rune(strings.Join(strings.Fields(rule), " "))
	if len(line) > most {
		return string(line[:most-1]) + "…"
	}
	return string(line)
}

// warn prints what is doubtful about a rule.
func warn(w io.Writer, warnings []*rules.Error) {
	for _, warning := range warnings {
		fmt.Fprintln(w, "warning:", oneLines(warning.Error()))
	}
}

// oneLines makes text of several lines safe to print.
func oneLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = oneLine(lines[i])
	}
	return strings.Join(lines, "\n")
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}
