package phone

import (
	"net/url"
	"regexp"
	"time"
	"unicode/utf8"

	"dotyk/channels/sms"
)

// The window of scheduled messages (https://www.twilio.com/docs/api/errors/35114).
const (
	scheduleAtLeast = 15 * time.Minute
	scheduleAtMost  = 35 * 24 * time.Hour
)

var (
	servicePattern = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
	// A sender can also be a short code or a name of up to eleven characters, one of them a letter.
	senderPattern = regexp.MustCompile(`^(\+[1-9][0-9]{6,14}|[0-9]{3,8}|[0-9A-Za-z +&_-]{1,11})$`)
)

// read makes a message of the parameters of a create call, or says as Twilio does what is wrong with them.
func (p *Phone) read(form url.Values, now time.Time) (stored, error) {
	m := stored{
		Message: Message{
			ID: newID("SM"), At: now, Direction: outbound, From: form.Get("From"), To: form.Get("To"), Body: form.Get("Body"),
			Status: Queued,
		},
		Service: form.Get("MessagingServiceSid"), StatusCallback: form.Get("StatusCallback"), UpdatedAt: now,
		Media:   len(form["MediaUrl"]),
		Pending: []Callback{{Status: Sent}, {Status: Delivered}},
	}
	if servicePattern.MatchString(m.From) { // Twilio takes a service's sid as From too
		m.From, m.Service = "", m.From
	}
	if m.Service != "" {
		m.Status = Accepted
	}
	m.Segments = sms.Count(m.Body).Parts
	if err := p.check(m, form.Get("ContentSid")); err != nil {
		return stored{}, err
	}
	if err := readSchedule(&m, form, now); err != nil {
		return stored{}, err
	}
	return m, nil
}

func (p *Phone) check(m stored, content string) error {
	switch {
	case m.To == "":
		return invalid(21604, "A 'To' phone number is required.")
	case m.From == "" && m.Service == "":
		return invalid(21603, "A 'From' phone number is required.")
	case m.Body == "" && m.Media == 0 && content == "":
		return invalid(21602, "Message body is required.")
	case utf8.RuneCountInString(m.Body) > sms.MaxBody:
		return invalid(21617, "The concatenated message body exceeds the %d character limit", sms.MaxBody)
	case !numberPattern.MatchString(m.To):
		return invalid(21211, "Invalid 'To' Phone Number: %s", m.To)
	case m.From != "" && !senderPattern.MatchString(m.From):
		return invalid(21212, "Invalid From Number (caller ID): %s", m.From)
	case m.Service != "" && !servicePattern.MatchString(m.Service):
		return invalid(21701, "The Messaging Service does not exist")
	case m.StatusCallback != "" && !isURL(m.StatusCallback):
		return invalid(21609, "The StatusCallback URL %s is not a valid URL.", m.StatusCallback)
	case p.store.stopped(m.To, m.sender()):
		return invalid(21610, "Attempt to send to unsubscribed recipient")
	}
	return nil
}

func isURL(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

func readSchedule(m *stored, form url.Values, now time.Time) error {
	if form.Get("ScheduleType") == "" {
		return nil
	}
	if m.Service == "" {
		return invalid(35118, "MessagingServiceSid is required to schedule a message")
	}
	raw := form.Get("SendAt")
	if raw == "" {
		return invalid(35111, "SendAt timestamp is missing")
	}
	at, err := time.Parse(time.RFC3339, raw)
	if err != nil || at.Before(now.Add(scheduleAtLeast)) || at.After(now.Add(scheduleAtMost)) {
		return invalid(35114, "Scheduling does not support this timestamp")
	}
	m.SendAt, m.Status = new(at.UTC()), Scheduled
	return nil
}
