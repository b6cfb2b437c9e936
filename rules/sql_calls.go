package rules

import (
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/expr-lang/expr/ast"
)

var sqlOperators = map[string]string{fnLess: "<", fnLessEqual: "<=", fnGreater: ">", fnGreaterEqual: ">="}

// call translates a call of a function of builtins.go.
func (t *translator) call(n ast.Node, name string, args []ast.Node) sqlValue {
	switch name {
	case fnCustomer:
		return t.customer(nameIn(args[0]))
	case fnEvents:
		return t.events(nameIn(args[0]), windowIn(args[1]))
	case fnSegment, fnInTopic, fnJourneys, fnTouch, fnScore:
		return t.kept(name, args)
	case fnEvent, fnEntry, fnResult, fnSent:
		return t.refuse("only a journey knows this")
	case fnGet:
		return t.get(args)
	case fnEqual:
		return t.equal(t.value(args[0]), t.value(args[1]))
	case fnLess, fnLessEqual, fnGreater, fnGreaterEqual:
		return t.ordered(sqlOperators[name], t.value(args[0]), t.value(args[1]))
	case fnTruth:
		v := t.judged(args[0])
		return sqlValue{sql: v.truth(), kind: kindBool, sure: true}
	case fnBetween:
		v := t.value(args[0])
		return sqlValue{kind: kindBool, sql: "(" + t.number(v) + " BETWEEN " + t.number(t.value(args[1])) + " AND " + t.number(t.value(args[2])) + ")"}
	case fnIn:
		return t.bind(t.value(args[0]), func(item sqlValue) sqlValue { return t.in(item, args[1]) })
	case fnContains, fnStartsWith, fnEndsWith:
		return t.bind(t.value(args[1]), func(part sqlValue) sqlValue { return t.textTest(name, t.value(args[0]), part) })
	case fnMatches:
		return t.matches(args)
	case fnAdd, fnSubtract, fnMultiply, fnDivide, fnModulo:
		return t.arithmetic(n, name, t.value(args[0]), t.value(args[1]))
	case fnList, fnCount, fnSum, fnAvg, fnMin, fnMax, fnFirst, fnLast, fnMostWithin:
		return t.listCall(name, args)
	case fnLen:
		closed := t.scope()
		return t.length(t.value(args[0]), closed)
	case fnDaysSince, fnLocal, fnTime, fnDays:
		return t.timeCall(name, args)
	}
	return t.plainCall(name, args)
}

func nameIn(n ast.Node) string {
	text, _ := n.(*ast.StringNode) // the resolver made it
	return text.Value
}

func windowIn(n ast.Node) time.Duration {
	constant, _ := n.(*ast.ConstantNode)
	window, _ := constant.Value.(time.Duration)
	return window
}

// customer is a field of the record, or an attribute.
func (t *translator) customer(name string) sqlValue {
	t.outside = true
	of, field := recordFields[name]
	switch {
	case name == "unsubscribed":
		return sqlValue{sql: t.unsubscribed(), kind: kindBool, sure: true}
	case name == "tags":
		return t.listValue(t.rows("unnest(c.tags)", kindText))
	case name == "external_id":
		return sqlValue{sql: "coalesce(c.external_id, '')", kind: kindText, sure: true}
	case name == "id":
		return sqlValue{sql: "c.id::text", kind: kindText, sure: true}
	case field:
		return sqlValue{sql: "c." + name, kind: of, sure: true}
	}
	return lookup("c.attributes", t.text(name))
}

// get looks up a field or an item.
func (t *translator) get(args []ast.Node) sqlValue {
	of, property := t.value(args[0]), t.value(args[1])
	if t.fault != nil {
		return of
	}
	switch {
	case !property.constant:
		return t.refuse("a field or an item is looked up by a name or number that is computed")
	case of.kind == kindEvent:
		name, _ := property.value.(string)
		return t.eventField(of, name)
	case of.kind == kindTime:
		name, _ := property.value.(string)
		return t.timeField(of, name)
	case of.kind == kindList:
		return t.nth(of, property)
	case of.kind != kindAny:
		return sqlValue{sql: "NULL::jsonb", kind: kindMissing}
	}
	if name, ok := property.value.(string); ok {
		key := t.text(name)
		if of.around == "" {
			return lookup(of.sql, key)
		}
		return sqlValue{sql: t.with(of, func(x string) string { return "(" + x + " -> " + key + ")" }), kind: kindAny}
	}
	n, ok := asNumber(property.value)
	if !ok || !n.whole || n.i < 0 || n.i > maxIndex {
		return sqlValue{sql: "NULL::jsonb", kind: kindMissing}
	}
	index := t.param("integer", n.i)
	return sqlValue{kind: kindAny, sql: t.with(of, func(x string) string {
		return "CASE WHEN jsonb_typeof(" + x + ") = 'array' THEN " + x + " -> " + index + " END"
	})}
}

