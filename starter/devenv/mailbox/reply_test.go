package mailbox

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInbound(t *testing.T) {
	t.Parallel()
	replies := make(chan Reply, 10)
	box := start(t, Config{Inbound: func(_ context.Context, r Reply) error {
		if r.Text == "refuse" {
			return errors.New("not today")
		}
		replies <- r
		return nil
	}})
	srv := serve(t, box)
	send(t, box.Addr(), []string{"olena@example.com"}, "From: Shop <news@shop.example>\nReply-To: help@shop.example\n"+
		"Subject: Your basket\nMessage-ID: <first@shop>\n\nhello")
	send(t, box.Addr(), []string{"olena@example.com"}, "From: Shop <news@shop.example>\nSubject: RE: again\nMessage-ID: <second@shop>\n\nhello")

	for _, tc := range []struct {
		name, body string
		want       Reply
	}{
		{
			"AnswersTheNewest", `{"from": "Olena@example.com", "text": "yes"}`,
			Reply{From: "Olena@example.com", To: "news@shop.example", Subject: "RE: again", Text: "yes", InReplyTo: "second@shop"},
		},
		{
			"AnswersTheOneNamed", `{"from": "olena@example.com", "text": "так", "in_reply_to": "<first@shop>"}`,
			Reply{From: "olena@example.com", To: "help@shop.example", Subject: "Re: Your basket", Text: "так", InReplyTo: "first@shop"},
		},
		{
			"SaysAllItself", `{"from": "new@example.com", "to": "sales@shop.example", "subject": "Prices?", "text": "a\nb"}`,
			Reply{From: "new@example.com", To: "sales@shop.example", Subject: "Prices?", Text: "a\nb"},
		},
	} {
		status, body := request(t, http.MethodPost, srv.URL+"/dev/mailbox/inbound", tc.body, "Content-Type", "application/json")
		require.Equal(t, http.StatusAccepted, status, body)
		got := <-replies
		require.Contains(t, body, got.MessageID)
		require.True(t, strings.HasSuffix(got.MessageID, "@mailbox.localhost"))
		require.False(t, got.At.IsZero())

		raw, err := got.MIME()
		require.NoError(t, err)
		parsed := parse(raw)
		require.Equal(t, got.From, parsed.From)
		require.Equal(t, got.Subject, parsed.Subject)
		require.Equal(t, got.Text, parsed.Text)
		require.Equal(t, got.MessageID, messageID(parsed))
		require.Equal(t, got.InReplyTo, strings.Trim(parsed.header("In-Reply-To"), "<>"))

		got.MessageID, got.At = "", tc.want.At
		require.Equal(t, tc.want, got, tc.name)
	}

	form := url.Values{"from": {"olena@example.com"}, "text": {"from the page"}, "in_reply_to": {"first@shop"}}
	status, _ := request(t, http.MethodPost, srv.URL+"/dev/mailbox/inbound", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusSeeOther, status)
	require.Equal(t, "from the page", (<-replies).Text)

	for body, want := range map[string]string{
		`{"from": "nobody", "text": "x"}`:                  "want the customer's address",
		`{"from": "stranger@example.com", "text": "x"}`:    "no message to stranger@example.com is known",
		`{"from": "olena@example.com", "text": "refuse"}`:  "not today",
		`{"from": "olena@example.com", "subjekt": "typo"}`: "unknown field",
	} {
		status, answer := request(t, http.MethodPost, srv.URL+"/dev/mailbox/inbound", body)
		require.GreaterOrEqual(t, status, 400)
		require.Contains(t, answer, want)
	}
}
