package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/channels/links"
	"dotyk/channels/sms"
	"dotyk/rules/audience"
	"dotyk/starter/api"
)

func (s *site) link(t *testing.T, touch string) string {
	t.Helper()
	secret, err := s.store.Secret(t.Context(), s.seed.Workspace)
	require.NoError(t, err)
	return signed(t, secret, s.seed.Workspace, touch)
}

func signed(t *testing.T, secret []byte, workspace int64, touch string) string {
	t.Helper()
	signer, err := links.NewSigner(secret)
	require.NoError(t, err)
	token, err := signer.Unsubscribe(workspace, touch)
	require.NoError(t, err)
	return "/u/" + token
}

func (s *site) consents(t *testing.T, user string) []string {
	t.Helper()
	var list []string
	for _, c := range s.record(t, user).Consents {
		list = append(list, string(c.Channel)+" "+c.Topic+" "+string(c.Action)+" "+c.Method)
	}
	return list
}

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	path := s.link(t, s.touch(t, "u1", audience.Email, "news", "a@b.co"))

	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
		status := http.StatusOK
		if method == http.MethodOptions {
			status = http.StatusNoContent
		}
		s.do(t, exchange{method: method, path: path, status: status})
	}
	require.Empty(t, s.consents(t, "u1"), "looking changes nothing")
	page := s.do(t, exchange{method: http.MethodGet, path: path, status: 200, want: []string{
		`<form method="post">`, `name="scope" value="topic"`, "“news”", `value="all"`, "Test shop", "noindex", "Referrer-Policy: no-referrer", "form-action 'self'", "frame-ancestors 'none'",
	}, unwanted: []string{"Set-Cookie", "<script", "http://", "https://"}})
	_, style, _ := strings.Cut(page.Body.String(), "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	require.Contains(t, page.Header().Get("Content-Security-Policy"), base64.StdEncoding.EncodeToString(sum[:]), "the browser accepts the style")
	s.do(t, exchange{method: http.MethodGet, path: path, header: map[string]string{"Accept-Language": "uk"}, status: 200, want: []string{"Відписатися", "Ви отримуєте ці листи від"}})

	click := exchange{path: path, header: map[string]string{"Content-Type": urlencoded}, body: "List-Unsubscribe=One-Click", status: 200, want: []string{"You are unsubscribed", "“news”"}, unwanted: []string{"Set-Cookie", "Location"}}
	s.do(t, click)
	s.do(t, click)
	require.Equal(t, []string{"email news withdrawn one_click"}, s.consents(t, "u1"))

	s.do(t, exchange{path: path, header: map[string]string{"Content-Type": urlencoded}, body: "scope=all", status: 200, want: []string{"You will not receive any more messages"}})
	require.Equal(t, []string{"email * withdrawn preference_page", "email news withdrawn one_click"}, s.consents(t, "u1"))
	require.Contains(t, s.names(t, "u1"), audience.EventUnsubscribed)
}

func TestOneClickBodies(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	multipartBody, kind := multiparted(t, "", "List-Unsubscribe", "One-Click")
	for user, e := range map[string]exchange{
		"multipart": {header: map[string]string{"Content-Type": kind}, body: multipartBody},
		"topic":     {header: map[string]string{"Content-Type": urlencoded}, body: "scope=topic"},
		"empty":     {},
		"nonsense":  {header: map[string]string{"Content-Type": "application/pdf"}, body: "x"},
		"endless":   {header: map[string]string{"Content-Type": urlencoded}, body: strings.Repeat("a", 200_000)},
	} {
		e.path, e.status = s.link(t, s.touch(t, user, audience.Email, "news", user+"@b.co")), 200
		s.do(t, e)
		require.Len(t, s.consents(t, user), 1, user)
	}
	path := s.link(t, s.touch(t, "transactional", audience.SMS, "", "+380671234567"))
	s.do(t, exchange{method: http.MethodGet, path: path, status: 200, want: []string{"text messages"}, unwanted: []string{`value="topic"`}})
	s.do(t, exchange{path: path, status: 200})
	require.Equal(t, []string{"sms * withdrawn one_click"}, s.consents(t, "transactional"))
}

