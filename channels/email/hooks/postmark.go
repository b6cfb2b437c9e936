package hooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"dotyk/channels/email/inbound"
)

// PostmarkSecret is what is kept of the name and password that stand in the webhook's address: not the password itself.
func PostmarkSecret(user, password string) string {
	sum := sha256.Sum256([]byte(user + ":" + password))
	return hex.EncodeToString(sum[:])
}

type postmarkEvent struct {
	RecordType  string `json:"RecordType"`
	ID          int64  `json:"ID"`
	Type        string `json:"Type"`
	MessageID   string `json:"MessageID"`
	Email       string `json:"Email"`     // of a bounce or complaint
	Recipient   string `json:"Recipient"` // of the rest
	Description string `json:"Description"`
	Details     string `json:"Details"`
	BouncedAt   string `json:"BouncedAt"`
	DeliveredAt string `json:"DeliveredAt"`
	ChangedAt   string `json:"ChangedAt"`
	Suppress    bool   `json:"SuppressSending"`
	Why         string `json:"SuppressionReason"`
	Metadata    map[string]string
}

// Postmark reads the event of one request, after it has checked the name and password of Basic authentication: Postmark
// signs nothing. Our message is known by its metadata touch.
func Postmark(body []byte, user, password, secret string, now time.Time) ([]Event, error) {
	if secret == "" || !hmac.Equal([]byte(PostmarkSecret(user, password)), []byte(secret)) {
		return nil, ErrForged
	}
	var e postmarkEvent
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, fmt.Errorf("read event of Postmark: %w", err)
	}
	at := now
	for _, said := range []string{e.BouncedAt, e.DeliveredAt, e.ChangedAt} {
		if parsed, err := time.Parse(time.RFC3339, said); err == nil {
			at = parsed.UTC()
		}
	}
	report, ok := e.report()
	if !ok {
		return nil, nil
	}
	key := "postmark:" + e.RecordType + ":" + e.MessageID + ":" + strconv.FormatInt(e.ID, 10)
	if e.RecordType == "SubscriptionChange" {
		key += ":" + e.ChangedAt
	}
	return []Event{{Key: key, Touch: e.Metadata["touch"], Report: report, At: at}}, nil
}

// postmarkVerdicts are those of types of bounces that say more than their words.
var postmarkVerdicts = map[string]struct {
	reason  inbound.Reason
	verdict inbound.Verdict
}{
	"HardBounce": {inbound.UserUnknown, inbound.VerdictHard}, "BadEmailAddress": {inbound.UserUnknown, inbound.VerdictHard},
	"SoftBounce": {inbound.System, inbound.VerdictSoft}, "DnsError": {inbound.Network, inbound.VerdictSoft},
	"Blocked": {inbound.Blocked, inbound.VerdictPolicy}, "SpamNotification": {inbound.Spam, inbound.VerdictPolicy},
	"DMARCPolicy": {inbound.AuthFailure, inbound.VerdictPolicy}, "SMTPApiError": {inbound.System, inbound.VerdictSoft},
	"TemplateRenderingFailed": {inbound.Content, inbound.VerdictSoft}, "ManuallyDeactivated": {inbound.Suspended, inbound.VerdictSoft},
}

func (e *postmarkEvent) report() (inbound.Report, bool) {
	one := inbound.Recipient{Address: address(e.Email), Diagnostic: e.Details}
	if e.Email == "" {
		one.Address = address(e.Recipient)
	}
	if one.Diagnostic == "" {
		one.Diagnostic = e.Description
	}
	complaint := func() (inbound.Report, bool) {
		one.Reason, one.Verdict = inbound.Feedback, inbound.VerdictComplaint
		return fate(inbound.Complaint, e.MessageID, one), true
	}
	optOut := func() (inbound.Report, bool) {
		one.Reason, one.Verdict = inbound.Feedback, inbound.VerdictOptOut
		return fate(inbound.Unsubscribe, e.MessageID, one), true
	}
	switch e.RecordType {
	case "Delivery":
		one.Action = "delivered"
		return fate(inbound.Delivered, e.MessageID, one), true
	case "SpamComplaint":
		return complaint()
	case "SubscriptionChange":
		if e.Suppress && e.Why == "ManualSuppression" {
			return optOut()
		}
		return inbound.Report{}, false // the bounce or complaint behind it comes by itself
	case "Bounce":
		switch e.Type {
		case "Unsubscribe":
			return optOut()
		case "SpamComplaint":
			return complaint()
		case "AutoResponder", "ChallengeVerification", "OpenRelayTest", "Subscribe", "AddressChange", "VirusNotification":
			return inbound.Report{}, false // about nothing that we sent, or answered by a machine
		case "Transient":
			one.Action = "delayed"
			inbound.Judge(&one)
			return fate(inbound.Delayed, e.MessageID, one), true
		}
		one.Action = "failed"
		inbound.Judge(&one)
		if known, ok := postmarkVerdicts[e.Type]; ok && (e.Type == "HardBounce" || e.Type == "BadEmailAddress" || one.Verdict == inbound.VerdictHard || one.Verdict == inbound.VerdictUnknown) {
			one.Reason, one.Verdict = known.reason, known.verdict
		}
		return fate(inbound.Bounce, e.MessageID, one), true
	default: // Open, Click: our own links tell
		return inbound.Report{}, false
	}
}
