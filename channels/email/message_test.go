package email_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/channels"
	"dotyk/channels/email"
	"dotyk/channels/email/smtptest"
)

func TestMessage(t *testing.T) {
	t.Parallel()

	srv := smtptest.Start(t, smtptest.Config{})
	s := newSender(t, srv, nil)
	m := message(7)
	m.ReplyTo = "support@example.com"
	m.EnvelopeFrom = "b+7.deadbeef@bounce.example.com"
	m.UnsubscribeURL = "https://example.com/u/token"
	m.FeedbackID = "welcome:7:email:dotyk"
	m.Text = "Привіт\n.\nBye = 100%\n"
	m.HTML = "<p>Привіт, " + strings.Repeat("дуже довгий рядок ", 200) + "</p>"
	_, err := s.Send(t.Context(), m)
	require.NoError(t, err)

	got := srv.Messages()[0]
	require.Equal(t, "b+7.deadbeef@bounce.example.com", got.From)
	require.Equal(t, []string{"customer7@example.net"}, got.To)
	require.Equal(t, "Вітаємо, Олено!", got.Subject())
	require.Equal(t, m.Text, got.Text)
	require.Equal(t, m.HTML, got.HTML)
	from, err := got.Header.AddressList("From")
	require.NoError(t, err)
	require.Equal(t, "Крамниця «Дотик»", from[0].Name)
	require.Equal(t, "shop@example.com", from[0].Address)
	require.Equal(t, `"Olena" <customer7@example.net>`, got.Header.Get("To"))
	require.Equal(t, "<support@example.com>", got.Header.Get("Reply-To"))
	require.Equal(t, "<"+m.MessageID+">", got.Header.Get("Message-Id"))
	require.Equal(t, "<https://example.com/u/token>", got.Header.Get("List-Unsubscribe"))
	require.Equal(t, "List-Unsubscribe=One-Click", got.Header.Get("List-Unsubscribe-Post"))
	require.Equal(t, "welcome:7:email:dotyk", got.Header.Get("Feedback-Id"))
	require.Equal(t, "bulk", got.Header.Get("Precedence"))
	date, err := got.Header.Date()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), date, time.Minute)
	require.Contains(t, got.Header.Get("Date"), "+0000")
	require.Less(t, strings.Index(string(got.Raw), "text/plain"), strings.Index(string(got.Raw), "text/html"))
	for _, absent := range []string{"User-Agent", "X-Mailer", "Auto-Submitted", "Bcc"} {
		require.NotContains(t, got.Header, absent)
	}
	for line := range strings.SplitSeq(string(got.Raw), "\r\n") {
		require.LessOrEqual(t, len(line), 998)
		require.NotContains(t, line, "\n", "bare line feeds")
	}
}

