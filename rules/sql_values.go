package rules

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// sqlValue is an expression of SQL for a value of a rule. It is null where the value is missing; a value of unknown kind
// is jsonb, in which null may stand for missing, too.
type sqlValue struct {
	sql      string
	kind     kind
	sure     bool   // never null
	around   string // a query around the expression, with %s in its place: what is done to the value is done inside
	text     string // of a value that is looked up by name: the same as text, whatever its kind; null where it is missing
	zone     string // of a time: its zone; "" for UTC
	zero     string // of a number that is never missing: the same, but null where it is 0
	constant bool   // known when the query is written; then
	value    any    // is the value
	list     *relation
	event    *oneOf // of an event: which row it is; nil for the one at hand in a loop
}

// maxRepeated is how long an expression may be, in bytes, that is written several times. A longer one is given a name:
// else a query could double in length with every level of a rule.
const maxRepeated = 100

// named applies SQL to an expression, which may be written several times in it.
func (t *translator) named(sql string, of func(sql string) string) string {
	if len(sql) <= maxRepeated {
		return of(sql)
	}
	name := t.alias("d")
	return "(SELECT " + of(name+".x") + " FROM (SELECT " + sql + " AS x) " + name + ")"
}

// with applies SQL to a value, inside of the query around it if there is one.
func (t *translator) with(v sqlValue, of func(sql string) string) string {
	if v.around == "" {
		return t.named(v.sql, of)
	}
	return strings.Replace(v.around, "%s", t.named(v.sql, of), 1)
}

// bind gives a value a name if it is long, for what writes it several times.
func (t *translator) bind(v sqlValue, of func(v sqlValue) sqlValue) sqlValue {
	sql := v.whole()
	if v.kind == kindList || v.kind == kindEvent || len(sql) <= maxRepeated {
		return of(v)
	}
	name := t.alias("d")
	short := v
	short.sql, short.text, short.around, short.zero = name+".x", "", "", ""
	result := of(short)
	result.sql = "(SELECT " + result.sql + " FROM (SELECT " + sql + " AS x) " + name + ")"
	return result
}

// whole is the value, to be written once.
func (v sqlValue) whole() string {
	if v.around == "" {
		return v.sql
	}
	return strings.Replace(v.around, "%s", v.sql, 1)
}

// truth is a condition that is never null.
func (v sqlValue) truth() string {
	if v.sure {
		return v.sql
	}
	return "coalesce(" + v.sql + ", false)"
}

// value translates anything but what belongs to junctions.
func (t *translator) value(n ast.Node) sqlValue {
	n = unwrap(n)
	if t.fault != nil {
		return sqlValue{sql: "NULL"}
	}
	if v, ok := t.constant(n); ok {
		return v
	}
	switch node := n.(type) {
	case *ast.NilNode:
		return sqlValue{sql: "NULL::jsonb", kind: kindMissing, constant: true}
	case *ast.BoolNode:
		return t.passed(node.Value, kindBool)
	case *ast.StringNode:
		return t.passed(node.Value, kindText)
	case *ast.ConstantNode:
		return t.passed(node.Value, kindAny)
	case *ast.PointerNode:
		return t.items[len(t.items)-1]
	case *ast.ArrayNode:
		return t.array(node)
	case *ast.UnaryNode:
		v := t.condition(node, tight)
		return sqlValue{sql: v.truth(), kind: kindBool, sure: true}
	case *ast.BinaryNode:
		if node.Operator == "??" {
			return t.otherwise(node)
		}
		v := t.condition(node, tight)
		return sqlValue{sql: v.truth(), kind: kindBool, sure: true}
	case *ast.ConditionalNode:
		return t.conditional(node)
	case *ast.BuiltinNode:
		return t.loop(node)
	}
	if name, args := resolvedCall(n); name != "" {
		return t.call(n, name, args)
	}
	return t.refuse("this part cannot be asked of Postgres")
}

