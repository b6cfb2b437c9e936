package email

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"

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
	one := session{pool: s.pool}
	if err := one.Begin(ctx, m); err != nil {
		return channels.Receipt{}, err
	}
	return one.Commit(ctx)
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
