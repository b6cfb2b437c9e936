package api

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// guard is what all routes of one path have in common: their methods, CORS, headers, and an end to waiting.
func (s *server) guard(rows []route) http.Handler {
	methods := map[string]route{}
	var allow []string
	for _, row := range rows {
		methods[row.method] = row
		allow = append(allow, row.method)
		if row.method == http.MethodGet {
			methods[http.MethodHead] = row
			allow = append(allow, http.MethodHead)
		}
	}
	allow = append(allow, http.MethodOptions)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer") // links of this package are secrets
		if rows[0].cors {
			cors(w, r, allow)
		}
		if r.Method == http.MethodOptions {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			w.WriteHeader(http.StatusNoContent)
			return
		}
		row, ok := methods[r.Method]
		if !ok {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			s.fail(w, r, &problem{status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "this path does not know the method " + shortened(r.Method), Advice: "use " + strings.Join(allow, ", ")})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.Timeout)
		defer cancel()
		// A slow sender must not hold a connection for ever. A recorder in a test knows no deadline, which does no harm.
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.Timeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			s.Logger.DebugContext(ctx, "set read deadline", "error", err)
		}
		r = r.WithContext(ctx)
		if err := row.handle(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// cors lets pages of any site call a route and read its answer. That gives nothing away: a write key is public, and no
// route reads a cookie as proof of anything.
func cors(w http.ResponseWriter, r *http.Request, allow []string) {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin) // not "*", which browsers refuse together with credentials
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "Retry-After, X-RateLimit-Reset")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", strings.Join(allow, ", "))
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, X-Retry-Count, AnonymousId, X-Strict-Mode, Accept, Cache-Control")
		h.Set("Access-Control-Max-Age", "900")
	}
}

// recovered turns a panic into an answer and a log line with its stack.
func (s *server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { //nolint:contextcheck // it takes the request's own
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause) //nolint:forbidigo // net/http's own way to end a connection
			}
			s.Logger.ErrorContext(r.Context(), "request panicked", "method", r.Method, "path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
			writeProblem(w, &problem{status: http.StatusInternalServerError, Code: "internal", Message: "something went wrong on our side", Advice: "try again later"})
		}()
		next.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	writeProblem(w, &problem{status: http.StatusNotFound, Code: "not_found", Message: "there is nothing at this path", Advice: "check the address"})
}

// shortened cuts what a stranger sent before it is shown.
func shortened(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
