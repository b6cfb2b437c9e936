package importer

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"dotyk/activities/store"
	"dotyk/starter/ingest"
)

// The largest order. Beyond it, the column is hardly an order's id, and its lines cannot be held in memory.
const (
	maxOrderLines = 5000
	maxOrderBytes = 4 << 20
)

// orders gathers lines that stand together and have one order id, and makes an event of them: one, or one for each
// name that rules give to its lines.
type orders struct {
	run *run
	m   *orderMapping

	id       string // of the open order; empty when none is open
	lines    []orderLine
	size     int  // bytes in lines
	failed   bool // one of the lines cannot be taken
	overflow bool // the order is too large: its lines go to the report at once
	parts    []*part
}

type orderLine struct {
	held
	wrong *lineError // nil when nothing is wrong with this very line
}

// part is the event that some lines of an order become.
type part struct {
	event                     string
	lines                     []held
	customer, email, currency string
	total                     decimal.Decimal
	hasTotal                  bool
	at                        time.Time
	items                     []item
	properties, attributes    map[string]any
}

type item struct {
	SKU      string      `json:"sku,omitempty"`
	Name     string      `json:"name,omitempty"`
	Quantity json.Number `json:"quantity,omitempty"`
	Price    json.Number `json:"price,omitempty"`
}

func (o *orders) boundary(l line) bool {
	id, wrong := o.m.orderID.id(l)
	switch {
	case wrong != nil || id == "":
		return o.id == ""
	case id == o.id:
		return false
	}
	o.finish()
	return true
}

func (o *orders) holding() int { return len(o.lines) }

func (o *orders) take(got row, l line) {
	wrong := o.run.check(got)
	event := o.m.event
	if wrong == nil {
		if rule := o.run.m.rule(l); rule != nil {
			switch rule.action {
			case actionSkip:
				o.run.skip(rule.text)
				return
			case actionReject:
				wrong = &lineError{rule.text, "a rule of the mapping refuses such lines"}
			case actionEvent:
				event = rule.text
			}
		}
	}
	h := held{got.line, got.raw}
	id, noID := o.m.orderID.id(l)
	if id == "" {
		if wrong == nil {
			wrong = noID
		}
		if wrong == nil {
			wrong = &lineError{"column " + o.m.orderID.name + " is empty, so the line belongs to no order", "write the order's id"}
		}
		o.run.reject(h, wrong)
		return
	}
	o.id = id
	if wrong == nil && !o.overflow {
		wrong = o.part(event).add(o, l, h)
	}
	o.failed = o.failed || wrong != nil
	o.hold(orderLine{h, wrong})
}

// hold keeps a line until its order is complete.
func (o *orders) hold(one orderLine) {
	if !o.overflow {
		o.lines = append(o.lines, one)
		o.size += len(one.raw)
		if len(o.lines) <= maxOrderLines && o.size <= maxOrderBytes {
			return
		}
		o.overflow, o.parts = true, nil
	} else {
		o.lines = append(o.lines[:0], one)
	}
	for _, l := range o.lines {
		o.run.reject(l.held, &lineError{
			fmt.Sprintf("order %s has more than %d lines or %d bytes", shown(o.id), maxOrderLines, maxOrderBytes),
			"is " + o.m.orderID.name + " the column with the order's id?",
		})
	}
	o.lines = o.lines[:0]
}

// part gives the event of that name in the open order.
func (o *orders) part(event string) *part {
	for _, p := range o.parts {
		if p.event == event {
			return p
		}
	}
	p := &part{event: event, properties: map[string]any{}, attributes: map[string]any{}}
	o.parts = append(o.parts, p)
	return p
}

// finish hands the open order over: to be stored, or, if a line of it cannot be taken, to the report.
func (o *orders) finish() {
	var units []unit
	if !o.failed && !o.overflow {
		units = o.units()
	}
	if o.failed {
		o.rejectAll()
	}
	for _, u := range units {
		o.run.emit(u)
	}
	clear(o.lines)
	o.id, o.lines, o.size, o.failed, o.overflow, o.parts = "", o.lines[:0], 0, false, false, nil
}

// units makes the events of the open order. If one cannot be made, the order has failed.
func (o *orders) units() []unit {
	var units []unit
	for _, p := range o.parts {
		m, wrong := o.message(p)
		if wrong != nil {
			o.failed, o.lines[0].wrong = true, wrong
			return nil
		}
		units = append(units, unit{m, p.lines})
	}
	return units
}

func (o *orders) rejectAll() {
	first := 0
	for _, l := range o.lines {
		if l.wrong != nil {
			first = l.line
			break
		}
	}
	for _, l := range o.lines {
		wrong := l.wrong
		if wrong == nil {
			wrong = &lineError{
				fmt.Sprintf("line %d of the same order %s cannot be taken, and an order is stored whole or not at all", first, shown(o.id)),
				fmt.Sprintf("mend line %d, and import the lines of this order again", first),
			}
		}
		o.run.reject(l.held, wrong)
	}
}

// add takes one line into the event.
func (p *part) add(o *orders, l line, h held) *lineError {
	for _, step := range []func(*orders, line) *lineError{p.addWho, p.addWhen, p.addMoney, p.addRest} {
		if wrong := step(o, l); wrong != nil {
			return wrong
		}
	}
	p.lines = append(p.lines, h)
	return nil
}

