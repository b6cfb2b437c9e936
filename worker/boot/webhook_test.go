package boot

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities"
	"dotyk/channels/webhook"
	"dotyk/rules/audience"
)

func TestWebhooks(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/json":
			_, _ = w.Write([]byte(`{"stock": 12345678901234567890}`))
		case "/text":
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write([]byte("no"))
		}
	}))
	defer server.Close()
	w := webhooks{webhook.New(webhook.Config{AllowPrivate: true})}
	send := func(url string) (activities.WebhookAnswer, error) {
		return w.Send(t.Context(), activities.WebhookRequest{ID: "one", URL: url, Timeout: 5 * time.Second})
	}
	for path, want := range map[string]activities.WebhookAnswer{
		"/json":  {Status: 200, Body: []byte(`{"stock":12345678901234567890}`)},
		"/text":  {Status: 418, Body: []byte(`"no"`)},
		"/empty": {Status: 200},
	} {
		got, err := send(server.URL + path)
		require.NoError(t, err, path)
		got.Duration = 0
		require.Equal(t, want, got, path)
	}
	server.Close()
	_, err := send(server.URL)
	require.Error(t, err)
	w.sender = webhook.New(webhook.Config{})
	_, err = send(server.URL)
	require.ErrorIs(t, err, webhook.ErrPrivate)
}

func TestRates(t *testing.T) {
	t.Parallel()
	for messages, want := range map[float64]sendRate{
		0: {}, 0.5: {1, 0.5}, 40: {1, 40}, 100: {3, 100.0 / 3}, 1000: {25, 40},
	} {
		require.Equal(t, want, rateOf(messages), "%v a second", messages)
	}
	c := Config{EmailRate: 100, SMSRate: 1}
	require.Equal(t, 3, c.rate(audience.Email).chunk)
	require.Equal(t, 1, c.rate(audience.SMS).chunk)
	require.Zero(t, c.rate(audience.Webhook))
	c.SMSRate = -1
	require.ErrorIs(t, c.Check(), errNegativeRate)
}
