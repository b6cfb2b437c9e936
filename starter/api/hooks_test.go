package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store/storetest"
	"dotyk/channels/email/hooks"
	"dotyk/starter/api"
)

// TestProviderHooks posts to a webhook as a provider does, and as others do, who are all told the same.
func TestProviderHooks(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	require.NoError(t, st.SetProviderHook(t.Context(), seed.Workspace, "postmark", hooks.PostmarkSecret("dotyk", "word")))
	handler := api.New(api.Config{Store: st})
	post := func(path, user, password, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		r.SetBasicAuth(user, password)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	const bounce = `{"RecordType":"Bounce","ID":1,"Type":"HardBounce","Email":"ann@example.com"}`
	for range 2 { // a repetition is no fault
		require.Equal(t, http.StatusNoContent, post("/hooks/postmark?w=1", "dotyk", "word", bounce).Code)
	}
	said := post("/hooks/postmark?w=1", "dotyk", "wrong", bounce)
	require.Equal(t, http.StatusForbidden, said.Code)
	for _, path := range []string{"/hooks/postmark?w=2", "/hooks/postmark", "/hooks/postmark?w=x", "/hooks/mailgun?w=1", "/hooks/ses?w=1", "/hooks/sendgrid?w=1"} {
		other := post(path, "dotyk", "word", bounce)
		require.Equal(t, http.StatusForbidden, other.Code, path)
		require.Equal(t, said.Body.String(), other.Body.String(), path)
	}
	require.Equal(t, http.StatusForbidden, post("/hooks/postmark?w=1", "dotyk", "word", bounce[:20]).Code, "cut")
}
