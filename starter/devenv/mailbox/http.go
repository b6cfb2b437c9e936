package mailbox

import (
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"dotyk/starter/devenv/internal/answer"
)

//go:embed page.html
var pageSource string

// sandbox keeps what a mail brings from doing anything but being looked at: no scripts, no forms; its pictures load and
// its links open in a window of their own, which is how opens and clicks come about.
const sandbox = "allow-popups allow-popups-to-escape-sandbox"

// Handler serves the mailbox:
//
//	GET    /dev/mailbox?to=        what was received, a JSON array, newest last
//	DELETE /dev/mailbox            forgets all of it
//	GET    /dev/mailbox/           the same for people, where text/html is asked for
//	POST   /dev/mailbox/inbound    {from, to?, subject?, text, in_reply_to?} plays a customer's reply
//	GET    /dev/mailbox/faults     what is to go wrong, and how often it did: an array of FaultRule
//	POST   /dev/mailbox/faults     has receiving go wrong: a FaultRule
//	DELETE /dev/mailbox/faults     nothing goes wrong any more
//
// It wants the paths "/dev/mailbox" and "/dev/mailbox/" of the mux it is mounted under. Other sites' pages cannot use
// it through a visitor's browser.
func (m *Mailbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dev/mailbox", m.list)
	mux.HandleFunc("DELETE /dev/mailbox", m.clear)
	mux.HandleFunc("GET /dev/mailbox/{$}", m.page)
	mux.HandleFunc("GET /dev/mailbox/html", m.html)
	mux.HandleFunc("POST /dev/mailbox/inbound", m.inbound)
	m.faults.Handle(mux, "/dev/mailbox/faults", m.log, (*FaultRule).accept)
	return http.NewCrossOriginProtection().Handler(mux)
}

func (m *Mailbox) list(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Query().Get("to")
	answer.JSONArray(w, m.log, m.all(), func(msg Message) bool { return to == "" || strings.EqualFold(msg.To, to) })
}

func (m *Mailbox) clear(w http.ResponseWriter, _ *http.Request) {
	if err := m.Clear(); err != nil {
		m.log.Error("clear mailbox", "error", err)
		answer.Problem(w, m.log, http.StatusInternalServerError, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// maxListed bounds the page's list.
const maxListed = 200

type pageData struct {
	To       string
	Messages []Message // newest first
	Older    int       // not shown
	Chosen   *Message
	ChosenID string // its Message-ID
	Sandbox  string
}

func (m *Mailbox) page(w http.ResponseWriter, r *http.Request) {
	if !answer.WantsHTML(r) {
		m.list(w, r)
		return
	}
	query := r.URL.Query()
	data := pageData{To: query.Get("to"), Messages: m.Messages(query.Get("to")), Sandbox: sandbox}
	slices.Reverse(data.Messages)
	if len(data.Messages) > maxListed {
		data.Older = len(data.Messages) - maxListed
		data.Messages = data.Messages[:maxListed]
	}
	if id := query.Get("id"); id != "" {
		msg, ok := m.find(id)
		if !ok {
			answer.Problem(w, m.log, http.StatusNotFound, "no such message: the mailbox may have been emptied")
			return
		}
		data.Chosen, data.ChosenID = &msg, messageID(msg)
	}
	answer.Page(w, m.log, page, data)
}

func (m *Mailbox) find(id string) (Message, bool) {
	all := m.all()
	i := slices.IndexFunc(all, func(msg Message) bool { return msg.ID == id })
	if i < 0 {
		return Message{}, false
	}
	return all[i], true
}

var head = regexp.MustCompile(`(?i)<head(\s[^>]*)?>`)

// html serves the HTML part of a message for a frame. The policy holds even where somebody opens it outside of one.
func (m *Mailbox) html(w http.ResponseWriter, r *http.Request) {
	msg, ok := m.find(r.URL.Query().Get("id"))
	if !ok {
		answer.Problem(w, m.log, http.StatusNotFound, "no such message: the mailbox may have been emptied")
		return
	}
	const base = `<base target="_blank">`
	text := base + msg.HTML
	if at := head.FindStringIndex(msg.HTML); at != nil {
		text = msg.HTML[:at[1]] + base + msg.HTML[at[1]:]
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "sandbox "+sandbox+"; default-src 'none'; img-src http: https: data:; "+
		"style-src 'unsafe-inline' http: https:; font-src http: https: data:; form-action 'none'; frame-ancestors 'self'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if _, err := w.Write([]byte(text)); err != nil {
		m.log.Debug("write answer", "error", err)
	}
}

func (m *Mailbox) inbound(w http.ResponseWriter, r *http.Request) {
	var in inbound
	ok := answer.Read(w, r, m.log, &in, func(form func(string) string) {
		in = inbound{form("from"), form("to"), form("subject"), form("text"), form("in_reply_to")}
	})
	if !ok {
		return
	}
	if m.config.Inbound == nil {
		answer.Problem(w, m.log, http.StatusNotImplemented, "nobody reads what customers answer here")
		return
	}
	reply, err := m.complete(in)
	if err != nil {
		answer.Problem(w, m.log, http.StatusBadRequest, err.Error())
		return
	}
	if err := m.config.Inbound(r.Context(), reply); err != nil {
		m.log.Error("deliver reply", "error", err)
		answer.Problem(w, m.log, http.StatusBadGateway, "deliver reply: "+err.Error())
		return
	}
	if answer.IsForm(r) {
		http.Redirect(w, r, "/dev/mailbox/?to="+url.QueryEscape(reply.From), http.StatusSeeOther)
		return
	}
	answer.JSON(w, m.log, http.StatusAccepted, map[string]string{
		"message_id": reply.MessageID, "from": reply.From, "to": reply.To, "subject": reply.Subject, "in_reply_to": reply.InReplyTo,
	})
}

var page = template.Must(template.New("page").Parse(pageSource))