// once takes a value that all lines of an order must share.
func once(into *string, text string, v *value) *lineError {
	if *into != "" && text != "" && text != *into {
		return &lineError{
			fmt.Sprintf("column %s: %s, but %s on another line of the same order", v.name, shown(text), shown(*into)),
			"give all lines of an order the same value",
		}
	}
	if text != "" {
		*into = text
	}
	return nil
}

func (p *part) addWho(o *orders, l line) *lineError {
	if o.m.customer != nil {
		id, wrong := o.m.customer.id(l)
		if wrong != nil {
			return wrong
		}
		if wrong := once(&p.customer, id, o.m.customer); wrong != nil {
			return wrong
		}
	}
	if text := o.m.email.text(l); text != "" {
		address, err := ingest.Email(text)
		if err != nil {
			return o.m.email.place(text, contactError(err))
		}
		if wrong := once(&p.email, address, o.m.email); wrong != nil {
			return wrong
		}
	}
	if p.customer == "" && p.email == "" {
		return &lineError{"the order has no customer", "fill in who bought, or skip such lines by a rule in the mapping"}
	}
	return nil
}

func (p *part) addWhen(o *orders, l line) *lineError {
	at, ok, wrong := o.m.occurredAt.read(l)
	switch {
	case wrong != nil:
		return wrong
	case !ok:
		return &lineError{"column " + o.m.occurredAt.name + " is empty", "write when the order was placed"}
	case at.After(o.run.startedAt):
		return o.m.occurredAt.place(o.m.occurredAt.text(l), &lineError{"this lies in the future", "correct the date, or the layout and timezone in the mapping"})
	case p.at.IsZero() || at.Before(p.at): // an order that took a while began with its first line
		p.at = at
	}
	return nil
}

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

func (p *part) addMoney(o *orders, l line) *lineError {
	if o.m.currency != nil {
		code := strings.ToUpper(o.m.currency.text(l))
		if code != "" && !currencyCode.MatchString(code) {
			return o.m.currency.place(code, &lineError{"this is no currency", "write three letters of ISO 4217 such as UAH"})
		}
		if wrong := once(&p.currency, code, o.m.currency); wrong != nil {
			return wrong
		}
	}
	sum, wrong := p.addItem(o, l)
	if wrong != nil {
		return wrong
	}
	if o.m.total == nil {
		p.total, p.hasTotal = p.total.Add(sum), true
		return nil
	}
	total, wrong := o.run.m.numbers.number(o.m.total, l)
	if wrong != nil {
		return wrong
	}
	if p.hasTotal && !total.Equal(p.total) {
		return &lineError{
			fmt.Sprintf("column %s: %s, but %s on another line of the same order", o.m.total.name, total, p.total),
			"repeat the order's total on each of its lines, or map quantity and price instead",
		}
	}
	p.total, p.hasTotal = total, true
	return nil
}

// addItem reads what was bought, and what that came to.
func (p *part) addItem(o *orders, l line) (decimal.Decimal, *lineError) {
	m := o.m.item
	if m == nil {
		return decimal.Decimal{}, nil
	}
	it := item{SKU: m.sku.text(l), Name: m.name.text(l)}
	sum := decimal.NewFromInt(1)
	for _, number := range []struct {
		from *value
		into *json.Number
	}{{m.quantity, &it.Quantity}, {m.price, &it.Price}} {
		if number.from == nil || o.m.total != nil && number.from.text(l) == "" {
			continue
		}
		n, wrong := o.run.m.numbers.number(number.from, l)
		if wrong != nil {
			return sum, wrong
		}
		*number.into = json.Number(n.String())
		sum = sum.Mul(n)
	}
	p.items = append(p.items, it)
	return sum, nil
}

// addRest takes properties and attributes: the first value that any line has.
func (p *part) addRest(o *orders, l line) *lineError {
	for _, side := range []struct {
		from []property
		into map[string]any
	}{{o.m.properties, p.properties}, {o.m.attributes, p.attributes}} {
		for i := range side.from {
			v, wrong := side.from[i].read(l, o.run.m.numbers)
			if wrong != nil {
				return wrong
			}
			if _, there := side.into[side.from[i].name]; v != nil && !there {
				side.into[side.from[i].name] = v
			}
		}
	}
	return nil
}

// maxMessageID is the longest id that stands as it is.
const maxMessageID = 100

// message makes the event. Its id depends on nothing but the event's name and the order's id.
func (o *orders) message(p *part) (store.Message, *lineError) {
	properties := maps.Clone(p.properties)
	properties["order_id"] = o.id
	properties["total"] = json.Number(p.total.String())
	if p.currency != "" {
		properties["currency"] = p.currency
	}
	if len(p.items) > 0 {
		properties["items"] = slices.Clone(p.items)
	}
	raw, wrong := encode(properties)
	if wrong != nil {
		return store.Message{}, wrong
	}
	m := store.Message{
		Call: store.CallTrack, MessageID: p.event + ":" + o.id, UserID: p.customer, Name: p.event,
		Properties: raw, OccurredAt: p.at, ReceivedAt: o.run.startedAt, Historical: true,
	}
	if len(m.MessageID) > maxMessageID {
		m.MessageID = ingest.DerivedID("order", p.event, o.id)
	}
	m.Profile.FillOnly = o.run.m.fillOnly
	m.Profile.MatchEmail = p.customer == ""
	if p.email != "" {
		m.Profile.Email = &p.email
	}
	if len(p.attributes) > 0 {
		m.Profile.Attributes = p.attributes
	}
	return m, nil
}
