package activities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/email/accounts"
)

// ErrNoMailer says that a workspace has no sending account, and the installation no mail server.
var ErrNoMailer = errors.New("no mail server: set SMTP_URL, or give the workspace one by starter account add")

// Mailers give each workspace what it sends e-mail over. They are safe for concurrent use.
type Mailers interface {
	// For gives the sender of a workspace. It is asked anew for each batch of messages, so that changes of accounts are
	// heeded, and must not be closed. ErrNoMailer when there is none.
	For(ctx context.Context, workspace int64) (channels.EmailSender, error)
	// Close closes all senders, those of the installation too. Messages under way are finished first.
	Close() error
}

// AccountMailers give a workspace with sending accounts a router over these, and others the installation's sender.
type AccountMailers struct {
	cfg MailersConfig

	mu     sync.Mutex
	byID   map[int64]*mailer
	closed bool
}

// MailersConfig configures AccountMailers. Store is required.
type MailersConfig struct {
	Store *store.Store
	// Standard is the installation's sender; nil for none. It is closed by AccountMailers.Close.
	Standard channels.EmailSender
	Logger   *slog.Logger
	// LookUp is that of accounts.Config.
	LookUp func(ctx context.Context, domain string) (string, error)
	// Open makes the sender of an account. Default: accounts.Open.
	Open func(accounts.Account) (channels.EmailSender, error)
	// Recheck is for how long the accounts of a workspace are taken to be unchanged. Default 10 s.
	Recheck time.Duration
	Now     func() time.Time
}

var _ Mailers = (*AccountMailers)(nil)

// mailer is what a workspace sends over. It is kept for the life of the process: its connections close by themselves when
// they are idle, and the rest is small.
type mailer struct {
	mu      sync.Mutex // one loads, the others wait for what it finds
	router  *accounts.Router
	state   string
	any     bool // the workspace has accounts
	checked time.Time
	closed  bool
}

// NewMailers makes mailers. They load the accounts of a workspace when it sends first.
func NewMailers(cfg MailersConfig) *AccountMailers {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Open == nil {
		cfg.Open = accounts.Open
	}
	if cfg.Recheck == 0 {
		cfg.Recheck = 10 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &AccountMailers{cfg: cfg, byID: map[int64]*mailer{}}
}

// For implements Mailers. While the database is away, what was loaded before goes on.
func (ms *AccountMailers) For(ctx context.Context, workspace int64) (channels.EmailSender, error) {
	m, err := ms.mailer(workspace)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, accounts.ErrClosed
	}
	if now := ms.cfg.Now(); m.checked.IsZero() || now.Sub(m.checked) >= ms.cfg.Recheck {
		if err := ms.load(ctx, workspace, m); err != nil {
			return nil, err
		}
		m.checked = now
	}
	switch {
	case m.any:
		return m.router, nil
	case ms.cfg.Standard != nil:
		return ms.cfg.Standard, nil
	default:
		return nil, fmt.Errorf("workspace %d: %w", workspace, ErrNoMailer)
	}
}

func (ms *AccountMailers) mailer(workspace int64) (*mailer, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if ms.closed {
		return nil, accounts.ErrClosed
	}
	m := ms.byID[workspace]
	if m == nil {
		m = &mailer{}
		ms.byID[workspace] = m
	}
	return m, nil
}

// load looks whether the workspace's accounts have changed, and uses those that there are now.
func (ms *AccountMailers) load(ctx context.Context, workspace int64, m *mailer) error {
	set, err := ms.cfg.Store.OpenAccounts(ctx, workspace, m.state)
	if err != nil && !m.checked.IsZero() && store.Unavailable(err) {
		ms.cfg.Logger.Warn("sending accounts could not be looked up: those known go on", "workspace", workspace, "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	if set.State == m.state {
		return nil
	}
	if m.router == nil && set.Any {
		m.router = ms.newRouter(workspace)
	}
	if m.router != nil {
		// The rest sends; that it is less than it should be is said, and again with each change.
		if err := m.router.Set(set.Enabled); err != nil {
			ms.cfg.Logger.Error("sending accounts cannot be used", "workspace", workspace, "error", err)
		}
	}
	m.state, m.any = set.State, set.Any
	return nil
}

func (ms *AccountMailers) newRouter(workspace int64) *accounts.Router {
	logger := ms.cfg.Logger.With("workspace", workspace)
	return accounts.New(accounts.Config{
		Open: ms.cfg.Open, Allowance: store.AccountAllowance{Store: ms.cfg.Store, Workspace: workspace}, LookUp: ms.cfg.LookUp,
		Logger: logger, Now: ms.cfg.Now,
		Trouble: func(ctx context.Context, t accounts.Trouble) {
			// A message that is given up may be how the trouble shows.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := ms.cfg.Store.NoteAccountTrouble(ctx, workspace, t.Account, t.Why); err != nil {
				logger.Warn("trouble of a sending account could not be noted", "account", t.Name, "error", err)
			}
		},
	})
}

// Close implements Mailers.
func (ms *AccountMailers) Close() error {
	ms.mu.Lock()
	ms.closed = true
	all := ms.byID
	ms.byID = nil
	ms.mu.Unlock()
	var errs []error
	for _, m := range all {
		m.mu.Lock()
		m.closed = true
		if m.router != nil {
			errs = append(errs, m.router.Close())
		}
		m.mu.Unlock()
	}
	if ms.cfg.Standard != nil {
		errs = append(errs, ms.cfg.Standard.Close())
	}
	return errors.Join(errs...)
}