func (t *translator) passed(value any, of kind) sqlValue {
	v, ok := t.pass(value, of)
	if !ok {
		return t.refuse("this value cannot be passed to Postgres")
	}
	return v
}

// number, boolean, str, instant and jsonb give a value as one of a kind; any other kind is missing.

func (t *translator) number(v sqlValue) string {
	switch v.kind {
	case kindNumber:
		return v.whole()
	case kindAny:
		return t.with(v, func(x string) string {
			return "CASE WHEN jsonb_typeof(" + x + ") = 'number' THEN (" + x + ")::numeric END"
		})
	case kindMissing, kindBool, kindText, kindTime, kindSpan, kindList, kindEvent:
	}
	return "NULL::numeric"
}

func (t *translator) str(v sqlValue) string {
	switch v.kind {
	case kindText:
		return v.whole()
	case kindAny:
		return t.with(v, func(x string) string {
			text := "(" + x + ") #>> '{}'"
			if x == v.sql && v.text != "" {
				text = v.text
			}
			return "CASE WHEN jsonb_typeof(" + x + ") = 'string' THEN " + text + " END"
		})
	case kindMissing, kindBool, kindNumber, kindTime, kindSpan, kindList, kindEvent:
	}
	return "NULL::text"
}

func (t *translator) instant(v sqlValue) string {
	switch v.kind {
	case kindTime:
		return v.whole()
	case kindText, kindAny:
		return "dotyk_time(" + t.str(v) + ")"
	case kindMissing, kindBool, kindNumber, kindSpan, kindList, kindEvent:
	}
	return "NULL::timestamptz"
}

func (t *translator) jsonb(v sqlValue) string {
	switch v.kind {
	case kindAny:
		if v.sure {
			return v.whole()
		}
		return t.with(v, func(x string) string { return "nullif(" + x + ", 'null'::jsonb)" })
	case kindNumber, kindText, kindBool:
		return "to_jsonb(" + v.whole() + ")"
	case kindList:
		return t.listJSON(v)
	case kindMissing:
		return "NULL::jsonb"
	case kindTime, kindSpan, kindEvent:
	}
	return t.refuse("a time or an event stands where data is wanted").sql
}

// as gives a value as one of a kind that both sides of a ?? or ?: have.
func (t *translator) as(v sqlValue, of kind) string {
	switch of {
	case kindNumber:
		return t.number(v)
	case kindText:
		return t.str(v)
	case kindTime:
		return t.instant(v)
	case kindBool:
		if v.kind == kindMissing {
			return "NULL::boolean"
		}
		return v.whole()
	case kindSpan:
		if v.kind == kindMissing {
			return "NULL::interval"
		}
		return v.whole()
	case kindAny, kindMissing, kindList, kindEvent:
	}
	return t.jsonb(v)
}

// joined is a value that is one of two. What would need more than its value of it is refused.
func (t *translator) joined(n ast.Node, write func(first, second string) string, a, b sqlValue) sqlValue {
	of := t.parts[n].kind
	switch {
	case a.zone != "" || b.zone != "":
		return t.refuse("one of two times, each with a zone, is more than SQL can keep")
	case of == kindEvent, a.list != nil && a.list.item.kind == kindEvent, b.list != nil && b.list.item.kind == kindEvent:
		return t.refuse("one of two events, or lists of events, cannot be looked into by Postgres")
	}
	v := sqlValue{kind: of, sql: write(t.as(a, of), t.as(b, of)), sure: a.sure && b.sure}
	if of == kindList {
		v.sure = false
		v.list = t.elements(v.sql)
	}
	return v
}

func (t *translator) otherwise(n *ast.BinaryNode) sqlValue {
	a, b := t.value(n.Left), t.value(n.Right)
	v := t.joined(n, func(first, second string) string { return "coalesce(" + first + ", " + second + ")" }, a, b)
	v.sure = t.fault == nil && v.list == nil && (a.sure || b.sure) && v.kind != kindAny
	return v
}

