package accounts_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels"
	"dotyk/channels/email/accounts"
)

// clock is a time that moves when the test says so, or when a router waits.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	waited time.Duration
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) wait(_ context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.waited = c.now.Add(d), c.waited+d
	return nil
}

// allowance is one in memory.
type allowance struct {
	mu    sync.Mutex
	taken map[string]int
	asked int
	err   error
}

func (a *allowance) key(account string, p accounts.Period, at time.Time) string {
	return fmt.Sprint(account, p, at.UTC().Truncate(p.Length()).Unix())
}

func (a *allowance) Take(_ context.Context, account string, p accounts.Period, limit int, now time.Time) (int, time.Time, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	starts := now.UTC().Truncate(p.Length())
	if a.err != nil {
		return 0, starts, a.err
	}
	if a.taken == nil {
		a.taken = map[string]int{}
	}
	a.asked++
	k := a.key(account, p, now)
	granted := min(max((limit-a.taken[k])/4, 1), limit-a.taken[k])
	a.taken[k] += granted
	return granted, starts, nil
}

func (a *allowance) Return(account string, p accounts.Period, starts time.Time, unused int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taken[a.key(account, p, starts)] -= unused
	return nil
}

// server is a mail server that does what the test says, beneath the router.
type server struct {
	connections int
	closed      bool

	mu     sync.Mutex
	begin  error // of Begin
	commit error // of Commit
	sent   []channels.EmailMessage
	begun  int
	open   int // sessions
}

func (s *server) fail(begin, commit error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin, s.commit = begin, commit
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sent)
}

func (s *server) Send(context.Context, *channels.EmailMessage) (channels.Receipt, error) {
	return channels.Receipt{}, fmt.Errorf("a router sends by sessions")
}
func (s *server) Connections() int { return max(s.connections, 1) }

func (s *server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *server) Session() channels.EmailSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	return &line{server: s}
}

type line struct {
	server *server
	begun  *channels.EmailMessage
}

func (l *line) Begin(_ context.Context, m *channels.EmailMessage) error {
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	if l.server.begin != nil {
		return l.server.begin
	}
	l.server.begun++
	l.begun = m
	return nil
}

func (l *line) Commit(context.Context) (channels.Receipt, error) {
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	if l.server.commit != nil {
		return channels.Receipt{}, l.server.commit
	}
	l.server.sent = append(l.server.sent, *l.begun)
	l.begun = nil
	return channels.Receipt{Response: "2.0.0 OK"}, nil
}

func (l *line) Abort() { l.begun = nil }

func (l *line) Close() {
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	l.server.open--
}

// office is a router over servers of the test's own.
type office struct {
	t         *testing.T
	clock     *clock
	allowance *allowance
	servers   map[string]*server
	router    *accounts.Router
	troubles  []accounts.Trouble
}

// newOffice makes a router; all accounts are named after their servers.
func newOffice(t *testing.T, list ...accounts.Account) *office {
	t.Helper()
	o := &office{t: t, clock: newClock(), allowance: &allowance{}, servers: map[string]*server{}}
	o.router = accounts.New(accounts.Config{
		Open: func(a accounts.Account) (channels.EmailSender, error) {
			o.servers[a.Name] = &server{connections: 10}
			return o.servers[a.Name], nil
		},
		Logger: slog.New(slog.DiscardHandler), Allowance: o.allowance, Now: o.clock.Now, Wait: o.clock.wait,
		Trouble: func(_ context.Context, tr accounts.Trouble) { o.troubles = append(o.troubles, tr) },
	})
	require.NoError(t, o.router.Set(list))
	t.Cleanup(func() {
		require.NoError(t, o.router.Close())
		for name, s := range o.servers {
			require.True(t, s.closed, name)
			require.Zero(t, s.open, "sessions of %s are closed", name)
		}
	})
	return o
}

func account(name string, change ...func(*accounts.Account)) accounts.Account {
	a := accounts.Account{ID: name, Settings: accounts.Settings{Name: name, Weight: 1}, Secrets: accounts.Secrets{URL: "smtp://" + name}}
	for _, c := range change {
		c(&a)
	}
	return a
}

func to(address string) *channels.EmailMessage {
	return &channels.EmailMessage{TouchID: "t", To: address, From: "shop@example.com", FromName: "Shop", Subject: "s", Text: "t"}
}

// send sends a message that must be taken, and gives the account that took it.
func (o *office) send(address string) string {
	o.t.Helper()
	r, err := o.router.Send(o.t.Context(), to(address))
	require.NoError(o.t, err)
	return r.Sender
}

// refused sends a message that must not be taken.
func (o *office) refused(address string, kind channels.FailureKind) *channels.SendError {
	o.t.Helper()
	_, err := o.router.Send(o.t.Context(), to(address))
	var failure *channels.SendError
	require.ErrorAs(o.t, err, &failure)
	require.Equal(o.t, kind.String(), failure.Kind.String(), failure)
	return failure
}

var (
	away    = &channels.SendError{Kind: channels.Unreachable, Detail: "connection refused"}
	blocked = &channels.SendError{Kind: channels.SenderBlocked, Code: "535 5.7.8", Detail: "bad password"}
	lost    = &channels.SendError{Kind: channels.Unknown, Detail: "EOF"}
	slower  = &channels.SendError{Kind: channels.Temporary, Code: "421 4.7.0", Detail: "too fast"}
	nobody  = &channels.SendError{Kind: channels.BadAddress, Code: "550 5.1.1", Detail: "no such user"}
)
