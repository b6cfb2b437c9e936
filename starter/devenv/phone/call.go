package phone

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"dotyk/starter/devenv/internal/answer"
)

// script is the TwiML that the phone understands of a call that is dialled: whom to connect the called one with.
type script struct {
	XMLName xml.Name `xml:"Response"`
	Dial    struct {
		CallerID string `xml:"callerId,attr"`
		Number   struct {
			StatusCallback string `xml:"statusCallback,attr"`
			Number         string `xml:",chardata"`
		} `xml:"Number"`
		Queue struct {
			URL  string `xml:"url,attr"`
			Name string `xml:",chardata"`
		} `xml:"Queue"`
	} `xml:"Dial"`
}

// eventStatuses are the statuses by the names of the events that bring them.
var eventStatuses = map[string]Status{
	"initiated": Initiated, "ringing": Ringing, "answered": InProgress, "completed": Completed,
}

// readCall makes a call of the parameters of a create call, or says as Twilio does what is wrong with them.
func readCall(form url.Values, now time.Time) (stored, error) {
	m := stored{
		Message: Message{
			ID: newID("CA"), Channel: ChannelCall, At: now, Direction: outbound, From: form.Get("From"), To: form.Get("To"),
			Body: form.Get("Twiml"), Status: Queued,
		},
		StatusCallback: form.Get("StatusCallback"), Events: []Status{Completed}, UpdatedAt: now,
		Pending: []Callback{{Status: Initiated}, {Status: Ringing}, {Status: InProgress}, {Status: Completed}},
	}
	if events, ok := form["StatusCallbackEvent"]; ok {
		m.Events = nil
		for _, event := range events {
			status, ok := eventStatuses[event]
			if !ok {
				return stored{}, invalid(21626, "Invalid StatusCallbackEvent: %s", event)
			}
			m.Events = append(m.Events, status)
		}
	}
	var s script
	switch {
	case m.To == "":
		return stored{}, invalid(21201, "No 'To' number is specified")
	case m.From == "":
		return stored{}, invalid(21213, "'From' number is required")
	case !numberPattern.MatchString(m.To):
		return stored{}, invalid(21211, "Invalid 'To' Phone Number: %s", m.To)
	case !numberPattern.MatchString(m.From):
		return stored{}, invalid(21212, "Invalid From Number (caller ID): %s", m.From)
	case m.Body == "":
		return stored{}, invalid(21205, "Url parameter is required")
	case m.StatusCallback != "" && !isURL(m.StatusCallback):
		return stored{}, invalid(21609, "The StatusCallback URL %s is not a valid URL.", m.StatusCallback)
	}
	if err := xml.Unmarshal([]byte(m.Body), &s); err != nil {
		return stored{}, invalid(12100, "Document parse failure: %s", err)
	}
	m.Dials, m.Second = s.Dial.Number.Number, secondLeg{ID: newID("CA"), StatusCallback: s.Dial.Number.StatusCallback}
	m.Queue = queueLeg{Name: s.Dial.Queue.Name, URL: s.Dial.Queue.URL}
	return m, nil
}

func (p *Phone) dial(w http.ResponseWriter, r *http.Request) {
	m, err := readCall(r.PostForm, time.Now().UTC())
	if err != nil {
		p.fail(w, err)
		return
	}
	p.accept(w, r, m, Call{Operation: Dial, To: m.To, From: m.From, Body: m.Body}, func() any { return p.callResource(m) })
}

func (p *Phone) fetchCall(w http.ResponseWriter, r *http.Request) {
	if p.faulty(w, r, Call{Operation: FetchCall}) {
		return
	}
	m, err := p.store.get(sidOf(r))
	if err == nil && m.Channel != ChannelCall {
		err = errNoMessage
	}
	if err != nil {
		p.fail(w, err)
		return
	}
	answer.JSON(w, p.log, http.StatusOK, p.callResource(m))
}

// callListing is a page of calls as Twilio's API shows it.
type callListing struct {
	Calls []callResource `json:"calls"`
	paging
}

// listCalls lists calls, newest first, by the numbers at both ends and the status.
func (p *Phone) listCalls(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	to, from, status := query.Get("To"), query.Get("From"), Status(query.Get("Status"))
	if p.faulty(w, r, Call{Operation: ListCalls, To: to, From: from}) {
		return
	}
	found, paging := p.pageOf(r, func(m stored) bool {
		return m.Channel == ChannelCall && (to == "" || m.To == to) && (from == "" || m.From == from) &&
			(status == "" || m.Status == status)
	})
	l := callListing{Calls: make([]callResource, len(found)), paging: paging}
	for i, m := range found {
		l.Calls[i] = p.callResource(m)
	}
	answer.JSON(w, p.log, http.StatusOK, l)
}

