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
	scopeRFM      = "rfm"
	scopeScore    = "score"
	nameNow       = "now"
	nameNull      = "null"
)

// scopes are the names that stand only before a field.
var scopes = []string{scopeCustomer, scopeEvent, scopeEntry, scopeRFM, scopeScore}

// keywords cannot be names, because expr reads them as operators or literals.
var keywords = []string{
	"and", "or", "not", "in", "contains", "startsWith", "endsWith", "matches", "let", "if", "else", "true", "false",
	"nil", nameNull,
}

// Reserved reports whether a name has a meaning in the rule language, so that nothing else can be called by it.
func Reserved(name string) bool {
	return slices.Contains(scopes, name) || name == nameNow || slices.Contains(keywords, name) ||
		slices.Contains(functionNames, name)
}

// name resolves a name that stands alone.
func (r *resolver) name(n *ast.IdentifierNode) part {
	switch {
	case n.Value == nameNull:
		return part{node: &ast.NilNode{}, kind: kindMissing, fixed: true, free: true}
	case n.Value == nameNow:
		r.needs.Clock = true
		return part{node: r.call(n, fnNow), kind: kindTime, free: true, moves: true}
	case slices.Contains(functionNames, n.Value):
		return r.fail(n, fmt.Sprintf("%s is a function: write %s(…)", n.Value, n.Value))
	case slices.Contains(scopes, n.Value), slices.Contains(r.opts.Results, n.Value):
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
	case scopeRFM:
		return "recency"
	case scopeScore:
		return "churn"
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
	if slices.Contains(r.opts.Later, n.Value) {
		return r.failWith(ErrNotYet, n, fmt.Sprintf("the result of %s is not known here: that step does not come before this one", n.Value))
	}
	if _, field := recordFields[n.Value]; field || r.opts.Schema != nil && r.opts.Schema.Attributes[n.Value] != "" {
		p := r.fail(n, fmt.Sprintf("unknown name %q", n.Value))
		r.err.Suggestion = "customer." + n.Value
		return p
	}
	names := append([]string{scopeCustomer, scopeRFM, scopeScore, nameNow, nameNull, "true", "false"}, r.opts.Results...)
	if r.opts.Event {
		names = append(names, scopeEvent)
	}
	if r.opts.Entry {
		names = append(names, scopeEntry)
	}
	return r.failSuggest(n, fmt.Sprintf("unknown name %q", n.Value), n.Value, append(names, functionNames...))
}

// member resolves a field of something: of a scope, of what a function found, of an item, of a time.
func (r *resolver) member(n *ast.MemberNode) part {
	base := n.Node
	if chain, ok := base.(*ast.ChainNode); ok {
		base = chain.Node
	}
	if scope, ok := base.(*ast.IdentifierNode); ok && scope.Value != nameNow && scope.Value != nameNull {
		return r.field(scope, n.Property)
	}
	if name, args, ok := called(base); ok {
		switch name {
		case "sent":
			return r.sentField(base, args, n.Property)
		case "journeys":
			return r.journeysField(base, args, n.Property)
		}
	}
	quiet := r.quiet
	r.quiet = true
	of := r.part(base)
	r.quiet = quiet
	property := r.part(n.Property)
	if r.err != nil {
		return property
	}
	p := r.made(n.Property, fnGet, kindAny, of, property)
	name, named := n.Property.(*ast.StringNode)
	if of.kind == kindEvent && (!named || eventField(name.Value) == kindAny) {
		r.needs.Properties = union(r.needs.Properties, []string{of.event})
	}
	switch {
	case of.kind == kindTime && named:
		return r.timeField(n.Property, name.Value, p)
	case of.kind == kindEvent && named:
		p.kind = eventField(name.Value)
		p.hint = r.property(n.Property, of.event, name.Value)
	case of.kind == kindList && property.kind.may(kindNumber):
		p.kind, p.event, p.zoned = of.item, of.event, of.zoned
	case !of.known().may(kindEvent):
		return r.fail(n.Property, fmt.Sprintf("%s is %s and has no field %s", brief(base), of.known(), brief(n.Property)))
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
	if !slices.Contains(scopes, scope.Value) && !slices.Contains(r.opts.Results, scope.Value) {
		return r.name(scope)
	}
	if !r.inScope(scope) {
		return part{node: scope}
	}
	name, ok := property.(*ast.StringNode)
	if !ok {
		return r.fail(property, fmt.Sprintf("the field of %s must be written out, as in %s.%s", scope.Value, scope.Value, exampleOf(scope.Value)))
	}
	if r.text(name); r.err != nil {
		return part{node: name}
	}
	switch scope.Value {
	case scopeCustomer:
		return r.customerField(property, name.Value)
	case scopeEvent:
		p := part{node: r.call(property, fnEvent, name), kind: eventField(name.Value)}
		p.hint = r.property(property, r.opts.EventName, name.Value)
		return p
	case scopeEntry:
		return part{node: r.call(property, fnEntry, name)}
	case scopeRFM, scopeScore:
		return r.score(property, scope.Value, name.Value)
	}
	r.results = union(r.results, []string{scope.Value})
	p := part{node: r.call(property, fnResult, &ast.StringNode{Value: scope.Value}, name)}
	switch name.Value {
	case "happened":
		p.kind = kindBool
	case "at":
		p.kind = kindTime
	}
	return p
}

// recordFields are the fields that every record has, with their kinds.
var recordFields = map[string]kind{
	"id": kindText, "kind": kindText, "external_id": kindText, "email": kindText, "phone": kindText, "name": kindText,
	"locale": kindText, "timezone": kindText, "stage": kindText, "tags": kindList, "created_at": kindTime,
	"unsubscribed": kindBool,
}

func (r *resolver) customerField(at ast.Node, name string) part {
	p := part{node: r.call(at, fnCustomer, &ast.StringNode{Value: name})}
	of, ok := recordFields[name]
	if !ok {
		p.hint = r.attribute(at, name)
		r.needs.Profile = union(r.needs.Profile, []string{name})
		return p
	}
	p.kind = of
	switch {
	case name == "unsubscribed":
		r.needs.Consents = true
		return p
	case of == kindList:
		p.item = kindText
	}
	r.needs.Profile = union(r.needs.Profile, []string{name})
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

var rfmFields = []string{"recency", "frequency", "monetary"}

// score resolves what is computed about customers from time to time. Until it is, it is missing.
func (r *resolver) score(at ast.Node, scope, name string) part {
	if scope == scopeRFM && !slices.Contains(rfmFields, name) {
		return r.failSuggest(at, fmt.Sprintf("rfm has no field %q, only recency, frequency and monetary", name), name, rfmFields)
	}
	r.needs.Scores = true
	return part{node: r.call(at, fnScore, &ast.StringNode{Value: scope + "." + name}), kind: kindNumber}
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
	r.clock(p)
	return p
}

// sentField resolves a field of sent("step"), a message of the same journey, or of sent("campaign", "step"), the latest
// message of a step in any journey of the customer.
func (r *resolver) sentField(call ast.Node, args []ast.Node, property ast.Node) part {
	names, ok := r.names(call, args, 1, 2, `sent takes the id of a step, or a campaign and a step, as in sent("hello").delivered or sent("welcome", "hello").at`)
	if !ok {
		return part{node: call}
	}
	fields := []string{"status", "delivered", "opened", "clicked", "at"}
	field, ok := property.(*ast.StringNode)
	if !ok || !slices.Contains(fields, field.Value) {
		return r.failSuggest(property, fmt.Sprintf("sent has no field %s, only status, delivered, opened, clicked and at", brief(property)), brief(property), fields)
	}
	p := part{kind: map[string]kind{
		"status": kindText, "delivered": kindBool, "opened": kindBool, "clicked": kindBool, "at": kindTime,
	}[field.Value]}
	if len(names) == 2 {
		r.campaign(args[0], names[0])
		key := names[0] + "/" + names[1]
		r.needs.Touches = union(r.needs.Touches, []string{key})
		p.node = r.call(property, fnTouch, &ast.StringNode{Value: key}, field)
		return p
	}
	step := names[0]
	r.needs.Sent = true
	if !slices.Contains(r.opts.Sent, step) {
		if slices.Contains(r.opts.Later, step) {
			return r.failWith(ErrNotYet, args[0], fmt.Sprintf("nothing is known here of the message %s: that step does not come before this one", step))
		}
		return r.failSuggest(args[0], fmt.Sprintf("no step before this one sends a message %q", step), step, r.opts.Sent)
	}
	p.node = r.call(property, fnSent, args[0], field)
	return p
}

var journeyFields = map[string]kind{
	"active": kindBool, "converted": kindBool, "count": kindNumber, "status": kindText, "entered_at": kindTime,
	"ended_at": kindTime,
}

func (r *resolver) journeysField(call ast.Node, args []ast.Node, property ast.Node) part {
	names, ok := r.names(call, args, 1, 1, `journeys takes the name of a campaign, as in journeys("welcome").active`)
	if !ok {
		return part{node: call}
	}
	field, ok := property.(*ast.StringNode)
	if !ok || journeyFields[field.Value] == kindAny {
		return r.failSuggest(property, fmt.Sprintf("journeys has no field %s, only %s", brief(property), "active, converted, count, status, entered_at and ended_at"), brief(property), sortedKeys(journeyFields))
	}
	r.campaign(args[0], names[0])
	r.needs.Journeys = union(r.needs.Journeys, names)
	return part{node: r.call(property, fnJourneys, args[0], field), kind: journeyFields[field.Value]}
}

// names gives the arguments of a function that takes only text that is written out.
func (r *resolver) names(call ast.Node, args []ast.Node, least, most int, usage string) ([]string, bool) {
	if len(args) < least || len(args) > most {
		r.fail(call, usage)
		return nil, false
	}
	names := make([]string, len(args))
	for i, arg := range args {
		text, ok := arg.(*ast.StringNode)
		if !ok || text.Value == "" {
			r.fail(arg, usage)
			return nil, false
		}
		if r.text(text); r.err != nil {
			return nil, false
		}
		names[i] = text.Value
	}
	return names, true
}
