package email_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels"
	"dotyk/channels/email"
	"dotyk/channels/email/smtptest"
)

const patience = 10 * time.Second

func message(n int) *channels.EmailMessage {
	id := fmt.Sprintf("01890000-0000-7000-8000-%012d", n)
	return &channels.EmailMessage{
		TouchID: id, MessageID: id + "@example.com", From: "shop@example.com", FromName: "Крамниця «Дотик»",
		To: fmt.Sprintf("customer%d@example.net", n), ToName: "Olena", Subject: "Вітаємо, Олено!",
		Text: "Hello\n.\nBye\n", HTML: "<p>Hello</p>",
	}
}

func newSender(t testing.TB, srv *smtptest.Server, change func(*email.Config)) *email.Sender {
	t.Helper()
	cfg, err := email.ParseURL(srv.URL())
	require.NoError(t, err)
	if change != nil {
		change(&cfg)
	}
	s, err := email.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func requireKind(t *testing.T, err error, kind channels.FailureKind) {
	t.Helper()
	_ = sendError(t, err, kind)
}

// sendError is err as the SendError of that kind that it must be.
func sendError(t *testing.T, err error, kind channels.FailureKind) *channels.SendError {
	t.Helper()
	var se *channels.SendError
	require.ErrorAs(t, err, &se)
	require.Equal(t, kind.String(), se.Kind.String(), "%v", err)
	return se
}

// once fires a fault the first time its stage is reached.
func once(stage smtptest.Stage, f smtptest.Fault) func(smtptest.Stage, string) *smtptest.Fault {
	var fired atomic.Bool
	return func(s smtptest.Stage, _ string) *smtptest.Fault {
		if s == stage && fired.CompareAndSwap(false, true) {
			return &f
		}
		return nil
	}
}

func always(stage smtptest.Stage, f smtptest.Fault) func(smtptest.Stage, string) *smtptest.Fault {
	return func(s smtptest.Stage, _ string) *smtptest.Fault {
		if s == stage {
			return &f
		}
		return nil
	}
}

func TestSend(t *testing.T) {
	t.Parallel()

	t.Run("Delivers over one connection", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		s := newSender(t, srv, nil)
		for i := range 3 {
			r, err := s.Send(t.Context(), message(i))
			require.NoError(t, err)
			require.Equal(t, "2.0.0 OK: queued", r.Response)
			require.Empty(t, r.ProviderID)
		}
		require.Len(t, srv.Messages(), 3)
		require.Equal(t, 1, srv.Stats().Opened)
		require.Equal(t, []string{
			"EHLO localhost",
			"MAIL FROM:<shop@example.com>", "RCPT TO:<customer0@example.net>", "DATA",
			"MAIL FROM:<shop@example.com>", "RCPT TO:<customer1@example.net>", "DATA",
			"MAIL FROM:<shop@example.com>", "RCPT TO:<customer2@example.net>", "DATA",
		}, srv.Commands())
	})

	t.Run("Tells the queue id", func(t *testing.T) {
		t.Parallel()
		for reply, want := range map[string]string{
			"250 2.0.0 Ok: queued as 4XyZ1k3Bbcz":         "4XyZ1k3Bbcz",
			"250 OK id=1rABCd-0001xY-2Z":                  "1rABCd-0001xY-2Z",
			"250 Ok 0102018c1d2e3f40-aaaa-bbbb-cccc-0000": "0102018c1d2e3f40-aaaa-bbbb-cccc-0000",
			"250 OK": "",
		} {
			srv := smtptest.Start(t, smtptest.Config{})
			srv.SetFault(always(smtptest.Taken, smtptest.Fault{Reply: reply}))
			r, err := newSender(t, srv, nil).Send(t.Context(), message(1))
			require.NoError(t, err, reply)
			require.Equal(t, want, r.ProviderID, reply)
		}
	})

	t.Run("Keeps connections within the pool", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		s := newSender(t, srv, func(c *email.Config) { c.Connections = 5 })
		require.Equal(t, 5, s.Connections())
		var wg sync.WaitGroup
		errs := make([]error, 64)
		for i := range errs {
			wg.Go(func() { _, errs[i] = s.Send(t.Context(), message(i)) })
		}
		wg.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		seen := map[string]bool{}
		for _, m := range srv.Messages() {
			require.Equal(t, []string{strings.Trim(m.Header.Get("To")[strings.Index(m.Header.Get("To"), "<"):], "<>")}, m.To)
			seen[m.To[0]] = true
		}
		require.Len(t, seen, 64, "each message went to its own recipient")
		require.LessOrEqual(t, srv.Stats().Peak, 5)
	})

	t.Run("Refuses a message that cannot be built without connecting", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		m := message(1)
		m.Subject = "a\r\nBcc: everybody@example.com"
		_, err := newSender(t, srv, nil).Send(t.Context(), m)
		requireKind(t, err, channels.BadMessage)
		require.Zero(t, srv.Stats().Opened)
	})
}

