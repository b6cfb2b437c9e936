package rules

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// The names with which a lookup starts.
const (
	scopeCustomer = "customer"
	scopeEvent    = "event"
	scopeEntry    = "entry"
	nameNow       = "now"
	nameNull      = "null"
)

// keywords cannot be names, because expr reads them as operators or literals.
var keywords = []string{
	"and", "or", "not", "in", "contains", "startsWith", "endsWith", "matches", "let", "if", "else", "true", "false",
	"nil", nameNull,
}

// later are names that the language keeps for what it does not offer yet.
var later = []string{"segment", "in_topic", "journeys", "next_best", "rfm", "score"}

// Reserved reports whether a name has a meaning in the rule language, so that nothing else can be called by it.
func Reserved(name string) bool {
	return slices.Contains([]string{scopeCustomer, scopeEvent, scopeEntry, nameNow}, name) ||
		slices.Contains(keywords, name) || slices.Contains(later, name) || slices.Contains(functionNames, name)
}

// name resolves a name that stands alone.
func (r *resolver) name(n *ast.IdentifierNode) part {
	switch {
	case n.Value == nameNull:
		return part{node: &ast.NilNode{}, kind: kindMissing, fixed: true}
	case n.Value == nameNow:
		return part{node: r.call(n, fnNow), kind: kindTime}
	case slices.Contains(functionNames, n.Value):
		return r.fail(n, fmt.Sprintf("%s is a function: write %s(…)", n.Value, n.Value))
	case n.Value == scopeCustomer, n.Value == scopeEvent, n.Value == scopeEntry, slices.Contains(r.opts.Results, n.Value):
		if !r.inScope(n) {
			return part{node: n}
		}
		return r.fail(n, fmt.Sprintf("%s alone is not a value; name one of its fields, as in %s.%s", n.Value, n.Value, exampleOf(n.Value)))
	}
	return r.unknown(n)
}

func exampleOf(scope string) string {
	switch scope {
	case scopeCustomer:
		return "email"
	case scopeEvent, scopeEntry:
		return "total"
	}
	return "happened"
}

// inScope reports whether a rule may start a lookup with this name, and says why if not.
func (r *resolver) inScope(n *ast.IdentifierNode) bool {
	switch {
	case n.Value == scopeEvent && !r.opts.Event:
		r.fail(n, "there is no event here: only the rules of a trigger, a wait_for, an exit and a goal judge one")
	case n.Value == scopeEntry && !r.opts.Entry:
		r.fail(n, "there is no entry here: only journeys that an event or data has started have one")
	}
	return r.err == nil
}

func (r *resolver) unknown(n *ast.IdentifierNode) part {
	switch {
	case slices.Contains(later, n.Value):
		return r.failWith(ErrNotAvailable, n, n.Value+" is not available yet")
	case slices.Contains(r.opts.Later, n.Value):
		return r.failWith(ErrNotYet, n, fmt.Sprintf("the result of %s is not known here: that step does not come before this one", n.Value))
	}
	names := append([]string{scopeCustomer, nameNow, nameNull, "true", "false"}, r.opts.Results...)
	if r.opts.Event {
		names = append(names, scopeEvent)
	}
	if r.opts.Entry {
		names = append(names, scopeEntry)
	}
	return r.failSuggest(n, fmt.Sprintf("unknown name %q", n.Value), n.Value, append(names, functionNames...))
}

// member resolves a field of something: of a scope, of a sent message, of an item, of a time.
func (r *resolver) member(n *ast.MemberNode) part {
	base := n.Node
	if chain, ok := base.(*ast.ChainNode); ok {
		base = chain.Node
	}
	if scope, ok := base.(*ast.IdentifierNode); ok && scope.Value != nameNow && scope.Value != nameNull {
		return r.field(scope, n.Property)
	}
	if name, args, ok := called(base); ok && name == "sent" {
		return r.sentField(base, args, n.Property)
	}
	quiet := r.quiet
	r.quiet = true
	of := r.resolve(base)
	r.quiet = quiet
	property := r.part(n.Property)
	if r.err != nil {
		return property
	}
	p := part{node: r.call(n.Property, fnGet, of.node, property.node), fixed: of.fixed && property.fixed}
	name, named := n.Property.(*ast.StringNode)
	switch {
	case of.kind == kindTime && named:
		return r.timeField(n.Property, name.Value, p)
	case of.kind == kindEvent && named:
		p.kind = eventField(name.Value)
	case of.kind == kindList && property.kind.may(kindNumber):
		p.kind = of.item
	case !of.kind.may(kindEvent):
		return r.fail(n.Property, fmt.Sprintf("%s is %s and has no field %s", brief(base), of.kind, brief(n.Property)))
	}
	return p
}