func TestMessageVariants(t *testing.T) {
	t.Parallel()

	srv := smtptest.Start(t, smtptest.Config{})
	s := newSender(t, srv, nil)
	send := func(t *testing.T, change func(*channels.EmailMessage)) smtptest.Message {
		t.Helper()
		m := message(1)
		m.Subject = t.Name()
		change(m)
		_, err := s.Send(t.Context(), m)
		require.NoError(t, err)
		for _, got := range srv.Messages() {
			if got.Subject() == m.Subject {
				return got
			}
		}
		t.Fatal("not arrived")
		return smtptest.Message{}
	}

	t.Run("text only", func(t *testing.T) {
		t.Parallel()
		got := send(t, func(m *channels.EmailMessage) { m.HTML = "" })
		require.True(t, strings.HasPrefix(got.Header.Get("Content-Type"), "text/plain"))
		require.Equal(t, "Hello\n.\nBye\n", got.Text)
		require.NotContains(t, got.Header, "List-Unsubscribe")
		require.NotContains(t, got.Header, "Precedence", "transactional mail is none of bulk")
	})
	t.Run("unsubscribe by mail as well", func(t *testing.T) {
		t.Parallel()
		got := send(t, func(m *channels.EmailMessage) {
			m.UnsubscribeURL, m.UnsubscribeMail = "https://example.com/u/token", "u+a=b/7@пошта.укр"
		})
		require.Equal(t, "<https://example.com/u/token>, <mailto:u+a%3Db%2F7@xn--80a1acn3a.xn--j1amh>",
			got.Header.Get("List-Unsubscribe"))
		require.Equal(t, "List-Unsubscribe=One-Click", got.Header.Get("List-Unsubscribe-Post"))
	})
	t.Run("unsubscribe by mail alone", func(t *testing.T) {
		t.Parallel()
		got := send(t, func(m *channels.EmailMessage) { m.UnsubscribeMail = "u+7@example.com" })
		require.Equal(t, "<mailto:u+7@example.com>", got.Header.Get("List-Unsubscribe"))
		require.NotContains(t, got.Header, "List-Unsubscribe-Post", "one click needs an address of the web")
		require.Equal(t, "bulk", got.Header.Get("Precedence"))
	})
	t.Run("quoted local part", func(t *testing.T) {
		t.Parallel()
		got := send(t, func(m *channels.EmailMessage) { m.To = `"olena \"k\" b"@example.com` })
		require.Contains(t, srv.Commands(), `RCPT TO:<"olena \"k\" b"@example.com>`)
		to, err := got.Header.AddressList("To")
		require.NoError(t, err)
		require.Equal(t, `olena "k" b@example.com`, to[0].Address)
	})
	t.Run("http in development", func(t *testing.T) {
		t.Parallel()
		got := send(t, func(m *channels.EmailMessage) { m.UnsubscribeURL = "http://127.0.0.1:8080/u/token?x=1&y=2" })
		require.Equal(t, "<http://127.0.0.1:8080/u/token?x=1&y=2>", got.Header.Get("List-Unsubscribe"))
		require.Equal(t, "List-Unsubscribe=One-Click", got.Header.Get("List-Unsubscribe-Post"))
	})
	t.Run("message id from the touch", func(t *testing.T) {
		t.Parallel()
		got := send(t, func(m *channels.EmailMessage) { m.MessageID = "" })
		require.Equal(t, "<01890000-0000-7000-8000-000000000001@example.com>", got.Header.Get("Message-Id"))
	})
	t.Run("names with quotes and commas", func(t *testing.T) {
		t.Parallel()
		got := send(t, func(m *channels.EmailMessage) { m.FromName = `O"Neil, <boss@evil.example>` })
		from, err := got.Header.AddressList("From")
		require.NoError(t, err)
		require.Len(t, from, 1)
		require.Equal(t, `O"Neil, <boss@evil.example>`, from[0].Name)
		require.Equal(t, "shop@example.com", from[0].Address)
	})
	t.Run("domain beyond ASCII", func(t *testing.T) {
		t.Parallel()
		got := send(t, func(m *channels.EmailMessage) { m.To = "olena@пошта.укр" })
		require.Equal(t, []string{"olena@xn--80a1acn3a.xn--j1amh"}, got.To)
	})
}

func TestMessageBeyondASCII(t *testing.T) {
	t.Parallel()
	m := message(1)
	m.To = "олена@пошта.укр"

	t.Run("taken where the server offers it", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{SMTPUTF8: true})
		s := newSender(t, srv, nil)
		_, err := s.Send(t.Context(), m)
		require.NoError(t, err)
		_, err = s.Send(t.Context(), message(2))
		require.NoError(t, err)
		require.Contains(t, srv.Commands()[1], "SMTPUTF8")
		require.NotContains(t, srv.Commands()[4], "SMTPUTF8", "only where it is needed")
	})
	t.Run("refused where not", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		s := newSender(t, srv, nil)
		for range 2 {
			_, err := s.Send(t.Context(), m)
			se := sendError(t, err, channels.BadMessage)
			require.Contains(t, se.Detail, "SMTPUTF8")
		}
		require.Equal(t, 1, srv.Stats().Opened)
	})
}

