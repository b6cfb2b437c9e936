package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/sms"
	"dotyk/channels/voice"
	"dotyk/starter/api"
	"dotyk/starter/devenv/phone"
)

// TestPhoneCalls has customers call over the development phone: the scripts that we answer with lead where they should.
func TestPhoneCalls(t *testing.T) {
	t.Parallel()
	const account = "AC0123456789abcdef0123456789abcdef"
	var s *site
	ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.ServeHTTP(w, r) }))
	t.Cleanup(ours.Close)
	s = newSite(t, func(c *api.Config) { c.PublicURL, c.Now = ours.URL, time.Now })
	s.owned(t)
	s.voice(t, func(v *channels.VoiceSettings) {
		v.Greeting, v.Queue, v.Wait, v.Record = "Hello", true, "Please hold", true
	})
	p, err := phone.Start(t.Context(), phone.Config{
		AccountSID: account, AuthToken: twilioToken, Dir: t.TempDir(), Delay: time.Millisecond,
		VoiceURL: ours.URL + "/hooks/twilio/voice?w=1", VoiceStatusURL: ours.URL + "/hooks/twilio/voice/status?w=1",
	})
	require.NoError(t, err)
	line := httptest.NewServer(p.Handler())
	t.Cleanup(func() {
		line.Close()
		require.NoError(t, p.Stop())
	})
	sender, err := sms.New(sms.Config{AccountSID: account, AuthToken: twilioToken, BaseURL: line.URL})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sender.Close()) })
	desk := activities.Desk{Store: s.store, Dialer: voice.New(sender), From: "+15005550006", PublicURL: ours.URL}

	call := func(more string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, line.URL+"/dev/phone/inbound",
			strings.NewReader(`{"type":"call","from":"`+caller+`"`+more+`}`))
		require.NoError(t, err)
		req.Close = true
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusAccepted, res.StatusCode)
	}
	became := func(want string) {
		t.Helper()
		require.Eventually(t, func() bool {
			var state string
			err := s.connect(t).QueryRow(t.Context(), `SELECT state || ' ' || outcome FROM calls ORDER BY started_at DESC LIMIT 1`).Scan(&state)
			return err == nil && state == want
		}, 20*time.Second, 20*time.Millisecond, want)
	}
	call(`,"talk":42`)
	became("ended answered")
	outcome, properties, _ := s.last(t)
	require.Equal(t, "answered 42", outcome+" "+fmt.Sprint(properties["duration"]))
	require.Contains(t, properties["recording"], "https://api.twilio.com/")

	_, err = desk.TakeCall(t.Context(), s.seed.Workspace, "ann@shop.example")
	require.ErrorIs(t, err, store.ErrInvalid)
	require.ErrorContains(t, err, "nobody waits in the queue")
	_, err = desk.TakeCall(t.Context(), s.seed.Workspace, "bob@shop.example")
	require.ErrorIs(t, err, store.ErrNotFound)

	call(`,"answers":[]`)
	became("waiting ")
	receipt, err := desk.TakeCall(t.Context(), s.seed.Workspace, "Ann@shop.example")
	require.NoError(t, err)
	require.NotEmpty(t, receipt.ProviderID)
	became("ended answered")
	_, _, tasks := s.last(t)
	require.Zero(t, tasks)

	call(`,"answers":[],"waits":1`)
	became("ended abandoned")
	s.voice(t, func(v *channels.VoiceSettings) { v.Queue = false })
	call(`,"answers":[],"message":true,"talk":9`)
	became("ended voicemail")
	outcome, properties, tasks = s.last(t)
	require.Equal(t, "voicemail 9", outcome+" "+fmt.Sprint(properties["duration"]))
	require.Equal(t, 1, tasks)

	// She is called back by a click, and the call is on her record, with its recording.
	list, err := s.store.Tasks(t.Context(), s.seed.Workspace, store.TaskFilter{})
	require.NoError(t, err)
	_, err = desk.DialTask(t.Context(), s.seed.Workspace, list[0].ID)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		task, err := s.store.Task(t.Context(), s.seed.Workspace, list[0].ID)
		return err == nil && task.Status == store.TaskDone
	}, 20*time.Second, 20*time.Millisecond)
	timeline := s.record(t, caller).Timeline
	var out []string
	for _, e := range timeline {
		if e.Channel == "call" && e.Direction == "out" {
			out = append(out, string(e.Status)+" "+e.Outcome+" "+e.Summary)
		}
	}
	require.Equal(t, []string{"delivered reached Call back"}, out)
}
