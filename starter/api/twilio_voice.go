package api

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/voice"
)

// calling is a webhook about a call from a customer.
type calling struct {
	*server
	w         http.ResponseWriter
	r         *http.Request
	form      url.Values
	workspace int64
	sid       string
	voice     channels.VoiceSettings
}

// callHook makes a handler of what is to be done about a call.
func (s *server) callHook(handle func(*calling) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		form, workspace, err := s.twilioForm(w, r)
		if err != nil {
			return err
		}
		c := &calling{server: s, w: w, r: r, form: form, workspace: workspace, sid: form.Get("CallSid")}
		if c.sid == "" {
			return &problem{status: http.StatusBadRequest, Code: "bad_webhook", Message: "CallSid is missing", Advice: "point only the webhooks of calls here"}
		}
		settings, err := s.Store.Delivery(r.Context(), workspace)
		if err != nil {
			return err
		}
		c.voice = settings.Telephony.Voice
		return handle(c)
	}
}

// came is a call that begins: POST /hooks/twilio/voice?w=<workspace>, the address of the number for incoming calls. The
// customer is put through to her owner, or waits for an operator, or leaves a message.
func (c *calling) came() error {
	route, err := c.Store.CallCame(c.r.Context(), c.workspace, store.IncomingCall{
		SID: c.sid, From: c.form.Get("From"), To: c.form.Get("To"), At: c.Now(),
	})
	if err != nil {
		return err
	}
	var verbs []any
	if c.voice.Greeting != "" {
		verbs = append(verbs, c.say(c.voice.Greeting))
	}
	switch {
	case !c.voice.Open(c.Now()):
		if c.voice.Closed != "" {
			verbs = append(verbs, c.say(c.voice.Closed))
		}
		return c.leaveMessage(verbs)
	case route.Owner.Phone == "":
		return c.waitOrLeave(verbs)
	}
	dial := voice.Dial{Action: c.hook("/dialled", "user", route.Owner.Email), Number: &voice.Number{Number: route.Owner.Phone}}
	dial.RingFor(cmp.Or(c.voice.RingFor, channels.DefaultRingFor))
	if c.voice.Record {
		dial.Recorded(c.hook("/recording"))
	}
	return c.script(c.w, append(verbs, dial)...)
}

func (c *calling) say(text string) voice.Say {
	return voice.Say{Language: c.voice.Language, Text: text}
}

// hook is the address of another webhook on this call.
func (c *calling) hook(path string, named ...string) string {
	query := url.Values{"w": {strconv.FormatInt(c.workspace, 10)}}
	for i := 0; i+1 < len(named); i += 2 {
		query.Set(named[i], named[i+1])
	}
	return strings.TrimSuffix(c.publicBase(c.r).String(), "/") + "/hooks/twilio/voice" + path + "?" + query.Encode()
}

// change records what became of the call.
func (c *calling) change(change store.CallChange) error {
	change.SID, change.At = c.sid, c.Now()
	_, err := c.Store.CallChanged(c.r.Context(), c.workspace, change)
	return err
}

// waitOrLeave puts the caller into the queue, or asks her to leave a message.
func (c *calling) waitOrLeave(verbs []any) error {
	if !c.voice.Queue {
		return c.leaveMessage(verbs)
	}
	if err := c.change(store.CallChange{State: store.CallWaiting}); err != nil {
		return err
	}
	return c.script(c.w, append(verbs, voice.Enqueue{
		Action: c.hook("/queue"), WaitURL: c.hook("/wait"), Name: voice.QueueOf(c.workspace),
	})...)
}

// maxMessage bounds a message on the voicemail, in seconds.
const maxMessage = 180

// leaveMessage asks the caller for a message, if the workspace takes any. The call is missed now: should she leave none,
// or hang up first, nothing else is told.
func (c *calling) leaveMessage(verbs []any) error {
	change := store.CallChange{State: store.CallVoicemail, Outcome: store.CallMissed}
	if c.voice.VoicemailOff {
		change.State = store.CallEnded
	} else {
		if c.voice.Voicemail != "" {
			verbs = append(verbs, c.say(c.voice.Voicemail))
		}
		verbs = append(verbs, voice.Record{Action: c.hook("/voicemail"), MaxLength: maxMessage, PlayBeep: true})
	}
	if err := c.change(change); err != nil {
		return err
	}
	return c.script(c.w, append(verbs, voice.Hangup{})...)
}

