package rules

import (
	"fmt"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"
)

// functionNames are the functions a rule can call.
var functionNames = []string{
	"events", "sent", "count", "any", "all", "none", "filter", "map", "sum", "avg", "min", "max", "first", "last", "len",
	"days_since", "local", "lower", "upper", "trim", "abs", "round", "floor", "ceil",
}

func (r *resolver) function(n ast.Node, name string, args []ast.Node) part {
	switch name {
	case "events":
		return r.events(n, args)
	case "sent":
		return r.fail(n, `sent alone is not a value; name what you want to know, as in sent("hello").delivered`)
	case "any", "all", "none", "filter", "map":
		return r.loop(n, name, args)
	case "count":
		if len(args) == 2 {
			return r.loop(n, name, args)
		}
		return r.simple(n, args, signature{fnCount, []kind{kindList}, kindNumber})
	case "sum", "avg", "min", "max":
		return r.aggregate(n, name, args)
	case "first", "last":
		return r.pick(n, name, args)
	case "len":
		return r.length(n, args)
	}
	if s, ok := simpleFunctions[name]; ok {
		return r.simple(n, args, s)
	}
	if slices.Contains(later, name) {
		return r.failWith(ErrNotAvailable, n, name+"() is not available yet")
	}
	return r.failSuggest(n, fmt.Sprintf("unknown function %q", name), name, functionNames)
}

// signature says how a plain function is called.
type signature struct {
	fn     string // in builtins.go
	args   []kind
	result kind
}

var simpleFunctions = map[string]signature{
	"days_since": {fnDaysSince, []kind{kindTime}, kindNumber},
	"local":      {fnLocal, []kind{kindTime, kindText}, kindTime},
	"lower":      {fnLower, []kind{kindText}, kindText},
	"upper":      {fnUpper, []kind{kindText}, kindText},
	"trim":       {fnTrim, []kind{kindText}, kindText},
	"abs":        {fnAbs, []kind{kindNumber}, kindNumber},
	"round":      {fnRound, []kind{kindNumber}, kindNumber},
	"floor":      {fnFloor, []kind{kindNumber}, kindNumber},
	"ceil":       {fnCeil, []kind{kindNumber}, kindNumber},
}

func (r *resolver) simple(n ast.Node, args []ast.Node, s signature) part {
	if len(args) != len(s.args) {
		return r.fail(n, fmt.Sprintf("%s takes %d, not %d", brief(n), len(s.args), len(args)))
	}
	p, nodes := part{kind: s.result, fixed: s.fn != fnDaysSince}, make([]ast.Node, len(args))
	for i, arg := range args {
		a := r.part(arg)
		if s.args[i] == kindTime {
			a.node = r.literal(a, kindTime)
		}
		if r.err == nil && !a.kind.may(s.args[i]) && (s.args[i] != kindTime || a.kind != kindText) {
			return r.fail(arg, fmt.Sprintf("%s is %s, where %s is wanted", brief(arg), a.kind, s.args[i]))
		}
		nodes[i], p.fixed = a.node, p.fixed && a.fixed
	}
	p.node = r.call(n, s.fn, nodes...)
	return p
}

// events resolves events("name"[, "90d"]) and remembers what history must be loaded.
func (r *resolver) events(n ast.Node, args []ast.Node) part {
	const usage = `events takes the name of an event and, if wanted, how far back: events("order_completed", "90d")`
	if len(args) < 1 || len(args) > 2 {
		return r.fail(n, usage)
	}
	name, ok := args[0].(*ast.StringNode)
	if !ok || name.Value == "" {
		return r.fail(args[0], usage)
	}
	var window time.Duration
	if len(args) == 2 {
		text, ok := args[1].(*ast.StringNode)
		if !ok {
			return r.fail(args[1], usage)
		}
		d, err := ParseDuration(text.Value)
		if err != nil {
			return r.fail(text, err.Error())
		}
		if d == 0 {
			return r.fail(text, "the window must be longer than zero")
		}
		window = d
	}
	r.needs.addWindow(name.Value, window)
	return part{node: r.call(n, fnEvents, name, constant(n, window)), kind: kindList, item: kindEvent}
}

