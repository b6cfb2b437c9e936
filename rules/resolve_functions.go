package rules

import (
	"fmt"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"

	"dotyk/rules/audience"
)

// functionNames are the functions a rule can call.
var functionNames = []string{
	"events", "sent", "segment", "in_topic", "journeys", "next_best",
	"count", "any", "all", "none", "filter", "map", "sum", "avg", "min", "max", "first", "last", "len", "most_within",
	"days_since", "local", "time", "days", "lower", "upper", "trim", "abs", "round", "floor", "ceil",
}

func (r *resolver) function(n ast.Node, name string, args []ast.Node) part {
	switch name {
	case "events":
		return r.events(n, args)
	case "sent":
		return r.fail(n, `sent alone is not a value; name what you want to know, as in sent("hello").delivered`)
	case "journeys":
		return r.fail(n, `journeys alone is not a value; name what you want to know, as in journeys("welcome").active`)
	case "segment", "in_topic", "next_best":
		return r.membership(n, name, args)
	case "any", "all", "none", "filter", "map":
		return r.loop(n, name, args)
	case "count":
		if len(args) == 2 {
			return r.loop(n, name, args)
		}
		return r.count(n, args)
	case "sum", "avg", "min", "max":
		return r.aggregate(n, name, args)
	case "first", "last":
		return r.pick(n, name, args)
	case "len":
		return r.length(n, args)
	case "most_within":
		return r.mostWithin(n, args)
	}
	if s, ok := simpleFunctions[name]; ok {
		return r.simple(n, name, args, s)
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
	"time":       {fnTime, []kind{kindTime}, kindTime},
	"days":       {fnDays, []kind{kindNumber}, kindSpan},
	"lower":      {fnLower, []kind{kindText}, kindText},
	"upper":      {fnUpper, []kind{kindText}, kindText},
	"trim":       {fnTrim, []kind{kindText}, kindText},
	"abs":        {fnAbs, []kind{kindNumber}, kindNumber},
	"round":      {fnRound, []kind{kindNumber}, kindNumber},
	"floor":      {fnFloor, []kind{kindNumber}, kindNumber},
	"ceil":       {fnCeil, []kind{kindNumber}, kindNumber},
}

func (r *resolver) simple(n ast.Node, name string, args []ast.Node, s signature) part {
	if len(args) != len(s.args) {
		return r.fail(n, fmt.Sprintf("%s takes %d, not %d", brief(n), len(s.args), len(args)))
	}
	parts := make([]part, len(args))
	for i, arg := range args {
		a := r.part(arg)
		of := a.known()
		if r.err == nil && !of.may(s.args[i]) && (s.args[i] != kindTime || of != kindText) {
			return r.fail(arg, fmt.Sprintf("%s is %s, where %s is wanted", brief(arg), of, s.args[i]))
		}
		if s.args[i] == kindTime {
			a = r.as(a, kindTime)
		}
		parts[i] = a
	}
	if r.err != nil {
		return part{node: &ast.NilNode{}}
	}
	p := r.made(n, s.fn, s.result, parts...)
	switch name {
	case "days_since":
		p.fixed, p.moves = false, true
		r.needs.Clock = true
		r.clock(p)
	case "local":
		p.zoned = true
		if name, ok := r.literalText(parts[1]); ok {
			if _, known := zone(name); !known {
				r.warnings = append(r.warnings, newError(r.src, args[1].Location().From,
					fmt.Sprintf(`there is no time zone %q; write one such as "Europe/Kyiv"`, name)))
			}
		}
	case "time":
		p.zoned = parts[0].zoned
	}
	return p
}

// membership resolves the functions that ask for what is kept about a customer under a name.
func (r *resolver) membership(n ast.Node, name string, args []ast.Node) part {
	most, usage := 1, fmt.Sprintf(`%s takes a name that is written out, as in %s("…")`, name, name)
	if name == "in_topic" {
		most, usage = 2, `in_topic takes a topic and, if wanted, a channel: in_topic("news", "sms")`
	}
	names, ok := r.names(n, args, 1, most, usage)
	if !ok {
		return part{node: n}
	}
	switch name {
	case "segment":
		r.segment(args[0], names[0])
		r.needs.Segments = union(r.needs.Segments, names)
		return part{node: r.call(n, fnSegment, args[0]), kind: kindBool}
	case "next_best":
		r.needs.Scores = true
		return part{node: r.call(n, fnScore, &ast.StringNode{Value: "next_best." + names[0]})}
	}
	channel := ""
	if len(names) == 2 {
		channel = names[1]
		if channel != string(audience.Email) && channel != string(audience.SMS) {
			return r.failSuggest(args[1], fmt.Sprintf("%q is no channel of topics, only email and sms are", channel), channel, []string{"email", "sms"})
		}
	}
	r.topic(args[0], names[0])
	r.needs.Consents = true
	return part{node: r.call(n, fnInTopic, args[0], &ast.StringNode{Value: channel}), kind: kindBool}
}

// events resolves events("name"[, "90d"]) and remembers what history must be loaded.
func (r *resolver) events(n ast.Node, args []ast.Node) part {
	const usage = `events takes the name of an event and, if wanted, how far back: events("order_completed", "90d")`
	names, ok := r.names(n, args, 1, 2, usage)
	if !ok {
		return part{node: n}
	}
	var window time.Duration
	if len(names) == 2 {
		d, err := ParseDuration(names[1])
		if err != nil {
			return r.fail(args[1], err.Error())
		}
		if d == 0 {
			return r.fail(args[1], "the window must be longer than zero")
		}
		window = d
		r.needs.Clock = true
	}
	r.eventName(args[0], names[0])
	r.needs.addWindow(names[0], window)
	return part{node: r.call(n, fnEvents, args[0], constant(n, window)), kind: kindList, item: kindEvent, event: names[0], bound: true}
}

// items resolves an argument that must be a list; a missing one is empty.
func (r *resolver) listOf(of string, n ast.Node) part {
	p := r.part(n)
	if r.err != nil {
		return p
	}
	if known := p.known(); !known.may(kindList) {
		return r.fail(n, fmt.Sprintf("%s works on a list, and %s is %s", of, brief(n), known))
	}
	list := r.made(n, fnList, kindList, p)
	list.item, list.event, list.zoned = p.item, p.event, p.zoned
	r.parts[list.node] = list
	return list
}

// loop resolves a function that evaluates its second argument for each item of its first.
func (r *resolver) loop(n ast.Node, name string, args []ast.Node) part {
	if len(args) != 2 {
		return r.fail(n, fmt.Sprintf("%s takes a list and what to look at in each item: %s(…, .total > 10)", name, name))
	}
	list := r.listOf(name, args[0])
	if r.err != nil {
		return list
	}
	body := r.body(args[1], list, name != "map")
	if r.err != nil {
		return body
	}
	node := &ast.BuiltinNode{Name: name, Arguments: []ast.Node{list.node, body.node}}
	node.SetLocation(n.Location())
	p := part{node: node, kind: kindBool, moves: list.moves || body.moves}
	switch name {
	case "count":
		p.kind = kindNumber
	case "filter":
		p.kind, p.item, p.event, p.zoned, p.bound = kindList, list.item, list.event, list.zoned, list.bound
	case "map":
		p.kind, p.item, p.zoned, p.bound = kindList, body.kind, body.zoned, list.bound
		if body.kind == kindEvent {
			p.event = body.event
		}
	}
	r.parts[node] = p
	return p
}

// body resolves what a loop evaluates for each item, and makes it pay for each.
func (r *resolver) body(n ast.Node, list part, condition bool) part {
	if predicate, ok := n.(*ast.PredicateNode); ok {
		n = predicate.Node
	}
	r.items = append(r.items, part{kind: list.item, event: list.event, zoned: list.zoned, moves: list.moves, bound: list.bound})
	resolve := r.part
	if condition {
		resolve = r.truth
	}
	p := resolve(n)
	r.items = r.items[:len(r.items)-1]
	if r.err != nil {
		return p
	}
	node := &ast.PredicateNode{Node: r.call(n, fnEach, constant(n, size(n)), p.node)}
	node.SetLocation(n.Location())
	p.node = node
	return p
}

// count resolves how many items a list has.
func (r *resolver) count(n ast.Node, args []ast.Node) part {
	if len(args) != 1 {
		return r.fail(n, "count takes a list and, if wanted, which of its items to count: count(…, .total > 10)")
	}
	list := r.listOf("count", args[0])
	if r.err != nil {
		return list
	}
	return r.made(n, fnCount, kindNumber, list)
}

// aggregate resolves sum, avg, min and max over a list, over an expression of each item, or, for min and max, over two
// values.
func (r *resolver) aggregate(n ast.Node, name string, args []ast.Node) part {
	names := map[string]string{"sum": fnSum, "avg": fnAvg, "min": fnMin, "max": fnMax}
	if len(args) == 0 || len(args) > 2 {
		return r.fail(n, fmt.Sprintf("%s takes a list and, if wanted, what to take of each item: %s(…, .total)", name, name))
	}
	adds := name == "sum" || name == "avg"
	list, place := part{}, args[0]
	switch second, ok := last(args).(*ast.PredicateNode); {
	case len(args) == 1:
		list = r.listOf(name, args[0])
	case ok && !adds && !usesItem(second):
		a, b := r.part(args[0]), r.part(second.Node)
		if r.err == nil {
			list = r.list(n, []ast.Node{args[0], second.Node}, []part{a, b})
			r.parts[list.node] = list
		}
	default:
		list, place = r.loop(n, "map", args), args[1]
	}
	if r.err != nil {
		return part{node: &ast.NilNode{}}
	}
	switch {
	case adds && !list.item.may(kindNumber):
		return r.fail(place, fmt.Sprintf("%s adds numbers, and %s is %s", name, brief(place), itemsOf(place, list.item)))
	case !adds && !orderable(list.item):
		return r.fail(place, fmt.Sprintf("%s compares, and %s has no order", name, itemsOf(place, list.item)))
	}
	of := list.item
	if adds {
		of = kindNumber
	}
	p := r.made(n, names[name], of, list)
	p.zoned = list.zoned
	r.clock(list)
	return p
}

func itemsOf(place ast.Node, of kind) string {
	if _, ok := place.(*ast.PredicateNode); ok {
		return of.String()
	}
	return "a list of which each item is " + of.String()
}

func last(args []ast.Node) ast.Node { return args[len(args)-1] }

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
	list := r.listOf(name, args[0])
	if r.err != nil {
		return list
	}
	p := r.made(n, names[name], list.item, list)
	p.event, p.zoned = list.event, list.zoned
	return p
}