func TestSendFaults(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct {
		stage smtptest.Stage
		fault smtptest.Fault
		kind  channels.FailureKind
		code  string
	}{
		"greeting busy":          {smtptest.Connect, smtptest.Fault{Reply: "421 4.3.2 too busy"}, channels.Unreachable, "421 4.3.2"},
		"greeting refused":       {smtptest.Connect, smtptest.Fault{Reply: "554 5.7.1 your address is listed"}, channels.SenderBlocked, "554 5.7.1"},
		"greeting dropped":       {smtptest.Connect, smtptest.Fault{Drop: true}, channels.Unreachable, ""},
		"greeting stalls":        {smtptest.Connect, smtptest.Fault{Stall: true}, channels.Unreachable, ""},
		"hello later":            {smtptest.Hello, smtptest.Fault{Reply: "451 4.3.0 later"}, channels.Unreachable, "451 4.3.0"},
		"hello dropped":          {smtptest.Hello, smtptest.Fault{Drop: true}, channels.Unreachable, ""},
		"mail later":             {smtptest.Mail, smtptest.Fault{Reply: "451 4.7.1 greylisted"}, channels.Temporary, "451 4.7.1"},
		"mail hangs up":          {smtptest.Mail, smtptest.Fault{Reply: "421 4.4.2 bye"}, channels.Temporary, "421 4.4.2"},
		"mail sender refused":    {smtptest.Mail, smtptest.Fault{Reply: "550 5.1.0 sender refused"}, channels.SenderBlocked, "550 5.1.0"},
		"mail no code":           {smtptest.Mail, smtptest.Fault{Reply: "553 sorry"}, channels.SenderBlocked, "553"},
		"mail dropped":           {smtptest.Mail, smtptest.Fault{Drop: true}, channels.Temporary, ""},
		"mail stalls":            {smtptest.Mail, smtptest.Fault{Stall: true}, channels.Temporary, ""},
		"user unknown":           {smtptest.Rcpt, smtptest.Fault{Reply: "550 5.1.1 no such user"}, channels.BadAddress, "550 5.1.1"},
		"user unknown, lines":    {smtptest.Rcpt, smtptest.Fault{Reply: "550-5.1.1 no such\r\n550 5.1.1 user"}, channels.BadAddress, "550 5.1.1"},
		"user unknown, no code":  {smtptest.Rcpt, smtptest.Fault{Reply: "550 User unknown"}, channels.BadAddress, "550"},
		"refused, no reason":     {smtptest.Rcpt, smtptest.Fault{Reply: "550 no"}, channels.BadMessage, "550"},
		"listed, no code":        {smtptest.Rcpt, smtptest.Fault{Reply: "550 blocked, recipient rejected"}, channels.SenderBlocked, "550"},
		"mailbox full":           {smtptest.Rcpt, smtptest.Fault{Reply: "552 5.2.2 over quota"}, channels.Temporary, "552 5.2.2"},
		"mailbox full, no code":  {smtptest.Rcpt, smtptest.Fault{Reply: "552 mailbox is full"}, channels.Temporary, "552"},
		"routing":                {smtptest.Rcpt, smtptest.Fault{Reply: "550 5.4.1 no answer from host"}, channels.Temporary, "550 5.4.1"},
		"no mail exchanger":      {smtptest.Rcpt, smtptest.Fault{Reply: "550 5.4.4 no MX"}, channels.BadAddress, "550 5.4.4"},
		"relay denied":           {smtptest.Rcpt, smtptest.Fault{Reply: "554 5.7.1 relay access denied"}, channels.SenderBlocked, "554 5.7.1"},
		"recipient later":        {smtptest.Rcpt, smtptest.Fault{Reply: "452 4.5.3 too many"}, channels.Temporary, "452 4.5.3"},
		"recipient dropped":      {smtptest.Rcpt, smtptest.Fault{Drop: true}, channels.Temporary, ""},
		"data later":             {smtptest.Data, smtptest.Fault{Reply: "452 4.3.1 no room"}, channels.Temporary, "452 4.3.1"},
		"data refused":           {smtptest.Data, smtptest.Fault{Reply: "554 5.5.1 no valid recipients"}, channels.BadMessage, "554 5.5.1"},
		"data dropped":           {smtptest.Data, smtptest.Fault{Drop: true}, channels.Temporary, ""},
		"dot later":              {smtptest.Dot, smtptest.Fault{Reply: "451 4.3.0 queue trouble"}, channels.Temporary, "451 4.3.0"},
		"dot content":            {smtptest.Dot, smtptest.Fault{Reply: "554 5.6.0 bad content"}, channels.BadMessage, "554 5.6.0"},
		"dot policy":             {smtptest.Dot, smtptest.Fault{Reply: "550 5.7.515 not authenticated"}, channels.SenderBlocked, "550 5.7.515"},
		"dot spam, no code":      {smtptest.Dot, smtptest.Fault{Reply: "554 looks like spam"}, channels.SenderBlocked, "554"},
		"dot too big":            {smtptest.Dot, smtptest.Fault{Reply: "552 5.3.4 too big"}, channels.BadMessage, "552 5.3.4"},
		"dot dropped, not taken": {smtptest.Dot, smtptest.Fault{Drop: true}, channels.Unknown, ""},
		"dot stalls":             {smtptest.Dot, smtptest.Fault{Stall: true}, channels.Unknown, ""},
		"dot dropped, taken":     {smtptest.Taken, smtptest.Fault{Drop: true}, channels.Unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := smtptest.Start(t, smtptest.Config{})
			srv.SetFault(always(tc.stage, tc.fault))
			s := newSender(t, srv, func(c *email.Config) { c.Timeout = patience })
			if tc.fault.Stall {
				s = newSender(t, srv, func(c *email.Config) { c.Timeout = 150 * time.Millisecond })
			}
			_, err := s.Send(t.Context(), message(1))
			se := sendError(t, err, tc.kind)
			require.Equal(t, tc.code, se.Code)
			require.NotEmpty(t, se.Detail)
			require.NotContains(t, se.Detail, "5.1.1")
			if tc.stage == smtptest.Taken {
				require.Len(t, srv.Messages(), 1)
			} else {
				require.Empty(t, srv.Messages())
			}

			srv.SetFault(nil)
			_, err = s.Send(t.Context(), message(2))
			require.NoError(t, err, "the sender works again once the fault is gone")
		})
	}
}