// lookup is a field of an object.
func lookup(of, key string) sqlValue {
	return sqlValue{sql: "(" + of + " -> " + key + ")", text: "(" + of + " ->> " + key + ")", kind: kindAny}
}

const maxIndex = 1 << 30 // no list that can be stored is so long

// in is false for a missing value. In a list that is written out each item is compared for itself.
func (t *translator) in(item sqlValue, list ast.Node) sqlValue {
	list = unwrap(list)
	if array, ok := list.(*ast.ArrayNode); ok {
		var each []string
		for _, n := range array.Nodes {
			if candidate := t.value(n); candidate.kind != kindMissing {
				each = append(each, t.equal(item, candidate).sql)
			}
		}
		if len(each) == 0 {
			return sqlValue{sql: "false", kind: kindBool, sure: true}
		}
		return sqlValue{sql: t.present(item, "("+strings.Join(each, " OR ")+")"), kind: kindBool}
	}
	haystack := t.value(list)
	if t.fault != nil {
		return haystack
	}
	if haystack.kind == kindList {
		return sqlValue{sql: t.present(item, t.holds(haystack.list, item)), kind: kindBool}
	}
	sql := t.with(haystack, func(x string) string {
		return "CASE jsonb_typeof(" + x + ") WHEN 'array' THEN " + t.holds(t.elements(x), item) +
			" WHEN 'object' THEN coalesce(jsonb_exists(" + x + ", " + t.str(item) + "), false) ELSE false END"
	})
	return sqlValue{sql: t.present(item, sql), kind: kindBool}
}

// present is a condition that is false where a value is missing.
func (t *translator) present(v sqlValue, condition string) string {
	if v.sure {
		return condition
	}
	return "(NOT " + t.missing(v) + " AND " + condition + ")"
}

// holds tells whether an item of a list equals a value.
func (t *translator) holds(list *relation, v sqlValue) string {
	if list.item.kind == kindEvent {
		return t.refuse("events are never equal").sql
	}
	return "EXISTS (SELECT" + list.open(t.equal(list.item, v).sql) + ")"
}

func (t *translator) textTest(name string, s, part sqlValue) sqlValue {
	test := func(x string) string {
		y := t.str(part)
		switch name {
		case fnStartsWith:
			return "starts_with(" + x + ", " + y + ")"
		case fnEndsWith:
			return "right(" + x + ", char_length(" + y + ")) = " + y
		}
		return "strpos(" + x + ", " + y + ") > 0"
	}
	switch {
	case s.kind == kindList && name == fnContains:
		return sqlValue{sql: t.present(part, t.holds(s.list, part)), kind: kindBool}
	case s.kind == kindAny && name == fnContains:
		return sqlValue{kind: kindBool, sql: t.with(s, func(x string) string {
			return "CASE jsonb_typeof(" + x + ") WHEN 'array' THEN " + t.present(part, t.holds(t.elements(x), part)) +
				" WHEN 'string' THEN " + test("("+x+" #>> '{}')") + " ELSE false END"
		})}
	}
	return sqlValue{sql: "(" + test(t.str(s)) + ")", kind: kindBool}
}

func (t *translator) matches(args []ast.Node) sqlValue {
	constant, _ := args[1].(*ast.ConstantNode)
	p, _ := constant.Value.(*pattern)
	text, reason := postgresPattern(p)
	if reason != "" {
		return t.refuse(reason)
	}
	return sqlValue{sql: "(" + t.str(t.value(args[0])) + " ~ " + t.text(text) + ")", kind: kindBool}
}

// plainCall translates the functions of one text or number.
func (t *translator) plainCall(name string, args []ast.Node) sqlValue {
	v := t.value(args[0])
	number := func(sql string) sqlValue {
		return sqlValue{sql: sql, kind: kindNumber, sure: v.kind == kindNumber && v.sure}
	}
	text := func(sql string) sqlValue {
		return sqlValue{sql: sql, kind: kindText, sure: v.kind == kindText && v.sure}
	}
	switch name {
	case fnNumber:
		return number(t.number(v))
	case fnNegate:
		return number("(- " + t.number(v) + ")")
	case fnAbs:
		return number("abs(" + t.number(v) + ")")
	case fnRound:
		return number("round(" + t.number(v) + ")")
	case fnFloor:
		return number("floor(" + t.number(v) + ")")
	case fnCeil:
		return number("ceil(" + t.number(v) + ")")
	case fnLower:
		return text(t.changeCase(t.str(v), "lower", lowerLetters))
	case fnUpper:
		return text(t.changeCase(t.str(v), "upper", upperLetters))
	case fnTrim:
		return text("btrim(" + t.str(v) + ", " + t.text(whiteSpace()) + ")")
	}
	return t.refuse("this function cannot be asked of Postgres")
}

