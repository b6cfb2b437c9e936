package api

import (
	"errors"
	"fmt"
	"net/http"

	"dotyk/activities/store"
	"dotyk/channels/links"
	"dotyk/rules/audience"
)

// What the buttons of the page post as "scope".
const (
	scopeTopic = "topic"
	scopeAll   = "all"
)

// askUnsubscribe shows what the link would do, and does nothing: mail scanners open every link.
func (s *server) askUnsubscribe(w http.ResponseWriter, r *http.Request) error {
	ref, err := s.linked(r)
	if err != nil {
		return s.linkFailed(w, r, err)
	}
	preferences, err := s.preferencesPath(r, ref)
	if err != nil {
		return s.linkFailed(w, r, err)
	}
	s.pages.ask(w, r, ref.Brand, ref.Topic, ref.Channel, preferences)
	return nil
}

// unsubscribe withdraws consent: to the message's topic by one click in a mail program (RFC 8058 section 3.2, a POST of
// List-Unsubscribe=One-Click as a form of either kind), or to what was chosen on the page. Whoever has the link is the
// recipient, so no cookie or login is asked for, and a body that says neither counts as a click. Saying it again changes
// nothing and answers the same.
func (s *server) unsubscribe(w http.ResponseWriter, r *http.Request) error {
	ref, err := s.linked(r)
	if err != nil {
		return s.linkFailed(w, r, err)
	}
	f, err := s.readForm(w, r)
	if err != nil {
		f = &submission{fields: map[string]any{}} // the link itself says enough
	}
	withdrawal := store.Withdrawal{
		Workspace: ref.Workspace, TouchID: ref.TouchID, Channel: ref.Channel, Topic: ref.Topic, Method: "one_click", Source: "link in a message",
		Evidence: s.evidence(r), At: s.Now(),
	}
	if scope, ok := f.fields["scope"].(string); ok {
		withdrawal.Method = "preference_page"
		if scope == scopeAll {
			withdrawal.Topic = audience.AllTopics
		}
	}
	if withdrawal.Topic == "" { // a message without a topic: there is nothing narrower to refuse
		withdrawal.Topic = audience.AllTopics
	}
	if err := s.Store.Withdraw(r.Context(), withdrawal); err != nil {
		return s.linkFailed(w, r, err)
	}
	s.pages.unsubscribed(w, r, ref.Brand, withdrawal.Topic)
	return nil
}

// linked finds the touch behind the link. The token names the workspace, whose secret then proves the token.
func (s *server) linked(r *http.Request) (store.TouchRef, error) {
	token := r.PathValue("token")
	workspace, err := links.Workspace(token)
	if err != nil {
		return store.TouchRef{}, badToken(err)
	}
	secret, err := s.Store.Secret(r.Context(), workspace)
	if err != nil {
		return store.TouchRef{}, err
	}
	signer, err := links.NewSigner(secret)
	if err != nil {
		return store.TouchRef{}, fmt.Errorf("use workspace secret: %w", err)
	}
	claim, err := signer.Verify(token)
	if err != nil {
		return store.TouchRef{}, badToken(err)
	}
	return s.Store.Touch(r.Context(), claim.Workspace, claim.TouchID)
}

func badToken(err error) error { return errors.Join(store.ErrNotFound, err) }

// linkFailed shows a page: a person reads it.
func (s *server) linkFailed(w http.ResponseWriter, r *http.Request, err error) error {
	p, known := explain(err)
	switch {
	case !known:
		s.Logger.ErrorContext(r.Context(), "unsubscribe link failed", "error", err)
		s.pages.away(w, r, p.status)
	case p.status == http.StatusNotFound:
		s.pages.badLink(w, r)
	default:
		setRetry(w, p)
		s.pages.away(w, r, p.status)
	}
	return nil
}
