package accounts_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"dotyk/channels"
	"dotyk/channels/email/accounts"
	"dotyk/channels/email/smtptest"
)

// TestOverSMTP sends a campaign over two real servers, of which one is lost midway. As the engine does, a message that was
// certainly not sent is sent again, and no other.
func TestOverSMTP(t *testing.T) {
	t.Parallel()
	const messages, senders = 600, 8
	good, bad := smtptest.Start(t, smtptest.Config{}), smtptest.Start(t, smtptest.Config{})
	var seen atomic.Int32
	bad.SetFault(func(stage smtptest.Stage, _ string) *smtptest.Fault {
		if stage == smtptest.Mail {
			seen.Add(1)
		}
		if seen.Load() > messages/6 && (stage == smtptest.Mail || stage == smtptest.Hello) {
			return &smtptest.Fault{Drop: true}
		}
		return nil
	})
	r := accounts.New(accounts.Config{Allowance: &allowance{}, Open: accounts.Open})
	require.NoError(t, r.Set([]accounts.Account{
		account("bad", func(a *accounts.Account) { a.URL = bad.URL() + "?pool=4&timeout=5s" }),
		account("good", func(a *accounts.Account) { a.URL = good.URL() + "?pool=4&timeout=5s" }),
	}))
	require.Equal(t, 8, r.Connections())

	var mu sync.Mutex
	by := map[string]string{}
	again := 0
	var next atomic.Int64
	var g errgroup.Group
	for range senders {
		g.Go(func() error {
			s := r.Session()
			defer s.Close()
			for {
				n := next.Add(1)
				if n > messages {
					return nil
				}
				m := to(fmt.Sprintf("c%d@example.net", n))
				m.MessageID = fmt.Sprintf("m%d@example.com", n)
				deadline := time.Now().Add(20 * time.Second)
				for {
					err := s.Begin(t.Context(), m)
					var receipt channels.Receipt
					if err == nil {
						receipt, err = s.Commit(t.Context())
					}
					var failure *channels.SendError
					if errors.As(err, &failure) && failure.Kind != channels.Unknown && time.Now().Before(deadline) {
						mu.Lock()
						again++
						mu.Unlock()
						continue
					}
					if err != nil {
						return err
					}
					mu.Lock()
					by[m.To] = receipt.Sender
					mu.Unlock()
					break
				}
			}
		})
	}
	require.NoError(t, g.Wait())
	require.NoError(t, r.Close())

	got := map[string]string{}
	for name, srv := range map[string]*smtptest.Server{"good": good, "bad": bad} {
		for _, m := range srv.Messages() {
			require.NotContains(t, got, m.To[0], "sent twice")
			got[m.To[0]] = name
		}
		require.Zero(t, srv.Stats().Open, "connections of %s", name)
	}
	require.Equal(t, by, got, "receipts name the server that has the message")
	require.Len(t, got, messages)
	require.NotEmpty(t, bad.Messages(), "both worked at first")
	require.Less(t, len(bad.Messages()), messages/6+1)
	t.Logf("%d were begun again", again)
}
