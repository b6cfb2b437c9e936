package mailin

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"dotyk/activities/store"
)

// Store is what mail is kept in: a *store.Store.
type Store interface {
	KeepMail(ctx context.Context, workspace int64, m store.InboundMail) (string, error)
	ReadMail(ctx context.Context, ref store.MailRef) error
	OpenMails(ctx context.Context, limit int) ([]store.MailRef, error)
	MailDomains(ctx context.Context) (map[string]int64, error)
	Workspaces(ctx context.Context) ([]store.WorkspaceInfo, error)
}

// Options are the ways in; each is a flag and an environment variable of the programs that take mail.
type Options struct {
	InboundSMTP string        `name:"inbound-smtp" env:"INBOUND_SMTP" help:"Take bounces and replies as a mail server, on host:port."`
	InboundLMTP string        `name:"inbound-lmtp" env:"INBOUND_LMTP" help:"Take them by LMTP behind a mail server, on host:port or the path of a socket."`
	IMAPURL     string        `name:"imap-url" env:"IMAP_URL" help:"Take them out of a mailbox: imaps://user:password@host/INBOX."`
	IMAPEvery   time.Duration `name:"imap-every" env:"IMAP_EVERY" default:"1m" help:"How often to look into the mailbox."`
	MailBytes   int64         `name:"inbound-bytes" env:"INBOUND_BYTES" default:"10485760" help:"Largest mail to take, in bytes."`
}

// Config of a Receiver.
type Config struct {
	Options
	Store  Store
	Logger *slog.Logger
}

// Receiver takes mail until Stop.
type Receiver struct {
	Config
	mu      sync.Mutex
	domains map[string]int64
	known   time.Time // when domains was read

	unread chan struct{} // a mail was kept
	smtp   []*listening
	cancel context.CancelFunc
	work   sync.WaitGroup
}

const (
	// domainsFor is how long the workspaces' domains are believed.
	domainsFor = 30 * time.Second
	// readAgain is how long to wait with mails that could not be read for now, and to look for what others left.
	readAgain = 15 * time.Second
	readBatch = 100
)

// Start opens the ways in that are configured, and reads what was kept before.
func Start(ctx context.Context, c Config) (_ *Receiver, err error) {
	if c.MailBytes <= 0 {
		c.MailBytes = 10 << 20
	}
	if c.IMAPEvery <= 0 {
		c.IMAPEvery = time.Minute
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &Receiver{Config: c, unread: make(chan struct{}, 1), cancel: cancel}
	defer func() { //nolint:contextcheck // what was opened is closed whatever became of the start
		if err != nil {
			err = errors.Join(err, r.Stop())
		}
	}()
	var box *mailbox
	if c.IMAPURL != "" {
		if box, err = parseMailbox(c.IMAPURL, r); err != nil {
			return nil, err
		}
	}
	if c.InboundSMTP != "" {
		if err := r.listen(ctx, c.InboundSMTP, false); err != nil {
			return nil, err
		}
	}
	if c.InboundLMTP != "" {
		if err := r.listen(ctx, c.InboundLMTP, true); err != nil {
			return nil, err
		}
	}
	r.work.Go(func() { r.read(running) })
	if box != nil {
		r.work.Go(func() { box.poll(running) })
	}
	return r, nil
}

// Stop takes no more mail, and lets what is under way finish.
func (r *Receiver) Stop() error {
	var errs []error
	for _, l := range r.smtp {
		errs = append(errs, l.stop())
	}
	r.cancel()
	r.work.Wait()
	return errors.Join(errs...)
}

// workspaceOf says whose mail to an address is. It is false for mail that is nobody's here: we relay none.
func (r *Receiver) workspaceOf(ctx context.Context, address string) (workspace int64, ours bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.known) > domainsFor {
		domains, err := r.Store.MailDomains(ctx)
		if err != nil {
			return 0, false, err
		}
		r.domains, r.known = domains, time.Now()
	}
	_, domain, _ := strings.Cut(address, "@")
	workspace, ours = r.domains[strings.ToLower(strings.TrimSuffix(domain, "."))]
	return workspace, ours, nil
}

// keep stores a mail, and has it read.
func (r *Receiver) keep(ctx context.Context, workspace int64, m store.InboundMail) error {
	m.At = time.Now().UTC()
	if _, err := r.Store.KeepMail(ctx, workspace, m); err != nil {
		return err
	}
	select {
	case r.unread <- struct{}{}:
	default: // it is about to look already
	}
	return nil
}

// read reads what was kept, as it comes.
func (r *Receiver) read(ctx context.Context) {
	tick := time.NewTicker(readAgain)
	defer tick.Stop()
	for {
		more := r.readOpen(ctx)
		if more && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-r.unread:
		case <-tick.C:
		}
	}
}

// readOpen reads a batch, and says whether there may be others that are worth trying at once.
func (r *Receiver) readOpen(ctx context.Context) (more bool) {
	list, err := r.Store.OpenMails(ctx, readBatch)
	if err != nil {
		if ctx.Err() == nil {
			r.Logger.ErrorContext(ctx, "look for mail to read", "error", err)
		}
		return false
	}
	more = len(list) == readBatch
	for _, ref := range list {
		if err := r.Store.ReadMail(ctx, ref); err != nil {
			if ctx.Err() != nil {
				return false
			}
			r.Logger.ErrorContext(ctx, "read mail", "workspace", ref.Workspace, "mail", ref.ID, "error", err)
			more = false
		}
	}
	return more
}
