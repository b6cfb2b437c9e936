package rehearsal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dotyk/rules/audience"
)

// checker compares what happened with what was expected.
type checker struct {
	scenario *Scenario
	log      []Entry
	groups   map[string][]string
	render   Render
	by       map[string][]int // entries of a customer, by their index in the log
	claimed  map[int]bool     // entries that an expectation has claimed
	found    []Difference
}

func (c *checker) check() ([]Difference, error) {
	c.by, c.claimed = map[string][]int{}, map[int]bool{}
	for i := range c.log {
		c.by[c.log[i].Customer] = append(c.by[c.log[i].Customer], i)
	}
	for i := range c.scenario.Expect {
		if err := c.expect(&c.scenario.Expect[i]); err != nil {
			return nil, err
		}
	}
	for i := range c.scenario.Never {
		if err := c.never(&c.scenario.Never[i]); err != nil {
			return nil, err
		}
	}
	if c.scenario.NothingElse {
		c.nothingElse()
	}
	for i := range c.scenario.Counts {
		c.count(&c.scenario.Counts[i])
	}
	slices.SortStableFunc(c.found, func(a, b Difference) int { return a.At.Compare(b.At) })
	return c.found, nil
}

func (c *checker) customers(name string) []string {
	if group := c.groups[name]; group != nil {
		return group
	}
	return []string{name}
}

// expect claims the entry that is expected, for each of the customers, or reports that there is none.
func (c *checker) expect(e *Expectation) error {
	for _, customer := range c.customers(e.Customer) {
		best := -1
		for _, i := range c.by[customer] {
			off := distance(c.log[i].At, e.At.Time)
			if c.claimed[i] || off > e.Within.Duration || best >= 0 && off >= distance(c.log[best].At, e.At.Time) {
				continue
			}
			same, err := c.matches(e, &c.log[i])
			if err != nil {
				return err
			}
			if same {
				best = i
			}
		}
		if best >= 0 {
			c.claimed[best] = true
			continue
		}
		d := Difference{
			Place: e.Place, At: e.At.Time, Customer: customer, Expected: e.words() + " at " + clock(e.At.Time),
			Happened: "it did not happen",
		}
		if err := c.explainMissing(&d, e, customer); err != nil {
			return err
		}
		c.found = append(c.found, d)
	}
	return nil
}

// explainMissing says what comes nearest to what was expected.
func (c *checker) explainMissing(d *Difference, e *Expectation, customer string) error {
	bare := *e
	bare.Text, bare.For, bare.Record = "", "", nil
	for _, i := range c.by[customer] {
		entry := &c.log[i]
		same, err := c.matches(&bare, entry)
		if err != nil {
			return err
		}
		if !same || c.claimed[i] || e.Record != nil {
			continue
		}
		if off := distance(entry.At, e.At.Time); off > e.Within.Duration {
			d.Happened = fmt.Sprintf("it happened at %s, which is %s off", clock(entry.At), off)
			break
		}
		d.Happened = "it is another one: " + entry.words()
		if text, err := c.text(entry); err == nil && e.Text != "" {
			d.Happened = fmt.Sprintf("its text is %q", clip(text))
		}
	}
	c.surround(d, customer, e.At.Add(e.Within.Duration))
	return nil
}

func (c *checker) never(e *Expectation) error {
	for _, customer := range c.customers(e.Customer) {
		for _, i := range c.by[customer] {
			entry := &c.log[i]
			if !e.From.IsZero() && entry.At.Before(e.From.Time) || !e.To.IsZero() && entry.At.After(e.To.Time) {
				continue
			}
			same, err := c.matches(e, entry)
			if err != nil {
				return err
			}
			if !same {
				continue
			}
			d := Difference{
				Place: e.Place, At: entry.At, Customer: customer, Expected: "never " + e.words(),
				Happened: entry.words() + " at " + clock(entry.At),
			}
			c.surround(&d, customer, entry.At)
			c.found = append(c.found, d)
			break
		}
	}
	return nil
}

