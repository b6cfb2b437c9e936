package activities_test

import (
	"log/slog"
	neturl "net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/channels"
	"dotyk/channels/email"
	"dotyk/channels/email/accounts"
	"dotyk/channels/email/smtptest"
)

// hands is a clock that the test moves.
type hands struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hands) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hands) add(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

//nolint:paralleltest // the parts follow upon each other
func TestMailers(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	key, err := store.NewSecretKey()
	require.NoError(t, err)
	keys, err := store.ParseSecretKeys(key)
	require.NoError(t, err)
	st, err := store.Open(t.Context(), url, store.Options{MaxConns: 4, SecretKeys: keys})
	require.NoError(t, err)
	t.Cleanup(st.Close)
	own, other := storetest.Workspace(t, st).Workspace, storetest.Workspace(t, st).Workspace
	common, first, second := smtptest.Start(t, smtptest.Config{}), smtptest.Start(t, smtptest.Config{}), smtptest.Start(t, smtptest.Config{})
	standard := func() channels.EmailSender {
		cfg, err := email.ParseURL(common.URL())
		require.NoError(t, err)
		sender, err := email.New(cfg)
		require.NoError(t, err)
		return sender
	}
	clock := &hands{now: time.Now()}
	quiet := slog.New(slog.DiscardHandler)
	ms := activities.NewMailers(activities.MailersConfig{Store: st, Standard: standard(), Logger: quiet, Now: clock.Now})
	send := func(workspace int64) (string, error) {
		sender, err := ms.For(t.Context(), workspace)
		if err != nil {
			return "", err
		}
		require.Positive(t, sender.Connections())
		receipt, err := sender.Send(t.Context(), &channels.EmailMessage{
			TouchID: "t", MessageID: "t@example.com", From: "shop@example.com", To: "ann@example.net", Subject: "s", Text: "t",
		})
		return receipt.Sender, err
	}
	sends := func(workspace int64, want string) {
		t.Helper()
		by, err := send(workspace)
		require.NoError(t, err)
		require.Equal(t, want, by)
	}
	add := func(name string, srv *smtptest.Server) {
		require.NoError(t, st.AddAccount(t.Context(), own, accounts.Account{
			Settings: accounts.Settings{Name: name, Weight: 1}, Secrets: accounts.Secrets{URL: srv.URL()},
		}))
	}

	sends(own, "")
	add("first", first)
	sends(own, "") // until it is looked up again
	clock.add(10 * time.Second)
	sends(own, "first")
	sends(other, "")
	add("second", second)
	require.NoError(t, st.PauseAccount(t.Context(), own, "first", ""))
	clock.add(10 * time.Second)
	sends(own, "second")
	require.NoError(t, st.PauseAccount(t.Context(), own, "second", ""))
	clock.add(10 * time.Second)
	_, err = send(own)
	require.ErrorContains(t, err, "every sending account of the workspace is paused")
	require.NoError(t, st.ResumeAccount(t.Context(), own, "second"))
	clock.add(10 * time.Second)
	sends(own, "second")

	// Its server is gone: the account is left alone, and people can see why.
	require.NoError(t, second.Stop())
	for range 5 {
		_, err = send(own)
		require.Error(t, err)
	}
	info, err := st.Account(t.Context(), own, "second")
	require.NoError(t, err)
	require.Contains(t, info.Trouble, "provider unreachable")

	require.NoError(t, st.RemoveAccount(t.Context(), own, "first"))
	require.NoError(t, st.RemoveAccount(t.Context(), own, "second"))
	clock.add(10 * time.Second)
	sends(own, "")
	require.Len(t, common.Messages(), 4)
	require.NoError(t, ms.Close())
	_, err = ms.For(t.Context(), own)
	require.ErrorIs(t, err, accounts.ErrClosed)
	require.Zero(t, common.Stats().Open, "the standard sender is closed too")

	t.Run("Say what to do without a server", func(t *testing.T) {
		ms := activities.NewMailers(activities.MailersConfig{Store: st, Logger: quiet})
		_, err := ms.For(t.Context(), own)
		require.ErrorIs(t, err, activities.ErrNoMailer)
		require.ErrorContains(t, err, "starter account add")
		require.NoError(t, ms.Close())
	})

	t.Run("Never send over another server when an account cannot be opened", func(t *testing.T) {
		add("first", first)
		blind, err := store.Open(t.Context(), url, store.Options{MaxConns: 4})
		require.NoError(t, err)
		ms := activities.NewMailers(activities.MailersConfig{Store: blind, Standard: standard(), Logger: quiet})
		_, err = ms.For(t.Context(), own)
		require.ErrorIs(t, err, store.ErrNoSecretKey)
		require.NoError(t, ms.Close())
		blind.Close()
	})

	t.Run("Go on with what is known while the database is away", func(t *testing.T) {
		// The way to the server's socket is a link, which can be cut.
		u, err := neturl.Parse(url)
		require.NoError(t, err)
		query, link := u.Query(), filepath.Join(t.TempDir(), "s")
		require.NoError(t, os.Symlink(query.Get("host"), link))
		query.Set("host", link)
		query.Set("application_name", "cut-off")
		u.RawQuery = query.Encode()
		away, err := store.Open(t.Context(), u.String(), store.Options{MaxConns: 2, SecretKeys: keys})
		require.NoError(t, err)
		t.Cleanup(away.Close)
		ms := activities.NewMailers(activities.MailersConfig{Store: away, Standard: standard(), Logger: quiet, Now: clock.Now})
		before, err := ms.For(t.Context(), own)
		require.NoError(t, err)
		require.NoError(t, os.Remove(link))
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'cut-off'`)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
		clock.add(10 * time.Second)
		after, err := ms.For(t.Context(), own)
		require.NoError(t, err)
		require.Same(t, before, after)
		_, err = ms.For(t.Context(), other)
		require.Error(t, err, "of whom nothing is known")
		require.NoError(t, ms.Close())
	})
}
