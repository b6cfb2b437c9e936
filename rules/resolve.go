package rules

import (
	"fmt"
	"strconv"

	"github.com/expr-lang/expr/ast"
)

// resolver turns the tree of a rule as it was written into the tree that runs: every name is looked up through the
// environment of the run, and every operator and function becomes a call that knows missing values. It collects on the
// way what the rule needs, and refuses what cannot work.
type resolver struct {
	src      string
	opts     Options
	needs    Needs
	results  []string          // ids of the steps whose outcome is looked at, in order
	items    []part            // # in the loops around the current node, innermost last
	quiet    bool              // inside a chain of lookups that is noted as a whole
	parts    map[ast.Node]part // what is known of each node of the tree that runs
	written  map[ast.Node]part // what became of each node as it was written, outside of loops
	warnings []*Error
	err      *Error // the first mistake; what is resolved after it does not matter
}

// part is a resolved piece of a rule.
type part struct {
	node   ast.Node
	kind   kind   // of the value, which can also be missing, except for kindBool
	item   kind   // of the items, for a list
	event  string // name of the event, where it is known: for an event, or a list of them
	hint   Type   // what the catalogue says about the value, if anything
	fixed  bool   // the value is the same in every evaluation
	free   bool   // the value depends on nothing but the moment of evaluation
	zoned  bool   // a time with a zone of its own
	moves  bool   // the value depends on the moment of evaluation, besides by windows
	bound  bool   // missing for a customer without the events that the rule asks for; of a list: empty
	always *bool  // the value, where it is true or false in every evaluation
}

// known is what can be taken for granted about the kind of a value when a rule is checked.
func (p part) known() kind {
	if p.kind != kindAny {
		return p.kind
	}
	switch p.hint {
	case TypeText:
		return kindText
	case TypeNumber:
		return kindNumber
	case TypeBoolean:
		return kindBool
	case TypeList:
		return kindList
	case TypeTime, TypeObject, TypeMixed:
	}
	return kindAny
}

// part resolves a node and notes its value where it is one that explains a decision: a lookup, or what a function
// made of a list.
func (r *resolver) part(n ast.Node) part {
	p := r.resolve(n)
	if r.err != nil {
		return p
	}
	r.parts[p.node] = p
	if len(r.items) > 0 {
		return p
	}
	r.written[n] = p
	if r.quiet || p.fixed || !notable(n) {
		return p
	}
	p.node = r.call(n, fnNote, &ast.StringNode{Value: n.String()}, p.node)
	r.parts[p.node] = p
	return p
}

func notable(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.MemberNode:
		return true
	case *ast.BuiltinNode:
		switch n.Name {
		case "count", "sum", "avg", "min", "max", "first", "last", "any", "all", "none", "len":
			return true
		}
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		return ok && noted[callee.Value]
	}
	return false
}

// noted are the functions whose value explains a decision, besides those of lists.
var noted = map[string]bool{"days_since": true, "segment": true, "in_topic": true, "next_best": true, "most_within": true}

func (r *resolver) resolve(n ast.Node) part {
	if r.err != nil {
		return part{node: &ast.NilNode{}}
	}
	switch n := n.(type) {
	case *ast.NilNode:
		return part{node: n, kind: kindMissing, fixed: true, free: true}
	case *ast.BoolNode:
		return part{node: n, kind: kindBool, fixed: true, free: true, always: &n.Value}
	case *ast.IntegerNode:
		return part{node: constant(n, int64(n.Value)), kind: kindNumber, fixed: true, free: true}
	case *ast.FloatNode:
		return part{node: constant(n, r.decimal(n)), kind: kindNumber, fixed: true, free: true}
	case *ast.StringNode:
		return r.text(n)
	case *ast.IdentifierNode:
		return r.name(n)
	case *ast.MemberNode:
		return r.member(n)
	case *ast.ChainNode:
		return r.resolve(n.Node)
	case *ast.PointerNode:
		return r.pointer(n)
	case *ast.UnaryNode:
		return r.unary(n)
	case *ast.BinaryNode:
		return r.binary(n)
	case *ast.ConditionalNode:
		return r.conditional(n)
	case *ast.ArrayNode:
		return r.array(n)
	case *ast.BuiltinNode:
		return r.function(n, n.Name, n.Arguments)
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			return r.function(n, callee.Value, n.Arguments)
		}
		return r.fail(n, "only functions of the rule language can be called")
	case *ast.SliceNode:
		return r.fail(n, "a part of a list cannot be taken; use filter, first or last")
	case *ast.VariableDeclaratorNode, *ast.SequenceNode:
		return r.fail(n, "a rule is a single expression, without let and without semicolons")
	case *ast.MapNode:
		return r.fail(n, "{…} is not part of the rule language")
	}
	return r.fail(n, "this is not part of the rule language")
}

