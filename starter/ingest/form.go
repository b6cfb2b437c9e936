package ingest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

// FormInput is a filled-in form.
type FormInput struct {
	Form        string         // its name
	Fields      map[string]any // what the visitor sent: text, []string for a field that was sent several times, or decoded JSON
	AnonymousID string         // of the browser; may be empty
	MessageID   string         // unique within the form; empty for a random one
	ConsentText string         // the words next to the consent checkbox; may be empty
	Page        string         // URL of the page the form stood on; may be empty
}

// spellings are the names that forms give to what we know, in lower case and without "-", "_" and spaces.
var spellings = map[string]string{
	"email": "email", "mail": "email", "youremail": "email", "emailaddress": "email",
	"phone": "phone", "tel": "phone", "telephone": "phone", "mobile": "phone", "phonenumber": "phone", "yourphone": "phone",
	"name": "name", "fullname": "name", "yourname": "name",
	"firstname": "firstName", "lastname": "lastName", "surname": "lastName",
	"country": "country", "locale": "locale", "timezone": "timezone",
}

// Canonical gives the name of what a form's field holds (email, phone, name, firstName, lastName, country, locale,
// timezone), whichever of the usual spellings the form uses; empty for a field of its own.
func Canonical(field string) string {
	return spellings[strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(field))]
}

// FormError lists the fields of a form that cannot be taken, by name.
type FormError struct {
	Fields map[string]*FieldError
}

// Error is "invalid fields: email, phone".
func (e *FormError) Error() string {
	return "invalid fields: " + strings.Join(slices.Sorted(maps.Keys(e.Fields)), ", ")
}

// Form makes the event form_submitted of a filled-in form. Its properties are the fields and the form's name; what
// the fields say of the customer only fills what is unknown, because anybody can type another person's address into a
// form. The error is a *FormError: nobody is gained by storing an address that cannot work while the visitor is still
// there to mend it.
//
// A field named consent that is ticked (on, yes, true or 1), or that names a topic, grants consent to e-mail and, where
// a number is given, to SMS. Fields named topics narrow it to those topics and suffice without consent, so they must be
// checkboxes for the visitor to tick and never hidden fields; consent=no outweighs them.
func Form(in FormInput, p Params) (store.Message, error) {
	m := store.Message{
		Call: store.CallForm, Name: audience.EventFormSubmitted, AnonymousID: in.AnonymousID,
		MessageID: uuid.NewString(), OccurredAt: p.ReceivedAt, ReceivedAt: p.ReceivedAt,
	}
	if in.MessageID != "" {
		m.MessageID = DerivedID("form", in.Form, in.MessageID)
	}
	known := fields{}
	names := map[string]string{} // canonical -> as the form has it
	properties := fields{}
	for _, field := range slices.Sorted(maps.Keys(in.Fields)) {
		raw, err := json.Marshal(in.Fields[field])
		if err != nil {
			return m, fmt.Errorf("write form field %s: %w", field, err)
		}
		properties[field] = raw
		if canonical := Canonical(field); canonical != "" && known[canonical] == nil {
			known[canonical], names[canonical] = raw, field
		}
	}
	properties["form"] = quoted(in.Form)
	m.Properties = object(properties)
	m.Context = formContext(in, p)
	if err := keepableForm(m.Properties, p.Limits.WithDefaults()); err != nil {
		return m, err
	}
	if err := formProfile(&m, known, names, p); err != nil {
		return m, err
	}
	m.Profile.Consents = formConsents(in, &m)
	if m.AnonymousID == "" && m.Profile.Email == nil { // nothing else to know this visitor by
		m.AnonymousID = uuid.NewString()
	}
	return m, nil
}

func formContext(in FormInput, p Params) json.RawMessage {
	context := fields{}
	for name, value := range map[string]string{"ip": p.RemoteIP, "userAgent": p.UserAgent} {
		if value != "" {
			context[name] = quoted(value)
		}
	}
	if in.Page != "" {
		context["page"] = object(fields{"url": quoted(in.Page)})
	}
	return object(context)
}

// keepableForm looks for what Postgres could not keep, as Parse does.
func keepableForm(properties json.RawMessage, limits Limits) error {
	if len(properties) > limits.Event {
		return &FormError{Fields: map[string]*FieldError{"": {Reason: "the form is too long", Advice: fmt.Sprintf("shorten it to %d bytes", limits.Event)}}}
	}
	s := scanner{data: properties, maxDepth: limits.Depth}
	if err := s.value(); err != nil {
		return fmt.Errorf("read form: %w", err)
	}
	if h := s.hazard; h != nil {
		return &FormError{Fields: map[string]*FieldError{h.place: {Reason: h.reason, Advice: h.advice}}}
	}
	return nil
}

// formProfile reads the known fields with the rules for traits.
func formProfile(m *store.Message, known fields, names map[string]string, p Params) error {
	for name, raw := range known {
		if null(raw) { // a form never takes a value back
			delete(known, name)
		}
	}
	r := reader{p: p, zones: map[string]bool{}}
	r.p.Limits = p.Limits.WithDefaults()
	pr := profileReader{r: &r, m: m, out: &m.Profile}
	pr.regions, pr.strange = regions(known, "", p.Country)
	pr.traits(known)
	delete(m.Profile.Attributes, "country")
	m.Profile.FillOnly, m.Profile.MatchEmail = true, true
	failed := map[string]*FieldError{}
	for _, letter := range r.out.DeadLetters {
		failed[names[letter.Place]] = &FieldError{Reason: letter.Reason, Advice: letter.Advice}
	}
	if len(failed) > 0 {
		return &FormError{Fields: failed}
	}
	return nil
}

// formConsents reads the checkboxes.
func formConsents(in FormInput, m *store.Message) []audience.Consent {
	topics := words(in.Fields["topics"])
	for _, word := range words(in.Fields["consent"]) {
		switch strings.ToLower(word) {
		case "no", "off", "false", "0":
			return nil
		case "yes", "on", "true", "1":
			if len(topics) == 0 {
				topics = []string{audience.AllTopics}
			}
		default:
			topics = append(topics, word)
		}
	}
	var consents []audience.Consent
	slices.Sort(topics)
	for _, topic := range slices.Compact(topics) {
		for _, channel := range channels {
			if channel == audience.SMS && m.Profile.Phone == nil || channel == audience.Email && m.Profile.Email == nil {
				continue
			}
			consents = append(consents, audience.Consent{
				Channel: channel, Topic: topic, Action: audience.Granted, OccurredAt: m.OccurredAt,
				Method: MethodForm, Source: in.Form, TextShown: in.ConsentText,
			})
		}
	}
	return consents
}

// words reads the values of a checkbox: one text, several, or true.
func words(v any) []string {
	var list []string
	switch v := v.(type) {
	case string:
		list = strings.Split(v, ",")
	case []string:
		list = v
	case []any:
		for _, one := range v {
			list = append(list, words(one)...)
		}
	case bool:
		list = []string{fmt.Sprint(v)}
	}
	var kept []string
	for _, word := range list {
		if word = strings.TrimSpace(word); word != "" && len(word) <= maxName && len(kept) < maxTags {
			kept = append(kept, word)
		}
	}
	return kept
}
