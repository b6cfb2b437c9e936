package phone

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels"
	"dotyk/channels/sms"
)

// Every fault of the phone, in sending and in asking afterwards, through the sender that production has: its kind is
// right, and by what the sender then does nothing is lost or doubled.
func TestFaultsThroughTheSender(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rule  string // of create
		list  string // of list; "" for none
		kind  channels.FailureKind
		retry time.Duration
		taken int // messages after the first try
	}{
		"429":                      {rule: `{"status":429,"retry_after":7}`, kind: channels.Temporary, retry: 7 * time.Second},
		"refused":                  {rule: `{"status":400,"code":21211}`, kind: channels.BadAddress},
		"opted out":                {rule: `{"status":400,"code":21610}`, kind: channels.OptedOut},
		"account":                  {rule: `{"status":401,"code":20003}`, kind: channels.SenderBlocked},
		"500 before accepting":     {rule: `{"status":500}`, kind: channels.Unknown},
		"503 after accepting":      {rule: `{"status":503,"accept":true}`, kind: channels.Unknown, taken: 1},
		"page of a proxy":          {rule: `{"status":502,"html":true}`, kind: channels.Unknown},
		"page after accepting":     {rule: `{"status":502,"html":true,"accept":true}`, kind: channels.Unknown, taken: 1},
		"broken off":               {rule: `{"drop":true}`, kind: channels.Unknown},
		"broken off after":         {rule: `{"drop":true,"accept":true}`, kind: channels.Unknown, taken: 1},
		"too slow":                 {rule: `{"delay":1500}`, kind: channels.Unknown, taken: 1},
		"the question is refused":  {rule: `{"status":503,"accept":true}`, list: `{"operation":"list","times":1,"status":429,"retry_after":3}`, kind: channels.Unknown, taken: 1},
		"the question breaks off":  {rule: `{"status":503,"accept":true}`, list: `{"operation":"list","times":2,"drop":true}`, kind: channels.Unknown, taken: 1},
		"the question gets a page": {rule: `{"drop":true}`, list: `{"operation":"list","times":1,"status":502,"html":true}`, kind: channels.Unknown},
		"the question is too slow": {rule: `{"drop":true,"accept":true}`, list: `{"operation":"list","times":1,"delay":1500}`, kind: channels.Unknown, taken: 1},
		"callbacks twice and crossed": {
			rule: `{"callbacks":[{"status":"delivered"},{"status":"sent"},{"status":"sent"},{"status":"delivered"}]}`, taken: 1,
		},
		"no callbacks": {rule: `{"callbacks":[]}`, taken: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Config{})
			timeout := 10 * time.Second
			if name == "too slow" || name == "the question is too slow" {
				timeout = 500 * time.Millisecond
			}
			sender, err := sms.New(sms.Config{AccountSID: account, AuthToken: token, BaseURL: r.url, Timeout: timeout})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, sender.Close()) })
			for _, rule := range []string{`{"operation":"create","to":"+38067*","times":1,` + tc.rule[1:], tc.list} {
				if rule != "" {
					status, body := r.request(http.MethodPost, "/dev/phone/faults", rule)
					require.Equal(t, http.StatusCreated, status, body)
				}
			}
			m := &channels.SMSMessage{TouchID: "t1", From: ours, To: customer, Body: "Hello " + name, StatusCallback: r.hook.URL + "/status?touch=t1"}
			began := time.Now()
			_, err = sender.Send(t.Context(), m)
			if tc.kind == 0 {
				require.NoError(t, err)
			} else {
				var failure *channels.SendError
				require.ErrorAs(t, err, &failure)
				require.Equal(t, tc.kind, failure.Kind, failure)
				require.Equal(t, tc.retry, failure.RetryAfter)
			}
			require.Len(t, r.Messages(customer), tc.taken, "counted by the phone")
			_, body := r.request(http.MethodGet, "/dev/phone/faults", "")
			require.Equal(t, 1, decode[[]FaultRule](t, body)[0].Hits)

			if tc.list != "" { // a question that fails says nothing about the message
				_, err := sender.Find(t.Context(), m, began)
				var failure *channels.SendError
				require.ErrorAs(t, err, &failure)
				require.Equal(t, channels.Temporary, failure.Kind)
			}
			if tc.kind == channels.Unknown { // send again only what the provider does not know
				_, err = sender.Find(t.Context(), m, began)
				if tc.taken == 0 {
					require.ErrorIs(t, err, channels.ErrNotFound)
					_, err = sender.Send(t.Context(), m)
				}
				require.NoError(t, err)
				require.Len(t, r.Messages(customer), 1, "neither lost nor doubled")
			}
		})
	}
}

func TestFaultCallbacks(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	status, _ := r.request(http.MethodPost, "/dev/phone/faults", `{"operation":"create","callbacks":[{"status":"delivered"},{"status":"sent"},{"status":"sent"}]}`)
	require.Equal(t, http.StatusCreated, status)
	r.send(text(customer, "Hello").SetStatusCallback(r.hook.URL + "/status"))
	for _, want := range []string{"delivered", "sent", "sent"} {
		require.Equal(t, want, r.next().form.Get("MessageStatus"))
	}
}

func TestFaultRules(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	for rule, want := range map[string]string{
		`{"operation":"sing","drop":true}`:   `there is no operation \"sing\"`,
		`{"to":"[","drop":true}`:             "want a pattern",
		`{"status":200}`:                     "status is 200",
		`{"times":-1,"drop":true}`:           "cannot be negative",
		`{"html":true}`:                      "html needs a status",
		`{"accept":true}`:                    "accept needs",
		`{}`:                                 "nothing would go wrong",
		`{"callbacks":[{"status":"eaten"}]}`: `the status \"eaten\"`,
		`{"drop":true,"surprise":1}`:         "surprise",
		`not json`:                           "invalid",
	} {
		status, body := r.request(http.MethodPost, "/dev/phone/faults", rule)
		require.Equal(t, http.StatusBadRequest, status, rule)
		require.Contains(t, body, want, rule)
	}
	r.request(http.MethodPost, "/dev/phone/faults", `{"operation":"create","to":"+1*","status":500}`)
	r.send(text(customer, "another number"))
	_, err := r.twilio(http.DefaultTransport).CreateMessage(text("+12125551234", "x"))
	require.Equal(t, 20500, code(err))
	status, _ := r.request(http.MethodDelete, "/dev/phone/faults", "")
	require.Equal(t, http.StatusNoContent, status)
	_, body := r.request(http.MethodGet, "/dev/phone/faults", "")
	require.JSONEq(t, "[]", body)
	_, err = r.twilio(http.DefaultTransport).CreateMessage(text("+12125551234", "x"))
	require.NoError(t, err)

	for request, want := range map[string]int{
		`{"type":"call","from":"+380671234567"}`: http.StatusNotImplemented,
		`{"type":"fax","from":"+380671234567"}`:  http.StatusBadRequest,
	} {
		status, body := r.request(http.MethodPost, "/dev/phone/inbound", request)
		require.Equal(t, want, status, body)
	}
}
