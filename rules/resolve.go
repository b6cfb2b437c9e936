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
	src   string
	opts  Options
	needs Needs
	items []kind // kinds of # in the loops around the current node, innermost last
	quiet bool   // inside a chain of lookups that is noted as a whole
	err   *Error // the first mistake; what is resolved after it does not matter
}

// part is a resolved piece of a rule.
type part struct {
	node   ast.Node
	kind   kind  // of the value, which can also be missing, except for kindBool
	item   kind  // of the items, for a list
	fixed  bool  // the value is the same in every evaluation
	always *bool // the value, where it is true or false in every evaluation
}

// part resolves a node and notes its value where it is one that explains a decision: a lookup, or what a function
// made of a list.
func (r *resolver) part(n ast.Node) part {
	p := r.resolve(n)
	if r.err != nil || r.quiet || len(r.items) > 0 || p.fixed || !notable(n) {
		return p
	}
	p.node = r.call(n, fnNote, &ast.StringNode{Value: n.String()}, p.node)
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
		return ok && callee.Value == "days_since"
	}
	return false
}

func (r *resolver) resolve(n ast.Node) part {
	if r.err != nil {
		return part{node: &ast.NilNode{}}
	}
	switch n := n.(type) {
	case *ast.NilNode:
		return part{node: n, kind: kindMissing, fixed: true}
	case *ast.BoolNode:
		return part{node: n, kind: kindBool, fixed: true, always: &n.Value}
	case *ast.IntegerNode:
		return part{node: constant(n, int64(n.Value)), kind: kindNumber, fixed: true}
	case *ast.FloatNode:
		return part{node: n, kind: kindNumber, fixed: true}
	case *ast.StringNode:
		return part{node: n, kind: kindText, fixed: true}
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
	return part{node: n, kind: r.items[len(r.items)-1]}
}

func (r *resolver) array(n *ast.ArrayNode) part {
	list, fixed := &ast.ArrayNode{}, true
	for _, item := range n.Nodes {
		p := r.part(item)
		list.Nodes = append(list.Nodes, p.node)
		fixed = fixed && p.fixed
	}
	list.SetLocation(n.Location())
	return part{node: list, kind: kindList, fixed: fixed}
}

func (r *resolver) conditional(n *ast.ConditionalNode) part {
	cond, yes, no := r.truth(n.Cond), r.part(n.Exp1), r.part(n.Exp2)
	p := part{fixed: cond.fixed && yes.fixed && no.fixed}
	if yes.kind == no.kind {
		p.kind, p.item = yes.kind, yes.item
	}
	node := &ast.ConditionalNode{Ternary: n.Ternary, Cond: cond.node, Exp1: yes.node, Exp2: no.node}
	node.SetLocation(n.Location())
	p.node = node
	return p
}

// truth resolves a node whose value must be true or false, or missing, which counts as false.
func (r *resolver) truth(n ast.Node) part {
	p := r.part(n)
	if r.err != nil || p.kind == kindBool {
		return p
	}
	if !p.kind.may(kindBool) {
		return r.failWith(ErrNotBoolean, n, fmt.Sprintf("%s is %s, where true or false is wanted", brief(n), p.kind))
	}
	p.node, p.kind = r.call(n, fnTruth, &ast.StringNode{Value: brief(n)}, p.node), kindBool
	return p
}

// known finds a condition that is the same in every evaluation, and evaluates it.
func (r *resolver) known(p part) *bool {
	if p.always != nil || !p.fixed || r.err != nil {
		return p.always
	}
	program, err := assemble(r.src, p.node)
	if err != nil {
		return nil // Compile meets the same error
	}
	held, err := (&Rule{source: r.src, program: program}).Bool(Env{})
	if err != nil {
		return nil // whoever evaluates the rule meets the same error
	}
	return &held
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
