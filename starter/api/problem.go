package api

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"dotyk/activities/store"
	"dotyk/starter/ingest"
)

// problem is how a request fails, in words that are safe to show. Clients of Segment read code and message.
type problem struct {
	status     int
	retryAfter time.Duration // 0 for none

	Success  bool      `json:"success"` // always false
	Code     string    `json:"code"`
	Message  string    `json:"message"`
	Advice   string    `json:"advice,omitempty"`
	Line     int       `json:"line,omitempty"`
	Column   int       `json:"column,omitempty"`
	Offset   *int      `json:"offset,omitempty"`
	Rejected []finding `json:"rejected,omitempty"`
	Warnings []finding `json:"warnings,omitempty"`
	Fields   []finding `json:"fields,omitempty"`
}

// Error is the message.
func (p *problem) Error() string { return p.Message }

// finding is one thing that is wrong with one message or field.
type finding struct {
	Index     *int   `json:"index,omitempty"` // place in the batch
	MessageID string `json:"messageId,omitempty"`
	Place     string `json:"place,omitempty"` // "batch[3].traits.email"
	Reason    string `json:"reason"`
	Advice    string `json:"advice"`
}

// unavailable is the answer while the database is away: every client tries it again.
func unavailable() *problem {
	return &problem{
		status: http.StatusServiceUnavailable, retryAfter: 5 * time.Second,
		Code: "unavailable", Message: "the database cannot be reached at the moment", Advice: "send the request again later",
	}
}

// explain translates any error, once, into an answer; known is false for faults of ours.
func explain(err error) (p *problem, known bool) {
	var body *ingest.BodyError
	var busy *ingest.BusyError
	switch {
	case errors.As(err, &p):
		return p, true
	case errors.As(err, &body):
		p = &problem{status: http.StatusBadRequest, Code: string(body.Code), Message: body.Error(), Advice: body.Advice, Line: body.Line, Column: body.Column}
		if body.Line > 0 {
			p.Offset = &body.Offset
		}
		return p, true
	case errors.As(err, &busy):
		return &problem{
			status: http.StatusTooManyRequests, retryAfter: busy.RetryAfter,
			Code: "busy", Message: "too many messages are waiting", Advice: "send the request again after the time in Retry-After",
		}, true
	case errors.Is(err, store.ErrUnknownKey):
		return &problem{
			status: http.StatusUnauthorized, Code: "unknown_key", Message: "the write key is missing or unknown",
			Advice: "send the write key as user name of HTTP Basic, as writeKey in the body, or as ?writeKey=",
		}, true
	case errors.Is(err, store.ErrNotFound):
		return &problem{status: http.StatusNotFound, Code: "not_found", Message: "there is no such thing", Advice: "check the address"}, true
	case errors.Is(err, ingest.ErrUnavailable), errors.Is(err, ingest.ErrClosed), store.Unavailable(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return unavailable(), true
	default:
		return &problem{status: http.StatusInternalServerError, Code: "internal", Message: "something went wrong on our side", Advice: "try again later"}, false
	}
}

// fail answers with an error, and logs it when the sender is not to blame.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, known := explain(err)
	switch {
	case !known:
		s.Logger.ErrorContext(r.Context(), "request failed", "method", r.Method, "pattern", r.Pattern, "error", err)
	case p.status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled):
		s.Logger.WarnContext(r.Context(), "request refused", "method", r.Method, "pattern", r.Pattern, "error", err)
	}
	writeProblem(w, p)
}

func writeProblem(w http.ResponseWriter, p *problem) {
	setRetry(w, p)
	if p.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="write key"`)
	}
	writeJSON(w, p.status, p)
}

// setRetry says when to try again; X-RateLimit-Reset is what Segment's clients read.
func setRetry(w http.ResponseWriter, p *problem) {
	if p.retryAfter <= 0 {
		return
	}
	seconds := strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds())))
	w.Header().Set("Retry-After", seconds)
	if p.status == http.StatusTooManyRequests {
		w.Header().Set("X-RateLimit-Reset", seconds)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil { // only types of this package come here, and none can fail
		status, raw = http.StatusInternalServerError, []byte(`{"success":false,"code":"internal"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	_, _ = w.Write(raw) // whoever went away does not need the answer
}
