package mailbox

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	gomail "github.com/wneessen/go-mail"
)

// ask sends a request about faults.
func ask(t *testing.T, method, address, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address+"/dev/mailbox/faults", strings.NewReader(body))
	require.NoError(t, err)
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode, string(raw)
}

// TestFaults sends by go-mail what goes wrong at each stage.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rule  string
		code  int // of the SMTP answer; 0 for none
		taken int
		fine  bool
	}{
		"refused at the door":    {rule: `{"stage":"connect","code":421}`, code: 421},
		"hung up at the door":    {rule: `{"stage":"connect","drop":true}`},
		"sender deferred":        {rule: `{"stage":"mail","code":451}`, code: 451},
		"nobody of that name":    {rule: `{"stage":"rcpt","to":"*@EXAMPLE.com","code":550,"enhanced":"5.1.1","message":"no such user"}`, code: 550},
		"others are":             {rule: `{"stage":"rcpt","to":"*@example.org","code":550}`, taken: 1, fine: true},
		"full":                   {rule: `{"stage":"data","code":452}`, code: 452},
		"ends before the dot":    {rule: `{"stage":"data","drop":true}`},
		"ends after the dot":     {rule: `{"stage":"dot","drop":true}`, taken: 1},
		"refused though taken":   {rule: `{"stage":"dot","code":451}`, code: 451, taken: 1},
		"slow":                   {rule: `{"stage":"dot","stall":50}`, taken: 1, fine: true},
		"slower than the client": {rule: `{"stage":"dot","stall":60000}`, taken: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := start(t, Config{})
			srv := serve(t, box)
			t.Cleanup(srv.Close)
			status, body := ask(t, http.MethodPost, srv.URL, tc.rule)
			require.Equal(t, http.StatusCreated, status, body)
			host, port := address(t, box)
			c, err := gomail.NewClient(host, gomail.WithPort(port), gomail.WithTLSPolicy(gomail.NoTLS), gomail.WithHELO("localhost"), gomail.WithTimeout(700*time.Millisecond))
			require.NoError(t, err)
			m := gomail.NewMsg()
			require.NoError(t, m.From("shop@example.com"))
			require.NoError(t, m.To("ann@example.com"))
			m.Subject("Hello")
			m.SetBodyString(gomail.TypeTextPlain, "Hello")
			err = c.DialAndSendWithContext(t.Context(), m)
			require.Len(t, box.Messages(""), tc.taken)
			_, body = ask(t, http.MethodGet, srv.URL, "")
			var rules []FaultRule
			require.NoError(t, json.Unmarshal([]byte(body), &rules))
			if tc.fine {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Positive(t, rules[0].Hits)
			var failed *gomail.SendError
			if tc.code != 0 && name != "refused at the door" {
				require.ErrorAs(t, err, &failed)
				require.Equal(t, tc.code, failed.ErrorCode())
			}
		})
	}
}

func TestFaultRules(t *testing.T) {
	t.Parallel()
	srv := serve(t, start(t, Config{}))
	t.Cleanup(srv.Close)
	for rule, want := range map[string]string{
		`{"stage":"hello","drop":true}`:                   "there is no stage",
		`{"stage":"rcpt","to":"[","drop":true}`:           "want a pattern",
		`{"stage":"mail","to":"a@b.example","drop":true}`: "not known yet",
		`{"stage":"mail","code":250}`:                     "code is 250",
		`{"stage":"mail","drop":true,"times":-1}`:         "cannot be negative",
		`{"stage":"mail"}`:                                "nothing would go wrong",
		`{"stage":"mail","drop":true,"code":451}`:         "exclude each other",
		`{"stage":"mail","code":451,"enhanced":"five"}`:   "want one such as 5.1.1",
		`{"stage":"mail","drop":true,"surprise":1}`:       "surprise",
	} {
		status, body := ask(t, http.MethodPost, srv.URL, rule)
		require.Equal(t, http.StatusBadRequest, status, rule)
		require.Contains(t, body, want, rule)
	}
	status, _ := ask(t, http.MethodPost, srv.URL, `{"stage":"mail","drop":true}`)
	require.Equal(t, http.StatusCreated, status)
	status, _ = ask(t, http.MethodDelete, srv.URL, "")
	require.Equal(t, http.StatusNoContent, status)
	_, body := ask(t, http.MethodGet, srv.URL, "")
	require.JSONEq(t, "[]", body)
}

func address(t *testing.T, box *Mailbox) (string, int) {
	t.Helper()
	host, port, err := net.SplitHostPort(box.Addr())
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	return host, n
}
