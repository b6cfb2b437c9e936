package rules

import (
	"errors"
	"fmt"
	"regexp/syntax"

	"github.com/expr-lang/expr/ast"
)

func (r *resolver) unary(n *ast.UnaryNode) part {
	if n.Operator == "-" || n.Operator == "+" {
		p := r.part(n.Node)
		if of := p.known(); r.err == nil && !of.may(kindNumber) {
			return r.fail(n, fmt.Sprintf("%s is %s; only a number has a sign", brief(n.Node), of))
		}
		if r.err != nil {
			return p
		}
		if n.Operator == "+" {
			return r.made(n, fnNumber, kindNumber, p)
		}
		return r.made(n, fnNegate, kindNumber, p)
	}
	p := r.truth(n.Node)
	if r.err != nil {
		return p
	}
	return r.not(n, p)
}

func (r *resolver) not(at ast.Node, p part) part {
	if always := r.known(p); always != nil {
		opposite := !*always
		p.always = &opposite
	}
	node := &ast.UnaryNode{Operator: "not", Node: p.node}
	node.SetLocation(at.Location())
	p.node, p.kind = node, kindBool
	r.parts[node] = p
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
		return r.contained(n)
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
	if r.err != nil {
		return left
	}
	node := &ast.BinaryNode{Operator: operator, Left: left.node, Right: right.node}
	node.SetLocation(n.Location())
	p := part{
		node: node, kind: kindBool, fixed: left.fixed && right.fixed, free: left.free && right.free,
		moves: left.moves || right.moves,
	}
	l, o := r.known(left), r.known(right)
	switch {
	case l != nil && *l == dominant, o != nil && *o == dominant:
		p.always = &dominant
	case l != nil && o != nil:
		other := !dominant
		p.always = &other
	}
	return p
}

// pair resolves two values that are compared. Text that is written out becomes a time or duration beside one.
func (r *resolver) pair(n *ast.BinaryNode) (left, right part) {
	left, right = r.part(n.Left), r.part(n.Right)
	if r.err != nil {
		return left, right
	}
	r.warnAboutTimes(n.Left, left, right)
	r.warnAboutTimes(n.Right, right, left)
	beside := func(p part, other kind) part {
		if text, ok := r.literalText(p); ok && (other == kindTime || other == kindSpan) && r.err == nil {
			return r.literal(p, text, other)
		}
		return p
	}
	l, o := beside(left, right.kind), beside(right, left.kind)
	r.clock(l, o)
	return l, o
}

func (r *resolver) equality(n *ast.BinaryNode) part {
	left, right := r.pair(n)
	if r.err != nil {
		return left
	}
	l, o := left.known(), right.known()
	if !comparableKinds(l, o) {
		return r.fail(n, fmt.Sprintf("%s and %s are never equal: %s is %s, %s is %s", l, o, brief(n.Left), l, brief(n.Right), o))
	}
	p := r.made(n, fnEqual, kindBool, left, right)
	if n.Operator == "!=" {
		return r.not(n, p)
	}
	return p
}

func orderable(k kind) bool { return k.may(kindNumber, kindText, kindTime, kindSpan) }

func (r *resolver) ordering(n *ast.BinaryNode) part {
	left, right := r.pair(n)
	if r.err != nil {
		return left
	}
	l, o := left.known(), right.known()
	if !orderable(l) || !orderable(o) || !comparableKinds(l, o) || l == kindEvent || o == kindEvent {
		return r.fail(n, fmt.Sprintf("cannot compare %s with %s: %s is %s, %s is %s", l, o, brief(n.Left), l, brief(n.Right), o))
	}
	names := map[string]string{"<": fnLess, "<=": fnLessEqual, ">": fnGreater, ">=": fnGreaterEqual}
	return r.made(n, names[n.Operator], kindBool, left, right)
}

func (r *resolver) arithmetic(n *ast.BinaryNode) part {
	left, right := r.part(n.Left), r.part(n.Right)
	if r.err != nil {
		return left
	}
	if text, ok := r.literalText(right); ok && (left.kind == kindTime || left.kind == kindSpan) {
		if right = r.literal(right, text, kindSpan); r.err != nil {
			return right
		}
	}
	l, o := left.known(), right.known()
	if _, ok := arithmeticKind(n.Operator, l, o); !ok {
		return r.fail(n, fmt.Sprintf("%s %s %s cannot be computed: %s is %s, %s is %s%s", brief(n.Left), n.Operator,
			brief(n.Right), brief(n.Left), l, brief(n.Right), o, spanAdvice(l, o)))
	}
	// What the catalogue says decides what is refused, never what a rule means.
	of, _ := arithmeticKind(n.Operator, left.kind, right.kind)
	names := map[string]string{"+": fnAdd, "-": fnSubtract, "*": fnMultiply, "/": fnDivide, "%": fnModulo}
	p := r.made(n, names[n.Operator], of, left, right)
	p.zoned = of == kindTime && left.zoned
	return p
}

func spanAdvice(l, o kind) string {
	if (l == kindTime || l == kindSpan) && (o == kindAny || o == kindNumber) {
		return `; write a duration such as "2d", or days(…)`
	}
	return ""
}

