package accounts_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
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

// TestSignsOverSMTP checks the signature of an account's message by what arrived.
func TestSignsOverSMTP(t *testing.T) {
	t.Parallel()
	srv := smtptest.Start(t, smtptest.Config{})
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	sender, err := accounts.Open(account("a", func(a *accounts.Account) {
		a.URL, a.DKIMKey, a.DKIM = srv.URL(), pemOf(t, private), accounts.DKIM{Domain: "example.com", Selector: "s1"}
	}))
	require.NoError(t, err)
	m := to("ann@example.net")
	m.MessageID = "m1@example.com"
	_, err = sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.NoError(t, sender.Close())
	verified, err := dkim.VerifyWithOptions(bytes.NewReader(srv.Messages()[0].Raw), &dkim.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) {
			require.Equal(t, "s1._domainkey.example.com", name)
			return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)}, nil
		},
	})
	require.NoError(t, err)
	require.Len(t, verified, 1)
	require.NoError(t, verified[0].Err)
}
