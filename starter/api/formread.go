package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFormFields bounds what one form may have; a larger one is not filled in by hand.
const maxFormFields = 200

// submission is a posted form, before it is understood. Fields whose names begin with "_" steer this package and are
// not kept, nor are writeKey and consent_text.
type submission struct {
	form     string
	fields   map[string]any // text, []string, or decoded JSON
	steering url.Values     // _id, _redirect, _token, _gotcha, writeKey, consent_text
	raw      []byte
}

func (f *submission) steer(name string) string { return strings.TrimSpace(f.steering.Get(name)) }

// add keeps one value of a field.
func (f *submission) add(name, value string) {
	if strings.HasPrefix(name, "_") || name == "writeKey" || name == "consent_text" {
		f.steering.Add(name, value)
		return
	}
	switch old := f.fields[name].(type) {
	case nil:
		f.fields[name] = value
	case string:
		f.fields[name] = []string{old, value}
	case []string:
		f.fields[name] = append(old, value)
	}
}

// readForm reads a form in any of the ways in which browsers and scripts send one.
func (s *server) readForm(w http.ResponseWriter, r *http.Request) (*submission, error) {
	body, err := s.body(w, r, s.Forms.Size)
	if err != nil {
		return nil, err
	}
	f := &submission{form: r.PathValue("form"), fields: map[string]any{}, steering: url.Values{}, raw: body}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		kind = "unreadable"
	}
	switch kind {
	case "application/x-www-form-urlencoded", "":
		err = f.readURLEncoded(body)
	case "multipart/form-data":
		err = f.readMultipart(body, params["boundary"])
	case "application/json", "text/plain":
		err = f.readJSON(body)
	default:
		err = &problem{status: http.StatusUnsupportedMediaType, Code: "unsupported_type", Message: "this kind of content is not a form", Advice: "send application/x-www-form-urlencoded, multipart/form-data or application/json"}
	}
	if err != nil {
		return nil, err
	}
	return f, f.check()
}

func (f *submission) readURLEncoded(body []byte) error {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return badForm("the form is not urlencoded")
	}
	for name, list := range values {
		for _, value := range list {
			f.add(name, value)
		}
	}
	return nil
}

// readMultipart reads texts; a chosen file is refused rather than dropped, since the visitor believes it was sent.
func (f *submission) readMultipart(body []byte, boundary string) error {
	if boundary == "" {
		return badForm("the form has no boundary")
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || n > maxFormFields {
			return badForm("the form's parts cannot be read")
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return badForm("the form's parts cannot be read")
		}
		_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		if _, isFile := params["filename"]; err == nil && isFile {
			if len(value) > 0 {
				return &problem{status: http.StatusUnprocessableEntity, Code: "no_files", Message: "files cannot be sent with this form", Advice: "send the form without a file"}
			}
			continue
		}
		f.add(part.FormName(), string(value))
	}
}

func (f *submission) readJSON(body []byte) error {
	if !utf8.Valid(body) {
		return notUTF8()
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var all map[string]any
	if err := d.Decode(&all); err != nil || all == nil {
		return badForm("the form is not a JSON object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badForm("something follows the JSON object")
	}
	for name, value := range all {
		if text, ok := value.(string); ok {
			f.add(name, text)
		} else if !strings.HasPrefix(name, "_") {
			f.fields[name] = value
		}
	}
	return nil
}

// check looks for what cannot be kept. A page in another encoding than UTF-8 posts its own, and half of the letters
// would be lost.
func (f *submission) check() error {
	if len(f.fields)+len(f.steering) > maxFormFields {
		return badForm("the form has too many fields")
	}
	delete(f.fields, "")
	if len(f.fields)+len(f.steering) == 0 {
		return badForm("the form is empty")
	}
	for name, value := range f.fields {
		texts, _ := value.([]string)
		if text, ok := value.(string); ok {
			texts = []string{text}
		}
		if !utf8.ValidString(name) || slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) }) {
			return notUTF8()
		}
	}
	for name, texts := range f.steering {
		if !utf8.ValidString(name) || slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) }) {
			return notUTF8()
		}
	}
	return nil
}

func badForm(message string) error {
	return &problem{status: http.StatusBadRequest, Code: "bad_form", Message: message, Advice: "send application/x-www-form-urlencoded, multipart/form-data or a JSON object"}
}

func notUTF8() error {
	return &problem{status: http.StatusBadRequest, Code: "not_utf8", Message: "the form is not encoded in UTF-8", Advice: `add accept-charset="utf-8" to the form`}
}
