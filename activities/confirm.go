package activities

import (
	"fmt"

	"github.com/google/uuid"

	"dotyk/activities/store"
	"dotyk/channels/content"
	"dotyk/channels/links"
)

// consentLinks adds the links to the pages about consent: preferences_url, where the recipient chooses topics, and in the
// journeys of a consent that was requested confirm_url.
func (s *sending) consentLinks(b content.Bindings, m *store.Outgoing) error {
	signer := s.outbox.signer
	token, err := signer.Preferences(s.in.Workspace, m.TouchID)
	if err != nil {
		return fmt.Errorf("sign link to preferences: %w", err)
	}
	b["preferences_url"] = links.URL(s.PublicURL, links.Preferences, token)
	request, ok := m.Entry["request"].(string)
	if !ok || uuid.Validate(request) != nil {
		return nil
	}
	if token, err = signer.Confirm(s.in.Workspace, request); err != nil {
		return fmt.Errorf("sign link to confirm: %w", err)
	}
	b["confirm_url"] = links.URL(s.PublicURL, links.Confirm, token)
	return nil
}
