package phone

import (
	_ "embed"
	"html/template"
	"net/http"
	"slices"

	"dotyk/starter/devenv/internal/answer"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Parse(pageSource))

// Handler serves Twilio's API and the phone itself:
//
//	/2010-04-01/Accounts/{sid}/Messages…   create, list, fetch, update
//	/2010-04-01/Accounts/{sid}/Calls…      create, list, fetch
//	GET    /dev/phone?to=                  what was texted and dialled, a JSON array, newest last
//	DELETE /dev/phone                      forgets all of it
//	GET    /dev/phone/                     the same for people, where text/html is asked for, with what customers wrote
//	POST   /dev/phone/inbound              {from, to?, body} plays a customer's text; with type: call, her call
//	GET    /dev/phone/faults               what is to go wrong, and how often it did: an array of FaultRule
//	POST   /dev/phone/faults               has calls of the API go wrong: a FaultRule
//	DELETE /dev/phone/faults               nothing goes wrong any more
//
// It wants the paths "/2010-04-01/", "/dev/phone" and "/dev/phone/" of the mux it is mounted under. Other sites' pages
// cannot use it through a visitor's browser.
func (p *Phone) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/"+apiVersion+"/", p.api())
	mux.HandleFunc("GET /dev/phone", p.list)
	mux.HandleFunc("DELETE /dev/phone", p.clear)
	mux.HandleFunc("GET /dev/phone/{$}", p.page)
	mux.HandleFunc("POST /dev/phone/inbound", p.receive)
	p.rules.Handle(mux, "/dev/phone/faults", p.log, (*FaultRule).accept)
	return http.NewCrossOriginProtection().Handler(mux)
}

func (p *Phone) list(w http.ResponseWriter, r *http.Request) {
	answer.JSONArray(w, p.log, p.Messages(r.URL.Query().Get("to")), func(Message) bool { return true })
}

func (p *Phone) clear(w http.ResponseWriter, _ *http.Request) {
	if err := p.Clear(); err != nil {
		p.log.Error("clear phone", "error", err)
		answer.Problem(w, p.log, http.StatusInternalServerError, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// maxListed bounds the page's list.
const maxListed = 200

type pageData struct {
	Customer string
	Messages []stored // newest first
	Older    int      // not shown
	Inbound  bool     // somebody reads what customers text
}

// Customer is the other side of a message.
func (s stored) Customer() string {
	switch {
	case s.Direction == inbound:
		return s.From
	case s.Channel == ChannelCall:
		return s.Dials
	}
	return s.To
}

func (p *Phone) page(w http.ResponseWriter, r *http.Request) {
	if !answer.WantsHTML(r) {
		p.list(w, r)
		return
	}
	customer := r.URL.Query().Get("to")
	data := pageData{Customer: customer, Inbound: p.config.InboundURL != ""}
	data.Messages = p.store.find(func(m stored) bool { return customer == "" || m.Customer() == customer || m.concerns(customer) })
	slices.Reverse(data.Messages)
	if len(data.Messages) > maxListed {
		data.Older = len(data.Messages) - maxListed
		data.Messages = data.Messages[:maxListed]
	}
	answer.Page(w, p.log, page, data)
}