func TestSendKeepsTheConnection(t *testing.T) {
	t.Parallel()

	for _, stage := range []smtptest.Stage{smtptest.Mail, smtptest.Rcpt, smtptest.Data, smtptest.Dot} {
		t.Run("after a refusal at "+string(stage), func(t *testing.T) {
			t.Parallel()
			srv := smtptest.Start(t, smtptest.Config{})
			srv.SetFault(once(stage, smtptest.Fault{Reply: "452 4.3.1 no room"}))
			s := newSender(t, srv, nil)
			_, err := s.Send(t.Context(), message(1))
			requireKind(t, err, channels.Temporary)
			_, err = s.Send(t.Context(), message(2))
			require.NoError(t, err)
			require.Equal(t, 1, srv.Stats().Opened, "%q", srv.Commands())
		})
	}

	t.Run("but not when RSET is refused", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		srv.SetFault(func(stage smtptest.Stage, rcpt string) *smtptest.Fault {
			switch {
			case stage == smtptest.Data && rcpt == "customer1@example.net":
				return &smtptest.Fault{Reply: "452 4.3.1 no room"}
			case stage == smtptest.Reset:
				return &smtptest.Fault{Reply: "500 5.5.1 never heard of it"}
			default:
				return nil
			}
		})
		s := newSender(t, srv, nil)
		_, err := s.Send(t.Context(), message(1))
		requireKind(t, err, channels.Temporary)
		_, err = s.Send(t.Context(), message(2))
		require.NoError(t, err)
		_, err = s.Send(t.Context(), message(3))
		require.NoError(t, err, "RSET refused after the 250 is no failure")
		require.Equal(t, 2, srv.Stats().Opened)
	})
}

