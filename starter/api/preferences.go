package api

import (
	"context"
	_ "embed" // preferences.html
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"dotyk/activities/store"
	"dotyk/channels/links"
	"dotyk/rules/audience"
)

//go:embed preferences.html
var preferencesSource string

// consentStore is what the pages about consent need.
type consentStore interface {
	PreferencesOf(ctx context.Context, workspace int64, touchID string) (store.Preferences, error)
	Choose(ctx context.Context, workspace int64, customer string, chosen map[store.Choice]bool, evidence map[string]any, at time.Time) error
	RefuseAll(ctx context.Context, workspace int64, customer string, evidence map[string]any, at time.Time) error
	ConsentRequest(ctx context.Context, workspace int64, id, locale string) (store.ConsentRequest, error)
	Confirm(ctx context.Context, workspace int64, id string, evidence map[string]any, at time.Time) error
}

// preferencePage is what the page of preferences shows.
type preferencePage struct {
	Lang, Title, Intro, Save, All, None, Notice string
	Rows                                        []preferenceRow
}

// preferenceRow is a topic with a switch for each channel.
type preferenceRow struct {
	Title    string
	Switches []preferenceSwitch
}

type preferenceSwitch struct {
	Name  string // of the field
	Label string
	On    bool
}

// Fields of the page's form. Each switch that was shown is named in a hidden field as well: what a browser leaves out of a
// form is a switch that is off, and what was not shown must stay as it is.
const (
	fieldSwitch = "on"
	fieldShown  = "shown"
	fieldAll    = "scope"
)

// claimed reads a token of a link and gives what it stands for.
func (s *server) claimed(r *http.Request, purpose links.Purpose) (links.Claim, error) {
	token := r.PathValue("token")
	workspace, err := links.WorkspaceOf(purpose, token)
	if err != nil {
		return links.Claim{}, badToken(err)
	}
	secret, err := s.Store.Secret(r.Context(), workspace)
	if err != nil {
		return links.Claim{}, err
	}
	signer, err := links.NewSigner(secret)
	if err != nil {
		return links.Claim{}, fmt.Errorf("use workspace secret: %w", err)
	}
	claim, err := signer.Read(purpose, token)
	if err != nil {
		return claim, badToken(err)
	}
	return claim, nil
}

// preferencesPath is where the recipient of a message chooses topics, relative to the page of its unsubscribe link.
func (s *server) preferencesPath(r *http.Request, ref store.TouchRef) (string, error) {
	secret, err := s.Store.Secret(r.Context(), ref.Workspace)
	if err != nil {
		return "", err
	}
	signer, err := links.NewSigner(secret)
	if err != nil {
		return "", fmt.Errorf("use workspace secret: %w", err)
	}
	token, err := signer.Preferences(ref.Workspace, ref.TouchID)
	if err != nil {
		return "", fmt.Errorf("sign link to preferences: %w", err)
	}
	return "p/" + token, nil
}

// evidence is what is known of whoever sends a request.
func (s *server) evidence(r *http.Request) map[string]any {
	return map[string]any{"ip": s.clientIP(r), "user_agent": cut(r.UserAgent(), 500)}
}

// askPreferences shows what the recipient of a message may choose: GET /u/p/{token}. It changes nothing.
func (s *server) askPreferences(w http.ResponseWriter, r *http.Request) error {
	p, err := s.preferencesOf(r)
	if err != nil {
		return s.linkFailed(w, r, err)
	}
	s.pages.preferences(w, r, &p, "")
	return nil
}

func (s *server) preferencesOf(r *http.Request) (store.Preferences, error) {
	claim, err := s.claimed(r, links.Preferences)
	if err != nil {
		return store.Preferences{}, err
	}
	return s.Store.PreferencesOf(r.Context(), claim.Workspace, claim.ID)
}

// savePreferences saves what was chosen, or refuses everything: POST /u/p/{token}.
func (s *server) savePreferences(w http.ResponseWriter, r *http.Request) error {
	p, err := s.preferencesOf(r)
	if err != nil {
		return s.linkFailed(w, r, err)
	}
	f, err := s.readForm(w, r)
	if err != nil {
		return s.linkFailed(w, r, err)
	}
	t := s.pages.wordsFor(r, p.Locale)
	notice := t.saved
	if f.fields[fieldAll] == scopeAll {
		notice = t.goneAll
		err = s.Store.RefuseAll(r.Context(), p.Workspace, p.Customer, s.evidence(r), s.Now())
	} else {
		err = s.Store.Choose(r.Context(), p.Workspace, p.Customer, chosen(f), s.evidence(r), s.Now())
	}
	if err == nil {
		p, err = s.preferencesOf(r)
	}
	if err != nil {
		return s.linkFailed(w, r, err)
	}
	s.pages.preferences(w, r, &p, notice)
	return nil
}

