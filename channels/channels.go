package channels

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// EmailMessage is one e-mail to one recipient, rendered.
type EmailMessage struct {
	TouchID        string // UUID of the ledger's row; the Message-ID and the Feedback-ID are made from it
	From           string // address
	FromName       string
	ReplyTo        string // address; empty for none
	To             string // address
	ToName         string
	Subject        string
	HTML           string // empty for a plain-text message
	Text           string // never empty
	MessageID      string // without angle brackets
	UnsubscribeURL string // one-click target of RFC 8058; empty for transactional mail
	// UnsubscribeMail is an address to which a mail unsubscribes as well; it stands beside UnsubscribeURL. Empty for none.
	UnsubscribeMail string
	EnvelopeFrom    string // MAIL FROM; empty means From
	FeedbackID      string // empty for none
}

// SMSMessage is one text message to one recipient, rendered.
type SMSMessage struct {
	TouchID        string // UUID of the ledger's row
	From           string // E.164 number, alphanumeric sender, or a messaging service's sid (MG...)
	To             string // E.164
	Body           string // at most 1,600 characters
	StatusCallback string // public URL that carries the touch's id; empty for none
	Workspace      int64  // whose settings choose the sender
}

// Receipt is a provider's word that it took a message.
type Receipt struct {
	ProviderID string // sid of Twilio; queue id in the SMTP answer, when it can be told
	Response   string // the provider's answer, for people
	Segments   int    // SMS parts; 0 for e-mail
	Sender     string // name of the account, or the number, that sent it; empty where there is but one
	Cost       string // estimated, as a decimal in the workspace's currency; empty where nothing is paid for a message
}

// EmailSender delivers e-mail. Its methods are safe for concurrent use; a failure is a *SendError.
type EmailSender interface {
	// Send delivers one message over any connection.
	Send(ctx context.Context, m *EmailMessage) (Receipt, error)
	// Session gives a sender of one message after another. It connects when it has to; Close gives back what it holds.
	Session() EmailSession
	// Connections is the largest number of messages that can be between claim and answer at one time.
	Connections() int
	Close() error
}

// EmailSession delivers one message after another, each in two parts, so that nobody but its caller decides when a message
// may count as sent: after Begin the server holds all of it but the final dot, and has not taken it. A session serves one
// goroutine. After any error it can be used for the next message.
type EmailSession interface {
	// Begin hands over everything but the final dot. After an error nothing was sent, so its kind is never Unknown.
	Begin(ctx context.Context, m *EmailMessage) error
	// Commit writes the final dot of the message begun, and reads the answer.
	Commit(ctx context.Context) (Receipt, error)
	// Abort forgets a message begun: it is not sent. Without one it does nothing.
	Abort()
	// Close gives the connection back. A message begun is not sent.
	Close()
}

// SMSSender delivers text messages. Send is safe for concurrent use; a failure is a *SendError.
type SMSSender interface {
	Send(ctx context.Context, m *SMSMessage) (Receipt, error)
	// Find asks the provider whether a message whose answer was lost was taken: the newest message to m.To with
	// m.Body created at or after since. ErrNotFound says that the provider knows none.
	Find(ctx context.Context, m *SMSMessage, since time.Time) (Receipt, error)
	Connections() int
}

// ErrNotFound is returned by Find when the provider knows no such message.
var ErrNotFound = errors.New("provider knows no such message")

// FailureKind says what a failed send means for the message, the address and the sender.
type FailureKind int

// The kinds of failure.
const (
	Temporary     FailureKind = iota + 1 // not sent; try this message again later
	Unreachable                          // not sent, the provider cannot be reached at all: try the whole batch later
	BadAddress                           // not sent, and this address will never work: suppress it
	OptedOut                             // not sent, the provider says the recipient opted out: suppress it
	BadMessage                           // not sent, and this message will never be taken
	SenderBlocked                        // not sent, our account or sender is at fault: the person is not to blame
	Unknown                              // may have been sent: never send blindly again
)

// String names the kind in words a person can read.
func (k FailureKind) String() string {
	switch k {
	case Temporary:
		return "temporary failure"
	case Unreachable:
		return "provider unreachable"
	case BadAddress:
		return "bad address"
	case OptedOut:
		return "recipient opted out"
	case BadMessage:
		return "message refused"
	case SenderBlocked:
		return "sender blocked"
	case Unknown:
		return "outcome unknown"
	default:
		return fmt.Sprintf("failure kind %d", int(k))
	}
}

// SendError is how sending fails.
type SendError struct {
	Kind       FailureKind
	Code       string        // "550 5.1.1", "21610"; empty when the provider gave none
	Detail     string        // the provider's words
	RetryAfter time.Duration // 0 when the provider did not say
	Err        error         // the cause, may be nil
}

// Error reads "bad address (550 5.1.1): no such user".
func (e *SendError) Error() string {
	s := e.Kind.String()
	if e.Code != "" {
		s += " (" + e.Code + ")"
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Unwrap gives the cause.
func (e *SendError) Unwrap() error { return e.Err }
