package campaign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"

	"dotyk/rules/audience"
	"dotyk/rules/calendar"
)

// The form of a policy. The order of the fields here is their order in it.
type (
	formPolicy struct {
		Quiet   []formQuiet `json:"quiet,omitempty"`
		Caps    []formCap   `json:"caps,omitempty"`
		Holdout string      `json:"holdout,omitempty"`

		Jurisdiction string `json:"jurisdiction,omitempty"`
	}
	formQuiet struct {
		Channel audience.Channel `json:"channel,omitempty"`
		Country string           `json:"country,omitempty"`
		From    string           `json:"from"`
		To      string           `json:"to"`
		Days    string           `json:"days,omitempty"`
	}
	formCap struct {
		Channel audience.Channel `json:"channel,omitempty"`
		Topic   string           `json:"topic,omitempty"`
		Most    int              `json:"most"`
		Within  string           `json:"within"`
	}
)

func (f formPolicy) encode() []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(f) // cannot fail: it holds nothing but text and numbers
	return bytes.TrimSpace(b.Bytes())
}

// jurisdictionOn switches the quiet hours of the law on.
const jurisdictionOn = "on"

// maxHoldout is the largest part of all customers that can be held out: beyond it, it is a mistake.
const maxHoldout = wholeShare / 2

var (
	objPolicy = &object{name: "policy", what: "a policy", fields: []attribute{
		{"quiet", listOf(group("quiet")), false, "times of day at which customers are not disturbed"},
		{"caps", listOf(group("cap")), false, "how many messages a customer gets"},
		{"holdout", kindShare, false, "part of all customers whom no marketing campaign lets in, up to 50%"},
		{"jurisdiction", kindName, false, "on: quiet hours of the law of the customer's country, where quiet says nothing of it"},
	}}
	objQuiet = &object{name: "quiet", what: "quiet hours", fields: []attribute{
		{"channel", kindName, false, "email, sms or call; all channels without"},
		{"country", kindName, false, "two letters of ISO 3166, as in UA; all countries without"},
		{"from", kindClock, true, "when they begin on the customer's clock"},
		{"to", kindClock, true, "when they end; before from, it is on the next day"},
		{"days", kindDays, false, "days on which they begin; every day without"},
	}}
	objCap = &object{name: "cap", what: "a cap", fields: []attribute{
		{"channel", kindName, false, "email, sms or call; all channels together without"},
		{"topic", kindName, false, "all topics together without"},
		{"most", kind{words: "whole number"}, true, "how many messages"},
		{"within", kindDuration, true, "in any stretch of time that long"},
	}}
)

// policy reads a policy. An empty one holds nothing back.
func (r *reader) policy(root *node) Policy {
	var p Policy
	fields := r.body(draft{n: root}, objPolicy, `It can have "quiet:", "caps:", "holdout:" and "jurisdiction:".`)
	p.Jurisdiction = r.word(fields, "jurisdiction", "", "", jurisdictionOn, "off") == jurisdictionOn
	for i, item := range r.policyList(fields["quiet"], "quiet") {
		p.Quiet = append(p.Quiet, r.quietHours(draft{n: item, path: fmt.Sprintf("quiet[%d]", i)}))
	}
	for i, item := range r.policyList(fields["caps"], "caps") {
		p.Caps = append(p.Caps, r.cap(draft{n: item, path: fmt.Sprintf("caps[%d]", i)}))
	}
	if n := fields["holdout"]; n != nil {
		if p.Holdout = r.share(n, "holdout"); p.Holdout > maxHoldout {
			r.report(n.place("holdout"), CodeBadValue, fmt.Sprintf("%s of all customers would be held out", p.Holdout),
				fmt.Sprintf("Write at most %s.", maxHoldout))
		}
	}
	return p
}

func (r *reader) policyList(n *node, path string) []*node {
	if n == nil {
		return nil
	}
	if n.shape != shapeList {
		r.wrongShape(n, path, fmt.Sprintf("%q", path), "a list", "Start each item with a dash.")
		return nil
	}
	return n.items
}

var countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)

func (r *reader) quietHours(d draft) QuietHours {
	const advice = `Write {from: "21:00", to: "09:00"}, with channel, country and days if wanted.`
	fields := r.body(d, objQuiet, advice)
	q := QuietHours{Channel: r.channel(d, fields), Country: r.name(fields, "country", d.path)}
	if q.Country != "" && !countryPattern.MatchString(q.Country) {
		r.report(fields["country"].place(d.at("country")), CodeBadValue, fmt.Sprintf("%q is no country", clip(q.Country)),
			"Write its two letters of ISO 3166, as in UA.")
	}
	q.Window = calendar.Window{
		From: r.requiredClock(d, fields, "from", advice), To: r.requiredClock(d, fields, "to", advice),
		Days: r.weekdays(fields["days"], d.at("days")),
	}
	return q
}

func (r *reader) requiredClock(d draft, fields map[string]*node, name, advice string) calendar.Clock {
	switch n := fields[name]; {
	case n != nil:
		return r.clock(n, d.at(name))
	case d.n.shape == shapeObject:
		r.missing(d.n, d.path, name, fmt.Sprintf("the quiet hours have no %q", name), advice)
	}
	return 0
}

// channel reads the channel of messages that a part of the policy is about; "" is all.
func (r *reader) channel(d draft, fields map[string]*node) audience.Channel {
	return audience.Channel(r.word(fields, "channel", d.path, "", string(audience.Email), string(audience.SMS), string(audience.Call)))
}

func (r *reader) cap(d draft) Cap {
	const advice = "Write {most: 3, within: 7d}, with channel and topic if wanted."
	const highest = 1000
	fields := r.body(d, objCap, advice)
	c := Cap{
		Channel: r.channel(d, fields), Topic: r.name(fields, "topic", d.path),
		Within: r.optionalDuration(fields, "within", d.path, 0),
	}
	if d.n.shape != shapeObject {
		return c
	}
	if most := fields["most"]; most != nil {
		c.Most = r.integer(most, d.at("most"), "the number of messages", 1, highest)
	} else {
		r.missing(d.n, d.path, "most", "the cap does not say how many messages", advice)
	}
	if fields["within"] == nil {
		r.missing(d.n, d.path, "within", "the cap does not say in what time", advice)
	}
	return c
}
