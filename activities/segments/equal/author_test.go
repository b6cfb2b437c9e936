package equal

import (
	"strconv"

	"pgregory.net/rapid"
)

// author writes random rules, most of which make sense. What it draws first is the simplest, so that rapid shrinks a rule
// on which the evaluators disagree to the part that matters.
type author struct {
	t     *rapid.T
	item  string // "" outside of loops; else what # is: "event", "any", "text"
	depth int
}

func (a *author) one(from ...func() string) string {
	a.depth++
	defer func() { a.depth-- }()
	const deepest = 5
	if a.depth > deepest {
		return from[0]()
	}
	return from[rapid.IntRange(0, len(from)-1).Draw(a.t, "form")]()
}

func (a *author) of(from ...string) string { return rapid.SampledFrom(from).Draw(a.t, "word") }

func quoted(s string) string { return strconv.Quote(s) }

func (a *author) rule() string { return a.condition() }

func (a *author) condition() string {
	return a.one(
		func() string { return a.any() + " " + a.of("==", "!=") + " null" },
		func() string { return a.number() + a.of(" >= ", " > ", " < ", " <= ", " == ", " != ") + a.number() },
		func() string { return a.text() + a.of(" == ", " != ", " < ", " >= ") + a.text() },
		func() string { return a.text() + a.of(" contains ", " startsWith ", " endsWith ") + a.text() },
		func() string { return "(" + a.condition() + a.of(" and ", " or ") + a.condition() + ")" },
		func() string { return "not (" + a.condition() + ")" },
		func() string { return a.any() + a.of(" == ", " != ", " < ", " <= ") + a.any() },
		func() string { return a.time() + a.of(" < ", " <= ", " == ", " > ") + a.time() },
		func() string { return a.span() + a.of(" < ", " <= ", " == ", " > ") + a.span() },
		func() string { return a.of("any", "all", "none") + "(" + a.looped(a.condition) + ")" },
		func() string { return a.any() + a.of(" in ", " not in ") + a.list() },
		func() string { return a.any() + " in [" + a.any() + ", " + a.literal() + ", " + a.literal() + "]" },
		func() string { return a.any() + " contains " + a.text() },
		func() string { return a.number() + " in " + a.of("0..30", "-2..2", "1..1") },
		func() string { return a.text() + " matches " + quoted(a.pattern()) },
		func() string { return "(" + a.condition() + " ? " + a.condition() + " : " + a.condition() + ")" },
		func() string { return "(" + a.any() + " ?? false) == " + a.of("true", "false") },
		a.kept,
		func() string { return a.attribute() + " and true" },
		func() string { return a.event() + a.of(" == ", " != ") + "null" },
		func() string { return a.list() + " == " + a.list() },
	)
}

func (a *author) kept() string {
	return a.of(`segment("vip")`, `segment("it's")`, `in_topic("news")`, `in_topic("offers", "sms")`, "customer.unsubscribed", `journeys("welcome").active`, `journeys("win/back").converted`, `sent("welcome", "hello").delivered`)
}

func (a *author) attribute() string {
	return "customer[" + quoted(rapid.SampledFrom(attributeNames).Draw(a.t, "attribute")) + "]"
}

func (a *author) property() string {
	return "." + rapid.SampledFrom(propertyNames).Draw(a.t, "property")
}

func (a *author) any() string {
	options := []func() string{
		a.attribute,
		func() string { return a.attribute() + "." + a.of("n", "zip", "a") },
		func() string { return a.attribute() + "[" + a.of("0", "1", "9") + "]" },
		func() string { return a.event() + a.property() },
		func() string { return "(" + a.any() + " ?? " + a.any() + ")" },
		func() string { return "(" + a.any() + " + " + a.any() + ")" },
		func() string { return "(" + a.condition() + " ? " + a.any() + " : " + a.literal() + ")" },
		func() string { return a.of("min", "max") + "(" + a.list() + ")" },
		func() string { return a.of("first", "last") + "(" + a.list() + ")" },
		func() string { return `next_best("product")` },
		a.literal,
	}
	switch a.item {
	case "event":
		options = append([]func() string{a.property}, options...)
	case "any":
		options = append([]func() string{func() string { return "#" }, func() string { return "." + a.of("sku", "price", "n") }}, options...)
	}
	return a.one(options...)
}

func (a *author) literal() string {
	return a.of("1", "0.1", "30", `"a"`, `"Kyiv"`, "true", "null", "2.50", `""`, `"it's $1 \\ \"x\""`)
}

func (a *author) number() string {
	return a.one(
		func() string { return a.of("0", "1", "2", "0.1", "30", "-1", "2000.00", "1e3") },
		a.attribute,
		func() string { return "count(" + a.events() + ")" },
		func() string { return "count(" + a.looped(a.condition) + ")" },
		func() string { return a.of("sum", "avg", "min", "max") + "(" + a.looped(a.number) + ")" },
		func() string { return "(" + a.number() + a.of(" + ", " - ", " * ", " / ", " % ") + a.number() + ")" },
		func() string { return a.of("abs", "round", "floor", "ceil", "-") + "(" + a.number() + ")" },
		func() string { return "days_since(" + a.time() + ")" },
		func() string { return "len(" + a.one(a.text, a.list, a.attribute) + ")" },
		func() string { return a.time() + "." + a.of("hour", "minute", "day", "month", "year") },
		func() string { return a.of("sum", "avg") + "(" + a.list() + ")" },
		func() string { return "most_within(" + a.events() + ", " + quoted(a.window()) + ")" },
		func() string { return a.of("rfm.monetary", "score.churn", `journeys("welcome").count`) },
	)
}

