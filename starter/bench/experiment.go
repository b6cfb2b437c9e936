package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
)

// experiment is a set of cases that run in turns in one lab, so that they can be compared.
type experiment struct {
	name   string
	about  string
	events int // in each run, unless told otherwise
	batch  int // in each request, unless told otherwise

	engine  bool // a Temporal server and the worker run
	ordered bool // the cases run in their order always: a later one takes up what an earlier one left
	resumes bool // in the lab of the experiment before it, with whatever that left there
	// setup prepares the lab: it publishes, warms up, and readies what the cases need.
	setup   func(ctx context.Context, l *lab, p plan) error
	cases   []benchCase
	targets []target
}

// benchCase is one thing that is measured.
type benchCase struct {
	name  string
	about string
	unit  string // what is counted
	limit bool   // what the machine can do at best: not ours
	run   func(ctx context.Context, l *lab, p plan) (figures, error)
}

// target compares figures of two cases, run by run, or holds one against a bound.
type target struct {
	about string
	of    column
	ours  string
	limit string  // the case to divide by; "" to hold the figure itself against want
	less  bool    // subtract that case instead
	want  float64 // 0: no aim, shown only
	most  bool    // want is the most that is good, rather than the least
}

// plan is what a run is told.
type plan struct {
	options
	label    string // unique for each run: it goes into every id
	progress func(done, total int)
	begin    func(stage string) func(done, total int) // in the set-up: what is done next, which has a progress of its own
}

// result is everything one experiment came to.
type result struct {
	Name       string      `json:"name"`
	Events     int         `json:"events,omitempty"`
	Notes      []string    `json:"notes,omitempty"`
	Cases      []series    `json:"cases"`
	Targets    []outcome   `json:"targets"`
	Statements []statement `json:"statements,omitempty"`
}

// series are the runs of a case.
type series struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Limit  bool      `json:"limit"`
	Runs   []figures `json:"runs"`
	Median figures   `json:"median"`
}

// measure runs experiments, each in a lab of its own, and reports.
func measure(ctx context.Context, o options, out io.Writer, list ...experiment) error {
	if err := o.check(); err != nil {
		return err
	}
	rep := report{Options: o}
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].resumes {
			n++
		}
		if err := rep.add(ctx, o, list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	if err := rep.print(out); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	if o.JSON != "" {
		return rep.save(o.JSON)
	}
	return nil
}