func (c *checker) nothingElse() {
	for i := range c.log {
		entry := &c.log[i]
		if !entry.touches() || c.claimed[i] {
			continue
		}
		d := Difference{
			At: entry.At, Customer: entry.Customer, Expected: "nothing else (nothing_else: true)",
			Happened: entry.words() + " at " + clock(entry.At),
		}
		c.surround(&d, entry.Customer, entry.At)
		c.found = append(c.found, d)
	}
}

// touches reports whether an entry is a message, task or call.
func (e *Entry) touches() bool { return e.Kind == Sent || e.Kind == Task || e.Kind == Call }

// matches reports whether an entry is what an expectation speaks of, its moment aside.
func (c *checker) matches(x *Expectation, e *Entry) (bool, error) {
	if x.Campaign != "" && x.Campaign != e.Campaign || x.For != "" && x.For != e.Assignee || !x.is(e) {
		return false, nil
	}
	if x.Reason != "" && !strings.Contains(e.Reason, x.Reason) {
		return false, nil
	}
	if x.Text == "" {
		return true, nil
	}
	text, err := c.text(e)
	return strings.Contains(text, x.Text), err
}

func (c *checker) text(e *Entry) (string, error) {
	if c.render == nil {
		return e.Text, nil
	}
	return c.render(*e)
}

func (x *Expectation) is(e *Entry) bool {
	switch {
	case x.Email != "":
		return e.Kind == Sent && e.Channel == audience.Email && e.Step == x.Email
	case x.SMS != "":
		return e.Kind == Sent && e.Channel == audience.SMS && e.Step == x.SMS
	case x.Task != "":
		return e.Kind == Task && e.Step == x.Task
	case x.Call != "":
		return e.Kind == Call && e.Step == x.Call
	case x.Written != "":
		return e.Kind == Note && e.Step == x.Written
	case x.Webhook != "":
		return e.Kind == Webhook && e.Step == x.Webhook
	case x.Coupon != "":
		return e.Kind == Coupon && e.Step == x.Coupon
	case x.Entered != "":
		return e.Kind == Entered && e.Campaign == x.Entered
	case x.Left != "":
		return e.Kind == Ended && e.Campaign == x.Left
	case x.HeldOut != "":
		return e.Kind == HeldOut && e.Campaign == x.HeldOut
	case x.Record != nil:
		return e.Kind == Changed && includes(e.Values, x.Record)
	}
	return e.touches()
}

func includes(values, wanted map[string]any) bool {
	for name, want := range wanted {
		got, ok := values[name]
		if !ok || fmt.Sprint(got) != fmt.Sprint(want) {
			return false
		}
	}
	return true
}

// whats lists what an expectation names, in words.
func (x *Expectation) whats() []string {
	var all []string
	for _, w := range []struct{ kind, id string }{
		{"e-mail", x.Email},
		{"SMS", x.SMS},
		{"task", x.Task},
		{"call", x.Call},
		{"note", x.Written},
		{"webhook", x.Webhook},
		{"coupon", x.Coupon},
		{"entering", x.Entered},
		{"leaving", x.Left},
		{"being held out of", x.HeldOut},
	} {
		if w.id != "" {
			all = append(all, w.kind+" "+w.id)
		}
	}
	if x.Record != nil {
		all = append(all, "record changed to "+inWords(x.Record))
	}
	return all
}

func (x *Expectation) words() string {
	what := "any message, task or call"
	if whats := x.whats(); len(whats) > 0 {
		what = whats[0]
	}
	if x.For != "" {
		what += " for " + x.For
	}
	if x.Text != "" {
		what += fmt.Sprintf(" with the text %q", x.Text)
	}
	return what
}

func distance(a, b time.Time) time.Duration { return max(a.Sub(b), b.Sub(a)) }
