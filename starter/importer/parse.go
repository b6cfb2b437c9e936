package importer

import (
	"cmp"
	"fmt"
	"slices"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"

	"dotyk/rules/audience"
	"dotyk/starter/ingest"
)

var commonFields = []string{"import", "source", "encoding", "delimiter", "decimal", "thousands", "defaults", "existing", "rules"}

var customerFields = slices.Concat(commonFields, []string{
	"external_id", "email", "phone", "name", "first_name", "last_name", "locale", "timezone", "kind", "stage", "created_at",
	"tags", "consents", "attributes", "rest", "bad_values",
})

var orderFields = slices.Concat(commonFields, []string{
	"event", "order_id", "customer", "email", "occurred_at", "currency", "total", "item", "properties", "attributes",
})

// ParseMapping reads a mapping from YAML. The error is a *MappingError with everything that is wrong.
func ParseMapping(src []byte) (*Mapping, error) {
	r := &mapReader{m: &Mapping{name: "file", content: src}, dates: date{layout: layout{pattern: layoutISO}, zone: time.UTC}}
	if root := r.document(src); root != nil {
		r.mapping(root)
	}
	if len(r.problems) > 0 {
		return nil, &MappingError{Mapping: r.m.name, Problems: inOrder(r.problems)}
	}
	return r.m, nil
}

// inOrder puts problems in the order of the mapping.
func inOrder(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return problems
}

func (r *mapReader) mapping(root *yaml.Node) {
	before := len(r.problems)
	whole, ok := r.object(root, "the mapping", nil)
	if !ok {
		return
	}
	kind := r.choice(whole, "import", string(Customers), string(Orders))
	if kind == "" {
		if len(r.problems) == before {
			r.report(root, "the mapping does not say what it imports", `add "import: customers" or "import: orders"`)
		}
		return
	}
	r.problems = r.problems[:before] // the second reading reports them with the fields of the kind
	r.m.kind = Kind(kind)
	known := customerFields
	if r.m.kind == Orders {
		known = orderFields
	}
	o, _ := r.object(root, "a mapping of "+kind, known)
	r.common(o)
	if r.m.kind == Orders {
		r.orders(o)
	} else {
		r.customers(o)
	}
	r.lineRules(o.get("rules"))
}

func (r *mapReader) common(o object) {
	m := r.m
	m.source, m.encoding, m.delimiter = r.text(o, "source"), r.text(o, "encoding"), r.text(o, "delimiter")
	if len(m.source) > 100 {
		r.report(o.get("source"), "the source's name is too long", "shorten it to 100 characters")
	}
	if m.encoding == "auto" {
		m.encoding = ""
	}
	if _, ok := decoder(m.encoding); m.encoding != "" && !ok {
		r.report(o.get("encoding"), fmt.Sprintf("the encoding %s is not known", shown(m.encoding)), "write auto, utf-8, windows-1251, windows-1252 or another name of the WHATWG Encoding Standard")
	}
	if m.delimiter == "auto" {
		m.delimiter = ""
	}
	if _, ok := delimiter(m.delimiter); m.delimiter != "" && !ok {
		r.report(o.get("delimiter"), fmt.Sprintf("the delimiter cannot be %s", shown(m.delimiter)), delimiterAdvice)
	}
	mark := cmp.Or(r.choice(o, "decimal", ".", ","), ".")
	thousands := r.choice(o, "thousands", ",", ".", " ", "'")
	if thousands == mark {
		r.report(o.get("thousands"), "decimal and thousands are the same", `with thousands: "." write decimal: ","`)
		thousands = ""
	}
	m.numbers = newNumbers(mark, thousands)
	m.fillOnly = r.choice(o, "existing", "overwrite", "fill") == "fill"
	if n := o.get("defaults"); n != nil {
		r.defaults(n)
	}
}

func (r *mapReader) defaults(n *yaml.Node) {
	o, ok := r.object(n, "defaults", []string{"country", "timezone", "layout"})
	if !ok {
		return
	}
	if country := r.text(o, "country"); country != "" {
		region, err := language.ParseRegion(country)
		if err != nil || !region.IsCountry() {
			r.report(o.get("country"), fmt.Sprintf("%s is not a country", shown(country)), "write two letters of ISO 3166 such as UA")
		}
		r.m.country = region.String()
	}
	r.dateStyle(o, &r.dates)
}

