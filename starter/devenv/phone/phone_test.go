package phone

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"
)

func TestCallbacks(t *testing.T) {
	t.Parallel()

	t.Run("InOrder", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, Config{})
		sid := r.send(text(customer, "hello").SetStatusCallback(r.hook.URL + "/status?touch=1#rc=3"))
		for _, want := range []string{"sent", "delivered"} {
			h := r.next()
			require.Equal(t, "/status?touch=1", h.path)
			for key, value := range map[string]string{
				"MessageSid": sid, "SmsSid": sid, "MessageStatus": want, "SmsStatus": want, "To": customer, "From": ours,
				"AccountSid": account, "ApiVersion": "2010-04-01", "ErrorCode": "",
			} {
				require.Equal(t, value, h.form.Get(key), key)
			}
			require.Equal(t, want == "delivered", h.form.Has("RawDlrDoneDate"))
		}
	})

	t.Run("StatusIsThereBefore", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, Config{})
		statuses := make(chan Status, 2)
		// The next status waits for the answer of this callback, so what is seen here is what it is about.
		hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			statuses <- r.Messages(customer)[0].Status
		}))
		t.Cleanup(hook.Close)
		r.send(text(customer, "hello").SetStatusCallback(hook.URL))
		require.Equal(t, Sent, <-statuses)
		require.Equal(t, Delivered, <-statuses)
	})

	t.Run("AsAsked", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, Config{})
		r.SetFault(func(c Call) Fault {
			return map[string]Fault{
				"reordered": {Callbacks: []Callback{{Status: Delivered}, {Status: Sent}, {Status: Delivered}}},
				"failed":    {Callbacks: []Callback{{Status: Failed, ErrorCode: 30007}}},
				"silent":    {Callbacks: []Callback{}},
			}[c.Body]
		})
		for body, want := range map[string][]string{
			"reordered": {"delivered", "sent", "delivered"}, "failed": {"failed"}, "other": {"sent", "delivered"},
		} {
			r.send(text(customer, body).SetStatusCallback(r.hook.URL + "/" + body))
			for _, status := range want {
				require.Equal(t, status, r.next().form.Get("MessageStatus"), body)
			}
		}
		r.send(text("+15551230000", "silent").SetStatusCallback(r.hook.URL + "/silent"))
		for _, m := range r.Messages("") {
			want := map[string]Status{"reordered": Delivered, "failed": Failed, "other": Delivered, "silent": Queued}
			require.Equal(t, want[m.Body], m.Status, m.Body)
		}
		require.Empty(t, r.hooks)
	})

	t.Run("NobodyListens", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, Config{})
		r.send(text(customer, "refused").SetStatusCallback("http://127.0.0.1:1/status"))
		r.send(text(customer, "broken").SetStatusCallback(r.hook.URL + "/broken"))
		r.send(text(customer, "last").SetStatusCallback(r.hook.URL + "/status"))
		require.Eventually(t, func() bool {
			for _, m := range r.Messages("") {
				if m.Status != Delivered {
					return false
				}
			}
			return true
		}, 10*time.Second, time.Millisecond)
	})

	t.Run("GoOnAfterAStop", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		r := newRig(t, Config{Dir: dir, Delay: time.Hour})
		byService := (&openapi.CreateMessageParams{}).SetTo(customer).SetMessagingServiceSid(service).SetBody("later")
		r.send(byService.SetScheduleType("fixed").SetSendAt(time.Now().Add(time.Hour)))
		sid := r.send(text(customer, "hello").SetStatusCallback(r.hook.URL + "/status"))
		require.NoError(t, r.Stop())
		again := newRig(t, Config{Dir: dir, Delay: time.Nanosecond})
		h := r.next() // the receiver is the first one's
		require.Equal(t, sid, h.form.Get("MessageSid"))
		require.Equal(t, "sent", h.form.Get("MessageStatus"))
		require.Equal(t, Scheduled, again.Messages("")[0].Status)
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	faults := map[string]Fault{
		"busy":          {Status: 429, RetryAfter: 7 * time.Second},
		"refused":       {Status: 400, Code: 30034, Message: "not registered"},
		"lost":          {Status: 500, Accept: true},
		"proxy":         {Status: 502, HTML: true},
		"dropped":       {Drop: true},
		"dropped later": {Drop: true, Accept: true, Delay: time.Millisecond},
		"slow":          {Delay: time.Millisecond},
	}
	var calls atomic.Int64
	r.SetFault(func(c Call) Fault {
		calls.Add(1)
		if c.Operation != Create && c.Operation != List {
			return Fault{Status: 503}
		}
		return faults[c.Body]
	})
	api := r.twilio(http.DefaultTransport)
	for body, tc := range map[string]struct {
		code  int
		kept  int
		works bool
	}{
		"busy": {20429, 0, false}, "refused": {30034, 0, false}, "lost": {20500, 1, false}, "proxy": {0, 0, false},
		"dropped": {0, 0, false}, "dropped later": {0, 1, false}, "slow": {0, 1, true}, "none": {0, 1, true},
	} {
		to := fmt.Sprintf("+1555000%04d", calls.Load())
		_, err := api.CreateMessage(text(to, body))
		require.Equal(t, tc.works, err == nil, body)
		require.Equal(t, tc.code, code(err), body)
		require.Len(t, r.Messages(to), tc.kept, body)
		found, err := api.ListMessage((&openapi.ListMessageParams{}).SetTo(to))
		require.NoError(t, err)
		require.Len(t, found, tc.kept, "what was taken can be found")
	}
	_, err := api.FetchMessage("SM", nil)
	require.Equal(t, 20503, code(err))
	_, err = api.UpdateMessage("SM", nil)
	require.Equal(t, 20503, code(err))
	r.SetFault(func(Call) Fault { return Fault{Status: 429, RetryAfter: 7 * time.Second} })
	_, err = api.ListMessage(nil)
	require.Equal(t, 20429, code(err))
	header := retryAfter(t, r)
	require.Equal(t, "7", header)
	r.SetFault(nil)
	_, err = api.CreateMessage(text(customer, "busy"))
	require.NoError(t, err)
}

