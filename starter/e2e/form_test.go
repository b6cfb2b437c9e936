package e2e

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

const urlencoded = "application/x-www-form-urlencoded"

func testForm(t *testing.T, s *shop) {
	s.publish(t, `
campaign: contact
trigger: {event: form_submitted, when: event.form == "contact"}
reenter: always
transactional: true
steps: [{email: {id: copy, subject: "About {{ entry.subject }}", text: "You wrote: {{ entry.message }}"}}]
`)
	t.Run("From a page", func(t *testing.T) {
		t.Parallel()
		who := newPerson("visitor")
		a := s.request(t, http.MethodPost, "/f/contact", urlencoded, url.Values{
			"email": {who.email}, "name": {"Vira"}, "subject": {"tea"}, "message": {"Do you have any?"},
		}.Encode())
		require.Equal(t, http.StatusSeeOther, a.status, a.body)
		require.Equal(t, "/f/contact/thanks", a.header.Get("Location"))
		require.Equal(t, http.StatusOK, s.request(t, http.MethodGet, a.header.Get("Location"), "", "").status)
		m := awaitMail(t, s.mail, who.email, 1)
		require.Equal(t, "About tea", m.Subject())
		require.Contains(t, m.Text, "Do you have any?")
		shown := s.succeed(t, "customer", "show", who.email)
		require.Regexp(t, `(?m)^Vira `, shown)
		require.Regexp(t, `(?m)  form      form_submitted  .*"form":"contact"`, shown)
	})
	t.Run("From a script, twice", func(t *testing.T) {
		t.Parallel()
		who := newPerson("script")
		for range 2 {
			a := s.request(t, http.MethodPost, "/f/contact", "application/json", encode(t, object{
				"email": who.email, "subject": "cake", "message": "Please.", "_id": "form-" + who.id,
			}))
			require.Equal(t, http.StatusOK, a.status, a.body)
			require.JSONEq(t, `{"success":true}`, a.body)
		}
		awaitMail(t, s.mail, who.email, 1)
		require.Equal(t, 1, s.events(t, who.email))
	})
	t.Run("From a robot", func(t *testing.T) {
		t.Parallel()
		robot := newPerson("robot")
		a := s.request(t, http.MethodPost, "/f/contact", urlencoded, url.Values{
			"email": {robot.email}, "message": {"Buy."}, "_gotcha": {"http://spam.example"},
		}.Encode())
		require.Equal(t, http.StatusSeeOther, a.status, "a robot is not told that it was found out")
		require.Equal(t, 1, s.command(t, "customer", "show", robot.email).code)
		require.Equal(t, []string{"the hidden field _gotcha is filled in"}, rows[string](t, &s.site,
			`SELECT reason FROM dead_letters WHERE severity = 'spam' AND convert_from(payload, 'UTF8') LIKE '%' || $1 || '%'`,
			url.QueryEscape(robot.email)))
	})
	t.Run("With an address that cannot work", func(t *testing.T) {
		t.Parallel()
		who := newPerson("typo")
		a := s.request(t, http.MethodPost, "/f/contact", "application/json", encode(t, object{
			"email": who.id + "@example", "message": "Hello?",
		}))
		require.Equal(t, http.StatusUnprocessableEntity, a.status)
		require.Contains(t, a.body, `"place":"email"`)
		require.Contains(t, a.body, `"advice":"write an address such as anna@example.com"`)
		require.Equal(t, 1, s.command(t, "customer", "find", who.id).code+s.command(t, "customer", "show", who.id+"@example").code)
	})
}

// events counts the events on the record of whoever has an e-mail address.
func (s *shop) events(t *testing.T, email string) int {
	t.Helper()
	return s.count(t, `SELECT count(*) FROM events e JOIN customers c ON c.id = e.customer_id WHERE c.email = $1`, email)
}
