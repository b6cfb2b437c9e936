package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func testUnsubscribe(t *testing.T, s *shop) {
	s.publish(t, `
campaign: digest
trigger: {event: digest_wanted}
reenter: always
topic: digest
steps: [{email: {id: digest, subject: Digest, text: "News. {{ unsubscribe_url }}"}}]
`)
	s.publish(t, `
campaign: receipt
trigger: {event: receipt_wanted}
reenter: always
transactional: true
steps: [{email: {id: receipt, subject: Receipt, text: Paid.}}]
`)
	for name, click := range map[string]struct{ contentType, body string }{
		"As a urlencoded form": {"application/x-www-form-urlencoded", "List-Unsubscribe=One-Click"},
		"As a multipart form": {
			"multipart/form-data; boundary=b",
			"--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who := newPerson("leaving")
			s.send(t, who.identify(), track(who.id, "digest_wanted", nil))
			m := awaitMail(t, s.mail, who.email, 1)
			path := strings.TrimPrefix(unsubscribeLink(t, &m), s.url)

			page := s.request(t, http.MethodGet, path, "", "")
			require.Equal(t, http.StatusOK, page.status)
			require.Contains(t, page.body, "digest")
			s.send(t, track(who.id, "digest_wanted", nil))
			awaitMail(t, s.mail, who.email, 2) // to look is not to click

			for range 2 { // saying it again changes nothing
				require.Equal(t, http.StatusOK, s.request(t, http.MethodPost, path, click.contentType, click.body).status)
			}
			s.send(t, track(who.id, "digest_wanted", nil), track(who.id, "receipt_wanted", nil))
			require.Equal(t, "Receipt", subject(awaitMail(t, s.mail, who.email, 3)), "a service message goes all the same")
			refused := s.awaitTouch(t, who.id, "digest", "suppressed")
			require.Equal(t, "unsubscribed from topic digest on DATE by one_click", moment.ReplaceAllString(refused.Outcome, "DATE"))
			require.Contains(t, s.succeed(t, "customer", "show", who.id), "consent     withdrawn to digest by email")
			require.Equal(t, 1, s.count(t, `SELECT count(*) FROM consents c JOIN customers k ON k.id = c.customer_id
				WHERE k.external_id = $1`, who.id))
			require.Len(t, mailTo(s.mail, who.email), 3)
		})
	}
	t.Run("A forged link", func(t *testing.T) {
		t.Parallel()
		who := newPerson("forged")
		s.send(t, who.identify(), track(who.id, "digest_wanted", nil))
		m := awaitMail(t, s.mail, who.email, 1)
		path := strings.TrimPrefix(unsubscribeLink(t, &m), s.url)
		forged := path[:len(path)-4] + "AAAA"
		require.Equal(t, http.StatusNotFound, s.request(t, http.MethodPost, forged, "", "").status)
		s.send(t, track(who.id, "digest_wanted", nil))
		awaitMail(t, s.mail, who.email, 2)
	})
}

func testStop(t *testing.T, s *shop) {
	s.publish(t, `
campaign: flash
trigger: {event: flash_wanted}
reenter: always
topic: flash
steps: [{sms: {id: flash, text: "{{ entry.what }} today. Reply STOP to end messages."}}]
`)
	who := newPerson("texted")
	wants := func(what string) { s.send(t, track(who.id, "flash_wanted", object{"what": what})) }
	s.send(t, who.identify())
	wants("Tea")
	require.Contains(t, s.awaitText(t, who.phone, 1).Body, "Tea")

	s.text(t, who, "STOP")
	wants("Coffee")
	refused := s.awaitTouch(t, who.id, "flash", "suppressed")
	require.Contains(t, refused.Outcome, "unsubscribed")
	shown := s.succeed(t, "customer", "show", who.id)
	require.Contains(t, shown, "consent     withdrawn to all topics by sms")
	require.Regexp(t, `(?m)  sms       .*STOP`, shown, "what the customer wrote stands on the record")
	require.Len(t, s.texts(t, who.phone), 1)

	s.text(t, who, "start")
	wants("Cake")
	require.Contains(t, s.awaitText(t, who.phone, 2).Body, "Cake")
}

// text plays a customer's text message.
func (s *shop) text(t *testing.T, from person, body string) {
	t.Helper()
	a := s.request(t, http.MethodPost, "/dev/phone/inbound", "application/json",
		encode(t, object{"from": from.phone, "body": body}))
	require.Equal(t, http.StatusAccepted, a.status, a.body)
}

func testOptIn(t *testing.T, s *shop) {
	s.succeed(t, "topic", "set", "club", "--policy", "opt-in")
	s.publish(t, `
campaign: club
trigger: {event: club_wanted}
reenter: always
topic: club
steps: [{email: {id: club, subject: Club, text: "Welcome. {{ unsubscribe_url }}"}}]
`)
	who := newPerson("club")
	s.send(t, who.identify(), track(who.id, "club_wanted", nil))
	refused := s.awaitTouch(t, who.id, "club", "suppressed")
	require.Equal(t, "no consent to topic club, which requires opt-in", refused.Outcome)
	require.Empty(t, mailTo(s.mail, who.email))

	joined := s.request(t, http.MethodPost, "/f/join", "application/x-www-form-urlencoded",
		url.Values{"email": {who.email}, "consent": {"club"}, "consent_text": {"Yes, I want it"}}.Encode())
	require.Equal(t, http.StatusSeeOther, joined.status, joined.body)
	s.send(t, track(who.id, "club_wanted", nil))
	awaitMail(t, s.mail, who.email, 1)
	require.Contains(t, s.succeed(t, "customer", "show", who.id), "consent     granted to club by email")
}
