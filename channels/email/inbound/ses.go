package inbound

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// sesNotification is Amazon SES's word on a message, as SNS brings it.
type sesNotification struct {
	NotificationType string `json:"notificationType"`
	EventType        string `json:"eventType"`
	Mail             struct {
		MessageID string                     `json:"messageId"`
		Headers   []Field                    `json:"headers"`
		Common    struct{ MessageID string } `json:"commonHeaders"`
		Tags      map[string][]string        `json:"tags"`
	} `json:"mail"`
	Bounce struct {
		Type       string `json:"bounceType"`
		SubType    string `json:"bounceSubType"`
		Recipients []struct {
			Email      string `json:"emailAddress"`
			Status     string `json:"status"`
			Action     string `json:"action"`
			Diagnostic string `json:"diagnosticCode"`
		} `json:"bouncedRecipients"`
	} `json:"bounce"`
	Complaint struct {
		FeedbackType string `json:"complaintFeedbackType"`
		Recipients   []struct {
			Email string `json:"emailAddress"`
		} `json:"complainedRecipients"`
	} `json:"complaint"`
	Delivery struct {
		Recipients   []string `json:"recipients"`
		SMTPResponse string   `json:"smtpResponse"`
	} `json:"delivery"`
	DeliveryDelay struct {
		Recipients []struct {
			Email      string `json:"emailAddress"`
			Status     string `json:"status"`
			Diagnostic string `json:"diagnosticCode"`
		} `json:"delayedRecipients"`
	} `json:"deliveryDelay"`
}

// ErrNotReport is returned for what is no report of a provider.
var ErrNotReport = errors.New("no report on a message")

// SES reads Amazon SES's word on a message: the Message of an SNS notification. SES gives messages an id of its own;
// ours is in the header that it repeats, where the account is set to include it. What says nothing about delivery, such as
// an open or a click, is Unknown.
func SES(message []byte) (Report, error) {
	var n sesNotification
	if err := json.Unmarshal(message, &n); err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrNotReport, err)
	}
	kind := n.NotificationType
	if kind == "" {
		kind = n.EventType
	}
	if kind == "" {
		return Report{}, ErrNotReport
	}
	r := Report{Kind: Unknown, Returned: Header(n.Mail.Headers), OriginalID: n.Mail.MessageID}
	if id := firstID(r.Returned.Get("Message-ID")); id != "" {
		r.OriginalID = id
	}
	if r.Token, r.Purpose = (&mail{returned: r.Returned}).token(); r.Purpose != 'b' {
		r.Token, r.Purpose = "", 0
	}
	switch kind {
	case "Bounce":
		n.bounce(&r)
	case "Complaint":
		n.complaint(&r)
	case "Delivery":
		r.Kind = Delivered
		for _, a := range n.Delivery.Recipients {
			code, status, _ := answer(n.Delivery.SMTPResponse)
			r.Recipients = append(r.Recipients, Recipient{Address: address(a), Action: actionDelivered, Code: code, Status: status, Diagnostic: n.Delivery.SMTPResponse})
		}
	case "DeliveryDelay":
		r.Kind = Delayed
		for _, x := range n.DeliveryDelay.Recipients {
			one := Recipient{Address: address(x.Email), Status: x.Status, Action: actionDelayed, Diagnostic: x.Diagnostic}
			(&mail{}).judge(&one, "")
			r.Recipients = append(r.Recipients, one)
		}
	default: // Send, Open, Click …
	}
	return r, nil
}

// sesReasons are what the subtypes of a bounce say beyond its words.
var sesReasons = map[string]Reason{
	"NoEmail": UserUnknown, "Suppressed": UserUnknown, "OnAccountSuppressionList": UserUnknown, "MailboxFull": MailboxFull,
	"MessageTooLarge": MessageTooBig, "ContentRejected": Spam, "AttachmentRejected": Policy, "CustomTimeoutExceeded": Expired,
}

func (n *sesNotification) bounce(r *Report) {
	r.Kind = Bounce
	for _, x := range n.Bounce.Recipients {
		one := Recipient{Address: address(x.Email), Status: x.Status, Action: x.Action, Diagnostic: strings.TrimSpace(x.Diagnostic)}
		if one.Action == "" {
			one.Action = actionFailed
		}
		(&mail{}).judge(&one, "")
		if reason, known := sesReasons[n.Bounce.SubType]; known && (one.Verdict == VerdictUnknown || one.Reason == OnHold) {
			one.Reason = reason
			one.Verdict = verdict(&one)
		}
		if n.Bounce.Type == "Transient" && one.Verdict == VerdictHard {
			one.Verdict = VerdictSoft
		}
		r.Recipients = append(r.Recipients, one)
	}
}

func (n *sesNotification) complaint(r *Report) {
	r.Kind, r.Feedback = Complaint, n.Complaint.FeedbackType
	judged := VerdictComplaint
	if r.Feedback == "not-spam" || r.Feedback == "auth-failure" {
		r.Kind, judged = Unknown, VerdictNone
	}
	for _, x := range n.Complaint.Recipients {
		r.Recipients = append(r.Recipients, Recipient{Address: address(x.Email), Reason: Feedback, Verdict: judged, Diagnostic: "feedback " + r.Feedback})
	}
}

// sesByMail reads a notification that SNS sent as a mail: bare, or inside of its envelope.
func sesByMail(text string) (Report, bool) {
	start := strings.IndexByte(text, '{')
	if start < 0 {
		return Report{}, false
	}
	var raw json.RawMessage // the mail says more below
	if err := json.NewDecoder(strings.NewReader(text[start:])).Decode(&raw); err != nil {
		return Report{}, false
	}
	var envelope struct{ Message string }
	if err := json.Unmarshal(raw, &envelope); err == nil && envelope.Message != "" {
		raw = json.RawMessage(envelope.Message)
	}
	r, err := SES(raw)
	return r, err == nil
}
