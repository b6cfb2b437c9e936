package store

import (
	"encoding/json"
	"time"

	"dotyk/rules/audience"
)

// Source is where events come from: a site, a shop, an import. Message ids are unique within one.
type Source struct {
	Workspace int64
	ID        int64
	Name      string
}

// Call is the kind of a message of the event API.
type Call string

// The calls of the event API.
const (
	CallIdentify Call = "identify"
	CallTrack    Call = "track"
	CallPage     Call = "page"
	CallScreen   Call = "screen"
	CallGroup    Call = "group"
	CallAlias    Call = "alias"
	CallMerge    Call = "merge"
	CallForm     Call = "form"
	CallSystem   Call = "system"
)

// Message is one call of the event API, checked and normalised, ready to be stored.
type Message struct {
	Call        Call
	MessageID   string // unique within the source; never empty
	UserID      string // the site's own id; may be empty when another id is there
	AnonymousID string
	PreviousID  string // alias and merge: the id that is to become UserID
	CustomerID  string // set instead of the ids above when we know the customer already
	Name        string // name of the event, never empty

	Properties json.RawMessage // object: properties, or traits of an identify or group, unchanged
	Context    json.RawMessage // object, unchanged; nil for none
	Extra      json.RawMessage // object: every other field of the message, unchanged; nil for none

	Profile Profile // what it says about the customer

	OccurredAt        time.Time  // corrected for clock skew, never after ReceivedAt
	ReceivedAt        time.Time  // by our clock
	SentAt            *time.Time // as claimed by the sender
	OriginalTimestamp *time.Time // as claimed by the sender

	Historical bool // an import of the past: stored, and no campaign is told
}

// Profile is what a message says about its customer. A nil pointer says nothing about that field.
type Profile struct {
	Email      *string // validated and lower case; "" removes
	Phone      *string // E.164; "" removes
	Name       *string
	Locale     *string // BCP 47
	Timezone   *string // IANA name
	Kind       *audience.CustomerKind
	Stage      *string
	CreatedAt  *time.Time
	Attributes map[string]any // merged into the stored ones, key by key; a nil value removes the key
	AddTags    []string
	RemoveTags []string
	Consents   []audience.Consent
	// FillOnly writes only what is still unknown: what a stranger types into a form must not overwrite the record.
	FillOnly bool
	// MatchEmail finds the customer by e-mail when the message carries no id: forms and imports.
	MatchEmail bool
}

// Severity of a dead letter.
type Severity string

// How much of a message was refused.
const (
	Rejected  Severity = "rejected" // the whole message; it is kept only as a dead letter
	FieldOnly Severity = "field"    // one field; the message itself is stored
	Spam      Severity = "spam"     // a form that a robot filled
)

// DeadLetter is a message, or a field of one, that could not be taken, and why.
type DeadLetter struct {
	Severity   Severity
	MessageID  string // when it could be read
	Place      string // "batch[3].traits.email"
	Reason     string // what is wrong
	Advice     string // how to mend it
	Payload    []byte // as it came
	ReceivedAt time.Time
}

// Delivery is what one request wants stored: all of it or nothing.
type Delivery struct {
	Source      Source
	Messages    []Message
	DeadLetters []DeadLetter
}

// IngestResult says what a delivery came to.
type IngestResult struct {
	Stored     int // events written
	Duplicates int // messages whose id was known already
	Customers  int // customers created
}
