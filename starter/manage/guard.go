package manage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"dotyk/activities/store"
)

// guard is what all routes have in common: headers, a name for each request, an end to waiting, the key, and the
// size of what is sent.
func (s *server) guard() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := nameRequest(r)
		h := w.Header()
		h.Set("X-Request-Id", id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, id))
		defer s.rescue(w, r)
		s.serve(w, r)
	})
}

// serve answers whoever may ask, in time.
func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	handler, pattern := s.mux.Handler(r)
	limits := s.limits(pattern)
	ctx, cancel := context.WithTimeout(r.Context(), limits.time)
	defer cancel()
	key, err := s.admit(ctx, w, r, pattern, limits)
	ctx = context.WithValue(ctx, keyKey{}, key)
	r = r.WithContext(store.WithActor(ctx, actor(ctx)))
	if err == nil && pattern == "" {
		err = astray(handler, r)
	}
	if err != nil {
		s.write(w, r, err)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// admit checks the key and reads the body. The description of the API is for everybody.
func (s *server) admit(ctx context.Context, w http.ResponseWriter, r *http.Request, pattern string, l limits) (store.Key, error) {
	if pattern == "GET "+DescriptionPath {
		return store.Key{}, nil
	}
	key, err := s.authenticate(ctx, r.Header.Get("Authorization"))
	if err != nil {
		return store.Key{}, err
	}
	return key, s.body(ctx, w, r, l)
}

// limits of a route.
type limits struct {
	time   time.Duration
	size   int64
	stream bool // its handler reads the body itself
}

func (s *server) limits(pattern string) limits {
	if pattern == http.MethodPost+" "+membersPath {
		return limits{time: s.ImportTimeout, size: s.MaxImport, stream: true}
	}
	if pattern == http.MethodPost+" "+Base+simulatePath {
		return limits{time: s.SimulationTimeout, size: s.MaxBody}
	}
	return limits{time: s.Timeout, size: s.MaxBody}
}

type (
	requestKey struct{}
	keyKey     struct{}
)

// requestID names the request of ctx.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// workspace is that of the request's key. There is none without one, and no workspace has the number 0.
func workspace(ctx context.Context) int64 {
	key, _ := ctx.Value(keyKey{}).(store.Key)
	return key.Source.Workspace
}

// actor names who is behind a change.
func actor(ctx context.Context) string {
	key, _ := ctx.Value(keyKey{}).(store.Key)
	return "key:" + key.ID
}

// nameRequest takes the name that a caller or a proxy gave, if it is safe to repeat.
func nameRequest(r *http.Request) string {
	if given := r.Header.Get("X-Request-Id"); safeName.MatchString(given) {
		return given
	}
	return uuid.NewString()
}

var safeName = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

const longestKey = 200 // bytes

// authenticate finds what the key of a request opens. Only the header counts: a cookie would be sent by any page that
// makes a browser call, and an address is kept in logs. Nothing is remembered, so that a revoked key ends at once.
func (s *server) authenticate(ctx context.Context, header string) (store.Key, error) {
	refused := problem(http.StatusUnauthorized, "unauthorized", `the key is missing or unknown: send "Authorization: Bearer KEY" with a key of starter key create --scope manage`)
	refused.header = http.Header{"Www-Authenticate": {`Bearer realm="dotyk"`}}
	scheme, text, _ := strings.Cut(header, " ")
	text = strings.TrimSpace(text)
	if !strings.EqualFold(scheme, "Bearer") || text == "" || len(text) > longestKey {
		return store.Key{}, refused
	}
	key, err := s.Store.Authenticate(ctx, text)
	if errors.Is(err, store.ErrUnknownKey) {
		return store.Key{}, refused
	}
	if err != nil {
		return store.Key{}, err
	}
	if !slices.Contains(key.Scopes, Scope) {
		p := problem(http.StatusForbidden, "forbidden", "this key may not manage: use one of starter key create --scope manage")
		p.header = http.Header{"Www-Authenticate": {`Bearer realm="dotyk", error="insufficient_scope", scope="manage"`}}
		return store.Key{}, p
	}
	return key, nil
}

// body bounds what is sent, in bytes and in time, and reads it unless the handler does.
func (s *server) body(ctx context.Context, w http.ResponseWriter, r *http.Request, l limits) error {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return problem(http.StatusUnsupportedMediaType, "unsupported_encoding", "the content encoding is not known: send the body plain")
	}
	control := http.NewResponseController(w)
	deadlines := []error{control.SetReadDeadline(time.Now().Add(l.time)), control.SetWriteDeadline(time.Now().Add(l.time + 10*time.Second))}
	if err := errors.Join(deadlines...); err != nil && !errors.Is(err, http.ErrNotSupported) {
		s.Logger.DebugContext(ctx, "set deadlines", "error", err)
	}
	r.Body = http.MaxBytesReader(w, r.Body, l.size)
	if l.stream {
		return nil
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return bodyProblem(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	return nil
}

// bodyProblem tells what went wrong in reading: too much, too slow, or a connection that ended.
func bodyProblem(err error) error {
	var slow net.Error
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem(http.StatusRequestEntityTooLarge, "too_large", "the request is larger than %d bytes: send less at once", large.Limit)
	}
	if errors.As(err, &slow) && slow.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return problem(http.StatusRequestTimeout, "slow_request", "the request did not arrive in time: send it again, or less at once")
	}
	return problem(http.StatusBadRequest, "incomplete", "the request ended early: send it again")
}

// astray says what the mux says of a path or method that no route has, in our shape. Nil lets the mux answer: it sends
// whoever wrote a path with // or .. to the clean one.
func astray(handler http.Handler, r *http.Request) error {
	said := &answer{header: http.Header{}}
	handler.ServeHTTP(said, r)
	switch said.status {
	case http.StatusNotFound:
		return problem(http.StatusNotFound, "no_such_path", "there is nothing at this path: %s lists what there is", DescriptionPath)
	case http.StatusMethodNotAllowed:
		allow := said.header.Get("Allow")
		p := problem(http.StatusMethodNotAllowed, "method_not_allowed", "this path does not know the method: use %s", allow)
		p.header = http.Header{"Allow": {allow}}
		return p
	}
	return nil
}

// answer keeps the status and headers of an answer that nobody gets.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header          { return a.header }
func (a *answer) WriteHeader(status int)       { a.status = status }
func (*answer) Write(text []byte) (int, error) { return len(text), nil }

// rescue turns a panic into an answer and a log line with its stack.
func (s *server) rescue(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause) //nolint:forbidigo // net/http's own way to end a connection
	}
	s.Logger.ErrorContext(r.Context(), "request panicked", "request_id", requestID(r.Context()), "method", r.Method,
		"path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
	writeProblem(w, r, internal())
}

// write answers with an error that came before huma.
func (s *server) write(w http.ResponseWriter, r *http.Request, err error) {
	writeProblem(w, r, s.explained(r.Context(), err))
}

func writeProblem(w http.ResponseWriter, r *http.Request, e *problemError) {
	p := e.named(r.Context())
	maps.Copy(w.Header(), e.GetHeaders())
	raw, err := json.Marshal(p)
	if err != nil { // it holds text and numbers only, which always marshal
		raw = []byte(`{"code":"internal"}`)
	}
	w.Header().Set("Content-Type", e.ContentType(""))
	w.WriteHeader(p.Status)
	_, _ = w.Write(raw) // whoever went away does not need the answer
}
