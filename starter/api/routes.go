package api

import (
	"net/http"

	"dotyk/activities/store"
	"dotyk/starter/ingest"
)

// handler answers a request or gives the error that guard turns into an answer.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is a row of the table.
type route struct {
	method  string
	pattern string
	handle  handler
	cors    bool // browsers on other sites may call it
}

// routes is everything this package answers.
func (s *server) routes() []route {
	const get, post = http.MethodGet, http.MethodPost
	rows := []route{
		// The event API: Segment's paths, and the letters that its browser client uses.
		{post, "/v1/identify", s.collect(store.CallIdentify), true},
		{post, "/v1/track", s.collect(store.CallTrack), true},
		{post, "/v1/page", s.collect(store.CallPage), true},
		{post, "/v1/screen", s.collect(store.CallScreen), true},
		{post, "/v1/group", s.collect(store.CallGroup), true},
		{post, "/v1/alias", s.collect(store.CallAlias), true},
		{post, "/v1/merge", s.collect(store.CallMerge), true},
		{post, "/v1/batch", s.collect(ingest.Batch), true},
		{post, "/v1/import", s.collect(ingest.Import), true},
		{post, "/v1/i", s.collect(store.CallIdentify), true},
		{post, "/v1/t", s.collect(store.CallTrack), true},
		{post, "/v1/p", s.collect(store.CallPage), true},
		{post, "/v1/s", s.collect(store.CallScreen), true},
		{post, "/v1/g", s.collect(store.CallGroup), true},
		{post, "/v1/a", s.collect(store.CallAlias), true},
		{post, "/v1/b", s.collect(ingest.Batch), true},
		{post, "/v1/m", s.swallow, true}, // the client's own metrics
		{get, "/v1/projects/{key}/settings", s.settings, true},
		// RudderStack's.
		{get, "/sourceConfig", s.sourceConfig, true},
		{get, "/sourceConfig/{$}", s.sourceConfig, true},
		{post, "/beacon/v1/batch", s.collect(ingest.Batch), true},
		{get, "/pixel/v1/track", s.pixel(store.CallTrack), false},
		{get, "/pixel/v1/page", s.pixel(store.CallPage), false},
		{get, "/health", s.alive, false},
		// Forms.
		{post, "/f/{form}", s.form, true},
		{get, "/f/{form}/token", s.formToken, true},
		{get, "/f/{form}/form.js", s.formScript, true},
		{get, "/f/{form}/thanks", s.formThanks, false},
		// Links in messages.
		{get, "/u/{token}", s.askUnsubscribe, false},
		{post, "/u/{token}", s.unsubscribe, false},
		{get, "/t/c/{token}", s.follow, false},
		{get, "/t/h/{token}", s.trap, false},
		{get, "/t/o/{file}", s.picture, false},
		{get, "/u/p/{token}", s.askPreferences, false},
		{post, "/u/p/{token}", s.savePreferences, false},
		{get, "/u/c/{token}", s.askConfirm, false},
		{post, "/u/c/{token}", s.confirm, false},
		// Providers.
		{post, "/hooks/twilio/status", s.twilioStatus, false},
		{post, "/hooks/twilio/inbound", s.twilioInbound, false},
		{post, "/hooks/twilio/call", s.twilioCall, false},
		{post, "/hooks/ses", s.hook("ses", s.readSES), false},
		{post, "/hooks/sendgrid", s.hook("sendgrid", s.readSendGrid), false},
		{post, "/hooks/mailgun", s.hook("mailgun", s.readMailgun), false},
		{post, "/hooks/postmark", s.hook("postmark", s.readPostmark), false},
		{post, "/hooks/twilio/voice", s.callHook((*calling).came), false},
		{post, "/hooks/twilio/voice/dialled", s.callHook((*calling).dialled), false},
		{post, "/hooks/twilio/voice/wait", s.callHook((*calling).wait), false},
		{post, "/hooks/twilio/voice/connected", s.callHook((*calling).connected), false},
		{post, "/hooks/twilio/voice/queue", s.callHook((*calling).queued), false},
		{post, "/hooks/twilio/voice/voicemail", s.callHook((*calling).voicemail), false},
		{post, "/hooks/twilio/voice/recording", s.callHook((*calling).recorded), false},
		{post, "/hooks/twilio/voice/status", s.callHook((*calling).status), false},
		// Operators.
		{get, "/healthz", s.healthz, false},
	}
	return rows
}

// byPattern groups the rows of each path, so that one guard knows all of its methods.
func byPattern(rows []route) map[string][]route {
	groups := map[string][]route{}
	for _, row := range rows {
		groups[row.pattern] = append(groups[row.pattern], row)
	}
	return groups
}
