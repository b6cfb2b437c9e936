package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store/storetest"
	"dotyk/rules/audience"
	"dotyk/starter/api"
)

const urlencoded = "application/x-www-form-urlencoded"

// post is a form as a browser sends it from a page of the shop; more are pairs of header names and values.
func post(body string, more ...string) exchange {
	e := exchange{name: body, path: "/f/contact", body: body, header: map[string]string{"Content-Type": urlencoded, "Accept": "text/html,*/*", "Referer": "https://shop.example/contact?x=1"}}
	for pair := range slices.Chunk(more, 2) {
		e.header[pair[0]] = pair[1]
	}
	return e
}

func (e exchange) answers(status int, want ...string) exchange {
	e.status, e.want = status, want
	return e
}

func multiparted(t *testing.T, file string, fields ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for pair := range slices.Chunk(fields, 2) {
		require.NoError(t, w.WriteField(pair[0], pair[1]))
	}
	part, err := w.CreateFormFile("file", "cv.pdf")
	require.NoError(t, err)
	_, err = part.Write([]byte(file))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String(), w.FormDataContentType()
}

func TestForm(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	anna := url.Values{
		"email": {"Anna@Example.com"}, "name": {"Anna"}, "message": {"Привіт"}, "consent": {"on"}, "topics": {"news", "offers"},
		"consent_text": {"I agree to receive letters"}, "_id": {"1"}, "_redirect": {"/thank-you"}, "writeKey": {s.seed.WriteKey}, "_gotcha": {""}, "website_url": {""},
	}.Encode()
	first := post(anna, "Cookie", "ajs_anonymous_id=%22visitor-1%22", "User-Agent", "Firefox")
	s.do(t, first.answers(303, "Location: https://shop.example/thank-you"))
	s.do(t, first.answers(303))

	r := s.record(t, "visitor-1")
	require.Equal(t, "anna@example.com", r.Customer.Email)
	require.Equal(t, "Anna", r.Customer.Name)
	require.Len(t, r.Timeline, 1, "a repeated post is stored once")
	entry := r.Timeline[0]
	require.Equal(t, audience.EventFormSubmitted, entry.Name)
	require.Equal(t, audience.Form, entry.Channel)
	require.Equal(t, map[string]any{
		"form": "contact", "email": "Anna@Example.com", "name": "Anna", "message": "Привіт", "consent": "on", "topics": []any{"news", "offers"},
	}, entry.Properties, "neither steering fields nor honeypots are kept")
	require.Len(t, r.Consents, 2)
	require.Equal(t, audience.Granted, r.Consents[0].Action)
	require.Equal(t, "form", r.Consents[0].Method)
	require.Equal(t, "contact", r.Consents[0].Source)
	require.Equal(t, "I agree to receive letters", r.Consents[0].TextShown)

	body, kind := multiparted(t, "", "email", "anna@example.com", "name", "Mallory", "message", "again")
	s.do(t, post(body, "Content-Type", kind).answers(303, "Location: /f/contact/thanks"))
	s.do(t, post(`{"email":"anna@example.com","name":"Mallory","n":12345678901234567890,"deep":{"a":[1]},"anonymous_id":"visitor-1"}`, "Content-Type", "application/json", "Accept", "*/*").answers(200, `{"success":true}`))
	s.do(t, post("email=anna%40example.com", "Accept", "*/*", "Sec-Fetch-Mode", "cors").answers(200, `{"success":true}`))
	r = s.record(t, "anna@example.com")
	require.Equal(t, "Anna", r.Customer.Name, "a stranger does not overwrite the record")
	require.Len(t, r.Timeline, 4)

	s.do(t, exchange{method: http.MethodGet, path: "/f/contact/thanks", status: 200, want: []string{"Thank you", "Content-Security-Policy: default-src 'none'"}})
	s.do(t, exchange{method: http.MethodGet, path: "/f/contact/thanks", header: map[string]string{"Accept-Language": "uk-UA,uk;q=0.9,en;q=0.5"}, status: 200, want: []string{"Дякуємо", `<html lang="uk">`}})
}

func TestFormRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	file, fileKind := multiparted(t, "content", "email", "a@b.co")
	long, longKind := multiparted(t, "", "message", strings.Repeat("x", 100_000))
	script := []string{"Accept", "application/json"}
	for _, e := range []exchange{
		post("email=anna%40&message=x").answers(422, "email: This is not an e-mail address. Write an address such as anna@example.com.", "text/html", "go back"),
		post("email=anna", "Accept-Language", "uk").answers(422, "email: Це не адреса електронної пошти. Напишіть адресу на зразок", "Поверніться"),
		post("email=anna&tel=1", script...).answers(422, `"code":"invalid_fields"`, `"fields":[{"place":"email"`, `{"place":"tel","reason":"this is not a valid phone number","advice":"write it with its country code`),
		post(`{"email":"x"}`, "Content-Type", "application/json", "Accept", "*/*").answers(422, `"fields":[{"place":"email"`),
		post(`{"email":`, "Content-Type", "application/json", "Accept", "*/*").answers(400, `"code":"bad_form"`),
		post(`{} {}`, "Content-Type", "application/json", "Accept", "*/*").answers(400, `"code":"bad_form"`),
		post("{\"a\":\"\xff\"}", "Content-Type", "application/json", "Accept", "*/*").answers(400, `"code":"not_utf8"`),
		post(`null`, "Content-Type", "application/json", "Accept", "*/*").answers(400, `"code":"bad_form"`),
		post("message=%CF%F0", script...).answers(400, `"code":"not_utf8"`, "accept-charset"),
		post("_id=%00", script...).answers(400, `"code":"not_utf8"`),
		post("message=a%00b", script...).answers(422, `"place":"message"`, "U+0000"),
		post("a=%zz", script...).answers(400, `"code":"bad_form"`),
		post("<x>", "Content-Type", "text/xml", "Accept", "application/json").answers(415, `"code":"unsupported_type"`),
		post("x", "Content-Type", "multipart/form-data", "Accept", "application/json").answers(400, `"code":"bad_form"`),
		post("x", "Content-Type", "multipart/form-data; boundary=y", "Accept", "application/json").answers(400, `"code":"bad_form"`),
		post("", script...).answers(400, "the form is empty"),
		post(file, "Content-Type", fileKind).answers(422, "Files cannot be sent", "text/html"),
		post(long, "Content-Type", longKind).answers(400, "larger than 65536 bytes"),
		post("message="+strings.Repeat("x", 40000), script...).answers(422, "the form is too long"),
		post("a=1"+strings.Repeat("&b=2&c"+strings.Repeat("d", 3)+"=3", 1)+manyFields(300), script...).answers(400, "too many fields"),
		post("writeKey=wrong&email=a%40b.co", script...).answers(401, `"code":"unknown_key"`),
	} {
		s.do(t, e)
	}
	s.do(t, exchange{name: "bad name", path: "/f/a%20b", status: 404, header: map[string]string{"Accept": "application/json"}})
	s.do(t, exchange{name: "bad name", method: http.MethodGet, path: "/f/a%20b/token", status: 404})
	s.do(t, exchange{name: "bad name", method: http.MethodGet, path: "/f/a%20b/form.js", status: 404})
	require.Empty(t, s.letters(t))
	s.absent(t, "a@b.co")

	second := storetest.Workspace(t, s.store)
	s.do(t, post("email=a%40b.co", script...).answers(401, `"code":"unknown_key"`, "hidden"))
	s.do(t, post("email=a%40b.co&writeKey="+second.WriteKey, script...).answers(200))
	_, err := s.store.FindCustomer(t.Context(), second.Workspace, "a@b.co")
	require.NoError(t, err)
	s.absent(t, "a@b.co")
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "&f%d=1", i)
	}
	return b.String()
}

func TestFormRedirect(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	const ours = "Location: /f/contact/thanks"
	for target, want := range map[string]string{
		"":                                   ours,
		"thanks.html":                        "Location: https://shop.example/thanks.html",
		"/thanks?a=b":                        "Location: https://shop.example/thanks?a=b",
		"https://shop.example/x":             "Location: https://shop.example/x",
		"https://SHOP.example/x":             "Location: https://SHOP.example/x",
		"https://dotyk.example/x":            "Location: https://dotyk.example/x",
		"https://evil.example/x":             ours,
		"//evil.example/x":                   ours,
		"/\\evil.example":                    ours,
		"\\\\evil.example":                   ours,
		"https://shop.example@evil.example/": ours,
		"https://evil.example#shop.example":  ours,
		"https:evil.example":                 ours,
		"javascript:alert(1)":                ours,
		"data:text/html,x":                   ours,
		"ftp://shop.example/":                ours,
		"https://shop.example:444/":          ours,
		"/a\r\nSet-Cookie: x=1":              ours,
		strings.Repeat("a", 3000):            ours,
	} {
		w := s.do(t, post("message=x&_redirect="+url.QueryEscape(target)).answers(303, want))
		require.Empty(t, w.Header().Get("Set-Cookie"))
	}
	e := post("message=x&_redirect="+url.QueryEscape("https://shop.example/x"), "Referer", "", "Origin", "https://shop.example")
	s.do(t, e.answers(303, "Location: https://shop.example/x"))
	e.header["Origin"] = "null"
	s.do(t, e.answers(303, ours))
}

