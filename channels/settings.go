package channels

import "errors"

// Settings are what a workspace has decided about its messages. They are stored as one JSON object; what is left out has
// the zero value, which means the installation's default. Each part checks itself in Check.
type Settings struct {
	Email     EmailSettings     `json:"email"`
	Tracking  TrackingSettings  `json:"tracking"`
	Uncertain UncertainPolicy   `json:"uncertain,omitempty"`
	Consent   ConsentSettings   `json:"consent"`
	Telephony TelephonySettings `json:"telephony"`
	Brakes    BrakeSettings     `json:"brakes"`
}

// EmailSettings are those of what stands in every e-mail.
type EmailSettings struct {
	From    string `json:"from,omitempty"`     // as Shop <hello@shop.example>
	ReplyTo string `json:"reply_to,omitempty"` // address
	// Postal is the sender's postal address, on one or several lines: it stands at the end of every marketing e-mail.
	Postal string `json:"postal,omitempty"`
	// Bounces is the domain whose mail comes to us: bounces go to b+<token>@domain, unsubscriptions to u+<token>@domain.
	Bounces string `json:"bounces,omitempty"`
}

// TrackingSettings say what is learnt from links and pictures.
type TrackingSettings struct {
	Off    bool              `json:"off,omitempty"`    // links and pixel stay out of all messages
	Domain string            `json:"domain,omitempty"` // where links lead to, as https://go.shop.example; empty: the public URL
	UTM    map[string]string `json:"utm,omitempty"`    // added to links: source, medium, campaign, content, term; Liquid
}

// UncertainPolicy says what becomes of a message of which nobody can find out whether it was sent.
type UncertainPolicy string

// The policies. The empty one is UncertainLeave.
const (
	UncertainLeave  UncertainPolicy = "leave"  // it counts as sent, and is listed
	UncertainResend UncertainPolicy = "resend" // it is sent again, at the risk of a second copy
)

// ConsentSettings are those of consent.
type ConsentSettings struct{}

// BrakeSettings stop the sending when something goes wrong.
type BrakeSettings struct{}

// Check says what is wrong with settings; nil when nothing is.
func (s *Settings) Check() error {
	return errors.Join(
		s.Telephony.check(),
	)
}
