package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// report is everything that was measured.
type report struct {
	Machine     *machine `json:"machine"`
	Options     options  `json:"options"`
	Experiments []result `json:"experiments"`
}

func (r *report) save(file string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	if err := os.WriteFile(file, append(raw, '\n'), 0o644); err != nil { //nolint:gosec // figures are no secret
		return fmt.Errorf("write figures: %w", err)
	}
	return nil
}

// print shows the machine, then for each experiment the targets and the figures behind them.
func (r *report) print(out io.Writer) error {
	var b strings.Builder
	r.Machine.print(&b)
	for i := range r.Experiments {
		e := &r.Experiments[i]
		fmt.Fprintf(&b, "\n%s: ", e.Name)
		if e.Events > 0 {
			fmt.Fprintf(&b, "%d a run, ", e.Events)
		}
		fmt.Fprintf(&b, "median of %d runs\n\n", r.Options.Runs)
		for _, note := range e.Notes {
			fmt.Fprintf(&b, "  %s\n", note)
		}
		if len(e.Notes) > 0 {
			b.WriteByte('\n')
		}
		if err := printTargets(&b, e.Targets); err != nil {
			return err
		}
		b.WriteByte('\n')
		if err := printFigures(&b, e.Cases); err != nil {
			return err
		}
		if err := printStatements(&b, e.Statements); err != nil {
			return err
		}
	}
	b.WriteString("\nFigures are for each item. own: this process with the Temporal server in it; outside: the process that posts and\n" +
		"takes mail; p50 and p99: of an item's effect, of a request where events are only stored, of a question where rules\n" +
		"are asked; others: the share of the machine that other programs took meanwhile; limit: not ours.\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func (m *machine) print(b *strings.Builder) {
	fmt.Fprintf(b, "%d cores of %s, %s, %s", m.Cores, known(m.Processor), m.System, m.Go)
	if m.Revision != "" {
		fmt.Fprintf(b, ", revision %s", m.Revision)
	}
	fmt.Fprintf(b, "\nPostgreSQL %s, fsync %s, synchronous_commit %s; writing 8 KB to its disk takes %.2f ms\n",
		m.Postgres, m.Fsync, m.Commit, m.SyncMS)
	fmt.Fprintf(b, "load average before: %.1f", m.Load)
	if m.Load > float64(m.Cores)/2 {
		b.WriteString(" (others are at work here: trust the ratios, not the rates)")
	}
	b.WriteByte('\n')
}

func known(processor string) string {
	if processor == "" {
		return "an unknown processor"
	}
	return processor
}

func printTargets(b *strings.Builder, list []outcome) error {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, o := range list {
		value := func(v float64) string {
			if o.Ratio {
				return fmt.Sprintf("%.2f", v)
			}
			if v != 0 && v < 1 {
				return fmt.Sprintf("%.3f %s", v, o.Unit)
			}
			return fmt.Sprintf("%.1f %s", v, o.Unit)
		}
		aim := ""
		if o.Want != 0 {
			bound, verdict := "at least ", "missed"
			if o.Most {
				bound = "at most "
			}
			if o.met() {
				verdict = "met"
			}
			aim = bound + value(o.Want) + ": " + verdict
		}
		fmt.Fprintf(w, "  %s\t%s\t(%s … %s)\t%s\n", o.About, value(o.Value), value(o.Low), value(o.High), aim)
	}
	return w.Flush()
}

// printFigures shows the medians; columns that nobody filled are left out.
func printFigures(b *strings.Builder, cases []series) error {
	var shown []column
	for _, c := range columns() {
		for i := range cases {
			if *c.of(&cases[i].Median) != 0 {
				shown = append(shown, c)
				break
			}
		}
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "case\titems\t")
	for _, c := range shown {
		fmt.Fprint(w, c.head, "\t")
	}
	fmt.Fprintln(w)
	for i := range cases {
		s := &cases[i]
		name := s.Name
		if s.Limit {
			name = "(limit) " + name
		}
		fmt.Fprintf(w, "%s\t%d\t", name, s.Median.Items)
		for _, c := range shown {
			cell := "–"
			if v := *c.of(&s.Median); v != 0 {
				places := c.places
				if v < 10 { // what is small keeps two digits
					places = max(places, 1)
				}
				cell = fmt.Sprintf("%.*f", places, v)
			}
			fmt.Fprint(w, cell, "\t")
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

func printStatements(b *strings.Builder, list []statement) error {
	if len(list) == 0 {
		return nil
	}
	b.WriteString("\nWhat Postgres worked for, over all runs:\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "share\ttotal ms\tcalls\tmean µs\tpages\tWAL B\t")
	for _, s := range list {
		sql := []rune(s.SQL)
		fmt.Fprintf(w, "%.0f%%\t%.0f\t%d\t%.0f\t%.1f\t%.0f\t %s\n", 100*s.Share, s.TotalMS, s.Calls, s.MeanUS, s.Buffers, s.WAL,
			string(sql[:min(len(sql), 160)]))
	}
	return w.Flush()
}
