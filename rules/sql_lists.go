package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// relation is a list as rows: of events, of the elements of an array, of values that are written out.
type relation struct {
	source string   // what stands behind FROM
	where  []string // which rows
	order  []string // columns that put them in the order of the list
	item   sqlValue // of each row
	events *eventRows
}

// eventRows says which events the rows of a relation are.
type eventRows struct {
	name   string
	alias  string
	window time.Duration
	base   int // conditions of relation.where that say it; those behind choose among the events
}

// open is the query behind SELECT, with more conditions.
func (r *relation) open(more ...string) string {
	sql := " FROM " + r.source
	if where := slices.Concat(r.where, more); len(where) > 0 {
		sql += " WHERE " + strings.Join(where, " AND ")
	}
	return sql
}

func (r *relation) sorted(descending bool) string {
	columns := slices.Clone(r.order)
	if descending {
		for i := range columns {
			columns[i] += " DESC"
		}
	}
	return " ORDER BY " + strings.Join(columns, ", ")
}

func (t *translator) listValue(r *relation) sqlValue {
	return sqlValue{kind: kindList, list: r, sure: true}
}

// tie makes the rows of a list depend on the row of the loop around, which is true of every such row. Postgres (15.18)
// evaluates a list that depends on the customer alone, and stands in two others that do, for the first customer only.
func (t *translator) tie() []string {
	if len(t.ties) == 0 {
		return nil
	}
	return []string{t.ties[len(t.ties)-1]}
}

// tied is a condition that is true of every row.
func (r *relation) tied(t *translator) string {
	if r.events != nil {
		return r.order[0] + " <= " + t.now
	}
	return r.order[0] + " >= 0"
}

// rows are those of a function that gives the elements of an array.
func (t *translator) rows(function string, of kind) *relation {
	alias := t.alias("v")
	return &relation{
		source: function + " WITH ORDINALITY AS " + alias + " (item, n)", order: []string{alias + ".n"}, where: t.tie(),
		item: sqlValue{sql: alias + ".item", kind: of},
	}
}

// elements are the items of a value that is an array, or none.
func (t *translator) elements(x string) *relation {
	return t.rows("jsonb_array_elements(CASE WHEN jsonb_typeof("+x+") = 'array' THEN "+x+" ELSE '[]'::jsonb END)", kindAny)
}

// array is a list that is written out.
func (t *translator) array(n *ast.ArrayNode) sqlValue {
	of := t.parts[n].item
	alias := t.alias("v")
	rows := make([]string, len(n.Nodes))
	for i, node := range n.Nodes {
		v := t.value(node)
		if v.zone != "" || of == kindEvent {
			return t.refuse("a list of events, or of times with a zone, cannot be made by Postgres")
		}
		rows[i] = fmt.Sprintf("(%d, %s)", i, t.as(v, of))
	}
	r := &relation{order: []string{alias + ".n"}, where: t.tie(), item: sqlValue{sql: alias + ".item", kind: of}}
	if of == kindMissing || of == kindList {
		r.item.kind = kindAny
	}
	r.source = "(VALUES " + strings.Join(rows, ", ") + ") AS " + alias + " (n, item)"
	if len(rows) == 0 {
		r.source = "(SELECT 0 AS n, NULL::" + sqlType(of) + " AS item WHERE false) AS " + alias
	}
	return t.listValue(r)
}

// events are the customer's events of a name in a window.
func (t *translator) events(name string, window time.Duration) sqlValue {
	alias := "e"
	if len(t.items) > 0 || t.form != Grouped {
		alias = t.alias("e")
		t.outside = true
	}
	r := &relation{source: "events " + alias, order: []string{alias + ".occurred_at", alias + ".id"}}
	r.where = []string{
		alias + ".workspace_id = " + t.workspace, alias + ".customer_id = c.id", alias + ".name = " + t.text(name),
		alias + ".occurred_at <= " + t.now,
	}
	r.where = append(r.where, t.tie()...)
	if window > 0 {
		r.where = append(r.where, alias+".occurred_at >= "+t.param("timestamptz", t.start(window)))
	}
	r.events = &eventRows{name: name, alias: alias, window: window, base: len(r.where)}
	r.item = sqlValue{sql: alias, kind: kindEvent, sure: true}
	return t.listValue(r)
}

