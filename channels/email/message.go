package email

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"dotyk/channels"
)

// maxHeaderURL keeps the unfolded List-Unsubscribe line below the 998 characters of RFC 5322 section 2.1.1.
const maxHeaderURL = 900

// headerFeedbackID is Gmail's header for telling campaigns apart in its complaint statistics.
const headerFeedbackID gomail.Header = "Feedback-ID"

// headerTouch carries the touch's id for providers that give messages a Message-ID of their own and repeat our headers.
const headerTouch gomail.Header = "X-Dotyk-Touch"

// outgoing is a message ready for one attempt at sending. go-mail's Msg must not be used twice: its Reset keeps the
// previous recipient's List-Unsubscribe address.
type outgoing struct {
	msg   *gomail.Msg
	ascii bool // no address needs SMTPUTF8 (RFC 6531)
}

// build makes the message that goes over the wire. Its errors describe faults of m.
func build(m *channels.EmailMessage, now time.Time) (*outgoing, error) {
	if err := checkFields(m); err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	out := &outgoing{msg: msg, ascii: true}
	if err := out.setAddresses(m); err != nil {
		return nil, err
	}
	msg.SetDateWithValue(now.UTC()) // UTC, so that the zone of the host is not told
	msg.SetMessageIDWithValue(messageID(m, msg.GetFrom()[0].Address))
	msg.Subject(m.Subject)
	if m.TouchID != "" {
		msg.SetGenHeader(headerTouch, m.TouchID)
	}
	if m.FeedbackID != "" {
		msg.SetGenHeader(headerFeedbackID, m.FeedbackID)
	}
	if err := setUnsubscribe(msg, m.UnsubscribeURL); err != nil {
		return nil, err
	}
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return out, nil
}

func checkFields(m *channels.EmailMessage) error {
	for _, f := range [...]struct{ name, value string }{
		{"From", m.From},
		{"FromName", m.FromName},
		{"ReplyTo", m.ReplyTo},
		{"To", m.To},
		{"ToName", m.ToName},
		{"Subject", m.Subject},
		{"MessageID", m.MessageID},
		{"TouchID", m.TouchID},
		{"UnsubscribeURL", m.UnsubscribeURL},
		{"EnvelopeFrom", m.EnvelopeFrom},
		{"FeedbackID", m.FeedbackID},
	} {
		if strings.ContainsAny(f.value, "\r\n\x00") {
			return fmt.Errorf("%s holds a line break", f.name)
		}
	}
	if m.Text == "" {
		return errors.New("no text part")
	}
	if strings.ContainsAny(m.MessageID+m.TouchID, "<> ") || (m.MessageID == "" && m.TouchID == "") {
		return fmt.Errorf("message id %q", m.MessageID)
	}
	return nil
}

func (o *outgoing) setAddresses(m *channels.EmailMessage) error {
	from, err := o.address("From", m.FromName, m.From)
	if err != nil {
		return err
	}
	to, err := o.address("To", m.ToName, m.To)
	if err != nil {
		return err
	}
	o.msg.FromMailAddress(from)
	o.msg.ToMailAddress(to)
	if m.ReplyTo != "" {
		reply, err := o.address("ReplyTo", "", m.ReplyTo)
		if err != nil {
			return err
		}
		o.msg.ReplyToMailAddress(reply)
	}
	if m.EnvelopeFrom != "" {
		envelope, err := o.address("EnvelopeFrom", "", m.EnvelopeFrom)
		if err != nil {
			return err
		}
		o.msg.EnvelopeFromMailAddress(envelope)
	}
	return nil
}

// address checks one address and writes its domain in ASCII (RFC 5891), which every server understands. The local part
// has no such form; if it is not ASCII the server must offer SMTPUTF8.
func (o *outgoing) address(field, name, addr string) (*mail.Address, error) {
	a, err := mail.ParseAddress(addr)
	if err != nil || a.Name != "" || strings.ContainsAny(addr, "<>") {
		return nil, fmt.Errorf("%s %q is not an address", field, addr)
	}
	at := strings.LastIndexByte(a.Address, '@')
	local, domain := a.Address[:at], a.Address[at+1:]
	if !isASCII(domain) {
		if domain, err = idna.Lookup.ToASCII(domain); err != nil {
			return nil, fmt.Errorf("%s %q has no valid domain", field, addr)
		}
	}
	if !isASCII(local) {
		o.ascii = false
	}
	if !isASCII(name) {
		// net/mail leaves a backslash bare inside an encoded word, where its own parser, among others, refuses it.
		name = strings.ReplaceAll(name, `\`, "")
	}
	return &mail.Address{Name: name, Address: local + "@" + domain}, nil
}

// messageID is never go-mail's default, which tells the name of the host.
func messageID(m *channels.EmailMessage, from string) string {
	if m.MessageID != "" {
		return m.MessageID
	}
	return m.TouchID + from[strings.LastIndexByte(from, '@'):]
}

// setUnsubscribe adds both headers of RFC 8058. go-mail insists on https, which the standard demands; a development
// server on http gets the same headers, so that they can be seen and tried.
func setUnsubscribe(msg *gomail.Msg, raw string) error {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") ||
		strings.ContainsAny(raw, " <>,\"") || !isASCII(raw) {
		return fmt.Errorf("unsubscribe URL %q", raw)
	}
	if len(raw) > maxHeaderURL {
		return fmt.Errorf("unsubscribe URL of %d bytes, at most %d", len(raw), maxHeaderURL)
	}
	if u.Scheme == "http" {
		msg.SetListUnsubscribe(raw)
		msg.SetListUnsubscribePost()
		return nil
	}
	if err := msg.SetListUnsubscribeOneClick(raw); err != nil {
		return fmt.Errorf("set unsubscribe headers: %w", err)
	}
	return nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
