package email

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"

	"dotyk/channels"
)

var _ channels.EmailSender = (*Sender)(nil)

// Sender sends over one SMTP server. It is safe for concurrent use.
type Sender struct {
	pool  *pool
	close sync.Once
}

// New checks the configuration and makes a sender. It connects when the first message is sent.
func New(cfg Config) (*Sender, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	p := newPool(cfg)
	if _, err := gomail.NewClient(cfg.Host, p.options(p.dialSocket)...); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return &Sender{pool: p}, nil
}

// Connections is the largest number of messages that can be in flight.
func (s *Sender) Connections() int { return s.pool.cfg.Connections }

// Close refuses new messages, waits for those in flight, and closes the connections. Closing twice does nothing.
func (s *Sender) Close() error {
	s.close.Do(s.pool.close)
	return nil
}

// Send delivers m to the server and returns its receipt. It waits while all connections are busy. Cancelling ctx ends
// the wait and cuts the connection. The error is always a *channels.SendError; only of kind Unknown may the message
// have been sent.
func (s *Sender) Send(ctx context.Context, m *channels.EmailMessage) (channels.Receipt, error) {
	out, err := build(m, time.Now())
	if err != nil {
		return channels.Receipt{}, &channels.SendError{Kind: channels.BadMessage, Detail: err.Error(), Err: err}
	}
	if err := s.pool.acquire(ctx); err != nil {
		return channels.Receipt{}, notSent(err)
	}
	defer s.pool.release()

	if c := s.pool.take(); c != nil {
		receipt, failed := s.attempt(ctx, c, out)
		if failed == nil {
			return receipt, nil
		}
		if !failed.stale() || ctx.Err() != nil {
			return receipt, failed.sendError(ctx)
		}
		// The server hung up on an idle connection before it saw the message: begin again, once, on a fresh one.
		if out, err = build(m, time.Now()); err != nil {
			return channels.Receipt{}, &channels.SendError{Kind: channels.BadMessage, Detail: err.Error(), Err: err}
		}
	}
	c, err := s.pool.dial(ctx)
	if err != nil {
		return channels.Receipt{}, dialError(ctx, err)
	}
	receipt, failed := s.attempt(ctx, c, out)
	if failed != nil {
		return receipt, failed.sendError(ctx)
	}
	return receipt, nil
}

// attempt sends over c and afterwards gives c back to the pool or drops it.
func (s *Sender) attempt(ctx context.Context, c *connection, out *outgoing) (channels.Receipt, *failure) {
	stop := context.AfterFunc(ctx, c.drop)
	defer stop()
	if utf8, _ := c.smtp.Extension("SMTPUTF8"); !out.ascii && !utf8 {
		s.pool.put(c)
		return channels.Receipt{}, &failure{err: errNoUTF8, words: errNoUTF8.Error()}
	}
	// The flag is set only where it is needed: a relay may have to bounce a message that carries it in vain.
	c.smtp.SkipSMTPUTF8(out.ascii)

	err := c.client.SendWithSMTPClient(c.smtp, out.msg)
	if out.msg.IsDelivered() {
		// Whatever went wrong after the server's 250 is not the message's trouble.
		s.settle(c, err == nil && stop())
		response := out.msg.ServerResponse()
		return channels.Receipt{ProviderID: queueID(response), Response: response}, nil
	}
	f := newFailure(err)
	s.settle(c, f.answered() && stop() && s.reset(c))
	return channels.Receipt{}, f
}

// reset ends the failed transaction, which go-mail leaves open after a refused DATA.
func (s *Sender) reset(c *connection) bool {
	return c.smtp.UpdateDeadline(s.pool.cfg.Timeout) == nil && c.smtp.Reset() == nil
}

func (s *Sender) settle(c *connection, usable bool) {
	if usable {
		s.pool.put(c)
		return
	}
	c.drop()
}

// notSent is the failure of a message that never reached a connection.
func notSent(err error) *channels.SendError {
	detail := "gave up before a connection was free"
	if errors.Is(err, ErrClosed) {
		detail = ErrClosed.Error()
	}
	return &channels.SendError{Kind: channels.Temporary, Detail: detail, Err: err}
}

// queueIDs are the ways servers tell under which id they keep a message: Postfix and most others, Exim, Amazon SES.
var queueIDs = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\bqueued as[: ]+<?([\w.@-]+)`),
	regexp.MustCompile(`(?i)\bid=([\w.@-]+)`),
	regexp.MustCompile(`(?i)^(?:2\.0\.0 )?ok:? ([\w.-]{16,})$`),
}

// queueID finds the server's id in its answer to the message, or returns "".
func queueID(response string) string {
	for _, re := range queueIDs {
		if m := re.FindStringSubmatch(response); m != nil {
			return m[1]
		}
	}
	return ""
}