func (t *translator) start(window time.Duration) time.Time { return instant(t.o.Now).Add(-window) }

// scope tells afterwards whether what was translated in between looks at nothing but the rows of its own lists.
func (t *translator) scope() (closed func() bool) {
	before := t.outside
	t.outside = false
	return func() bool {
		within := !t.outside
		t.outside = t.outside || before
		return within && t.form == Grouped && len(t.items) == 0
	}
}

// loop translates a function that evaluates its second argument for each item of its first.
func (t *translator) loop(n *ast.BuiltinNode) sqlValue {
	closed := t.scope()
	list := t.value(n.Arguments[0])
	if list.list == nil || t.fault != nil {
		return t.refuse("this list cannot be asked of Postgres")
	}
	body, ok := n.Arguments[1].(*ast.PredicateNode)
	if !ok {
		return t.refuse("this list cannot be asked of Postgres")
	}
	_, each := resolvedCall(body.Node)
	t.items, t.ties = append(t.items, list.list.item), append(t.ties, list.list.tied(t))
	r := *list.list
	var condition sqlValue
	if n.Name == "map" {
		r.item = t.value(each[1])
	} else {
		condition = t.condition(each[1], tight)
	}
	t.items, t.ties = t.items[:len(t.items)-1], t.ties[:len(t.ties)-1]
	lift := closed()
	if t.fault != nil {
		return list
	}
	chosen := func(condition string) *relation {
		r.where = append(slices.Clone(r.where), condition)
		return &r
	}
	switch n.Name {
	case "map":
		return t.listValue(&r)
	case "filter":
		return t.listValue(chosen(condition.sql))
	case "count":
		return t.tally(chosen(condition.sql), lift)
	case "any":
		return t.exists(chosen(condition.sql), lift)
	case "none":
		return sqlValue{sql: "(NOT " + t.exists(chosen(condition.sql), lift).truth() + ")", kind: kindBool, sure: true}
	}
	return sqlValue{sql: "(NOT " + t.exists(chosen("NOT "+condition.truth()), lift).truth() + ")", kind: kindBool, sure: true}
}

// fold computes an aggregate, with %s in place of what it is computed from, over the rows of a relation: for all customers
// together if lift, which gives null for a customer without rows.
func (t *translator) fold(r *relation, lift bool, aggregate, of string) string {
	if lift && r.events != nil {
		return t.group(r.events).column(r, strings.ReplaceAll(aggregate, "%s", of))
	}
	if of == "" {
		return "(SELECT " + aggregate + r.open() + ")"
	}
	// Computed one level further in: SQL takes an aggregate of nothing but outer columns for one of the outer query.
	return "(SELECT " + strings.ReplaceAll(aggregate, "%s", "f.v") + " FROM (SELECT " + of + " AS v" + r.open() + ") f)"
}

func (t *translator) tally(r *relation, lift bool) sqlValue {
	n := t.fold(r, lift, "count(*)", "")
	if lift && r.events != nil {
		return sqlValue{sql: "coalesce(" + n + ", 0)::numeric", zero: n, kind: kindNumber, sure: true}
	}
	return sqlValue{sql: n + "::numeric", kind: kindNumber, sure: true}
}

func (t *translator) exists(r *relation, lift bool) sqlValue {
	if lift && r.events != nil {
		return sqlValue{sql: t.fold(r, lift, "bool_or(true)", ""), kind: kindBool}
	}
	return sqlValue{sql: "EXISTS (SELECT" + r.open() + ")", kind: kindBool, sure: true}
}

