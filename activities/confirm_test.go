package activities

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/channels/links"
	"dotyk/rules/audience"
)

func TestConfirmation(t *testing.T) {
	t.Parallel()
	s := open(t)
	double := audience.DoubleOptIn
	require.NoError(t, s.Store.EditTopic(t.Context(), s.seed.Workspace, "news", store.TopicEdit{Policy: &double}))
	s.happen("ann", "signed_up", map[string]any{}, func(m *store.Message) {
		uk := "uk-UA"
		m.Profile.Locale = &uk
		m.Profile.Consents = []audience.Consent{{
			Channel: audience.Email, Topic: "news", Action: audience.Granted, OccurredAt: time.Now(), Method: store.MethodAPI,
		}}
	})
	cohorts := s.pick()
	require.Len(t, cohorts, 1)
	s.advance(cohorts[0].ID)
	_, err := s.send(cohorts[0], audience.Email)
	require.NoError(t, err)
	mail := s.mail.Messages()
	require.Len(t, mail, 1)
	require.Equal(t, "Підтвердьте підписку: Test shop", mail[0].Subject())
	token := regexp.MustCompile(`https://touch\.example\.com/u/c/([\w-]+)`).FindStringSubmatch(mail[0].Text)
	require.NotNil(t, token, mail[0].Text)
	require.Contains(t, mail[0].HTML, token[0])

	secret, err := s.Store.Secret(t.Context(), s.seed.Workspace)
	require.NoError(t, err)
	signer, err := links.NewSigner(secret)
	require.NoError(t, err)
	claim, err := signer.Read(links.Confirm, token[1])
	require.NoError(t, err)
	require.NoError(t, s.Store.Confirm(t.Context(), claim.Workspace, claim.ID, nil, time.Now()))
	c, err := s.Store.FindCustomer(t.Context(), s.seed.Workspace, "ann")
	require.NoError(t, err)
	ledger, err := s.Store.Ledger(t.Context(), s.seed.Workspace, c.ID)
	require.NoError(t, err)
	require.Equal(t, audience.Confirmed, ledger[1].Action)
}