// list resolves an argument that must be a list; a missing one is empty.
func (r *resolver) list(of string, n ast.Node) part {
	p := r.part(n)
	if r.err == nil && !p.kind.may(kindList) {
		return r.fail(n, fmt.Sprintf("%s works on a list, and %s is %s", of, brief(n), p.kind))
	}
	p.node, p.kind = r.call(n, fnList, p.node), kindList
	return p
}

// loop resolves a function that evaluates its second argument for each item of its first.
func (r *resolver) loop(n ast.Node, name string, args []ast.Node) part {
	if len(args) != 2 {
		return r.fail(n, fmt.Sprintf("%s takes a list and what to look at in each item: %s(…, .total > 10)", name, name))
	}
	list := r.list(name, args[0])
	body := r.body(args[1], list.item, name != "map")
	node := &ast.BuiltinNode{Name: name, Arguments: []ast.Node{list.node, body.node}}
	node.SetLocation(n.Location())
	p := part{node: node}
	switch name {
	case "count":
		p.kind = kindNumber
	case "filter":
		p.kind, p.item = kindList, list.item
	case "map":
		p.kind, p.item = kindList, body.kind
	default:
		p.kind = kindBool
	}
	return p
}

// body resolves what a loop evaluates for each item, and makes it pay for each.
func (r *resolver) body(n ast.Node, item kind, condition bool) part {
	if predicate, ok := n.(*ast.PredicateNode); ok {
		n = predicate.Node
	}
	r.items = append(r.items, item)
	resolve := r.part
	if condition {
		resolve = r.truth
	}
	p := resolve(n)
	r.items = r.items[:len(r.items)-1]
	node := &ast.PredicateNode{Node: r.call(n, fnEach, constant(n, size(n)), p.node)}
	node.SetLocation(n.Location())
	return part{node: node, kind: p.kind}
}

// aggregate resolves sum, avg, min and max over a list, over an expression of each item, or, for min and max, over two
// values.
func (r *resolver) aggregate(n ast.Node, name string, args []ast.Node) part {
	names := map[string]string{"sum": fnSum, "avg": fnAvg, "min": fnMin, "max": fnMax}
	if len(args) == 0 || len(args) > 2 {
		return r.fail(n, fmt.Sprintf("%s takes a list and, if wanted, what to take of each item: %s(…, .total)", name, name))
	}
	of := kindAny
	if name == "sum" || name == "avg" {
		of = kindNumber
	}
	if len(args) == 1 {
		list := r.list(name, args[0])
		return part{node: r.call(n, names[name], list.node), kind: of}
	}
	second, ok := args[1].(*ast.PredicateNode)
	if ok && (name == "min" || name == "max") && !usesItem(second) {
		both := &ast.ArrayNode{Nodes: []ast.Node{args[0], second.Node}}
		both.SetLocation(n.Location())
		list := r.array(both)
		return part{node: r.call(n, names[name], list.node), fixed: list.fixed}
	}
	each := r.loop(n, "map", args)
	if r.err == nil && of == kindNumber && !each.item.may(kindNumber) {
		return r.fail(args[1], fmt.Sprintf("%s adds numbers, and %s is %s", name, brief(args[1]), each.item))
	}
	if of == kindAny {
		of = each.item
	}
	return part{node: r.call(n, names[name], each.node), kind: of}
}

func usesItem(n ast.Node) bool {
	if _, ok := n.(*ast.PointerNode); ok {
		return true
	}
	return slices.ContainsFunc(children(n), usesItem)
}

func (r *resolver) pick(n ast.Node, name string, args []ast.Node) part {
	if len(args) != 1 {
		return r.fail(n, fmt.Sprintf("%s takes a list; to choose among its items write %s(filter(…))", name, name))
	}
	names := map[string]string{"first": fnFirst, "last": fnLast}
	list := r.list(name, args[0])
	return part{node: r.call(n, names[name], list.node), kind: list.item, fixed: list.fixed}
}

func (r *resolver) length(n ast.Node, args []ast.Node) part {
	if len(args) != 1 {
		return r.fail(n, "len takes one list or text")
	}
	of := r.part(args[0])
	if r.err == nil && !of.kind.may(kindList, kindText) {
		return r.fail(args[0], fmt.Sprintf("len works on a list or text, and %s is %s", brief(args[0]), of.kind))
	}
	return part{node: r.call(n, fnLen, of.node), kind: kindNumber, fixed: of.fixed}
}
