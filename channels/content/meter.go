package content

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/osteele/liquid/render"
)

// The bounds of filling in one message. The time is a last resort for a busy machine; the other bounds end a runaway
// template within a fraction of it.
const (
	maxTime   = 5 * time.Second
	maxTurns  = 100_000 // turns of loops and outputs, all together
	maxWork   = 8 << 20 // bytes written, also into captures
	maxOutput = 2 << 20 // bytes of one part
)

// Bindings are the variables of a template: customer, event, entry and so on.
type Bindings = map[string]any

// meterKey is a variable that no template can name.
const meterKey = "\x00meter"

// meter bounds one rendering. It belongs to one goroutine.
type meter struct {
	ctx   context.Context
	turns int
	work  int
	// missing is why the Missing that was read last has no value; "" where none was.
	missing string
}

// spend is called for every turn of a loop and for every output, with the bytes about to be written.
func (m *meter) spend(bytes int) error {
	m.turns++
	m.work += bytes
	switch {
	case m.turns > maxTurns:
		return ErrTooBusy
	case m.work > maxWork:
		return ErrTooLong
	default:
		return m.ctx.Err()
	}
}

// meterOf finds the rendering's meter. One that is not there has nothing left to spend.
func meterOf(ctx render.Context) *meter {
	if m, ok := ctx.Get(meterKey).(*meter); ok {
		return m
	}
	return &meter{ctx: context.Background(), turns: maxTurns}
}

// rendering fills in the parts of one message.
type rendering struct{ vars map[string]any }

func newRendering(ctx context.Context, b Bindings) (*rendering, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	vars := make(map[string]any, len(b)+3)
	m := &meter{ctx: ctx}
	for name, v := range b {
		vars[name] = m.normalise(v, 0)
	}
	vars[meterKey] = m
	vars["empty"], vars["blank"] = nothing{}, nothing{blank: true}
	return &rendering{vars: vars}, cancel
}

func (r *rendering) fill(p *program) (out string, err error) {
	defer func() {
		if v := recover(); v != nil { // the library panics on some data, and where a table's row cannot be written
			cause, ok := v.(error)
			if !ok {
				cause = fmt.Errorf("%v", v)
			}
			message, _, _ := strings.Cut(cause.Error(), "\n") // the library adds a stack trace
			out, err = "", (&Error{Part: p.part, Message: message, Err: cause}).advise()
		}
	}()
	w := &limitedWriter{left: maxOutput}
	if rerr := render.Render(p.root, w, r.vars, p.cfg); rerr != nil {
		return "", located(p.part, rerr)
	}
	return strings.ToValidUTF8(w.b.String(), "\uFFFD"), nil
}

type limitedWriter struct {
	b    strings.Builder
	left int
}

// Write fails when the part is full.
func (w *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		return 0, ErrTooLong
	}
	w.left -= len(p)
	return w.b.Write(p)
}
