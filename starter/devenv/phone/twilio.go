package phone

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"dotyk/starter/devenv/internal/answer"
)

// apiError is an error as Twilio's API answers it (https://www.twilio.com/docs/usage/twilios-response#response-formats-exceptions).
type apiError struct {
	Code     int    `json:"code"`
	Message  string `json:"message"`
	MoreInfo string `json:"more_info"`
	Status   int    `json:"status"`
}

// Error reads "21211: Invalid 'To' Phone Number".
func (e *apiError) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Message) }

func invalid(code int, format string, args ...any) *apiError {
	return &apiError{Code: code, Message: fmt.Sprintf(format, args...), Status: http.StatusBadRequest}
}

func (p *Phone) refuse(w http.ResponseWriter, e *apiError) {
	e.MoreInfo = fmt.Sprintf("https://www.twilio.com/docs/errors/%d", e.Code)
	answer.JSON(w, p.log, e.Status, e)
}

// fail answers with an error that is Twilio's, or with one of the phone's own.
func (p *Phone) fail(w http.ResponseWriter, err error) {
	if e, ok := errors.AsType[*apiError](err); ok {
		p.refuse(w, e)
		return
	}
	if errors.Is(err, errNoMessage) {
		p.refuse(w, &apiError{Code: 20404, Message: "The requested resource was not found", Status: http.StatusNotFound})
		return
	}
	p.log.Error("answer as Twilio", "error", err)
	p.refuse(w, &apiError{Code: 20500, Message: err.Error(), Status: http.StatusInternalServerError})
}

// maxForm bounds a request's body, in bytes: a message is 1,600 characters at most.
const maxForm = 64 << 10

// api serves the part of Twilio's API below /2010-04-01/Accounts.
func (p *Phone) api() http.Handler {
	const messages = "/" + apiVersion + "/Accounts/{account}/Messages"
	const calls = "/" + apiVersion + "/Accounts/{account}/Calls"
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+messages+".json", p.create)
	mux.HandleFunc("GET "+messages+".json", p.listResources)
	mux.HandleFunc("GET "+messages+"/{file}", p.fetch)
	mux.HandleFunc("POST "+messages+"/{file}", p.update)
	mux.HandleFunc("POST "+calls+".json", p.dial)
	mux.HandleFunc("GET "+calls+".json", p.listCalls)
	mux.HandleFunc("GET "+calls+"/{file}", p.fetchCall)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != p.config.AccountSID || subtle.ConstantTimeCompare([]byte(password), []byte(p.config.AuthToken)) == 0 {
			p.refuse(w, &apiError{Code: 20003, Message: "Authenticate", Status: http.StatusUnauthorized})
			return
		}
		own := "/" + apiVersion + "/Accounts/" + p.config.AccountSID + "/"
		if _, pattern := mux.Handler(r); pattern == "" || !strings.HasPrefix(r.URL.Path, own) {
			p.fail(w, errNoMessage)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			p.refuse(w, invalid(20001, "%s", err))
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (p *Phone) create(w http.ResponseWriter, r *http.Request) {
	now := time.Now().UTC()
	m, err := p.read(r.PostForm, now)
	if err != nil {
		p.fail(w, err)
		return
	}
	p.accept(w, r, m, Call{Operation: Create, To: m.To, From: m.sender(), Body: m.Body}, func() any { return p.resource(m) })
}

// accept takes a message or a call, unless a fault comes in between, and answers with its resource.
func (p *Phone) accept(w http.ResponseWriter, r *http.Request, m stored, call Call, resource func() any) {
	fault := p.faultOf(call)
	if fault.Callbacks != nil {
		m.Pending = fault.Callbacks
	}
	if !fault.wrong() || fault.Accept {
		if err := p.store.add(m); err != nil {
			p.fail(w, err)
			return
		}
		if len(m.Pending) > 0 {
			p.schedule.add(m.ID, dueOf(m, p.config.Delay))
		}
	}
	p.wait(r, fault)
	if fault.wrong() {
		p.misanswer(w, fault)
		return
	}
	answer.JSON(w, p.log, http.StatusCreated, resource())
}

func (p *Phone) fetch(w http.ResponseWriter, r *http.Request) {
	if p.faulty(w, r, Call{Operation: Fetch}) {
		return
	}
	m, err := p.store.get(sidOf(r))
	if err == nil && m.Channel != "" {
		err = errNoMessage
	}
	if err != nil {
		p.fail(w, err)
		return
	}
	answer.JSON(w, p.log, http.StatusOK, p.resource(m))
}

// update cancels a scheduled message, or blanks the text of one that has come to its end.
func (p *Phone) update(w http.ResponseWriter, r *http.Request) {
	if p.faulty(w, r, Call{Operation: Update}) {
		return
	}
	m, err := p.store.change(sidOf(r), func(m *stored) error {
		if m.Channel != "" {
			return errNoMessage
		}
		switch status := r.PostForm.Get("Status"); {
		case status == string(Canceled) && m.Status == Scheduled:
			m.Status, m.Pending = Canceled, nil
		case status != "":
			return invalid(30409, "This message cannot be canceled")
		}
		if body, ok := r.PostForm["Body"]; ok {
			if body[0] != "" || m.Status.rank() < Delivered.rank() {
				return invalid(20009, "Cannot modify this message: only the body of a finished one can be removed")
			}
			m.Body = ""
		}
		return nil
	})
	if err != nil {
		p.fail(w, err)
		return
	}
	answer.JSON(w, p.log, http.StatusOK, p.resource(m))
}

// faulty plays the fault of a call that changes nothing, and tells whether that was the answer.
func (p *Phone) faulty(w http.ResponseWriter, r *http.Request, c Call) bool {
	fault := p.faultOf(c)
	p.wait(r, fault)
	if fault.wrong() {
		p.misanswer(w, fault)
		return true
	}
	return false
}

func sidOf(r *http.Request) string { return strings.TrimSuffix(r.PathValue("file"), ".json") }
