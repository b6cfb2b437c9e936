package content

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/render"
)

// rendering fills in the parts of one message. It belongs to one goroutine.
type rendering struct {
	meter   meter
	tracker *tracker // nil where nothing is tracked
	shared  map[string]any
}

func newRendering(ctx context.Context, b Bindings) *rendering {
	return &rendering{meter: meter{ctx: ctx, bindings: b, until: time.Now().Add(maxTime)}}
}

// vars gives all variables as the library takes them. They are made when something asks for more than a plain value.
func (r *rendering) vars() map[string]any {
	if r.shared == nil {
		r.shared = make(map[string]any, len(r.meter.bindings)+3)
		for name, v := range r.meter.bindings {
			r.shared[name] = r.meter.normalise(v, 0)
		}
		r.shared[meterKey] = &r.meter
		r.shared["empty"], r.shared["blank"] = nothing{}, nothing{blank: true}
	}
	return r.shared
}

// filling fills in one part.
type filling struct {
	*rendering

	program *program
	out     *buffer
	own     map[string]any // the variables, where the part makes some of its own
	in      expressions.Context
	link    int // where the target of the link begins that is open
}

// Evaluate evaluates an expression with the variables of the part.
func (f *filling) Evaluate(e expressions.Expression) (any, error) {
	if f.in == nil {
		f.in = expressions.NewContext(f.vars(), f.program.cfg.Config.Config)
	}
	return e.Evaluate(f.in)
}

func (f *filling) vars() map[string]any {
	switch {
	case !f.program.assigns:
		return f.rendering.vars()
	case f.own == nil:
		f.own = maps.Clone(f.rendering.vars())
	}
	return f.own
}

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// maxKept is the size of a buffer that is used again, in bytes.
const maxKept = 64 << 10

func (r *rendering) fill(p *program) (out string, err error) {
	b, _ := buffers.Get().(*buffer)
	*b = buffer{bytes: b.bytes[:0]}
	defer func() {
		if v := recover(); v != nil { // the library panics on some data, and where a table's row cannot be written
			cause, ok := v.(error)
			if !ok {
				cause = fmt.Errorf("%v", v)
			}
			message, _, _ := strings.Cut(cause.Error(), "\n") // the library adds a stack trace
			out, err = "", (&Error{Part: p.part, Message: message, Err: cause}).advise()
		}
		if cap(b.bytes) <= maxKept {
			buffers.Put(b)
		}
	}()
	f := filling{rendering: r, program: p, out: b}
	for i := range p.pieces {
		if err := f.write(&p.pieces[i]); err != nil {
			return "", p.locate(err, p.pieces[i].line)
		}
	}
	if b.invalid {
		return strings.ToValidUTF8(string(b.bytes), "\uFFFD"), nil
	}
	return string(b.bytes), nil
}

// locate says where in the template as it was written something went wrong.
func (p *program) locate(err error, line int) *Error {
	e := located(p.part, err)
	if e.Line == 0 {
		e.Line = line
	}
	if p.lineOf != nil {
		at := p.lineOf(e.Line)
		e.Template, e.Line = at.template, at.line
	}
	return e
}

func (f *filling) write(pc *piece) error {
	if pc.trimLeft {
		f.out.trimLeft()
	}
	var err error
	switch pc.do {
	case writeText:
		if pc.text != "" { // an empty write would end the trimming of white space
			err = f.out.writeString(pc.text)
		}
	case writeOutput:
		err = f.writeOutput(pc.output)
	case writeTree:
		err = f.writeTree(pc)
	case assign:
		var v any
		if v, err = f.Evaluate(pc.value); err == nil {
			f.vars()[pc.name] = v
		}
	case openLink:
		f.link = len(f.out.bytes)
	case closeLink:
		err = f.track(f.link)
	}
	if pc.trimRight {
		f.out.trimRight()
	}
	return err
}

func (f *filling) writeOutput(o *output) error {
	s, err := o.text(&f.meter, f)
	if err != nil || s == "" {
		return err
	}
	f.out.invalid = f.out.invalid || !utf8.ValidString(s)
	return f.out.writeString(s)
}

func (f *filling) writeTree(pc *piece) error {
	from := len(f.out.bytes)
	if err := render.Render(pc.tree, f.out, f.vars(), f.program.cfg); err != nil {
		return err
	}
	f.out.invalid = f.out.invalid || !utf8.Valid(f.out.bytes[from:])
	if pc.links && f.tracker != nil {
		return f.trackMarked(from)
	}
	return nil
}

// buffer is a part as far as it is filled in. It trims white space as the library's writer does.
type buffer struct {
	bytes   []byte
	last    int  // where the last thing begins that was written
	trim    bool // white space at the begin of what comes next goes
	invalid bool // something in it is no UTF-8
}

// Write fails when the part is full.
func (b *buffer) Write(p []byte) (int, error) {
	if len(b.bytes)+len(p) > maxOutput {
		return 0, ErrTooLong
	}
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

func (b *buffer) writeString(s string) error {
	if b.trim {
		s, b.trim = strings.TrimLeftFunc(s, unicode.IsSpace), false
	} else {
		b.last = len(b.bytes)
	}
	if len(b.bytes)+len(s) > maxOutput {
		return ErrTooLong
	}
	b.bytes = append(b.bytes, s...)
	return nil
}

func (b *buffer) trimLeft() {
	b.bytes = append(b.bytes[:b.last], bytes.TrimRightFunc(b.bytes[b.last:], unicode.IsSpace)...)
	b.last = len(b.bytes)
}

func (b *buffer) trimRight() { b.trim = true }
