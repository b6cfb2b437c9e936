package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"dotyk/activities/store"
	"dotyk/starter/campaigns"
	"dotyk/starter/manage"
)

type campaignEnter struct {
	named
	Customer string `arg:"" help:"Our id, the site's id, e-mail or phone."`
	Entry    string `help:"What rules and templates see as entry, as a JSON object." placeholder:"JSON"`
	Key      string `help:"A request that is repeated with the same key does nothing."`
}

// Help gives an example.
func (*campaignEnter) Help() string {
	return `Example: starter campaign enter onboarding ann@example.com --entry '{"plan": "pro"}'`
}

// Run asks for a customer to be let in.
func (c *campaignEnter) Run(p *program) error {
	var data map[string]any
	if c.Entry != "" {
		if err := json.Unmarshal([]byte(c.Entry), &data); err != nil {
			return fmt.Errorf("--entry is no JSON object, such as '{\"plan\": \"pro\"}': %w", err)
		}
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.Request(p.ctx, ws.ID, store.Request{Campaign: c.Name, Customer: c.Customer, Data: data, Key: c.Key}); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "asked for %s to enter campaign %s; starter customer why %s %s tells what became of it\n",
		c.Customer, c.Name, c.Customer, c.Name)
	return nil
}

type campaignResults struct {
	named
	JSON bool `help:"Print them as JSON."`
}

// Run counts what a campaign came to.
func (c *campaignResults) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	r, splits, err := campaigns.New(st).Results(p.ctx, ws.ID, c.Name)
	if err != nil {
		return err
	}
	view := manage.NewResults(r, splits)
	if c.JSON {
		return printJSON(p.stdout, view)
	}
	if err := printResults(p.stdout, view); err != nil {
		return err
	}
	responses, err := st.Responses(p.ctx, ws.ID, c.Name)
	if err != nil || len(responses) == 0 {
		return err
	}
	fmt.Fprintln(p.stdout)
	t := newTable(p.stdout, "e-mail", "sent", "opened", "clicked", "only by machines")
	for _, r := range responses {
		t.row(r.Step, strconv.Itoa(r.Sent), share(r.Opened, r.Sent), share(r.Clicked, r.Sent), strconv.Itoa(r.Machine))
	}
	return t.end("")
}

func printResults(w io.Writer, r manage.Results) error {
	fmt.Fprintf(w, "campaign %s is %s as version %d\n\n", r.Campaign, r.Status, r.Version)
	t := newTable(w, "entered", "under way", "finished", "left early", "reached the goal", "held out")
	t.row(strconv.Itoa(r.Entered), strconv.Itoa(r.Active), strconv.Itoa(r.Finished), strconv.Itoa(r.Exited),
		share(r.Converted, r.Entered), strconv.Itoa(r.HeldOut))
	if err := t.end(""); err != nil {
		return err
	}
	waiting := newTable(w, "version", "stand at", "journeys", "next due")
	for _, s := range r.Waiting {
		due := ""
		if !s.NextDue.IsZero() {
			due = when(s.NextDue)
		}
		waiting.row(strconv.Itoa(s.Version), stepName(s.Step, ""), strconv.Itoa(s.Journeys), due)
	}
	left := newTable(w, "ended", "because", "journeys")
	for _, l := range r.Left {
		left.row(l.Status, l.Reason, strconv.Itoa(l.Journeys))
	}
	messages := newTable(w, "step", "channel", "status", "count")
	for _, m := range r.Messages {
		messages.row(m.Step, m.Channel, m.Status, strconv.Itoa(m.Count))
	}
	splits := newTable(w, "split", "version", "arm", "reached", "hits", "winner")
	for _, s := range r.Splits {
		for _, arm := range s.Arms {
			won := ""
			if arm.Arm == s.Winner {
				won = "winner: " + s.Reason
			}
			splits.row(s.Step, strconv.Itoa(s.Version), arm.Arm, strconv.Itoa(arm.Reached), share(arm.Hits, arm.Reached), won)
		}
	}
	for _, t := range []*table{waiting, left, messages, splits} {
		if t.rows == 0 {
			continue
		}
		fmt.Fprintln(w)
		if err := t.end(""); err != nil {
			return err
		}
	}
	return nil
}

// share writes a count with its part of the whole: "12 (8.0 %)".
func share(n, of int) string {
	if of == 0 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d (%.1f %%)", n, 100*float64(n)/float64(of))
}
