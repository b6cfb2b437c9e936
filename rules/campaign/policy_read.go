package campaign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"

	"dotyk/rules/audience"
	"dotyk/rules/calendar"
)

// The form of a policy. The order of the fields here is their order in it.
type (
	formPolicy struct {
		Quiet   []formQuiet `json:"quiet,omitempty"`
		Caps    []formCap   `json:"caps,omitempty"`
		Holdout string      `json:"holdout,omitempty"`
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

// maxHoldout is the largest part of all customers that can be held out: beyond it, it is a mistake.
const maxHoldout = wholeShare / 2

// policy reads a policy. An empty one holds nothing back.
func (r *reader) policy(root *node) Policy {
	var p Policy
	if root.shape != shapeObject {
		r.wrongShape(root, "", "the policy", "a group of fields", `It can have "quiet:", "caps:" and "holdout:".`)
		return p
	}
	fields := r.fields(root, "", "a policy", []string{"quiet", "caps", "holdout"}, nil)
	for i, item := range r.policyList(fields["quiet"], "quiet") {
		p.Quiet = append(p.Quiet, r.quietHours(item, fmt.Sprintf("quiet[%d]", i)))
	}
	for i, item := range r.policyList(fields["caps"], "caps") {
		p.Caps = append(p.Caps, r.cap(item, fmt.Sprintf("caps[%d]", i)))
	}
	if n := fields["holdout"]; n != nil {
		share, err := ParseShare(n.text)
		if n.shape != shapeText || err != nil || share > maxHoldout {
			r.report(n.place("holdout"), CodeBadValue, `"holdout" is no part of all customers`,
				fmt.Sprintf("Write a percentage up to %s, as in 2%%.", maxHoldout))
		}
		p.Holdout = share
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

func (r *reader) quietHours(n *node, path string) QuietHours {
	const advice = `Write {from: "21:00", to: "09:00"}, with channel, country and days if wanted.`
	fields := r.body(n, path, "quiet hours", advice, []string{"channel", "country", "from", "to", "days"}, nil)
	q := QuietHours{Channel: r.channel(fields, path), Country: r.name(fields, "country", path)}
	if q.Country != "" && !countryPattern.MatchString(q.Country) {
		r.report(fields["country"].place(join(path, "country")), CodeBadValue,
			fmt.Sprintf("%q is no country", clip(q.Country)), "Write its two letters of ISO 3166, as in UA.")
	}
	q.Window.From = r.clock(n, fields, "from", path)
	q.Window.To = r.clock(n, fields, "to", path)
	if days := r.name(fields, "days", path); days != "" {
		parsed, err := calendar.ParseWeekdays(days)
		if err != nil {
			r.report(fields["days"].place(join(path, "days")), CodeBadValue, err.Error(), "Write days as in mon-fri or sat,sun.")
		}
		q.Window.Days = parsed
	}
	return q
}

// clock reads a field that must be there and be a time of day.
func (r *reader) clock(n *node, fields map[string]*node, name, path string) calendar.Clock {
	const advice = `Write a time of day in quotes, as in "21:00".`
	at := fields[name]
	if at == nil {
		if n.shape == shapeObject {
			r.report(n.place(join(path, name)), CodeMissingField, fmt.Sprintf("the quiet hours have no %q", name), advice)
		}
		return 0
	}
	text := r.name(fields, name, path)
	clock, err := calendar.ParseClock(text)
	if text != "" && err != nil {
		r.report(at.place(join(path, name)), CodeBadValue, err.Error(), advice)
	}
	return clock
}

// channel reads the channel of messages that the policy is about; "" is all.
func (r *reader) channel(fields map[string]*node, path string) audience.Channel {
	channel := audience.Channel(r.name(fields, "channel", path))
	switch channel {
	case "", audience.Email, audience.SMS, audience.Call:
	default:
		r.report(fields["channel"].place(join(path, "channel")), CodeBadValue,
			fmt.Sprintf("%q is no channel of messages", clip(string(channel))), "Write email, sms or call, or leave it out for all.")
	}
	return channel
}

func (r *reader) cap(n *node, path string) Cap {
	const advice = "Write {most: 3, within: 7d}, with channel and topic if wanted."
	const highest = 1000
	fields := r.body(n, path, "a cap", advice, []string{"channel", "topic", "most", "within"}, nil)
	c := Cap{Channel: r.channel(fields, path), Topic: r.name(fields, "topic", path)}
	if n.shape != shapeObject {
		return c
	}
	if most := fields["most"]; most == nil {
		r.report(n.place(join(path, "most")), CodeMissingField, "the cap does not say how many messages", advice)
	} else if number, err := strconv.Atoi(most.text); most.shape != shapeNumber || err != nil || number < 1 || number > highest {
		r.report(most.place(join(path, "most")), CodeBadValue,
			fmt.Sprintf("the number of messages must be a whole number from 1 to %d", highest), advice)
	} else {
		c.Most = number
	}
	if within := fields["within"]; within == nil {
		r.report(n.place(join(path, "within")), CodeMissingField, "the cap does not say in what time", advice)
	} else {
		c.Within = r.duration(within, join(path, "within"))
	}
	return c
}