func TestSendOnAStaleConnection(t *testing.T) {
	t.Parallel()

	t.Run("after a restart of the server", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		s := newSender(t, srv, nil)
		_, err := s.Send(t.Context(), message(1))
		require.NoError(t, err)
		require.NoError(t, srv.Restart())
		_, err = s.Send(t.Context(), message(2))
		require.NoError(t, err)
		require.Len(t, srv.Messages(), 2)
		require.Equal(t, 2, srv.Stats().Opened)
	})

	for _, stage := range []smtptest.Stage{smtptest.Mail, smtptest.Rcpt, smtptest.Data} {
		for _, f := range []smtptest.Fault{{Drop: true}, {Reply: "421 4.4.2 idle for too long"}} {
			t.Run(fmt.Sprintf("ended at %s %s", stage, f.Reply), func(t *testing.T) {
				t.Parallel()
				srv := smtptest.Start(t, smtptest.Config{})
				s := newSender(t, srv, nil)
				_, err := s.Send(t.Context(), message(1))
				require.NoError(t, err)
				srv.SetFault(once(stage, f))
				_, err = s.Send(t.Context(), message(2))
				require.NoError(t, err)
				require.Len(t, srv.Messages(), 2)
			})
		}
	}

	t.Run("is retried once only", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		s := newSender(t, srv, nil)
		_, err := s.Send(t.Context(), message(1))
		require.NoError(t, err)
		srv.SetFault(always(smtptest.Mail, smtptest.Fault{Drop: true}))
		_, err = s.Send(t.Context(), message(2))
		requireKind(t, err, channels.Temporary)
		require.Equal(t, 2, srv.Stats().Opened)
	})

	t.Run("is not retried once the content was sent", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		s := newSender(t, srv, nil)
		_, err := s.Send(t.Context(), message(1))
		require.NoError(t, err)
		srv.SetFault(always(smtptest.Dot, smtptest.Fault{Drop: true}))
		_, err = s.Send(t.Context(), message(2))
		requireKind(t, err, channels.Unknown)
		require.Equal(t, 1, srv.Stats().Opened)
	})

	t.Run("when the server is gone", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		s := newSender(t, srv, nil)
		_, err := s.Send(t.Context(), message(1))
		require.NoError(t, err)
		require.NoError(t, srv.Stop())
		_, err = s.Send(t.Context(), message(2))
		requireKind(t, err, channels.Unreachable)
	})
}