func (r *resolver) pointer(n *ast.PointerNode) part {
	if len(r.items) == 0 || n.Name != "" {
		return r.fail(n, "# stands for the item only, inside any, all, none, count, filter, map, sum, avg, min and max")
	}
	p := r.items[len(r.items)-1]
	p.node = n
	return p
}

// array resolves a list that is written out. Its items are of one kind, as far as that is known, except that numbers,
// texts, true, false and lists may stand together.
func (r *resolver) array(n *ast.ArrayNode) part {
	items := make([]part, len(n.Nodes))
	for i, node := range n.Nodes {
		items[i] = r.part(node)
	}
	if r.err != nil {
		return part{}
	}
	return r.list(n, n.Nodes, items)
}

func (r *resolver) list(at ast.Node, written []ast.Node, items []part) part {
	p := part{kind: kindList, fixed: true, free: true}
	for i := range items {
		if i == 0 {
			p.item = items[i].kind
			continue
		}
		var ok bool
		if p.item, ok = together(p.item, items[i].kind); !ok {
			return r.fail(written[i], fmt.Sprintf("%s is %s, and the items before it are of another kind", brief(written[i]), items[i].kind))
		}
	}
	if p.item == kindMissing {
		p.item = kindAny
	}
	node := &ast.ArrayNode{}
	for i := range items {
		items[i] = r.as(items[i], p.item)
		node.Nodes = append(node.Nodes, items[i].node)
		p.fixed, p.free = p.fixed && items[i].fixed, p.free && items[i].free
		p.zoned, p.moves = p.zoned || items[i].zoned, p.moves || items[i].moves
	}
	node.SetLocation(at.Location())
	p.node = node
	return p
}

// together is the kind of a value that is one of two: of a conditional, of a list's items.
func together(a, b kind) (kind, bool) {
	switch {
	case a == b:
		return a, true
	case a == kindMissing:
		return b, true
	case b == kindMissing:
		return a, true
	case a == kindTime && (b == kindAny || b == kindText), b == kindTime && (a == kindAny || a == kindText):
		return kindTime, true
	case a == kindSpan && b == kindText, b == kindSpan && a == kindText:
		return kindSpan, true
	case a == kindTime, b == kindTime, a == kindSpan, b == kindSpan, a == kindEvent, b == kindEvent:
		return kindAny, false
	}
	return kindAny, true
}

// as makes a value one of the kind it stands beside: text that is written in the rule becomes the time or duration that
// it says, a value of unknown kind becomes a time or missing.
func (r *resolver) as(p part, want kind) part {
	if r.err != nil || p.kind == want || p.kind == kindMissing || (want != kindTime && want != kindSpan) {
		return p
	}
	if text, ok := r.literalText(p); ok {
		return r.literal(p, text, want)
	}
	if want == kindSpan {
		return r.fail(p.node, `only a duration that is written out, such as "2d", or days(…) can stand beside the difference of two times`)
	}
	return r.made(p.node, fnTime, kindTime, p)
}

// clock notes that time may tip something: a comparison, the field of a clock. That it needs events first is so if one of
// the values is missing without them, or if it stands in a loop over events.
func (r *resolver) clock(parts ...part) {
	moves := false
	for _, p := range parts {
		moves = moves || p.moves
		if p.bound {
			return
		}
	}
	for _, item := range r.items {
		if item.bound {
			return
		}
	}
	r.needs.OwnTimes = r.needs.OwnTimes || moves
}

func (r *resolver) conditional(n *ast.ConditionalNode) part {
	cond, yes, no := r.truth(n.Cond), r.part(n.Exp1), r.part(n.Exp2)
	p := r.either(n, n.Exp1, n.Exp2, &yes, &no)
	if r.err != nil {
		return p
	}
	p.fixed, p.free, p.moves = p.fixed && cond.fixed, p.free && cond.free, p.moves || cond.moves
	node := &ast.ConditionalNode{Ternary: n.Ternary, Cond: cond.node, Exp1: yes.node, Exp2: no.node}
	node.SetLocation(n.Location())
	p.node = node
	return p
}