func called(n ast.Node) (name string, args []ast.Node, ok bool) {
	call, ok := n.(*ast.CallNode)
	if !ok {
		return "", nil, false
	}
	callee, ok := call.Callee.(*ast.IdentifierNode)
	if !ok {
		return "", nil, false
	}
	return callee.Value, call.Arguments, true
}

// field resolves a field of a scope. Its name must stand in the rule: what a rule needs is known before it runs.
func (r *resolver) field(scope *ast.IdentifierNode, property ast.Node) part {
	known := []string{scopeCustomer, scopeEvent, scopeEntry}
	result := slices.Contains(r.opts.Results, scope.Value)
	if !slices.Contains(known, scope.Value) && !result {
		return r.name(scope)
	}
	if !r.inScope(scope) {
		return part{node: scope}
	}
	name, ok := property.(*ast.StringNode)
	if !ok {
		return r.fail(property, fmt.Sprintf("the field of %s must be written out, as in %s.%s", scope.Value, scope.Value, exampleOf(scope.Value)))
	}
	switch {
	case scope.Value == scopeCustomer:
		return r.customerField(property, name.Value)
	case scope.Value == scopeEvent:
		return part{node: r.call(property, fnEvent, name), kind: eventField(name.Value)}
	case result:
		p := part{node: r.call(property, fnResult, &ast.StringNode{Value: scope.Value}, name)}
		switch name.Value {
		case "happened":
			p.kind = kindBool
		case "at":
			p.kind = kindTime
		}
		return p
	}
	return part{node: r.call(property, fnEntry, name)}
}

func (r *resolver) customerField(at ast.Node, name string) part {
	p := part{node: r.call(at, fnCustomer, &ast.StringNode{Value: name})}
	switch name {
	case "id", "kind", "external_id", "email", "phone", "name", "locale", "timezone", "stage":
		p.kind = kindText
	case "tags":
		p.kind, p.item = kindList, kindText
	case "created_at":
		p.kind = kindTime
	case "unsubscribed":
		p.kind = kindBool
		r.needs.Consents = true
	}
	return p
}

func eventField(name string) kind {
	switch name {
	case "name":
		return kindText
	case "at":
		return kindTime
	}
	return kindAny
}

var timeFields = []string{"year", "month", "day", "weekday", "hour", "minute", "date"}

func (r *resolver) timeField(at ast.Node, name string, p part) part {
	switch {
	case name == "weekday" || name == "date":
		p.kind = kindText
	case slices.Contains(timeFields, name):
		p.kind = kindNumber
	default:
		return r.failSuggest(at, fmt.Sprintf("a time has no field %q", name), name, timeFields)
	}
	return p
}

// sentField resolves a field of sent("step").
func (r *resolver) sentField(call ast.Node, args []ast.Node, property ast.Node) part {
	if len(args) != 1 {
		return r.fail(call, `sent takes the id of a step, as in sent("hello").delivered`)
	}
	step, ok := args[0].(*ast.StringNode)
	if !ok {
		return r.fail(args[0], `the step of sent must be written out, as in sent("hello").delivered`)
	}
	r.needs.Sent = true
	if !slices.Contains(r.opts.Sent, step.Value) {
		if slices.Contains(r.opts.Later, step.Value) {
			return r.failWith(ErrNotYet, step, fmt.Sprintf("nothing is known here of the message %s: that step does not come before this one", step.Value))
		}
		return r.failSuggest(step, fmt.Sprintf("no step before this one sends a message %q", step.Value), step.Value, r.opts.Sent)
	}
	fields := []string{"status", "delivered", "at"}
	field, ok := property.(*ast.StringNode)
	if !ok || !slices.Contains(fields, field.Value) {
		if ok && (field.Value == "clicked" || field.Value == "opened") {
			return r.failWith(ErrNotAvailable, property, "sent(…)."+field.Value+" is not available yet")
		}
		return r.failSuggest(property, fmt.Sprintf("sent has no field %s, only status, delivered and at", brief(property)), brief(property), fields)
	}
	p := part{node: r.call(property, fnSent, step, field)}
	switch field.Value {
	case "status":
		p.kind = kindText
	case "delivered":
		p.kind = kindBool
	case "at":
		p.kind = kindTime
	}
	return p
}
