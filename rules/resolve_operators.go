package rules

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"time"

	"github.com/expr-lang/expr/ast"
)

func (r *resolver) unary(n *ast.UnaryNode) part {
	if n.Operator == "-" || n.Operator == "+" {
		p := r.part(n.Node)
		if !p.kind.may(kindNumber) {
			return r.fail(n, fmt.Sprintf("%s is %s; only a number has a sign", brief(n.Node), p.kind))
		}
		if n.Operator == "-" {
			p.node = r.call(n, fnNegate, p.node)
		}
		p.kind = kindNumber
		return p
	}
	p := r.truth(n.Node)
	if always := r.known(p); always != nil {
		opposite := !*always
		p.always = &opposite
	}
	node := &ast.UnaryNode{Operator: "not", Node: p.node}
	node.SetLocation(n.Location())
	p.node = node
	return p
}

func (r *resolver) binary(n *ast.BinaryNode) part {
	switch n.Operator {
	case "and", "&&":
		return r.junction(n, "and", false)
	case "or", "||":
		return r.junction(n, "or", true)
	case "==", "!=":
		return r.equality(n)
	case "<", "<=", ">", ">=":
		return r.ordering(n)
	case "+", "-", "*", "/", "%":
		return r.arithmetic(n)
	case "in":
		return r.membership(n)
	case "contains", "startsWith", "endsWith":
		return r.textual(n)
	case "matches":
		return r.matching(n)
	case "??":
		return r.otherwise(n)
	case "..":
		return r.fail(n, "a range stands only after in, as in customer.age in 18..30")
	}
	return r.fail(n, fmt.Sprintf("%q is not part of the rule language", n.Operator))
}

// junction is `and` or `or`. The dominant value of one side decides the whole, whatever the other side is.
func (r *resolver) junction(n *ast.BinaryNode, operator string, dominant bool) part {
	left, right := r.truth(n.Left), r.truth(n.Right)
	node := &ast.BinaryNode{Operator: operator, Left: left.node, Right: right.node}
	node.SetLocation(n.Location())
	p := part{node: node, kind: kindBool, fixed: left.fixed && right.fixed}
	l, right2 := r.known(left), r.known(right)
	switch {
	case l != nil && *l == dominant, right2 != nil && *right2 == dominant:
		p.always = &dominant
	case l != nil && right2 != nil:
		other := !dominant
		p.always = &other
	}
	return p
}

func (r *resolver) pair(n *ast.BinaryNode) (left, right part) {
	left, right = r.part(n.Left), r.part(n.Right)
	left.node = r.literal(left, right.kind)
	right.node = r.literal(right, left.kind)
	return left, right
}

// literal reads text that is written in the rule as the time or duration that it is compared with.
func (r *resolver) literal(p part, other kind) ast.Node {
	text, ok := p.node.(*ast.StringNode)
	if !ok || r.err != nil {
		return p.node
	}
	switch other {
	case kindTime:
		t, ok := parseTime(text.Value)
		if !ok {
			r.fail(text, fmt.Sprintf(`%q is not a time; write "2026-01-31" or "2026-01-31T09:00:00+02:00"`, text.Value))
			return p.node
		}
		return constant(text, t)
	case kindSpan:
		return r.span(text)
	default:
		return p.node
	}
}

func (r *resolver) span(text *ast.StringNode) ast.Node {
	d, err := ParseDuration(text.Value)
	if err != nil {
		r.fail(text, err.Error())
		return text
	}
	return constant(text, d)
}

func (r *resolver) equality(n *ast.BinaryNode) part {
	left, right := r.pair(n)
	if r.err == nil && !comparableKinds(left.kind, right.kind) {
		return r.fail(n, fmt.Sprintf("%s and %s are never equal: %s is %s, %s is %s",
			left.kind, right.kind, brief(n.Left), left.kind, brief(n.Right), right.kind))
	}
	p := part{node: r.call(n, fnEqual, left.node, right.node), kind: kindBool, fixed: left.fixed && right.fixed}
	if n.Operator == "!=" {
		node := &ast.UnaryNode{Operator: "not", Node: p.node}
		node.SetLocation(n.Location())
		p.node = node
	}
	return p
}

func orderable(k kind) bool { return k.may(kindNumber, kindText, kindTime, kindSpan) }

func (r *resolver) ordering(n *ast.BinaryNode) part {
	left, right := r.pair(n)
	if r.err == nil && (!orderable(left.kind) || !orderable(right.kind) || !comparableKinds(left.kind, right.kind)) {
		return r.fail(n, fmt.Sprintf("cannot compare %s with %s: %s is %s, %s is %s",
			left.kind, right.kind, brief(n.Left), left.kind, brief(n.Right), right.kind))
	}
	names := map[string]string{"<": fnLess, "<=": fnLessEqual, ">": fnGreater, ">=": fnGreaterEqual}
	return part{
		node: r.call(n, names[n.Operator], left.node, right.node), kind: kindBool,
		fixed: left.fixed && right.fixed,
	}
}

