package hooks

import (
	"errors"
	"net/mail"
	"strings"
	"time"

	"dotyk/channels/email/inbound"
)

// ErrForged is returned for whatever the provider did not send, or sent too long ago.
var ErrForged = errors.New("not signed by the provider")

// Event is one word of a provider on one message.
type Event struct {
	Key    string // the provider's id of the event: a word that comes twice has the same
	Touch  string // id of our message, where the provider repeats it; "" without
	Report inbound.Report
	At     time.Time
}

// fate makes a report on one recipient.
func fate(kind inbound.Kind, messageID string, one inbound.Recipient) inbound.Report {
	return inbound.Report{Kind: kind, OriginalID: strings.Trim(messageID, "<> "), Recipients: []inbound.Recipient{one}}
}

// address gives the bare address, in small letters.
func address(s string) string {
	if parsed, err := mail.ParseAddress(s); err == nil {
		s = parsed.Address
	}
	return strings.ToLower(strings.TrimSpace(s))
}
