package manage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/rules"
	"dotyk/rules/campaign"
	"dotyk/starter/campaigns"
)

// Problem is how a request fails, by RFC 9457: its type is about:blank, so the title is the status in words, and code
// is what programs may rely on. Detail says what is wrong, where, and how to mend it.
type Problem struct {
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Code      string  `json:"code" doc:"Names the kind of problem; it does not change between versions."`
	Detail    string  `json:"detail"`
	Errors    []Fault `json:"errors,omitempty"`
	RequestID string  `json:"request_id,omitempty" doc:"As in the header X-Request-Id; the log has it too."`

	Violations campaign.Violations `json:"violations,omitempty" doc:"Of a campaign or a policy: what is wrong, where, and what to do about it."`
}

// problemError is a problem on its way to the caller.
type problemError struct {
	Problem

	retryAfter time.Duration
	header     http.Header
}

// Fault is one thing that is wrong with a request, or doubtful about a rule.
type Fault struct {
	Location   string `json:"location,omitempty" doc:"Where in the request, such as body.rule."`
	Line       int    `json:"line,omitempty" doc:"Of the rule, from 1."`
	Column     int    `json:"column,omitempty" doc:"Of the rule, in characters from 1."`
	Message    string `json:"message"`
	Snippet    string `json:"snippet,omitempty" doc:"The line of the rule, and beneath it a caret at the column."`
	Suggestion string `json:"suggestion,omitempty" doc:"The name that was probably meant."`
}

// NewFaults shows what a rule's compiler says.
func NewFaults(list []*rules.Error) []Fault {
	faults := make([]Fault, 0, len(list))
	for _, e := range list {
		faults = append(faults, newFault(e))
	}
	return faults
}

func newFault(e *rules.Error) Fault {
	return Fault{Location: "body.rule", Line: e.Line, Column: e.Column, Message: e.Message, Snippet: e.Snippet, Suggestion: e.Suggestion}
}

// Error is the detail.
func (p *problemError) Error() string { return p.Detail }

// GetStatus tells huma the status.
func (p *problemError) GetStatus() int { return p.Status }

// GetHeaders tells huma the headers.
func (p *problemError) GetHeaders() http.Header {
	h := p.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	return h
}

// ContentType tells huma the media type.
func (*problemError) ContentType(string) string { return "application/problem+json" }

// named is what is sent: the problem with the name of the request.
func (p *problemError) named(ctx context.Context) *Problem {
	sent := p.Problem
	sent.RequestID = requestID(ctx)
	return &sent
}

// problem makes a problem; the rest of its fields may be set on it.
func problem(status int, code, format string, args ...any) *problemError {
	return &problemError{Problem: Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: fmt.Sprintf(format, args...)}}
}

// missingError names what was looked for and is not in the workspace.
type missingError struct{ what, advice string }

// Error says what is missing.
func (e *missingError) Error() string { return "there is no " + e.what }

// missing puts a name to store.ErrNotFound; other errors pass.
func missing(err error, advice, format string, args ...any) error {
	if errors.Is(err, store.ErrNotFound) {
		return &missingError{what: fmt.Sprintf(format, args...), advice: advice}
	}
	return err
}

// explain translates any error, once, into an answer that is safe to show; known is false for faults of ours.
func explain(err error) (p *problemError, known bool) {
	var rule *rules.Error
	var used *store.SegmentInUseError
	var gone *missingError
	var wrong campaign.Violations
	var misnamed *campaigns.NameError
	var refused *channels.SendError
	switch {
	case errors.As(err, &p):
		return p, true
	case errors.As(err, &wrong):
		p = problem(http.StatusUnprocessableEntity, "bad_campaign", "the campaign has faults: correct what violations names, %d in all", len(wrong))
		p.Violations = wrong
		return p, true
	case errors.As(err, &refused):
		return providerProblem(refused), true
	case errors.As(err, &misnamed):
		return problem(http.StatusUnprocessableEntity, "wrong_name", "%s: send it to its own path, or change its name", misnamed), true
	case errors.As(err, &rule):
		return ruleProblem(rule), true
	case errors.As(err, &used):
		return problem(http.StatusConflict, "in_use", "segment %q is named by %s: change or delete these first", used.Name, quoted(used.By)), true
	case errors.As(err, &gone):
		return problem(http.StatusNotFound, "not_found", "%s in this workspace: %s", gone.Error(), gone.advice), true
	case errors.Is(err, store.ErrNotFound):
		return problem(http.StatusNotFound, "not_found", "there is no such thing in this workspace: check the address"), true
	case errors.Is(err, segments.ErrName):
		return problem(http.StatusUnprocessableEntity, "bad_name", `%s: give it 1 to 100 characters without ", / and control characters`, err), true
	case errors.Is(err, segments.ErrKind):
		return problem(http.StatusUnprocessableEntity, "wrong_kind", "%s: rules belong to segments of the kind rule, lists to those of the kind static, and a segment's kind stays what it is", err), true
	case errors.Is(err, segments.ErrFuture):
		return problem(http.StatusUnprocessableEntity, "invalid", "%s: give a past moment, or none for now", err), true
	case errors.Is(err, store.ErrExists):
		return problem(http.StatusConflict, "exists", "the name is taken: choose another, or change what has it"), true
	case errors.Is(err, store.ErrConflict):
		return problem(http.StatusPreconditionFailed, "changed", "somebody else has changed the draft since, or there is one already: read it again, and send If-Match with its ETag"), true
	case errors.Is(err, campaigns.ErrEdition):
		return problem(http.StatusUnprocessableEntity, "invalid", "there is no such version: give its number, or draft"), true
	case errors.Is(err, store.ErrNoSecretKey):
		return problem(http.StatusConflict, "no_secret_key", "the server has no key to keep passwords with: its operator sets DOTYK_SECRET_KEY"), true
	case errors.Is(err, store.ErrInvalid):
		return problem(http.StatusUnprocessableEntity, "invalid", "%s: correct it; %s has the shape of each request", err, DescriptionPath), true
	case store.Refused(err):
		return problem(http.StatusUnprocessableEntity, "refused", "the database does not take this data: leave out control characters, and shorten what is very long"), true
	case errors.Is(err, store.ErrTooSlow), segments.TimedOut(err):
		return problem(http.StatusGatewayTimeout, "too_slow", "the answer took too long and was given up: narrow the rule, or ask for less at once"), true
	case store.Unavailable(err), errors.Is(err, context.Canceled):
		p = problem(http.StatusServiceUnavailable, "unavailable", "the database cannot be reached at the moment: send the request again later")
		p.retryAfter = 5 * time.Second
		return p, true
	default:
		return internal(), false
	}
}

