package rules

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/expr-lang/expr/ast"
)

// Explanation says why a rule holds for a customer or not, and what would have to change for it to be otherwise.
type Explanation struct {
	Rule    string    `json:"rule"`
	Holds   bool      `json:"holds"`
	Error   string    `json:"error,omitempty"` // why the rule could not be evaluated: a budget was exceeded
	At      time.Time `json:"at"`              // the moment of evaluation
	Until   time.Time `json:"until,omitzero"`  // the next moment at which time alone may change the answer; see Rule.Watch
	Root    Node      `json:"root"`
	Changes []string  `json:"changes,omitempty"` // what would flip the answer; all of it, unless it says either … or …
	Cut     bool      `json:"cut,omitempty"`     // parts were left out, because the explanation would grow too long
}

// Node is one part of a rule with what it gave. Names and texts that stand in the rule have no node of their own.
type Node struct {
	Text    string `json:"text"`              // as it stands in the rule, cut short where it is long
	Kind    string `json:"kind"`              // of the value: "true or false", "a number", ...
	Value   any    `json:"value,omitempty"`   // JSON-safe, cut short where it is long; a list of events has Items instead
	Missing bool   `json:"missing,omitempty"` // there is no value
	Holds   *bool  `json:"holds,omitempty"`   // for what stands where true or false is wanted
	Error   string `json:"error,omitempty"`   // why it, or what it says of its items, could not be evaluated
	Line    int    `json:"line"`              // 1-based
	Column  int    `json:"column"`            // 1-based, in characters
	Decides bool   `json:"decides,omitempty"` // it alone makes the part around it what it is
	Items   []Item `json:"items,omitempty"`   // of a loop, or of a list of events; those that decide come before others
	Total   int    `json:"total,omitempty"`   // how many items the list has
	Held    *int   `json:"held,omitempty"`    // of a loop with a condition: for how many of the items it holds
	Parts   []Node `json:"parts,omitempty"`
}

// Item is an item of a list, with what a loop made of it.
type Item struct {
	Number int   `json:"number"`          // its place in the list, from 1
	Value  any   `json:"value"`           // of an event, .at and what the loop looks at
	Holds  *bool `json:"holds,omitempty"` // whether the condition of the loop holds for it
	Gives  any   `json:"gives,omitempty"` // what the loop takes of it; nil if that is missing
}

// The budgets of one explanation, besides that of evaluating the rule itself.
const (
	maxExplaining = 4 * maxWork // of work, over all its parts
	workToStart   = 1_000       // that evaluating one part takes in any case
	maxExplained  = 64 * 1024   // bytes of its JSON; the part with which it is exceeded is still there
	maxValue      = 2_000       // bytes of the JSON of one value
)

// explainer makes one explanation.
type explainer struct {
	rule   *Rule
	env    *Env
	layout *layout
	found  map[ast.Node]outcome
	judged map[ast.Node]judgement
	work   int // spent so far
	room   int // bytes left
	cut    bool
}

// outcome is what a part of a rule gave.
type outcome struct {
	value any
	until time.Time // the next moment at which time alone may change the value; unknown for and, or, not
	fault string    // why there is no value
}

func (o outcome) holds() bool { return o.fault == "" && o.value == true }

// Explain evaluates every part of the rule for itself, also those that Bool did not come to look at.
func (r *Rule) Explain(env Env) *Explanation {
	e := &Explanation{Rule: r.source, At: env.Now}
	x := &explainer{
		rule: r, env: &env, layout: newLayout(r.source), found: map[ast.Node]outcome{}, judged: map[ast.Node]judgement{},
		room: maxExplained - encodedSize(r.source),
	}
	state := newRun(&env)
	result, err := state.execute(r.source, r.program)
	e.Holds, e.Until = err == nil && result == true, state.until
	switch {
	case err != nil:
		e.Error = faultOf(err)
		x.found[r.tree] = outcome{fault: e.Error}
	case r.written[r.tree].kind == kindBool:
		x.found[r.tree] = outcome{value: result, until: state.until}
	}
	e.Root = x.node(r.tree, setting{condition: r.want == WantBool})
	if r.want == WantBool && err == nil {
		e.Changes = x.changes(!e.Holds)
	}
	e.Cut = x.cut
	return e
}

// faultOf is the message of an error without its place, which the part beside it has.
func faultOf(err error) string {
	if fault, ok := errors.AsType[*Error](err); ok {
		return fault.Message
	}
	return err.Error()
}

// outcome evaluates a part, once.
func (x *explainer) outcome(n ast.Node) outcome {
	o, ok := x.found[n]
	if !ok {
		o = x.evaluate(n)
		x.found[n] = o
	}
	return o
}

// evaluate takes the value of and, or and not from their sides: a rule of many conditions costs no more than each once.
func (x *explainer) evaluate(n ast.Node) outcome {
	if operator, sides := junction(n); sides != nil {
		dominant := operator == "or"
		for _, side := range sides {
			if o := x.outcome(side); o.fault != "" || o.holds() == dominant {
				return outcome{value: dominant, fault: o.fault}
			}
		}
		return outcome{value: !dominant}
	}
	if of, ok := negated(n); ok {
		o := x.outcome(of)
		return outcome{value: !o.holds(), fault: o.fault}
	}
	return x.run(x.rule.written[n].node)
}

