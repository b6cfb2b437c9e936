package importer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dotyk/activities/store"
	"dotyk/rules/audience"
	"dotyk/starter/ingest"
)

// customers makes an identify of every line.
type customers struct {
	run *run
	m   *customerMapping
}

func (c *customers) boundary(line) bool { return true }
func (c *customers) finish()            {}
func (c *customers) holding() int       { return 0 }

func (c *customers) take(got row, l line) {
	h := held{got.line, got.raw}
	if wrong := c.run.check(got); wrong != nil {
		c.run.reject(h, wrong)
		return
	}
	if rule := c.run.m.rule(l); rule != nil {
		switch rule.action {
		case actionSkip:
			c.run.skip(rule.text)
			return
		case actionReject:
			c.run.reject(h, &lineError{rule.text, "a rule of the mapping refuses such lines"})
			return
		case actionEvent: // only orders have it
		}
	}
	p := person{c: c, l: l, traits: map[string]any{}}
	m, wrong := p.message()
	switch {
	case wrong != nil:
		c.run.reject(h, wrong)
		return
	case len(p.wrong) > 0 && !c.run.m.lenient:
		c.run.reject(h, joined(p.wrong))
		return
	}
	for _, wrong := range p.wrong {
		c.run.counts.Lines.Partial++
		c.run.report.add(h, &lineError{"stored without this value: " + wrong.reason, wrong.advice})
	}
	c.run.emit(unit{m, []held{h}})
}

// joined makes one reason of several, so that a line is mended at once and not value by value.
func joined(wrongs []*lineError) *lineError {
	var reasons, advice []string
	for _, w := range wrongs {
		reasons = append(reasons, w.reason)
		if !slices.Contains(advice, w.advice) {
			advice = append(advice, w.advice)
		}
	}
	return &lineError{strings.Join(reasons, "; "), strings.Join(advice, "; ")}
}

// contactError carries over what package ingest has against a value.
func contactError(err error) *lineError {
	if wrong, ok := errors.AsType[*ingest.FieldError](err); ok {
		return &lineError{wrong.Reason, wrong.Advice}
	}
	return &lineError{err.Error(), "correct it"}
}

// person reads one line of a customer.
type person struct {
	c       *customers
	l       line
	profile store.Profile
	traits  map[string]any // the same as the API's traits, kept with the event
	wrong   []*lineError   // values that cannot be taken
}

func (p *person) message() (store.Message, *lineError) {
	m := p.c.m
	var id string
	if m.externalID != nil {
		var wrong *lineError
		if id, wrong = m.externalID.id(p.l); wrong != nil {
			return store.Message{}, wrong
		}
	}
	p.contacts()
	if m.tags != nil {
		p.tags()
	}
	p.dates()
	for i := range m.attributes {
		p.attribute(&m.attributes[i])
	}
	for i := range m.consents {
		p.consent(&m.consents[i])
	}
	if id == "" && p.profile.Email == nil {
		return store.Message{}, joined(append([]*lineError{{"the line names no customer", "fill in the id or the e-mail address"}}, p.wrong...))
	}
	p.profile.FillOnly = p.c.run.m.fillOnly
	p.profile.MatchEmail = id == ""
	properties, wrong := encode(p.traits)
	if wrong != nil {
		return store.Message{}, wrong
	}
	consents, wrong := encode(p.profile.Consents)
	if wrong != nil {
		return store.Message{}, wrong
	}
	who := id
	if id == "" {
		who = *p.profile.Email
	}
	return store.Message{
		Call: store.CallIdentify, UserID: id, Name: audience.EventIdentified, Properties: properties, Profile: p.profile,
		MessageID:  ingest.DerivedID("customer", who, string(properties), string(consents)),
		OccurredAt: p.c.run.startedAt, ReceivedAt: p.c.run.startedAt, Historical: true,
	}, nil
}

func (p *person) contacts() {
	m, out := p.c.m, &p.profile
	regions := []string{cmp.Or(p.c.run.m.country, p.c.run.o.Country)}
	for _, f := range []struct {
		trait string
		from  *value
		into  **string
		check func(string) (string, error)
	}{
		{"email", m.email, &out.Email, ingest.Email},
		{"phone", m.phone, &out.Phone, func(s string) (string, error) { return ingest.Phone(s, regions...) }},
		{"name", m.name, &out.Name, short},
		{"locale", m.locale, &out.Locale, ingest.Locale},
		{"timezone", m.timezone, &out.Timezone, p.c.run.timezone},
		{"stage", m.stage, &out.Stage, short},
	} {
		text := f.from.text(p.l)
		if text == "" {
			continue
		}
		checked, err := f.check(text)
		if err != nil {
			p.wrong = append(p.wrong, f.from.place(text, contactError(err)))
			continue
		}
		*f.into, p.traits[f.trait] = &checked, checked
	}
	if full := strings.TrimSpace(m.firstName.text(p.l) + " " + m.lastName.text(p.l)); full != "" {
		name, err := short(full)
		if err != nil {
			p.wrong = append(p.wrong, contactError(err))
		} else {
			out.Name, p.traits["name"] = &name, name
		}
	}
	p.kind()
}

