package mailbox

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/emersion/go-smtp"
)

func (m *Mailbox) newServer() *smtp.Server {
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		if err := m.goWrong(AtConnect, c.Conn()); err != nil {
			return nil, err
		}
		return &session{mailbox: m, conn: c.Conn()}, nil
	}))
	srv.Domain = "mailbox.localhost"
	srv.MaxMessageBytes = maxMessageBytes
	srv.MaxRecipients = 100 // RFC 5321, section 4.5.3.1.8: at least
	srv.ReadTimeout, srv.WriteTimeout = ioAtMost, ioAtMost
	srv.EnableSMTPUTF8 = true
	srv.EnableDSN = true
	srv.ErrorLog = smtpLog{m.log}
	return srv
}

// session is one connection's conversation.
type session struct {
	mailbox *Mailbox
	conn    net.Conn
	from    string
	to      []string
}

// Mail begins a message.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if err := s.mailbox.goWrong(AtMail, s.conn); err != nil {
		return err
	}
	s.from = from
	return nil
}

// Rcpt adds a recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.mailbox.goWrong(AtRcpt, s.conn, to); err != nil {
		return err
	}
	s.to = append(s.to, to)
	return nil
}

// Data receives the message: one for each recipient, all of them written before the client is answered.
func (s *session) Data(r io.Reader) error {
	s.mailbox.receiving.RLock()
	defer s.mailbox.receiving.RUnlock()
	if s.mailbox.closed {
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "Mailbox is closing"}
	}
	if err := s.mailbox.goWrong(AtData, s.conn, s.to...); err != nil {
		return err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	parsed := parse(raw)
	parsed.At = time.Now().UTC()
	parsed.EnvelopeFrom = s.from
	if parsed.From == "" {
		parsed.From = s.from
	}
	received := make([]Message, len(s.to))
	for i, to := range s.to {
		received[i] = parsed
		received[i].ID = rand.Text()
		received[i].To = to
	}
	if err := s.mailbox.keep(received...); err != nil {
		s.mailbox.log.Error("receive message", "error", err)
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Mailbox cannot be written"}
	}
	return s.mailbox.goWrong(AtDot, s.conn, s.to...)
}

// Reset forgets the message that was begun.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout ends the conversation.
func (s *session) Logout() error { return nil }

// smtpLog passes the server's complaints, mostly about connections that broke off, on to slog.
type smtpLog struct{ log *slog.Logger }

// Printf logs a complaint.
func (l smtpLog) Printf(format string, v ...any) {
	l.log.Debug("development mailbox", "detail", fmt.Sprintf(format, v...))
}

// Println logs a complaint.
func (l smtpLog) Println(v ...any) { l.log.Debug("development mailbox", "detail", fmt.Sprint(v...)) }
