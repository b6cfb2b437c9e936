package content

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
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
	ctx      context.Context
	bindings Bindings
	until    time.Time
	turns    int
	work     int
	tracked  bool // links are marked
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
	case m.turns%16 == 0 && time.Now().After(m.until):
		return context.DeadlineExceeded
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

// lookup finds the value of an output that names one and does no more, without the library and without copying what else
// there is. What is not plain is left to the library.
func (m *meter) lookup(o *output) (any, bool) {
	if o.path == nil {
		return nil, false
	}
	v, ok := m.bindings[o.path[0]]
	for _, name := range o.path[1:] {
		fields, isMap := v.(map[string]any)
		if !isMap {
			return nil, false
		}
		v, ok = fields[name]
	}
	if !ok {
		return nil, false
	}
	switch s := v.(type) {
	case string:
		return v, !o.defaulted || s != "" && len(s) <= maxValue
	case bool, int, float64, json.Number:
		return m.normalise(v, 0), !o.defaulted
	default:
		return nil, false
	}
}

// plainName is a name that leads through a map and means nothing else.
var plainName = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)(?:\s*\|\s*default:\s*(?:"[^"\\]*"|'[^'\\]*'))?$`)

// plainPath gives the names of an output that shows one value, and whether a default stands behind it.
func plainPath(args string) (names []string, defaulted bool) {
	found := plainName.FindStringSubmatch(args)
	if found == nil {
		return nil, false
	}
	names = strings.Split(found[1], ".")
	if slices.Contains(constants, names[0]) {
		return nil, false
	}
	for _, name := range names[1:] {
		if slices.Contains([]string{"size", "first", "last"}, name) {
			return nil, false
		}
	}
	return names, found[1] != args
}
