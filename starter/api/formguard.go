package api

import (
	"crypto/hmac"
	"crypto/sha256"
	_ "embed" // form.js
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"dotyk/activities/store"
	"dotyk/starter/ingest"
)

// spam says why a form looks as if a robot had filled it in; empty when it does not. The robot is told nothing.
func (s *server) spam(r *http.Request, f *submission, key store.Key) (string, error) {
	for _, honeypot := range s.Forms.Honeypots {
		text, _ := f.fields[honeypot].(string)
		if text != "" || f.steer(honeypot) != "" {
			return fmt.Sprintf("the hidden field %s is filled in", honeypot), nil
		}
	}
	if reason := s.tooManyLinks(f); reason != "" {
		return reason, nil
	}
	token := f.steer("_token")
	if token == "" { // the page does without form.js
		return "", nil
	}
	secret, err := s.Store.Secret(r.Context(), key.Source.Workspace)
	if err != nil {
		return "", err
	}
	issued, ok := readFormToken(secret, f.form, token)
	age := s.Now().Sub(issued)
	switch {
	case !ok:
		return "the time token is forged", nil
	case age < s.Forms.Fastest:
		return fmt.Sprintf("the form was filled in within %s", max(age, 0).Round(time.Millisecond)), nil
	case age > s.Forms.Oldest:
		return fmt.Sprintf("the time token is older than %s", s.Forms.Oldest), nil
	default:
		return "", nil
	}
}

var link = regexp.MustCompile(`(?i)https?://|www\.|\[url|<a\s`)

// tooManyLinks counts links in the visitor's own words. One in a name is one too many.
func (s *server) tooManyLinks(f *submission) string {
	total := 0
	for field, value := range f.fields {
		text, _ := value.(string)
		n := len(link.FindAllStringIndex(text, s.Forms.Links+1))
		switch ingest.Canonical(field) {
		case "name", "firstName", "lastName":
			if n > 0 {
				return "there is a link in the name"
			}
		}
		total += n
	}
	if total > s.Forms.Links {
		return fmt.Sprintf("there are more than %d links in the text", s.Forms.Links)
	}
	return ""
}

// A time token says when the page with the form was opened: milliseconds since 1970 in base 36, a dot, and the first
// half of an HMAC-SHA256 over them and the form's name in base64url.
func formToken(secret []byte, form string, at time.Time) string {
	stamp := strconv.FormatInt(at.UnixMilli(), 36)
	return stamp + "." + formMAC(secret, form, stamp)
}

func readFormToken(secret []byte, form, token string) (time.Time, bool) {
	stamp, mac, _ := strings.Cut(token, ".")
	ms, err := strconv.ParseInt(stamp, 36, 64)
	if err != nil || !hmac.Equal([]byte(mac), []byte(formMAC(secret, form, stamp))) {
		return time.Time{}, false
	}
	return time.UnixMilli(ms), true
}

func formMAC(secret []byte, form, stamp string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("form token\x00" + form + "\x00" + stamp)) // the secret signs other things too
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// formToken answers GET /f/{form}/token.
func (s *server) formToken(w http.ResponseWriter, r *http.Request) error {
	form := r.PathValue("form")
	if !formName.MatchString(form) {
		return store.ErrNotFound
	}
	key, err := s.formKey(r, nil)
	if err != nil {
		return err
	}
	secret, err := s.Store.Secret(r.Context(), key.Source.Workspace)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]string{"token": formToken(secret, form, s.Now())})
	return nil
}

//go:embed form.js
var formScript string

// formScript answers GET /f/{form}/form.js: a script for the page, which puts the time token and a honeypot into the
// form. It works without: the form is only guarded less.
func (s *server) formScript(w http.ResponseWriter, r *http.Request) error {
	if !formName.MatchString(r.PathValue("form")) {
		return store.ErrNotFound
	}
	honeypot := ""
	if len(s.Forms.Honeypots) > 0 {
		honeypot = s.Forms.Honeypots[0]
	}
	name, err := json.Marshal(honeypot)
	if err != nil {
		return fmt.Errorf("write honeypot's name: %w", err)
	}
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write([]byte(strings.Replace(formScript, `"HONEYPOT"`, string(name), 1))) // whoever went away does not need it
	return nil
}
