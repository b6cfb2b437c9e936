package phone

import (
	"net/http"
	"strconv"
	"time"
)

// Operation is what a call of the API asks for.
type Operation string

// The operations.
const (
	Create Operation = "create"
	List   Operation = "list"
	Fetch  Operation = "fetch"
	Update Operation = "update"

	Dial      Operation = "dial" // creates a call
	ListCalls Operation = "list calls"
	FetchCall Operation = "fetch call"
)

// Call is a call of the API that is about to be answered.
type Call struct {
	Operation Operation
	To        string // of create and dial; and of lists, if they filter
	From      string // number or messaging service; of create and dial
	Body      string // of create; of dial its TwiML
}

// Fault says how a call goes wrong. The zero Fault is none.
type Fault struct {
	// Delay passes before the answer. A message is taken before it.
	Delay time.Duration
	// Drop breaks the connection off instead of answering.
	Drop bool
	// Status is answered instead of success: 429, 500, 503 …, with Twilio's error in JSON.
	Status int
	// Code and Message fill that error; left out they follow from the status.
	Code    int
	Message string
	// RetryAfter is sent as Retry-After, in whole seconds; 0 for none.
	RetryAfter time.Duration
	// HTML answers the status with a page, as a proxy in between would.
	HTML bool
	// Accept takes the message although the answer says otherwise, or there is none.
	Accept bool
	// Callbacks are posted instead of sent and delivered, or of a call's initiated, ringing, in-progress and completed: others, in another order, some twice, or none (an empty slice).
	Callbacks []Callback
}

// wrong tells whether the answer is anything but the true one.
func (f Fault) wrong() bool { return f.Drop || f.Status != 0 }

func (p *Phone) faultOf(c Call) Fault {
	if f := p.fault.Load(); f != nil {
		if fault := (*f)(c); fault.wrong() || fault.Delay > 0 || fault.Callbacks != nil {
			return fault
		}
	}
	rule, _ := p.rules.First(func(rule *FaultRule) bool { return rule.happens(c) })
	return rule.fault()
}

// wait passes the fault's delay, unless the client or the phone goes first.
func (p *Phone) wait(r *http.Request, f Fault) {
	if f.Delay == 0 {
		return
	}
	timer := time.NewTimer(f.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-p.ctx.Done():
	}
}

// misanswer gives the wrong answer of a fault.
func (p *Phone) misanswer(w http.ResponseWriter, f Fault) {
	if f.Drop {
		panic(http.ErrAbortHandler) //nolint:forbidigo // how net/http is told to break a connection off
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Round(time.Second)/time.Second)))
	}
	if f.HTML {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		if _, err := w.Write([]byte("<html><body><h1>" + http.StatusText(f.Status) + "</h1></body></html>")); err != nil {
			p.log.Debug("write answer", "error", err)
		}
		return
	}
	refused := &apiError{Code: f.Code, Message: f.Message, Status: f.Status}
	if refused.Code == 0 {
		refused.Code = 20_000 + f.Status // 20429, 20500, 20503: Twilio's general codes
	}
	if refused.Message == "" {
		refused.Message = http.StatusText(f.Status)
	}
	p.refuse(w, refused)
}