// listCall translates the functions of a list that evaluate nothing for its items.
func (t *translator) listCall(name string, args []ast.Node) sqlValue {
	closed := t.scope()
	v := t.value(args[0])
	lift := closed()
	if t.fault != nil {
		return v
	}
	r := v.list
	if r == nil { // a value that may turn out to be a list
		r = t.elements(t.jsonb(v))
	}
	lift = lift && r.events != nil
	switch name {
	case fnList:
		return t.listValue(r)
	case fnCount:
		return t.tally(r, lift)
	case fnSum:
		sum := t.fold(r, lift, "sum(%s)", t.number(r.item))
		return sqlValue{sql: "coalesce(" + sum + ", 0)", zero: sum, kind: kindNumber, sure: true}
	case fnAvg:
		item := t.number(r.item)
		if lift {
			return sqlValue{sql: quotient(t.fold(r, lift, "sum(%s)", item), t.fold(r, lift, "count(%s)", item)), kind: kindNumber}
		}
		return sqlValue{sql: t.fold(r, lift, quotient("sum(%s)", "count(%s)"), item), kind: kindNumber}
	case fnMin, fnMax:
		return t.extreme(r, lift, strings.TrimPrefix(name, "$"))
	case fnFirst, fnLast:
		return t.end(r, lift, name == fnLast)
	}
	return t.mostWithin(r, lift, windowIn(args[1]))
}

func (t *translator) extreme(r *relation, lift bool, of string) sqlValue {
	if r.item.zone != "" {
		return t.refuse("the zone of the earliest or latest time cannot be kept by Postgres")
	}
	switch r.item.kind {
	case kindText:
		return sqlValue{sql: t.fold(r, lift, of+`(%s COLLATE "C")`, r.item.whole()), kind: kindText}
	case kindNumber, kindTime, kindSpan:
		return sqlValue{sql: t.fold(r, lift, of+"(%s)", r.item.whole()), kind: r.item.kind}
	case kindAny, kindMissing, kindBool, kindList, kindEvent:
	}
	item := sqlValue{sql: "%s", kind: r.item.kind}
	numbers, texts := of+"("+t.number(item)+")", of+"("+t.str(item)+` COLLATE "C")`
	if lift { // each aggregate has a column of its own
		numbers, texts = t.fold(r, lift, numbers, r.item.whole()), t.fold(r, lift, texts, r.item.whole())
	}
	either := "coalesce(to_jsonb(" + numbers + "), to_jsonb(" + texts + "))"
	if !lift {
		either = t.fold(r, lift, either, r.item.whole())
	}
	return sqlValue{sql: either, kind: kindAny}
}

// listJSON is a list as one value.
func (t *translator) listJSON(v sqlValue) string {
	if v.list == nil {
		return v.whole()
	}
	item := t.jsonb(v.list.item)
	place := "row_number() OVER (" + strings.TrimSpace(v.list.sorted(false)) + ")"
	return "(SELECT coalesce(jsonb_agg(f.v ORDER BY f.n), '[]'::jsonb) FROM (SELECT " + item + " AS v, " + place + " AS n" + v.list.open() + ") f)"
}

func (t *translator) mostWithin(r *relation, lift bool, window time.Duration) sqlValue {
	if r.events == nil || r.item.sql != r.events.alias {
		return t.refuse("most_within works on the events themselves")
	}
	length := t.param("interval", fmt.Sprintf("%d microseconds", window.Microseconds()))
	frame := "ORDER BY " + r.events.alias + ".occurred_at RANGE BETWEEN " + length + " PRECEDING AND CURRENT ROW"
	var most string
	if lift {
		alias := t.alias("w")
		query := "SELECT customer_id, max(n) AS most FROM (SELECT e.customer_id, count(*) OVER (PARTITION BY e.customer_id " + frame + ") AS n" +
			r.everybody().open() + ") frames GROUP BY customer_id"
		t.picks = append(t.picks, &pick{alias: alias, written: query})
		most = alias + ".most"
	} else {
		most = "(SELECT max(n) FROM (SELECT count(*) OVER (" + frame + ") AS n" + r.open() + ") frames)"
	}
	return sqlValue{sql: "coalesce(" + most + ", 0)::numeric", zero: most, kind: kindNumber, sure: true}
}

// everybody is the relation without the condition on the customer.
func (r *relation) everybody() *relation {
	all := *r
	all.where = slices.DeleteFunc(slices.Clone(r.where), func(condition string) bool { return condition == r.events.alias+".customer_id = c.id" })
	return &all
}
