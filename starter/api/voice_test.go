package api_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/channels"
)

const (
	caller = "+380671234567"
	annTel = "+380501112233"
)

// post posts a webhook about a call.
func (s *site) post(t *testing.T, status int, path, sid string, more []string) *httptest.ResponseRecorder {
	t.Helper()
	form := url.Values{"CallSid": {sid}, "From": {caller}, "To": {"+15005550006"}}
	for pair := range slices.Chunk(more, 2) {
		form.Set(pair[0], pair[1])
	}
	e := webhook("/hooks/twilio/voice"+path, form)
	e.status = status
	return s.do(t, e)
}

// hook posts a webhook that is answered with a script; told one that only tells.
func (s *site) hook(t *testing.T, path, sid string, more ...string) *httptest.ResponseRecorder {
	t.Helper()
	return s.post(t, 200, path, sid, more)
}

func (s *site) told(t *testing.T, path, sid string, more ...string) {
	t.Helper()
	s.post(t, 204, path, sid, more)
}

// voice changes the settings of calls.
func (s *site) voice(t *testing.T, change func(*channels.VoiceSettings)) {
	t.Helper()
	require.NoError(t, s.store.SetDelivery(t.Context(), s.seed.Workspace, func(d *channels.Settings) error {
		change(&d.Telephony.Voice)
		return nil
	}))
}

// last is the last line of the caller's record that is a call, and the tasks to call her back.
func (s *site) last(t *testing.T) (outcome string, properties map[string]any, callBacks int) {
	t.Helper()
	r := s.record(t, caller)
	for _, e := range r.Timeline {
		if e.Channel == "call" {
			outcome, properties = e.Outcome, e.Properties
		}
	}
	tasks, err := s.store.Tasks(t.Context(), s.seed.Workspace, store.TaskFilter{Customer: r.Customer.ID, Kind: store.TaskCall})
	require.NoError(t, err)
	return outcome, properties, len(tasks)
}

func (s *site) current(t *testing.T) []store.CurrentCall {
	t.Helper()
	list, err := s.store.CurrentCalls(t.Context(), s.seed.Workspace, "")
	require.NoError(t, err)
	return list
}

// owned makes Ann the owner of the caller.
func (s *site) owned(t *testing.T) {
	t.Helper()
	require.NoError(t, s.store.AddUser(t.Context(), s.seed.Workspace, store.User{Email: "ann@shop.example", Phone: annTel}))
	s.do(t, exchange{
		path: "/v1/identify", header: map[string]string{"Basic": "KEY"}, status: 200,
		body: `{"userId":"u1","traits":{"phone":"` + caller + `","name":"Olha <Dial>","owner":"ann@shop.example","stage":"lead"}}`,
	})
}

func TestCallToOwner(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.owned(t)
	s.voice(t, func(v *channels.VoiceSettings) {
		v.Greeting, v.Language, v.RingFor, v.Record = "Hi & <Dial>welcome</Dial>", "uk-UA", 30, true
	})
	for range 2 { // a webhook that is repeated finds the same owner
		answer := s.hook(t, "?w=1", "CA1").Body.String()
		require.Contains(t, answer, `<Say language="uk-UA">Hi &amp; &lt;Dial&gt;welcome&lt;/Dial&gt;</Say>`)
		require.Contains(t, answer, `<Number>`+annTel+`</Number>`)
		require.Contains(t, answer, `timeout="30"`)
		require.Contains(t, answer, `record="record-from-answer" recordingStatusCallback="https://dotyk.example/hooks/twilio/voice/recording?w=1"`)
	}
	now := s.current(t)
	require.Len(t, now, 1)
	require.Equal(t, "ann@shop.example", now[0].User)
	require.Equal(t, store.CallRinging, now[0].State)
	require.Equal(t, "lead", now[0].Customer.Stage)

	// Ann has a call already: who calls now leaves a message.
	require.Contains(t, s.hook(t, "?w=1", "CA2").Body.String(), "<Record ")
	s.told(t, "/status?w=1", "CA2", "CallStatus", "completed")

	s.hook(t, "/dialled?w=1&user=ann%40shop.example", "CA1", "DialCallStatus", "completed", "DialCallDuration", "42")
	s.told(t, "/recording?w=1", "CA1", "RecordingUrl", "https://api.twilio.com/RE1")
	// Late and wrong words change nothing.
	s.hook(t, "/queue?w=1", "CA1", "QueueResult", "hangup")
	s.told(t, "/status?w=1", "CA1", "CallStatus", "no-answer")
	require.Empty(t, s.current(t))
	var outcome, recording string
	var duration, ended int
	conn := s.connect(t)
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT outcome, duration, recording FROM calls WHERE sid = 'CA1'`).
		Scan(&outcome, &duration, &recording))
	require.Equal(t, []any{"answered", 42, "https://api.twilio.com/RE1"}, []any{outcome, duration, recording})
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM events WHERE name = 'call_ended'`).Scan(&ended))
	require.Equal(t, 2, ended)
	require.Contains(t, s.names(t, "u1"), "call_received")

	s.do(t, webhook("/hooks/twilio/voice/status?w=1", url.Values{"CallSid": {"CA9"}, "CallStatus": {"completed"}}).answers(404))
	s.do(t, webhook("/hooks/twilio/voice?w=1", url.Values{"From": {caller}}).answers(400, "CallSid is missing"))
	s.do(t, webhook("/hooks/twilio/voice?w=99", url.Values{"CallSid": {"CA9"}, "From": {caller}}).answers(404))
	s.do(t, webhook("/hooks/twilio/voice/dialled?w=1", url.Values{"CallSid": {"CA1"}, "DialCallStatus": {"completed"}, "DialCallDuration": {"x"}}).answers(400, "DialCallDuration"))
	forged := webhook("/hooks/twilio/voice?w=1", url.Values{"CallSid": {"CA9"}, "From": {caller}})
	forged.body += "&To=x"
	s.do(t, forged.answers(403, "bad_signature"))
}

