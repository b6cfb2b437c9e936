package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // page.html
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"dotyk/rules/audience"
)

//go:embed page.html
var pageSource string

// pages are the few things this package shows to people, without scripts and without anything from elsewhere.
type pages struct {
	template           *template.Template
	preferenceTemplate *template.Template
	policy             string // Content-Security-Policy
	matcher            language.Matcher
}

// page is what one of them shows.
type page struct {
	Lang    string
	Title   string
	Lines   []string
	Choices []choiceButton // buttons that post to the page's own address
	Link    string         // another page, where there is one
	LinkTo  string         // its address, below ours
}

type choiceButton struct {
	Scope string // "topic", "all" or "confirm"
	Label string
}

func newPages() *pages {
	var styles strings.Builder
	for _, source := range []string{pageSource, preferencesSource} {
		_, style, _ := strings.Cut(source, "<style>")
		style, _, _ = strings.Cut(style, "</style>")
		sum := sha256.Sum256([]byte(style))
		styles.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
	}
	return &pages{
		template:           template.Must(template.New("page").Parse(pageSource)),
		preferenceTemplate: template.Must(template.New("preferences").Parse(preferencesSource)),
		policy:             "default-src 'none'; style-src" + styles.String() + "; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
		matcher:            language.NewMatcher([]language.Tag{language.English, language.Ukrainian}),
	}
}

// wordsFor gives the texts in the customer's own language, as far as the record knows it and we have it; else in that of
// the browser.
func (p *pages) wordsFor(r *http.Request, locale string) *texts {
	if tag, err := language.Parse(locale); err == nil {
		switch _, i, confidence := p.matcher.Match(tag); {
		case confidence == language.No:
		case i == 1:
			return &ukrainian
		default:
			return &english
		}
	}
	return p.words(r)
}

// words gives the texts in the language that the browser asks for.
func (p *pages) words(r *http.Request) *texts {
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return &english
	}
	if _, i, confidence := p.matcher.Match(tags...); i == 1 && confidence > language.No {
		return &ukrainian
	}
	return &english
}

func (p *pages) show(w http.ResponseWriter, status int, content page) {
	p.render(w, status, p.template, content)
}

func (p *pages) render(w http.ResponseWriter, status int, from *template.Template, content any) {
	var out bytes.Buffer
	if err := from.Execute(&out, content); err != nil { // only a mistake in the template, which every test would meet
		writeProblem(w, &problem{status: http.StatusInternalServerError, Code: "internal", Message: "something went wrong on our side", Advice: "try again later"})
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Robots-Tag", "noindex")
	h.Add("Vary", "Accept-Language")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // whoever went away does not need the page
}

func (p *pages) thanks(w http.ResponseWriter, r *http.Request) {
	t := p.words(r)
	p.show(w, http.StatusOK, page{Lang: t.lang, Title: t.thanks, Lines: []string{t.thanksMore}})
}

// refusal tells a visitor why a form was not taken.
func (p *pages) refusal(w http.ResponseWriter, r *http.Request, why *problem) {
	t := p.words(r)
	content := page{Lang: t.lang, Title: t.notSent}
	switch {
	case len(why.Fields) > 0:
		for _, f := range why.Fields {
			content.Lines = append(content.Lines, strings.TrimPrefix(f.Place+": ", ": ")+sentence(t.reason(f.Reason))+" "+sentence(t.reason(f.Advice)))
		}
	case why.status == http.StatusTooManyRequests || why.status == http.StatusServiceUnavailable:
		content.Lines = []string{t.later}
	default:
		content.Lines = []string{sentence(why.Message) + " " + sentence(why.Advice)}
	}
	content.Lines = append(content.Lines, t.back)
	p.show(w, why.status, content)
}

// sentence gives a reason its capital letter and full stop.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:] + "."
}

// ask is the page behind the link in a message.
func (p *pages) ask(w http.ResponseWriter, r *http.Request, brand, topic string, channel audience.Channel, preferences string) {
	t := p.words(r)
	content := page{Lang: t.lang, Title: t.unsubscribe, Lines: []string{t.channel(channel) + " " + brand}, Link: t.preferences, LinkTo: preferences}
	if topic != "" && topic != audience.AllTopics {
		content.Choices = append(content.Choices, choiceButton{Scope: scopeTopic, Label: t.fromTopic + " “" + topic + "”"})
	}
	content.Choices = append(content.Choices, choiceButton{Scope: scopeAll, Label: t.fromAll})
	p.show(w, http.StatusOK, content)
}

func (p *pages) unsubscribed(w http.ResponseWriter, r *http.Request, brand, topic string) {
	t := p.words(r)
	what := t.goneAll
	if topic != audience.AllTopics {
		what = t.goneTopic + " “" + topic + "”"
	}
	p.show(w, http.StatusOK, page{Lang: t.lang, Title: t.unsubscribed, Lines: []string{what + " (" + brand + ")."}})
}

// badLink says that an unsubscribe link leads nowhere.
func (p *pages) badLink(w http.ResponseWriter, r *http.Request) {
	t := p.words(r)
	p.show(w, http.StatusNotFound, page{Lang: t.lang, Title: t.linkBroken, Lines: []string{t.linkBrokenMore}})
}

func (p *pages) away(w http.ResponseWriter, r *http.Request, status int) {
	t := p.words(r)
	p.show(w, status, page{Lang: t.lang, Title: t.notNow, Lines: []string{t.later}})
}
