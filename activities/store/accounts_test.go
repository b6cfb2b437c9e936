package store_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/channels"
	"dotyk/channels/email/accounts"
	"dotyk/rules/audience"
)

// sealing opens a store with the keys.
func sealing(t *testing.T, url string, keys ...string) *store.Store {
	t.Helper()
	parsed, err := store.ParseSecretKeys(strings.Join(keys, ","))
	require.NoError(t, err)
	st, err := store.Open(t.Context(), url, store.Options{MaxConns: 12, SecretKeys: parsed})
	require.NoError(t, err)
	t.Cleanup(st.Close)
	return st
}

func newSecretKey(t *testing.T) string {
	t.Helper()
	key, err := store.NewSecretKey()
	require.NoError(t, err)
	return key
}

func bulk(name string) accounts.Account {
	return accounts.Account{
		Settings: accounts.Settings{Name: name, Weight: 2, Limits: accounts.Limits{Day: 100}},
		Secrets:  accounts.Secrets{URL: "smtp://shop:topsecret@mail.example.com:2525"},
	}
}

func opened(t *testing.T, st *store.Store, ws int64) []accounts.Account {
	t.Helper()
	set, err := st.OpenAccounts(t.Context(), ws, "")
	require.NoError(t, err)
	return set.Enabled
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	url, key := storetest.URL(t), newSecretKey(t)
	st := sealing(t, url, key)
	workspaces := make([]int64, 4)
	for i := range workspaces {
		workspaces[i] = storetest.Workspace(t, st).Workspace
	}

	t.Run("Are kept, changed, paused and removed", func(t *testing.T) {
		t.Parallel()
		ws := workspaces[0]
		ctx := store.WithActor(t.Context(), "ann")
		a := bulk("bulk")
		a.From, a.FromName = "news@shop.example", "Shop"
		a.WarmUp = accounts.WarmUp{Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), PerDay: []int{10, 20}}
		require.NoError(t, st.AddAccount(ctx, ws, a))
		require.ErrorIs(t, st.AddAccount(ctx, ws, bulk("bulk")), store.ErrExists)
		require.ErrorIs(t, st.AddAccount(ctx, ws, accounts.Account{}), store.ErrInvalid)

		list := opened(t, st, ws)
		require.Len(t, list, 1)
		require.Equal(t, a.Settings, list[0].Settings)
		require.Equal(t, a.Secrets, list[0].Secrets)
		info, err := st.Account(ctx, ws, "bulk")
		require.NoError(t, err)
		require.Equal(t, a.Settings, info.Settings)
		require.Equal(t, "smtp://shop@mail.example.com:2525", info.Server)

		rename := func(name string) func(*accounts.Settings) error {
			return func(s *accounts.Settings) error { s.Name, s.WarmUp = name, accounts.WarmUp{}; return nil }
		}
		require.NoError(t, st.EditAccount(ctx, ws, "bulk", accounts.Secrets{}, rename("main")))
		require.NoError(t, st.EditAccount(ctx, ws, "main", accounts.Secrets{URL: "smtp://else.example.com"}, func(*accounts.Settings) error { return nil }))
		list = opened(t, st, ws)
		require.Equal(t, "smtp://else.example.com", list[0].URL)
		require.Equal(t, "main", list[0].Name)
		require.True(t, list[0].WarmUp.Start.IsZero())
		require.NoError(t, st.AddAccount(ctx, ws, bulk("bulk")))
		require.ErrorIs(t, st.EditAccount(ctx, ws, "bulk", accounts.Secrets{}, rename("main")), store.ErrExists)
		require.ErrorIs(t, st.EditAccount(ctx, ws, "none", accounts.Secrets{}, rename("x")), store.ErrNotFound)
		require.ErrorIs(t, st.EditAccount(ctx, ws, "bulk", accounts.Secrets{URL: "ftp://x"}, rename("bulk")), store.ErrInvalid)
		sign := func(s *accounts.Settings) error {
			s.DKIM = accounts.DKIM{Domain: "shop.example", Selector: "s1"}
			return nil
		}
		require.ErrorContains(t, st.EditAccount(ctx, ws, "bulk", accounts.Secrets{}, sign), "DKIM needs")

		require.NoError(t, st.PauseAccount(ctx, ws, "main", "listed by Spamhaus"))
		require.Len(t, opened(t, st, ws), 1)
		require.NoError(t, st.PauseAccount(ctx, ws, "bulk", ""))
		set, err := st.OpenAccounts(ctx, ws, "")
		require.NoError(t, err)
		require.Empty(t, set.Enabled)
		require.True(t, set.Any, "the installation's server is not used instead")
		again, err := st.OpenAccounts(ctx, ws, set.State)
		require.NoError(t, err)
		require.Equal(t, set.State, again.State)
		require.NoError(t, st.ResumeAccount(ctx, ws, "main"))
		again, err = st.OpenAccounts(ctx, ws, set.State)
		require.NoError(t, err)
		require.NotEqual(t, set.State, again.State)
		require.Len(t, again.Enabled, 1)
		require.NoError(t, st.RemoveAccount(ctx, ws, "main"))
		for _, err := range []error{st.RemoveAccount(ctx, ws, "main"), st.PauseAccount(ctx, ws, "main", ""), st.ResumeAccount(ctx, ws, "main")} {
			require.ErrorIs(t, err, store.ErrNotFound)
		}
		_, err = st.OpenAccount(ctx, ws, "main")
		require.ErrorIs(t, err, store.ErrNotFound)

		require.Len(t, store.Audits(t.Context(), t, st, ws, "account.added"), 2)
		require.Len(t, store.Audits(t.Context(), t, st, ws, "account.changed"), 2)
		require.Contains(t, store.Audits(t.Context(), t, st, ws, "account.paused")[0], "Spamhaus")
		require.Len(t, store.Audits(t.Context(), t, st, ws, "account.removed"), 1)
	})

	t.Run("Show their secrets to nobody", func(t *testing.T) {
		t.Parallel()
		ws := workspaces[1]
		require.NoError(t, st.AddAccount(t.Context(), ws, bulk("bulk")))
		conn := connect(t, url)
		for _, query := range []string{`SELECT string_agg(a::text, ' ') FROM accounts a`, `SELECT string_agg(encode(url, 'escape'), ' ') FROM accounts`, `SELECT string_agg(detail::text, ' ') FROM audit`} {
			var text string
			require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&text))
			require.NotEmpty(t, text)
			require.NotContains(t, text, "topsecret", query)
		}
	})

	t.Run("Need the key, and change keys", func(t *testing.T) {
		t.Parallel()
		ws := workspaces[2]
		require.NoError(t, st.AddAccount(t.Context(), ws, bulk("bulk")))
		none, next := sealing(t, url), newSecretKey(t)
		err := none.AddAccount(t.Context(), ws, bulk("other"))
		require.ErrorIs(t, err, store.ErrNoSecretKey)
		require.ErrorContains(t, err, "openssl rand -base64 32")
		_, err = none.OpenAccounts(t.Context(), ws, "")
		require.ErrorIs(t, err, store.ErrNoSecretKey)
		require.NoError(t, none.PauseAccount(t.Context(), ws, "bulk", "pausing needs no key"))
		require.NoError(t, none.ResumeAccount(t.Context(), ws, "bulk"))
		_, err = sealing(t, url, next).OpenAccounts(t.Context(), ws, "")
		require.ErrorIs(t, err, store.ErrSealed)
		require.ErrorContains(t, err, "sending account bulk")
		both := sealing(t, url, next, key)
		require.Len(t, opened(t, both, ws), 1)
		require.NoError(t, both.EditAccount(t.Context(), ws, "bulk", bulk("").Secrets, func(*accounts.Settings) error { return nil }))
		require.Len(t, opened(t, sealing(t, url, next), ws), 1)
		for _, bad := range []string{"x", "c2hvcnQ=", key + ",", "!" + key} {
			_, err := store.ParseSecretKeys(bad)
			require.ErrorIs(t, err, store.ErrInvalid)
			require.NotContains(t, err.Error(), key)
		}
	})

	t.Run("Cannot be given another's secrets, nor tampered with", func(t *testing.T) {
		t.Parallel()
		ws := workspaces[3]
		require.NoError(t, st.AddAccount(t.Context(), ws, bulk("a")))
		require.NoError(t, st.AddAccount(t.Context(), ws, bulk("b")))
		conn := connect(t, url)
		_, err := conn.Exec(t.Context(), `UPDATE accounts SET url = (SELECT url FROM accounts WHERE workspace_id = $1 AND name = 'a')
			WHERE workspace_id = $1 AND name = 'b'`, ws)
		require.NoError(t, err)
		_, err = st.OpenAccount(t.Context(), ws, "b")
		require.ErrorIs(t, err, store.ErrSealed)
		_, err = conn.Exec(t.Context(), `UPDATE accounts SET url = set_byte(url, 20, (get_byte(url, 20) + 1) % 256) WHERE workspace_id = $1 AND name = 'a'`, ws)
		require.NoError(t, err)
		_, err = st.OpenAccount(t.Context(), ws, "a")
		require.ErrorIs(t, err, store.ErrSealed)
		_, err = conn.Exec(t.Context(), `UPDATE accounts SET url = '\x09' WHERE workspace_id = $1`, ws)
		require.NoError(t, err)
		_, err = st.OpenAccount(t.Context(), ws, "a")
		require.ErrorIs(t, err, store.ErrSealed)
	})
}

