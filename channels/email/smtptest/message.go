package smtptest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// Message is one message as it arrived.
type Message struct {
	From   string      // envelope sender
	To     []string    // envelope recipients
	Header mail.Header // of the message, keys in canonical form, values as sent (encoded words are not decoded)
	Text   string      // the text/plain part, decoded, with \n line ends; empty if there is none
	HTML   string      // the text/html part, likewise
	Raw    []byte      // the whole message
	At     time.Time   // when it was taken
}

// Subject is the subject with its encoded words decoded.
func (m *Message) Subject() string {
	s, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return m.Header.Get("Subject")
	}
	return s
}

// Parse reads the header and the text parts of m.Raw.
func (m *Message) Parse() error {
	msg, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	m.Header = msg.Header
	return m.walk(map[string][]string(msg.Header), msg.Body)
}

func (m *Message) walk(header map[string][]string, body io.Reader) error {
	get := func(k string) string { return mail.Header(header).Get(k) }
	mediaType, params, err := mime.ParseMediaType(get("Content-Type"))
	if err != nil {
		mediaType = "text/plain" // RFC 2045 section 5.2: the default of a part without a readable type
	}
	if strings.HasPrefix(mediaType, "multipart/") {
		return m.walkParts(multipart.NewReader(body, params["boundary"]))
	}
	switch strings.ToLower(get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("decode %s part: %w", mediaType, err)
	}
	text := strings.ReplaceAll(string(b), "\r\n", "\n")
	switch mediaType {
	case "text/plain":
		m.Text = text
	case "text/html":
		m.HTML = text
	}
	return nil
}

func (m *Message) walkParts(r *multipart.Reader) error {
	for {
		// NextRawPart, because NextPart would decode quoted-printable and hide that it did.
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read part: %w", err)
		}
		if err := m.walk(p.Header, p); err != nil {
			return err
		}
	}
}

// session receives the messages of one connection.
type session struct {
	server        *Server
	conn          *conn
	authenticated bool
	from          string
	to            []string
}

// Reset forgets the transaction.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout has nothing to free.
func (s *session) Logout() error { return nil }

// Mail begins a transaction.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.authenticated {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

// Rcpt adds a recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

// Data reads the message, records it unless a fault forbids, and answers.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.fault(Dot); err != nil {
		return err
	}
	m := Message{From: s.from, To: s.to, Raw: raw, At: time.Now()}
	if !s.server.cfg.Discard {
		if err := m.Parse(); err != nil {
			return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: err.Error()}
		}
	}
	s.server.take(m)
	return s.fault(Taken)
}

func (s *session) fault(stage Stage) error {
	rcpt := ""
	if len(s.to) > 0 {
		rcpt = s.to[0]
	}
	f := s.server.faultAt(stage, rcpt)
	if f == nil {
		return nil
	}
	if f.Reply == "" {
		if s.conn.Conn == nil {
			return errors.New("faults under STARTTLS can only be replies")
		}
		return s.conn.play(f)
	}
	return replyError(f.Reply)
}

// replyError turns "452 4.3.1 no room" into what go-smtp answers with.
func replyError(reply string) error {
	code, rest, _ := strings.Cut(reply, " ")
	n, err := strconv.Atoi(code)
	if err != nil {
		return fmt.Errorf("read scripted reply %q: %w", reply, err)
	}
	e := &smtp.SMTPError{Code: n, EnhancedCode: smtp.NoEnhancedCode, Message: rest}
	first, words, _ := strings.Cut(rest, " ")
	var c smtp.EnhancedCode
	if _, err := fmt.Sscanf(first, "%d.%d.%d", &c[0], &c[1], &c[2]); err == nil {
		e.EnhancedCode, e.Message = c, words
	}
	return e
}

func (s *Server) take(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Messages++
	if !s.cfg.Discard {
		s.messages = append(s.messages, m)
	}
}
