package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/language"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

// profile reads what a message says about its customer: the traits of an identify; of every call context.traits,
// context.locale and context.timezone. Where two of them speak of the same thing the traits win.
//
// A null takes a value back, an empty text says nothing: sites send those for fields nobody filled in.
func (r *reader) profile(m *store.Message, it item, traits, context fields) {
	pr := profileReader{r: r, it: it, m: m, out: &m.Profile}
	var told fields
	if raw := context["traits"]; !null(raw) && !emptyList(raw) {
		if err := json.Unmarshal(raw, &told); err != nil {
			r.letter(store.FieldOnly, it, "context.traits", "traits of the context are not an object", "send an object, or leave it out", raw)
		}
	}
	pr.prefix = "context."
	pr.one("locale", context["locale"], pr.locale)
	pr.one("timezone", context["timezone"], pr.timezone)
	contextLocale, _ := text(context["locale"])
	for _, source := range []struct {
		prefix string
		traits fields
	}{{"context.traits.", told}, {"traits.", traits}} {
		pr.prefix = source.prefix
		pr.regions, pr.strange = regions(source.traits, contextLocale, r.p.Country)
		pr.traits(source.traits)
	}
}

// profileReader reads traits into one Profile.
type profileReader struct {
	r       *reader
	it      item
	m       *store.Message
	out     *store.Profile
	prefix  string   // "traits." or "context.traits."
	regions []string // where a national phone number may belong, most likely first
	strange string   // a country that was named and is not known: no region may then be guessed
}

// traits reads all of them. The known ones go to their fields of Profile, all others to its Attributes.
func (pr *profileReader) traits(traits fields) {
	known := map[string]func(json.RawMessage) error{
		"email": pr.email, "phone": pr.phone, "name": pr.name, "locale": pr.locale, "timezone": pr.timezone,
		"createdAt": pr.createdAt, "created_at": pr.createdAt, "kind": pr.kind, "stage": pr.stage, "tags": pr.tags,
		"unsubscribed": pr.unsubscribed, "topics": pr.topics, "consents": pr.consents,
	}
	pr.fullName(traits)
	for _, field := range sortedKeys(traits) {
		raw := traits[field]
		if read := known[field]; read != nil {
			pr.one(field, raw, read)
			continue
		}
		pr.attribute(field, raw)
	}
}

func (pr *profileReader) attribute(field string, raw json.RawMessage) {
	value, err := decode(raw)
	if err != nil {
		pr.r.letter(store.FieldOnly, pr.it, pr.prefix+field, "this cannot be read", "send JSON", raw)
		return
	}
	if pr.out.Attributes == nil {
		pr.out.Attributes = map[string]any{}
	}
	pr.out.Attributes[field] = value
}

// one reads one field, and reports what is wrong with it.
func (pr *profileReader) one(field string, raw json.RawMessage, read func(json.RawMessage) error) {
	if len(raw) == 0 || string(raw) == `""` {
		return
	}
	var wrong *FieldError
	if err := read(raw); errors.As(err, &wrong) {
		pr.r.letter(store.FieldOnly, pr.it, pr.prefix+field, wrong.Reason, wrong.Advice, raw)
	}
}

// line reads a text of one line; null takes the value back.
func line(raw json.RawMessage, into **string, check func(string) (string, error)) error {
	if null(raw) {
		*into = new(string)
		return nil
	}
	s, ok := textOrWhole(raw)
	if !ok {
		return &FieldError{Reason: "this is not a text", Advice: "send a text"}
	}
	if s = strings.TrimSpace(s); s == "" {
		return nil
	}
	s, err := check(s)
	if err != nil {
		return err
	}
	*into = &s
	return nil
}

func short(s string) (string, error) {
	if len(s) > maxName {
		return "", &FieldError{Reason: fmt.Sprintf("this is longer than %d bytes", maxName), Advice: "shorten it"}
	}
	return strings.Join(strings.Fields(s), " "), nil
}

func (pr *profileReader) email(raw json.RawMessage) error { return line(raw, &pr.out.Email, Email) }
func (pr *profileReader) name(raw json.RawMessage) error  { return line(raw, &pr.out.Name, short) }
func (pr *profileReader) stage(raw json.RawMessage) error { return line(raw, &pr.out.Stage, short) }

