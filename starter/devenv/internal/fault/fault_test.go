package fault

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type rule struct {
	Name string `json:"name"`
	Hits int    `json:"hits"`
}

func TestRules(t *testing.T) {
	t.Parallel()
	var rules Rules[rule]
	mux := http.NewServeMux()
	rules.Handle(mux, "/faults", slog.New(slog.DiscardHandler), func(r *rule) error {
		if r.Name == "" {
			return errors.New("a rule has a name")
		}
		r.Hits = 0
		return nil
	})
	ask := func(method, body string) (int, string) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, "/faults", strings.NewReader(body)))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	for _, step := range []struct {
		method, body string
		status       int
		want         string
	}{
		{http.MethodGet, "", 200, `[]`},
		{http.MethodPost, `{"name":"a","hits":7}`, 201, `{"name":"a","hits":0}`},
		{http.MethodPost, `{"name":"b"}`, 201, `{"name":"b","hits":0}`},
		{http.MethodPost, `{}`, 400, `{"detail":"a rule has a name","status":400,"title":"Bad Request"}`},
		{http.MethodPost, `{"nane":"c"}`, 400, `{"detail":"read JSON: json: unknown field \"nane\"","status":400,"title":"Bad Request"}`},
	} {
		status, body := ask(step.method, step.body)
		require.Equal(t, step.status, status, step.body)
		require.Equal(t, step.want, body)
	}

	first, ok := rules.First(func(r *rule) bool { r.Hits++; return true })
	require.True(t, ok)
	require.Equal(t, rule{Name: "a", Hits: 1}, first)
	_, ok = rules.First(func(r *rule) bool { return r.Name == "c" })
	require.False(t, ok)
	_, body := ask(http.MethodGet, "")
	require.JSONEq(t, `[{"name":"a","hits":1},{"name":"b","hits":0}]`, body)

	status, _ := ask(http.MethodDelete, "")
	require.Equal(t, http.StatusNoContent, status)
	_, ok = rules.First(func(*rule) bool { return true })
	require.False(t, ok)
}
