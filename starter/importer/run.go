package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"dotyk/activities/store"
)

// Run imports a file. The error is a *MappingError, a *FileError, the context's, or what the store or the disk says;
// after the last three the same call goes on where this one stopped, and the Summary tells of what is committed.
func Run(ctx context.Context, st Store, o Options) (Summary, error) {
	o = o.withDefaults()
	began := o.Now()
	m, err := LoadMapping(o.Map)
	if err != nil {
		return Summary{}, err
	}
	if m.kind != o.Kind {
		return Summary{}, &MappingError{Mapping: m.name, Problems: []Problem{{
			Reason: fmt.Sprintf("it is for %s, and not for %s", m.kind, o.Kind), Advice: fmt.Sprintf("try: starter import %s", m.kind),
		}}}
	}
	o.Encoding = strings.TrimSpace(firstOf(o.Encoding, m.encoding))
	f, err := openFile(o.File, firstOf(o.Delimiter, m.delimiter), o.Encoding)
	if err != nil {
		return Summary{}, err
	}
	sum, err := runFile(ctx, st, o, m, f)
	sum.Elapsed = o.Now().Sub(began)
	if closed := f.Close(); err == nil && closed != nil {
		err = fmt.Errorf("close file: %w", closed)
	}
	return sum, err
}

func firstOf(flag, mapping string) string {
	if flag == "auto" {
		return ""
	}
	if flag != "" {
		return flag
	}
	return mapping
}

func runFile(ctx context.Context, st Store, o Options, m *Mapping, f *file) (Summary, error) {
	if err := m.bind(f.header); err != nil {
		return Summary{}, err
	}
	if same, err := sameFile(o.Report, f); err != nil {
		return Summary{}, err
	} else if same {
		return Summary{}, &FileError{File: o.Report, Reason: "the report would overwrite the file", Advice: "name another with --report"}
	}
	sourceName := string(m.kind)
	if m.source != "" {
		sourceName = m.source
	}
	src, err := st.EnsureSource(ctx, o.Workspace, "import:"+sourceName)
	if err != nil {
		return Summary{}, fmt.Errorf("import %s: %w", o.File, err)
	}
	r := &run{
		o: o, m: m, f: f, store: st, source: src, startedAt: o.Now(), counts: newCounts(), zones: map[string]bool{},
		meter: &meter{out: o.Progress, terminal: o.Terminal, now: o.Now},
		state: state{Identity: newIdentity(o, m, f), Position: position{Offset: f.start, Line: f.startLine}},
	}
	err = r.all(ctx)
	if err != nil {
		err = fmt.Errorf("import %s: %w", o.File, err)
	}
	return r.summary(err == nil), err
}

func sameFile(path string, f *file) (bool, error) {
	other, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at report: %w", err)
	}
	own, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("look at file: %w", err)
	}
	return os.SameFile(other, own), nil
}

// run is one import under way.
type run struct {
	o         Options
	m         *Mapping
	f         *file
	store     Store
	source    store.Source
	startedAt time.Time
	meter     *meter
	report    *report
	zones     map[string]bool // time zones that were looked up

	state    state  // as it was last saved
	counts   counts // of everything read so far
	units    []unit // to be stored with the next commit
	waiting  int    // lines in units
	buffered int    // most lines held at a time
	resumed  int
	note     string
}

// held is a line that may yet go to the report.
type held struct {
	line int
	raw  string
}

// unit is a message with the lines it was made of.
type unit struct {
	message store.Message
	lines   []held
}

// assembler makes units of rows.
type assembler interface {
	// boundary says whether everything before the row can be committed without it. It finishes what the row does not
	// belong to.
	boundary(l line) bool
	take(got row, l line)
	finish()
	holding() int // lines not yet given to the run
}

func (r *run) assembler() assembler {
	if r.m.orders != nil {
		return &orders{run: r, m: r.m.orders}
	}
	return &customers{run: r, m: r.m.customers}
}

func (r *run) all(ctx context.Context) (err error) {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	defer func() { // an empty report stays while the import is unfinished: its size is part of the state
		err = errors.Join(err, r.report.close(err == nil && r.counts.Lines.Rejected == 0 && r.counts.Lines.Partial == 0))
	}()
	rows, closeRows, err := r.rows(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeRows()) }()
	r.meter.begin("importing", r.f.size, r.state.Position.Offset)
	defer r.meter.end()
	if err := r.loop(ctx, rows); err != nil {
		return err
	}
	return removeState(r.o.statePath())
}