func (r *resolver) length(n ast.Node, args []ast.Node) part {
	if len(args) != 1 {
		return r.fail(n, "len takes one list or text")
	}
	of := r.part(args[0])
	if r.err != nil {
		return of
	}
	if known := of.known(); !known.may(kindList, kindText) {
		return r.fail(args[0], fmt.Sprintf("len works on a list or text, and %s is %s", brief(args[0]), known))
	}
	return r.made(n, fnLen, kindNumber, of)
}

// mostWithin resolves most_within(events("order_completed"), "20d").
func (r *resolver) mostWithin(n ast.Node, args []ast.Node) part {
	const usage = `most_within takes events and a length of time: most_within(events("order_completed"), "20d")`
	if len(args) != 2 {
		return r.fail(n, usage)
	}
	length, ok := args[1].(*ast.StringNode)
	if !ok {
		return r.fail(args[1], usage)
	}
	d, err := ParseDuration(length.Value)
	if err != nil {
		return r.fail(length, err.Error())
	}
	list := r.listOf("most_within", args[0])
	if r.err == nil && list.item != kindEvent {
		return r.fail(args[0], usage)
	}
	if r.err != nil {
		return list
	}
	return r.made(n, fnMostWithin, kindNumber, list, fixedPart(length, d, kindSpan))
}
