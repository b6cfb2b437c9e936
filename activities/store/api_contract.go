package store

import (
	"errors"
	"time"

	"dotyk/rules/audience"
)

// ErrNotFound says that the workspace holds no such row.
var ErrNotFound = errors.New("not found")

// ErrUnknownKey says that a key is unknown or revoked.
var ErrUnknownKey = errors.New("unknown key")

// Key is what an API key opens.
type Key struct {
	ID      string
	Source  Source // the source its events are attributed to; names the workspace too
	Scopes  []string
	Country string // ISO 3166 region that national phone numbers of this workspace belong to; may be empty
}

// ScopeWrite lets a key send events and forms; ScopeManage lets it do everything else.
const (
	ScopeWrite  = "write"
	ScopeManage = "manage"
)

// TouchRef is what a link in a message may know of the touch it stands in.
type TouchRef struct {
	Workspace  int64
	TouchID    string
	CustomerID string
	Channel    audience.Channel
	Topic      string // "" for a transactional message
	Campaign   string
	Address    string
	Brand      string // the workspace's name
}

// Withdrawal is a customer's refusal of further messages.
type Withdrawal struct {
	Workspace int64
	TouchID   string // the message through which it came; or CustomerID and Channel
	Customer  string
	Channel   audience.Channel
	Topic     string // audience.AllTopics for everything
	Method    string // one_click, preference_page, sms_keyword, api, operator
	Source    string
	Evidence  map[string]any // ip, user agent, ...
	At        time.Time
}

// StatusReport is a provider's word on a message that it took before.
type StatusReport struct {
	Workspace  int64
	TouchID    string
	ProviderID string
	Status     audience.TouchStatus // accepted, delivered or failed
	Code       string
	Detail     string
	OptedOut   bool // the provider says that the recipient does not want our messages
	At         time.Time
}

// Inbound is a message from a customer.
type Inbound struct {
	Channel    audience.Channel // email or sms
	From       string           // e-mail address or E.164 number
	To         string
	Subject    string
	Body       string
	ProviderID string // unique per message: a repeated webhook is stored once
	OptOut     bool   // the text is one of the words that end messages (STOP ...)
	OptIn      bool   // the text is one of the words that allow them again (START ...)
	At         time.Time
}