// add runs experiments that share a lab.
func (r *report) add(ctx context.Context, o options, list []experiment) (err error) {
	l, err := openLab(ctx, o, list[0].engine)
	if err != nil {
		return fmt.Errorf("measure %s: %w", list[0].name, err)
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if r.Machine == nil {
		if r.Machine, err = l.describe(ctx); err != nil {
			return err
		}
	}
	for i := range list {
		if list[i].engine && l.temporal == nil {
			if err := l.startEngine(ctx); err != nil {
				return fmt.Errorf("measure %s: %w", list[i].name, err)
			}
		}
		done, err := list[i].measure(ctx, l, o)
		if err != nil {
			return fmt.Errorf("measure %s: %w", list[i].name, errors.Join(err, l.broken()))
		}
		r.Experiments = append(r.Experiments, done)
	}
	return nil
}

func (e *experiment) measure(ctx context.Context, l *lab, o options) (result, error) {
	if o.Events == 0 || e.events == 0 {
		o.Events = e.events
	}
	if o.Batch == 0 {
		o.Batch = e.batch
	}
	res := result{Name: e.name, Events: o.Events}
	for _, c := range e.cases {
		res.Cases = append(res.Cases, series{Name: c.name, Unit: c.unit, Limit: c.limit})
	}
	bars := newBars(os.Stderr)
	begin := func(stage string) func(int, int) { return bars.start(e.name + ": " + stage) }
	warm := plan{options: o, label: "w", progress: begin("warming up"), begin: begin}
	if err := e.setup(ctx, l, warm); err != nil {
		return res, fmt.Errorf("set up: %w", err)
	}
	res.Notes, l.notes = l.notes, nil
	if err := l.resetStatements(ctx); err != nil {
		return res, err
	}
	for run := range o.Runs {
		for i := range e.cases {
			if run%2 == 1 && !e.ordered { // in the opposite order, so that what drifts favours neither side
				i = len(e.cases) - 1 - i
			}
			title := fmt.Sprintf("%s %d/%d: %s", e.name, run+1, o.Runs, e.cases[i].name)
			p := plan{options: o, label: fmt.Sprintf("r%d-%s", run, e.cases[i].name), progress: bars.start(title)}
			f, err := e.cases[i].profiled(ctx, l, p, run)
			if err != nil {
				return res, fmt.Errorf("run %s: %w", e.cases[i].name, err)
			}
			res.Cases[i].Runs = append(res.Cases[i].Runs, f)
		}
	}
	bars.end()
	for i := range res.Cases {
		res.Cases[i].Median = medianFigures(res.Cases[i].Runs)
	}
	for _, t := range e.targets {
		res.Targets = append(res.Targets, t.judge(res.Cases))
	}
	var err error
	res.Statements, err = l.statements(ctx)
	return res, err
}

// profiled runs the case, under the profiler where that was asked for.
func (c *benchCase) profiled(ctx context.Context, l *lab, p plan, run int) (figures, error) {
	if p.CPUProfile == "" || run > 0 || c.limit {
		return c.run(ctx, l, p)
	}
	ext := filepath.Ext(p.CPUProfile)
	f, err := os.Create(strings.TrimSuffix(p.CPUProfile, ext) + "." + c.name + ext)
	if err != nil {
		return figures{}, fmt.Errorf("make profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return figures{}, errors.Join(fmt.Errorf("start profile: %w", err), f.Close())
	}
	got, err := c.run(ctx, l, p)
	pprof.StopCPUProfile()
	return got, errors.Join(err, f.Close())
}

// outcome is what a target came to.
type outcome struct {
	About string  `json:"about"`
	Value float64 `json:"value"` // median over the runs
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Want  float64 `json:"want,omitempty"`
	Most  bool    `json:"most,omitempty"`
	Ratio bool    `json:"ratio"`
	Unit  string  `json:"unit,omitempty"`
}

// met says whether the aim was reached.
func (o *outcome) met() bool {
	if o.Most {
		return o.Value <= o.Want
	}
	return o.Value >= o.Want
}

// judge divides within each run, where both sides met the same machine, and takes the median after.
func (t *target) judge(all []series) outcome {
	o := outcome{About: t.about, Want: t.want, Most: t.most, Ratio: t.limit != "" && !t.less, Unit: t.of.unit}
	ours := find(all, t.ours)
	values := make([]float64, len(ours))
	for i := range ours {
		values[i] = *t.of.of(&ours[i])
		switch {
		case t.limit == "":
		case t.less:
			values[i] -= *t.of.of(&find(all, t.limit)[i])
		default:
			values[i] = divide(values[i], *t.of.of(&find(all, t.limit)[i]))
		}
	}
	if len(values) > 0 {
		o.Value, o.Low, o.High = median(values), slices.Min(values), slices.Max(values)
	}
	return o
}

func find(all []series, name string) []figures {
	for _, s := range all {
		if s.Name == name {
			return s.Runs
		}
	}
	return nil
}

func divide(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// describe lists what can be measured.
func describe(out io.Writer, list []experiment) error {
	var b strings.Builder
	for _, e := range list {
		fmt.Fprintf(&b, "%s: %s\n", e.name, e.about)
		if e.events > 0 {
			fmt.Fprintf(&b, "  %d a run, %d a request\n", e.events, e.batch)
		}
		for _, c := range e.cases {
			kind := "ours "
			if c.limit {
				kind = "limit"
			}
			fmt.Fprintf(&b, "  %s  %-16s %s\n", kind, c.name, c.about)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(out, b.String())
	return err
}
