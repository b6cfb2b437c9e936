package mailbox

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	gomail "github.com/emersion/go-message/mail"
)

// Reply is a message that a customer writes.
type Reply struct {
	MessageID string // without angle brackets
	At        time.Time
	From      string // the customer's address
	To        string // one of ours
	Subject   string
	Text      string
	InReplyTo string // Message-ID of ours that it answers, without angle brackets; empty for none
}

// MIME gives the reply as it would come over SMTP (RFC 5322), for what parses real mail.
func (r Reply) MIME() ([]byte, error) {
	var h gomail.Header
	h.SetDate(r.At)
	h.SetMessageID(r.MessageID)
	h.SetAddressList("From", []*mail.Address{{Address: r.From}})
	h.SetAddressList("To", []*mail.Address{{Address: r.To}})
	h.SetSubject(r.Subject)
	if r.InReplyTo != "" {
		h.SetMsgIDList("In-Reply-To", []string{r.InReplyTo})
		h.SetMsgIDList("References", []string{r.InReplyTo})
	}
	h.SetContentType("text/plain", map[string]string{"charset": "utf-8"})
	var out bytes.Buffer
	body, err := gomail.CreateSingleInlineWriter(&out, h)
	if err != nil {
		return nil, fmt.Errorf("write reply: %w", err)
	}
	if _, err := body.Write([]byte(strings.ReplaceAll(r.Text, "\n", "\r\n"))); err != nil {
		return nil, fmt.Errorf("write reply: %w", err)
	}
	if err := body.Close(); err != nil {
		return nil, fmt.Errorf("write reply: %w", err)
	}
	return out.Bytes(), nil
}

// inbound is the request that plays a reply. Only who writes, and what, must be said: the rest follows from the newest
// message to that customer.
type inbound struct {
	From      string `json:"from"`
	To        string `json:"to"`
	Subject   string `json:"subject"`
	Text      string `json:"text"`
	InReplyTo string `json:"in_reply_to"`
}

// complete makes a reply of the request, or says what is missing.
func (m *Mailbox) complete(in inbound) (Reply, error) {
	from, err := mail.ParseAddress(in.From)
	if err != nil {
		return Reply{}, fmt.Errorf("from %q: want the customer's address", in.From)
	}
	r := Reply{
		MessageID: strings.ToLower(rand.Text()) + "@mailbox.localhost",
		At:        time.Now().UTC(),
		From:      from.Address,
		To:        in.To,
		Subject:   in.Subject,
		Text:      in.Text,
		InReplyTo: strings.Trim(in.InReplyTo, "<> "),
	}
	if original, ok := m.answered(r); ok {
		r.answer(original)
	}
	to, err := mail.ParseAddress(r.To)
	if err != nil {
		return Reply{}, fmt.Errorf("to %q: no message to %s is known, so say which address is written to", r.To, r.From)
	}
	r.To = to.Address
	return r, nil
}

// answered finds the message that a reply is about: the one it names, else the newest to its sender.
func (m *Mailbox) answered(r Reply) (Message, bool) {
	for _, msg := range slices.Backward(m.all()) {
		named := r.InReplyTo != "" && messageID(msg) == r.InReplyTo
		if named || (r.InReplyTo == "" && strings.EqualFold(msg.To, r.From)) {
			return msg, true
		}
	}
	return Message{}, false
}

// answer fills what is not said as a customer's mail program would.
func (r *Reply) answer(original Message) {
	if r.InReplyTo == "" {
		r.InReplyTo = messageID(original)
	}
	if r.To == "" {
		r.To = original.From
		if replyTo := original.header("Reply-To"); replyTo != "" {
			r.To = replyTo
		}
	}
	if r.Subject == "" {
		r.Subject = original.Subject
		if !strings.HasPrefix(strings.ToLower(r.Subject), "re:") {
			r.Subject = "Re: " + r.Subject
		}
	}
}

func messageID(m Message) string { return strings.Trim(m.header("Message-ID"), "<> ") }