// prepare finds out where to begin, opens the report, and surveys the file where no earlier run has.
func (r *run) prepare(ctx context.Context) error {
	saved, found, why, err := loadState(r.o.statePath(), r.state.Identity)
	switch {
	case err != nil:
		return err
	case r.o.Restart && (found || why != ""):
		r.note = "as asked"
	case found:
		r.report, err = openReport(r.o.Report, saved.ReportSize)
		if err == nil {
			r.state, r.counts, r.resumed = saved, saved.Counts.clone(), saved.Counts.Lines.Read
			r.meter.say("going on after %s lines, where an earlier import stopped", grouped(r.resumed))
			return nil
		}
		if !errors.Is(err, errShortReport) {
			return err
		}
		r.note = "its report is gone"
	default:
		r.note = why
	}
	if r.note != "" {
		r.meter.say("an earlier import of this file was cut off; beginning anew: %s", r.note)
	}
	if r.state.Survey, err = r.f.survey(ctx, r.m, r.o.Encoding, r.meter); err != nil {
		return err
	}
	r.report, err = openReport(r.o.Report, 0)
	return err
}

// rows gives the rows from where to begin, and what must be called after the last.
func (r *run) rows(ctx context.Context) (source, func() error, error) {
	decode, _ := decoder(r.state.Survey.Encoding)
	if !r.state.Survey.Scattered {
		return r.f.rows(r.state.Position.Offset, r.state.Position.Line, decode), func() error { return nil }, nil
	}
	r.meter.say("the lines of some orders do not stand together: sorting the file first")
	r.meter.begin("sorting", r.f.size, r.f.start)
	defer r.meter.end()
	key := func(got row) string { return r.m.orders.orderID.text(line{got.cells, r.m.at}) }
	count := 0
	sorted, err := sortRows(ctx, r.f.rows(r.f.start, r.f.startLine, decode), sortChunk, key, func(got row) {
		if count++; count%1000 == 0 {
			r.meter.at(got.end, count)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	for range r.counts.Lines.Read {
		if _, err := sorted.next(); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("skip what is stored: %w", err), sorted.close())
		}
	}
	return sorted, sorted.close, nil
}

// loop reads row by row, and commits whenever a batch is full and nothing is half read.
func (r *run) loop(ctx context.Context, rows source) error {
	made := r.assembler()
	at := r.state.Position
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		got, err := rows.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		l := line{got.cells, r.m.at}
		at.Line = got.line - 1
		if made.boundary(l) && r.full() {
			if err := r.commit(ctx, at); err != nil {
				return err
			}
		}
		r.counts.Lines.Read++
		if got.blank() {
			r.skip("blank line")
		} else {
			made.take(got, l)
		}
		at.Offset = got.end
		r.buffered = max(r.buffered, r.waiting+made.holding())
		if r.counts.Lines.Read%1000 == 0 {
			r.meter.at(at.Offset, r.counts.Lines.Read)
		}
	}
	made.finish()
	return r.commit(ctx, at)
}

// check says what is wrong with a row as such.
func (r *run) check(got row) *lineError {
	columns := len(got.cells)
	for columns > len(r.f.header) && strings.TrimSpace(got.cells[columns-1]) == "" {
		columns-- // spreadsheets export empty columns on the right
	}
	switch {
	case got.fault != nil:
		return got.fault
	case columns != len(r.f.header):
		return &lineError{
			fmt.Sprintf("the line has %d columns, and the header has %d", columns, len(r.f.header)),
			"put cells that hold the delimiter or line breaks into double quotes",
		}
	}
	return nil
}

func (r *run) skip(reason string) { r.counts.Lines.Skipped[reason]++ }

func (r *run) reject(h held, wrong *lineError) {
	r.counts.Lines.Rejected++
	r.report.add(h, wrong)
}

func (r *run) emit(u unit) {
	r.units = append(r.units, u)
	r.waiting += len(u.lines)
}

func (r *run) summary(done bool) Summary {
	c := r.counts
	if !done {
		c = r.state.Counts
	}
	s := Summary{
		Lines: c.Lines, Messages: c.Messages, Customers: c.Customers, Encoding: r.state.Survey.Encoding,
		Sorted: r.state.Survey.Scattered, Resumed: r.resumed, Note: r.note, Buffered: r.buffered,
	}
	if c.Lines.Rejected > 0 || c.Lines.Partial > 0 {
		s.Report = r.o.Report
	}
	return s
}
