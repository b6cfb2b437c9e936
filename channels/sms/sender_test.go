package sms_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"

	"dotyk/channels"
	"dotyk/channels/sms"
)

const (
	account = "AC0123456789abcdef0123456789abcdef"
	token   = "fedcba9876543210fedcba9876543210"
	sid     = "SM0123456789abcdef0123456789abcdef"
)

// twilio is a server that answers as handler says and counts its connections.
func twilio(t *testing.T, handler http.HandlerFunc) (s *sms.Sender, connections *atomic.Int64) {
	t.Helper()
	connections = &atomic.Int64{}
	srv := httptest.NewUnstartedServer(handler)
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	s, err := sms.New(sms.Config{AccountSID: account, AuthToken: token, BaseURL: srv.URL, Timeout: 10 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		srv.Close()
	})
	return s, connections
}

// answer writes what Twilio does: a status and a JSON document.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

func refusal(code, status int, message string) map[string]any {
	return map[string]any{"code": code, "status": status, "message": message, "more_info": "https://www.twilio.com/docs/errors"}
}

func created(m map[string]any) map[string]any {
	doc := map[string]any{
		"sid": sid, "account_sid": account, "status": "queued", "num_segments": "1", "body": "Hello", "direction": "outbound-api",
		"to": "+380671234567", "date_created": "Mon, 23 Nov 2026 10:00:00 +0000", "error_code": nil, "price": nil,
	}
	maps.Copy(doc, m)
	return doc
}

func message() *channels.SMSMessage {
	return &channels.SMSMessage{
		TouchID: "t1", From: "+15005550006", To: "+380671234567", Body: "Hello",
		StatusCallback: "https://example.com/hooks/twilio?touch=t1",
	}
}

func sendError(t *testing.T, err error) *channels.SendError {
	t.Helper()
	se, ok := errors.AsType[*channels.SendError](err)
	require.True(t, ok, "%v", err)
	return se
}

func TestSend(t *testing.T) {
	t.Parallel()

	t.Run("From a number", func(t *testing.T) {
		t.Parallel()
		forms := make(chan url.Values, 1)
		s, _ := twilio(t, func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			if user != account || password != token || r.URL.Path != "/2010-04-01/Accounts/"+account+"/Messages.json" {
				answer(w, 401, refusal(20003, 401, "Authenticate"))
				return
			}
			_ = r.ParseForm()
			forms <- r.PostForm
			answer(w, 201, created(nil))
		})
		r, err := s.Send(t.Context(), message())
		require.NoError(t, err)
		require.Equal(t, channels.Receipt{ProviderID: sid, Response: "queued", Segments: 1}, r)
		require.Equal(t, url.Values{
			"To": {"+380671234567"}, "From": {"+15005550006"}, "Body": {"Hello"},
			"StatusCallback": {"https://example.com/hooks/twilio?touch=t1"},
		}, <-forms)
	})

	t.Run("From a messaging service", func(t *testing.T) {
		t.Parallel()
		forms := make(chan url.Values, 1)
		s, _ := twilio(t, func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			forms <- r.PostForm
			answer(w, 201, created(map[string]any{"status": "accepted", "num_segments": "0"}))
		})
		m := message()
		m.From, m.StatusCallback = "MG0123456789abcdef0123456789abcdef", ""
		m.Body = strings.Repeat("ж", 71)
		r, err := s.Send(t.Context(), m)
		require.NoError(t, err)
		require.Equal(t, 2, r.Segments, "our own count until Twilio knows")
		form := <-forms
		require.Equal(t, m.From, form.Get("MessagingServiceSid"))
		require.False(t, form.Has("From"))
		require.False(t, form.Has("StatusCallback"))
	})

	t.Run("Keeps the path of the base URL", func(t *testing.T) {
		t.Parallel()
		paths := make(chan string, 1)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			paths <- r.URL.Path
			answer(w, 201, created(nil))
		}))
		t.Cleanup(srv.Close)
		s, err := sms.New(sms.Config{AccountSID: account, AuthToken: token, BaseURL: srv.URL + "/dev/phone/"})
		require.NoError(t, err)
		_, err = s.Send(t.Context(), message())
		require.NoError(t, err)
		require.Equal(t, "/dev/phone/2010-04-01/Accounts/"+account+"/Messages.json", <-paths)
		require.NoError(t, s.Close())
	})
}