func (x *explainer) run(resolved ast.Node) outcome {
	if x.work >= maxExplaining {
		return outcome{fault: "not evaluated: to explain the rule takes too much work"}
	}
	program, err := assemble(x.rule.source, resolved)
	if err != nil {
		return outcome{fault: err.Error()}
	}
	state := newRun(x.env)
	value, err := state.execute(x.rule.source, program)
	x.work += state.work + workToStart
	if err != nil {
		return outcome{fault: faultOf(err)}
	}
	return outcome{value: value, until: state.until}
}

// junction gives the sides of a chain of and, or of or, in order.
func junction(n ast.Node) (operator string, sides []ast.Node) {
	b, ok := n.(*ast.BinaryNode)
	if !ok {
		return "", nil
	}
	switch b.Operator {
	case "and", "&&":
		operator = "and"
	case "or", "||":
		operator = "or"
	default:
		return "", nil
	}
	for _, side := range []ast.Node{b.Left, b.Right} {
		if inner, more := junction(side); inner == operator {
			sides = append(sides, more...)
		} else {
			sides = append(sides, side)
		}
	}
	return operator, sides
}

// negated gives what stands after not.
func negated(n ast.Node) (ast.Node, bool) {
	u, ok := n.(*ast.UnaryNode)
	if !ok || u.Operator == "-" || u.Operator == "+" {
		return nil, false
	}
	return u.Node, true
}

// prefixed reports whether n is not before a condition. That of "not in" is no part of its own.
func prefixed(n ast.Node) bool {
	of, ok := negated(n)
	return ok && of.Location() != n.Location()
}

// setting is what a part stands in.
type setting struct {
	condition bool // true or false is wanted
	looped    bool // it is the list of a loop, which shows its items
}

// node explains a part and those inside it.
func (x *explainer) node(n ast.Node, in setting) Node {
	o, p := x.outcome(n), x.rule.written[n]
	node := Node{Text: clipText(x.layout.text(n)), Kind: kindShown(p, o.value), Error: o.fault}
	node.Line, node.Column = x.layout.position(n)
	if o.fault == "" {
		node.Missing = o.value == nil
		if in.condition || p.kind == kindBool {
			node.Holds = new(o.holds())
		}
		x.show(&node, o.value, in.looped)
	}
	l, looping := x.loopOf(n)
	if looping && o.fault == "" {
		x.showLoop(&node, n, l)
	}
	x.room -= encodedSize(node)
	for _, part := range x.parts(n) {
		if x.room <= 0 {
			x.cut = true
			break
		}
		inner := x.node(part, setting{condition: wantsTruth(n, part, in), looped: looping && part == l.list})
		inner.Decides = x.decides(n, part)
		node.Parts = append(node.Parts, inner)
	}
	return node
}

func kindShown(p part, value any) string {
	of := p.known()
	if of == kindAny && value != nil {
		of = kindOf(value)
	}
	return of.String()
}

// parts lists the parts inside a part that are worth a node: not names, not what is written out.
func (x *explainer) parts(n ast.Node) []ast.Node {
	if _, sides := junction(n); sides != nil {
		if _, resolved := x.rule.written[n]; resolved { // not inside a loop, which shows its items instead
			return sides
		}
	}
	if of, ok := negated(n); ok && !prefixed(n) {
		return x.parts(of)
	}
	var all []ast.Node
	for _, child := range children(n) {
		switch _, resolved := x.rule.written[child]; {
		case !resolved: // a range, a list that is written out, a name; what is in a loop is shown for each item
			all = append(all, x.parts(child)...)
		case !literal(child):
			all = append(all, child)
		}
	}
	return all
}

func literal(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.NilNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.StringNode:
		return true
	case *ast.IdentifierNode:
		return n.Value == nameNull
	case *ast.UnaryNode:
		return literal(n.Node)
	case *ast.ArrayNode:
		for _, item := range n.Nodes {
			if !literal(item) {
				return false
			}
		}
		return true
	}
	return false
}

// wantsTruth reports whether a part of n stands where true or false is wanted.
func wantsTruth(n, part ast.Node, in setting) bool {
	if _, sides := junction(n); sides != nil {
		return true
	}
	if prefixed(n) {
		return true
	}
	choice, ok := n.(*ast.ConditionalNode)
	return ok && (part == choice.Cond || in.condition)
}

// decides reports whether a part alone makes n what it is.
func (x *explainer) decides(n, part ast.Node) bool {
	if x.outcome(n).fault != "" || x.outcome(part).fault != "" {
		return false
	}
	if operator, sides := junction(n); sides != nil {
		dominant := operator == "or"
		return x.outcome(n).holds() == dominant && x.outcome(part).holds() == dominant
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		return prefixed(n)
	case *ast.ConditionalNode:
		return part == chosen(n, x.outcome(n.Cond).holds())
	case *ast.BinaryNode:
		if n.Operator == "??" {
			return (part == n.Left) == (x.outcome(n.Left).value != nil)
		}
	}
	return false
}

func chosen(n *ast.ConditionalNode, held bool) ast.Node {
	if held {
		return n.Exp1
	}
	return n.Exp2
}

// encodedSize is the number of bytes of a value as JSON.
func encodedSize(v any) int {
	encoded, err := json.Marshal(v)
	if err != nil {
		return maxExplained // what cannot be written leaves no room for more; jsonSafe lets nothing such through
	}
	return len(encoded)
}
