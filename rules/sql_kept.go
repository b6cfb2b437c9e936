package rules

import (
	"strings"

	"github.com/expr-lang/expr/ast"

	"dotyk/rules/audience"
)

// kept translates what is kept about a customer besides the record and the events.
func (t *translator) kept(name string, args []ast.Node) sqlValue {
	t.outside = true
	first := nameIn(args[0])
	switch name {
	case fnSegment:
		return sqlValue{sql: t.member(first), kind: kindBool}
	case fnInTopic:
		return sqlValue{sql: t.inTopic(first, nameIn(args[1])), kind: kindBool, sure: true}
	case fnJourneys:
		return t.journeys(first, nameIn(args[1]))
	case fnTouch:
		return t.touch(first, nameIn(args[1]))
	}
	v := sqlValue{kind: kindAny, sql: t.of("s.value", "scores s", "s", "s.name = "+t.text(first)+" AND s.computed_at <= "+t.now, "", "LIMIT 1")}
	if !strings.HasPrefix(first, "next_best.") {
		v = sqlValue{sql: t.number(v), kind: kindNumber}
	}
	return v
}

// of is a query for something of the customer.
func (t *translator) of(what, from, alias, where, order, limit string) string {
	sql := "(SELECT " + what + " FROM " + from + " WHERE " + alias + ".workspace_id = " + t.workspace + " AND " + alias + ".customer_id = c.id AND " + where
	if order != "" {
		sql += " ORDER BY " + order
	}
	if limit != "" {
		sql += " " + limit
	}
	return sql + ")"
}

// member asks who is a member; of the past, what the latest change before said.
func (t *translator) member(segment string) string {
	id := "(SELECT g.id FROM segments g WHERE g.workspace_id = " + t.workspace + " AND g.name = " + t.text(segment) + " AND g.deleted_at IS NULL)"
	if t.o.Past {
		return "coalesce(" + t.of("m.joined", "segment_changes m", "m", "m.segment_id = "+id+" AND m.at <= "+t.now, "m.id DESC", "LIMIT 1") + ", false)"
	}
	return "EXISTS " + t.of("", "segment_members m", "m", "m.segment_id = "+id, "", "")
}

// lastWord judges the last entry of the ledger that says something: what was merely requested does not.
func (t *translator) lastWord(judged, channel, topics string) string {
	return t.of(judged, "consents x", "x", "x.channel = "+t.text(channel)+" AND x.topic IN ("+topics+") AND x.occurred_at <= "+t.now+
		" AND x.action <> '"+string(audience.Requested)+"'", "x.occurred_at DESC, x.id DESC", "LIMIT 1")
}

// actionIn asks whether an entry of the ledger is one of some actions.
func actionIn(actions ...audience.ConsentAction) string {
	names := make([]string, 0, len(actions))
	for _, a := range actions {
		names = append(names, "'"+string(a)+"'")
	}
	return "x.action IN (" + strings.Join(names, ", ") + ")"
}

func (t *translator) unsubscribed() string {
	all := t.text(audience.AllTopics)
	no := func(channel audience.Channel) string {
		return "coalesce(" + t.lastWord(actionIn(audience.Withdrawn, audience.Objected), string(channel), all) + ", false)"
	}
	return "(" + no(audience.Email) + " AND " + no(audience.SMS) + ")"
}

func (t *translator) inTopic(topic, channel string) string {
	name := t.text(topic)
	policy := "coalesce((SELECT p.policy = '" + string(audience.OptOut) + "' FROM topics p WHERE p.workspace_id = " + t.workspace + " AND p.name = " + name + "), true)"
	var each []string
	for _, channel := range channelsOf(channel) {
		each = append(each, "coalesce("+t.lastWord(actionIn(audience.Consents...), string(channel), name+", "+t.text(audience.AllTopics))+", "+policy+")")
	}
	return "(" + strings.Join(each, " OR ") + ")"
}

// journeys looks at the customer's journeys, those that were held out apart: they never began.
func (t *translator) journeys(campaign, field string) sqlValue {
	of := func(what, where, order, limit string) string {
		return t.of(what, "journeys j", "j", "j.campaign_id = (SELECT k.id FROM campaigns k WHERE k.workspace_id = "+t.workspace+
			" AND k.name = "+t.text(campaign)+") AND j.status <> 'held_out' AND j.entered_at <= "+t.now+where, order, limit)
	}
	running := "(j.ended_at IS NULL OR j.ended_at > " + t.now + ")"
	last := func(what string) string { return of(what, "", "j.entered_at DESC, j.id DESC", "LIMIT 1") }
	switch field {
	case "active":
		return sqlValue{sql: "EXISTS " + of("", " AND "+running, "", ""), kind: kindBool, sure: true}
	case "converted":
		return sqlValue{sql: "EXISTS " + of("", " AND j.status = 'converted' AND NOT "+running, "", ""), kind: kindBool, sure: true}
	case "count":
		return sqlValue{sql: of("count(*)::numeric", "", "", ""), kind: kindNumber, sure: true}
	case "status":
		return sqlValue{sql: last("CASE WHEN " + running + " THEN 'active' ELSE j.status END"), kind: kindText}
	case "entered_at":
		return sqlValue{sql: last("j.entered_at"), kind: kindTime}
	}
	return sqlValue{sql: last("CASE WHEN NOT " + running + " THEN j.ended_at END"), kind: kindTime}
}

// touch is the latest message of a step of a campaign, in the status that it had at the moment.
func (t *translator) touch(key, field string) sqlValue {
	at := strings.LastIndexByte(key, '/') // the name of a campaign may have slashes, the id of a step has none
	campaign, step := key[:max(at, 0)], key[at+1:]
	status := func(what string) string {
		return "(SELECT " + what + " FROM touch_statuses s WHERE s.workspace_id = " + t.workspace + " AND s.touch_id = m.id AND s.at <= " + t.now + " ORDER BY s.id DESC LIMIT 1)"
	}
	latest := func(what string) string {
		return t.of(what, "touches m", "m", "m.campaign_id = (SELECT k.id FROM campaigns k WHERE k.workspace_id = "+t.workspace+
			" AND k.name = "+t.text(campaign)+") AND m.direction = 'out' AND m.step = "+t.text(step)+" AND m.occurred_at <= "+t.now, "m.occurred_at DESC, m.id DESC", "LIMIT 1")
	}
	of := func(what string) string { return latest(status(what)) }
	switch field {
	case "opened", "clicked": // names of columns, too
		return sqlValue{sql: "coalesce(" + latest("m."+field+"_at <= "+t.now) + ", false)", kind: kindBool, sure: true}
	case "delivered":
		return sqlValue{sql: "coalesce(" + of("s.status = 'delivered'") + ", false)", kind: kindBool, sure: true}
	case "status":
		return sqlValue{sql: of("s.status"), kind: kindText}
	}
	return sqlValue{sql: of("s.at"), kind: kindTime}
}
