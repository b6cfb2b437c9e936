package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/rules/audience"
	"dotyk/starter/manage"
)

type customerCommands struct {
	Show customerShow `cmd:"" help:"Show a customer's record with its timeline."`
	Find customerFind `cmd:"" help:"Find customers by id, e-mail, phone or part of the name."`
	Why  customerWhy  `cmd:"" help:"Say why a customer got what a campaign sends, or why not."`

	Export customerExport `cmd:"" help:"Print everything that is kept of a customer, as JSON."`
	Erase  customerErase  `cmd:"" help:"Erase a customer, and suppress the addresses."`
}

type customerFind struct {
	workspaced
	Text  string `arg:"" help:"Id, e-mail, phone, or part of a name or e-mail."`
	Limit int    `default:"50" help:"How many at the most."`
}

// Run finds customers.
func (c *customerFind) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := st.SearchCustomers(p.ctx, ws.ID, c.Text, false, c.Limit)
	if err != nil {
		return err
	}
	t := newTable(p.stdout, "id", "external id", "name", "e-mail", "phone", "kind", "changed")
	for _, l := range list {
		t.row(l.ID, l.ExternalID, l.Name, l.Email, l.Phone, string(l.Kind), when(l.UpdatedAt))
	}
	return t.end("nobody was found")
}

type customerShow struct {
	workspaced
	Customer string `arg:"" help:"Our id, the site's id, an anonymous id, e-mail or phone."`
	Limit    int    `default:"200" help:"How many lines of the timeline, the newest."`
	JSON     bool   `help:"Print the record as JSON."`
}

// Run shows a record.
func (c *customerShow) Run(p *program) error {
	st, ws, id, err := c.openFor(p.ctx, c.Customer)
	if err != nil {
		return err
	}
	defer st.Close()
	r, err := st.Record(p.ctx, ws.ID, id, c.Limit)
	if err != nil {
		return err
	}
	held, err := segments.New(st).Memberships(p.ctx, ws.ID, id)
	if err != nil {
		return err
	}
	if c.JSON {
		view := recordView{Record: r, Segments: make([]manage.Membership, 0, len(held))}
		for _, m := range held {
			view.Segments = append(view.Segments, manage.NewMembership(m))
		}
		return printJSON(p.stdout, view)
	}
	_, err = fmt.Fprint(p.stdout, showRecord(r, held))
	if err != nil {
		return fmt.Errorf("print record: %w", err)
	}
	return nil
}

// recordView is a record as JSON, with the segments that the customer is in.
type recordView struct {
	*store.Record

	Segments []manage.Membership
}

// showRecord writes a record for a person to read.
func showRecord(r *store.Record, held []segments.Membership) string {
	var b strings.Builder
	c := r.Customer
	title := c.Name
	if title == "" {
		title = first(c.Email, c.Phone, c.ExternalID, c.ID)
	}
	fmt.Fprintf(&b, "%s  (%s, since %s)\n", oneLine(title), c.Kind, when(c.CreatedAt))
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-11s %s\n", name, oneLine(value))
		}
	}
	line("id", c.ID)
	line("external id", c.ExternalID)
	line("e-mail", c.Email)
	line("phone", c.Phone)
	line("locale", c.Locale)
	line("time zone", c.Timezone)
	line("stage", c.Stage)
	line("tags", strings.Join(c.Tags, ", "))
	for _, name := range slices.Sorted(maps.Keys(c.Attributes)) {
		line(name, compact(c.Attributes[name]))
	}
	for _, i := range r.Identities {
		if i.Value != c.ExternalID {
			line("also "+i.Kind, i.Value)
		}
	}
	for _, id := range r.Merged {
		line("took over", id)
	}
	for _, k := range r.Consents {
		topic := k.Topic
		if topic == audience.AllTopics {
			topic = "all topics"
		}
		line("consent", fmt.Sprintf("%s to %s by %s on %s, by %s", k.Action, topic, k.Channel, when(k.OccurredAt), k.Method))
	}
	for _, j := range r.Journeys {
		line("journey", journeyLine(j))
	}
	for _, m := range held {
		line("segment", membershipLine(m))
	}
	b.WriteString("\n")
	for _, e := range r.Timeline {
		timelineLine(&b, e)
	}
	return b.String()
}

func membershipLine(m segments.Membership) string {
	if !m.Since.Joined {
		return m.Segment
	}
	return fmt.Sprintf("%s, since %s, because of %s", m.Segment, when(m.Since.At), m.Since.Because())
}

func journeyLine(j store.JourneyState) string {
	s := fmt.Sprintf("%s v%d: %s", j.Campaign, j.Version, j.Status)
	switch {
	case j.EndedAt != nil:
		s += " " + when(*j.EndedAt)
		if j.ExitReason != "" && j.ExitReason != j.Status {
			s += " (" + j.ExitReason + ")"
		}
	case j.DueAt != nil:
		s += fmt.Sprintf(", at %s until %s", j.Step, when(*j.DueAt))
	case j.Step != "":
		s += ", at " + j.Step
	}
	return s
}

// timelineLine writes one line of the timeline, and below it why it is so.
func timelineLine(b *strings.Builder, e store.TimelineEntry) {
	where := ""
	if e.Campaign != "" {
		where = fmt.Sprintf("  [%s v%d", e.Campaign, e.Version)
		if e.Step != "" {
			where += " " + e.Step
		}
		where += "]"
	}
	what := oneLine(strings.TrimSpace(e.Name + " " + e.Summary))
	switch {
	case e.Channel == audience.Decided:
		what = oneLine(e.Name + ": " + e.Summary)
	case e.Direction == "out":
		what = strings.TrimSpace(fmt.Sprintf("%s  %s", e.Status, what))
	case len(e.Properties) > 0:
		what += "  " + oneLine(compact(e.Properties))
	}
	fmt.Fprintf(b, "%s  %-8s  %s%s\n", when(e.At), e.Channel, what, where)
	note := func(name, text string) {
		if text != "" {
			fmt.Fprintf(b, "%31s%s: %s\n", "", name, oneLine(text))
		}
	}
	if e.Direction == "out" {
		note("to", e.Address)
	}
	note("because", e.Reason)
	note("answer", e.Outcome)
	if len(e.Statuses) > 1 {
		var steps []string
		for _, s := range e.Statuses {
			steps = append(steps, fmt.Sprintf("%s %s", s.Status, s.At.Local().Format("15:04:05.000")))
		}
		note("history", strings.Join(steps, " > "))
	}
}

// compact writes a value as JSON on one line.
func compact(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const most = 160
	if len(raw) > most {
		return strings.ToValidUTF8(string(raw[:most]), "") + " …"
	}
	return string(raw)
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
