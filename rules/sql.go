package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// Form is how a rule looks at events when Postgres evaluates it.
type Form string

// The forms. Both choose the same customers; which is faster depends on how many customers the rest of the rule leaves.
const (
	Grouped    Form = "grouped"    // each kind of event is read once, for all customers together
	Correlated Form = "correlated" // each customer's events are looked up
)

// SelectOptions says for whom and when a rule is evaluated by Postgres.
type SelectOptions struct {
	Workspace int64
	Now       time.Time
	Past      bool     // Now is past: memberships and messages are taken as they were then
	Zones     []string // time zones that Postgres knows
	Form      Form
}

// Selection is a query over the tables of the store. No text of the rule is part of it: all values are parameters.
type Selection struct {
	SQL   string
	Args  []any
	Exact bool // the query answers alone; else it gives some customers too many, and Bool must judge those it gives
	Parts []SelectionPart
}

// SelectionPart tells who evaluates a part of a rule.
type SelectionPart struct {
	Text   string `json:"text"`
	Where  string `json:"where"` // EvaluatedByPostgres or EvaluatedInGo
	Reason string `json:"reason,omitempty"`
}

// Who evaluates a part of a rule.
const (
	EvaluatedByPostgres = "postgres"
	EvaluatedInGo       = "go"
)

// Select translates the rule into a query that gives the ids of the customers for whom it holds.
func (r *Rule) Select(o SelectOptions) Selection {
	t := newTranslator(o)
	condition := t.rule(r)
	sql := "SELECT c.id" + t.from() + " AND " + condition
	return t.finish(sql)
}

// Classify translates many rules into one query. It gives the id of each customer for whom any of them holds, and an
// array that says which do. If it is not exact, some may be said to hold that do not.
func Classify(o SelectOptions, rules []*Rule) Selection {
	t := newTranslator(o)
	held := make([]string, len(rules))
	for i, r := range rules {
		held[i] = "coalesce(" + t.rule(r) + ", false)"
	}
	sql := "SELECT * FROM (SELECT c.id, ARRAY[" + strings.Join(held, ", ") + "]::boolean[] AS held" + t.from() +
		") judged WHERE true = ANY (held)"
	return t.finish(sql)
}

var placeholder = regexp.MustCompile(`\$\d+`)

// finish keeps the parameters that the query has come to use. (There is no other $ in a query: all text is in parameters.)
func (t *translator) finish(sql string) Selection {
	s := Selection{Exact: t.exact, Parts: t.said}
	numbers := map[string]string{}
	s.SQL = placeholder.ReplaceAllStringFunc(sql, func(old string) string {
		if numbers[old] == "" {
			index, _ := strconv.Atoi(old[1:]) // the pattern has only digits there
			s.Args = append(s.Args, t.args[index-1])
			numbers[old] = "$" + strconv.Itoa(len(s.Args))
		}
		return numbers[old]
	})
	return s
}

// translator writes one query. A part that cannot be translated sets fault, and is replaced where that leaves a query
// that gives too many customers and none too few.
type translator struct {
	o         SelectOptions
	form      Form
	parts     map[ast.Node]part // of the rule at hand
	source    string
	args      []any
	known     map[string]string // parameters by their type and value
	aliases   int
	items     []sqlValue // # in the loops around, innermost last
	ties      []string   // conditions that are true of every row of those loops
	groups    []*group   // events read for all customers together
	picks     []*pick    // first and last events, likewise
	outside   bool       // what was translated looks at the customer or at an item of a loop around
	exact     bool
	said      []SelectionPart
	fault     *sqlFault
	workspace string // parameters
	now       string
}

// sqlFault says why a part cannot be translated.
type sqlFault struct{ reason string }

func newTranslator(o SelectOptions) *translator {
	t := &translator{o: o, form: o.Form, known: map[string]string{}, exact: true}
	t.workspace = t.param("bigint", o.Workspace)
	t.now = t.param("timestamptz", instant(o.Now))
	return t
}