func (t *translator) length(v sqlValue, closed func() bool) sqlValue {
	lift := closed()
	switch v.kind {
	case kindList:
		return t.tally(v.list, lift)
	case kindText:
		return sqlValue{sql: "char_length(" + v.whole() + ")::numeric", kind: kindNumber, sure: v.sure}
	case kindAny:
		return sqlValue{kind: kindNumber, sql: t.with(v, func(x string) string {
			return "CASE jsonb_typeof(" + x + ") WHEN 'string' THEN char_length(" + x + " #>> '{}') WHEN 'array' THEN jsonb_array_length(" + x + ") END::numeric"
		})}
	case kindMissing, kindBool, kindNumber, kindTime, kindSpan, kindEvent:
	}
	return sqlValue{sql: "NULL::numeric", kind: kindNumber}
}

// changeCase maps letter by letter, as package unicode does, whatever the database's locale says. What is ASCII only
// goes the short way.
func (t *translator) changeCase(x, ascii string, letters func() [2]string) string {
	pairs := letters()
	return fmt.Sprintf(`(SELECT CASE WHEN octet_length(s) = char_length(s) THEN %s(s COLLATE "C") ELSE translate(%s(s COLLATE "C"), %s, %s) END FROM (SELECT %s AS s) v)`,
		ascii, ascii, t.text(pairs[0]), t.text(pairs[1]), x)
}

// The letters beyond ASCII that have another case, beside those others; and all white space.
var (
	lowerLetters = sync.OnceValue(func() [2]string { return otherCase(unicode.ToLower) })
	upperLetters = sync.OnceValue(func() [2]string { return otherCase(unicode.ToUpper) })
	whiteSpace   = sync.OnceValue(func() string {
		var b strings.Builder
		for r := rune(1); r <= unicode.MaxRune; r++ {
			if unicode.IsSpace(r) {
				b.WriteRune(r)
			}
		}
		return b.String()
	})
)

func otherCase(of func(rune) rune) [2]string {
	var from, to strings.Builder
	for r := rune(unicode.MaxASCII + 1); r <= unicode.MaxRune; r++ {
		if other := of(r); other != r {
			from.WriteRune(r)
			to.WriteRune(other)
		}
	}
	return [2]string{from.String(), to.String()}
}

// arithmetic rounds as number does.
func (t *translator) arithmetic(n ast.Node, name string, a, b sqlValue) sqlValue {
	of := t.parts[n].kind
	switch {
	case t.fault != nil:
		return a
	case of == kindTime, of == kindSpan:
		return t.timeArithmetic(name, a, b)
	case of == kindText:
		return sqlValue{sql: "(" + t.str(a) + " || " + t.str(b) + ")", kind: kindText, sure: a.kind == kindText && b.kind == kindText && a.sure && b.sure}
	case of == kindAny:
		x, y := t.alias("x"), t.alias("y")
		return sqlValue{kind: kindAny, sql: fmt.Sprintf("(SELECT CASE WHEN jsonb_typeof(%[1]s) = 'number' AND jsonb_typeof(%[2]s) = 'number' "+
			"THEN to_jsonb((%[1]s)::numeric + (%[2]s)::numeric) WHEN jsonb_typeof(%[1]s) = 'string' AND jsonb_typeof(%[2]s) = 'string' "+
			"THEN to_jsonb((%[1]s #>> '{}') || (%[2]s #>> '{}')) END FROM (SELECT %[3]s AS %[1]s, %[4]s AS %[2]s) v)", x, y, t.jsonb(a), t.jsonb(b))}
	}
	x, y := t.number(a), t.number(b)
	v := sqlValue{kind: kindNumber, sure: a.sure && b.sure && a.kind == kindNumber && b.kind == kindNumber}
	switch name {
	case fnAdd:
		v.sql = "(" + x + " + " + y + ")"
	case fnSubtract:
		v.sql = "(" + x + " - " + y + ")"
	case fnMultiply:
		v.sql = fmt.Sprintf("round(%s * %s, %d)", x, y, decimalPlaces)
	case fnDivide:
		v.sql, v.sure = quotient(x, y), false
	case fnModulo:
		v.sql, v.sure = "mod("+x+", nullif("+y+", 0))", false
	}
	return v
}

// quotient cuts the quotient behind one digit more than is kept, and so rounds it once.
func quotient(x, y string) string {
	return fmt.Sprintf("round(div((%s) * 1e%d, nullif(%s, 0)) * 1e-%d, %d)", x, decimalPlaces+1, y, decimalPlaces+1, decimalPlaces)
}
