package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dotyk/channels"
	"dotyk/channels/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newSender(t *testing.T, config webhook.Config) *webhook.Sender {
	t.Helper()
	s := webhook.New(config)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// serve runs a server and gives a sender that may reach it, and its address.
func serve(t *testing.T, handler http.HandlerFunc) (*webhook.Sender, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return newSender(t, webhook.Config{AllowPrivate: true}), server.URL
}

// received is a request as a server got it.
type received struct {
	*http.Request
	body []byte
}

func receive(t *testing.T, r *http.Request) received {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return received{Request: r, body: body}
}

// verify does what a receiver does by the specification.
func (r received) verify(secret string, now time.Time) bool {
	seconds := r.Header.Get("webhook-timestamp")
	var at int64
	if err := json.Unmarshal([]byte(seconds), &at); err != nil || now.Sub(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(r.Header.Get("webhook-id") + "." + seconds + "." + string(r.body)))
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(want), []byte(r.Header.Get("webhook-signature")))
}

func failureOf(t *testing.T, err error) *channels.SendError {
	t.Helper()
	var failure *channels.SendError
	require.ErrorAs(t, err, &failure)
	return failure
}

func requireKind(t *testing.T, err error, kind channels.FailureKind) {
	t.Helper()
	require.Equal(t, kind, failureOf(t, err).Kind, "%v", err)
}

func TestSend(t *testing.T) {
	t.Parallel()
	requests := make(chan received, 1)
	s, address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests <- receive(t, r)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"left": 3, "price": 9007199254740993}`)
	})
	answer, err := s.Send(t.Context(), webhook.Request{
		ID: "touch-1", URL: address + "/stock?shop=2", Method: http.MethodPut, Body: []byte(`{"sku":"A"}`),
		Headers: map[string]string{"Authorization": "Bearer x", "Content-Type": "application/cloudevents+json"},
		Secret:  []byte("secret"),
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, answer.Status)
	require.Equal(t, map[string]any{"left": json.Number("3"), "price": json.Number("9007199254740993")}, answer.Body)
	require.Positive(t, answer.Duration)

	got := <-requests
	require.Equal(t, http.MethodPut, got.Method)
	require.Equal(t, "/stock?shop=2", got.URL.String())
	require.JSONEq(t, `{"sku":"A"}`, string(got.body))
	require.Equal(t, "Bearer x", got.Header.Get("Authorization"))
	require.Equal(t, "application/cloudevents+json", got.Header.Get("Content-Type"))
	require.Equal(t, "touch-1", got.Header.Get("webhook-id"))
	require.True(t, got.verify("secret", time.Now()))
	require.False(t, got.verify("another", time.Now()))
	got.body = []byte(`{"sku":"B"}`)
	require.False(t, got.verify("secret", time.Now()))
}

func TestSendWithLittle(t *testing.T) {
	t.Parallel()
	requests := make(chan received, 1)
	s, address := serve(t, func(_ http.ResponseWriter, r *http.Request) { requests <- receive(t, r) })
	answer, err := s.Send(t.Context(), webhook.Request{ID: "1", URL: address})
	require.NoError(t, err)
	require.Nil(t, answer.Body)
	got := <-requests
	require.Equal(t, http.MethodPost, got.Method)
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.Empty(t, got.Header.Get("webhook-signature"), "there is no secret")
}

// The example of the specification's own libraries.
func TestSignPublished(t *testing.T) {
	t.Parallel()
	secret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", webhook.Sign(
		secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)))
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	var status atomic.Int64
	s, address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		w.WriteHeader(int(status.Load()))
		_, _ = io.WriteString(w, "why")
	})
	for code, kind := range map[int]channels.FailureKind{
		301: channels.BadMessage, 307: channels.BadMessage, 400: channels.BadMessage, 401: channels.BadMessage,
		404: channels.BadMessage, 410: channels.BadMessage, 408: channels.Temporary, 425: channels.Temporary,
		429: channels.Temporary, 500: channels.Temporary, 502: channels.Temporary, 503: channels.Temporary,
	} {
		status.Store(int64(code))
		answer, err := s.Send(t.Context(), webhook.Request{ID: "1", URL: address})
		requireKind(t, err, kind)
		require.Equal(t, 7*time.Second, failureOf(t, err).RetryAfter)
		require.Equal(t, code, answer.Status)
		require.Equal(t, "why", answer.Body)
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ї", webhook.MaxBody)
	for name, test := range map[string]struct {
		sent string
		want any
	}{
		"nothing":            {"", nil},
		"white space":        {" \n", nil},
		"text":               {"done", "done"},
		"a list":             {`[1, "a", null]`, []any{json.Number("1"), "a", nil}},
		"JSON and more":      {`{"a": 1} x`, `{"a": 1} x`},
		"a broken character": {"a\xffb", "ab"},
		"a NUL":              {"a\x00b", "ab"},
		"a NUL in JSON":      {`"a\u0000b"`, `"a\u0000b"`},
		"a number too large": {`[1e999]`, `[1e999]`},
		"long text":          {"a" + long, "a" + long[:webhook.MaxBody-2]},
		"long JSON":          {`"` + long + `"`, `"` + long[:webhook.MaxBody-2]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, address := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, test.sent) })
			answer, err := s.Send(t.Context(), webhook.Request{ID: "1", URL: address})
			require.NoError(t, err)
			require.Equal(t, test.want, answer.Body)
		})
	}
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	s := newSender(t, webhook.Config{AllowPrivate: true})
	valid := webhook.Request{ID: "1", URL: "http://127.0.0.1:1/"}
	for name, spoil := range map[string]func(*webhook.Request){
		"no id":              func(r *webhook.Request) { r.ID = "" },
		"a dot in the id":    func(r *webhook.Request) { r.ID = "a.b" },
		"a line in the id":   func(r *webhook.Request) { r.ID = "a\r\nb" },
		"no address":         func(r *webhook.Request) { r.URL = "" },
		"a path":             func(r *webhook.Request) { r.URL = "/stock" },
		"no host":            func(r *webhook.Request) { r.URL = "http://:80/" },
		"another scheme":     func(r *webhook.Request) { r.URL = "file:///etc/passwd" },
		"no URL":             func(r *webhook.Request) { r.URL = "http://a b/" },
		"method":             func(r *webhook.Request) { r.Method = http.MethodGet },
		"name of a header":   func(r *webhook.Request) { r.Headers = map[string]string{"A b": "1"} },
		"value of a header":  func(r *webhook.Request) { r.Headers = map[string]string{"A": "1\r\nB: 2"} },
		"host":               func(r *webhook.Request) { r.Headers = map[string]string{"host": "internal"} },
		"length":             func(r *webhook.Request) { r.Headers = map[string]string{"content-length": "3"} },
		"a forged signature": func(r *webhook.Request) { r.Headers = map[string]string{"webhook-signature": "v1,a"} },
	} {
		r := valid
		spoil(&r)
		_, err := s.Send(t.Context(), r)
		requireKind(t, err, channels.BadMessage)
		require.NotEmpty(t, failureOf(t, err).Detail, name)
	}
}

