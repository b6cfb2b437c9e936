package phone

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dotyk/starter/devenv/internal/answer"
)

// callRequest plays a customer's call: POST /dev/phone/inbound with type: call.
type callRequest struct {
	From    string    `json:"from"`
	To      string    `json:"to"`      // a number of ours; if empty, the phone's
	Answers *[]string `json:"answers"` // which numbers answer when they are dialled; all, if it is left out
	Talk    int       `json:"talk"`    // for how many seconds the talk is said to have lasted; 0 is 5. It passes at once
	Message bool      `json:"message"` // the customer leaves a message when she is asked to
	Waits   int       `json:"waits"`   // seconds that she waits in a queue before she rings off; 0 is 60
}

const (
	talkUsually = 5
	waitUsually = 60
	waitEvery   = 500 * time.Millisecond // between what a waiting caller hears
	maxScripts  = 50                     // of one call: a script that leads to itself ends
)

// verb is an element of TwiML.
type verb struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	Nested  []verb     `xml:",any"`
}

func (v *verb) attr(name string) string {
	for _, a := range v.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// incoming is a customer's call that is under way.
type incoming struct {
	*Phone
	callRequest
	id       string
	begun    time.Time
	scripts  atomic.Int32  // that were asked for
	operator chan struct{} // closed when an operator takes the call
}

// lines are the callers who wait, by queue, the first in front.
type lines struct {
	mu      sync.Mutex
	waiting map[string][]*incoming
}

func (l *lines) join(queue string, c *incoming) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil {
		l.waiting = map[string][]*incoming{}
	}
	l.waiting[queue] = append(l.waiting[queue], c)
}

// leave takes a caller out of a queue, and says whether she stood there still.
func (l *lines) leave(queue string, c *incoming) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.waiting[queue])
	l.waiting[queue] = slices.DeleteFunc(l.waiting[queue], func(other *incoming) bool { return other == c })
	return len(l.waiting[queue]) < before
}

func (l *lines) first(queue string) (*incoming, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting[queue]) == 0 {
		return nil, false
	}
	c := l.waiting[queue][0]
	l.waiting[queue] = l.waiting[queue][1:]
	return c, true
}

// connect gives an operator who has answered the first caller of a queue.
func (p *Phone) connect(m stored) error {
	c, ok := p.lines.first(m.Queue.Name)
	if !ok {
		return nil // she hears music until she rings off
	}
	defer close(c.operator)
	if m.Queue.URL == "" {
		return nil
	}
	_, err := c.ask(m.Queue.URL, url.Values{"DequeingCallSid": {m.ID}, "QueueTime": {c.waited()}})
	return err
}

// receiveCall answers POST /dev/phone/inbound for a call. The call goes on after the answer.
func (p *Phone) receiveCall(w http.ResponseWriter, r callRequest) {
	if p.config.VoiceURL == "" {
		answer.Problem(w, p.log, http.StatusNotImplemented, "nobody takes customers' calls here")
		return
	}
	if !numberPattern.MatchString(r.From) || (r.To != "" && !numberPattern.MatchString(r.To)) || r.Talk < 0 || r.Waits < 0 {
		answer.Problem(w, p.log, http.StatusBadRequest, "want numbers like +380671234567 as from, and as to if it is given, and no negative seconds")
		return
	}
	if r.To == "" {
		r.To = p.config.Number
	}
	if r.Talk == 0 {
		r.Talk = talkUsually
	}
	if r.Waits == 0 {
		r.Waits = waitUsually
	}
	c := &incoming{Phone: p, callRequest: r, id: newID("CA"), begun: time.Now().UTC(), operator: make(chan struct{})}
	err := p.store.add(stored{
		Message:   Message{ID: c.id, Channel: ChannelCall, At: c.begun, Direction: inbound, From: r.From, To: r.To, Status: Ringing},
		UpdatedAt: c.begun,
	})
	if err != nil {
		p.log.Error("keep customer's call", "error", err)
		answer.Problem(w, p.log, http.StatusInternalServerError, err.Error())
		return
	}
	p.wg.Go(func() {
		if err := c.run(); err != nil && p.ctx.Err() == nil {
			p.log.Warn("play customer's call", "call", c.id, "error", err)
		}
	})
	answer.JSON(w, p.log, http.StatusAccepted, map[string]string{"id": c.id, "from": r.From, "to": r.To})
}

// errRangOff ends a call whose script has nothing to say about that any more.
var errRangOff = errors.New("the customer rang off")

// run plays the call from its beginning to its end.
func (c *incoming) run() error {
	verbs, err := c.ask(c.config.VoiceURL, url.Values{"CallStatus": {"ringing"}})
	if err == nil {
		err = c.follow(verbs)
	}
	if errors.Is(err, errRangOff) {
		err = nil
	}
	_, kept := c.store.change(c.id, func(m *stored) error {
		m.Status, m.SentAt, m.Duration = Completed, &c.begun, int(time.Since(c.begun)/time.Second)+1
		return nil
	})
	if errors.Is(kept, errNoMessage) { // the phone was emptied meanwhile
		kept = nil
	}
	if c.config.VoiceStatusURL != "" && c.ctx.Err() == nil {
		form := c.form(url.Values{"CallStatus": {"completed"}, "CallDuration": {strconv.Itoa(int(time.Since(c.begun)/time.Second) + 1)}})
		err = errors.Join(err, c.post(c.ctx, c.config.VoiceStatusURL, form))
	}
	return errors.Join(err, kept)
}