// callResource is a call as Twilio's API shows it.
type callResource struct {
	SID             string            `json:"sid"`
	DateCreated     string            `json:"date_created"`
	DateUpdated     string            `json:"date_updated"`
	ParentCallSID   *string           `json:"parent_call_sid"`
	AccountSID      string            `json:"account_sid"`
	To              string            `json:"to"`
	ToFormatted     string            `json:"to_formatted"`
	From            string            `json:"from"`
	FromFormatted   string            `json:"from_formatted"`
	PhoneNumberSID  *string           `json:"phone_number_sid"`
	Status          Status            `json:"status"`
	StartTime       *string           `json:"start_time"`
	EndTime         *string           `json:"end_time"`
	Duration        *string           `json:"duration"`
	Price           *string           `json:"price"`
	PriceUnit       string            `json:"price_unit"`
	Direction       string            `json:"direction"`
	AnsweredBy      *string           `json:"answered_by"`
	APIVersion      string            `json:"api_version"`
	ForwardedFrom   *string           `json:"forwarded_from"`
	GroupSID        *string           `json:"group_sid"`
	CallerName      *string           `json:"caller_name"`
	QueueTime       string            `json:"queue_time"`
	TrunkSID        *string           `json:"trunk_sid"`
	URI             string            `json:"uri"`
	SubresourceURIs map[string]string `json:"subresource_uris"`
}

func (p *Phone) callResource(m stored) callResource {
	base := "/" + apiVersion + "/Accounts/" + p.config.AccountSID + "/Calls/" + m.ID
	r := callResource{
		SID: m.ID, DateCreated: m.At.Format(time.RFC1123Z), DateUpdated: m.UpdatedAt.Format(time.RFC1123Z),
		AccountSID: p.config.AccountSID, To: m.To, ToFormatted: m.To, From: m.From, FromFormatted: m.From, Status: m.Status,
		PriceUnit: "USD", Direction: m.Direction, APIVersion: apiVersion, QueueTime: "0", URI: base + ".json",
		SubresourceURIs: map[string]string{
			"events": base + "/Events.json", "notifications": base + "/Notifications.json", "recordings": base + "/Recordings.json",
		},
	}
	if m.SentAt != nil {
		r.StartTime = new(m.SentAt.Format(time.RFC1123Z))
	}
	if m.Duration > 0 {
		r.EndTime = new(m.SentAt.Add(time.Duration(m.Duration) * time.Second).Format(time.RFC1123Z))
		r.Duration = new(strconv.Itoa(m.Duration))
	}
	return r
}

// callForm is what Twilio posts of a call's status
// (https://www.twilio.com/docs/voice/api/call-resource#statuscallback).
func (p *Phone) callForm(m stored, c Callback) url.Values {
	form := url.Values{
		"CallSid": {m.ID}, "CallStatus": {string(c.Status)}, "To": {m.To}, "Called": {m.To}, "From": {m.From},
		"Caller": {m.From}, "AccountSid": {p.config.AccountSID}, "ApiVersion": {apiVersion}, "Direction": {m.Direction},
		"CallbackSource": {"call-progress-events"}, "Timestamp": {time.Now().UTC().Format(time.RFC1123Z)},
		"SequenceNumber": {strconv.Itoa(slices.Index([]Status{Initiated, Ringing, InProgress}, c.Status))},
	}
	if c.Status.rank() == Completed.rank() {
		form.Set("SequenceNumber", "3")
	}
	if c.Status == Completed {
		form.Set("CallDuration", strconv.Itoa(m.Duration))
		form.Set("Duration", strconv.Itoa((m.Duration+59)/60)) // in minutes begun
	}
	if c.ErrorCode != 0 {
		form.Set("ErrorCode", strconv.Itoa(c.ErrorCode))
	}
	return form
}

// postSecond posts how the end of the call went that its script connected, as <Number statusCallback> asks for: it ends
// with the call, as completed.
func (p *Phone) postSecond(m stored, c Callback) error {
	if m.Second.StatusCallback == "" || m.Dials == "" || c.Status != Completed {
		return nil
	}
	form := p.callForm(m, c)
	for name, value := range map[string]string{
		"CallSid": m.Second.ID, "ParentCallSid": m.ID, "To": m.Dials, "Called": m.Dials, "Direction": "outbound-dial",
	} {
		form.Set(name, value)
	}
	return p.post(p.ctx, m.Second.StatusCallback, form)
}