func TestBadLinks(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	good := s.link(t, s.touch(t, "u1", audience.Email, "news", "a@b.co"))
	unknown := s.link(t, "0197a1b2-0000-7000-8000-000000000000")
	another := []byte("another secret of thirty-two byte")
	elsewhere := signed(t, another, s.seed.Workspace, "0197a1b2-0000-7000-8000-000000000000")
	nowhere := signed(t, another, 4711, "0197a1b2-0000-7000-8000-000000000000")
	for _, path := range []string{good + "x", good[:len(good)-3], "/u/x", "/u/" + strings.Repeat("x", 5000), unknown, elsewhere, nowhere} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			s.do(t, exchange{name: path, method: method, path: path, status: 404, want: []string{"This link does not work", "text/html"}})
		}
	}
	require.Empty(t, s.consents(t, "u1"))
	s.store.Close()
	s.do(t, exchange{path: good, status: 500, want: []string{"does not work at the moment"}, unwanted: []string{"pool"}})
	require.Contains(t, s.logs.String(), "closed pool")
}

// webhook signs a form as Twilio does.
func webhook(path string, form url.Values) exchange {
	return exchange{
		name: path + " " + form.Encode(), path: path, body: form.Encode(),
		header: map[string]string{"Content-Type": urlencoded, sms.SignatureHeader: sms.Sign(twilioToken, publicURL+path, form)},
	}
}

func TestTwilioStatus(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	touch := s.touch(t, "u1", audience.SMS, "news", "+380671234567")
	path := "/hooks/twilio/status?touch=" + touch + "&w=1"
	status := func() audience.TouchStatus {
		for _, e := range s.record(t, "u1").Timeline {
			if e.ID == touch {
				return e.Status
			}
		}
		return ""
	}
	for _, step := range []struct {
		word string
		want audience.TouchStatus
	}{
		{"queued", audience.Accepted},
		{"sent", audience.Accepted},
		{"teleported", audience.Accepted},
		{"received", audience.Accepted},
		{"delivered", audience.Delivered},
		{"sent", audience.Delivered},
		{"undelivered", audience.Delivered},
		{"read", audience.Delivered},
	} {
		s.do(t, webhook(path, url.Values{"MessageSid": {"SM1"}, "MessageStatus": {step.word}}).answers(204))
		require.Equal(t, step.want, status(), step.word)
	}
	other := s.touch(t, "u2", audience.SMS, "news", "+380671234568")
	s.do(t, webhook("/hooks/twilio/status?w=1&touch="+other, url.Values{"MessageSid": {"SM2"}, "MessageStatus": {"failed"}, "ErrorCode": {"21610"}, "ErrorMessage": {"opted out"}}).answers(204))
	var outcome, reason string
	conn := s.connect(t)
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT outcome FROM touches WHERE id = $1`, other).Scan(&outcome))
	require.Contains(t, outcome, "Twilio says failed (error 21610): opted out")
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT reason FROM suppressions`).Scan(&reason))
	require.Equal(t, "opted_out", reason)

	for _, e := range []exchange{
		webhook("/hooks/twilio/status?w=1&touch=0197a1b2-0000-7000-8000-000000000000", url.Values{"MessageStatus": {"sent"}}).answers(404),
		webhook("/hooks/twilio/status?w=99&touch="+touch, url.Values{"MessageStatus": {"sent"}}).answers(404),
		webhook("/hooks/twilio/status?w=1&touch=x", url.Values{"MessageStatus": {"sent"}}).answers(404),
		webhook("/hooks/twilio/status?touch="+touch, url.Values{"MessageStatus": {"sent"}}).answers(400, "no_workspace"),
	} {
		s.do(t, e)
	}
}

func TestTwilioInbound(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	const path = "/hooks/twilio/inbound?w=1"
	text := func(sid, body string, more ...string) exchange {
		form := url.Values{"MessageSid": {sid}, "From": {"+380671234567"}, "To": {"+15005550006"}, "Body": {body}}
		for pair := range slices.Chunk(more, 2) {
			form.Set(pair[0], pair[1])
		}
		return webhook(path, form).answers(200, "<Response", "text/xml")
	}
	last := func() string {
		list := s.consents(t, "+380671234567")
		if len(list) == 0 {
			return ""
		}
		return list[0]
	}
	s.do(t, text("SM1", "Hello, please stop the rain"))
	s.do(t, text("SM1", "Hello, please stop the rain"))
	require.Empty(t, last())
	require.Len(t, s.record(t, "+380671234567").Timeline, 1, "a repeated webhook is stored once")
	const out, in = "sms * withdrawn sms_keyword", "sms * granted sms_keyword"
	for i, step := range []struct{ body, optOut, want string }{
		{"help", "", ""},
		{" Stop. ", "", out},
		{"yes", "", out},
		{"START", "", in},
		{"opt out", "", out},
		{"unstop", "", in},
		{"Стоп", "", out},
		{"старт!", "", in},
		{"arrêt", "STOP", out},
		{"ok", "START", in},
		{"STOP", "HELP", in},
		{"STOP ALL", "", out},
	} {
		s.clock.advance(1e9)
		s.do(t, text("SM2-"+string(rune('a'+i)), step.body, "OptOutType", step.optOut))
		require.Equal(t, step.want, last(), step.body)
	}
	s.do(t, text("", "x").answers(400, "bad_webhook"))
	s.do(t, webhook("/hooks/twilio/inbound?w=99", url.Values{"MessageSid": {"SM9"}, "From": {"+1"}}).answers(404))
}