func TestSendCutInTheContent(t *testing.T) {
	t.Parallel()

	srv := smtptest.Start(t, smtptest.Config{})
	srv.SetFault(always(smtptest.Content, smtptest.Fault{Drop: true}))
	m := message(1)
	m.HTML = "<p>" + strings.Repeat("a long mail does not fit into the socket's buffers ", 400_000) + "</p>"
	_, err := newSender(t, srv, nil).Send(t.Context(), m)
	requireKind(t, err, channels.Temporary)
	require.Empty(t, srv.Messages())
}

func TestConnectionsIdle(t *testing.T) {
	t.Parallel()

	srv := smtptest.Start(t, smtptest.Config{})
	s := newSender(t, srv, func(c *email.Config) { c.Idle = 20 * time.Millisecond })
	_, err := s.Send(t.Context(), message(1))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return srv.Stats().Open == 0 }, patience, time.Millisecond)
	require.Equal(t, "QUIT", srv.Commands()[len(srv.Commands())-1])
	_, err = s.Send(t.Context(), message(2))
	require.NoError(t, err)
	require.Equal(t, 2, srv.Stats().Opened)
}

func TestSendCancelled(t *testing.T) {
	t.Parallel()

	for _, tc := range []struct {
		stage smtptest.Stage
		kind  channels.FailureKind
	}{
		{smtptest.Connect, channels.Temporary},
		{smtptest.Hello, channels.Temporary},
		{smtptest.Mail, channels.Temporary},
		{smtptest.Data, channels.Temporary},
		{smtptest.Dot, channels.Unknown},
	} {
		t.Run("at "+string(tc.stage), func(t *testing.T) {
			t.Parallel()
			srv := smtptest.Start(t, smtptest.Config{})
			s := newSender(t, srv, func(c *email.Config) { c.Timeout = time.Hour })
			ctx, cancel := context.WithCancel(t.Context())
			srv.SetFault(func(stage smtptest.Stage, _ string) *smtptest.Fault {
				if stage != tc.stage {
					return nil
				}
				cancel()
				return &smtptest.Fault{Stall: true}
			})
			_, err := s.Send(ctx, message(1))
			requireKind(t, err, tc.kind)
			require.ErrorIs(t, err, context.Canceled)
		})
	}

	t.Run("before it begins", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := newSender(t, srv, nil).Send(ctx, message(1))
		requireKind(t, err, channels.Temporary)
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, srv.Stats().Opened)
	})

	t.Run("while all connections are busy", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		s := newSender(t, srv, func(c *email.Config) { c.Connections = 1 })
		busy := make(chan struct{})
		release := make(chan struct{})
		srv.SetFault(func(stage smtptest.Stage, _ string) *smtptest.Fault {
			if stage == smtptest.Mail {
				close(busy)
				<-release
			}
			return nil
		})
		first := make(chan error, 1)
		go func() {
			_, err := s.Send(t.Context(), message(1))
			first <- err
		}()
		<-busy
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := s.Send(ctx, message(2))
		requireKind(t, err, channels.Temporary)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(release)
		require.NoError(t, <-first)
	})
}

func TestClose(t *testing.T) {
	t.Parallel()

	srv := smtptest.Start(t, smtptest.Config{})
	s := newSender(t, srv, nil)
	busy, release := make(chan struct{}), make(chan struct{})
	srv.SetFault(func(stage smtptest.Stage, _ string) *smtptest.Fault {
		if stage == smtptest.Dot {
			close(busy)
			<-release
		}
		return nil
	})
	sent, closed := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Send(t.Context(), message(1))
		sent <- err
	}()
	<-busy
	go func() { closed <- s.Close() }()
	require.Eventually(t, func() bool {
		_, err := s.Send(t.Context(), message(2))
		return errors.Is(err, email.ErrClosed)
	}, patience, time.Millisecond)
	require.Empty(t, closed, "Close waits for the message in flight")
	close(release)
	require.NoError(t, <-sent)
	require.NoError(t, <-closed)
	require.NoError(t, s.Close())
	require.Eventually(t, func() bool { return srv.Stats().Open == 0 }, patience, time.Millisecond)
}

