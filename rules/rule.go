package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Want says what a rule is to give.
type Want uint8

// What a rule can be asked to give.
const (
	WantBool  Want = iota // true or false
	WantValue             // anything that JSON can hold
	WantText              // text, or missing
)

// Options says what a rule may name, and what it must give.
type Options struct {
	Event     bool     // event.… exists: the rule judges an event
	EventName string   // the name of that event; "" if it can be one of several
	Entry     bool     // entry.… exists: the rule belongs to a journey, or to the entry into one
	Results   []string // ids of earlier steps that have a result
	Sent      []string // ids of earlier steps that send a message, for sent("…")
	Later     []string // ids of steps that exist but do not come before; only for a better message
	Want      Want
	Schema    *Schema // what is known of the workspace's data; nil for nothing
}

// Rule is a compiled rule. It is immutable and safe for concurrent use.
type Rule struct {
	source   string
	want     Want
	root     part
	parts    map[ast.Node]part // what is known of each node of the tree that runs
	written  map[ast.Node]part // what became of each node as it was written, outside of loops
	tree     ast.Node          // as it was written
	program  *vm.Program
	needs    Needs
	results  []string
	always   *bool
	warnings []*Error
}

// Compile reads and checks a rule. The error is always an *Error, with the place of the mistake; it also matches one of
// this package's Err values where a limit was exceeded, or the result is not a boolean.
func Compile(src string, opts Options) (*Rule, error) {
	tree, fault := parse(src)
	if fault != nil {
		return nil, fault
	}
	r := &resolver{src: src, opts: opts, parts: map[ast.Node]part{}, written: map[ast.Node]part{}}
	p := r.result(tree)
	if r.err != nil {
		return nil, r.err
	}
	if slices.Contains(r.needs.Properties, "") { // of an event that can be one of several
		r.needs.Properties = sortedKeys(r.needs.History)
	}
	always := r.known(p)
	program, err := assemble(src, p.node)
	if err != nil {
		return nil, newError(src, 0, err.Error())
	}
	rule := &Rule{
		source: src, want: opts.Want, root: p, parts: r.parts, written: r.written, tree: tree, program: program,
		needs: r.needs, results: r.results, warnings: r.warnings,
	}
	if opts.Want == WantBool {
		rule.always = always
	}
	return rule, nil
}

// result resolves the whole rule and checks that it gives what is wanted.
func (r *resolver) result(n ast.Node) part {
	if r.opts.Want == WantBool {
		return r.truth(n)
	}
	p := r.part(n)
	switch {
	case r.err != nil:
	case p.kind == kindEvent:
		return r.fail(n, fmt.Sprintf("%s is an event; name one of its properties", brief(n)))
	case p.item == kindEvent:
		return r.fail(n, fmt.Sprintf("%s is a list of events; take what you want of them with map(…, .total)", brief(n)))
	case r.opts.Want == WantText && !p.known().may(kindText):
		return r.fail(n, fmt.Sprintf("%s is %s, where text is wanted", brief(n), p.known()))
	}
	return p
}

// assemble turns a resolved tree into a program.
func assemble(src string, node ast.Node) (*vm.Program, error) {
	config := conf.CreateNew()
	config.Functions = vmFunctions
	config.Optimize = false
	program, err := compiler.Compile(&parser.Tree{Node: node, Source: file.NewSource(src)}, config)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n") // behind it may be a stack trace
		return nil, fmt.Errorf("assemble rule: %s", first)
	}
	return program, nil
}

// Source is the text of the rule, as it was given to Compile.
func (r *Rule) Source() string { return r.source }

// Needs says what the environment must hold for the rule.
func (r *Rule) Needs() Needs { return r.needs.Merge(Needs{}) }

// Results lists, in order, the ids of the steps whose outcome the rule looks at.
func (r *Rule) Results() []string { return slices.Clone(r.results) }

// Always reports whether a rule gives the same answer whatever the environment, and which.
func (r *Rule) Always() (held, always bool) {
	if r.always == nil {
		return false, false
	}
	return *r.always, true
}

// Warnings are what may be mistakes: names that the workspace knows nothing of yet. The rule works all the same.
func (r *Rule) Warnings() []*Error { return slices.Clone(r.warnings) }

// Bool evaluates a rule that answers yes or no; a missing answer is no. The error is an *Error: a budget was exceeded
// (ErrWork, ErrMemory).
func (r *Rule) Bool(env Env) (bool, error) { return r.judge(newRun(&env)) }

// Watch is Bool, and tells the next moment after env.Now at which the passing of time alone may change the answer; the
// zero time if it never will. As long as the facts stay as they are, the answer is the same at every moment before.
func (r *Rule) Watch(env Env) (held bool, until time.Time, err error) {
	state := newRun(&env)
	held, err = r.judge(state)
	return held, state.until, err
}

// Judge is Bool and Values in one evaluation. The values are given with an error, too.
func (r *Rule) Judge(env Env) (held bool, values map[string]any, err error) {
	state := newRun(&env)
	state.values = map[string]any{}
	held, err = r.judge(state)
	return held, state.values, err
}

func (r *Rule) judge(state *run) (bool, error) {
	result, err := state.execute(r.source, r.program)
	if err != nil {
		return false, err
	}
	return result == true, nil
}

// Value evaluates a rule and gives its result as JSON can hold it: nil for missing, bool, int64, json.Number, string,
// []any or map[string]any; times are RFC 3339 text, durations as FormatDuration writes them. The error is an *Error: a
// budget was exceeded (ErrWork, ErrMemory), or the result is not text although WantText was asked for (ErrNotText).
func (r *Rule) Value(env Env) (any, error) {
	result, err := newRun(&env).execute(r.source, r.program)
	if err != nil {
		return nil, err
	}
	if _, text := result.(string); r.want == WantText && !text && result != nil {
		e := newError(r.source, 0, fmt.Sprintf("the rule gives %s, where text is wanted", kindOf(result)))
		e.cause = ErrNotText
		return nil, e
	}
	return jsonSafe(result), nil
}

// Values evaluates the rule and gives what it looked up on the way, by the text of each lookup, such as
// "customer.email" or `count(events("order_completed", "90d"))`. What the rule did not come to look at is not there;
// what is missing is nil. Values are JSON-safe, and cut short where they are long.
func (r *Rule) Values(env Env) map[string]any {
	_, values, _ := r.Judge(env) // what was looked up before an error is what was asked for; Bool gives the error
	return values
}
