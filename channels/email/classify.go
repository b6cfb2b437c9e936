package email

import (
	"context"
	"errors"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"dotyk/channels"
)

var errNoUTF8 = errors.New("the server does not take addresses with letters beyond ASCII (SMTPUTF8)")

// failure is a failed attempt, taken apart.
type failure struct {
	err      error
	reason   gomail.SendErrReason
	code     int    // of the server's reply; 0 when the connection broke instead
	enhanced string // RFC 3463, empty if the reply has none
	words    string // of the reply
}

var enhancedCode = regexp.MustCompile(`^([245]\.\d{1,3}\.\d{1,3})[ \n]?`)

// newFailure reads err of SendWithSMTPClient. That is a joined error even for one message; its IsTemp is false for a
// broken connection, and it reads enhanced codes only of servers that announce them, so we read the reply ourselves.
func newFailure(err error) *failure {
	f := &failure{err: err, reason: gomail.ErrConnCheck}
	se, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		f.words = err.Error()
		return f
	}
	f.reason, f.code = se.Reason, se.ErrorCode()
	f.words = strings.TrimPrefix(se.Error(), se.Reason.String())
	f.words = strings.TrimPrefix(f.words, ": ")
	f.words, _, _ = strings.Cut(f.words, ", affected ")
	if f.code != 0 {
		f.words = strings.TrimSpace(strings.TrimPrefix(f.words, strconv.Itoa(f.code)))
		// textproto quotes the reply in its error since Go 1.26.
		if quoted, err := strconv.QuotedPrefix(f.words); err == nil {
			if words, err := strconv.Unquote(quoted); err == nil {
				f.words = words
			}
		}
		f.splitEnhanced()
	}
	return f
}

func (f *failure) splitEnhanced() {
	if m := enhancedCode.FindStringSubmatch(f.words); m != nil {
		f.enhanced = m[1]
		// Every line of a long reply repeats the code (RFC 2034 section 4).
		f.words = strings.ReplaceAll(f.words[len(m[0]):], "\n"+m[1]+" ", "\n")
	}
	f.words = strings.ReplaceAll(f.words, "\n", " ")
}

// answered says that the server replied, so that the connection is in a known state. After 421 it hangs up.
func (f *failure) answered() bool { return f.code != 0 && f.code != 421 }

// stale says that a connection which had worked before broke, or was ended by the server, before the content began: the
// message was certainly not sent, and another connection may do.
func (f *failure) stale() bool {
	switch f.reason {
	case gomail.ErrConnCheck, gomail.ErrSMTPMailFrom, gomail.ErrSMTPRcptTo, gomail.ErrSMTPData:
		return !f.answered() && !errors.Is(f.err, errNoUTF8)
	default:
		return false
	}
}

// sendError judges the failure.
func (f *failure) sendError(ctx context.Context) *channels.SendError {
	e := &channels.SendError{Kind: f.kind(), Detail: f.words, Err: f.err}
	if f.code != 0 {
		e.Code = strings.TrimSpace(strconv.Itoa(f.code) + " " + f.enhanced)
	}
	if err := ctx.Err(); err != nil && f.code == 0 {
		// The broken connection is our own doing; say why.
		e.Err = errors.Join(context.Cause(ctx), f.err)
	}
	return e
}

func (f *failure) kind() channels.FailureKind {
	switch {
	case errors.Is(f.err, errNoUTF8):
		return channels.BadMessage
	case f.code == 0 && f.reason == gomail.ErrSMTPDataClose:
		// The content and its final dot were written, the answer never came.
		return channels.Unknown
	case f.code == 0 && (f.reason == gomail.ErrGetSender || f.reason == gomail.ErrGetRcpts):
		return channels.BadMessage
	case f.code < 500:
		return channels.Temporary
	}
	if f.enhanced != "" {
		kind, ok := kindOfEnhanced(f.enhanced)
		if ok && kind == channels.BadAddress && f.reason == gomail.ErrSMTPMailFrom {
			return channels.SenderBlocked // the address at fault is ours
		}
		if ok {
			return kind
		}
	}
	return f.kindOfReply()
}

// kindOfEnhanced judges a permanent failure by its code of RFC 3463 and the registry of RFC 5248. ok is false for codes
// that say too little (x.0.0 and the like).
func kindOfEnhanced(code string) (kind channels.FailureKind, ok bool) {
	switch code {
	case "5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4":
		return channels.BadAddress, true
	case "5.1.7", "5.1.8": // the sender's address
		return channels.SenderBlocked, true
	case "5.2.2", "5.3.1", "5.3.2": // mailbox or system full, system not taking messages: these pass
		return channels.Temporary, true
	case "5.2.3", "5.3.4": // too big
		return channels.BadMessage, true
	}
	switch code[:4] {
	case "5.4.":
		return channels.Temporary, true // routing
	case "5.5.", "5.6.":
		return channels.BadMessage, true // protocol, content
	case "5.7.":
		return channels.SenderBlocked, true // policy: authentication, reputation, relaying
	}
	return 0, false
}

var (
	unknownUser = regexp.MustCompile(`(?i)(user|recipient|mailbox|address|account).{0,40}` +
		`(unknown|not found|does ?n.t exist|not exist|invalid|disabled|rejected|unavailable|inactive)` +
		`|(no such|unknown|invalid) (user|recipient|mailbox|address|account)|no mailbox here`)
	ourFault = regexp.MustCompile(`(?i)spam|block(ed|list)|black ?list|reputation|policy|relay|authenticat|denied|not allowed|` +
		`dkim|spf|dmarc`)
	mailboxFull = regexp.MustCompile(`(?i)quota|mailbox (is )?full|over ?quota|insufficient storage`)
)

// kindOfReply judges a permanent failure without a telling code by the stage and the server's words. What cannot be told
// blames neither the person nor the sender.
func (f *failure) kindOfReply() channels.FailureKind {
	switch {
	case mailboxFull.MatchString(f.words):
		return channels.Temporary
	case ourFault.MatchString(f.words), f.reason == gomail.ErrSMTPMailFrom && f.code != 552:
		return channels.SenderBlocked
	case f.reason == gomail.ErrSMTPRcptTo && (f.code == 550 || f.code == 551 || f.code == 553) &&
		unknownUser.MatchString(f.words):
		return channels.BadAddress
	default:
		return channels.BadMessage
	}
}

// authUnsupported are go-mail's ways to say that the server offers no authentication we can do.
var authUnsupported = []error{
	gomail.ErrNoSupportedAuthDiscovered, gomail.ErrPlainAuthNotSupported, gomail.ErrLoginAuthNotSupported,
	smtp.ErrUnencrypted,
}

// dialError judges why no connection could be made. Nothing was sent.
func dialError(ctx context.Context, err error) *channels.SendError {
	e := &channels.SendError{Kind: channels.Unreachable, Detail: err.Error(), Err: err}
	if ctx.Err() != nil {
		e.Kind = channels.Temporary
		e.Err = errors.Join(context.Cause(ctx), err)
		return e
	}
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		f := failure{code: reply.Code, words: reply.Msg}
		f.splitEnhanced()
		e.Code = strings.TrimSpace(strconv.Itoa(f.code) + " " + f.enhanced)
		e.Detail = f.words
		if reply.Code >= 500 {
			e.Kind = channels.SenderBlocked // the password, or this host, is refused for good
		}
		return e
	}
	for _, unsupported := range authUnsupported {
		if errors.Is(err, unsupported) {
			e.Kind = channels.SenderBlocked
		}
	}
	return e
}
