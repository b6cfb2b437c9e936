package email

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// connection is one SMTP session. It serves one goroutine at a time.
type connection struct {
	smtp    *smtp.Client // made by go-mail, which has greeted, encrypted and authenticated
	socket  net.Conn     // beneath smtp: closing it ends any wait at once
	timer   *time.Timer  // runs while the connection is idle
	timeout time.Duration

	pipelining bool // RFC 2920: commands need not wait for each other's replies
	eightBit   bool // RFC 6152
	utf8       bool // RFC 6531

	message, wire []byte // room for a message, and for what goes over the wire, used again and again
}

// maxRoom is the largest buffer that a connection keeps between messages.
const maxRoom = 256 << 10

// errUnasked says that the server spoke, or hung up, when nothing was asked of it.
var errUnasked = errors.New("the server ended the session")

// dial opens a connection and authenticates. Cancelling ctx closes the socket whatever it waits for.
func (p *pool) dial(ctx context.Context) (*connection, error) {
	c := &connection{timeout: p.cfg.Timeout}
	var stop func() bool
	client, err := gomail.NewClient(p.cfg.Host, p.options(func(dctx context.Context, network, addr string) (net.Conn, error) {
		socket, err := p.dialSocket(dctx, network, addr)
		if err == nil {
			c.socket = socket
			stop = context.AfterFunc(ctx, c.drop)
		}
		return socket, err
	})...)
	if err != nil {
		return nil, err
	}
	// Not DialWithContext: it takes the client's write lock.
	c.smtp, err = client.DialToSMTPClientWithContext(ctx)
	if stop != nil {
		stop()
	}
	if err != nil {
		if c.socket != nil {
			c.drop() // go-mail leaves the socket open when the greeting, TLS or authentication fails
		}
		return nil, err
	}
	c.pipelining, _ = c.smtp.Extension("PIPELINING")
	c.eightBit, _ = c.smtp.Extension("8BITMIME")
	c.utf8, _ = c.smtp.Extension("SMTPUTF8")
	return c, nil
}

// drop closes the socket without ceremony.
func (c *connection) drop() {
	// An error would say that the socket is closed already.
	_ = c.socket.Close()
}

// quit says goodbye, for a second at most, and closes the socket.
func (c *connection) quit() {
	if c.socket.SetDeadline(time.Now().Add(time.Second)) == nil {
		// A server that does not answer QUIT loses nothing: all messages were answered before.
		_ = c.smtp.Quit()
	}
	c.drop()
}

// begin hands l over to the last line of its content. The final dot is missing, so the server cannot take it.
func (c *connection) begin(l *letter, keys []DKIMKey, now time.Time) *failure {
	if !c.utf8 && l.utf8 {
		return &failure{err: errNoUTF8, words: errNoUTF8.Error()}
	}
	// RFC 6376 section 5.3: a relay that had to convert a signed message would break the signature.
	eightBit := c.eightBit && len(keys) == 0
	c.message = l.appendMessage(c.message[:0], eightBit, now)
	c.wire = c.wire[:0]
	for i := range keys {
		signature, err := keys[i].sign(l, c.message)
		if err != nil {
			return &failure{err: err, words: err.Error()}
		}
		c.wire = append(c.wire, signature...)
	}
	c.wire = appendStuffed(c.wire, c.message)
	defer c.trim()
	if f := c.envelope(l, l.needsEightBit(eightBit)); f != nil {
		return f
	}
	return c.content()
}

// trim lets go of buffers that one big message made big.
func (c *connection) trim() {
	if cap(c.message) > maxRoom {
		c.message = nil
	}
	if cap(c.wire) > maxRoom {
		c.wire = nil
	}
}

// command is a step of the envelope and the code of the reply that lets it pass: whole, or its first digits.
type command struct {
	stage stage
	line  string
	want  int
}

// envelope asks to send from one address to one, and to hand over the content: in one write and one round trip where the
// server takes that.
func (c *connection) envelope(l *letter, eightBit bool) *failure {
	mail := "MAIL FROM:<" + l.envelopeFrom + ">"
	if eightBit {
		mail += " BODY=8BITMIME"
	}
	if l.utf8 {
		// Only where it is needed: a relay may have to bounce a message that carries it in vain.
		mail += " SMTPUTF8"
	}
	commands := [...]command{
		{stageMail, mail, 25},
		{stageRcpt, "RCPT TO:<" + l.to + ">", 25},
		{stageData, "DATA", 354},
	}
	if c.smtp.Text.R.Buffered() > 0 {
		return failed(stageMail, errUnasked)
	}
	if c.pipelining {
		return c.pipeline(commands[:])
	}
	for _, step := range commands {
		if f := c.write(step.stage, step.line+"\r\n"); f != nil {
			return f
		}
		if f := c.expect(step); f != nil {
			return f
		}
	}
	return nil
}

// pipeline writes all commands and then reads their replies (RFC 2920 section 3.1). The first refusal is the one that
// tells: those after it follow from it.
func (c *connection) pipeline(commands []command) *failure {
	var lines strings.Builder
	for _, step := range commands {
		lines.WriteString(step.line + "\r\n")
	}
	if f := c.write(stageMail, lines.String()); f != nil {
		return f
	}
	var first *failure
	for _, step := range commands {
		f := c.expect(step)
		switch {
		case first == nil:
			first = f
		case f == nil && step.stage == stageData:
			// The server waits for content in spite of its refusal. Ending that with a dot would send an empty message.
			first.broken = true
		case f != nil && f.broken:
			first.broken = true
		}
		if first != nil && first.broken {
			return first
		}
	}
	return first
}

// content writes the message and sees it off.
func (c *connection) content() *failure {
	if err := c.extend(); err != nil {
		return failed(stageContent, err)
	}
	if _, err := c.smtp.Text.W.Write(c.wire); err != nil {
		return failed(stageContent, err)
	}
	if err := c.smtp.Text.W.Flush(); err != nil {
		return failed(stageContent, err)
	}
	return nil
}

// commit writes the final dot of the message begun and reads the answer.
func (c *connection) commit() (string, *failure) {
	// A server that has spoken or hung up since will not take the message. After the dot nobody could tell.
	if c.smtp.Text.R.Buffered() > 0 || spoken(c.socket) {
		return "", failed(stageContent, errUnasked)
	}
	// A write that fails has not passed on the whole of the final line, without which there is no message.
	if f := c.write(stageContent, ".\r\n"); f != nil {
		return "", f
	}
	_, response, err := c.smtp.Text.ReadResponse(2)
	if err != nil {
		return "", failed(stageAnswer, err)
	}
	return response, nil
}

// reset ends a transaction that was refused, so that the next one can begin.
func (c *connection) reset() bool {
	return c.write(stageMail, "RSET\r\n") == nil && c.expect(command{stage: stageMail, want: 25}) == nil
}

// extend gives the next step its time.
func (c *connection) extend() error { return c.socket.SetDeadline(time.Now().Add(c.timeout)) }

// write sends lines, and gives them and the reply their time.
func (c *connection) write(at stage, lines string) *failure {
	if err := c.extend(); err != nil {
		return failed(at, err)
	}
	if _, err := c.smtp.Text.W.WriteString(lines); err != nil {
		return failed(at, err)
	}
	if err := c.smtp.Text.W.Flush(); err != nil {
		return failed(at, err)
	}
	return nil
}

func (c *connection) expect(step command) *failure {
	if _, _, err := c.smtp.Text.ReadResponse(step.want); err != nil {
		return failed(step.stage, err)
	}
	return nil
}