func TestNoConnection(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	s := newSender(t, webhook.Config{AllowPrivate: true})
	_, err = s.Send(t.Context(), webhook.Request{ID: "1", URL: address})
	requireKind(t, err, channels.Temporary)
}

func TestConnectionBroken(t *testing.T) {
	t.Parallel()
	t.Run("before the answer", func(t *testing.T) {
		t.Parallel()
		s, address := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		_, err := s.Send(t.Context(), webhook.Request{ID: "1", URL: address})
		requireKind(t, err, channels.Temporary)
	})
	t.Run("within the answer", func(t *testing.T) {
		t.Parallel()
		s, address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
		})
		answer, err := s.Send(t.Context(), webhook.Request{ID: "1", URL: address})
		requireKind(t, err, channels.Temporary)
		require.Equal(t, http.StatusOK, answer.Status)
	})
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	s, address := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the server notices that the client goes only when it has read all
		<-r.Context().Done()
	})
	_, err := s.Send(t.Context(), webhook.Request{ID: "1", URL: address, Timeout: 50 * time.Millisecond})
	requireKind(t, err, channels.Temporary)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Send(ctx, webhook.Request{ID: "1", URL: address})
	requireKind(t, err, channels.Temporary)
	require.ErrorIs(t, err, context.Canceled)
}

func TestPrivateAddressesAreRefused(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached <- struct{}{} }))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	s := newSender(t, webhook.Config{})
	for _, host := range []string{"127.0.0.1", "localhost", "127.1.2.3", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		_, err := s.Send(t.Context(), webhook.Request{ID: "1", URL: "http://" + net.JoinHostPort(strings.Trim(host, "[]"), port)})
		requireKind(t, err, channels.BadMessage)
		require.ErrorIs(t, err, webhook.ErrPrivate, host)
	}
	require.Empty(t, reached)
}