// dialled is how it went with the owner: the action of Dial.
func (c *calling) dialled() error {
	switch status := c.form.Get("DialCallStatus"); {
	case status == "completed" || status == "answered":
		talked, err := c.seconds("DialCallDuration")
		if err != nil {
			return err
		}
		err = c.change(store.CallChange{
			State: store.CallEnded, Outcome: store.CallAnswered, User: c.r.URL.Query().Get("user"), Duration: talked,
			Recording: c.form.Get("RecordingUrl"),
		})
		if err != nil {
			return err
		}
		return c.script(c.w, voice.Hangup{})
	case c.form.Get("CallStatus") == "completed" || status == "canceled": // the caller rang off meanwhile
		if err := c.change(store.CallChange{State: store.CallEnded, Outcome: store.CallAbandoned}); err != nil {
			return err
		}
		return c.script(c.w, voice.Hangup{})
	default:
		return c.waitOrLeave(nil)
	}
}

// seconds reads a number of seconds; none is 0.
func (c *calling) seconds(name string) (time.Duration, error) {
	text := c.form.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, &problem{status: http.StatusBadRequest, Code: "bad_webhook", Message: name + " is not a number of seconds", Advice: "point only the webhooks of calls here"}
	}
	return time.Duration(n) * time.Second, nil
}

// wait is what a waiting caller hears, asked for again and again: the waitUrl of Enqueue.
func (c *calling) wait() error {
	waited, err := c.seconds("QueueTime")
	if err != nil {
		return err
	}
	if waited >= time.Duration(cmp.Or(c.voice.WaitFor, channels.DefaultWaitFor))*time.Second {
		return c.script(c.w, voice.Leave{})
	}
	var verbs []any
	if c.voice.Wait != "" {
		verbs = append(verbs, c.say(c.voice.Wait))
	}
	if c.voice.Music != "" {
		verbs = append(verbs, voice.Play{URL: c.voice.Music})
	} else {
		verbs = append(verbs, voice.Pause{Length: 10})
	}
	return c.script(c.w, verbs...)
}

// connected is a waiting caller who is about to talk to an operator: the url of Queue.
func (c *calling) connected() error {
	err := c.change(store.CallChange{State: store.CallTalking, Outcome: store.CallAnswered, User: c.r.URL.Query().Get("user")})
	if err != nil {
		return err
	}
	return c.script(c.w)
}

// queued is how the waiting ended: the action of Enqueue.
func (c *calling) queued() error {
	change := store.CallChange{State: store.CallEnded}
	switch c.form.Get("QueueResult") {
	case "bridged", "bridging-in-process":
		change.Outcome = store.CallAnswered
	case "hangup":
		change.Outcome = store.CallAbandoned
	default: // she waited too long, or the queue is full or broken
		return c.leaveMessage(nil)
	}
	if err := c.change(change); err != nil {
		return err
	}
	return c.script(c.w, voice.Hangup{})
}

// voicemail is a message that a caller has left: the action of Record.
func (c *calling) voicemail() error {
	length, err := c.seconds("RecordingDuration")
	if err != nil {
		return err
	}
	change := store.CallChange{State: store.CallEnded, Outcome: store.CallMissed}
	if address := c.form.Get("RecordingUrl"); address != "" {
		change.Outcome, change.Recording, change.Duration = store.CallMessage, address, length
	}
	if err := c.change(change); err != nil {
		return err
	}
	return c.script(c.w, voice.Hangup{})
}

// recorded is a recording of a call that is finished: the recordingStatusCallback of Dial. With task it is that of a call
// to a customer.
func (c *calling) recorded() error {
	address := c.form.Get("RecordingUrl")
	if address == "" {
		c.w.WriteHeader(http.StatusNoContent) // absent or failed
		return nil
	}
	var err error
	if task := c.r.URL.Query().Get("task"); task != "" {
		err = c.Store.RecordCall(c.r.Context(), c.workspace, store.CallMade{Task: task, SID: c.sid, Recording: address, At: c.Now()})
	} else {
		err = c.change(store.CallChange{Recording: address})
	}
	if err == nil {
		c.w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// status is the end of a call however it came: the status callback of the number.
func (c *calling) status() error {
	switch c.form.Get("CallStatus") {
	case "completed", "busy", "no-answer", "failed", "canceled":
		if err := c.change(store.CallChange{State: store.CallEnded}); err != nil {
			return err
		}
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
