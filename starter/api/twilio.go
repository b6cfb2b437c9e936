package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"dotyk/activities/store"
	"dotyk/channels/sms"
	"dotyk/rules/audience"
)

// twilioStatus takes Twilio's word on a message: POST /hooks/twilio/status?w=<workspace>&touch=<id>, the address that
// each message names as its StatusCallback. Words come late, twice and out of order; the store never lowers a status.
func (s *server) twilioStatus(w http.ResponseWriter, r *http.Request) error {
	form, workspace, err := s.twilioForm(w, r)
	if err != nil {
		return err
	}
	status, known := twilioStatuses[strings.ToLower(form.Get("MessageStatus"))]
	if !known { // one that Twilio added since: it will be followed by others
		s.Logger.InfoContext(r.Context(), "unknown status of a text message", "status", shortened(form.Get("MessageStatus")))
	}
	touch := r.URL.Query().Get("touch")
	if uuid.Validate(touch) != nil {
		return store.ErrNotFound
	}
	if status != "" {
		code := form.Get("ErrorCode")
		report := store.StatusReport{
			Workspace: workspace, TouchID: touch, ProviderID: form.Get("MessageSid"), Status: status,
			Code: code, Detail: twilioDetail(form), OptedOut: code == "21610", At: s.Now(),
		}
		if err := s.Store.Report(r.Context(), report); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// twilioStatuses are the words of MessageStatus; an empty one says nothing about a message of ours.
var twilioStatuses = map[string]audience.TouchStatus{
	"accepted": audience.Accepted, "scheduled": audience.Accepted, "queued": audience.Accepted, "sending": audience.Accepted, "sent": audience.Accepted,
	"partially_delivered": audience.Accepted,
	"delivered":           audience.Delivered, "read": audience.Delivered,
	"undelivered": audience.Failed, "failed": audience.Failed, "canceled": audience.Failed,
	"receiving": "", "received": "",
}

func twilioDetail(form url.Values) string {
	detail := "Twilio says " + cut(form.Get("MessageStatus"), 40)
	if code := form.Get("ErrorCode"); code != "" {
		detail += " (error " + cut(code, 20) + ")"
	}
	if message := form.Get("ErrorMessage"); message != "" {
		detail += ": " + cut(message, 200)
	}
	return detail
}

// twilioCall takes Twilio's word on a call that was dialled for a task: POST /hooks/twilio/call?w=<workspace>&task=<id>,
// the address that the call names for the customer's end. The call is put on the record. When she answered and it is over,
// the task is done, with the outcome that users give it then; otherwise it stays open for another try. Twilio may say it
// twice, and a user may have closed the task before.
func (s *server) twilioCall(w http.ResponseWriter, r *http.Request) error {
	form, workspace, err := s.twilioForm(w, r)
	if err != nil {
		return err
	}
	made := store.CallMade{
		Task: r.URL.Query().Get("task"), SID: cmp.Or(form.Get("ParentCallSid"), form.Get("CallSid")), Recording: form.Get("RecordingUrl"), At: s.Now(),
	}
	switch status := form.Get("CallStatus"); status {
	case "completed":
		seconds, err := strconv.ParseUint(form.Get("CallDuration"), 10, 31)
		if err != nil {
			return &problem{status: http.StatusBadRequest, Code: "bad_webhook", Message: "CallDuration is not a number of seconds", Advice: "let only calls that Dotyk dials name this address"}
		}
		made.Reached, made.Outcome, made.Duration = true, outcomeReached, time.Duration(seconds)*time.Second
	case "busy", "no-answer", "failed", "canceled":
		made.Outcome = strings.ReplaceAll(status, "-", " ")
	default: // it is still under way
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if err := s.Store.RecordCall(r.Context(), workspace, made); err != nil {
		return err
	}
	if made.Reached {
		err = s.Store.CompleteTask(r.Context(), workspace, made.Task, store.TaskOutcome{
			Outcome: outcomeReached, Duration: made.Duration, By: "Twilio",
		})
		if err != nil && !errors.Is(err, store.ErrTaskClosed) {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// outcomeReached is the outcome of a call in which the customer answered, as users and rules word it.
const outcomeReached = "reached"

// twilioForm reads a webhook and proves that Twilio sent it.
func (s *server) twilioForm(w http.ResponseWriter, r *http.Request) (url.Values, int64, error) {
	if s.TwilioAuthToken == "" {
		return nil, 0, &problem{status: http.StatusForbidden, Code: "not_configured", Message: "no auth token of Twilio is configured", Advice: "set TWILIO_AUTH_TOKEN"}
	}
	body, err := s.body(w, r, 64<<10)
	if err != nil {
		return nil, 0, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, 0, badForm("the webhook is not urlencoded")
	}
	address := strings.TrimSuffix(s.publicBase(r).String(), "/") + r.URL.RequestURI()
	if !sms.ValidSignature(s.TwilioAuthToken, address, form, r.Header.Get(sms.SignatureHeader)) {
		s.Logger.WarnContext(r.Context(), "webhook with a wrong signature", "path", r.URL.Path, "signed_url", address)
		return nil, 0, &problem{status: http.StatusForbidden, Code: "bad_signature", Message: "the signature is not Twilio's", Advice: fmt.Sprintf("check TWILIO_AUTH_TOKEN, and that PUBLIC_URL is the address that Twilio was given (now %s)", s.publicBase(r))}
	}
	workspace, err := strconv.ParseInt(r.URL.Query().Get("w"), 10, 64)
	if err != nil {
		return nil, 0, &problem{status: http.StatusBadRequest, Code: "no_workspace", Message: "the address does not name a workspace", Advice: "add ?w= and the workspace's number"}
	}
	return form, workspace, nil
}