// param gives the placeholder of a value. The same value is passed once.
func (t *translator) param(of string, value any) string {
	key := fmt.Sprintf("%s %v", of, value)
	if placeholder, ok := t.known[key]; ok {
		return placeholder
	}
	t.args = append(t.args, value)
	placeholder := fmt.Sprintf("$%d::%s", len(t.args), of)
	t.known[key] = placeholder
	return placeholder
}

func (t *translator) text(s string) string { return t.param("text", s) }

func (t *translator) alias(prefix string) string {
	t.aliases++
	return fmt.Sprintf("%s%d", prefix, t.aliases)
}

func (t *translator) refuse(reason string) sqlValue {
	if t.fault == nil {
		t.fault = &sqlFault{reason}
	}
	return sqlValue{sql: "NULL"}
}

// from is the rest of the query behind what is selected, open for more conditions.
func (t *translator) from() string {
	var b strings.Builder
	b.WriteString(" FROM customers c")
	for _, g := range t.groups {
		b.WriteString(" LEFT JOIN (" + g.query(t) + ") " + g.alias + " ON " + g.alias + ".customer_id = c.id")
	}
	for _, p := range t.picks {
		b.WriteString(" LEFT JOIN (" + p.query() + ") " + p.alias + " ON " + p.alias + ".customer_id = c.id")
	}
	b.WriteString(" WHERE c.workspace_id = " + t.workspace + " AND c.merged_into IS NULL")
	return b.String()
}

// rule translates a whole rule. The sides of its outermost ands are told apart in what is said about the plan.
func (t *translator) rule(r *Rule) string {
	t.parts, t.source = r.parts, r.source
	if r.always != nil {
		t.said = append(t.said, SelectionPart{Text: r.source, Where: EvaluatedByPostgres})
		return fmt.Sprint(*r.always)
	}
	var all []string
	for _, side := range conjuncts(r.tree) {
		p, ok := r.written[side]
		if !ok {
			p = r.root
		}
		before, said := t.exact, len(t.said)
		t.exact = true
		all = append(all, t.condition(p.node, wider).sql)
		if t.exact {
			t.said = append(t.said, SelectionPart{Text: textOf(side), Where: EvaluatedByPostgres})
		} else if len(t.said) == said+1 { // the whole side is judged in Go
			t.said[said].Text = textOf(side)
		}
		t.exact = t.exact && before
	}
	return "(" + strings.Join(all, " AND ") + ")"
}

// conjuncts are the sides of the ands at the top of a tree.
func conjuncts(n ast.Node) []ast.Node {
	if b, ok := n.(*ast.BinaryNode); ok && (b.Operator == "and" || b.Operator == "&&") {
		return append(conjuncts(b.Left), conjuncts(b.Right)...)
	}
	return []ast.Node{n}
}

// textOf is a node as text, cut short where it is long.
func textOf(n ast.Node) string { return clipText(n.String()) }

// bound says what may take the place of a condition that cannot be translated.
type bound uint8

const (
	tight    bound = iota // nothing: the part around it cannot be translated either
	wider                 // one that holds more often
	narrower              // one that holds more seldom
)

func (b bound) opposite() bound {
	switch b {
	case wider:
		return narrower
	case narrower:
		return wider
	case tight:
	}
	return tight
}

// condition translates what is true or false. Where its SQL is null, it is false.
func (t *translator) condition(n ast.Node, b bound) sqlValue {
	n = unwrap(n)
	var v sqlValue
	switch node := n.(type) {
	case *ast.BoolNode:
		return sqlValue{sql: fmt.Sprint(node.Value), kind: kindBool, sure: true}
	case *ast.BinaryNode:
		if node.Operator == "and" || node.Operator == "or" {
			left, right := t.condition(node.Left, b), t.condition(node.Right, b)
			return sqlValue{
				sql:  "(" + left.sql + " " + strings.ToUpper(node.Operator) + " " + right.sql + ")",
				kind: kindBool, sure: left.sure && right.sure,
			}
		}
		v = t.judged(n)
	case *ast.UnaryNode:
		inner := t.condition(node.Node, b.opposite())
		return sqlValue{sql: "(NOT " + inner.truth() + ")", kind: kindBool, sure: true}
	default:
		v = t.judged(n)
	}
	if t.fault == nil || b == tight {
		return v
	}
	t.said = append(t.said, SelectionPart{Text: t.textNear(n), Where: EvaluatedInGo, Reason: t.fault.reason})
	t.fault, t.exact = nil, false
	return sqlValue{sql: fmt.Sprint(b == wider), kind: kindBool, sure: true}
}

