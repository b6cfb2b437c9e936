package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"dotyk/channels"
)

var _ channels.EmailSender = (*Router)(nil)

// ErrClosed is the cause of failures of a Router that was closed.
var ErrClosed = errors.New("router of sending accounts is closed")

// Config of a Router. Open and Allowance are required.
type Config struct {
	// Open makes the sender of an account; see Open for that of production.
	Open      func(Account) (channels.EmailSender, error)
	Allowance Allowance
	// LookUp names a mail exchanger of a domain, by which domains of one provider are throttled together. Nil leaves that
	// to a table of the large providers' own domains.
	LookUp func(ctx context.Context, domain string) (string, error)
	// Trouble is told when an account is left alone for a while after failures in a row. It may be nil.
	Trouble func(ctx context.Context, t Trouble)
	Logger  *slog.Logger

	// Now and Wait are the clock. Default: the machine's.
	Now  func() time.Time
	Wait func(ctx context.Context, d time.Duration) error
}

// Trouble is why an account is left alone.
type Trouble struct {
	Account string // id
	Name    string
	Why     string
	Until   time.Time // when one message tries it again
}

// Router sends over several accounts. It is safe for concurrent use.
type Router struct {
	cfg       Config
	directory directory

	mu       sync.Mutex
	members  []*member // in use, by name
	retiring []*member // not in use any more; closed with the last message that is under way
	closed   bool
}

// member is an account in use. The Router's mutex guards what changes.
type member struct {
	sender channels.EmailSender
	leases *leases
	gone   chan struct{} // closed when the sender is

	account Account
	breaker breaker
	why     string // the last failure
	paces   map[string]*pace
	credit  int // of the weighted turns
	flying  int // messages under way
	retired bool
}

// New makes a router without accounts. It starts no goroutine.
func New(cfg Config) *Router {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Wait == nil {
		cfg.Wait = wait
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Router{cfg: cfg, directory: directory{look: cfg.LookUp, now: cfg.Now}}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Set says which accounts are used from now on. Those whose server and keys stay the same keep their connections and what
// was learnt about them; messages under way over others are finished. The error names accounts that could not be opened:
// the rest is used.
func (r *Router) Set(list []Account) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	old := map[string]*member{}
	for _, m := range r.members {
		old[m.account.ID] = m
	}
	var members []*member
	var errs []error
	for _, a := range list {
		m := old[a.ID]
		if m == nil || m.account.Secrets != a.Secrets || m.account.DKIM != a.DKIM {
			sender, err := r.cfg.Open(a)
			if err != nil {
				errs = append(errs, fmt.Errorf("open account %s: %w", a.Name, err))
				continue
			}
			m = &member{
				sender: sender, leases: &leases{allowance: r.cfg.Allowance, account: a.ID}, gone: make(chan struct{}), paces: map[string]*pace{},
			}
		} else {
			delete(old, a.ID)
		}
		m.account = a
		members = append(members, m)
	}
	for _, m := range old {
		r.retire(m)
	}
	slices.SortFunc(members, func(a, b *member) int { return strings.Compare(a.account.Name, b.account.Name) })
	r.members = members
	return errors.Join(errs...)
}

// retire takes a member out of use. The caller holds the mutex.
func (r *Router) retire(m *member) {
	m.retired = true
	r.retiring = append(r.retiring, m)
	if m.flying == 0 {
		go r.end(m)
	}
}

// end closes the sender of a member that no message uses.
func (r *Router) end(m *member) {
	defer close(m.gone)
	if err := errors.Join(m.leases.surrender(), m.sender.Close()); err != nil {
		r.cfg.Logger.Warn("close sending account", "account", m.account.Name, "error", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retiring = slices.DeleteFunc(r.retiring, func(other *member) bool { return other == m })
}

// Close refuses new messages, waits for those under way, and closes the senders. Closing twice does nothing.
func (r *Router) Close() error {
	r.mu.Lock()
	r.closed = true
	for _, m := range r.members {
		r.retire(m)
	}
	r.members = nil
	ending := slices.Clone(r.retiring)
	r.mu.Unlock()
	for _, m := range ending {
		<-m.gone
	}
	return nil
}

// Connections is the sum over the accounts, and at least 1: a message that finds no account is told so by Begin.
func (r *Router) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := 0
	for _, m := range r.members {
		sum += m.sender.Connections()
	}
	return max(sum, 1)
}

// Send delivers one message over any account.
func (r *Router) Send(ctx context.Context, m *channels.EmailMessage) (channels.Receipt, error) {
	s := r.Session()
	defer s.Close()
	if err := s.Begin(ctx, m); err != nil {
		return channels.Receipt{}, err
	}
	return s.Commit(ctx)
}

// Session gives a sender of one message after another, each over the account whose turn it is.
func (r *Router) Session() channels.EmailSession { return &session{router: r} }
