package phone

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dotyk/channels/sms"
	"dotyk/starter/devenv/internal/answer"
)

// inboundRequest is the request that plays a customer's text.
type inboundRequest struct {
	Type string `json:"type"` // call plays a call instead
	callRequest
	From string `json:"from"`
	To   string `json:"to"` // a number of ours; if empty, the one that texted the customer last
	Body string `json:"body"`
}

// keyword says what Twilio's opt-out handling makes of a text: STOP, START, HELP, or nothing
// (https://help.twilio.com/articles/223134027).
func keyword(body string) string {
	switch strings.ToUpper(strings.TrimSpace(body)) {
	case "STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT":
		return "STOP"
	case "START", "UNSTOP", "YES":
		return "START"
	case "HELP", "INFO":
		return "HELP"
	default:
		return ""
	}
}

func (p *Phone) receive(w http.ResponseWriter, r *http.Request) {
	var in inboundRequest
	ok := answer.Read(w, r, p.log, &in, func(form func(string) string) {
		in = inboundRequest{Type: form("type"), From: form("from"), To: form("to"), Body: form("body")}
	})
	if !ok {
		return
	}
	switch in.Type {
	case "", "sms":
	case ChannelCall:
		in.callRequest.From, in.callRequest.To = in.From, in.To
		p.receiveCall(w, in.callRequest)
		return
	default:
		answer.Problem(w, p.log, http.StatusBadRequest, "type is "+strconv.Quote(in.Type)+": want call, or sms")
		return
	}
	if p.config.InboundURL == "" {
		answer.Problem(w, p.log, http.StatusNotImplemented, "nobody reads what customers text here")
		return
	}
	if !numberPattern.MatchString(in.From) || (in.To != "" && !numberPattern.MatchString(in.To)) {
		answer.Problem(w, p.log, http.StatusBadRequest, "want numbers like +380671234567 as from, and as to if it is given")
		return
	}
	m, err := p.take(in)
	if err != nil {
		p.log.Error("keep customer's text", "error", err)
		answer.Problem(w, p.log, http.StatusInternalServerError, err.Error())
		return
	}
	if err := p.post(r.Context(), p.config.InboundURL, p.inboundForm(m)); err != nil {
		p.log.Warn("post customer's text", "message", m.ID, "error", err)
		answer.Problem(w, p.log, http.StatusBadGateway, err.Error())
		return
	}
	if answer.IsForm(r) {
		http.Redirect(w, r, "/dev/phone/?to="+url.QueryEscape(m.From), http.StatusSeeOther)
		return
	}
	answer.JSON(w, p.log, http.StatusAccepted, map[string]string{"id": m.ID, "from": m.From, "to": m.To, "body": m.Body})
}

// take keeps a customer's text, and what it says about being texted.
func (p *Phone) take(in inboundRequest) (stored, error) {
	now := time.Now().UTC()
	m := stored{
		Message: Message{
			ID: newID("SM"), At: now, Direction: inbound, From: in.From, To: in.To, Body: in.Body,
			Segments: sms.Count(in.Body).Parts, Status: Received,
		},
		UpdatedAt: now, SentAt: &now,
	}
	p.address(&m)
	if err := p.store.add(m); err != nil {
		return stored{}, err
	}
	sender := m.To
	if m.Service != "" {
		sender = m.Service
	}
	switch keyword(m.Body) {
	case "STOP":
		return m, p.store.setStopped(m.From, sender, true)
	case "START":
		return m, p.store.setStopped(m.From, sender, false)
	}
	return m, nil
}

// address completes who a customer's text is to: the number and messaging service of the newest message that it can be
// an answer to.
func (p *Phone) address(m *stored) {
	number := func(sent stored) string {
		if numberPattern.MatchString(sent.From) {
			return sent.From
		}
		return p.config.Number // a messaging service has not chosen yet, or the sender's name cannot be texted
	}
	sent := p.store.find(func(s stored) bool {
		return s.Direction == outbound && s.Channel == "" && s.To == m.From && (m.To == "" || number(s) == m.To)
	})
	if len(sent) > 0 {
		newest := sent[len(sent)-1]
		m.To, m.Service = number(newest), newest.Service
	}
	if m.To == "" {
		m.To = p.config.Number
	}
}

// inboundForm is what Twilio posts of a customer's text
// (https://www.twilio.com/docs/messaging/guides/webhook-request).
func (p *Phone) inboundForm(m stored) url.Values {
	form := url.Values{
		"MessageSid": {m.ID}, "SmsSid": {m.ID}, "SmsMessageSid": {m.ID}, "SmsStatus": {string(Received)},
		"AccountSid": {p.config.AccountSID}, "ApiVersion": {apiVersion}, "From": {m.From}, "To": {m.To}, "Body": {m.Body},
		"NumMedia": {"0"}, "NumSegments": {strconv.Itoa(max(m.Segments, 1))},
	}
	if m.Service != "" {
		form.Set("MessagingServiceSid", m.Service)
	}
	if word := keyword(m.Body); word != "" {
		form.Set("OptOutType", word)
	}
	return form
}