// sink counts what routers commit.
type sink struct {
	mu   sync.Mutex
	sent int
}

func (s *sink) Send(context.Context, *channels.EmailMessage) (channels.Receipt, error) {
	return channels.Receipt{}, nil
}
func (s *sink) Connections() int               { return 4 }
func (s *sink) Close() error                   { return nil }
func (s *sink) Session() channels.EmailSession { return sinkSession{s} }

type sinkSession struct{ *sink }

func (sinkSession) Begin(context.Context, *channels.EmailMessage) error { return nil }
func (sinkSession) Abort()                                              {}
func (sinkSession) Close()                                              {}

func (s sinkSession) Commit(context.Context) (channels.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	return channels.Receipt{}, nil
}

// TestAccountAllowance has routers of several workers send over one account, one after the other too, as after a restart.
func TestAccountAllowance(t *testing.T) {
	t.Parallel()
	st := sealing(t, storetest.URL(t), newSecretKey(t))
	ws := storetest.Workspace(t, st).Workspace
	now := time.Now
	if at := time.Now().UTC(); at.Truncate(24*time.Hour).Add(24*time.Hour).Sub(at) < time.Minute { // no day ends in this test
		now = func() time.Time { return time.Now().Add(time.Minute) }
	}
	const limit = 130
	a := bulk("bulk")
	a.Limits = accounts.Limits{Day: limit}
	require.NoError(t, st.AddAccount(t.Context(), ws, a))
	list := opened(t, st, ws)
	out := &sink{}
	for range 3 { // generations of workers
		routers := make([]*accounts.Router, 3)
		var g errgroup.Group
		for i := range routers {
			r := accounts.New(accounts.Config{
				Open:      func(accounts.Account) (channels.EmailSender, error) { return out, nil },
				Allowance: store.AccountAllowance{Store: st, Workspace: ws}, Now: now,
			})
			require.NoError(t, r.Set(list))
			routers[i] = r
			for range 4 {
				g.Go(func() error {
					for range 5 { // of 60 a generation, until the limit is reached
						if _, err := r.Send(t.Context(), &channels.EmailMessage{To: "a@example.net"}); err != nil {
							return nil //nolint:nilerr // at the limit
						}
					}
					return nil
				})
			}
		}
		require.NoError(t, g.Wait())
		for _, r := range routers {
			require.NoError(t, r.Close())
		}
		require.LessOrEqual(t, out.sent, limit)
	}
	require.Equal(t, limit, out.sent, "what one worker did not use, another could")
	info, err := st.Account(t.Context(), ws, "bulk")
	require.NoError(t, err)
	require.Equal(t, limit, info.Today)

	share := store.AccountAllowance{Store: st, Workspace: ws}
	granted, starts, err := share.Take(t.Context(), list[0].ID, accounts.Day, limit, now())
	require.NoError(t, err)
	require.Zero(t, granted)
	granted, _, err = share.Take(t.Context(), list[0].ID, accounts.Day, limit, now().Add(24*time.Hour))
	require.NoError(t, err)
	require.Equal(t, limit/4, granted, "the next day")
	granted, next, err := share.Take(t.Context(), list[0].ID, accounts.Day, limit, now())
	require.NoError(t, err)
	require.Positive(t, granted)
	require.True(t, next.Equal(starts.Add(24*time.Hour)), "a clock that is late does not bring the day before back")
	require.NoError(t, share.Return(list[0].ID, accounts.Day, starts, 100), "of a day that is over")
	require.NoError(t, st.RemoveAccount(t.Context(), ws, "bulk"))
	_, _, err = share.Take(t.Context(), list[0].ID, accounts.Day, limit, now())
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestErrorClasses(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	st := storetest.Open(t, url)
	ann, bob := storetest.Workspace(t, st).Workspace, storetest.Workspace(t, st).Workspace
	ctx := store.WithActor(t.Context(), "ann")
	failure := &channels.SendError{Kind: channels.SenderBlocked, Code: "550 5.7.1", Detail: "mailbox closed"}
	kind := func(st *store.Store, ws int64) string {
		classes, err := st.Classes(t.Context(), ws)
		require.NoError(t, err)
		return classes.Kind(audience.Email, failure).Name()
	}
	require.Equal(t, "sender_blocked", kind(st, ann))
	class := channels.Class{Channel: audience.Email, Code: "5.7.*", Text: "closed", Kind: channels.Temporary, Note: "strange server"}
	require.NoError(t, st.SetErrorClass(ctx, store.Installation, class))
	require.Equal(t, "temporary", kind(st, ann))
	require.Equal(t, "temporary", kind(st, bob))
	class.Kind = channels.BadAddress
	require.NoError(t, st.SetErrorClass(ctx, ann, class))
	require.NoError(t, st.SetErrorClass(ctx, ann, class), "again")
	require.Equal(t, "bad_address", kind(st, ann))
	require.Equal(t, "temporary", kind(st, bob))
	require.Equal(t, "bad_address", kind(storetest.Open(t, url), ann), "after a restart")

	list, err := st.ErrorClasses(ctx, ann)
	require.NoError(t, err)
	require.Equal(t, []int64{ann, store.Installation}, []int64{list[0].Workspace, list[1].Workspace})
	require.Equal(t, class, list[0].Class)
	require.Equal(t, "ann", list[1].UpdatedBy)
	list, err = st.ErrorClasses(ctx, bob)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Len(t, store.Audits(ctx, t, st, ann, "error_class.set"), 2)

	conn := asApplication(t, url)
	require.Zero(t, count(t, conn, `SELECT count(*) FROM error_classes`), "without a workspace")
	_, err = conn.Exec(ctx, `SELECT set_config('dotyk.workspace', $1::text, false)`, itoa(ann))
	require.NoError(t, err)
	tag, err := conn.Exec(ctx, `DELETE FROM error_classes WHERE workspace_id = 0`)
	require.NoError(t, err)
	require.Zero(t, tag.RowsAffected(), "a workspace changes its own only")

	class.Kind = channels.Unknown
	require.ErrorIs(t, st.SetErrorClass(ctx, ann, class), store.ErrInvalid)
	require.NoError(t, st.RemoveErrorClass(ctx, ann, class.Channel, class.Code, class.Text))
	require.Equal(t, "temporary", kind(st, ann))
	require.ErrorIs(t, st.RemoveErrorClass(ctx, ann, class.Channel, class.Code, class.Text), store.ErrNotFound)
	require.NoError(t, st.RemoveErrorClass(ctx, store.Installation, class.Channel, class.Code, class.Text))
	require.Equal(t, "sender_blocked", kind(st, ann))
}
