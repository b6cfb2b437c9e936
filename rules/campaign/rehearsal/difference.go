package rehearsal

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// Difference is one thing that is not as a scenario expects it.
type Difference struct {
	Place              // in the scenario file; zero for what was not expected at all
	At       time.Time `json:"at"`
	Customer string    `json:"customer,omitempty"`
	Expected string    `json:"expected"`
	Happened string    `json:"happened"`
	Nearest  []string  `json:"nearest,omitempty"` // what she got around that moment
	Because  []string  `json:"because,omitempty"` // the decisions that led there, latest last
}

// String gives the difference in a few lines.
func (d Difference) String() string {
	var b strings.Builder
	if d.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", d.Line)
	}
	if d.Customer != "" {
		b.WriteString(d.Customer + ": ")
	}
	fmt.Fprintf(&b, "expected %s\n  happened: %s", d.Expected, d.Happened)
	for _, line := range d.Nearest {
		b.WriteString("\n  around it: " + line)
	}
	for _, line := range d.Because {
		b.WriteString("\n  because: " + line)
	}
	return b.String()
}

const (
	nearest = 4 // things around a moment that a difference lists
	latest  = 3 // decisions before it
)

// surround says what a customer got around the moment, and which decisions led there.
func (c *checker) surround(d *Difference, customer string, upTo time.Time) {
	var around, decisions []int
	for _, i := range c.by[customer] {
		switch e := &c.log[i]; e.Kind {
		case Sent, Task, Call, Suppressed, Delayed, Entered, Ended:
			around = append(around, i)
		case Decided, NotEntered, HeldOut, Problem:
			if !e.At.After(upTo) {
				decisions = append(decisions, i)
			}
		case Happened, Changed, Joined, Left, Note, Owner, Coupon, Redeemed, Webhook:
		}
	}
	slices.SortStableFunc(around, func(a, b int) int {
		return int(distance(c.log[a].At, d.At).Microseconds() - distance(c.log[b].At, d.At).Microseconds())
	})
	around = around[:min(nearest, len(around))]
	slices.Sort(around)
	for _, i := range around {
		d.Nearest = append(d.Nearest, clock(c.log[i].At)+" "+c.log[i].words())
	}
	for _, i := range decisions[max(0, len(decisions)-latest):] {
		d.Because = append(d.Because, clock(c.log[i].At)+" "+c.log[i].words())
	}
}

// words says what an entry is about, in a line.
func (e *Entry) words() string {
	said := string(e.Kind)
	switch e.Kind {
	case Sent:
		said = fmt.Sprintf("%s %s", inEnglish(e.Channel), e.Step)
	case Suppressed:
		said = fmt.Sprintf("%s %s left out: %s", inEnglish(e.Channel), e.Step, e.Reason)
	case Delayed:
		said = fmt.Sprintf("%s %s waits: %s", inEnglish(e.Channel), e.Step, e.Reason)
	case Task, Call:
		said = fmt.Sprintf("%s %s", e.Kind, e.Step)
		if e.Assignee != "" {
			said += " for " + e.Assignee
		}
	case Decided:
		said = strings.TrimSpace(fmt.Sprintf("%s %s", e.Detail, e.Step)) + ": " + e.Outcome + " (" + e.Reason + ")"
	case Entered, NotEntered, HeldOut:
		said = fmt.Sprintf("%s %s: %s", e.Kind, e.Campaign, e.Reason)
	case Ended:
		said = fmt.Sprintf("left %s: %s", e.Campaign, e.Outcome)
		if e.Reason != e.Outcome {
			said += ", " + e.Reason
		}
	case Changed:
		said = "record changed to " + inWords(e.Values)
	case Problem:
		said = "problem: " + e.Reason
	case Happened, Joined, Left, Note, Owner, Coupon, Redeemed, Webhook:
		said = strings.TrimSpace(fmt.Sprintf("%s %s%s%s", e.Kind, e.Event, e.Step, e.Outcome))
	}
	if len(e.Values) > 0 && e.Kind != Changed {
		said += " [" + inWords(e.Values) + "]"
	}
	return said
}

// String says when what happened to whom, in a line.
func (e Entry) String() string { return fmt.Sprintf("%s %s %s", clock(e.At), e.Customer, e.words()) }

func inEnglish(c audience.Channel) string {
	if c == audience.SMS {
		return "SMS"
	}
	return "e-mail"
}

func inWords(values map[string]any) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, fmt.Sprintf("%s: %s", name, clip(fmt.Sprint(values[name]))))
	}
	return strings.Join(all, ", ")
}

func clip(s string) string {
	const longest = 80
	if runes := []rune(s); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return s
}

// went gives the arm of a split that a customer went; "" if the entry is about something else.
func (e *Entry) went(split string) string {
	if e.Kind != Decided || e.Detail != campaign.DecisionSplit || e.Customer == "" || e.Step != split {
		return ""
	}
	return e.Outcome
}

// what names what is counted; "" if nothing is.
func (n *Count) what() string {
	for _, w := range []struct{ kind, id string }{
		{"e-mails", n.Email},
		{"text messages", n.SMS},
		{"tasks", n.Task},
		{"calls", n.Call},
		{"who entered", n.Entered},
		{"who did not enter", n.Refused},
		{"who was held out of", n.HeldOut},
		{"who left", n.Left},
		{"in arm " + n.Arm + " of", n.Split},
	} {
		if w.id != "" {
			return w.kind + " " + w.id
		}
	}
	return ""
}

func (c *checker) count(n *Count) {
	got, what := c.tally(n), n.what()
	for _, part := range n.Sum {
		got += c.tally(&part)
		what = strings.TrimPrefix(what+" and "+part.what(), " and ")
	}
	var wanted string
	switch {
	case n.Is != nil && got != *n.Is:
		wanted = fmt.Sprintf("exactly %d", *n.Is)
	case n.Min != nil && got < *n.Min:
		wanted = fmt.Sprintf("at least %d", *n.Min)
	case n.Max != nil && got > *n.Max:
		wanted = fmt.Sprintf("at most %d", *n.Max)
	default:
		return
	}
	c.found = append(c.found, Difference{
		Place: n.Place, At: c.scenario.Until.Time, Expected: wanted + " " + what, Happened: fmt.Sprintf("there were %d", got),
	})
}

// tally counts the entries that a count speaks of.
func (c *checker) tally(n *Count) int {
	if n.what() == "" {
		return 0
	}
	only := map[string]bool{}
	if n.Customer != "" {
		for _, id := range c.customers(n.Customer) {
			only[id] = true
		}
	}
	total := 0
	for i := range c.log {
		e := &c.log[i]
		if !n.From.IsZero() && e.At.Before(n.From.Time) || !n.To.IsZero() && e.At.After(n.To.Time) {
			continue
		}
		if (len(only) == 0 || only[e.Customer]) && (n.Campaign == "" || n.Campaign == e.Campaign) && n.is(e) {
			total++
		}
	}
	return total
}

func (n *Count) is(e *Entry) bool {
	switch {
	case n.Refused != "":
		return e.Kind == NotEntered && e.Campaign == n.Refused
	case n.Split != "":
		return e.went(n.Split) == n.Arm
	}
	x := Expectation{
		Email: n.Email, SMS: n.SMS, Task: n.Task, Call: n.Call, Entered: n.Entered, Left: n.Left, HeldOut: n.HeldOut,
	}
	return x.is(e)
}