func TestMessageRefused(t *testing.T) {
	t.Parallel()
	srv := smtptest.Start(t, smtptest.Config{})
	s := newSender(t, srv, nil)

	for name, change := range map[string]func(*channels.EmailMessage){
		"no recipient":          func(m *channels.EmailMessage) { m.To = "" },
		"two recipients":        func(m *channels.EmailMessage) { m.To = "a@example.com, b@example.com" },
		"name in the address":   func(m *channels.EmailMessage) { m.To = "A <a@example.com>" },
		"bad domain":            func(m *channels.EmailMessage) { m.To = "a@-\u0301пошта.укр" },
		"no sender":             func(m *channels.EmailMessage) { m.From = "" },
		"bad reply address":     func(m *channels.EmailMessage) { m.ReplyTo = "nobody" },
		"bad envelope":          func(m *channels.EmailMessage) { m.EnvelopeFrom = "nobody" },
		"no text":               func(m *channels.EmailMessage) { m.Text = "" },
		"no id":                 func(m *channels.EmailMessage) { m.MessageID, m.TouchID = "", "" },
		"brackets in the id":    func(m *channels.EmailMessage) { m.MessageID = "a>@example.com" },
		"unsubscribe by mail":   func(m *channels.EmailMessage) { m.UnsubscribeURL = "mailto:a@example.com" },
		"unsubscribe brackets":  func(m *channels.EmailMessage) { m.UnsubscribeURL = "https://example.com/>,<x" },
		"unsubscribe too long":  func(m *channels.EmailMessage) { m.UnsubscribeURL = "https://example.com/" + strings.Repeat("x", 900) },
		"unsubscribe mail":      func(m *channels.EmailMessage) { m.UnsubscribeMail = "u>,<x@example.com" },
		"unsubscribe mail utf8": func(m *channels.EmailMessage) { m.UnsubscribeMail = "ї@example.com" },
		"id too long":           func(m *channels.EmailMessage) { m.MessageID = strings.Repeat("x", 501) },
		"id not ASCII":          func(m *channels.EmailMessage) { m.MessageID = "ї@example.com" },
		"tab in an address":     func(m *channels.EmailMessage) { m.To = "\"a\tb\"@example.com" },
		"unsubscribe not ASCII": func(m *channels.EmailMessage) { m.UnsubscribeURL = "https://example.com/ї" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := message(1)
			change(m)
			_, err := s.Send(t.Context(), m)
			requireKind(t, err, channels.BadMessage)
		})
	}
}

// Whatever stands in the fields, the message has the headers we set and no others.
func TestMessageInjection(t *testing.T) {
	t.Parallel()
	srv := smtptest.Start(t, smtptest.Config{})
	s := newSender(t, srv, func(c *email.Config) { c.Connections = 1 })
	known := map[string]bool{
		"Date": true, "From": true, "To": true, "Subject": true, "Message-Id": true, "Mime-Version": true, "Feedback-Id": true,
		"Content-Type": true, "List-Unsubscribe": true, "List-Unsubscribe-Post": true, "Reply-To": true, "X-Dotyk-Touch": true,
	}
	rapid.Check(t, func(t *rapid.T) {
		clean := rapid.StringOfN(rapid.RuneFrom([]rune("ab :<>@,;\"\\\t=?ї.é\u2028")), 0, 60, -1)
		dirty := rapid.StringOfN(rapid.RuneFrom([]rune("ab :\r\n\x00")), 0, 60, -1)
		text := rapid.OneOf(clean, clean, clean, clean, clean, clean, clean, dirty)
		m := message(1)
		m.Subject = text.Draw(t, "subject")
		m.FromName = text.Draw(t, "from")
		m.ToName = text.Draw(t, "to")
		m.FeedbackID = text.Draw(t, "feedback")
		before := srv.Stats().Messages
		_, err := s.Send(t.Context(), m)
		if strings.ContainsAny(m.Subject+m.FromName+m.ToName+m.FeedbackID, "\r\n\x00") {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, before+1, srv.Stats().Messages)
		messages := srv.Messages()
		got := messages[len(messages)-1]
		require.Equal(t, []string{m.To}, got.To)
		for name, values := range got.Header {
			require.True(t, known[name], name)
			require.Len(t, values, 1, name)
		}
		to, err := got.Header.AddressList("To")
		require.NoError(t, err)
		require.Equal(t, m.To, to[0].Address)
	})
}
