package smtptest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Config says what the server is like. The zero value takes every message in clear text without authentication.
type Config struct {
	Username string      // with Password: AUTH PLAIN is offered and demanded
	Password string      //
	TLS      *tls.Config // offers STARTTLS; nil for none
	Implicit bool        // TLS from the first byte (smtps) instead of STARTTLS
	SMTPUTF8 bool        // offers RFC 6531
	Discard  bool        // counts messages and keeps none, for benchmarks

	NoPipelining   bool // does not offer RFC 2920; as No8BitMIME, without effect under STARTTLS
	No8BitMIME     bool // does not offer RFC 6152
	MaxConnections int  // those beyond are answered with 421 and closed; 0 is no limit
}

// Stats counts connections and messages since Start.
type Stats struct {
	Opened   int // connections ever accepted
	Open     int // connections open now
	Peak     int // most connections open at one time
	Messages int // messages taken
}

// Server is a running sink. Its methods may be called from any goroutine.
type Server struct {
	cfg  Config
	addr string

	mu       sync.Mutex
	fault    func(Stage, string) *Fault
	messages []Message
	stats    Stats
	commands []string
	running  *smtp.Server
	listener net.Listener
	done     chan struct{} // closed when running's accept loop has ended
	stopping chan struct{} // closed when running is being stopped
	conns    sync.WaitGroup
}

// Start listens on a free port of 127.0.0.1 and stops when tb ends.
func Start(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	s := &Server{cfg: cfg, addr: "127.0.0.1:0"}
	if err := s.listen(); err != nil {
		tb.Fatalf("start SMTP sink: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Errorf("stop SMTP sink: %v", err)
		}
	})
	return s
}

// Stop closes the listener and every connection at once, as a crash would. Stopping twice does nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	running, l, done := s.running, s.listener, s.done
	s.running = nil
	s.mu.Unlock()
	if running == nil {
		return nil
	}
	close(s.stopping)
	// The listener is closed here too: a server that has not yet begun to serve does not know it.
	err := errors.Join(running.Close(), l.Close())
	<-done
	s.conns.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close SMTP sink: %w", err)
	}
	return nil
}

// Restart stops the server and listens on the same port again. What was recorded stays.
func (s *Server) Restart() error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.listen()
}

// Addr is host:port.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// URL is the address as email.ParseURL takes it, with the user and password if there are any.
func (s *Server) URL() string {
	u := url.URL{Scheme: "smtp", Host: s.Addr()}
	if s.cfg.Implicit {
		u.Scheme = "smtps"
	}
	if s.cfg.Username != "" {
		u.User = url.UserPassword(s.cfg.Username, s.cfg.Password)
	}
	return u.String()
}

// Messages returns what was taken, oldest first. None are kept with Config.Discard.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Commands returns every line of the dialogue that clients sent, of all connections, in the order of arrival. Message
// contents and lines under TLS are not among them.
func (s *Server) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// SetFault scripts the server: f is asked at every stage and answers nil to let it pass. rcpt is the first recipient
// of the transaction, empty before RCPT. f may be called from many connections at once. A nil f ends all faults.
func (s *Server) SetFault(f func(stage Stage, rcpt string) *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func (s *Server) faultAt(stage Stage, rcpt string) *Fault {
	s.mu.Lock()
	f, stopping := s.fault, s.stopping
	s.mu.Unlock()
	if f == nil {
		return nil
	}
	fault := f(stage, rcpt)
	if fault == nil || fault.Delay == 0 {
		return fault
	}
	delay := time.NewTimer(fault.Delay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-stopping:
	}
	if fault.delaysOnly() {
		return nil
	}
	return fault
}

// crowded says whether there are more connections than the configuration allows.
func (s *Server) crowded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.MaxConnections > 0 && s.stats.Open > s.cfg.MaxConnections
}

func (s *Server) listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.addr = l.Addr().String()
	s.done, s.stopping = make(chan struct{}), make(chan struct{})
	if s.cfg.Implicit {
		l = tls.NewListener(l, s.cfg.TLS)
	}

	srv := smtp.NewServer(smtp.BackendFunc(s.newSession))
	srv.Domain = "sink.test"
	srv.AllowInsecureAuth = true // the sink tests clients, not itself
	srv.EnableSMTPUTF8 = s.cfg.SMTPUTF8
	srv.ErrorLog = quiet{}
	if !s.cfg.Implicit {
		srv.TLSConfig = s.cfg.TLS
	}
	s.running, s.listener = srv, l
	go func(done chan struct{}) {
		defer close(done)
		// The error is the listener's end, which Stop causes.
		_ = srv.Serve(&listener{Listener: l, server: s})
	}(s.done)
	return nil
}

func (s *Server) opened() {
	s.conns.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Opened++
	s.stats.Open++
	s.stats.Peak = max(s.stats.Peak, s.stats.Open)
}

func (s *Server) closed() {
	s.mu.Lock()
	s.stats.Open--
	s.mu.Unlock()
	s.conns.Done()
}

func (s *Server) newSession(c *smtp.Conn) (smtp.Session, error) {
	w, ok := c.Conn().(*conn)
	if !ok { // under STARTTLS: faults of single commands cannot be seen from here
		w = &conn{server: s}
	}
	ses := &session{server: s, conn: w, authenticated: s.cfg.Username == ""}
	if s.cfg.Username == "" {
		return ses, nil
	}
	return &authSession{session: ses}, nil
}

// authSession offers AUTH PLAIN besides what session does.
type authSession struct{ *session }

// AuthMechanisms lists PLAIN alone.
func (a *authSession) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth checks the user and password of the configuration.
func (a *authSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != a.server.cfg.Username || password != a.server.cfg.Password {
			return smtp.ErrAuthFailed
		}
		a.authenticated = true
		return nil
	}), nil
}

// quiet is a log of go-smtp that keeps nothing: broken connections are what the tests are about.
type quiet struct{}

// Printf drops the line.
func (quiet) Printf(string, ...any) {}

// Println drops the line.
func (quiet) Println(...any) {}
