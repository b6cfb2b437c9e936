package email

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// ErrClosed is the cause of failures of a Sender that was closed.
var ErrClosed = errors.New("sender is closed")

// pool keeps at most a fixed number of connections, in use and idle together. A connection is dialled only when none is
// idle, so holding a slot is enough to keep the bound.
type pool struct {
	cfg     Config
	slots   chan struct{} // one element for each holder
	closing chan struct{}

	mu      sync.Mutex
	idle    []*connection  // the last used is the last element, and the first to be used again
	expired sync.WaitGroup // armed idle timers
}

func newPool(cfg Config) *pool {
	return &pool{
		cfg:     cfg,
		slots:   make(chan struct{}, cfg.Connections),
		closing: make(chan struct{}),
	}
}

// acquire waits for a slot.
func (p *pool) acquire(ctx context.Context) error {
	select {
	case <-p.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	default:
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-p.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release gives the slot back.
func (p *pool) release() { <-p.slots }

// take returns an idle connection, or nil. The caller holds a slot.
func (p *pool) take() *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle = p.idle[:n-1]
	if c.timer.Stop() {
		p.expired.Done()
	}
	return c
}

// put makes c idle. The caller holds a slot and gives it back after.
func (p *pool) put(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
	p.expired.Add(1)
	if c.timer != nil {
		c.timer.Reset(p.cfg.Idle)
		return
	}
	c.timer = time.AfterFunc(p.cfg.Idle, func() {
		defer p.expired.Done()
		if p.remove(c) {
			c.quit()
		}
	})
}

// remove takes c out of the idle ones, and says whether it was still among them.
func (p *pool) remove(c *connection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.idle {
		if other == c {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			return true
		}
	}
	return false
}

// close refuses new holders, waits for those there are, and closes every connection. It is called once.
func (p *pool) close() {
	close(p.closing)
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range idle {
		if c.timer.Stop() {
			p.expired.Done()
		}
		c.quit()
	}
	p.expired.Wait()
}

// dialSocket connects, with TLS from the first byte where that is the policy: go-mail does not wrap what a dial
// function of ours returns.
func (p *pool) dialSocket(ctx context.Context, network, addr string) (net.Conn, error) {
	if p.cfg.TLS == TLSImplicit {
		d := tls.Dialer{Config: p.tlsConfig()}
		return d.DialContext(ctx, network, addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

func (p *pool) tlsConfig() *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.cfg.TLSConfig != nil {
		cfg = p.cfg.TLSConfig.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = p.cfg.Host
	}
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	return cfg
}

func (p *pool) options(dial gomail.DialContextFunc) []gomail.Option {
	opts := []gomail.Option{
		gomail.WithPort(p.cfg.Port),
		gomail.WithTimeout(p.cfg.Timeout),
		gomail.WithHELO(p.cfg.HELO),
		gomail.WithTLSConfig(p.tlsConfig()),
		gomail.WithTLSPolicy(p.policy()),
		gomail.WithDialContextFunc(dial),
	}
	if p.cfg.Username == "" {
		return opts
	}
	if p.cfg.TLS == TLSNone {
		// Discovery finds no PLAIN or LOGIN on clear text; whoever wrote tls=none has accepted that.
		return append(opts, gomail.WithUsername(p.cfg.Username), gomail.WithPassword(p.cfg.Password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1,
				gomail.SMTPAuthCramMD5, gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc))
	}
	return append(opts, gomail.WithUsername(p.cfg.Username), gomail.WithPassword(p.cfg.Password),
		gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover))
}

func (p *pool) policy() gomail.TLSPolicy {
	switch p.cfg.TLS {
	case TLSNone:
		return gomail.NoTLS
	case TLSOpportunistic:
		return gomail.TLSOpportunistic
	case TLSImplicit:
		// The socket is encrypted already and the server offers no STARTTLS on it; this policy makes go-mail look at the
		// socket, and so offer the password.
		return gomail.TLSOpportunistic
	case TLSMandatory:
		return gomail.TLSMandatory
	default:
		return gomail.TLSMandatory
	}
}