func (a *author) text() string {
	options := []func() string{
		func() string { return quoted(a.of("a", "Kyiv", "", "київ", "it's", "$1", "100%", `"`, `\`)) },
		func() string {
			return "customer." + a.of("email", "name", "timezone", "stage", "kind", "external_id", "id")
		},
		a.attribute,
		func() string { return a.of("lower", "upper", "trim") + "(" + a.text() + ")" },
		func() string { return "(" + a.text() + " + " + quoted(a.of("a", "!")) + ")" },
		func() string { return a.time() + "." + a.of("date", "weekday") },
		func() string { return a.of(`journeys("welcome").status`, `sent("welcome", "hello").status`) },
	}
	if a.item == "text" {
		options = append(options, func() string { return "#" })
	}
	return a.one(options...)
}

func (a *author) time() string {
	options := []func() string{
		func() string { return "now" },
		func() string { return "customer.created_at" },
		func() string { return "time(" + a.any() + ")" },
		func() string { return a.event() + ".at" },
		func() string { return "(" + a.time() + a.of(" + ", " - ") + quoted(a.window()) + ")" },
		func() string {
			return "local(" + a.time() + ", " + a.one(func() string {
				return quoted(a.of("Europe/Kyiv", "America/New_York", "Asia/Kathmandu", "Nowhere/City"))
			}, func() string { return "customer.timezone" }, a.attribute) + ")"
		},
		func() string { return "(" + a.any() + " ?? now)" },
		func() string { return a.of("min", "max") + "(" + a.events() + ", .at)" },
		func() string {
			return "time(" + quoted(a.of("2026-03-29T01:00:00Z", "2026-03-01", "2025-10-26T03:30:00+02:00")) + ")"
		},
		func() string { return `journeys("win/back").` + a.of("entered_at", "ended_at") },
		func() string { return "(" + a.time() + " - days(" + a.number() + "))" },
	}
	if a.item == "event" {
		options = append([]func() string{func() string { return ".at" }}, options...)
	}
	return a.one(options...)
}

func (a *author) span() string {
	return a.one(
		func() string { return "(now - " + a.time() + ")" },
		func() string { return "days(" + a.number() + ")" },
		func() string { return "(" + a.time() + " - " + a.time() + ")" },
	)
}

func (a *author) window() string { return a.of("7d", "30d", "90d", "1d", "2d", "1h", "1s") }

func (a *author) events() string {
	name := quoted(rapid.SampledFrom(eventNames).Draw(a.t, "event"))
	return a.one(
		func() string { return "events(" + name + ")" },
		func() string { return "events(" + name + ", " + quoted(a.window()) + ")" },
		func() string { return "filter(" + a.within("event", "events("+name+")", a.condition) + ")" },
	)
}

func (a *author) event() string {
	return a.one(
		func() string { return a.of("first", "last") + "(" + a.events() + ")" },
		func() string { return a.events() + "[" + a.of("0", "1") + "]" },
	)
}

// within writes the arguments of a loop over a list of which each item is of some kind.
func (a *author) within(item, list string, body func() string) string {
	before := a.item
	a.item = item
	defer func() { a.item = before }()
	return list + ", " + body()
}

func (a *author) looped(body func() string) string {
	switch rapid.IntRange(0, 3).Draw(a.t, "list") {
	case 0:
		return a.within("event", a.events(), body)
	case 1:
		return a.within("any", a.attribute(), body)
	case 2:
		return a.within("text", "customer.tags", body)
	}
	if a.item == "event" {
		return a.within("any", a.property(), body)
	}
	return a.within("any", a.list(), body)
}

func (a *author) list() string {
	return a.one(
		a.attribute,
		func() string { return "customer.tags" },
		func() string { return "[" + a.literal() + ", " + a.literal() + "]" },
		func() string { return "map(" + a.within("event", a.events(), a.any) + ")" },
		func() string { return "filter(" + a.within("any", a.attribute(), a.condition) + ")" },
		func() string { return "map(" + a.within("any", a.attribute(), a.any) + ")" },
		func() string { return "[]" },
	)
}

var patterns = []string{"^a", "b$", "^.$", "[A-Z]", "(?i)KYIV", "[^a-z]+", "a|b", "^(?:Ki|Ky)*iv$", "\\d{2,3}", "\\s", "[\\p{Cyrillic}]", "^$", ".*", "x?", "(?s).\\n", "\\bK", "(a)(b)?", "[а-яї]{4}", "^\\Q$1\\E", "(?m)^break"}

func (a *author) pattern() string { return a.of(patterns...) }
