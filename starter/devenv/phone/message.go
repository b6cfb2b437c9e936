package phone

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strconv"
	"time"
)

// Status is how far a message has come, in Twilio's words.
type Status string

// The statuses that the phone uses.
const (
	Accepted    Status = "accepted"  // taken for a messaging service
	Scheduled   Status = "scheduled" // to be sent at a set time
	Queued      Status = "queued"    // taken for a number
	Sending     Status = "sending"
	Sent        Status = "sent" // the carrier has it
	Delivered   Status = "delivered"
	Undelivered Status = "undelivered" // the carrier could not deliver it
	Failed      Status = "failed"      // it was not sent
	Canceled    Status = "canceled"    // while it was scheduled
	Received    Status = "received"    // from a customer

	Initiated  Status = "initiated" // a call is being dialled; in the API it is still queued
	Ringing    Status = "ringing"
	InProgress Status = "in-progress" // it was answered
	Completed  Status = "completed"
	Busy       Status = "busy"
	NoAnswer   Status = "no-answer"
)

// rank orders the statuses of texts, and those of calls: a message's own never goes back, whatever the order of its callbacks.
func (s Status) rank() int {
	switch s {
	case Accepted:
		return 1
	case Scheduled:
		return 2
	case Queued, Initiated:
		return 3
	case Sending, Ringing:
		return 4
	case Sent, InProgress:
		return 5
	case Delivered, Undelivered, Failed, Canceled, Received, Completed, Busy, NoAnswer:
		return 6
	default:
		return 0
	}
}

const (
	outbound = "outbound-api"
	inbound  = "inbound"
)

// ChannelCall is the channel of a call.
const ChannelCall = "call"

// Message is one text message, or one call.
type Message struct {
	ID        string    `json:"id"`                // Twilio's sid
	Channel   string    `json:"channel,omitempty"` // ChannelCall; empty for a text
	At        time.Time `json:"at"`                // when it was taken
	Direction string    `json:"direction"`         // outbound-api, or inbound when a customer wrote it
	From      string    `json:"from"`              // empty until a messaging service has chosen a number
	To        string    `json:"to"`
	Dials     string    `json:"dials,omitempty"` // of a call: the number that it connects To with
	Body      string    `json:"body"`            // of a call: its TwiML
	Segments  int       `json:"segments"`
	Status    Status    `json:"status"`
	ErrorCode int       `json:"error_code,omitempty"` // why it was not delivered; 0 if there is no reason
	Duration  int       `json:"duration,omitempty"`   // of a call that was answered and has ended, in seconds
}

// concerns tells whether a number is one that the message was for.
func (m Message) concerns(number string) bool { return m.To == number || m.Dials == number }

// Callback is one status callback.
type Callback struct {
	Status    Status `json:"status"`
	ErrorCode int    `json:"error_code,omitempty"` // of failed and undelivered: 30003, say
}

// stored is what the journal keeps of a message.
type stored struct {
	Message
	Service        string     `json:"service,omitempty"` // sid of the messaging service it was sent with
	StatusCallback string     `json:"status_callback,omitempty"`
	Events         []Status   `json:"events,omitempty"` // of a call: what is posted to StatusCallback
	Second         secondLeg  `json:"second,omitzero"`  // of a call: its end at the number that it Dials
	Queue          queueLeg   `json:"queue,omitzero"`   // of a call: whose first caller it takes
	UpdatedAt      time.Time  `json:"updated_at"`
	SentAt         *time.Time `json:"sent_at,omitempty"`
	SendAt         *time.Time `json:"send_at,omitempty"` // of a scheduled message
	Media          int        `json:"media,omitempty"`
	Pending        []Callback `json:"pending,omitempty"` // callbacks still to be posted, in their order
}

// secondLeg is the call within a call that its script makes.
type secondLeg struct {
	ID             string `json:"id"`
	StatusCallback string `json:"status_callback,omitempty"`
}

// queueLeg is a queue that a call's script dials.
type queueLeg struct {
	Name string `json:"name"`
	URL  string `json:"url,omitempty"`
}

// wants tells whether a status is to be posted.
func (s stored) wants(status Status) bool {
	if s.StatusCallback == "" {
		return false
	}
	return s.Channel != ChannelCall || status.rank() == Completed.rank() && slices.Contains(s.Events, Completed) ||
		slices.Contains(s.Events, status)
}

// clone gives a copy that shares nothing with the original that is ever changed.
func (s stored) clone() stored {
	s.Pending = slices.Clone(s.Pending)
	return s
}

// sender is who an opt-out is from: the messaging service, else the number.
func (s stored) sender() string {
	if s.Service != "" {
		return s.Service
	}
	return s.From
}

// newID makes a sid: two letters and 32 hexadecimal digits.
func newID(prefix string) string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails
	return prefix + hex.EncodeToString(random[:])
}

// resource is a message as Twilio's API shows it.
type resource struct {
	Body                string            `json:"body"`
	NumSegments         string            `json:"num_segments"`
	Direction           string            `json:"direction"`
	From                *string           `json:"from"`
	To                  string            `json:"to"`
	DateCreated         string            `json:"date_created"`
	DateUpdated         string            `json:"date_updated"`
	DateSent            *string           `json:"date_sent"`
	Price               *string           `json:"price"`
	PriceUnit           string            `json:"price_unit"`
	ErrorCode           *int              `json:"error_code"`
	ErrorMessage        *string           `json:"error_message"`
	URI                 string            `json:"uri"`
	AccountSID          string            `json:"account_sid"`
	NumMedia            string            `json:"num_media"`
	Status              Status            `json:"status"`
	MessagingServiceSID *string           `json:"messaging_service_sid"`
	SID                 string            `json:"sid"`
	APIVersion          string            `json:"api_version"`
	SubresourceURIs     map[string]string `json:"subresource_uris"`
}

const apiVersion = "2010-04-01"

func (p *Phone) resource(m stored) resource {
	base := "/" + apiVersion + "/Accounts/" + p.config.AccountSID + "/Messages/" + m.ID
	r := resource{
		Body: m.Body, NumSegments: strconv.Itoa(m.Segments), Direction: m.Direction, To: m.To,
		DateCreated: m.At.Format(time.RFC1123Z), DateUpdated: m.UpdatedAt.Format(time.RFC1123Z),
		PriceUnit: "USD", URI: base + ".json", AccountSID: p.config.AccountSID, NumMedia: strconv.Itoa(m.Media),
		Status: m.Status, SID: m.ID, APIVersion: apiVersion,
		SubresourceURIs: map[string]string{"media": base + "/Media.json"},
	}
	if m.From != "" {
		r.From = &m.From
	} else {
		r.NumSegments = "0" // no sender is assigned yet
	}
	if m.Service != "" {
		r.MessagingServiceSID = &m.Service
	}
	if m.SentAt != nil {
		r.DateSent = new(m.SentAt.Format(time.RFC1123Z))
	}
	if m.ErrorCode != 0 {
		r.ErrorCode = &m.ErrorCode
		r.ErrorMessage = new("Error " + strconv.Itoa(m.ErrorCode))
	}
	return r
}
