package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/channels/email/smtptest"
)

func subject(m smtptest.Message) string { return m.Subject() }

// testBadRequests wants requests that cannot be read to be refused with what, where and how to mend it, and nothing of
// them to be kept.
func testBadRequests(t *testing.T, s *shop) {
	const path, kind = "/v1/batch", "application/json"
	long := strings.Repeat("x", 600_000)
	t.Run("All", func(t *testing.T) { // returns when every request was made
		for name, c := range map[string]struct {
			method, path, contentType, body string
			status                          int
			answer                          []string
		}{
			"JSON that breaks off": {
				http.MethodPost, path, kind, "{\"batch\":[\n  {\"type\":\"track\",\"userId\":\"broken-1\"", http.StatusBadRequest,
				[]string{`"success":false`, `"code":"bad_json"`, `"line":2`, `"column":`, `"advice":"send one JSON document`},
			},
			"No JSON at all": {
				http.MethodPost, path, kind, "hello", http.StatusBadRequest, []string{`"code":"bad_json"`, `"line":1`, `"column":1`},
			},
			"Too much": {
				http.MethodPost, path, kind, `{"batch":[{"type":"track","userId":"broken-2","event":"` + long + `"}]}`,
				http.StatusBadRequest,
				[]string{`"code":"too_large"`, "512000", `"advice":"send fewer messages at once"`},
			},
			"No batch": {
				http.MethodPost, path, kind, `{"messages":[]}`, http.StatusBadRequest, []string{`"code":"no_batch"`, `"advice":`},
			},
			"A path that is not there": {
				http.MethodPost, "/v1/tracks", kind, `{}`, http.StatusNotFound, []string{`"code":"not_found"`},
			},
			"A method that does not fit": {
				http.MethodGet, path, "", "", http.StatusMethodNotAllowed, []string{`"advice":`},
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				a := s.request(t, c.method, c.path, c.contentType, c.body)
				require.Equal(t, c.status, a.status, a.body)
				require.True(t, strings.HasPrefix(a.header.Get("Content-Type"), "application/json"), a.header)
				for _, part := range c.answer {
					require.Contains(t, a.body, part)
				}
			})
		}
		t.Run("A wrong key", func(t *testing.T) {
			t.Parallel()
			stranger := site{url: s.url, key: "not-the-write-key"}
			a := stranger.request(t, http.MethodPost, path, kind, encode(t, object{"batch": []object{identify("broken-3", nil)}}))
			require.Equal(t, http.StatusUnauthorized, a.status)
			require.Contains(t, a.body, `"code":"unknown_key"`)
			require.Contains(t, a.body, "send the write key as user name of HTTP Basic")
			require.NotEmpty(t, a.header.Get("WWW-Authenticate"))
		})
	})
	require.Zero(t, s.count(t, `SELECT count(*) FROM identities WHERE value LIKE 'broken-%'`),
		"customers were made of requests that were refused")
}

// testBadFields wants a message with a field that makes no sense to be kept without it, and the field to be found.
func testBadFields(t *testing.T, s *shop) {
	s.publish(t, `
campaign: fields
trigger: {event: fields_wanted}
transactional: true
steps:
  - email: {id: mail, subject: Hello, text: Hello.}
  - sms: {id: text, text: Hello.}
`)
	for name, c := range map[string]struct {
		field, value, reason, advice string
		step, refusal                string // which message cannot be sent now, and why
	}{
		"An e-mail address": {
			"email", "nobody at all", "this is not an e-mail address", "write an address such as anna@example.com",
			"mail", "no e-mail address on the record",
		},
		"A phone number": {
			"phone", "12", "this is not a valid phone number", "write it with its country code, such as +380 67 123 45 67",
			"text", "no phone number on the record",
		},
		"A time zone": {
			"timezone", "Mars/Olympus", "this is not a time zone", "send a name of the IANA database such as Europe/Kyiv", "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who := newPerson("field")
			traits := object{"email": who.email, "phone": who.phone, "favourite": object{"tea": []any{"green", 2}}}
			traits[c.field] = c.value
			call := identify(who.id, traits)
			call["messageId"], call["unheardOf"] = "id-"+who.id, object{"kept": true}
			a := s.request(t, http.MethodPost, "/v1/batch", "application/json",
				encode(t, object{"batch": []object{call, track(who.id, "fields_wanted", nil)}}))
			require.Equal(t, http.StatusOK, a.status, a.body)
			for _, part := range []string{`"success":true`, `"warnings":[{"index":0`, `"place":"batch[0].traits.` + c.field + `"`, c.reason, c.advice} {
				require.Contains(t, a.body, part)
			}
			require.Equal(t, []string{c.reason + "|" + c.advice}, rows[string](t, &s.site,
				`SELECT reason || '|' || advice FROM dead_letters WHERE message_id = $1 AND severity = 'field'`, "id-"+who.id))
			require.Equal(t, []string{`{"kept": true}`}, rows[string](t, &s.site,
				`SELECT extra->>'unheardOf' FROM events WHERE message_id = $1`, "id-"+who.id))
			if c.step != "mail" {
				awaitMail(t, s.mail, who.email, 1)
			}
			if c.step != "text" {
				s.awaitText(t, who.phone, 1)
			}
			if c.step != "" {
				require.Equal(t, c.refusal, s.awaitTouch(t, who.id, c.step, "suppressed").Outcome)
			}
			r := s.record(t, who.id)
			require.Equal(t, object{"tea": []any{"green", 2.0}}, r.Customer.Attributes["favourite"])
			require.Empty(t, r.Customer.Timezone)
		})
	}
}

// testBadMessages wants single bad messages of a batch to be told apart, and the others to be stored.
func testBadMessages(t *testing.T, s *shop) {
	who := newPerson("batch")
	good := track(who.id, "looked", object{"sku": "A"})
	batch := encode(t, object{"batch": []object{
		good,
		{"type": "track", "userId": who.id, "messageId": "nameless-" + who.id},
		{"type": "track", "event": "looked", "messageId": "nobody-" + who.id},
		{"type": "dance", "userId": who.id, "messageId": "dance-" + who.id},
		track(who.id, "looked", object{"sku": "B"}),
	}})
	a := s.request(t, http.MethodPost, "/v1/batch", "application/json", batch)
	require.Equal(t, http.StatusOK, a.status, a.body)
	for _, part := range []string{`"rejected":[`, `"index":1`, `"index":2`, `"index":3`, "dance", `"advice":`} {
		require.Contains(t, a.body, part)
	}
	stored := func() int {
		return s.count(t, `SELECT count(*) FROM events e JOIN customers c ON c.id = e.customer_id
			WHERE c.external_id = $1 AND e.name = 'looked'`, who.id)
	}
	require.Equal(t, 2, stored())
	require.Equal(t, 3, s.count(t, `SELECT count(*) FROM dead_letters WHERE severity = 'rejected' AND message_id LIKE '%-' || $1
		AND reason <> '' AND advice <> ''`, who.id))

	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/batch", strings.NewReader(batch))
	require.NoError(t, err)
	req.SetBasicAuth(s.key, "")
	req.Header.Set("X-Strict-Mode", "1")
	strict, err := do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, strict.status)
	require.Contains(t, strict.body, "nothing was stored")
	require.Equal(t, 2, stored())
}
