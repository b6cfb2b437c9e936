package mailin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/net/netutil"

	"dotyk/activities/store"
)

// What one sender can take of us.
const (
	maxConnections = 100
	maxRecipients  = 100
	patience       = 2 * time.Minute
	stopPatience   = 10 * time.Second
)

// listening is one mail server that runs.
type listening struct {
	server *smtp.Server
	ln     net.Listener
	done   chan error
}

// listen takes mail on host:port, or by LMTP on the path of a Unix socket.
func (r *Receiver) listen(ctx context.Context, at string, lmtp bool) error {
	network, flag := "tcp", "--inbound-smtp"
	if lmtp {
		flag = "--inbound-lmtp"
		if strings.ContainsRune(at, '/') {
			network = "unix"
			if err := removeSocket(at); err != nil {
				return err
			}
		}
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, network, at)
	if err != nil {
		return fmt.Errorf("listen for mail on %s (choose another address with %s): %w", at, flag, err)
	}
	via := "smtp"
	if lmtp {
		via = "lmtp"
	}
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{receiver: r, via: via}, nil
	}))
	srv.LMTP, srv.Domain = lmtp, "dotyk"
	srv.MaxMessageBytes, srv.MaxRecipients = r.MailBytes, maxRecipients
	srv.ReadTimeout, srv.WriteTimeout = patience, patience
	srv.MaxLineLength = 64 << 10 // reports send back lines that no standard allows
	srv.EnableSMTPUTF8 = true
	srv.ErrorLog = slog.NewLogLogger(r.Logger.Handler(), slog.LevelDebug)
	l := &listening{server: srv, ln: ln, done: make(chan error, 1)}
	go func() { l.done <- srv.Serve(netutil.LimitListener(ln, maxConnections)) }()
	r.smtp = append(r.smtp, l)
	return nil
}

// removeSocket takes away what an earlier process left behind, and nothing that is no socket.
func removeSocket(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look for an earlier socket: %w", err)
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("--inbound-lmtp: %s is there and is no socket: choose another path", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove an earlier socket: %w", err)
	}
	return nil
}

func (l *listening) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	err := l.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = l.server.Close()
	}
	// A server that was stopped before it began to serve does not know its listener.
	if closed := l.ln.Close(); closed != nil && !errors.Is(closed, net.ErrClosed) {
		err = errors.Join(err, closed)
	}
	if ended := <-l.done; ended != nil && !errors.Is(ended, smtp.ErrServerClosed) && !errors.Is(ended, net.ErrClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// session is one connection's conversation.
type session struct {
	receiver *Receiver
	via      string
	from     string
	to       []addressed
}

// addressed is a recipient and whose it is.
type addressed struct {
	address   string
	workspace int64
}

// Answers of ours. A fault that may pass makes the sender try again later.
var (
	errNotOurs = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "No mail for that address here"}
	errLater   = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Mail cannot be stored now; try again later"}
)

// Mail begins a mail.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.Reset()
	s.from = from
	return nil
}

// Rcpt adds a recipient: one in a domain of ours.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	workspace, ours, err := s.receiver.workspaceOf(ctx, to)
	if err != nil {
		s.receiver.Logger.ErrorContext(ctx, "look up the domain of a mail", "error", err)
		return errLater
	}
	if !ours {
		return errNotOurs
	}
	s.to = append(s.to, addressed{to, workspace})
	return nil
}

// Data takes the mail. It is answered once the mail is stored for every recipient.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for _, to := range s.to {
		if err := s.store(to, raw); err != nil {
			return err
		}
	}
	return nil
}

// LMTPData takes the mail, with an answer for each recipient.
func (s *session) LMTPData(r io.Reader, status smtp.StatusCollector) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for _, to := range s.to {
		status.SetStatus(to.address, s.store(to, raw))
	}
	return nil
}

func (s *session) store(to addressed, raw []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := s.receiver.keep(ctx, to.workspace, store.InboundMail{Via: s.via, Sender: s.from, Recipient: to.address, Raw: raw})
	if err != nil {
		s.receiver.Logger.ErrorContext(ctx, "keep mail", "error", err)
		return errLater
	}
	return nil
}

// Reset forgets the mail that was begun.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout ends the conversation.
func (s *session) Logout() error { return nil }