func (pr *profileReader) locale(raw json.RawMessage) error {
	return line(raw, &pr.out.Locale, Locale)
}

func (pr *profileReader) phone(raw json.RawMessage) error {
	return line(raw, &pr.out.Phone, func(s string) (string, error) {
		phone, err := Phone(s, pr.regions...)
		if err != nil && pr.strange != "" {
			return "", &FieldError{
				Reason: fmt.Sprintf("this is not a valid phone number without knowing the country %q", pr.strange),
				Advice: "send the country as two letters of ISO 3166 such as UA, or the number with its country code",
			}
		}
		return phone, err
	})
}

func (pr *profileReader) timezone(raw json.RawMessage) error {
	return line(raw, &pr.out.Timezone, func(s string) (string, error) {
		if pr.r.zones[s] { // looking one up reads a file, and every event of a browser names the same one
			return s, nil
		}
		zone, err := Timezone(s)
		if err == nil {
			pr.r.zones[s] = true
		}
		return zone, err
	})
}

func (pr *profileReader) createdAt(raw json.RawMessage) error {
	if null(raw) {
		return nil
	}
	t, ok := moment(raw)
	if !ok || !believable(t) || t.After(pr.m.ReceivedAt.Add(24*time.Hour)) {
		return &FieldError{Reason: "this is not a moment in the past", Advice: "send ISO 8601, such as 2026-03-01T12:30:00Z"}
	}
	pr.out.CreatedAt = &t
	return nil
}

func (pr *profileReader) kind(raw json.RawMessage) error {
	if null(raw) {
		return nil
	}
	s, _ := text(raw)
	kind := audience.CustomerKind(strings.ToLower(strings.TrimSpace(s)))
	if !kind.Valid() {
		return &FieldError{Reason: "this is not a kind of customer", Advice: "send client, partner or supplier"}
	}
	pr.out.Kind = &kind
	return nil
}

func (pr *profileReader) tags(raw json.RawMessage) error {
	if null(raw) {
		return nil
	}
	var tags []string
	if err := json.Unmarshal(raw, &tags); err != nil || len(tags) > maxTags {
		return &FieldError{Reason: "this is not a list of tags", Advice: fmt.Sprintf("send a list of at most %d texts", maxTags)}
	}
	for _, tag := range tags {
		tag, err := short(tag)
		if err != nil {
			return err
		}
		if tag != "" {
			pr.out.AddTags = append(pr.out.AddTags, tag)
		}
	}
	return nil
}

// fullName joins the parts of a name. A trait "name" of its own is read later and wins.
func (pr *profileReader) fullName(traits fields) {
	var parts []string
	for _, spellings := range [][]string{{"firstName", "first_name"}, {"lastName", "last_name"}} {
		for _, spelling := range spellings {
			if s, ok := text(traits[spelling]); ok && strings.TrimSpace(s) != "" {
				parts = append(parts, s)
				break
			}
		}
	}
	if len(parts) == 0 {
		return
	}
	if full, err := short(strings.Join(parts, " ")); err == nil {
		pr.out.Name = &full
	}
}

// regions gives the regions a national phone number may belong to, the most likely first: the country of the address,
// that of the locale, that of the workspace. A country that is named but not understood is given back as strange, and
// nothing is guessed then: the number might be valid elsewhere and be another person's.
func regions(traits fields, contextLocale, workspace string) (list []string, strange string) {
	country, _ := text(traits["country"])
	var address struct {
		Country string `json:"country"`
	}
	if raw := traits["address"]; len(raw) > 0 && raw[0] == '{' && json.Unmarshal(raw, &address) == nil && address.Country != "" {
		country = address.Country
	}
	if country = strings.TrimSpace(country); country != "" {
		region, err := language.ParseRegion(country)
		if err != nil || !region.IsCountry() {
			return nil, shown([]byte(country))
		}
		list = append(list, region.String())
	}
	locale, ok := text(traits["locale"])
	if !ok || locale == "" {
		locale = contextLocale
	}
	return append(list, localeRegion(locale), workspace), ""
}
