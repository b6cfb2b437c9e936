package voice_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dotyk/channels"
	"dotyk/channels/sms"
	"dotyk/channels/voice"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account  = "AC0123456789abcdef0123456789abcdef"
	token    = "fedcba9876543210fedcba9876543210"
	sid      = "CA0123456789abcdef0123456789abcdef"
	callPath = "/2010-04-01/Accounts/" + account + "/Calls.json"
)

// twilio runs a server that answers as handler says, and gives a sender to it.
func twilio(t *testing.T, handler http.HandlerFunc) *voice.Sender {
	t.Helper()
	server := httptest.NewServer(handler)
	s, err := sms.New(sms.Config{AccountSID: account, AuthToken: token, BaseURL: server.URL})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		server.Close()
	})
	return voice.New(s)
}

func answer(t *testing.T, w http.ResponseWriter, status int, body any) {
	t.Helper()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		t.Error(err)
	}
}

func call() voice.Call {
	return voice.Call{
		TouchID: "t1", From: "+15005550006", Agent: "+380501112233", To: "+380671234567",
		StatusCallback: "https://example.com/hooks/twilio?w=1&task=t1",
	}
}

func requireKind(t *testing.T, err error, kind channels.FailureKind) {
	t.Helper()
	var failure *channels.SendError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, kind, failure.Kind, "%v", err)
}

func TestDial(t *testing.T) {
	t.Parallel()
	forms := make(chan url.Values, 1)
	s := twilio(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.URL.Path != callPath {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		forms <- r.PostForm
		answer(t, w, http.StatusCreated, map[string]any{"sid": sid, "status": "queued", "direction": "outbound-api"})
	})
	receipt, err := s.Dial(t.Context(), call())
	require.NoError(t, err)
	require.Equal(t, channels.Receipt{ProviderID: sid, Response: "queued"}, receipt)
	require.Equal(t, url.Values{
		"To": {"+380501112233"}, "From": {"+15005550006"},
		"Twiml": {`<Response><Dial callerId="+15005550006">` +
			`<Number statusCallback="https://example.com/hooks/twilio?w=1&amp;task=t1" statusCallbackEvent="completed">+380671234567</Number>` +
			`</Dial></Response>`},
	}, <-forms)

	quiet := call()
	quiet.StatusCallback = ""
	_, err = s.Dial(t.Context(), quiet)
	require.NoError(t, err)
	require.Equal(t, `<Response><Dial callerId="+15005550006"><Number>+380671234567</Number></Dial></Response>`,
		(<-forms).Get("Twiml"))
}

func TestNumbersAreChecked(t *testing.T) {
	t.Parallel()
	s := twilio(t, func(http.ResponseWriter, *http.Request) { t.Error("nothing is to be sent") })
	for name, spoil := range map[string]func(*voice.Call){
		"our number":            func(c *voice.Call) { c.From = "SHOP" },
		"the user's number":     func(c *voice.Call) { c.Agent = "0501112233" },
		"the customer's number": func(c *voice.Call) { c.To = `+380671234567</Number><Number>+1` },
	} {
		c := call()
		spoil(&c)
		_, err := s.Dial(t.Context(), c)
		requireKind(t, err, channels.BadMessage)
		require.ErrorContains(t, err, name)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status, code int
		want         channels.FailureKind
	}{
		"the user's number is wrong": {400, 21211, channels.BadMessage},
		"country not enabled":        {400, 21215, channels.SenderBlocked},
		"From is not ours":           {400, 21210, channels.SenderBlocked},
		"authentication":             {401, 20003, channels.SenderBlocked},
		"too many calls":             {400, 10004, channels.Temporary},
		"too many requests":          {429, 20429, channels.Temporary},
		"another":                    {400, 12345, channels.BadMessage},
		"Twilio is down":             {503, 20503, channels.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := twilio(t, func(w http.ResponseWriter, _ *http.Request) {
				answer(t, w, test.status, map[string]any{"code": test.code, "message": "no", "status": test.status})
			})
			_, err := s.Dial(t.Context(), call())
			requireKind(t, err, test.want)
		})
	}
}

func TestAnswerLost(t *testing.T) {
	t.Parallel()
	s := twilio(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := s.Dial(t.Context(), call())
	requireKind(t, err, channels.Unknown)
	_, err = s.Find(t.Context(), call(), time.Now())
	requireKind(t, err, channels.Temporary)

	s = twilio(t, func(w http.ResponseWriter, _ *http.Request) { answer(t, w, http.StatusCreated, map[string]any{}) })
	_, err = s.Dial(t.Context(), call())
	requireKind(t, err, channels.Unknown)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Dial(ctx, call())
	requireKind(t, err, channels.Temporary)
}

func TestFind(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 23, 10, 0, 0, 400e6, time.UTC)
	listed := func(sid string, after time.Duration, direction string) map[string]any {
		return map[string]any{
			"sid": sid, "direction": direction, "status": "completed",
			"date_created": began.Add(after).Truncate(time.Second).Format(time.RFC1123Z),
		}
	}
	for name, test := range map[string]struct {
		calls []map[string]any
		want  string
	}{
		"none":               {nil, ""},
		"one":                {[]map[string]any{listed("CA1", 0, "outbound-api")}, "CA1"},
		"the newest":         {[]map[string]any{listed("CA1", 0, "outbound-api"), listed("CA2", 5*time.Second, "outbound-api")}, "CA2"},
		"their clock behind": {[]map[string]any{listed("CA1", -2*time.Second, "outbound-api")}, "CA1"},
		"an earlier one":     {[]map[string]any{listed("CA1", -4*time.Second, "outbound-api")}, ""},
		"the other leg":      {[]map[string]any{listed("CA1", 0, "outbound-dial")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := twilio(t, func(w http.ResponseWriter, r *http.Request) {
				query := r.URL.Query()
				if r.Method != http.MethodGet || query.Get("To") != "+380501112233" || query.Get("From") != "+15005550006" {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				answer(t, w, http.StatusOK, map[string]any{"calls": test.calls})
			})
			receipt, err := s.Find(t.Context(), call(), began)
			if test.want == "" {
				require.ErrorIs(t, err, channels.ErrNotFound)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, receipt.ProviderID)
		})
	}
	t.Run("a date that cannot be read", func(t *testing.T) {
		t.Parallel()
		s := twilio(t, func(w http.ResponseWriter, _ *http.Request) {
			answer(t, w, http.StatusOK, map[string]any{"calls": []any{map[string]any{"direction": "outbound-api", "date_created": "soon"}}})
		})
		_, err := s.Find(t.Context(), call(), began)
		requireKind(t, err, channels.Temporary)
	})
}