func TestSendRefused(t *testing.T) {
	t.Parallel()
	s, connections := twilio(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 201, created(nil)) })
	for name, change := range map[string]func(*channels.SMSMessage){
		"no recipient": func(m *channels.SMSMessage) { m.To = "" },
		"no sender":    func(m *channels.SMSMessage) { m.From = "" },
		"no text":      func(m *channels.SMSMessage) { m.Body = " \n" },
		"too long":     func(m *channels.SMSMessage) { m.Body = strings.Repeat("ж", 1601) },
		"not UTF-8":    func(m *channels.SMSMessage) { m.Body = "\xff" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := message()
			change(m)
			_, err := s.Send(t.Context(), m)
			require.Equal(t, channels.BadMessage, sendError(t, err).Kind)
			require.Zero(t, connections.Load())
		})
	}
}

func TestSendFailures(t *testing.T) {
	t.Parallel()

	refuse := func(status, code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { answer(w, status, refusal(code, status, "the reason")) }
	}
	plain := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	hangUp := func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = c.Close()
		}
	}
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		kind    channels.FailureKind
		code    string
		after   time.Duration
	}{
		"invalid number":      {refuse(400, 21211), channels.BadAddress, "21211", 0},
		"landline":            {refuse(400, 21614), channels.BadAddress, "21614", 0},
		"opted out":           {refuse(400, 21610), channels.OptedOut, "21610", 0},
		"unverified in trial": {refuse(400, 21608), channels.SenderBlocked, "21608", 0},
		"country":             {refuse(400, 21408), channels.SenderBlocked, "21408", 0},
		"authentication":      {refuse(401, 20003), channels.SenderBlocked, "20003", 0},
		"forbidden":           {refuse(403, 29999), channels.SenderBlocked, "29999", 0},
		"no such account":     {refuse(404, 20404), channels.SenderBlocked, "20404", 0},
		"too long":            {refuse(400, 21617), channels.BadMessage, "21617", 0},
		"new code":            {refuse(400, 29999), channels.BadMessage, "29999", 0},
		"queue full":          {refuse(400, 21611), channels.Temporary, "21611", 0},
		"too many requests": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			refuse(429, 20429)(w, r)
		}, channels.Temporary, "20429", 7 * time.Second},
		"too many requests, at a proxy":   {plain(429, "slow down"), channels.Temporary, "", 0},
		"server error":                    {refuse(500, 20500), channels.Unknown, "20500", 0},
		"unavailable":                     {refuse(503, 20503), channels.Unknown, "20503", 0},
		"bad gateway in HTML":             {plain(502, "<html>Bad gateway</html>"), channels.Unknown, "", 0},
		"refused in HTML":                 {plain(403, "<html>Forbidden</html>"), channels.Unknown, "", 0},
		"refused in JSON of another kind": {plain(400, `{"error":"no"}`), channels.Unknown, "", 0},
		"redirect":                        {plain(302, ""), channels.Unknown, "", 0},
		"taken, but not decodable":        {plain(201, `{"sid":`), channels.Unknown, "", 0},
		"taken, but without a sid":        {plain(200, `{}`), channels.Unknown, "", 0},
		"hangs up":                        {hangUp, channels.Unknown, "", 0},
		"error cut in the middle": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"code":21211`)
		}, channels.Unknown, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := twilio(t, tc.handler)
			_, err := s.Send(t.Context(), message())
			se := sendError(t, err)
			require.Equal(t, tc.kind.String(), se.Kind.String(), "%v", err)
			require.Equal(t, tc.code, se.Code)
			require.Equal(t, tc.after, se.RetryAfter)
			require.NotEmpty(t, se.Detail)
			require.NotContains(t, err.Error(), token)
		})
	}
}

func TestSendWithoutAnAnswer(t *testing.T) {
	t.Parallel()

	t.Run("connection refused", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewServer(nil)
		srv.Close()
		s, err := sms.New(sms.Config{AccountSID: account, AuthToken: token, BaseURL: srv.URL})
		require.NoError(t, err)
		_, err = s.Send(t.Context(), message())
		require.Equal(t, channels.Unreachable, sendError(t, err).Kind)
	})
	t.Run("TLS refused", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewUnstartedServer(nil)
		srv.Config.ErrorLog = nil
		srv.StartTLS()
		t.Cleanup(srv.Close)
		s, err := sms.New(sms.Config{AccountSID: account, AuthToken: token, BaseURL: srv.URL})
		require.NoError(t, err)
		_, err = s.Send(t.Context(), message())
		require.Equal(t, channels.Unreachable, sendError(t, err).Kind)
	})
	t.Run("cancelled before", func(t *testing.T) {
		t.Parallel()
		s, connections := twilio(t, func(http.ResponseWriter, *http.Request) {})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Send(ctx, message())
		require.Equal(t, channels.Temporary, sendError(t, err).Kind)
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, connections.Load())
	})
	t.Run("cancelled during", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		s, _ := twilio(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			cancel()
			<-r.Context().Done()
		})
		_, err := s.Send(ctx, message())
		require.Equal(t, channels.Unknown, sendError(t, err).Kind)
	})
	t.Run("timeout", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}))
		t.Cleanup(srv.Close)
		s, err := sms.New(sms.Config{AccountSID: account, AuthToken: token, BaseURL: srv.URL, Timeout: 50 * time.Millisecond})
		require.NoError(t, err)
		_, err = s.Send(t.Context(), message())
		require.Equal(t, channels.Unknown, sendError(t, err).Kind)
	})
}

// twilio-go does not close the bodies of errors; chunked ones would cost a connection each.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	s, connections := twilio(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		_, _ = io.WriteString(w, `{"code":21211,"message":"no",`)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, `"status":400}`)
	})
	for range 20 {
		_, err := s.Send(t.Context(), message())
		require.Equal(t, channels.BadAddress, sendError(t, err).Kind)
	}
	require.EqualValues(t, 1, connections.Load())
}

func TestFind(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 23, 10, 0, 1, 0, time.UTC)
	at := func(hms string) string { return "Mon, 23 Nov 2026 " + hms + " +0000" }

	type list []map[string]any
	for name, tc := range map[string]struct {
		sent, all list
		want      string
	}{
		"sent":                     {list{created(map[string]any{"sid": "SM1"})}, nil, "SM1"},
		"still queued":             {nil, list{created(map[string]any{"sid": "SM2"})}, "SM2"},
		"nothing":                  {nil, nil, ""},
		"another text":             {nil, list{created(map[string]any{"body": "Hi"})}, ""},
		"too old":                  {nil, list{created(map[string]any{"date_created": at("09:59:58")})}, ""},
		"within the slack":         {nil, list{created(map[string]any{"sid": "SM3", "date_created": at("09:59:59")})}, "SM3"},
		"a reply of the same text": {nil, list{created(map[string]any{"direction": "inbound"})}, ""},
		"the newest": {list{
			created(map[string]any{"sid": "SM4", "date_created": at("10:00:01")}),
			created(map[string]any{"sid": "SM5", "date_created": at("10:00:03")}),
			created(map[string]any{"sid": "SM6", "date_created": at("10:00:02")}),
		}, nil, "SM5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := twilio(t, func(w http.ResponseWriter, r *http.Request) {
				messages := tc.all
				if q := r.URL.Query(); q.Has("DateSent>") {
					messages = tc.sent
					if q.Get("DateSent>") != "2026-11-23T09:59:59Z" || q.Get("To") != "+380671234567" {
						answer(w, 400, refusal(20001, 400, "unexpected query "+r.URL.RawQuery))
						return
					}
				}
				if messages == nil {
					messages = list{}
				}
				answer(w, 200, map[string]any{"messages": messages, "page": 0})
			})
			r, err := s.Find(t.Context(), message(), since)
			if tc.want == "" {
				require.ErrorIs(t, err, channels.ErrNotFound)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, r.ProviderID)
		})
	}

	t.Run("a failed question is temporary", func(t *testing.T) {
		t.Parallel()
		for _, h := range []http.HandlerFunc{
			func(w http.ResponseWriter, _ *http.Request) { answer(w, 503, refusal(20503, 503, "later")) },
			func(w http.ResponseWriter, _ *http.Request) { answer(w, 400, refusal(20001, 400, "what?")) },
			func(w http.ResponseWriter, _ *http.Request) {
				answer(w, 200, map[string]any{"messages": list{created(map[string]any{"date_created": "yesterday"})}})
			},
		} {
			s, _ := twilio(t, h)
			_, err := s.Find(t.Context(), message(), since)
			require.Equal(t, channels.Temporary, sendError(t, err).Kind)
		}
	})
	t.Run("a refused account is not", func(t *testing.T) {
		t.Parallel()
		s, _ := twilio(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 401, refusal(20003, 401, "who?")) })
		_, err := s.Find(t.Context(), message(), since)
		require.Equal(t, channels.SenderBlocked, sendError(t, err).Kind)
	})
}

// Twilio's own description of its API judges what we send.
func TestRequestsAgainstTheSpecification(t *testing.T) {
	t.Parallel()
	zipped, err := gzip.NewReader(bytes.NewReader(testData(t, "twilio/twilio_api_v2010.json.gz")))
	require.NoError(t, err)
	raw, err := io.ReadAll(zipped)
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context(), openapi3.DisableExamplesValidation()))
	doc.Servers = nil
	for _, item := range doc.Paths.Map() {
		item.Servers = nil
	}
	router, err := gorillamux.NewRouter(doc)
	require.NoError(t, err)

	var seen sync.Map
	s, _ := twilio(t, func(w http.ResponseWriter, r *http.Request) {
		route, params, err := router.FindRoute(r)
		if err == nil {
			err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
				Request: r, PathParams: params, Route: route,
				Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
			})
		}
		if err != nil {
			answer(w, 400, refusal(1, 400, fmt.Sprintf("against the specification: %v", err)))
			return
		}
		seen.Store(route.Operation.OperationID, true)
		if r.Method == http.MethodPost {
			answer(w, 201, created(nil))
			return
		}
		answer(w, 200, map[string]any{"messages": []any{}})
	})
	_, err = s.Send(t.Context(), message())
	require.NoError(t, err)
	m := message()
	m.From = "MG0123456789abcdef0123456789abcdef"
	_, err = s.Send(t.Context(), m)
	require.NoError(t, err)
	_, err = s.Find(t.Context(), message(), time.Now())
	require.ErrorIs(t, err, channels.ErrNotFound)
	for _, operation := range []string{"CreateMessage", "ListMessage"} {
		_, ok := seen.Load(operation)
		require.True(t, ok, operation)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()

	s, err := sms.New(sms.Config{AccountSID: account, AuthToken: token})
	require.NoError(t, err)
	require.Equal(t, sms.DefaultConnections, s.Connections())
	for name, cfg := range map[string]sms.Config{
		"empty":         {},
		"sid":           {AccountSID: "SK123", AuthToken: token},
		"token":         {AccountSID: account, AuthToken: "a b"},
		"base URL":      {AccountSID: account, AuthToken: token, BaseURL: "localhost:8080"},
		"timeout":       {AccountSID: account, AuthToken: token, Timeout: -1},
		"connections":   {AccountSID: account, AuthToken: token, MaxConnections: -1},
		"no token":      {AccountSID: account},
		"URL of a file": {AccountSID: account, AuthToken: token, BaseURL: "file:///etc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sms.New(cfg)
			require.ErrorIs(t, err, sms.ErrConfig)
			require.NotContains(t, err.Error(), token)
		})
	}
}

func TestKindOfCode(t *testing.T) {
	t.Parallel()
	kind, ok := sms.KindOfCode(30005)
	require.True(t, ok)
	require.Equal(t, channels.BadAddress, kind)
	_, ok = sms.KindOfCode(99999)
	require.False(t, ok)
}