func (t *translator) conditional(n *ast.ConditionalNode) sqlValue {
	condition := t.condition(n.Cond, tight)
	return t.joined(n, func(first, second string) string {
		return "CASE WHEN " + condition.sql + " THEN " + first + " ELSE " + second + " END"
	}, t.value(n.Exp1), t.value(n.Exp2))
}

// equal is false where exactly one side is missing, and true where both are.
func (t *translator) equal(a, b sqlValue) sqlValue {
	if a.kind == kindMissing || (b.kind != kindMissing && a.constant) {
		a, b = b, a
	}
	switch {
	case b.kind == kindMissing:
		return sqlValue{sql: t.missing(a), kind: kindBool, sure: true}
	case a.kind == kindEvent || b.kind == kindEvent:
		return t.refuse("events are never equal")
	case hasMoments(a) || hasMoments(b):
		return t.refuse("lists of times cannot be compared by Postgres")
	case a.kind == kindTime || b.kind == kindTime:
		return t.equalTimes(a, b)
	case a.kind == b.kind && a.kind != kindList && a.kind != kindAny:
		return same(a.whole(), b.whole(), a.sure, b.sure)
	case a.kind != kindAny && b.kind != kindAny && a.kind != b.kind:
		return sqlValue{sql: "(" + t.missing(a) + " AND " + t.missing(b) + ")", kind: kindBool, sure: true}
	case a.kind == kindAny && a.text != "" && a.around == "" && onlyText(b):
		return sqlValue{sql: "(" + a.text + " = " + b.sql + ")", kind: kindBool}
	case a.kind == kindAny && b.constant && b.value != nil:
		return sqlValue{sql: "(" + a.whole() + " = " + t.constantJSON(b) + ")", kind: kindBool}
	}
	return same(t.jsonb(a), t.jsonb(b), false, false)
}

func hasMoments(v sqlValue) bool {
	return v.kind == kindList && v.list != nil && (v.list.item.kind == kindTime || v.list.item.kind == kindSpan || v.list.item.kind == kindEvent)
}

func same(a, b string, aSure, bSure bool) sqlValue {
	if aSure || bSure {
		return sqlValue{sql: "(" + a + " = " + b + ")", kind: kindBool, sure: aSure && bSure}
	}
	return sqlValue{sql: "(" + a + " IS NOT DISTINCT FROM " + b + ")", kind: kindBool, sure: true}
}

// onlyText tells whether a constant is a text that no value of another kind looks like.
func onlyText(v sqlValue) bool {
	s, ok := v.value.(string)
	return ok && s != "" && s != "true" && s != "false" && !strings.ContainsAny(s[:1], "-0123456789[{")
}

// constantJSON passes a constant as jsonb, so that a value of unknown kind is compared in one step.
func (t *translator) constantJSON(v sqlValue) string {
	switch x := v.value.(type) {
	case bool:
		return t.param("jsonb", fmt.Sprint(x))
	case string:
		return t.param("jsonb", quoteJSON(x))
	}
	n, _ := asNumber(v.value)
	return t.param("jsonb", n.decimal().String())
}

// quoteJSON writes text as JSON.
func quoteJSON(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		return `""` // text can always be written
	}
	return string(raw)
}

func (t *translator) equalTimes(a, b sqlValue) sqlValue {
	if a.kind == kindTime && b.kind != kindTime {
		a, b = b, a
	}
	if a.kind == kindTime {
		return same(a.whole(), b.whole(), a.sure, b.sure)
	}
	if a.kind != kindAny && a.kind != kindText {
		return sqlValue{sql: "(" + t.missing(a) + " AND " + t.missing(b) + ")", kind: kindBool, sure: true}
	}
	if b.sure {
		return sqlValue{sql: "(" + t.instant(a) + " = " + b.whole() + ")", kind: kindBool}
	}
	return t.bind(a, func(a sqlValue) sqlValue {
		return t.bind(b, func(b sqlValue) sqlValue {
			return sqlValue{kind: kindBool, sure: true, sql: "CASE WHEN " + t.missing(b) + " THEN " + t.missing(a) +
				" ELSE coalesce(" + t.instant(a) + " = " + b.whole() + ", false) END"}
		})
	})
}

