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

// stage is a step of sending a message.
type stage int

const (
	stageMail stage = iota + 1
	stageRcpt
	stageData
	stageContent // from the first byte of the message to the last one before the final dot
	stageAnswer  // the final dot was written
)

// failure is a failed attempt, taken apart.
type failure struct {
	err      error
	stage    stage  // 0: before anything was said to the server
	code     int    // of the server's reply; 0 when the connection broke instead
	enhanced string // RFC 3463, empty if the reply has none
	words    string // of the reply
	broken   bool   // the connection is in no known state and must be dropped
}

var enhancedCode = regexp.MustCompile(`^([245]\.\d{1,3}\.\d{1,3})[ \n]?`)

// failed is the failure of a step that ended with err. A reply that neither accepts nor refuses is as good as none.
func failed(at stage, err error) *failure {
	f := &failure{err: err, stage: at, words: err.Error(), broken: true}
	reply, ok := errors.AsType[*textproto.Error](err)
	if !ok || reply.Code < 400 || reply.Code > 599 {
		return f
	}
	f.code, f.words = reply.Code, reply.Msg
	f.broken = f.code == 421 // the server hangs up after it
	f.splitEnhanced()
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

// stale says that a connection which had worked before broke, or was ended by the server, before the content began: the
// message was certainly not sent, and another connection may do.
func (f *failure) stale() bool {
	return f.stage != 0 && f.stage < stageContent && (f.code == 0 || f.code == 421)
}

// sendError judges the failure.
func (f *failure) sendError(ctx context.Context) *channels.SendError {
	e := &channels.SendError{Kind: f.kind(), Detail: f.words, Err: f.err}
	if f.code != 0 {
		e.Code = f.reply()
	}
	if err := ctx.Err(); err != nil && f.code == 0 {
		// The broken connection is our own doing; say why.
		e.Err = errors.Join(context.Cause(ctx), f.err)
	}
	return e
}

// reply is "550 5.1.1".
func (f *failure) reply() string { return strings.TrimSpace(strconv.Itoa(f.code) + " " + f.enhanced) }

func (f *failure) kind() channels.FailureKind {
	switch {
	case errors.Is(f.err, errNoUTF8):
		return channels.BadMessage
	case errors.Is(f.err, errSign):
		return channels.SenderBlocked
	case f.code == 0 && f.stage == stageAnswer:
		return channels.Unknown // the final dot was written, the answer never came
	case f.code < 500:
		return channels.Temporary
	}
	if f.enhanced != "" {
		kind, ok := kindOfEnhanced(f.enhanced)
		if ok && kind == channels.BadAddress && f.stage == stageMail {
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
	case ourFault.MatchString(f.words), f.stage == stageMail && f.code != 552:
		return channels.SenderBlocked
	case f.stage == stageRcpt && (f.code == 550 || f.code == 551 || f.code == 553) &&
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
		e.Code = f.reply()
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