// dateStyle reads layout and timezone where they are given.
func (r *mapReader) dateStyle(o object, into *date) {
	if name := r.text(o, "timezone"); name != "" {
		checked, err := ingest.Timezone(name)
		zone, loadErr := time.LoadLocation(checked)
		if err != nil || loadErr != nil {
			r.report(o.get("timezone"), fmt.Sprintf("%s is not a time zone", shown(name)), "write a name such as Europe/Kyiv")
		} else {
			into.zone = zone
		}
	}
	if pattern := r.text(o, "layout"); pattern != "" {
		l, err := parseLayout(pattern)
		if err != nil {
			r.report(o.get("layout"), err.Error(), layoutAdvice)
			return
		}
		into.layout = l
	}
}

var valueFields = []string{"column", "value", "strip_prefix", "strip_suffix", "default"}

// value reads where a text comes from: a column's name, or a group of fields. More fields are known to the caller.
func (r *mapReader) value(n *yaml.Node, what string, more ...string) (*value, object) {
	if n == nil {
		return nil, object{}
	}
	if n.Kind != yaml.MappingNode {
		if name, ok := r.scalar(n, what); ok && name == "" {
			r.report(n, what+" names no column", "write the column's heading, or remove the field")
		} else if ok {
			return &value{column: r.column(n, name), name: name}, object{}
		}
		return &value{column: noColumn}, object{}
	}
	o, _ := r.object(n, what, slices.Concat(valueFields, more))
	v := &value{column: noColumn, stripPrefix: r.text(o, "strip_prefix"), stripSuffix: r.text(o, "strip_suffix"), fallback: r.text(o, "default")}
	column, constant := o.get("column"), o.get("value")
	switch {
	case (column == nil) == (constant == nil):
		r.report(n, what+" needs either column or value", `write {column: "Heading"}, or {value: text} for a constant`)
	case column != nil:
		if v.name = r.text(o, "column"); v.name != "" {
			v.column = r.column(column, v.name)
		}
	default:
		v.constant = r.text(o, "value")
	}
	return v, o
}

// column gives the number of a column, and remembers its name.
func (r *mapReader) column(n *yaml.Node, name string) int {
	for i, c := range r.m.columns {
		if c.name == name {
			return i
		}
	}
	r.m.columns = append(r.m.columns, columnRef{name, n.Line, n.Column})
	return len(r.m.columns) - 1
}

func (r *mapReader) date(n *yaml.Node, what string) *date {
	if n == nil {
		return nil
	}
	d := r.dates
	v, o := r.value(n, what, "layout", "timezone")
	d.value = *v
	r.dateStyle(o, &d)
	if d.column == noColumn && d.constant != "" {
		if _, wrong := d.layout.read(d.constant, d.zone); wrong != nil {
			r.report(n, what+": "+wrong.reason, wrong.advice)
		}
	}
	return &d
}

// properties reads names with the columns that feed them; a list of columns makes the names itself.
func (r *mapReader) properties(n *yaml.Node, what string, reserved ...string) []property {
	if n == nil {
		return nil
	}
	var list []property
	add := func(at *yaml.Node, p property) {
		same := func(other property) bool { return other.name == p.name }
		switch {
		case p.name == "" || len(p.name) > 100:
			r.report(at, "this gives no name for "+what, "write name: column")
		case slices.Contains(reserved, p.name):
			r.report(at, fmt.Sprintf("%s is the name of a field that is there already", p.name), "choose another name")
		case slices.ContainsFunc(list, same):
			r.report(at, fmt.Sprintf("%s stands twice in %s", p.name, what), "choose another name")
		default:
			list = append(list, p)
		}
	}
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			v, _ := r.value(item, "an item of "+what)
			p := property{name: attributeName(v.name), kind: typeText, date: date{value: *v}}
			add(item, p)
		}
		return list
	}
	o, _ := r.object(n, what, nil)
	for _, name := range o.names {
		field := o.get(name)
		p := property{name: name, kind: typeText, date: r.dates}
		v, options := r.value(field, name, "type", "layout", "timezone")
		p.value = *v
		kinds := []string{string(typeText), string(typeNumber), string(typeBoolean), string(typeDate)}
		p.kind = valueType(cmp.Or(r.choice(options, "type", kinds...), string(typeText)))
		r.dateStyle(options, &p.date)
		if p.kind != typeDate && (options.get("layout") != nil || options.get("timezone") != nil) {
			r.report(field, "layout and timezone belong to dates", `add "type: date"`)
		}
		add(field, p)
	}
	return list
}