// providerProblem says what a provider made of what was asked of it.
func providerProblem(e *channels.SendError) *problemError {
	mend := "ask for it again later"
	switch e.Kind {
	case channels.Unknown:
		mend = "it may have been taken all the same, so wait a while before you ask for it again"
	case channels.BadAddress, channels.OptedOut, channels.BadMessage:
		mend = "correct the numbers of the user and the customer"
	case channels.SenderBlocked:
		mend = "correct our account or number at the provider, or the settings that name them"
	case channels.Temporary, channels.Unreachable:
	}
	p := problem(http.StatusBadGateway, "provider", "the provider did not take it: %s; %s", e, mend)
	p.retryAfter = e.RetryAfter
	return p
}

func internal() *problemError {
	return problem(http.StatusInternalServerError, "internal", "something went wrong on our side: try again later; the log has the cause under the request's id")
}

func ruleProblem(e *rules.Error) *problemError {
	mend := "correct the rule there"
	if e.Suggestion != "" {
		mend = fmt.Sprintf("did you mean %q?", e.Suggestion)
	}
	p := problem(http.StatusUnprocessableEntity, "bad_rule", "the rule is wrong at line %d, column %d: %s; %s", e.Line, e.Column, e.Message, mend)
	p.Errors = []Fault{newFault(e)}
	return p
}

func quoted(names []string) string {
	list := make([]string, 0, len(names))
	for _, name := range names {
		list = append(list, strconv.Quote(name))
	}
	return strings.Join(list, ", ")
}

// transform gives huma's own errors our shape, and every problem the request's id.
func transform(ctx huma.Context, _ string, v any) (any, error) {
	switch v := v.(type) {
	case *huma.ErrorModel:
		return fromHuma(v).named(ctx.Context()), nil
	case *problemError:
		return v.named(ctx.Context()), nil
	}
	return v, nil
}

// mostFaults of a request are named, and of each so many bytes.
const (
	mostFaults   = 20
	longestFault = 200
)

func shortened(text string) string {
	if len(text) > longestFault {
		return strings.ToValidUTF8(text[:longestFault], "") + "…"
	}
	return text
}

// fromHuma says what huma found wrong with a request. It does not repeat the values: they may be long, or secret.
func fromHuma(e *huma.ErrorModel) *problemError {
	code, mend := "invalid", "correct what errors names; /openapi.json has the shape of each request"
	switch e.Status {
	case http.StatusBadRequest:
		code, mend = "bad_request", "send JSON of the shape that /openapi.json describes"
	case http.StatusUnsupportedMediaType:
		code, mend = "unsupported_media_type", "send the body as application/json"
	case http.StatusInternalServerError:
		code, mend = "internal", "try again later"
	}
	p := problem(e.Status, code, "%s", e.Detail)
	said := make([]string, 0, len(e.Errors))
	for _, d := range e.Errors[:min(mostFaults, len(e.Errors))] {
		if d == nil {
			continue
		}
		f := Fault{Location: shortened(d.Location), Message: shortened(d.Message)}
		p.Errors = append(p.Errors, f)
		said = append(said, strings.TrimSpace(f.Location+" "+f.Message))
	}
	if len(said) > 0 {
		p.Detail = strings.Join(said[:min(3, len(said))], "; ")
	}
	p.Detail += ": " + mend
	return p
}
