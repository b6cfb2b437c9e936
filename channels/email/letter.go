package email

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"dotyk/channels"
)

const (
	// maxHeaderURL keeps the unfolded List-Unsubscribe line below the 998 characters of RFC 5322 section 2.1.1.
	maxHeaderURL = 900
	maxMessageID = 500
)

// letter is a message that was checked, and taken apart as far as it can be before the server is known.
type letter struct {
	*channels.EmailMessage
	from, to, replyTo string // addresses as the wire has them; replyTo may be empty
	envelopeFrom      string // where bounces go
	id                string // without angle brackets
	unsubscribe       string // the value of List-Unsubscribe, folded; empty for none
	utf8              bool   // an address needs SMTPUTF8 (RFC 6531)
	text, html        content
}

// open checks m and takes it apart. Its errors describe faults of m.
func open(m *channels.EmailMessage) (*letter, error) {
	if err := checkFields(m); err != nil {
		return nil, err
	}
	l := &letter{EmailMessage: m, text: contentOf(m.Text), html: contentOf(m.HTML)}
	if err := l.setAddresses(); err != nil {
		return nil, err
	}
	if err := l.setID(); err != nil {
		return nil, err
	}
	return l, l.setUnsubscribe()
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
		{"UnsubscribeMail", m.UnsubscribeMail},
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
	return nil
}

func (l *letter) setAddresses() error {
	for _, a := range [...]struct {
		field, value string
		wire         *string
	}{
		{"From", l.From, &l.from},
		{"To", l.To, &l.to},
		{"ReplyTo", l.ReplyTo, &l.replyTo},
		{"EnvelopeFrom", l.EnvelopeFrom, &l.envelopeFrom},
	} {
		if a.value == "" && (a.wire == &l.replyTo || a.wire == &l.envelopeFrom) {
			continue
		}
		wire, err := address(a.field, a.value)
		if err != nil {
			return err
		}
		*a.wire = wire
		l.utf8 = l.utf8 || !isASCII(wire)
	}
	if l.envelopeFrom == "" {
		l.envelopeFrom = l.from
	}
	return nil
}

// setID takes the message's id or makes one of the touch's.
func (l *letter) setID() error {
	l.id = l.MessageID
	if l.id == "" && l.TouchID != "" {
		l.id = l.TouchID + l.from[strings.LastIndexByte(l.from, '@'):]
	}
	if l.id == "" || len(l.id) > maxMessageID || !printable(l.id) || strings.ContainsAny(l.id, "<> ") {
		return fmt.Errorf("message id %q: want up to %d printable ASCII characters without spaces and angle brackets",
			l.id, maxMessageID)
	}
	return nil
}

// setUnsubscribe makes the value of List-Unsubscribe (RFC 2369). RFC 8058 demands https for one click; a development server
// on http gets the same headers, so that they can be seen and tried.
func (l *letter) setUnsubscribe() error {
	if raw := l.UnsubscribeURL; raw != "" {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") ||
			strings.ContainsAny(raw, "<>,\"") || !printable(raw) || strings.Contains(raw, " ") {
			return fmt.Errorf("unsubscribe URL %q", raw)
		}
		if len(raw) > maxHeaderURL {
			return fmt.Errorf("unsubscribe URL of %d bytes, at most %d", len(raw), maxHeaderURL)
		}
		l.unsubscribe = "<" + raw + ">"
	}
	if l.UnsubscribeMail == "" {
		return nil
	}
	wire, err := address("UnsubscribeMail", l.UnsubscribeMail)
	if err != nil {
		return err
	}
	if !isASCII(wire) {
		return fmt.Errorf("UnsubscribeMail %q: want an ASCII address", l.UnsubscribeMail)
	}
	if l.unsubscribe != "" {
		l.unsubscribe += ",\r\n "
	}
	l.unsubscribe += "<mailto:" + mailtoEscape.Replace(wire) + ">"
	return nil
}

// mailtoEscape writes what an address may hold and a mailto URI may not (RFC 6068 section 2).
var mailtoEscape = strings.NewReplacer(
	"%", "%25", "/", "%2F", "?", "%3F", "#", "%23", "[", "%5B", "]", "%5D", "&", "%26", ";", "%3B", "=", "%3D",
	`"`, "%22", `\`, "%5C", " ", "%20", "`", "%60", "{", "%7B", "|", "%7C", "}", "%7D", "^", "%5E", ",", "%2C",
)