func retryAfter(t *testing.T, r *rig) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/2010-04-01/Accounts/"+account+"/Messages.json", nil)
	require.NoError(t, err)
	req.SetBasicAuth(account, token)
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, 429, res.StatusCode)
	return res.Header.Get("Retry-After")
}

func TestInbound(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	api := r.twilio(http.DefaultTransport)
	say := func(body string) (int, string) { return r.request(http.MethodPost, "/dev/phone/inbound", body) }

	status, answer := say(`{"from": "` + customer + `", "body": "Привіт"}`)
	require.Equal(t, http.StatusAccepted, status, answer)
	h := r.next()
	require.Equal(t, "/inbound?site=1", h.path)
	for key, value := range map[string]string{
		"From": customer, "To": ours, "Body": "Привіт", "NumMedia": "0", "NumSegments": "1", "AccountSid": account,
		"MessageSid": decode[map[string]string](t, answer)["id"], "OptOutType": "", "MessagingServiceSid": "",
	} {
		require.Equal(t, value, h.form.Get(key), key)
	}
	require.Empty(t, r.Messages(""), "what was sent is listed, not what was received")
	found, err := api.ListMessage((&openapi.ListMessageParams{}).SetFrom(customer))
	require.NoError(t, err)
	require.Equal(t, "inbound", *found[0].Direction)
	require.Equal(t, "received", *found[0].Status)

	t.Run("StopAndStart", func(t *testing.T) { //nolint:paralleltest // goes on with the phone above
		r.send(text(customer, "offer"))
		_, _ = say(`{"from": "` + customer + `", "body": " stop "}`)
		require.Equal(t, "STOP", r.next().form.Get("OptOutType"))
		_, err := api.CreateMessage(text(customer, "offer"))
		require.Equal(t, 21610, code(err))
		r.send(text(customer, "from another number").SetFrom("+15005550007"))
		r.send(text("+15551230000", "to another customer"))
		require.NoError(t, r.Clear())
		_, err = api.CreateMessage(text(customer, "offer"))
		require.Equal(t, 21610, code(err), "clearing does not opt anybody in")
		_, _ = say(`{"from": "` + customer + `", "to": "` + ours + `", "body": "START"}`)
		require.Equal(t, "START", r.next().form.Get("OptOutType"))
		r.send(text(customer, "offer"))
		_, _ = say(`{"from": "` + customer + `", "body": "help"}`)
		require.Equal(t, "HELP", r.next().form.Get("OptOutType"))
	})

	t.Run("OfAMessagingService", func(t *testing.T) { //nolint:paralleltest // as above
		const other = "+15551239999"
		byService := (&openapi.CreateMessageParams{}).SetTo(other).SetMessagingServiceSid(service).SetBody("x")
		r.send(byService)
		_, _ = say(`{"from": "` + other + `", "body": "STOP"}`)
		h := r.next()
		require.Equal(t, service, h.form.Get("MessagingServiceSid"))
		require.Equal(t, ours, h.form.Get("To"))
		_, err := api.CreateMessage(byService)
		require.Equal(t, 21610, code(err))
	})

	t.Run("FromThePage", func(t *testing.T) { //nolint:paralleltest // as above
		status, _ := r.request(http.MethodPost, "/dev/phone/inbound", "from=%2B15551230001&body=hi", "Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, http.StatusSeeOther, status)
		require.Equal(t, "hi", r.next().form.Get("Body"))
	})

	for body, want := range map[string]string{
		`{"from": "0671234567", "body": "x"}`:                  "want numbers",
		`{"from": "` + customer + `", "to": "x", "body": "x"}`: "want numbers",
		`{"number": "x"}`: "unknown field",
	} {
		status, answer := say(body)
		require.Equal(t, 400, status)
		require.Contains(t, answer, want)
	}
	broken := newRig(t, Config{InboundURL: r.hook.URL + "/broken"})
	status, answer = broken.request(http.MethodPost, "/dev/phone/inbound", `{"from": "`+customer+`", "body": "x"}`)
	require.Equal(t, 502, status)
	require.Contains(t, answer, "500 Internal Server Error")
}

func TestPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	browser := []string{"Accept", "text/html"}
	status, body := r.request(http.MethodGet, "/dev/phone", "")
	require.Equal(t, 200, status)
	require.JSONEq(t, "[]", body)
	_, body = r.request(http.MethodGet, "/dev/phone/", "", browser...)
	require.Contains(t, body, "Nothing was texted yet")

	sid := r.send(text(customer, "<b>sale</b>").SetStatusCallback(r.hook.URL + "/status"))
	r.next()
	r.next()
	_, body = r.request(http.MethodGet, "/dev/phone?to=%2B380671234567", "")
	list := decode[[]map[string]any](t, body)
	require.Len(t, list, 1)
	require.Equal(t, sid, list[0]["id"])
	for field, value := range map[string]any{"from": ours, "to": customer, "body": "<b>sale</b>", "segments": 1.0, "status": "delivered"} {
		require.Equal(t, value, list[0][field], field)
	}
	require.Contains(t, list[0], "at")
	_, body = r.request(http.MethodGet, "/dev/phone?to=%2B15551230000", "")
	require.JSONEq(t, "[]", body)
	_, body = r.request(http.MethodGet, "/dev/phone/", "")
	require.Len(t, decode[[]any](t, body), 1)
	_, body = r.request(http.MethodGet, "/dev/phone/", "", browser...)
	require.Contains(t, body, "&lt;b&gt;sale&lt;/b&gt;")
	_, body = r.request(http.MethodGet, "/dev/phone/?to=%2B380671234567", "", browser...)
	require.Contains(t, body, `name="from" value="&#43;380671234567"`)
	for range maxListed {
		require.NoError(t, r.store.add(stored{Message: Message{ID: newID("SM"), Direction: inbound, From: "+15551230009"}}))
	}
	_, body = r.request(http.MethodGet, "/dev/phone/", "", browser...)
	require.Contains(t, body, "1 older ones")

	status, _ = r.request(http.MethodDelete, "/dev/phone", "", "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 403, status)
	status, _ = r.request(http.MethodDelete, "/dev/phone", "")
	require.Equal(t, http.StatusNoContent, status)
	require.Empty(t, r.Messages(""))
}

func TestKeep(t *testing.T) {
	t.Parallel()

	t.Run("SurvivesKill", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		cmd := osexec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), helperDir+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		address, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		m, err := newTwilio(strings.TrimSpace(address), token, http.DefaultTransport).CreateMessage(text(customer, "kept"))
		require.NoError(t, err)
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		got := newRig(t, Config{Dir: dir}).Messages(customer)
		require.Len(t, got, 1)
		require.Equal(t, *m.Sid, got[0].ID)
	})

	t.Run("OldestGoFirst", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		s, err := openStore(dir, 20)
		require.NoError(t, err)
		require.NoError(t, s.setStopped(customer, ours, true))
		for n := range 50 {
			require.NoError(t, s.add(stored{Message: Message{ID: strconv.Itoa(n)}}))
			require.LessOrEqual(t, len(s.messages), 20)
			_, err := s.change(strconv.Itoa(n), func(m *stored) error { m.Body = "changed"; return nil })
			require.NoError(t, err)
		}
		_, err = s.get("0")
		require.ErrorIs(t, err, errNoMessage)
		require.NoError(t, s.close())
		again, err := openStore(dir, 20)
		require.NoError(t, err)
		require.Equal(t, s.messages, again.messages)
		require.True(t, again.stopped(customer, ours))
		require.NoError(t, again.close())
	})

	t.Run("TheFileDoesNotGrowForEver", func(t *testing.T) {
		t.Parallel()
		s, err := openStore(t.TempDir(), 10)
		require.NoError(t, err)
		require.NoError(t, s.add(stored{Message: Message{ID: "one"}}))
		for range 3000 {
			_, err := s.change("one", func(*stored) error { return nil })
			require.NoError(t, err)
		}
		require.Less(t, s.journal.Len(), 1100)
		require.NoError(t, s.close())
	})

	t.Run("RefusesWhatItCannotKeep", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, Config{})
		broken, err := openStore(t.TempDir(), 10)
		require.NoError(t, err)
		require.NoError(t, broken.journal.Close())
		require.Error(t, broken.add(stored{}))
		require.Empty(t, broken.messages)
		_, err = r.store.change("none", func(*stored) error { return nil })
		require.ErrorIs(t, err, errNoMessage)
	})

	t.Run("CannotStart", func(t *testing.T) {
		t.Parallel()
		_, err := Start(t.Context(), Config{AccountSID: "AC1", AuthToken: token, Dir: t.TempDir()})
		require.ErrorContains(t, err, "want an account sid")
		_, err = Start(t.Context(), Config{AccountSID: account, Dir: t.TempDir()})
		require.ErrorContains(t, err, "auth token")
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		_, err = Start(t.Context(), Config{AccountSID: account, AuthToken: token, Dir: file})
		require.ErrorContains(t, err, "start phone")
	})

	t.Run("Many", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, Config{})
		var wg sync.WaitGroup
		for sender := range 8 {
			wg.Go(func() {
				api := r.twilio(http.DefaultTransport)
				for n := range 25 {
					params := text(fmt.Sprintf("+1555%03d%04d", sender, n), "x").SetStatusCallback(r.hook.URL + "/status")
					if _, err := api.CreateMessage(params); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for range 400 {
			r.next()
		}
		for _, m := range r.Messages("") {
			require.Equal(t, Delivered, m.Status)
		}
		require.Len(t, r.Messages(""), 200)
	})
}