// textNear is the text of the rule around a node of the tree that runs.
func (t *translator) textNear(n ast.Node) string {
	runes, at := []rune(t.source), n.Location()
	if at.From < 0 || at.From >= len(runes) {
		return clipText(t.source)
	}
	return "… " + clipText(string(runes[at.From:]))
}

// unwrap leaves out what only notes a value.
func unwrap(n ast.Node) ast.Node {
	for {
		name, args := resolvedCall(n)
		if name != fnNote {
			return n
		}
		n = args[1]
	}
}

// resolvedCall gives the function of builtins.go that a node calls, and its arguments without the run.
func resolvedCall(n ast.Node) (string, []ast.Node) {
	call, ok := n.(*ast.CallNode)
	if !ok {
		return "", nil
	}
	callee, ok := call.Callee.(*ast.IdentifierNode)
	if !ok || !strings.HasPrefix(callee.Value, "$") {
		return "", nil
	}
	return callee.Value, call.Arguments[1:]
}

// judged translates a condition that is no junction.
func (t *translator) judged(n ast.Node) sqlValue {
	v := t.value(n)
	if v.kind != kindBool && t.fault == nil {
		return sqlValue{sql: "(" + t.jsonb(v) + " = 'true'::jsonb)", kind: kindBool}
	}
	return v
}

// constant evaluates what depends on nothing but the moment, and passes its value.
func (t *translator) constant(n ast.Node) (sqlValue, bool) {
	p, ok := t.parts[n]
	if !ok || !p.free || p.kind == kindList || p.zoned {
		return sqlValue{}, false
	}
	program, err := assemble(t.source, n)
	if err != nil {
		return sqlValue{}, false
	}
	value, err := newRun(&Env{Now: t.o.Now}).execute(t.source, program)
	if err != nil {
		return sqlValue{}, false
	}
	return t.pass(value, p.kind)
}

// pass gives a value that is known when the query is written.
func (t *translator) pass(value any, of kind) (sqlValue, bool) {
	v := sqlValue{kind: of, sure: true, constant: true, value: value}
	switch x := value.(type) {
	case nil:
		return sqlValue{sql: "NULL::" + sqlType(of), kind: of, constant: true}, true
	case bool:
		v.sql, v.kind = fmt.Sprint(x), kindBool
	case string:
		v.sql, v.kind = t.text(x), kindText
	case moment:
		v.sql, v.kind = t.param("timestamptz", x.at.UTC()), kindTime
	case span:
		v.sql, v.kind = t.param("interval", fmt.Sprintf("%d microseconds", x.micros)), kindSpan
	default:
		n, ok := asNumber(value)
		if !ok {
			return sqlValue{}, false
		}
		v.sql, v.kind = t.param("numeric", n.decimal().String()), kindNumber
	}
	return v, true
}

func sqlType(of kind) string {
	switch of {
	case kindBool:
		return "boolean"
	case kindNumber:
		return "numeric"
	case kindText:
		return "text"
	case kindTime:
		return "timestamptz"
	case kindSpan:
		return "interval"
	case kindAny, kindMissing, kindList, kindEvent:
	}
	return "jsonb"
}

// zones are the time zones that both evaluators know.
func (t *translator) zones() string {
	var both []string
	for _, name := range t.o.Zones {
		if _, ok := zone(name); ok {
			both = append(both, name)
		}
	}
	slices.Sort(both)
	return t.param("text[]", both)
}