const kindAdvice = "write client, partner or supplier"

func (p *person) kind() {
	from := p.c.m.kind
	text := from.text(p.l)
	if text == "" {
		return
	}
	kind := audience.CustomerKind(strings.ToLower(text))
	if !kind.Valid() {
		p.wrong = append(p.wrong, from.place(text, &lineError{"this is not a kind of customer", kindAdvice}))
		return
	}
	p.profile.Kind, p.traits["kind"] = &kind, kind
}

// Lengths that nothing sensible exceeds.
const (
	maxText = 300 // bytes of a name, stage or tag
	maxTags = 100
)

// short reads a text of one line.
func short(s string) (string, error) {
	if s = strings.Join(strings.Fields(s), " "); len(s) > maxText {
		return "", &ingest.FieldError{Reason: fmt.Sprintf("this is longer than %d bytes", maxText), Advice: "shorten it"}
	}
	return s, nil
}

func (p *person) tags() {
	from := p.c.m.tags
	text := from.text(p.l)
	var tags []string
	for tag := range strings.SplitSeq(text, p.c.m.separator) {
		tag, err := short(tag)
		if err != nil {
			p.wrong = append(p.wrong, from.place(text, contactError(err)))
			return
		}
		if tag != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	switch {
	case len(tags) > maxTags:
		p.wrong = append(p.wrong, from.place(text, &lineError{fmt.Sprintf("there are more than %d tags", maxTags), "is this the right column, and the right separator?"}))
	case len(tags) > 0:
		p.profile.AddTags, p.traits["tags"] = tags, tags
	}
}

// past reads a moment that must not lie in the future.
func (p *person) past(d *date) (time.Time, bool, *lineError) {
	at, ok, wrong := d.read(p.l)
	if ok && at.After(p.c.run.startedAt) {
		return at, false, d.place(d.text(p.l), &lineError{"this lies in the future", "correct the date, or the layout and timezone in the mapping"})
	}
	return at, ok, wrong
}

func (p *person) dates() {
	at, ok, wrong := p.past(p.c.m.createdAt)
	if wrong != nil {
		p.wrong = append(p.wrong, wrong)
	}
	if ok {
		p.profile.CreatedAt, p.traits["createdAt"] = &at, at.Format(time.RFC3339Nano)
	}
}

func (p *person) attribute(from *property) {
	v, wrong := from.read(p.l, p.c.run.m.numbers)
	if wrong != nil {
		p.wrong = append(p.wrong, wrong)
		return
	}
	if v == nil {
		return
	}
	if p.profile.Attributes == nil {
		p.profile.Attributes = map[string]any{}
	}
	p.profile.Attributes[from.name], p.traits[from.name] = v, v
}

// consentMethod is how a consent of an import reached the ledger.
const consentMethod = "import"

func (p *person) consent(from *consentMapping) {
	text := from.value.text(p.l)
	if text == "" {
		return
	}
	granted, wrong := from.read(text)
	var at time.Time
	var ok bool
	if wrong == nil {
		at, ok, wrong = p.past(from.at)
	}
	switch {
	case wrong != nil && strings.HasPrefix(wrong.reason, "column "):
		p.wrong = append(p.wrong, wrong)
		return
	case wrong != nil:
		p.wrong = append(p.wrong, from.place(text, wrong))
		return
	case !ok:
		p.wrong = append(p.wrong, from.place(text, &lineError{"the consent has no date", "fill in when the customer said so"}))
		return
	}
	action := audience.Withdrawn
	if granted {
		action = audience.Granted
	}
	p.profile.Consents = append(p.profile.Consents, audience.Consent{
		Channel: audience.Channel(from.channel), Topic: from.topic, Action: action, OccurredAt: at, Method: consentMethod,
		Source: p.c.run.source.Name, TextShown: from.text,
	})
}

// read says whether a cell gives consent or withdraws it.
func (c *consentMapping) read(text string) (bool, *lineError) {
	if c.granted == nil {
		return boolean(text)
	}
	switch s := strings.ToLower(text); {
	case slices.Contains(c.granted, s):
		return true, nil
	case slices.Contains(c.withdrawn, s):
		return false, nil
	default:
		return false, &lineError{
			"this neither gives nor withdraws consent",
			"write one of " + strings.Join(slices.Concat(c.granted, c.withdrawn), ", ") + ", or add the word to the mapping",
		}
	}
}

// timezone checks a name; looking one up reads a file, and lines repeat the same few.
func (r *run) timezone(name string) (string, error) {
	if r.zones[name] {
		return name, nil
	}
	checked, err := ingest.Timezone(name)
	if err == nil {
		r.zones[name] = true
	}
	return checked, err
}

// encode writes JSON.
func encode(v any) (json.RawMessage, *lineError) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, &lineError{"the values cannot be written as JSON: " + err.Error(), "correct the value it names"}
	}
	return raw, nil
}
