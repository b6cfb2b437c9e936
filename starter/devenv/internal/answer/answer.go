package answer

import (
	"bytes"
	"encoding/json"
	"html/template"
	"log/slog"
	"mime"
	"net/http"
	"strings"
)

// maxBody bounds what is read of a request, in bytes.
const maxBody = 1 << 20

// JSON answers with a value.
func JSON(w http.ResponseWriter, log *slog.Logger, status int, value any) {
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(value); err != nil {
		log.Error("encode answer", "error", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(text.Bytes()); err != nil {
		log.Debug("write answer", "error", err)
	}
}

// JSONArray answers 200 with the items for which keep is true, one after the other, so that a long list never stands
// in memory twice. No items are an empty array, never null.
func JSONArray[T any](w http.ResponseWriter, log *slog.Logger, items []T, keep func(T) bool) {
	w.Header().Set("Content-Type", "application/json")
	separator := "["
	for _, item := range items {
		if !keep(item) {
			continue
		}
		text, err := json.Marshal(item)
		if err == nil {
			_, err = w.Write(append([]byte(separator), text...))
		}
		if err != nil {
			log.Debug("write answer", "error", err)
			return
		}
		separator = ",\n"
	}
	end := "]\n"
	if separator == "[" {
		end = "[]\n"
	}
	if _, err := w.Write([]byte(end)); err != nil {
		log.Debug("write answer", "error", err)
	}
}

// Problem answers with an error as RFC 9457 has it.
func Problem(w http.ResponseWriter, log *slog.Logger, status int, detail string) {
	JSON(w, log, status, map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
}

// Page answers with a page of HTML that may show frames and pictures of this site and runs no script.
func Page(w http.ResponseWriter, log *slog.Logger, page *template.Template, data any) {
	var text bytes.Buffer
	if err := page.Execute(&text, data); err != nil {
		log.Error("render page", "error", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; frame-ancestors 'self'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if _, err := w.Write(text.Bytes()); err != nil {
		log.Debug("write answer", "error", err)
	}
}

// WantsHTML tells whether a browser asks, which names text/html; programs take anything or JSON.
func WantsHTML(r *http.Request) bool {
	for accepted := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		kind, _, err := mime.ParseMediaType(accepted)
		if err == nil && kind == "text/html" {
			return true
		}
	}
	return false
}

// IsForm tells whether a request comes from a page's form rather than from a program that sends JSON.
func IsForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded"
}

// Read reads a request's body of JSON, or a form whose fields fill gives. It answers with what is wrong itself, and
// returns false then.
func Read(w http.ResponseWriter, r *http.Request, log *slog.Logger, into any, fill func(form func(string) string)) bool {
	if IsForm(r) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := r.ParseForm(); err != nil {
			Problem(w, log, http.StatusBadRequest, "read form: "+err.Error())
			return false
		}
		fill(r.PostForm.Get)
		return true
	}
	return ReadJSON(w, r, log, into)
}

// ReadJSON reads a request's body, in which nothing may stand that into does not know. It answers with what is wrong
// itself, and returns false then.
func ReadJSON(w http.ResponseWriter, r *http.Request, log *slog.Logger, into any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		Problem(w, log, http.StatusBadRequest, "read JSON: "+err.Error())
		return false
	}
	return true
}
