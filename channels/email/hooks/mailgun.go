package hooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"dotyk/channels/email/inbound"
)

// mailgunOldest is how far the time of a signature may be from ours. Mailgun signs each attempt anew.
const mailgunOldest = 15 * time.Minute

type mailgunHook struct {
	Signature struct {
		Timestamp string `json:"timestamp"`
		Token     string `json:"token"`
		Signature string `json:"signature"`
	} `json:"signature"`
	Event struct {
		ID        string  `json:"id"`
		Event     string  `json:"event"`
		Severity  string  `json:"severity"`
		Reason    string  `json:"reason"`
		Recipient string  `json:"recipient"`
		Timestamp float64 `json:"timestamp"`
		Status    struct {
			Code        int    `json:"code"`
			Enhanced    string `json:"enhanced-code"`
			Message     string `json:"message"`
			Description string `json:"description"`
		} `json:"delivery-status"`
		Message struct {
			Headers map[string]string `json:"headers"`
		} `json:"message"`
		Variables map[string]any `json:"user-variables"`
	} `json:"event-data"`
}

// Mailgun reads the event of one request, after it has checked the signature with the account's signing key. It gives the
// signature's token, which must be used once only. Our message is known by its Message-ID, which Mailgun keeps, or by the
// variable touch.
func Mailgun(body []byte, signingKey string, now time.Time) (events []Event, token string, err error) {
	var m mailgunHook
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrForged, err)
	}
	s := m.Signature
	given, err := hex.DecodeString(s.Signature)
	mac := hmac.New(sha256.New, []byte(signingKey))
	mac.Write([]byte(s.Timestamp + s.Token))
	if signingKey == "" || err != nil || s.Token == "" || !hmac.Equal(given, mac.Sum(nil)) {
		return nil, "", ErrForged
	}
	seconds, err := strconv.ParseInt(s.Timestamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > mailgunOldest {
		return nil, "", fmt.Errorf("%w: of another time", ErrForged)
	}
	report, ok := m.report()
	if !ok || m.Event.ID == "" {
		return nil, s.Token, nil
	}
	touch, _ := m.Event.Variables["touch"].(string)
	whole, part := math.Modf(m.Event.Timestamp)
	at := time.Unix(int64(whole), int64(part*1e9)).UTC()
	return []Event{{Key: "mailgun:" + m.Event.ID, Touch: touch, Report: report, At: at}}, s.Token, nil
}

func (m *mailgunHook) report() (inbound.Report, bool) {
	e := &m.Event
	one := inbound.Recipient{Address: address(e.Recipient), Status: e.Status.Enhanced, Diagnostic: e.Status.Message}
	if one.Diagnostic == "" {
		one.Diagnostic = e.Status.Description
	}
	if e.Status.Code >= 200 && e.Status.Code < 600 {
		one.Code = strconv.Itoa(e.Status.Code)
	}
	id := e.Message.Headers["message-id"]
	switch e.Event {
	case "delivered":
		one.Action = "delivered"
		return fate(inbound.Delivered, id, one), true
	case "failed":
		if e.Severity == "temporary" {
			one.Action = "delayed" // Mailgun still tries
			inbound.Judge(&one)
			return fate(inbound.Delayed, id, one), true
		}
		one.Action = "failed"
		inbound.Judge(&one)
		switch e.Reason {
		case "suppress-bounce":
			one.Reason, one.Verdict = inbound.UserUnknown, inbound.VerdictHard
		case "suppress-complaint", "suppress-unsubscribe":
			one.Reason, one.Verdict = inbound.Feedback, inbound.VerdictOptOut
			return fate(inbound.Unsubscribe, id, one), true
		}
		return fate(inbound.Bounce, id, one), true
	case "complained":
		one.Reason, one.Verdict = inbound.Feedback, inbound.VerdictComplaint
		return fate(inbound.Complaint, id, one), true
	case "unsubscribed":
		one.Reason, one.Verdict = inbound.Feedback, inbound.VerdictOptOut
		return fate(inbound.Unsubscribe, id, one), true
	default: // accepted, opened, clicked: our own links tell
		return inbound.Report{}, false
	}
}
