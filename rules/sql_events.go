package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// oneOf is one row of a relation: the first or the last, or one by its number.
type oneOf struct {
	*relation
	last bool
	skip int64
	lift bool // for all customers together
}

// end is the first or last item of a list.
func (t *translator) end(r *relation, lift, last bool) sqlValue {
	return t.row(&oneOf{relation: r, last: last, lift: lift})
}

// nth is an item of a list by its number.
func (t *translator) nth(list, property sqlValue) sqlValue {
	n, ok := asNumber(property.value)
	if !ok || !n.whole || n.i < 0 || n.i > maxIndex {
		return sqlValue{sql: "NULL::jsonb", kind: kindMissing}
	}
	return t.row(&oneOf{relation: list.list, skip: n.i})
}

func (t *translator) row(one *oneOf) sqlValue {
	if one.item.kind == kindEvent {
		if one.events == nil || one.item.sql != one.events.alias {
			return t.refuse("this event cannot be found by Postgres")
		}
		return sqlValue{kind: kindEvent, event: one}
	}
	if one.item.zone != "" {
		return t.refuse("the zone of a time from a list cannot be kept by Postgres")
	}
	return t.pickOf(one, one.item)
}

// pickOf is a value of the row.
func (t *translator) pickOf(one *oneOf, v sqlValue) sqlValue {
	if v.kind == kindList {
		v = sqlValue{sql: t.listJSON(v), kind: kindAny}
	}
	if one.lift && one.events != nil {
		p := t.pick(one)
		return sqlValue{sql: p.column(v.whole()), kind: v.kind}
	}
	inner := v.sql
	around := "(SELECT %s" + one.open() + one.sorted(one.last) + " LIMIT 1"
	if one.skip > 0 {
		around += fmt.Sprintf(" OFFSET %d", one.skip)
	}
	around += ")"
	if v.around != "" {
		around = strings.Replace(around, "%s", v.around, 1)
	}
	return sqlValue{sql: inner, around: around, kind: v.kind}
}

// eventField is a field of an event: of the one at hand in a loop, or of one row of a list.
func (t *translator) eventField(of sqlValue, name string) sqlValue {
	alias := of.sql
	if of.event != nil {
		alias = of.event.events.alias
	}
	v := lookup(alias+".properties", t.text(name))
	switch name {
	case "name":
		v = sqlValue{sql: alias + ".name", kind: kindText, sure: true}
	case "at":
		v = sqlValue{sql: alias + ".occurred_at", kind: kindTime, sure: true}
	}
	switch {
	case of.event == nil:
		return v
	case name == "at" && of.event.skip == 0:
		aggregate := "min(%s)"
		if of.event.last {
			aggregate = "max(%s)"
		}
		return sqlValue{sql: t.fold(of.event.relation, of.event.lift, aggregate, v.sql), kind: kindTime}
	}
	return t.pickOf(of.event, v)
}

// noEvent tells whether there is no such row.
func (t *translator) noEvent(v sqlValue) string {
	one := v.event
	if one.skip > 0 {
		return fmt.Sprintf("NOT EXISTS (SELECT%s OFFSET %d)", one.open(), one.skip)
	}
	return "(NOT " + t.exists(one.relation, one.lift).truth() + ")"
}

// group is the events of one name, read once for all customers. Each column is an aggregate over some of them.
type group struct {
	event   string
	alias   string
	columns []aggregate
}

// aggregate is a column of a group.
type aggregate struct {
	sql    string
	where  []string      // which events of the name, besides how old they may be
	window time.Duration // 0 for any age
}

func (t *translator) group(e *eventRows) *group {
	for _, g := range t.groups {
		if g.event == e.name {
			return g
		}
	}
	g := &group{event: e.name, alias: t.alias("g")}
	t.groups = append(t.groups, g)
	return g
}

func (g *group) column(r *relation, sql string) string {
	a := aggregate{sql: sql, where: r.where[r.events.base:], window: r.events.window}
	at := slices.IndexFunc(g.columns, func(o aggregate) bool {
		return o.sql == a.sql && o.window == a.window && slices.Equal(o.where, a.where)
	})
	if at < 0 {
		at = len(g.columns)
		g.columns = append(g.columns, a)
	}
	return fmt.Sprintf("%s.a%d", g.alias, at)
}

// query reads the events that any column needs. A condition that all columns share chooses rows, any other is a filter.
func (g *group) query(t *translator) string {
	longest, shared := g.columns[0].window, true
	for _, a := range g.columns {
		shared = shared && slices.Equal(a.where, g.columns[0].where)
		if longest != 0 && (a.window == 0 || a.window > longest) {
			longest = a.window
		}
	}
	rows := []string{"e.workspace_id = " + t.workspace, "e.name = " + t.text(g.event), "e.occurred_at <= " + t.now}
	if longest > 0 {
		rows = append(rows, t.since(longest))
	}
	if shared {
		rows = append(rows, g.columns[0].where...)
	}
	columns := make([]string, len(g.columns))
	for i, a := range g.columns {
		var filter []string
		if a.window != longest {
			filter = append(filter, t.since(a.window))
		}
		if !shared {
			filter = append(filter, a.where...)
		}
		columns[i] = a.sql
		if len(filter) > 0 {
			columns[i] += " FILTER (WHERE " + strings.Join(filter, " AND ") + ")"
		}
		columns[i] += fmt.Sprintf(" AS a%d", i)
	}
	return "SELECT e.customer_id, " + strings.Join(columns, ", ") + " FROM events e WHERE " + strings.Join(rows, " AND ") + " GROUP BY e.customer_id"
}

func (t *translator) since(window time.Duration) string {
	return "e.occurred_at >= " + t.param("timestamptz", t.start(window))
}

// pick is the first or last of some events of each customer, read once for all customers.
type pick struct {
	alias   string
	rows    string // the query behind the columns
	columns []string
	written string // the whole query, if it is no such
}

func (t *translator) pick(one *oneOf) *pick {
	direction := ""
	if one.last {
		direction = " DESC"
	}
	rows := one.everybody().open() + " ORDER BY e.customer_id, e.occurred_at" + direction + ", e.id" + direction
	for _, p := range t.picks {
		if p.rows == rows {
			return p
		}
	}
	p := &pick{alias: t.alias("p"), rows: rows}
	t.picks = append(t.picks, p)
	return p
}

func (p *pick) column(sql string) string {
	at := slices.Index(p.columns, sql)
	if at < 0 {
		at = len(p.columns)
		p.columns = append(p.columns, sql)
	}
	return fmt.Sprintf("%s.a%d", p.alias, at)
}

func (p *pick) query() string {
	if p.written != "" {
		return p.written
	}
	var columns strings.Builder
	columns.WriteString("e.customer_id")
	for i, sql := range p.columns {
		fmt.Fprintf(&columns, ", %s AS a%d", sql, i)
	}
	return "SELECT DISTINCT ON (e.customer_id) " + columns.String() + p.rows
}
