package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"dotyk/activities/store"
	"dotyk/channels/sms"
	"dotyk/channels/voice"
	"dotyk/rules/audience"
)

// twilioInbound takes a text message from a customer: POST /hooks/twilio/inbound?w=<workspace>. HELP is answered with what
// the workspace has to say, and the first STOP confirmed, unless Twilio says that it has done so itself; a person or a
// campaign answers the rest.
func (s *server) twilioInbound(w http.ResponseWriter, r *http.Request) error {
	form, workspace, err := s.twilioForm(w, r)
	if err != nil {
		return err
	}
	if form.Get("MessageSid") == "" || form.Get("From") == "" {
		return &problem{status: http.StatusBadRequest, Code: "bad_webhook", Message: "MessageSid or From is missing", Advice: "point only the webhook for incoming messages here"}
	}
	settings, err := s.Store.WorkspaceSettings(r.Context(), workspace) // it has to exist: the message makes a customer
	if err != nil {
		return err
	}
	delivery, err := s.Store.Delivery(r.Context(), workspace)
	if err != nil {
		return err
	}
	in := store.Inbound{
		Channel: audience.SMS, From: form.Get("From"), To: form.Get("To"), Body: strings.ToValidUTF8(form.Get("Body"), "\uFFFD"),
		ProviderID: form.Get("MessageSid"), Media: media(form), At: s.Now(),
	}
	word, handled := sms.ReadKeyword(in.Body), false
	switch k := sms.Keyword(strings.ToUpper(form.Get("OptOutType"))); k {
	case sms.Stop, sms.Start, sms.Help: // Twilio's own reading counts, and it has answered
		word, handled = k, true
	}
	in.OptOut, in.OptIn = word == sms.Stop, word == sms.Start
	received, err := s.Store.ReceiveMessage(r.Context(), workspace, in)
	if err != nil {
		return err
	}
	var answer string
	switch {
	case handled || !received.Fresh:
	case received.Stopped && delivery.Telephony.Stopped != "":
		answer = delivery.Telephony.Stopped
	case received.Stopped:
		answer = stopped(in, settings.Name)
	case word == sms.Help:
		answer = delivery.Telephony.Help
	}
	if answer == "" {
		return s.script(w)
	}
	return s.script(w, voice.Message{Text: answer})
}

// stopped confirms the end of messages in the language of the word that ended them.
func stopped(in store.Inbound, brand string) string {
	if strings.ContainsFunc(in.Body, func(r rune) bool { return r >= 'А' && r <= 'ї' }) {
		return brand + ": вас відписано, ви більше не отримуватимете SMS. Щоб отримувати їх знову, надішліть СТАРТ."
	}
	return brand + ": you are unsubscribed and will get no more messages. Reply START to get them again."
}

// mostMedia is how many files a message can have (https://www.twilio.com/docs/messaging/guides/webhook-request).
const mostMedia = 10

func media(form url.Values) []store.Media {
	n, err := strconv.Atoi(form.Get("NumMedia"))
	if err != nil {
		return nil
	}
	var list []store.Media
	for i := range min(n, mostMedia) {
		if address := form.Get(fmt.Sprintf("MediaUrl%d", i)); address != "" {
			list = append(list, store.Media{URL: strings.ToValidUTF8(address, "\uFFFD"), Type: cut(form.Get(fmt.Sprintf("MediaContentType%d", i)), 100)})
		}
	}
	return list
}

// script answers Twilio with what to do; with nothing that there is nothing to do.
func (s *server) script(w http.ResponseWriter, verbs ...any) error {
	text := "<Response/>"
	if len(verbs) > 0 {
		var err error
		if text, err = (voice.Script{Verbs: verbs}).Marshal(); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?>` + text)) // whoever went away does not need it
	return nil
}
