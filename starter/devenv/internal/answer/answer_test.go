package answer

import (
	"html/template"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestJSONArray(t *testing.T) {
	t.Parallel()
	for want, items := range map[string][]int{"[]": nil, "[2]": {1, 2}, "[2,4]": {1, 2, 3, 4}} {
		w := httptest.NewRecorder()
		JSONArray(w, quiet(), items, func(n int) bool { return n%2 == 0 })
		require.JSONEq(t, want, w.Body.String())
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	JSON(w, quiet(), http.StatusOK, func() {})
	require.Equal(t, http.StatusInternalServerError, w.Code)

	w = httptest.NewRecorder()
	Page(w, quiet(), template.Must(template.New("").Parse("{{ .Missing.Field }}")), 1)
	require.Equal(t, http.StatusInternalServerError, w.Code)

	w = httptest.NewRecorder()
	Problem(w, quiet(), http.StatusNotFound, "no such thing")
	require.JSONEq(t, `{"title": "Not Found", "status": 404, "detail": "no such thing"}`, w.Body.String())
}

func TestWantsHTML(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/html": true,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true, "application/json, text/html;q=0.1": true,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		require.Equal(t, want, WantsHTML(r), accept)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	type body struct {
		From string `json:"from"`
	}
	for name, tc := range map[string]struct {
		kind, body, want string
		status           int
	}{
		"JSON":          {"application/json", `{"from": "a"}`, "a", 200},
		"NoType":        {"", `{"from": "a"}`, "a", 200},
		"Form":          {"application/x-www-form-urlencoded", "from=a%2Bb", "a+b", 200},
		"BadForm":       {"application/x-www-form-urlencoded", "from=%zz", "", 400},
		"BadJSON":       {"application/json", `{"from": `, "", 400},
		"UnknownField":  {"application/json", `{"form": "a"}`, "", 400},
		"LargerThanAll": {"application/json", `{"from": "` + strings.Repeat("x", maxBody) + `"}`, "", 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tc.body))
			r.Header.Set("Content-Type", tc.kind)
			var got body
			ok := Read(w, r, quiet(), &got, func(form func(string) string) { got.From = form("from") })
			require.Equal(t, tc.status == 200, ok)
			require.Equal(t, tc.status, w.Code)
			require.Equal(t, tc.want, got.From)
		})
	}
}
