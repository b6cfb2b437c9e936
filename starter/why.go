package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
	"dotyk/starter/campaigns"
)

type customerWhy struct {
	workspaced
	Customer string `arg:"" help:"Our id, the site's id, e-mail or phone."`
	Campaign string `arg:"" help:"Name of the campaign."`
	Rules    bool   `default:"true" negatable:"" help:"Show the value of every part of the trigger's rule."`
	JSON     bool   `help:"Print it as JSON."`
}

// Help gives an example.
func (*customerWhy) Help() string {
	return `Tells what the campaign decided and sent, and whether the customer would enter now: also for those who never entered,
were held back, refused, or are kept out to compare with.

Example: starter customer why ann@example.com welcome`
}

// Run answers.
func (c *customerWhy) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	w, err := campaigns.New(st).Why(p.ctx, ws.ID, c.Customer, c.Campaign)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, w)
	}
	if _, err := io.WriteString(p.stdout, whyText(w, c.Rules)); err != nil {
		return fmt.Errorf("print answer: %w", err)
	}
	return nil
}

// whyText writes the answer for a person to read.
func whyText(w *campaigns.Why, rules bool) string {
	var b strings.Builder
	c := w.Customer
	fmt.Fprintf(&b, "%s and campaign %s (%s, version %d)\n", oneLine(first(c.Name, c.Email, c.Phone, c.ExternalID, c.ID)),
		oneLine(w.Campaign.Name), w.Campaign.Status, w.Campaign.Version)
	fmt.Fprintf(&b, "%s\n", oneLine(w.Answer))
	for i := range w.Journeys {
		writeJourney(&b, &w.Journeys[i])
	}
	if len(w.Refusals) > 0 {
		b.WriteString("\njudged, and not let in\n")
		for _, d := range w.Refusals {
			writeDecision(&b, d)
		}
	}
	b.WriteString("\nwould the customer enter now?\n")
	for _, check := range w.Checks {
		fmt.Fprintf(&b, "  %s %s\n", mark(&check.OK), oneLine(check.Text))
		if x := check.Explanation; x != nil && rules {
			writeNode(&b, &x.Root, 3)
		}
	}
	return b.String()
}

// writeJourney writes a journey with everything that came of it, in the order in which it came.
func writeJourney(b *strings.Builder, j *campaigns.WhyJourney) {
	fmt.Fprintf(b, "\njourney of %s, version %d, %s", when(j.EnteredAt), j.Version, oneLine(strings.ReplaceAll(string(j.Status), "_", " ")))
	if !j.EndedAt.IsZero() && j.Status != campaign.HeldOut {
		fmt.Fprintf(b, " %s", when(j.EndedAt))
	}
	if j.Reason != "" && j.Reason != string(j.Status) {
		fmt.Fprintf(b, " (%s)", oneLine(j.Reason))
	}
	b.WriteString("\n")
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "  %-9s %s\n", name, oneLine(value))
		}
	}
	line("key", j.Key)
	line("entry", entryText(j.Entry))
	if s := j.Standing; s != nil {
		line("stands", standingText(s))
	}
	for _, step := range slices.Sorted(maps.Keys(j.Arms)) {
		line("split", fmt.Sprintf("%s: arm %s", step, j.Arms[step]))
	}
	decisions, messages := j.Decisions, j.Messages
	for len(decisions)+len(messages) > 0 {
		if len(messages) == 0 || len(decisions) > 0 && !decisions[0].At.After(messages[0].At) {
			writeDecision(b, decisions[0])
			decisions = decisions[1:]
			continue
		}
		writeMessage(b, messages[0])
		messages = messages[1:]
	}
	for _, t := range j.Tasks {
		writeTask(b, t)
	}
	for _, c := range j.Coupons {
		writeCoupon(b, c)
	}
}

func entryText(entry map[string]any) string {
	if len(entry) == 0 {
		return ""
	}
	return compact(entry)
}

func standingText(s *campaigns.Standing) string {
	text := "before the first step"
	if s.Step != "" {
		text = "at " + stepName(s.Step, s.Kind)
	}
	if !s.Since.IsZero() {
		text += " since " + when(s.Since)
	}
	if !s.Until.IsZero() {
		text += ", until " + when(s.Until)
	}
	if len(s.For) > 0 {
		text += "; may be moved by " + strings.Join(s.For, ", ")
	}
	return text
}

func writeDecision(b *strings.Builder, d store.StoryDecision) {
	what := d.Kind
	if d.Step != "" {
		what += " " + d.Step
	}
	fmt.Fprintf(b, "  %s  %s: %s, because %s  [v%d]\n", when(d.At), oneLine(what), oneLine(d.Outcome), oneLine(d.Reason), d.Version)
	if d.Event != "" {
		fmt.Fprintf(b, "%23s%s of %s\n", "", oneLine(d.Event), when(d.EventAt))
	}
	if d.Rule != "" {
		fmt.Fprintf(b, "%23srule %s\n", "", oneLine(strings.Join(strings.Fields(d.Rule), " ")))
	}
	for _, name := range slices.Sorted(maps.Keys(d.Values)) {
		fmt.Fprintf(b, "%23s%s = %s\n", "", oneLine(name), literal(d.Values[name]))
	}
}

func writeMessage(b *strings.Builder, m store.StoryMessage) {
	fmt.Fprintf(b, "  %s  %s %s: %s", when(m.At), m.Channel, oneLine(m.Step), m.Status)
	if m.Address != "" {
		fmt.Fprintf(b, " to %s", oneLine(m.Address))
	}
	if !m.UpdatedAt.Equal(m.At) {
		fmt.Fprintf(b, " %s", when(m.UpdatedAt))
	}
	b.WriteString("\n")
	note := func(name, text string) {
		if text != "" {
			fmt.Fprintf(b, "%23s%s %s\n", "", name, oneLine(text))
		}
	}
	note("because", m.Reason)
	note("answer", m.Outcome)
	if !m.NotBefore.IsZero() && m.Status == "planned" {
		note("held back until", when(m.NotBefore))
	}
	if !m.ExpiresAt.IsZero() && m.Status == "planned" {
		note("not after", when(m.ExpiresAt))
	}
}

func writeTask(b *strings.Builder, t store.StoryTask) {
	whom := first(t.Assignee, "nobody")
	if t.Wanted != "" {
		whom += fmt.Sprintf(" (there is no user %s)", t.Wanted)
	}
	fmt.Fprintf(b, "  %s  %s %s: %s, for %s: %s\n", when(t.CreatedAt), t.Kind, oneLine(t.Step), t.Status, oneLine(whom), oneLine(t.Title))
	if t.Outcome != "" {
		fmt.Fprintf(b, "%23s%s: %s %s\n", "", when(t.ClosedAt), oneLine(t.Outcome), oneLine(t.Note))
	}
}

func writeCoupon(b *strings.Builder, c store.StoryCoupon) {
	state := "not redeemed"
	if !c.RedeemedAt.IsZero() {
		state = "redeemed " + when(c.RedeemedAt)
	}
	if !c.ExpiresAt.IsZero() {
		state += ", expires " + when(c.ExpiresAt)
	}
	fmt.Fprintf(b, "  %s  coupon %s: %s, %s\n", when(c.IssuedAt), oneLine(c.Step), oneLine(c.Code), state)
}