// chosen reads the switches: all that were shown, and of these the ones that are on.
func chosen(f *submission) map[store.Choice]bool {
	choices := map[store.Choice]bool{}
	for _, name := range values(f.fields[fieldShown]) {
		if c, ok := choice(name); ok {
			choices[c] = false
		}
	}
	for _, name := range values(f.fields[fieldSwitch]) {
		c, ok := choice(name)
		if _, shown := choices[c]; ok && shown {
			choices[c] = true
		}
	}
	return choices
}

// values are those of a field that may have been sent once or several times.
func values(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	default:
		return nil
	}
}

// choice reads a switch as "email news".
func choice(name string) (store.Choice, bool) {
	channel, topic, ok := strings.Cut(name, " ")
	return store.Choice{Channel: audience.Channel(channel), Topic: topic}, ok
}

func (p *pages) preferences(w http.ResponseWriter, r *http.Request, prefs *store.Preferences, notice string) {
	t := p.wordsFor(r, prefs.Locale)
	content := preferencePage{
		Lang: t.lang, Title: t.preferences, Intro: t.choose + " " + prefs.Brand + ".", Save: t.save, All: t.fromAll, Notice: notice,
	}
	if len(prefs.Topics) == 0 {
		content.None = t.noTopics
	}
	for i := range prefs.Topics {
		topic := &prefs.Topics[i]
		row := preferenceRow{Title: topic.TitleIn(t.lang)}
		for _, channel := range prefs.Channels() {
			row.Switches = append(row.Switches, preferenceSwitch{
				Name: string(channel) + " " + topic.Name, Label: t.by(channel), On: prefs.Chosen[store.Choice{Channel: channel, Topic: topic.Name}],
			})
		}
		content.Rows = append(content.Rows, row)
	}
	p.render(w, http.StatusOK, p.preferenceTemplate, content)
}

// askConfirm shows what a link of a double opt-in would confirm, and confirms nothing: mail scanners open every link.
func (s *server) askConfirm(w http.ResponseWriter, r *http.Request) error {
	request, err := s.requested(r)
	if err != nil {
		return s.linkFailed(w, r, err)
	}
	s.pages.confirm(w, r, &request, s.Now().After(request.At.Add(store.ConfirmWithin)))
	return nil
}

// confirm records the confirmation: POST /u/c/{token}. Saying it again changes nothing and answers the same.
func (s *server) confirm(w http.ResponseWriter, r *http.Request) error {
	request, err := s.requested(r)
	if err == nil {
		err = s.Store.Confirm(r.Context(), request.Workspace, request.ID, s.evidence(r), s.Now())
	}
	switch {
	case errors.Is(err, store.ErrTooLate):
		s.pages.confirm(w, r, &request, true)
		return nil
	case err != nil:
		return s.linkFailed(w, r, err)
	}
	request.Confirmed = true
	s.pages.confirm(w, r, &request, false)
	return nil
}

func (s *server) requested(r *http.Request) (store.ConsentRequest, error) {
	claim, err := s.claimed(r, links.Confirm)
	if err != nil {
		return store.ConsentRequest{}, err
	}
	request, err := s.Store.ConsentRequest(r.Context(), claim.Workspace, claim.ID, s.pages.words(r).lang)
	if err != nil {
		return request, err
	}
	if lang := s.pages.wordsFor(r, request.Locale).lang; lang != s.pages.words(r).lang {
		return s.Store.ConsentRequest(r.Context(), claim.Workspace, claim.ID, lang)
	}
	return request, nil
}

func (p *pages) confirm(w http.ResponseWriter, r *http.Request, request *store.ConsentRequest, late bool) {
	t := p.wordsFor(r, request.Locale)
	titles := make([]string, 0, len(request.Titles))
	for _, title := range request.Titles {
		if title == audience.AllTopics {
			title = t.everything
		}
		titles = append(titles, "“"+title+"”")
	}
	what := request.Brand + ": " + strings.Join(titles, ", ")
	switch {
	case request.Confirmed:
		p.show(w, http.StatusOK, page{Lang: t.lang, Title: t.confirmed, Lines: []string{what}})
	case late:
		p.show(w, http.StatusGone, page{Lang: t.lang, Title: t.tooLate, Lines: []string{t.tooLateMore}})
	default:
		content := page{Lang: t.lang, Title: t.confirmTitle, Lines: []string{what}, Choices: []choiceButton{{Scope: "confirm", Label: t.confirmButton}}}
		if request.Text != "" {
			content.Lines = append(content.Lines, "“"+request.Text+"”")
		}
		p.show(w, http.StatusOK, content)
	}
}