func TestTwilioCall(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.do(t, webhook("/hooks/twilio/inbound?w=1", url.Values{"MessageSid": {"SM1"}, "From": {"+380671234567"}, "Body": {"Ring me"}}).answers(200))
	c, err := s.store.FindCustomer(t.Context(), s.seed.Workspace, "+380671234567")
	require.NoError(t, err)
	require.NoError(t, s.store.AddUser(t.Context(), s.seed.Workspace, store.User{Email: "ann@shop.example"}))
	call := func() string { return storetest.Call(t, s.url, s.seed.Workspace, c.ID, "ann@shop.example") }
	task, another := call(), call()
	path := "/hooks/twilio/call?w=1&task=" + task
	ended := func(path, status, seconds string) exchange {
		return webhook(path, url.Values{"CallSid": {"CA2"}, "ParentCallSid": {"CA1"}, "CallStatus": {status}, "CallDuration": {seconds}})
	}
	read := func(id string) store.Task {
		read, err := s.store.Task(t.Context(), s.seed.Workspace, id)
		require.NoError(t, err)
		return read
	}
	forged := ended(path, "completed", "42")
	forged.path += "0"
	s.do(t, forged.answers(403, "bad_signature"))
	s.do(t, ended(path, "completed", "").answers(400, "CallDuration"))
	for _, status := range []string{"busy", "no-answer", "failed", "canceled", "ringing", ""} {
		s.do(t, ended(path, status, "0").answers(204))
		require.Equal(t, store.TaskOpen, read(task).Status, status)
	}
	s.do(t, ended(path, "completed", "42").answers(204))
	s.do(t, ended(path, "completed", "42").answers(204))
	require.Equal(t, store.TaskDone, read(task).Status)
	require.Equal(t, "reached", read(task).Outcome)

	require.NoError(t, s.store.CompleteTask(t.Context(), s.seed.Workspace, another, store.TaskOutcome{Outcome: "wants an offer"}))
	s.do(t, ended("/hooks/twilio/call?w=1&task="+another, "completed", "7").answers(204))
	require.Equal(t, "wants an offer", read(another).Outcome, "what the user said stays")

	var told int
	var seconds float64
	require.NoError(t, s.connect(t).QueryRow(t.Context(), `SELECT count(*), sum((properties->>'duration')::numeric) FROM events
		WHERE name = $1`, audience.EventCallCompleted).Scan(&told, &seconds))
	require.Equal(t, 2, told, "each call once")
	require.InDelta(t, 42, seconds, 0)

	for _, wrong := range []string{"w=99&task=" + task, "w=1&task=x", "w=1", "w=1&task=0197a1b2-0000-7000-8000-000000000000"} {
		s.do(t, ended("/hooks/twilio/call?"+wrong, "completed", "1").answers(404))
	}
}

func TestTwilioSignature(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	form := url.Values{"MessageSid": {"SM1"}, "From": {"+380671234567"}, "Body": {"STOP"}}
	const path = "/hooks/twilio/inbound?w=1"
	forged := webhook(path, form)
	forged.header[sms.SignatureHeader] = "AAAA"
	unsigned := webhook(path, form)
	delete(unsigned.header, sms.SignatureHeader)
	changed := webhook(path, form)
	changed.body += "&To=x"
	moved := webhook(path, form)
	moved.path = "/hooks/twilio/inbound?w=2"
	for _, e := range []exchange{forged, unsigned, changed, moved} {
		s.do(t, e.answers(403, "bad_signature"))
	}
	broken := webhook(path, form)
	broken.body = "%zz"
	s.do(t, broken.answers(400))
	s.absent(t, "+380671234567")
	without := newSite(t, func(c *api.Config) { c.TwilioAuthToken = "" })
	without.do(t, webhook(path, form).answers(403, "not_configured"))
}
