package smtptest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
)

// Stage is a moment of the SMTP dialogue at which a fault can happen.
type Stage string

// The stages, in the order of a dialogue.
const (
	Connect Stage = "connect" // instead of the greeting
	Hello   Stage = "hello"   // EHLO or HELO
	Auth    Stage = "auth"    // AUTH
	Mail    Stage = "mail"    // MAIL FROM
	Rcpt    Stage = "rcpt"    // RCPT TO
	Data    Stage = "data"    // the DATA command
	Content Stage = "content" // the first line of the message; only Drop and Stall make sense
	Dot     Stage = "dot"     // the message is read whole but not taken
	Taken   Stage = "taken"   // the message is taken and recorded, the answer is not yet sent
	Reset   Stage = "reset"   // RSET
	Quit    Stage = "quit"    // QUIT
)

// Fault is what happens instead of the right answer. Exactly one of Reply, Drop and Stall is set.
type Fault struct {
	Reply string // the line to answer, for example "550 5.1.1 no such user"
	Drop  bool   // close the connection without an answer
	Stall bool   // never answer
}

// listener wraps each connection so that faults can be injected below go-smtp, which has no hook for most commands.
type listener struct {
	net.Listener
	server *Server
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.server.opened()
	w := &conn{Conn: c, server: l.server, r: bufio.NewReader(c)}
	return w, nil
}

// conn reads the client's lines one by one, so that a fault can answer in the server's stead.
type conn struct {
	net.Conn
	server *Server
	r      *bufio.Reader
	once   sync.Once

	greeted bool
	raw     bool // STARTTLS was asked: what follows is not lines
	inData  bool
	first   bool // the next line is the first of the content
	rcpt    string
	pending []byte
}

// Write holds back the greeting when a fault stands in for it.
func (c *conn) Write(p []byte) (int, error) {
	if !c.greeted {
		c.greeted = true
		if f := c.server.faultAt(Connect, ""); f != nil {
			return len(p), c.play(f)
		}
	}
	if bytes.HasPrefix(p, []byte("354 ")) {
		c.inData, c.first = true, true
	}
	return c.Conn.Write(p)
}

// Read gives go-smtp at most one line, after asking whether a fault answers it instead.
func (c *conn) Read(p []byte) (int, error) {
	for len(c.pending) == 0 {
		if c.raw {
			return c.r.Read(p)
		}
		line, err := c.r.ReadSlice('\n')
		if len(line) == 0 && err != nil {
			return 0, err
		}
		swallow, err := c.inspect(line)
		if err != nil {
			return 0, err
		}
		if !swallow {
			c.pending = line
		}
	}
	n := copy(p, c.pending)
	c.pending = c.pending[n:]
	return n, nil
}

// Close counts the connection as closed, once.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.server.closed)
	return err
}

func (c *conn) inspect(line []byte) (swallow bool, err error) {
	if c.inData {
		first := c.first
		c.first = false
		if bytes.Equal(line, []byte(".\r\n")) {
			c.inData = false
			return false, nil
		}
		if first {
			return c.ask(Content)
		}
		return false, nil
	}
	text := strings.TrimRight(string(line), "\r\n")
	c.server.record(text)
	verb, rest, _ := strings.Cut(text, " ")
	switch strings.ToUpper(verb) {
	case "EHLO", "HELO":
		return c.ask(Hello)
	case "AUTH":
		return c.ask(Auth)
	case "MAIL":
		c.rcpt = ""
		return c.ask(Mail)
	case "RCPT":
		if c.rcpt == "" {
			c.rcpt = address(rest)
		}
		return c.ask(Rcpt)
	case "DATA":
		return c.ask(Data)
	case "RSET":
		return c.ask(Reset)
	case "QUIT":
		return c.ask(Quit)
	case "STARTTLS":
		c.raw = true
	}
	return false, nil
}

func (c *conn) ask(stage Stage) (swallow bool, err error) {
	f := c.server.faultAt(stage, c.rcpt)
	if f == nil {
		return false, nil
	}
	return true, c.play(f)
}

// play does what the fault says. An error means that the connection is over.
func (c *conn) play(f *Fault) error {
	switch {
	case f.Drop:
		if err := c.Close(); err != nil {
			return fmt.Errorf("drop connection: %w", err)
		}
		return io.EOF
	case f.Stall:
		return c.stall()
	default:
		if _, err := io.WriteString(c.Conn, f.Reply+"\r\n"); err != nil {
			return fmt.Errorf("write scripted reply: %w", err)
		}
		if strings.HasPrefix(f.Reply, "421") {
			return io.EOF
		}
		return nil
	}
}

// stall swallows whatever comes until the client gives up or the server stops.
func (c *conn) stall() error {
	for {
		if _, err := c.r.ReadByte(); err != nil {
			return err
		}
	}
}

// address takes "a@b" out of "TO:<a@b> NOTIFY=NEVER".
func address(s string) string {
	_, s, _ = strings.Cut(s, "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}

func (s *Server) record(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.cfg.Discard {
		s.commands = append(s.commands, line)
	}
}