func (r *mapReader) customers(o object) {
	c := &customerMapping{rest: r.flag(o, "rest")}
	r.m.customers = c
	for field, into := range map[string]**value{
		"external_id": &c.externalID, "email": &c.email, "phone": &c.phone, "name": &c.name, "first_name": &c.firstName,
		"last_name": &c.lastName, "locale": &c.locale, "timezone": &c.timezone, "kind": &c.kind, "stage": &c.stage,
	} {
		*into, _ = r.value(o.get(field), field)
	}
	if c.externalID == nil && c.email == nil {
		r.report(o.Node, "nothing says who a customer is", "add external_id, or email")
	}
	if c.name != nil && (c.firstName != nil || c.lastName != nil) {
		r.report(o.get("name"), "name stands beside first_name or last_name", "use either")
	}
	if c.kind != nil && c.kind.column == noColumn && !audience.CustomerKind(c.kind.constant).Valid() {
		r.report(o.get("kind"), fmt.Sprintf("%s is not a kind of customer", shown(c.kind.constant)), kindAdvice)
	}
	c.createdAt = r.date(o.get("created_at"), "created_at")
	tags, options := r.value(o.get("tags"), "tags", "separator")
	c.tags, c.separator = tags, cmp.Or(r.text(options, "separator"), ",")
	c.attributes = r.properties(o.get("attributes"), "attributes", recordFields...)
	r.m.lenient = r.choice(o, "bad_values", "reject", "leave_out") == "leave_out"
	r.consents(o.get("consents"))
}

func (r *mapReader) consents(n *yaml.Node) {
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.report(n, "consents must be a list", "begin each with a dash")
		return
	}
	for _, item := range n.Content {
		if item.Kind != yaml.MappingNode {
			r.report(item, "a consent must be a group of fields", "write {column: …, channel: email, topic: …, at: …}")
			continue
		}
		v, o := r.value(item, "a consent", "channel", "topic", "at", "text", "granted", "withdrawn")
		c := consentMapping{
			value: *v, channel: r.choice(o, "channel", string(audience.Email), string(audience.SMS)),
			topic: cmp.Or(r.text(o, "topic"), audience.AllTopics), at: r.date(o.get("at"), "at"), text: r.text(o, "text"),
			granted: folded(r.list(o.get("granted"), "granted")), withdrawn: folded(r.list(o.get("withdrawn"), "withdrawn")),
		}
		if o.get("channel") == nil {
			r.report(item, "the consent names no channel", "add channel: email or channel: sms")
		}
		if c.at == nil {
			r.report(item, "the consent does not say when it was given",
				"add at: with a column or {value: a date}; a later word of the customer outweighs an earlier one")
		}
		if (c.granted == nil) != (c.withdrawn == nil) {
			r.report(item, "granted and withdrawn go together", "name the words for both, or for neither")
		}
		r.m.customers.consents = append(r.m.customers.consents, c)
	}
}

func (r *mapReader) orders(o object) {
	m := &orderMapping{event: cmp.Or(r.text(o, "event"), "order_completed")}
	r.m.orders = m
	r.eventName(o.get("event"), m.event)
	m.orderID, _ = r.value(o.get("order_id"), "order_id")
	m.customer, _ = r.value(o.get("customer"), "customer")
	m.email, _ = r.value(o.get("email"), "email")
	m.currency, _ = r.value(o.get("currency"), "currency")
	m.total, _ = r.value(o.get("total"), "total")
	m.occurredAt = r.date(o.get("occurred_at"), "occurred_at")
	m.properties = r.properties(o.get("properties"), "properties", "order_id", "total", "currency", "items")
	m.attributes = r.properties(o.get("attributes"), "attributes", recordFields...)
	if n := o.get("item"); n != nil {
		m.item = &itemMapping{}
		if item, ok := r.object(n, "item", []string{"sku", "name", "quantity", "price"}); ok {
			m.item.sku, _ = r.value(item.get("sku"), "sku")
			m.item.name, _ = r.value(item.get("name"), "name")
			m.item.quantity, _ = r.value(item.get("quantity"), "quantity")
			m.item.price, _ = r.value(item.get("price"), "price")
		}
	}
	switch {
	case m.orderID == nil || m.orderID.column == noColumn:
		r.report(o.Node, "no column holds the order's id", "add order_id")
	case m.customer == nil && m.email == nil:
		r.report(o.Node, "nothing says whose order it is", "add customer (the external id), or email")
	case m.occurredAt == nil:
		r.report(o.Node, "nothing says when the order was placed", "add occurred_at")
	case m.total == nil && (m.item == nil || m.item.quantity == nil || m.item.price == nil):
		r.report(o.Node, "nothing says what the order came to", "add total, or item with quantity and price")
	}
}

func (r *mapReader) eventName(n *yaml.Node, name string) {
	if len(name) > 200 {
		r.report(n, "the event's name is too long", "shorten it")
	}
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
