package rules

import (
	"fmt"

	"github.com/expr-lang/expr/ast"
)

// The name of a zone stands in the query only as a parameter or a column.
const sqlUTC = "'UTC'"

// timeCall translates the functions of times.
func (t *translator) timeCall(name string, args []ast.Node) sqlValue {
	v := t.value(args[0])
	switch name {
	case fnTime:
		return sqlValue{sql: t.instant(v), kind: kindTime, zone: v.zone, sure: v.kind == kindTime && v.sure}
	case fnDays:
		const micros = 86_400_000_000
		return sqlValue{kind: kindSpan, sql: fmt.Sprintf(
			"(SELECT CASE WHEN n BETWEEN -%d AND %d THEN (floor(n * %d)::text || ' microseconds')::interval END FROM (SELECT %s AS n) v)",
			maxDays, maxDays, micros, t.number(v))}
	case fnDaysSince:
		// Shifted by so many days that no moment gives a negative number, of which div would cut the wrong side.
		return sqlValue{kind: kindNumber, sure: v.sure && v.kind == kindTime, sql: fmt.Sprintf(
			"(div(extract(epoch FROM %s) - extract(epoch FROM %s) + %d::numeric * 86400, 86400) - %d)", t.now, t.instant(v), maxDays, maxDays)}
	}
	zone := t.value(args[1])
	if zone.constant {
		name, _ := zone.value.(string)
		if !t.zoneKnown(name) {
			return sqlValue{sql: "NULL::timestamptz", kind: kindTime, zone: sqlUTC}
		}
		return sqlValue{sql: v.whole(), kind: kindTime, zone: zone.sql, sure: v.sure}
	}
	named := t.str(zone)
	if len(named) > maxRepeated {
		return t.refuse("the name of the zone is computed")
	}
	return sqlValue{
		kind: kindTime, zone: "(" + named + ")",
		sql: "CASE WHEN " + named + " = ANY (" + t.zones() + ") THEN " + t.instant(v) + " END",
	}
}

// zoneKnown refuses a zone that only one of the evaluators knows.
func (t *translator) zoneKnown(name string) bool {
	_, here := zone(name)
	there := false
	for _, z := range t.o.Zones {
		there = there || z == name
	}
	if here && !there {
		t.refuse("Postgres does not know the time zone " + name)
	}
	return here && there
}

// timeField reads a time off the clock and the calendar of its zone.
func (t *translator) timeField(v sqlValue, name string) sqlValue {
	zone := v.zone
	if zone == "" {
		zone = sqlUTC
	}
	clock := "(" + v.whole() + " AT TIME ZONE " + zone + ")"
	switch name {
	case "date":
		return sqlValue{sql: "to_char(" + clock + ", 'YYYY-MM-DD')", kind: kindText, sure: v.sure}
	case "weekday":
		return sqlValue{
			sql:  "(ARRAY['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'])[extract(isodow FROM " + clock + ")::integer]",
			kind: kindText, sure: v.sure,
		}
	}
	return sqlValue{sql: "extract(" + name + " FROM " + clock + ")", kind: kindNumber, sure: v.sure}
}

// timeArithmetic is missing beyond the moments that rules know.
func (t *translator) timeArithmetic(name string, a, b sqlValue) sqlValue {
	operator := map[string]string{fnAdd: "+", fnSubtract: "-"}[name]
	if b.kind != kindSpan { // the difference of two times
		return sqlValue{sql: "(" + t.instant(a) + " - " + t.instant(b) + ")", kind: kindSpan, sure: a.sure && b.sure && a.kind == b.kind}
	}
	if a.kind == kindSpan {
		return sqlValue{sql: "(" + a.whole() + " " + operator + " " + b.whole() + ")", kind: kindSpan, sure: a.sure && b.sure}
	}
	first, last := t.param("timestamptz", firstMoment), t.param("timestamptz", lastMoment)
	return sqlValue{kind: kindTime, zone: a.zone, sql: fmt.Sprintf(
		"(SELECT CASE WHEN at BETWEEN %s AND %s THEN at END FROM (SELECT %s %s %s AS at) v)", first, last, t.instant(a), operator, b.whole())}
}