func TestCallToQueue(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.owned(t)
	s.voice(t, func(v *channels.VoiceSettings) { v.Queue, v.Wait, v.WaitFor = true, "Please hold", 60 })
	begin := func(sid string) {
		s.hook(t, "?w=1", sid)
		answer := s.hook(t, "/dialled?w=1&user=ann%40shop.example", sid, "DialCallStatus", "no-answer", "CallStatus", "in-progress").Body.String()
		require.Contains(t, answer, `waitUrl="https://dotyk.example/hooks/twilio/voice/wait?w=1">dotyk-1</Enqueue>`)
		require.Equal(t, store.CallWaiting, s.current(t)[0].State)
	}
	begin("CA1")
	require.Contains(t, s.hook(t, "/wait?w=1", "CA1", "QueueTime", "59").Body.String(), "<Say>Please hold</Say>")
	require.Contains(t, s.hook(t, "/wait?w=1", "CA1", "QueueTime", "60").Body.String(), "<Leave></Leave>")
	s.hook(t, "/connected?w=1&user=ann%40shop.example", "CA1", "QueueTime", "5")
	require.Equal(t, "ann@shop.example", s.current(t)[0].User)
	s.clock.advance(90 * time.Second)
	s.hook(t, "/queue?w=1", "CA1", "QueueResult", "bridged")
	outcome, properties, tasks := s.last(t)
	require.Equal(t, "answered", outcome)
	require.Equal(t, "90", fmt.Sprint(properties["duration"]))
	require.Zero(t, tasks)

	begin("CA2")
	for range 2 {
		s.hook(t, "/queue?w=1", "CA2", "QueueResult", "hangup")
	}
	begin("CA3")
	require.Contains(t, s.hook(t, "/queue?w=1", "CA3", "QueueResult", "leave").Body.String(), "<Record action=")
	s.hook(t, "/voicemail?w=1", "CA3", "RecordingUrl", "https://api.twilio.com/RE3", "RecordingDuration", "7")
	require.Empty(t, s.current(t))
	outcome, properties, tasks = s.last(t)
	require.Equal(t, "voicemail", outcome)
	require.Equal(t, "https://api.twilio.com/RE3", properties["recording"])
	require.Equal(t, 1, tasks, "to call back, once while it is open")
	list, err := s.store.Tasks(t.Context(), s.seed.Workspace, store.TaskFilter{})
	require.NoError(t, err)
	require.Equal(t, "ann@shop.example", list[0].Assignee)
	require.Equal(t, "Call back", list[0].Title)
	require.True(t, list[0].Dial)
}