// arithmeticKind is the kind of the result of + - * / and %, and whether it can be computed at all. A value of unknown
// kind is one that JSON can hold: a time is only what the rule itself says is one.
func arithmeticKind(operator string, l, o kind) (kind, bool) {
	switch {
	case operator == "+" && l == kindTime && o == kindSpan, operator == "-" && l == kindTime && o == kindSpan:
		return kindTime, true
	case operator == "-" && l == kindTime && o.may(kindTime, kindText), operator == "-" && o == kindTime && l.may(kindTime, kindText):
		return kindSpan, true
	case (operator == "+" || operator == "-") && l == kindSpan && o == kindSpan:
		return kindSpan, true
	case operator == "+" && l == kindText && o == kindText:
		return kindText, true
	case !l.may(kindNumber) && (operator != "+" || !l.may(kindText)), !o.may(kindNumber) && (operator != "+" || !o.may(kindText)):
		return kindAny, false
	case operator != "+":
		return kindNumber, true
	case l == kindNumber || o == kindNumber:
		return kindNumber, l.may(kindNumber) && o.may(kindNumber)
	case l == kindText || o == kindText:
		return kindText, true
	}
	return kindAny, true
}

// contained resolves in: a number in a range, a value in a list, a name among the fields of an object.
func (r *resolver) contained(n *ast.BinaryNode) part {
	if bounds, ok := n.Right.(*ast.BinaryNode); ok && bounds.Operator == ".." {
		value, from, to := r.part(n.Left), r.part(bounds.Left), r.part(bounds.Right)
		if r.err != nil {
			return value
		}
		if !value.known().may(kindNumber) || !from.known().may(kindNumber) || !to.known().may(kindNumber) {
			return r.fail(n, "in with a range works on numbers")
		}
		return r.made(n, fnBetween, kindBool, value, from, to)
	}
	if written, ok := n.Right.(*ast.ArrayNode); ok {
		return r.oneOf(n, written)
	}
	item, list := r.part(n.Left), r.part(n.Right)
	if r.err != nil {
		return item
	}
	of := list.known()
	if of == kindText {
		return r.fail(n, fmt.Sprintf(`%s is text, and in looks into a list; to look into text write %s contains %s`,
			brief(n.Right), brief(n.Right), brief(n.Left)))
	}
	if !of.may(kindList) || list.item == kindEvent {
		return r.fail(n, fmt.Sprintf("%s is %s, and in looks into a list of values", brief(n.Right), of))
	}
	if of == kindList && !comparableKinds(item.known(), list.item) {
		return r.fail(n, fmt.Sprintf("%s is %s, and never in a list of which each item is %s", brief(n.Left), item.known(), list.item))
	}
	r.clock(item, list)
	return r.made(n, fnIn, kindBool, item, list)
}

// oneOf resolves in with a list that is written out: each item is compared for itself, so they need not be of one kind.
func (r *resolver) oneOf(n *ast.BinaryNode, written *ast.ArrayNode) part {
	item := r.part(n.Left)
	list := part{kind: kindList, fixed: true, free: true}
	node := &ast.ArrayNode{}
	for _, w := range written.Nodes {
		p := r.part(w)
		if r.err != nil {
			return p
		}
		if text, ok := r.literalText(p); ok && (item.kind == kindTime || item.kind == kindSpan) {
			p = r.literal(p, text, item.kind)
		}
		if r.err == nil && !comparableKinds(item.known(), p.known()) {
			return r.fail(w, fmt.Sprintf("%s and %s are never equal: %s is %s, %s is %s", item.known(), p.known(),
				brief(n.Left), item.known(), brief(w), p.known()))
		}
		r.clock(item, p)
		node.Nodes = append(node.Nodes, p.node)
		list.fixed, list.free = list.fixed && p.fixed, list.free && p.free
		if _, recorded := r.parts[p.node]; !recorded {
			r.parts[p.node] = p
		}
	}
	if r.err != nil {
		return item
	}
	node.SetLocation(written.Location())
	list.node = node
	r.parts[node] = list
	return r.made(n, fnIn, kindBool, item, list)
}

func (r *resolver) textual(n *ast.BinaryNode) part {
	left, right := r.part(n.Left), r.part(n.Right)
	if r.err != nil {
		return left
	}
	l, o := left.known(), right.known()
	list := n.Operator == "contains" && l.may(kindList)
	if left.item == kindEvent || (!list && (!l.may(kindText) || !o.may(kindText))) || (l == kindText && !o.may(kindText)) {
		return r.fail(n, fmt.Sprintf("%s works on text: %s is %s, %s is %s", n.Operator, brief(n.Left), l, brief(n.Right), o))
	}
	r.clock(left, right)
	names := map[string]string{"contains": fnContains, "startsWith": fnStartsWith, "endsWith": fnEndsWith}
	return r.made(n, names[n.Operator], kindBool, left, right)
}

func (r *resolver) matching(n *ast.BinaryNode) part {
	left := r.part(n.Left)
	if r.err != nil {
		return left
	}
	if of := left.known(); !of.may(kindText) {
		return r.fail(n, fmt.Sprintf("matches works on text, and %s is %s", brief(n.Left), of))
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
	return r.made(n, fnMatches, kindBool, left, fixedPart(n.Right, compiled, kindAny))
}

func (r *resolver) otherwise(n *ast.BinaryNode) part {
	left, right := r.part(n.Left), r.part(n.Right)
	p := r.either(n, n.Left, n.Right, &left, &right)
	if r.err != nil {
		return p
	}
	node := &ast.BinaryNode{Operator: "??", Left: left.node, Right: right.node}
	node.SetLocation(n.Location())
	p.node = node
	return p
}
