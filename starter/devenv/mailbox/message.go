package mailbox

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/mail"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // decodes the charsets that mail is written in besides UTF-8
)

// Message is one message as one recipient received it.
type Message struct {
	ID           string            `json:"id"`            // of the mailbox's own making: a message that came twice is here twice
	At           time.Time         `json:"at"`            // when it was received
	From         string            `json:"from"`          // address that the reader sees; the envelope's if there is none
	To           string            `json:"to"`            // recipient of the envelope
	EnvelopeFrom string            `json:"envelope_from"` // where bounces go; empty for the null sender
	Subject      string            `json:"subject"`
	Headers      map[string]string `json:"headers"` // names as they were sent, values decoded; repeated ones joined by a line's end
	Text         string            `json:"text"`    // plain text part, decoded; the whole message if it cannot be read
	HTML         string            `json:"html"`    // HTML part, decoded
}

// header gives a header whatever the capitals of its name.
func (m Message) header(name string) string {
	for key, value := range m.Headers {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// size is about what the message takes in memory, in bytes.
func (m Message) size() int {
	n := 512 + len(m.Subject) + len(m.Text) + len(m.HTML)
	for key, value := range m.Headers {
		n += len(key) + len(value)
	}
	return n
}

// parse reads what is in a message of RFC 5322 and MIME. Nothing is refused: a receiver has to see what was sent, and
// most of all what is wrong with it.
func parse(raw []byte) Message {
	m := Message{Headers: map[string]string{}}
	entity, err := message.Read(bytes.NewReader(raw))
	if entity == nil || (err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err)) {
		m.Text = valid(raw)
		return m
	}
	m.readHeader(&entity.Header)
	if err := entity.Walk(m.readPart); err != nil && m.Text == "" && m.HTML == "" {
		m.Text = valid(raw)
	}
	return m
}

func (m *Message) readHeader(h *message.Header) {
	for fields := h.Fields(); fields.Next(); {
		name := fields.Key()
		if raw, err := fields.Raw(); err == nil {
			if sent, _, ok := strings.Cut(string(raw), ":"); ok {
				name = strings.TrimSpace(sent)
			}
		}
		value, err := fields.Text()
		if err != nil {
			value = fields.Value()
		}
		value = valid([]byte(value))
		if before, ok := m.Headers[name]; ok {
			value = before + "\n" + value
		}
		m.Headers[name] = value
	}
	m.Subject = m.header("Subject")
	if from, err := (&mail.AddressParser{WordDecoder: &mime.WordDecoder{}}).Parse(h.Get("From")); err == nil {
		m.From = from.Address
	}
}

// errEnough ends the walk through a message.
var errEnough = errors.New("seen enough")

// maxParts bounds how many parts of a message are looked at.
const maxParts = 1000

func (m *Message) readPart(path []int, part *message.Entity, err error) error {
	if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return err
	}
	if part == nil || (len(path) > 0 && path[len(path)-1] > maxParts) {
		return errEnough
	}
	kind, _, err := part.Header.ContentType()
	if err != nil {
		kind = "text/plain" // RFC 2045, section 5.2: what cannot be understood is plain text
	}
	disposition, _, err := part.Header.ContentDisposition()
	if err == nil && disposition == "attachment" {
		return nil
	}
	var into *string
	switch {
	case kind == "text/html" && m.HTML == "":
		into = &m.HTML
	case kind == "text/plain" && m.Text == "":
		into = &m.Text
	default:
		return nil
	}
	body, err := io.ReadAll(part.Body)
	*into = strings.ReplaceAll(valid(body), "\r\n", "\n")
	return err
}

// valid makes text of bytes that may be none, so that JSON carries it.
func valid(text []byte) string { return strings.ToValidUTF8(string(text), "\uFFFD") }
