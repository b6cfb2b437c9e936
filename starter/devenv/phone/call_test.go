package phone

import (
	"html"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"dotyk/channels/sms"
	"dotyk/channels/voice"
)

const (
	agent      = "+380501112233"
	dialScript = `<Response><Dial callerId="` + ours + `"><Number>` + customer + `</Number></Dial></Response>`
)

func callTo(to string) *openapi.CreateCallParams {
	params := &openapi.CreateCallParams{}
	return params.SetTo(to).SetFrom(ours).SetTwiml(dialScript)
}

// Twilio's own client makes calls, and Twilio's own document judges both sides.
func TestCallsAgainstSpecification(t *testing.T) {
	t.Parallel()
	spec := newSpecification(t)
	r := newRig(t, Config{})
	api := r.twilio(spec)

	c, err := api.CreateCall(callTo(agent).SetStatusCallback(r.hook.URL + "/status?touch=t1").
		SetStatusCallbackEvent([]string{"initiated", "ringing", "answered", "completed"}))
	require.NoError(t, err)
	require.Equal(t, "queued", *c.Status)
	require.Equal(t, "outbound-api", *c.Direction)
	require.Nil(t, c.StartTime)
	for sequence, status := range []string{"initiated", "ringing", "in-progress", "completed"} {
		h := r.next()
		require.Equal(t, "/status?touch=t1", h.path)
		require.Equal(t, *c.Sid, h.form.Get("CallSid"))
		require.Equal(t, status, h.form.Get("CallStatus"))
		require.Equal(t, string(rune('0'+sequence)), h.form.Get("SequenceNumber"))
		require.Equal(t, status == "completed", h.form.Has("CallDuration"))
	}
	got, err := api.FetchCall(*c.Sid, nil)
	require.NoError(t, err)
	require.Equal(t, "completed", *got.Status)
	require.NotEqual(t, "0", *got.Duration)
	require.NotNil(t, got.StartTime)
	require.NotNil(t, got.EndTime)

	second, err := api.CreateCall(callTo("+380501110000"))
	require.NoError(t, err)
	all, err := api.ListCall((&openapi.ListCallParams{}).SetFrom(ours).SetPageSize(1))
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, *second.Sid, *all[0].Sid, "newest first")
	all, err = api.ListCall((&openapi.ListCallParams{}).SetTo(agent).SetStatus("completed"))
	require.NoError(t, err)
	require.Len(t, all, 1)

	for _, operation := range []string{"CreateCall", "FetchCall", "ListCall"} {
		require.Positive(t, spec.seen[operation], operation)
	}
}

func TestCallsAreListed(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	_, err := r.twilio(http.DefaultTransport).CreateCall(callTo(agent).SetStatusCallback(r.hook.URL + "/status"))
	require.NoError(t, err)
	require.Equal(t, "completed", r.next().form.Get("CallStatus"), "it is the only event that is posted unasked")
	for _, number := range []string{agent, customer, ""} {
		_, body := r.request(http.MethodGet, "/dev/phone?to="+url.QueryEscape(number), "")
		listed := decode[[]Message](t, body)
		require.Len(t, listed, 1, number)
		require.Equal(t, Message{
			ID: listed[0].ID, Channel: "call", At: listed[0].At, Direction: "outbound-api", From: ours, To: agent, Dials: customer,
			Body: dialScript, Status: Completed, Duration: listed[0].Duration,
		}, listed[0])
		require.Positive(t, listed[0].Duration)
		require.Contains(t, body, `"channel":"call"`)
	}
	_, body := r.request(http.MethodGet, "/dev/phone/?to=%2B380671234567", "", "Accept", "text/html")
	require.Contains(t, html.UnescapeString(body), "Call: rings "+agent+", then "+customer+", ")

	// Texts and calls do not get in one another's way.
	api := r.twilio(http.DefaultTransport)
	sid := r.Messages(agent)[0].ID
	_, err = api.FetchMessage(sid, nil)
	require.Equal(t, 20404, code(err))
	_, err = api.UpdateMessage(sid, (&openapi.UpdateMessageParams{}).SetBody(""))
	require.Equal(t, 20404, code(err))
	_, err = api.FetchCall(r.send(text(customer, "x")), nil)
	require.Equal(t, 20404, code(err))
	texts, err := api.ListMessage(&openapi.ListMessageParams{})
	require.NoError(t, err)
	require.Len(t, texts, 1)
	calls, err := api.ListCall(&openapi.ListCallParams{})
	require.NoError(t, err)
	require.Len(t, calls, 1)
}

func TestCallRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	api := r.twilio(http.DefaultTransport)
	for name, tc := range map[string]struct {
		params *openapi.CreateCallParams
		code   int
	}{
		"NoTo":        {(&openapi.CreateCallParams{}).SetFrom(ours).SetTwiml(dialScript), 21201},
		"NoFrom":      {(&openapi.CreateCallParams{}).SetTo(agent).SetTwiml(dialScript), 21213},
		"NoTwiml":     {(&openapi.CreateCallParams{}).SetTo(agent).SetFrom(ours), 21205},
		"InvalidTo":   {callTo("0501112233"), 21211},
		"InvalidFrom": {callTo(agent).SetFrom("SHOP"), 21212},
		"BadCallback": {callTo(agent).SetStatusCallback("shop.example/status"), 21609},
		"BadEvent":    {callTo(agent).SetStatusCallbackEvent([]string{"sneezed"}), 21626},
		"BadTwiml":    {callTo(agent).SetTwiml("<Response><Dial>"), 12100},
	} {
		_, err := api.CreateCall(tc.params)
		require.Equal(t, tc.code, code(err), name)
	}
	_, err := api.FetchCall("CA00000000000000000000000000000000", nil)
	require.Equal(t, 20404, code(err))
	require.Empty(t, r.Messages(""))
}

func TestCallFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	api := r.twilio(http.DefaultTransport)
	r.SetFault(func(c Call) Fault {
		if c.Operation != Dial || c.To != agent || c.Body != dialScript {
			return Fault{Status: http.StatusServiceUnavailable}
		}
		return Fault{Callbacks: []Callback{{Status: Ringing}, {Status: NoAnswer}}}
	})
	c, err := api.CreateCall(callTo(agent).SetStatusCallback(r.hook.URL + "/status"))
	require.NoError(t, err)
	require.Equal(t, "no-answer", r.next().form.Get("CallStatus"))
	_, err = api.FetchCall(*c.Sid, nil)
	require.Equal(t, 20503, code(err))
	_, err = api.ListCall(&openapi.ListCallParams{})
	require.Equal(t, 20503, code(err))
	r.SetFault(nil)
	got, err := api.FetchCall(*c.Sid, nil)
	require.NoError(t, err)
	require.Equal(t, "no-answer", *got.Status)
	require.Nil(t, got.StartTime)
	require.Nil(t, got.Duration)
}

// Our own sender dials, loses an answer, and finds the call.
func TestVoiceSender(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	texts, err := sms.New(sms.Config{AccountSID: account, AuthToken: token, BaseURL: r.url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, texts.Close()) })
	sender := voice.New(texts)
	call := voice.Call{TouchID: "t1", From: ours, Agent: agent, To: customer, StatusCallback: r.hook.URL + "/status?w=1&task=t1"}

	r.SetFault(func(c Call) Fault { return Fault{Drop: c.Operation == Dial, Accept: true} })
	began := time.Now()
	_, err = sender.Dial(t.Context(), call)
	require.Error(t, err)
	found, err := sender.Find(t.Context(), call, began)
	require.NoError(t, err)
	require.Equal(t, r.Messages(customer)[0].ID, found.ProviderID)
	told := r.next()
	require.Equal(t, "/status?w=1&task=t1", told.path)
	require.NotEqual(t, found.ProviderID, told.form.Get("CallSid"))
	for name, value := range map[string]string{
		"ParentCallSid": found.ProviderID, "To": customer, "CallStatus": "completed", "CallDuration": "1", "Direction": "outbound-dial",
	} {
		require.Equal(t, value, told.form.Get(name), name)
	}
	r.SetFault(func(Call) Fault { return Fault{Callbacks: []Callback{{Status: NoAnswer}}} })
	_, err = sender.Dial(t.Context(), call)
	require.NoError(t, err, "the user does not answer, so the customer is not rung, and nothing is told of her")
	r.SetFault(nil)
	receipt, err := sender.Dial(t.Context(), call)
	require.NoError(t, err)
	require.NotEqual(t, found.ProviderID, receipt.ProviderID)
	require.Equal(t, "queued", receipt.Response)
	require.Equal(t, receipt.ProviderID, r.next().form.Get("ParentCallSid"))
}