func TestFormSpam(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	token := s.token(t, "contact")
	for _, e := range []exchange{
		post("message=x&_gotcha=buy"), post("message=x&website_url=http%3A%2F%2Fx"),
		post("message=" + url.QueryEscape("http://a https://b www.c [url=d]")), post("name=http%3A%2F%2Fa&message=x"),
		post("message=x&_token=" + token), // at once
		post("message=x&_token=forged"), post("message=x&_token=" + strings.Replace(token, ".", "0.", 1)), post("message=x&_token=" + s.token(t, "another")),
	} {
		s.do(t, e.answers(303, "Location: /f/contact/thanks"))
	}
	s.do(t, post(`{"message":"x","_gotcha":"y"}`, "Content-Type", "application/json", "Accept", "*/*").answers(200, `{"success":true}`))
	s.clock.advance(24*time.Hour + time.Second)
	s.do(t, post("message=x&_token="+token).answers(303))
	letters := s.letters(t)
	require.Len(t, letters, 10)
	for i, want := range []string{"_gotcha is filled in", "website_url is filled in", "more than 3 links", "link in the name", "was filled in within", "forged", "forged", "forged", "_gotcha", "older than 24h"} {
		require.Contains(t, letters[i], "spam form contact: ")
		require.Contains(t, letters[i], want)
	}
	s.absent(t, "human")
	good := s.token(t, "contact")
	s.clock.advance(3 * time.Second)
	s.do(t, post("message="+url.QueryEscape("see https://a.example")+"&anonymousId=human&_token="+good).answers(303))
	require.Len(t, s.names(t, "human"), 1)
}

// token asks for a time token as form.js does.
func (s *site) token(t *testing.T, form string) string {
	t.Helper()
	w := s.do(t, exchange{method: http.MethodGet, path: "/f/" + form + "/token?writeKey=KEY", status: 200, want: []string{"no-store"}})
	var answer struct{ Token string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer.Token
}

func TestFormScript(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.do(t, exchange{method: http.MethodGet, path: "/f/contact/form.js", status: 200, want: []string{"text/javascript", `var honeypot = "_gotcha"`, "max-age"}, unwanted: []string{"HONEYPOT"}})
	custom := newSite(t, func(c *api.Config) { c.Forms.Honeypots = []string{`a"b`} })
	custom.do(t, exchange{method: http.MethodGet, path: "/f/contact/form.js", status: 200, want: []string{`var honeypot = "a\"b"`}})
}

func TestFormRateLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *api.Config) { c.Forms.Burst, c.Forms.PerMinute = 3, 6 })
	from := func(address string, status int, forwarded ...string) exchange {
		e := post("message=x").answers(status)
		e.from = address
		if len(forwarded) > 0 {
			e.header["X-Forwarded-For"] = forwarded[0]
		}
		return e
	}
	for range 3 {
		s.do(t, from("203.0.113.7:1", 303))
	}
	refused := from("203.0.113.7:2", 429)
	refused.want = []string{"Retry-After: 10", "try again in a moment", "text/html"}
	s.do(t, refused)
	s.do(t, from("203.0.113.8:1", 303))
	s.do(t, from("203.0.113.7:1", 429, "198.51.100.1")) // what a stranger forwards is not believed
	s.clock.advance(10 * time.Second)
	s.do(t, from("203.0.113.7:1", 303))
	s.do(t, from("203.0.113.7:1", 429))
	for range 10 {
		s.do(t, from("127.0.0.1:1", 303))
	}
	for i, status := range []int{303, 303, 303, 429} { // behind a proxy, and from one /64
		s.do(t, from("127.0.0.1:1", status, fmt.Sprintf("10.0.0.1, 2001:db8::%d", i+1)))
	}
	s.do(t, from("127.0.0.1:1", 303, "2001:db8:0:1::1"))
}
