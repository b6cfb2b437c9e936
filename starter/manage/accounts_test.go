package manage_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/starter/manage"
)

func TestAccounts(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	o.do(exchange{name: "no key", path: "/accounts", body: `{"name":"main","url":"smtp://shop:topsecret@mail.example.com"}`, status: 409, want: []string{`"no_secret_key"`, "its operator sets DOTYK_SECRET_"}, unwanted: []string{"topsecret"}})

	key, err := store.NewSecretKey()
	require.NoError(t, err)
	keys, err := store.ParseSecretKeys(key)
	require.NoError(t, err)
	withKeys(t, o, keys)
	hidden := []string{"topsecret"}
	o.all([]exchange{
		{name: "none", path: "/accounts", status: 200, want: []string{`"accounts":[]`}},
		{name: "no server", path: "/accounts", body: `{"name":"main"}`, status: 422, want: []string{`"invalid"`, "the address of its server"}},
		{name: "bad server", path: "/accounts", body: `{"name":"main","url":"ftp://shop:topsecret@mail.example.com"}`, status: 422, want: []string{"want smtp or smtps"}, unwanted: hidden},
		{name: "bad key", path: "/accounts", body: `{"name":"main","url":"smtp://mail.example.com","dkim":{"domain":"shop.example","selector":"s1"},"dkim_key":"topsecret"}`, status: 422, want: []string{"no PEM block"}, unwanted: hidden},
		{name: "bad sender", path: "/accounts", body: `{"name":"main","url":"smtp://mail.example.com","from":"x"}`, status: 422, want: []string{"Shop <news@shop.example>"}},
		{name: "bad day", path: "/accounts", body: `{"name":"main","url":"smtp://mail.example.com","warm_up":{"start":"2026-13-01"}}`, status: 422},
		{
			name: "add", path: "/accounts", status: 201, unwanted: hidden,
			body: `{"name":"main","url":"smtp://shop:topsecret@mail.example.com","from":"Shop <news@shop.example>","per_day":500,"warm_up":{"start":"2020-01-01","per_day":[5]}}`,
			want: []string{`"server":"smtp://shop@mail.example.com"`, `"per_day":500`, `"weight":1`, `"start":"2020-01-01"`},
		},
		{name: "again", path: "/accounts", body: `{"name":"main","url":"smtp://mail.example.com"}`, status: 409, want: []string{`"exists"`}},
		{name: "list", path: "/accounts", status: 200, want: []string{`"name":"main"`}, unwanted: hidden},
		{name: "change", method: "PATCH", path: "/accounts/main", body: `{"name":"bulk","weight":0,"no_warm_up":true,"from":""}`, status: 200, want: []string{`"name":"bulk"`, `"weight":0`, `"per_day":500`}, unwanted: append(hidden, "warm_up")},
		{name: "change to nonsense", method: "PATCH", path: "/accounts/bulk", body: `{"per_hour":-1}`, status: 422, want: []string{"-1 messages a hour"}},
		{name: "pause", path: "/accounts/bulk/pause", body: `{"reason":"listed"}`, status: 200, want: []string{`"paused":true`, `"reason":"listed"`}},
		{name: "resume", method: "POST", path: "/accounts/bulk/resume", status: 200, want: []string{`"paused":false`}},
		{name: "of another workspace", path: "/accounts/bulk", header: map[string]string{"Authorization": "Bearer OTHERKEY"}, status: 404},
		{name: "remove", method: "DELETE", path: "/accounts/bulk", status: 204},
		{name: "gone", path: "/accounts/bulk", status: 404, want: []string{"there is no sending account", "GET /api/v1/accounts"}},
		{name: "change gone", method: "PATCH", path: "/accounts/bulk", body: `{"weight":1}`, status: 404},
		{name: "pause gone", path: "/accounts/bulk/pause", body: `{}`, status: 404},
		{name: "resume gone", method: "POST", path: "/accounts/bulk/resume", status: 404},
		{name: "remove gone", method: "DELETE", path: "/accounts/bulk", status: 404},
	})
}

// withKeys gives the office a server that can keep secrets.
func withKeys(t *testing.T, o *office, keys store.SecretKeys) {
	t.Helper()
	st, err := store.Open(t.Context(), o.url, store.Options{MaxConns: 4, SecretKeys: keys})
	require.NoError(t, err)
	t.Cleanup(st.Close)
	server := httptest.NewServer(manage.New(manage.Config{Store: st, Logger: slog.New(slog.NewTextHandler(o.logs, nil))}))
	t.Cleanup(server.Close)
	o.base = server.URL
}

func TestErrorClasses(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	o.all([]exchange{
		{name: "built in", path: "/error-classes", status: 200, want: []string{`"code":"21610"`, `"source":"built-in"`}},
		{name: "own", path: "/error-classes?own=true", status: 200, want: []string{`"error_classes":[]`}},
		{name: "set", method: "PUT", path: "/error-classes", body: `{"channel":"email","code":"5.7.*","kind":"temporary","note":"odd"}`, status: 200, want: []string{`"note":"odd"`, `"source":"workspace"`}},
		{name: "unknown", method: "PUT", path: "/error-classes", body: `{"channel":"email","code":"5.7.*","kind":"unknown"}`, status: 422},
		{name: "bad text", method: "PUT", path: "/error-classes", body: `{"channel":"email","code":"5*","text":"(","kind":"temporary"}`, status: 422, want: []string{"no regular expression"}},
		{name: "of another workspace", path: "/error-classes?own=true", header: map[string]string{"Authorization": "Bearer OTHERKEY"}, status: 200, want: []string{`"error_classes":[]`}},
		{name: "remove", method: "DELETE", path: "/error-classes?channel=email&code=5.7.*", status: 204},
		{name: "remove again", method: "DELETE", path: "/error-classes?channel=email&code=5.7.*", status: 404},
	})
}
