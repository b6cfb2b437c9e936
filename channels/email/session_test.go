package email_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/channels"
	"dotyk/channels/email"
	"dotyk/channels/email/smtptest"
)

func TestSession(t *testing.T) {
	t.Parallel()

	begin := func(t *testing.T, srv *smtptest.Server) channels.EmailSession {
		t.Helper()
		ses := newSender(t, srv, func(c *email.Config) { c.Connections = 1 }).Session()
		t.Cleanup(ses.Close)
		require.NoError(t, ses.Begin(t.Context(), message(1)))
		require.Equal(t, "DATA", srv.Commands()[3])
		require.Empty(t, srv.Messages(), "the final dot is missing")
		return ses
	}

	t.Run("Commits", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		ses := begin(t, srv)
		receipt, err := ses.Commit(t.Context())
		require.NoError(t, err)
		require.Equal(t, "2.0.0 OK: queued", receipt.Response)
		require.Len(t, srv.Messages(), 1)
		_, err = ses.Commit(t.Context())
		requireKind(t, err, channels.Temporary)
		require.ErrorContains(t, err, "no message was begun")
		require.Len(t, srv.Messages(), 1)
	})
	t.Run("Aborts", func(t *testing.T) {
		t.Parallel()
		for name, abort := range map[string]func(*testing.T, channels.EmailSession){
			"Abort": func(_ *testing.T, ses channels.EmailSession) { ses.Abort(); ses.Abort() },
			"Close": func(_ *testing.T, ses channels.EmailSession) { ses.Close() },
			"Begin": func(t *testing.T, ses channels.EmailSession) { require.NoError(t, ses.Begin(t.Context(), message(2))) },
			"refuse": func(t *testing.T, ses channels.EmailSession) {
				require.Error(t, ses.Begin(t.Context(), &channels.EmailMessage{}))
			},
		} {
			srv := smtptest.Start(t, smtptest.Config{})
			ses := begin(t, srv)
			abort(t, ses)
			require.NoError(t, sendOver(t.Context(), ses, 3), name)
			require.Len(t, srv.Messages(), 1, name)
			require.Equal(t, []string{"customer3@example.net"}, srv.Messages()[0].To, name)
		}
	})
	t.Run("Holds nothing between messages", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		s := newSender(t, srv, func(c *email.Config) { c.Connections = 1 })
		one, other := s.Session(), s.Session()
		for n := range 3 {
			require.NoError(t, sendOver(t.Context(), one, n))
			require.NoError(t, sendOver(t.Context(), other, n))
		}
		require.Equal(t, 1, srv.Stats().Opened)
		require.Len(t, srv.Messages(), 6)
	})
	t.Run("Cancelled between the parts", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		ses := begin(t, srv)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := ses.Commit(ctx)
		requireKind(t, err, channels.Temporary)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, sendOver(t.Context(), ses, 2))
		require.Len(t, srv.Messages(), 1)
	})
	t.Run("Sees that the server went away before the dot", func(t *testing.T) {
		t.Parallel()
		if runtime.GOOS == "windows" {
			t.Skip("cannot be told there")
		}
		srv := smtptest.Start(t, smtptest.Config{})
		ses := begin(t, srv)
		require.NoError(t, srv.Restart())
		_, err := ses.Commit(t.Context())
		requireKind(t, err, channels.Temporary)
		require.NoError(t, sendOver(t.Context(), ses, 2))
		require.Len(t, srv.Messages(), 1)
	})
	t.Run("Over TLS", func(t *testing.T) {
		t.Parallel()
		server, client := certificate(t)
		for _, implicit := range []bool{true, false} {
			srv := smtptest.Start(t, smtptest.Config{TLS: server, Implicit: implicit})
			ses := newSender(t, srv, func(c *email.Config) {
				c.TLS, c.TLSConfig = email.TLSMandatory, client
				if implicit {
					c.TLS = email.TLSImplicit
				}
			}).Session()
			for n := range 3 {
				require.NoError(t, sendOver(t.Context(), ses, n))
			}
			require.NoError(t, ses.Begin(t.Context(), message(4)))
			require.NoError(t, srv.Restart())
			_, err := ses.Commit(t.Context())
			requireKind(t, err, channels.Temporary)
			require.Len(t, srv.Messages(), 3)
			require.Equal(t, 1, srv.Stats().Opened)
		}
	})
}

func TestExtensions(t *testing.T) {
	t.Parallel()
	m := message(1)
	m.Text, m.HTML = "Привіт\n.\n..точка\nfin\n", "<p>Привіт</p>"
	for name, tc := range map[string]struct {
		server smtptest.Config
		mail   string
		raw    string
	}{
		"8BITMIME":         {smtptest.Config{}, "MAIL FROM:<shop@example.com> BODY=8BITMIME", "Content-Transfer-Encoding: 8bit"},
		"one by one":       {smtptest.Config{NoPipelining: true}, "MAIL FROM:<shop@example.com> BODY=8BITMIME", "8bit"},
		"without 8BITMIME": {smtptest.Config{No8BitMIME: true}, "MAIL FROM:<shop@example.com>", "quoted-printable"},
		"with neither":     {smtptest.Config{NoPipelining: true, No8BitMIME: true}, "MAIL FROM:<shop@example.com>", "quoted-printable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := smtptest.Start(t, tc.server)
			_, err := newSender(t, srv, nil).Send(t.Context(), m)
			require.NoError(t, err)
			got := srv.Messages()[0]
			require.Equal(t, tc.mail, srv.Commands()[1])
			require.Contains(t, string(got.Raw), tc.raw)
			require.Equal(t, tc.server.No8BitMIME, !slices.ContainsFunc(got.Raw, func(b byte) bool { return b >= 0x80 }))
			require.Equal(t, m.Text, got.Text)
			require.Equal(t, m.HTML, got.HTML)
		})
	}
	t.Run("long lines are encoded", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		long := message(1)
		long.HTML = strings.Repeat("x", 998) + "\n." + strings.Repeat("y", 998)
		_, err := newSender(t, srv, nil).Send(t.Context(), long)
		require.NoError(t, err)
		require.Contains(t, string(srv.Messages()[0].Raw), "quoted-printable")
		require.Equal(t, long.HTML, srv.Messages()[0].HTML)
	})
}