// missing tells whether a value is missing.
func (t *translator) missing(v sqlValue) string {
	switch {
	case v.kind == kindMissing:
		return "true"
	case v.event != nil:
		return t.noEvent(v)
	case v.list != nil && v.sure, v.sure:
		return "false"
	case v.kind == kindAny:
		return "(" + t.jsonb(v) + " IS NULL)"
	}
	return "(" + v.whole() + " IS NULL)"
}

// ordered compares by order. Where one side is missing or of another kind it is null, which counts as false.
func (t *translator) ordered(operator string, a, b sqlValue) sqlValue {
	write := func(x, y string) sqlValue {
		return sqlValue{sql: "(" + x + " " + operator + " " + y + ")", kind: kindBool, sure: a.sure && b.sure && a.kind == b.kind}
	}
	of, other := a.kind, b.kind
	if of == kindAny || of == kindMissing {
		of, other = other, of
	}
	switch {
	case of == kindTime || other == kindTime:
		return write(t.instant(a), t.instant(b))
	case a.kind == kindAny && b.constant && b.kind == kindNumber && b.value != nil:
		// jsonb orders numbers as numbers, and need not be cast.
		return sqlValue{kind: kindBool, sql: t.with(a, func(x string) string {
			return "(jsonb_typeof(" + x + ") = 'number' AND " + x + " " + operator + " " + t.constantJSON(b) + ")"
		})}
	case of == kindNumber && a.constant && b.kind == kindAny:
		return t.ordered(flipped(operator), b, a)
	case of == kindNumber:
		v := write(t.nullable(operator, a, b), t.nullable(flipped(operator), b, a))
		v.sure = v.sure && a.zero == "" && b.zero == ""
		return v
	case of == kindText:
		return write(t.str(a)+` COLLATE "C"`, t.str(b))
	case of == kindSpan:
		return write(t.as(a, kindSpan), t.as(b, kindSpan))
	case of == kindAny:
		x, y := t.alias("x"), t.alias("y")
		numbers := fmt.Sprintf("WHEN jsonb_typeof(%s) = 'number' AND jsonb_typeof(%s) = 'number' THEN (%s)::numeric %s (%s)::numeric", x, y, x, operator, y)
		texts := fmt.Sprintf(`WHEN jsonb_typeof(%s) = 'string' AND jsonb_typeof(%s) = 'string' THEN (%s #>> '{}') COLLATE "C" %s (%s #>> '{}')`, x, y, x, operator, y)
		return sqlValue{kind: kindBool, sql: fmt.Sprintf("(SELECT CASE %s %s END FROM (SELECT %s AS %s, %s AS %s) v)", numbers, texts, t.jsonb(a), x, t.jsonb(b), y)}
	}
	return sqlValue{sql: "false", kind: kindBool, sure: true}
}

func flipped(operator string) string {
	return map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<="}[operator]
}

// nullable gives a number for a comparison with a constant. A count or sum that is null where there is nothing may stay
// so if 0 would fail the comparison as well; the planner then knows that only customers who have something can pass.
func (t *translator) nullable(operator string, v, other sqlValue) string {
	if v.zero == "" || !other.constant {
		return t.number(v)
	}
	limit, ok := asNumber(other.value)
	if !ok {
		return t.number(v)
	}
	order := wholeNumber(0).compare(limit)
	passes := map[string]bool{"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]
	if passes {
		return t.number(v)
	}
	return v.zero
}
