package manage_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
)

func TestConsent(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	email := "ann@example.com"
	_, err := o.store.Ingest(t.Context(), o.seed.Workspace, []store.Delivery{{Source: o.seed.Source, Messages: []store.Message{{
		Call: store.CallIdentify, MessageID: "m1", UserID: "ann", Name: "identified", Profile: store.Profile{Email: &email},
	}}}})
	require.NoError(t, err)
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	o.all([]exchange{
		{method: put, path: "/topics/news", body: `{"policy":"double_opt_in","title":{"uk":"Новини"}}`, status: 200, want: []string{`"Новини"`}},
		{method: put, path: "/topics/news", body: `{"title":{"xx":"?"}}`, status: 422, want: []string{"en and uk"}},
		{method: post, path: "/customers/ann/consents", body: `{"channel":"email","topic":"news","action":"granted","text":"Yes","evidence":{"call":"R-1"}}`, status: 201, want: []string{`"operator"`, `"R-1"`, `"hash"`}},
		{method: post, path: "/customers/ann/consents", body: `{"channel":"email","topic":"news","action":"granted","at":"2999-01-01T00:00:00Z"}`, status: 422, want: []string{"in the future"}},
		{method: get, path: "/customers/nobody/consents", status: 404},
		{method: get, path: "/customers/ann/export", status: 200, want: []string{email, `"consents"`}},
		{method: post, path: "/suppressions", body: `{"addresses":[{"channel":"email","address":"x@example.com"}]}`, status: 200, want: []string{`"added":1`}},
		{method: post, path: "/suppressions", body: `{"addresses":[{"channel":"email","address":"x"}]}`, status: 422, want: []string{"no address"}},
		{method: get, path: "/suppressions?channel=email&address=X@example.com", status: 200, want: []string{`"manual"`}},
		{method: post, path: "/suppressions/lift", body: `{"channel":"email","address":"x@example.com"}`, status: 204},
		{method: post, path: "/suppressions/lift", body: `{"channel":"email","address":"x@example.com"}`, status: 404},
		{method: del, path: "/customers/ann", status: 422, want: []string{"reason"}},
		{method: del, path: "/customers/ann?reason=asked", status: 200, want: []string{`"suppressed":1`}},
		{method: get, path: "/customers/ann/consents", status: 404},
		{method: get, path: "/suppressions?channel=email&reason=erased", status: 200, want: []string{`"erased"`}},
	})
}
