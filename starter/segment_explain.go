package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/starter/manage"
)

type segmentExplain struct {
	segmentNamed
	Customer string `arg:"" help:"Our id, the site's id, e-mail or phone."`
	At       moment `aliases:"as-of" help:"Judge for this past moment instead of now."`
	JSON     bool   `help:"Print it as JSON."`
}

// Help gives an example.
func (*segmentExplain) Help() string {
	return "Example: starter segment explain vip ann@example.com --at 2026-11-01"
}

// Run explains.
func (c *segmentExplain) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	e, err := segments.New(st).Explain(p.ctx, ws.ID, c.Name, c.Customer, c.At.Time)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, manage.NewExplained(e))
	}
	if _, err := io.WriteString(p.stdout, explanation(e)); err != nil {
		return fmt.Errorf("print explanation: %w", err)
	}
	return nil
}

// explanation writes why a customer is in a segment or is not, for a person to read.
func explanation(e segments.Explained) string {
	var b strings.Builder
	c := e.Customer
	in := "is not in"
	if e.Member {
		in = "is in"
	}
	fmt.Fprintf(&b, "%s %s segment %s  (%s)\n", oneLine(first(c.Name, c.Email, c.Phone, c.ExternalID, c.ID)), in, oneLine(e.Segment.Name), when(e.At))
	if e.Segment.Kind == store.SegmentRule && e.Member != e.Holds && e.Problem == "" {
		b.WriteString(disagreement(e))
	}
	if e.Problem != "" {
		fmt.Fprintf(&b, "the rule could not be evaluated: %s\n", oneLines(e.Problem))
	}
	if x := e.Explanation; x != nil {
		b.WriteString("\n")
		writeNode(&b, &x.Root, 0)
		if x.Cut {
			b.WriteString("parts were left out: the explanation would grow too long\n")
		}
		writeChanges(&b, x)
		writeUntil(&b, e.NextCheck)
	}
	writeHistory(&b, e.History)
	return b.String()
}

// disagreement says why what is kept may differ from what was judged.
func disagreement(e segments.Explained) string {
	held := "does not hold"
	if e.Holds {
		held = "holds"
	}
	why := "what changed last is not taken up yet, or was not known at that moment"
	if e.Segment.Status != store.SegmentLive {
		why = "the segment is " + string(e.Segment.Status)
	}
	return fmt.Sprintf("but the rule %s for these data: %s\n", held, why)
}

// mark shows at a glance what holds.
func mark(holds *bool) string {
	switch {
	case holds == nil:
		return "·"
	case *holds:
		return "✓"
	}
	return "✗"
}

// shownItems is how many items of a list a person wants to see.
const shownItems = 5

// writeNode writes a part of the rule with its value, and beneath it the parts it is made of.
func writeNode(b *strings.Builder, n *rules.Node, depth int) {
	indent := strings.Repeat("  ", depth)
	fmt.Fprintf(b, "%s%s %s%s\n", indent, mark(n.Holds), oneLine(strings.Join(strings.Fields(n.Text), " ")), outcome(n))
	for _, item := range n.Items[:min(shownItems, len(n.Items))] {
		gives := ""
		if item.Gives != nil {
			gives = " → " + literal(item.Gives)
		}
		fmt.Fprintf(b, "%s    %s #%d %s%s\n", indent, mark(item.Holds), item.Number, literal(item.Value), gives)
	}
	if more := n.Total - min(shownItems, len(n.Items)); len(n.Items) > 0 && more > 0 {
		fmt.Fprintf(b, "%s    … and %d more\n", indent, more)
	}
	for i := range n.Parts {
		writeNode(b, &n.Parts[i], depth+1)
	}
}

// outcome is what a part of the rule gave, as far as its mark does not say it.
func outcome(n *rules.Node) string {
	switch {
	case n.Error != "":
		return "  ! " + oneLine(n.Error)
	case n.Held != nil && n.Total > 0:
		return fmt.Sprintf("%s  (holds for %d of %d)", valued(n), *n.Held, n.Total)
	case n.Missing:
		return "  is missing"
	}
	return valued(n)
}

func valued(n *rules.Node) string {
	if n.Value == nil || n.Holds != nil {
		return ""
	}
	return " = " + literal(n.Value)
}

// literal writes a value so that text can be told from numbers, on one line.
func literal(v any) string {
	if s, ok := v.(string); ok {
		return fmt.Sprintf("%q", s)
	}
	return oneLine(compact(v))
}

func writeChanges(b *strings.Builder, x *rules.Explanation) {
	if len(x.Changes) == 0 {
		return
	}
	b.WriteString("\nwhat would have to change for it to be otherwise\n")
	for _, change := range x.Changes {
		fmt.Fprintf(b, "  - %s\n", oneLine(change))
	}
}

func writeUntil(b *strings.Builder, until time.Time) {
	if until.IsZero() {
		b.WriteString("\ntime alone will not change it\n")
		return
	}
	fmt.Fprintf(b, "\ntime alone may change it at %s\n", when(until))
}

func writeHistory(b *strings.Builder, list []segments.Transition) {
	if len(list) == 0 {
		b.WriteString("\nnever joined\n")
		return
	}
	b.WriteString("\nhistory, the newest first\n")
	for _, h := range list {
		fmt.Fprintf(b, "  %s  %-6s  because of %s, version %d of the rule\n", when(h.At), joinedOrLeft(h.Joined), oneLine(h.Because()), h.Version)
	}
}