func TestCallOutOfHours(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.owned(t)
	s.clock.at = time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
	s.voice(t, func(v *channels.VoiceSettings) {
		v.Hours, v.Closed, v.Voicemail = []channels.WorkingHours{{Days: []string{"mon"}, From: "09:00", To: "18:00"}}, "We are closed", "Speak"
	})
	answer := s.hook(t, "?w=1", "CA1").Body.String()
	require.Contains(t, answer, `<Say>We are closed</Say><Say>Speak</Say><Record action="https://dotyk.example/hooks/twilio/voice/voicemail?w=1" maxLength="180" playBeep="true"></Record>`)
	outcome, _, tasks := s.last(t)
	require.Equal(t, "missed", outcome)
	require.Equal(t, 1, tasks)
	s.voice(t, func(v *channels.VoiceSettings) { v.VoicemailOff = true })
	require.NotContains(t, s.hook(t, "?w=1", "CA2").Body.String(), "<Record")

	// Secret numbers are nobody's.
	for _, sid := range []string{"CA3", "CA4", "CA4"} {
		s.do(t, webhook("/hooks/twilio/voice?w=1", url.Values{"CallSid": {sid}, "From": {"anonymous"}}).answers(200, "<Hangup>"))
	}
	var customers int
	require.NoError(t, s.connect(t).QueryRow(t.Context(), `SELECT count(DISTINCT t.customer_id) FROM calls l JOIN touches t ON t.id = l.touch_id`).Scan(&customers))
	require.Equal(t, 3, customers)
}

func TestInboundTextIsAnswered(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	require.NoError(t, s.store.SetDelivery(t.Context(), s.seed.Workspace, func(d *channels.Settings) error {
		d.Telephony.Help = "Shop & Co: write to hi@shop.example"
		return nil
	}))
	text := func(sid, body string, more ...string) exchange {
		form := url.Values{"MessageSid": {sid}, "From": {caller}, "To": {"+15005550006"}, "Body": {body}}
		for pair := range slices.Chunk(more, 2) {
			form.Set(pair[0], pair[1])
		}
		return webhook("/hooks/twilio/inbound?w=1", form)
	}
	const nothing = "<Response/>"
	s.all(t, []exchange{
		text("SM1", "help").answers(200, "<Message>Shop &amp; Co: write to hi@shop.example</Message>"),
		text("SM1", "help").answers(200, nothing),
		text("SM2", "HELP", "OptOutType", "HELP").answers(200, nothing),
		text("SM3", "can't stop").answers(200, nothing),
		text("SM4", "Стоп").answers(200, "вас відписано"),
		text("SM5", "stop").answers(200, nothing), // it is confirmed once
		text("SM6", "start").answers(200, nothing),
		text("SM7", "STOP").answers(200, "you are unsubscribed"),
		text("SM8", "START", "OptOutType", "START").answers(200, nothing),
		text("SM9", "STOP", "OptOutType", "STOP").answers(200, nothing),
		text("SM10", "Look", "NumMedia", "2", "MediaUrl0", "https://api.twilio.com/ME0", "MediaContentType0", "image/jpeg", "MediaUrl1", "https://api.twilio.com/ME1").answers(200, nothing),
	})
	timeline := s.record(t, caller).Timeline
	last := timeline[len(timeline)-1].Properties["media"]
	require.Equal(t, []any{map[string]any{"url": "https://api.twilio.com/ME0", "type": "image/jpeg"}, map[string]any{"url": "https://api.twilio.com/ME1", "type": ""}}, last)
}

// Whatever the order in which Twilio's words on a message come, and however often, the end is the same.
func TestStatusInAnyOrder(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	var orders [][]string
	var permute func(done, left []string)
	permute = func(done, left []string) {
		if len(left) == 0 {
			orders = append(orders, slices.Clone(done))
		}
		for i, word := range left {
			permute(append(slices.Clone(done), word), slices.Delete(slices.Clone(left), i, i+1))
		}
	}
	permute(nil, []string{"queued", "sent", "delivered"})
	permute(nil, []string{"sending", "sent", "undelivered"})
	permute(nil, []string{"sent", "delivered", "read"})
	require.Len(t, orders, 18)
	for n, order := range orders {
		touch := s.touch(t, "u1", "sms", "news", caller)
		for i, word := range order {
			for range 1 + n%2 {
				s.do(t, webhook("/hooks/twilio/status?w=1&touch="+touch, url.Values{"MessageSid": {"SM1"}, "MessageStatus": {word}}).answers(204))
			}
			if i == n%3 { // the answer to the sending comes in between
				require.NoError(t, s.store.Settle(t.Context(), s.seed.Workspace, store.Settlement{TouchID: touch, Status: "accepted", ProviderID: "SM1", Summary: "Hi", Segments: 2}))
			}
		}
		var status, provider string
		var segments int
		require.NoError(t, s.connect(t).QueryRow(t.Context(), `SELECT status, provider_id, segments FROM touches WHERE id = $1`, touch).Scan(&status, &provider, &segments))
		want := "delivered"
		if slices.Contains(order, "undelivered") {
			want = "failed"
		}
		require.Equal(t, []any{want, "SM1", 2}, []any{status, provider, segments}, "%v", order)
	}
}
