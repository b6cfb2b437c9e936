package hooks

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dotyk/channels/email/inbound"
)

// Headers of SendGrid's signed event webhook.
const (
	SendGridSignature = "X-Twilio-Email-Event-Webhook-Signature"
	SendGridTimestamp = "X-Twilio-Email-Event-Webhook-Timestamp"
)

// SendGrid retries for a day; the signature covers the time of each attempt.
const sendGridOldest = 25 * time.Hour

type sendGridEvent struct {
	Email     string `json:"email"`
	Event     string `json:"event"`
	ID        string `json:"sg_event_id"`
	SMTPID    string `json:"smtp-id"`
	Timestamp int64  `json:"timestamp"`
	Reason    string `json:"reason"`
	Response  string `json:"response"`
	Status    string `json:"status"`
	Type      string `json:"type"` // of a bounce: bounce, blocked
	Touch     string `json:"touch"`
}

var errPublicKey = errors.New("no public key of ECDSA in base64, as SendGrid shows it under signed event webhook")

// CheckSendGridKey says what is wrong with the public key of SendGrid's settings.
func CheckSendGridKey(publicKey string) error {
	_, err := sendGridKey(publicKey)
	return err
}

func sendGridKey(publicKey string) (*ecdsa.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(publicKey))
	if err != nil {
		return nil, errPublicKey
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errPublicKey
	}
	ec, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return nil, errPublicKey
	}
	return ec, nil
}

// SendGrid reads the events of one request, after it has checked the signature with the public key of SendGrid's settings.
// Our message is known by its Message-ID, which SendGrid keeps, or by the unique argument touch.
func SendGrid(body []byte, signature, timestamp, publicKey string, now time.Time) ([]Event, error) {
	key, err := sendGridKey(publicKey)
	if err != nil {
		return nil, err
	}
	sig, err := base64.StdEncoding.DecodeString(signature)
	sum := sha256.Sum256(append([]byte(timestamp), body...))
	if err != nil || !ecdsa.VerifyASN1(key, sum[:], sig) {
		return nil, ErrForged
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > sendGridOldest {
		return nil, fmt.Errorf("%w: of another time", ErrForged)
	}
	var list []sendGridEvent
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("read events of SendGrid: %w", err)
	}
	var events []Event
	for _, e := range list {
		if report, ok := e.report(); ok && e.ID != "" {
			events = append(events, Event{Key: "sendgrid:" + e.ID, Touch: e.Touch, Report: report, At: time.Unix(e.Timestamp, 0).UTC()})
		}
	}
	return events, nil
}

func (e *sendGridEvent) report() (inbound.Report, bool) {
	one := inbound.Recipient{Address: address(e.Email), Status: e.Status, Diagnostic: e.Reason}
	switch e.Event {
	case "delivered":
		one.Action, one.Diagnostic = "delivered", e.Response
		return fate(inbound.Delivered, e.SMTPID, one), true
	case "bounce":
		one.Action = "failed"
		inbound.Judge(&one)
		if e.Type == "blocked" && one.Verdict == inbound.VerdictHard { // SendGrid itself goes on sending to it
			one.Verdict = inbound.VerdictSoft
		}
		return fate(inbound.Bounce, e.SMTPID, one), true
	case "deferred":
		one.Action, one.Diagnostic = "delayed", e.Response
		inbound.Judge(&one)
		return fate(inbound.Delayed, e.SMTPID, one), true
	case "dropped":
		one.Action = "failed"
		inbound.Judge(&one)
		switch {
		case strings.Contains(e.Reason, "Bounced Address"), strings.Contains(e.Reason, "Invalid"):
			one.Reason, one.Verdict = inbound.UserUnknown, inbound.VerdictHard
		case strings.Contains(e.Reason, "Unsubscribed"), strings.Contains(e.Reason, "Spam Reporting"):
			one.Reason, one.Verdict = inbound.Feedback, inbound.VerdictOptOut
			return fate(inbound.Unsubscribe, e.SMTPID, one), true
		}
		return fate(inbound.Bounce, e.SMTPID, one), true
	case "spamreport":
		one.Reason, one.Verdict = inbound.Feedback, inbound.VerdictComplaint
		return fate(inbound.Complaint, e.SMTPID, one), true
	case "unsubscribe", "group_unsubscribe":
		one.Reason, one.Verdict = inbound.Feedback, inbound.VerdictOptOut
		return fate(inbound.Unsubscribe, e.SMTPID, one), true
	default: // processed, open, click: our own links tell
		return inbound.Report{}, false
	}
}