// either gives what is known of a value that is one of two, and makes both of one kind.
func (r *resolver) either(at, first, second ast.Node, a, b *part) part {
	if r.err != nil {
		return part{node: &ast.NilNode{}}
	}
	of, ok := together(a.kind, b.kind)
	if !ok {
		return r.fail(at, fmt.Sprintf("%s is %s and %s is %s; both must be of one kind", brief(first), a.kind, brief(second), b.kind))
	}
	*a, *b = r.as(*a, of), r.as(*b, of)
	p := part{
		kind: of, fixed: a.fixed && b.fixed, free: a.free && b.free, zoned: a.zoned || b.zoned, moves: a.moves || b.moves,
		bound: a.bound && b.bound,
	}
	if of == kindList {
		if p.item, ok = together(a.item, b.item); !ok {
			return r.fail(at, fmt.Sprintf("%s and %s are lists of different kinds", brief(first), brief(second)))
		}
	}
	if a.event == b.event {
		p.event = a.event
	}
	return p
}

// truth resolves a node whose value must be true or false, or missing, which counts as false. So does a value of another
// kind that only the data shows.
func (r *resolver) truth(n ast.Node) part {
	p := r.part(n)
	if r.err != nil || p.kind == kindBool {
		return p
	}
	if of := p.known(); !of.may(kindBool) {
		return r.failWith(ErrNotBoolean, n, fmt.Sprintf("%s is %s, where true or false is wanted", brief(n), of))
	}
	return r.made(n, fnTruth, kindBool, p)
}

// constantOf evaluates what is the same in every evaluation.
func (r *resolver) constantOf(p part) (any, bool) {
	if !p.fixed || r.err != nil {
		return nil, false
	}
	program, err := assemble(r.src, p.node)
	if err != nil {
		return nil, false // Compile meets the same error
	}
	value, err := newRun(&Env{}).execute(r.src, program)
	return value, err == nil // whoever evaluates the rule meets the same error
}

// known finds a condition that is the same in every evaluation, and evaluates it.
func (r *resolver) known(p part) *bool {
	if p.always != nil {
		return p.always
	}
	value, ok := r.constantOf(p)
	if !ok {
		return nil
	}
	held := value == true
	return &held
}

// made makes a call of a function of builtins.go whose value depends on nothing but its arguments.
func (r *resolver) made(at ast.Node, fn string, of kind, args ...part) part {
	p := part{kind: of, fixed: true, free: true}
	nodes := make([]ast.Node, len(args))
	for i, arg := range args {
		nodes[i] = arg.node
		p.fixed, p.free, p.moves = p.fixed && arg.fixed, p.free && arg.free, p.moves || arg.moves
		p.bound = p.bound || arg.bound && strict[fn]
	}
	p.node = r.call(at, fn, nodes...)
	r.parts[p.node] = p
	return p
}

// strict are the functions whose value is missing, or an empty list, if any argument is.
var strict = map[string]bool{
	fnGet: true, fnList: true, fnFirst: true, fnLast: true, fnMin: true, fnMax: true, fnTime: true, fnLocal: true, fnDaysSince: true,
	fnAdd: true, fnSubtract: true,
}

// call makes a node that calls one of the functions of builtins.go with the run as first argument.
func (r *resolver) call(at ast.Node, name string, args ...ast.Node) ast.Node {
	env, callee := &ast.IdentifierNode{Value: "$env"}, &ast.IdentifierNode{Value: name}
	node := &ast.CallNode{Callee: callee, Arguments: append([]ast.Node{env}, args...)}
	for _, n := range []ast.Node{env, callee, node} {
		n.SetLocation(at.Location())
	}
	return node
}

func constant(at ast.Node, value any) ast.Node {
	node := &ast.ConstantNode{Value: value}
	node.SetLocation(at.Location())
	return node
}

// fixedPart is a value that is written in the rule, or follows from what is.
func fixedPart(at ast.Node, value any, of kind) part {
	return part{node: constant(at, value), kind: of, fixed: true, free: true}
}

func (r *resolver) fail(at ast.Node, message string) part { return r.failWith(nil, at, message) }

func (r *resolver) failWith(cause error, at ast.Node, message string) part {
	if r.err == nil {
		r.err = newError(r.src, at.Location().From, message)
		r.err.cause = cause
	}
	return part{node: &ast.NilNode{}}
}

func (r *resolver) failSuggest(at ast.Node, message, misspelt string, names []string) part {
	first := r.err == nil
	p := r.fail(at, message)
	if first {
		r.err.Suggestion = Suggest(misspelt, names)
	}
	return p
}

// brief is the text of a node for a message.
func brief(n ast.Node) string {
	const longest = 40
	if s, ok := n.(*ast.StringNode); ok {
		return strconv.Quote(s.Value)
	}
	text := []rune(n.String())
	if len(text) > longest {
		return string(text[:longest]) + "…"
	}
	return string(text)
}
