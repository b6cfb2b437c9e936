package rules

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// The budgets of one evaluation. The costliest rule that keeps within them takes well under a second.
const (
	maxWork   = 1_000_000 // items looked at, times the parts of what is evaluated for each
	maxMemory = 100_000   // items of all lists that the rule builds
	maxText   = 64 * 1024 // bytes of a text that the rule builds
)

// run is one evaluation of a rule: what it may look at, what it has spent, and what it has looked up.
type run struct {
	env    *Env
	now    time.Time // of env, in whole microseconds
	work   int
	until  time.Time      // the next moment at which time may change the answer; zero for never
	values map[string]any // nil if nobody wants to know
}

func newRun(env *Env) *run { return &run{env: env, now: instant(env.Now)} }

// spend takes from the budget of work. It fails once that is used up, so that no loop goes on for long.
func (r *run) spend(work int) error {
	r.work += work
	if r.work > maxWork {
		return ErrWork
	}
	return nil
}

const (
	textPerWork    = 64 // bytes of text looked through at the cost of one unit of work
	patternPerWork = 32 // the same for matches, times the size of its pattern
)

// spendOnText pays for looking through a text. Anything else costs nothing.
func (r *run) spendOnText(v any) error {
	s, _ := v.(string)
	return r.spend(len(s) / textPerWork)
}

// execute runs a program within the budgets. The error is an *Error.
func (r *run) execute(src string, program *vm.Program) (any, error) {
	machine := vm.VM{MemoryBudget: maxMemory}
	result, err := machine.Run(program, r)
	if err != nil {
		return nil, runError(src, err)
	}
	return result, nil
}

func runError(src string, err error) *Error {
	var fault *file.Error
	if !errors.As(err, &fault) {
		return newError(src, 0, err.Error())
	}
	e := newError(src, fault.From, fault.Message)
	e.cause = fault.Prev
	if strings.Contains(fault.Message, "memory budget exceeded") {
		e.Message, e.cause = ErrMemory.Error(), ErrMemory
	}
	return e
}

const (
	maxNotedText  = 200 // characters of a text that Values keeps
	maxNotedItems = 20  // items of a list, or fields of an object, that Values keeps
	maxNotedDepth = 4
)

// note remembers what a lookup gave, cut to a size that can be kept with every decision.
func (r *run) note(text string, value any) {
	if r.values != nil {
		r.values[clipText(text)] = clip(jsonSafe(value), maxNotedDepth)
	}
}

func clip(v any, depth int) any {
	switch v := v.(type) {
	case string:
		return clipText(v)
	case []any:
		if depth == 0 {
			return "…"
		}
		short := make([]any, 0, min(len(v), maxNotedItems+1))
		for _, item := range v[:min(len(v), maxNotedItems)] {
			short = append(short, clip(item, depth-1))
		}
		if len(v) > maxNotedItems {
			short = append(short, "…")
		}
		return short
	case map[string]any:
		if depth == 0 {
			return "…"
		}
		short := make(map[string]any, min(len(v), maxNotedItems))
		for _, key := range sortedKeys(v)[:min(len(v), maxNotedItems)] {
			short[clipText(key)] = clip(v[key], depth-1)
		}
		return short
	}
	return v
}

func clipText(s string) string {
	if utf8.RuneCountInString(s) <= maxNotedText {
		return s
	}
	return string([]rune(s)[:maxNotedText]) + "…"
}