// form is what Twilio posts of a call, and more.
func (c *incoming) form(more url.Values) url.Values {
	form := url.Values{
		"CallSid": {c.id}, "AccountSid": {c.config.AccountSID}, "ApiVersion": {apiVersion}, "Direction": {inbound},
		"From": {c.From}, "Caller": {c.From}, "To": {c.To}, "Called": {c.To}, "CallStatus": {string(InProgress)},
	}
	maps.Copy(form, more)
	return form
}

// ask posts a webhook and reads the script that answers it.
func (c *incoming) ask(to string, more url.Values) ([]verb, error) {
	if c.scripts.Add(1) > maxScripts {
		return nil, fmt.Errorf("the call was answered by %d scripts: do they lead to each other?", maxScripts)
	}
	body, err := c.webhook(c.ctx, to, c.form(more))
	if err != nil {
		return nil, err
	}
	var script struct {
		XMLName xml.Name `xml:"Response"`
		Verbs   []verb   `xml:",any"`
	}
	if err := xml.Unmarshal(body, &script); err != nil {
		return nil, fmt.Errorf("read TwiML of %s: %w", to, err)
	}
	return script.Verbs, nil
}

// follow does as a script says. What is said and played passes at once.
func (c *incoming) follow(verbs []verb) error {
	for i := range verbs {
		v := &verbs[i]
		var more url.Values
		var err error
		switch v.XMLName.Local {
		case "Say", "Play", "Pause":
			continue
		case "Hangup", "Reject":
			return errRangOff
		case "Dial":
			more, err = c.dialNumber(v)
		case "Enqueue":
			more, err = c.queue(v)
		case "Record":
			more = c.leaveMessage()
		default:
			return fmt.Errorf("the development phone does not know <%s>", v.XMLName.Local)
		}
		if err != nil {
			return err
		}
		action := v.attr("action")
		if more == nil || action == "" {
			continue
		}
		next, err := c.ask(action, more)
		switch {
		case err != nil:
			return err
		case more.Get("QueueResult") == "hangup":
			return errRangOff
		}
		return c.follow(next)
	}
	return nil
}

// dialNumber rings a number.
func (c *incoming) dialNumber(v *verb) (url.Values, error) {
	if len(v.Nested) != 1 || v.Nested[0].XMLName.Local != "Number" {
		return nil, errors.New("the development phone knows only a <Dial> of one <Number> in a customer's call")
	}
	number := strings.TrimSpace(v.Nested[0].Text)
	if c.Answers != nil && !slices.Contains(*c.Answers, number) {
		return url.Values{"DialCallStatus": {"no-answer"}, "DialCallSid": {newID("CA")}}, nil
	}
	if callback := v.attr("recordingStatusCallback"); callback != "" && v.attr("record") != "" {
		form := c.form(url.Values{"RecordingUrl": {c.recording()}, "RecordingStatus": {"completed"}, "RecordingDuration": {strconv.Itoa(c.Talk)}})
		if err := c.post(c.ctx, callback, form); err != nil {
			return nil, err
		}
	}
	return url.Values{"DialCallStatus": {"completed"}, "DialCallSid": {newID("CA")}, "DialCallDuration": {strconv.Itoa(c.Talk)}}, nil
}

func (c *incoming) recording() string {
	return "https://api.twilio.com/" + apiVersion + "/Accounts/" + c.config.AccountSID + "/Recordings/" + newID("RE")
}

// leaveMessage gives what Record posts; nothing where the customer says nothing.
func (c *incoming) leaveMessage() url.Values {
	if !c.Message {
		return nil
	}
	return url.Values{"RecordingUrl": {c.recording()}, "RecordingDuration": {strconv.Itoa(c.Talk)}}
}

func (c *incoming) waited() string { return strconv.Itoa(int(time.Since(c.begun) / time.Second)) }

// queue waits until an operator takes the call, the script leaves the queue, or the customer rings off.
func (c *incoming) queue(v *verb) (url.Values, error) {
	name := strings.TrimSpace(v.Text)
	c.lines.join(name, c)
	result, err := c.hold(v.attr("waitUrl"))
	if !c.lines.leave(name, c) { // an operator was quicker
		select {
		case <-c.operator:
		case <-c.ctx.Done():
			return nil, context.Cause(c.ctx)
		}
		result = "bridged"
	}
	return url.Values{"QueueResult": {result}, "QueueTime": {c.waited()}}, err
}

// hold plays what a waiting caller hears.
func (c *incoming) hold(waitURL string) (result string, err error) {
	patience := time.NewTimer(time.Duration(c.Waits) * time.Second)
	defer patience.Stop()
	again := time.NewTicker(waitEvery)
	defer again.Stop()
	for {
		if waitURL != "" {
			c.scripts.Store(0) // hold music may go on
			verbs, err := c.ask(waitURL, url.Values{"QueueTime": {c.waited()}})
			if err != nil {
				return "error", err
			}
			if slices.ContainsFunc(verbs, func(v verb) bool { return v.XMLName.Local == "Leave" }) {
				return "leave", nil
			}
		}
		select {
		case <-c.operator:
			return "bridged", nil
		case <-patience.C:
			return "hangup", nil
		case <-c.ctx.Done():
			return "", context.Cause(c.ctx)
		case <-again.C:
		}
	}
}
