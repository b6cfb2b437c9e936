package rehearsal

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// changed tells all whom it concerns that something about a customer is different: segments, campaigns whose audience
// she may belong to now, and her journeys.
func (w *World) changed(p *person, mentions ...string) {
	w.judgeSegments(p, mentions)
	for _, l := range w.campaigns {
		if slices.ContainsFunc(mentions, func(m string) bool { return l.on[m] }) {
			w.at(w.now, rankFire, func() { w.judgeAudience(l, p, false) })
		}
	}
	for _, r := range p.active {
		for _, m := range mentions {
			if slices.Contains(r.j.ListensTo, campaign.Changed(m)) {
				w.wake(r)
			}
		}
	}
	for _, m := range mentions {
		if field, ok := strings.CutPrefix(m, rules.MentionProfile); ok {
			w.followField(p, field)
		}
	}
}

// settleSegments finds the segments of somebody who is new, without anybody being told.
func (w *World) settleSegments(p *person) {
	for range w.segments { // each may mention others
		before := maps.Clone(p.member)
		for _, s := range w.segments {
			w.judgeSegment(p, s)
		}
		if maps.Equal(before, p.member) {
			return
		}
	}
}

// joinSegments tells of the segments that somebody who is new belongs to.
func (w *World) joinSegments(p *person) {
	for _, s := range w.segments {
		if p.member[s.name] {
			w.moved(p, s.name, "new customer")
		}
	}
}

// judgeSegment judges a membership, and looks again when time may change it. It reports whether it has changed.
func (w *World) judgeSegment(p *person, s segment) bool {
	held, until, err := s.rule.Watch(w.env(p, nil))
	if err != nil {
		w.note(Entry{Kind: Problem, Customer: p.ID, Rule: s.rule.Source(), Reason: "segment " + s.name + ": " + err.Error()})
		return false
	}
	put(&p.checks, s.name, until)
	if !until.IsZero() {
		w.at(until, rankCheck, func() {
			if p.checks[s.name].Equal(until) {
				w.judgeSegments(p, nil, s.name)
			}
		})
	}
	changed := held != p.member[s.name]
	put(&p.member, s.name, held)
	return changed
}

// judgeSegments judges the segments that mention what has changed, and those that are named.
func (w *World) judgeSegments(p *person, mentions []string, names ...string) {
	for _, s := range w.segments {
		concerned := slices.Contains(names, s.name) || slices.ContainsFunc(mentions, func(m string) bool { return s.on[m] })
		if concerned && w.judgeSegment(p, s) {
			because := "time passed"
			if len(mentions) > 0 {
				because = mentions[0]
			}
			w.moved(p, s.name, because)
		}
	}
}

// moved tells that somebody has joined or left a segment.
func (w *World) moved(p *person, name, because string) {
	event, kind := audience.EventSegmentLeft, Left
	if p.member[name] {
		event, kind = audience.EventSegmentEntered, Joined
	}
	w.note(Entry{Kind: kind, Customer: p.ID, Outcome: name, Reason: because})
	w.system(p, event, map[string]any{"segment": name, "because": because})
	w.changed(p, rules.MentionSegment+name)
}

// list puts somebody on a list, or takes her off.
func (w *World) list(p *person, name string, member bool, cause Entry) {
	if !slices.Contains(w.config.Lists, name) {
		cause.Kind, cause.Customer, cause.Reason = Problem, p.ID, "there is no list "+name
		w.note(cause)
		return
	}
	if p.member[name] != member {
		put(&p.member, name, member)
		w.moved(p, name, cause.Reason)
	}
}

// set changes fields and attributes of the record. Cause is the entry of the log, without what has changed.
func (w *World) set(p *person, values map[string]any, cause Entry) {
	cause.Kind, cause.Customer, cause.Values = Changed, p.ID, values
	w.note(cause)
	attributes := maps.Clone(p.Attributes)
	if attributes == nil {
		attributes = map[string]any{}
	}
	var mentions []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		mentions = append(mentions, rules.MentionProfile+name)
		if field := p.field(name); field != nil {
			*field, _ = value.(string) // a field of the record is text, or missing, which is "" there
		} else if value == nil {
			delete(attributes, name)
		} else {
			attributes[name] = value
		}
	}
	p.Attributes, p.UpdatedAt = attributes, w.now
	w.changed(p, mentions...)
}

func (p *person) field(name string) *string {
	switch name {
	case "name":
		return &p.Name
	case "email":
		return &p.Email
	case "phone":
		return &p.Phone
	case "external_id":
		return &p.ExternalID
	case "locale":
		return &p.Locale
	case "timezone":
		return &p.Timezone
	case "stage":
		return &p.Stage
	}
	return nil
}

// sums gives what attributes become to which numbers are added. What is missing counts as 0.
func sums(attributes, add map[string]any) map[string]any {
	all := make(map[string]any, len(add))
	for name, by := range add {
		sum := number(attributes[name]).Add(number(by))
		all[name] = json.Number(sum.String())
	}
	return all
}

func number(v any) decimal.Decimal {
	switch v := v.(type) {
	case int64:
		return decimal.NewFromInt(v)
	case int:
		return decimal.NewFromInt(int64(v))
	case float64:
		return decimal.NewFromFloat(v)
	case json.Number:
		if d, err := decimal.NewFromString(v.String()); err == nil {
			return d
		}
	}
	return decimal.Decimal{}
}

// tag adds and removes tags of the record.
func (w *World) tag(p *person, add, remove []string, cause Entry) {
	tags := slices.DeleteFunc(slices.Clone(p.Tags), func(tag string) bool { return slices.Contains(remove, tag) })
	tags = append(tags, add...)
	slices.Sort(tags)
	tags = slices.Compact(tags)
	if slices.Equal(tags, p.Tags) {
		return
	}
	p.Tags, p.UpdatedAt = tags, w.now
	cause.Kind, cause.Customer, cause.Values = Changed, p.ID, map[string]any{"tags": slices.Clone(tags)}
	w.note(cause)
	w.changed(p, rules.MentionProfile+"tags")
}
