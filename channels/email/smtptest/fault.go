package smtptest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
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
	Content Stage = "content" // within the message, at its first line or after Fault.After; only Drop and Stall make sense
	Dot     Stage = "dot"     // the message is read whole but not taken
	Taken   Stage = "taken"   // the message is taken and recorded, the answer is not yet sent
	Reset   Stage = "reset"   // RSET
	Quit    Stage = "quit"    // QUIT
)

// Fault is what happens instead of the right answer: at most one of Reply, Drop and Stall is set. With none of them the
// right answer comes, after Delay.
type Fault struct {
	Reply string        // the line to answer, for example "550 5.1.1 no such user"
	Drop  bool          // close the connection without an answer
	Stall bool          // never answer
	Delay time.Duration // how long to wait before anything happens
	After int           // at Content: bytes of the message that are read before; all but the final dot if it is shorter
}

func (f *Fault) delaysOnly() bool { return f.Reply == "" && !f.Drop && !f.Stall }

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
	read    int  // bytes of the content so far
	cut     *Fault
	rcpt    string
	pending []byte
}

// Write holds back the greeting when a fault stands in for it, and the extensions that the configuration takes away.
func (c *conn) Write(p []byte) (int, error) {
	if !c.greeted {
		c.greeted = true
		if c.server.crowded() {
			return len(p), c.play(&Fault{Reply: "421 4.3.2 too many connections"})
		}
		if f := c.server.faultAt(Connect, ""); f != nil {
			return len(p), c.play(f)
		}
	}
	switch {
	case bytes.HasPrefix(p, []byte("354 ")):
		c.inData, c.first, c.read, c.cut = true, true, 0, nil
	case c.server.cfg.NoPipelining && string(p) == "250-PIPELINING\r\n",
		c.server.cfg.No8BitMIME && string(p) == "250-8BITMIME\r\n":
		return len(p), nil
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
		return c.inspectContent(line)
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

func (c *conn) inspectContent(line []byte) (swallow bool, err error) {
	if c.first {
		c.first = false
		c.cut = c.server.faultAt(Content, c.rcpt)
	}
	end := bytes.Equal(line, []byte(".\r\n"))
	if c.cut != nil && (c.read >= c.cut.After || end) {
		return true, c.play(c.cut)
	}
	c.read += len(line)
	c.inData = !end
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