func (r *resolver) arithmetic(n *ast.BinaryNode) part {
	left, right := r.part(n.Left), r.part(n.Right)
	if r.err != nil {
		return left
	}
	if text, ok := right.node.(*ast.StringNode); ok && left.kind == kindTime {
		right.node, right.kind = r.span(text), kindSpan
	}
	result, ok := arithmeticKind(n.Operator, left.kind, right.kind)
	if !ok {
		return r.fail(n, fmt.Sprintf("%s %s %s cannot be computed: %s is %s, %s is %s", brief(n.Left), n.Operator,
			brief(n.Right), brief(n.Left), left.kind, brief(n.Right), right.kind))
	}
	names := map[string]string{"+": fnAdd, "-": fnSubtract, "*": fnMultiply, "/": fnDivide, "%": fnModulo}
	return part{node: r.call(n, names[n.Operator], left.node, right.node), kind: result, fixed: left.fixed && right.fixed}
}

func arithmeticKind(operator string, l, r kind) (kind, bool) {
	numbers := l.may(kindNumber) && r.may(kindNumber)
	unsure := l == kindAny || r == kindAny || l == kindMissing || r == kindMissing
	switch {
	case operator == "+" && l == kindText && r == kindText:
		return kindText, true
	case (operator == "+" || operator == "-") && l == kindTime && r.may(kindSpan, kindText):
		if operator == "-" && unsure {
			return kindAny, true // a time less a time is a duration
		}
		return kindTime, true
	case operator == "-" && l == kindTime && r == kindTime:
		return kindSpan, true
	case numbers && (!unsure || operator == "*" || operator == "/" || operator == "%"):
		return kindNumber, true
	case numbers:
		return kindAny, true
	case operator == "+" && unsure && l.may(kindText, kindTime) && r.may(kindText, kindSpan):
		return kindAny, true
	case operator == "-" && unsure && l.may(kindTime) && r.may(kindTime, kindSpan, kindText):
		return kindAny, true
	}
	return kindAny, false
}

func (r *resolver) membership(n *ast.BinaryNode) part {
	if bounds, ok := n.Right.(*ast.BinaryNode); ok && bounds.Operator == ".." {
		value, from, to := r.part(n.Left), r.part(bounds.Left), r.part(bounds.Right)
		if !value.kind.may(kindNumber) || !from.kind.may(kindNumber) || !to.kind.may(kindNumber) {
			return r.fail(n, "in with a range works on numbers")
		}
		return part{
			node: r.call(n, fnBetween, value.node, from.node, to.node), kind: kindBool,
			fixed: value.fixed && from.fixed && to.fixed,
		}
	}
	item, list := r.part(n.Left), r.part(n.Right)
	if list.kind == kindText {
		return r.fail(n, fmt.Sprintf(`%s is text, and in looks into a list; to look into text write %s contains %s`,
			brief(n.Right), brief(n.Right), brief(n.Left)))
	}
	if !list.kind.may(kindList) {
		return r.fail(n, fmt.Sprintf("%s is %s, and in looks into a list", brief(n.Right), list.kind))
	}
	return part{node: r.call(n, fnIn, item.node, list.node), kind: kindBool, fixed: item.fixed && list.fixed}
}

func (r *resolver) textual(n *ast.BinaryNode) part {
	left, right := r.part(n.Left), r.part(n.Right)
	list := n.Operator == "contains" && left.kind.may(kindList)
	if r.err == nil && ((!list && !left.kind.may(kindText)) || (left.kind != kindList && !right.kind.may(kindText))) {
		return r.fail(n, fmt.Sprintf("%s works on text: %s is %s, %s is %s",
			n.Operator, brief(n.Left), left.kind, brief(n.Right), right.kind))
	}
	names := map[string]string{"contains": fnContains, "startsWith": fnStartsWith, "endsWith": fnEndsWith}
	return part{
		node: r.call(n, names[n.Operator], left.node, right.node), kind: kindBool,
		fixed: left.fixed && right.fixed,
	}
}

func (r *resolver) matching(n *ast.BinaryNode) part {
	left := r.part(n.Left)
	if !left.kind.may(kindText) {
		return r.fail(n, fmt.Sprintf("matches works on text, and %s is %s", brief(n.Left), left.kind))
	}
	written, ok := n.Right.(*ast.StringNode)
	if !ok {
		return r.fail(n.Right, "the pattern of matches must be written out")
	}
	compiled, err := newPattern(written.Value)
	if err != nil {
		message := err.Error()
		if fault, ok := errors.AsType[*syntax.Error](err); ok {
			message = fault.Error()
		}
		return r.fail(n.Right, "the pattern cannot be read: "+message)
	}
	return part{node: r.call(n, fnMatches, left.node, constant(n.Right, compiled)), kind: kindBool, fixed: left.fixed}
}

func (r *resolver) otherwise(n *ast.BinaryNode) part {
	left, right := r.part(n.Left), r.part(n.Right)
	p := part{fixed: left.fixed && right.fixed}
	if left.kind == right.kind {
		p.kind, p.item = left.kind, left.item
	}
	node := &ast.BinaryNode{Operator: "??", Left: left.node, Right: right.node}
	node.SetLocation(n.Location())
	p.node = node
	return p
}

// parseTime reads a time as RFC 3339 writes it, or its full-date alone, which means midnight UTC.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