func TestUnreachable(t *testing.T) {
	t.Parallel()

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for name, cfg := range map[string]email.Config{
		"refused":      {Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port},
		"unknown host": {Host: "nowhere.invalid", Port: 25},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := email.New(cfg)
			require.NoError(t, err)
			_, err = s.Send(t.Context(), message(1))
			requireKind(t, err, channels.Unreachable)
			require.NoError(t, s.Close())
		})
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()

	for _, tc := range []struct {
		name     string
		password string
		fault    string
		kind     channels.FailureKind
	}{
		{"right", "open sesame", "", 0},
		{"wrong", "guess", "", channels.SenderBlocked},
		{"temporarily not", "open sesame", "454 4.7.0 directory is down", channels.Unreachable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			srv := smtptest.Start(t, smtptest.Config{Username: "dotyk", Password: "open sesame"})
			if tc.fault != "" {
				srv.SetFault(always(smtptest.Auth, smtptest.Fault{Reply: tc.fault}))
			}
			s := newSender(t, srv, func(c *email.Config) { c.Password = tc.password })
			_, err := s.Send(t.Context(), message(1))
			if tc.kind == 0 {
				require.NoError(t, err)
				return
			}
			se := sendError(t, err, tc.kind)
			require.NotContains(t, se.Error(), tc.password)
		})
	}

	t.Run("not offered", func(t *testing.T) {
		t.Parallel()
		srv := smtptest.Start(t, smtptest.Config{})
		s := newSender(t, srv, func(c *email.Config) { c.Username, c.Password = "dotyk", "open sesame" })
		_, err := s.Send(t.Context(), message(1))
		requireKind(t, err, channels.Unreachable)
	})
}

// certificate is a self-signed one for 127.0.0.1 and a client configuration that trusts it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	hs := httptest.NewUnstartedServer(nil)
	hs.StartTLS()
	defer hs.Close()
	roots := x509.NewCertPool()
	roots.AddCert(hs.Certificate())
	return &tls.Config{Certificates: hs.TLS.Certificates}, &tls.Config{RootCAs: roots}
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	server, client := certificate(t)

	for _, tc := range []struct {
		name   string
		server smtptest.Config
		policy email.TLSPolicy
		trust  *tls.Config
		kind   channels.FailureKind
	}{
		{"STARTTLS", smtptest.Config{TLS: server}, email.TLSMandatory, client, 0},
		{"STARTTLS where offered", smtptest.Config{TLS: server}, email.TLSOpportunistic, client, 0},
		{"clear text where not offered", smtptest.Config{}, email.TLSOpportunistic, client, 0},
		{"mandatory but not offered", smtptest.Config{}, email.TLSMandatory, client, channels.Unreachable},
		{"from the first byte", smtptest.Config{TLS: server, Implicit: true}, email.TLSImplicit, client, 0},
		{"unknown root", smtptest.Config{TLS: server}, email.TLSMandatory, nil, channels.Unreachable},
		{"unknown root, first byte", smtptest.Config{TLS: server, Implicit: true}, email.TLSImplicit, nil, channels.Unreachable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.server.TLS != nil { // the password must go through TLS too
				tc.server.Username, tc.server.Password = "dotyk", "open sesame"
			}
			srv := smtptest.Start(t, tc.server)
			s := newSender(t, srv, func(c *email.Config) { c.TLS, c.TLSConfig = tc.policy, tc.trust })
			for i := range 2 {
				_, err := s.Send(t.Context(), message(i))
				if tc.kind != 0 {
					requireKind(t, err, tc.kind)
					continue
				}
				require.NoError(t, err)
			}
			if tc.kind == 0 {
				require.Len(t, srv.Messages(), 2)
			}
		})
	}
}
