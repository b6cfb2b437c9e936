package api

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"dotyk/activities/store"
	"dotyk/starter/ingest"
)

var formName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// form takes a filled-in form: POST /f/{form}. The workspace is that of the key (HTTP Basic, ?writeKey=, or a field
// writeKey), or the only one.
//
// Fields that steer it, all optional:
//
//	_redirect     where to go afterwards, on the page's own site
//	_id           an id of this filling-in, so that a repeated post is stored once
//	_token        set by form.js
//	_gotcha       or another honeypot: must stay empty
//	consent_text  the words next to the consent checkbox
func (s *server) form(w http.ResponseWriter, r *http.Request) error {
	err := s.takeForm(w, r)
	if err == nil || wantsJSON(r) {
		return err
	}
	p, known := explain(err)
	if !known {
		s.Logger.ErrorContext(r.Context(), "form failed", "form", r.PathValue("form"), "error", err)
	}
	setRetry(w, p)
	s.pages.refusal(w, r, p)
	return nil
}

func (s *server) takeForm(w http.ResponseWriter, r *http.Request) error {
	if !formName.MatchString(r.PathValue("form")) {
		return &problem{status: http.StatusNotFound, Code: "not_found", Message: "this is not the name of a form", Advice: "use letters, digits, dots, dashes and underscores"}
	}
	if wait := s.limiter.wait(s.clientAddr(r)); wait > 0 {
		return &problem{status: http.StatusTooManyRequests, retryAfter: wait, Code: "too_many_forms", Message: "too many forms were sent from this address", Advice: "wait a little and send it again"}
	}
	f, err := s.readForm(w, r)
	if err != nil {
		return err
	}
	key, err := s.formKey(r, f)
	if err != nil {
		return err
	}
	reason, err := s.spam(r, f, key)
	if err != nil {
		return err
	}
	delivery := store.Delivery{Source: key.Source}
	if reason != "" {
		delivery.DeadLetters = []store.DeadLetter{{
			Severity: store.Spam, Place: "form " + f.form, Reason: reason, Advice: "store it by hand if a person wrote it", Payload: f.raw, ReceivedAt: s.Now(),
		}}
	} else {
		message, err := ingest.Form(s.formInput(r, f), s.params(r, key))
		if err != nil {
			return formProblem(err)
		}
		delivery.Messages = []store.Message{message}
	}
	res, err := s.Batcher.Submit(r.Context(), delivery)
	if err != nil {
		return err
	}
	if len(res.Refused) > 0 {
		return &problem{status: http.StatusUnprocessableEntity, Code: "refused", Message: "the form holds something that cannot be stored", Advice: "remove unusual characters"}
	}
	s.thank(w, r, f)
	return nil
}

// formKey finds the workspace that a form belongs to.
func (s *server) formKey(r *http.Request, f *submission) (store.Key, error) {
	var inBody func() string
	if f != nil {
		inBody = func() string { return f.steer("writeKey") }
	}
	key, err := s.writeKey(r, inBody)
	given := r.URL.Query().Get("writeKey") != "" || r.Header.Get("Authorization") != "" || f != nil && f.steer("writeKey") != ""
	if !errors.Is(err, store.ErrUnknownKey) || given {
		return key, err
	}
	key, err = s.Store.SingleWorkspace(r.Context())
	if errors.Is(err, store.ErrNotFound) {
		return key, &problem{
			status: http.StatusUnauthorized, Code: "unknown_key", Message: "the form does not say which workspace it belongs to",
			Advice: `add <input type="hidden" name="writeKey" value="…"> to the form`,
		}
	}
	return key, err
}

func (s *server) formInput(r *http.Request, f *submission) ingest.FormInput {
	in := ingest.FormInput{
		Form: f.form, Fields: maps.Clone(f.fields), MessageID: f.steer("_id"), ConsentText: cut(f.steer("consent_text"), 4000), Page: cut(r.Referer(), 2000),
	}
	for _, honeypot := range s.Forms.Honeypots {
		delete(in.Fields, honeypot)
	}
	for _, field := range []string{"anonymousId", "anonymous_id"} {
		if id, ok := in.Fields[field].(string); ok {
			delete(in.Fields, field)
			in.AnonymousID = id
		}
	}
	if cookie, err := r.Cookie("ajs_anonymous_id"); err == nil && in.AnonymousID == "" {
		in.AnonymousID = cookieText(cookie.Value)
	}
	if len(in.AnonymousID) > 200 {
		in.AnonymousID = ""
	}
	return in
}

// cookieText reads a cookie of Segment's browser client, which writes it escaped, and in older versions in quotes.
func cookieText(value string) string {
	text, err := url.QueryUnescape(value)
	if err != nil || strings.ContainsRune(text, 0) {
		return ""
	}
	return strings.ToValidUTF8(strings.Trim(text, `"`), "")
}

func cut(s string, n int) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s[:min(len(s), n)], ""), "\x00", "")
}

// formProblem lists the fields that the visitor has to mend.
func formProblem(err error) error {
	var wrong *ingest.FormError
	if !errors.As(err, &wrong) {
		return err
	}
	p := &problem{status: http.StatusUnprocessableEntity, Code: "invalid_fields", Message: wrong.Error(), Advice: "mend the fields that are listed and send the form again"}
	for _, field := range slices.Sorted(maps.Keys(wrong.Fields)) {
		e := wrong.Fields[field]
		p.Fields = append(p.Fields, finding{Place: field, Reason: e.Reason, Advice: e.Advice})
	}
	return p
}

// thank answers a stored form.
func (s *server) thank(w http.ResponseWriter, r *http.Request, f *submission) {
	if wantsJSON(r) {
		writeJSON(w, http.StatusOK, accepted{Success: true})
		return
	}
	to := s.redirectTarget(r, f.steer("_redirect"))
	if to == "" {
		to = "/f/" + f.form + "/thanks"
		if s.base != nil {
			to = s.base.Path + to
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// redirectTarget checks where a form wants its visitor to go: to the site of the page it stands on or to ours, and
// nowhere else, so that nobody can lend our address to a page that steals.
func (s *server) redirectTarget(r *http.Request, target string) string {
	if target == "" || len(target) > 2000 {
		return ""
	}
	page := pageOf(r)
	to, err := url.Parse(target)
	if err != nil || to.User != nil || to.Opaque != "" || strings.ContainsAny(target, "\\\r\n\t") {
		return ""
	}
	if page != nil {
		to = page.ResolveReference(to)
	} else {
		to = s.publicBase(r).ResolveReference(to)
	}
	if to.Scheme != "https" && to.Scheme != "http" {
		return ""
	}
	if page != nil && strings.EqualFold(to.Host, page.Host) || strings.EqualFold(to.Host, s.publicBase(r).Host) {
		return to.String()
	}
	return ""
}

// pageOf is the page that a request came from, as far as the browser tells; nil when it does not.
func pageOf(r *http.Request) *url.URL {
	for _, from := range []string{r.Referer(), r.Header.Get("Origin")} {
		if u, err := url.Parse(from); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
			return u
		}
	}
	return nil
}

// wantsJSON reports whether a script and not a person reads the answer.
func wantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	if strings.Contains(accept, "text/html") {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" { // fetch, for which a redirect would fail
		return true
	}
	return strings.Contains(accept, "application/json") || strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
}

// formThanks is where a visitor lands whose form names no page of its own.
func (s *server) formThanks(w http.ResponseWriter, r *http.Request) error {
	s.pages.thanks(w, r)
	return nil
}
