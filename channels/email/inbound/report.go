package inbound

// Kind is what a mail is.
type Kind string

// The kinds of mail.
const (
	Bounce      Kind = "bounce"      // some recipient did not get our message, and will not
	Delayed     Kind = "delayed"     // not delivered yet; the server still tries
	Delivered   Kind = "delivered"   // a server says that it arrived
	Relayed     Kind = "relayed"     // handed to a server that makes no such reports, or to a list: not known to have arrived
	Complaint   Kind = "complaint"   // the recipient called it spam
	AutoReply   Kind = "auto_reply"  // a machine answered for the recipient
	Unsubscribe Kind = "unsubscribe" // the recipient wants no more
	Reply       Kind = "reply"       // a person wrote
	Unknown     Kind = "unknown"     // none that we know, such as a report on authentication
)

// Verdict is what a sender must make of one recipient's fate.
type Verdict string

// The verdicts. The empty one stands where nothing is to be done.
const (
	VerdictNone      Verdict = ""
	VerdictHard      Verdict = "hard"      // the address does not work and will not: write to it no more
	VerdictSoft      Verdict = "soft"      // it did not work this time
	VerdictPolicy    Verdict = "policy"    // our server or message was refused; the person is not to blame
	VerdictComplaint Verdict = "complaint" // stop all marketing
	VerdictOptOut    Verdict = "opt_out"   // the recipient unsubscribed through the mailbox provider
	VerdictAuto      Verdict = "auto"      // a machine answered: nothing is known about the person
	VerdictUnknown   Verdict = "unknown"   // not delivered, and nobody says why
)

// Recipient is what became of our message to one address.
type Recipient struct {
	Address    string // lower case; "" where the report hides it
	Original   string // the address before it was forwarded, where the report tells
	Action     string // failed, delayed, delivered, relayed, expanded; "" for what is no delivery report
	Status     string // of RFC 3463, as 5.1.1; "" where the report gives none
	Code       string // of SMTP, as 550; "" where the report gives none
	Diagnostic string // the server's words
	RemoteMTA  string
	Reason     Reason
	Verdict    Verdict
}

// Report is what a mail says.
type Report struct {
	Kind       Kind
	Recipients []Recipient
	Token      string // of the address b+token@ or u+token@ that it came to, or that our message was sent from
	Purpose    byte   // 'b' or 'u', of Token; 0 without one
	OriginalID string // Message-ID of our message, without angle brackets
	Feedback   string // Feedback-Type of a complaint: abuse, opt-out, not-spam …
	MessageID  string // the mail's own, without angle brackets
	From       string // address that it is from, lower case
	To         string // address that it is to, lower case
	Subject    string
	Text       string // what it says, decoded, without what it quotes of our message
	InReplyTo  []string
	Returned   Header // header of our message, as far as it was sent back
}
