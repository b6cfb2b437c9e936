package ingest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

func TestForm(t *testing.T) {
	t.Parallel()
	p := params()
	p.RemoteIP, p.UserAgent = "203.0.113.7", "Firefox"
	m, err := Form(FormInput{
		Form: "contact", AnonymousID: "a1", MessageID: "x", ConsentText: "I agree", Page: "https://shop.example/",
		Fields: map[string]any{
			"E-Mail": "Anna@Example.com", "your-name": " Anna  K ", "tel": "067 123 45 67", "Country": "UA", "message": "Hello", "colour": []string{"red", "blue"},
			"consent": "on", "topics": []string{"news", "offers"}, "kind": "partner", "unsubscribed": "true", "form": "another",
		},
	}, p)
	require.NoError(t, err)
	require.Equal(t, store.CallForm, m.Call)
	require.Equal(t, audience.EventFormSubmitted, m.Name)
	require.Equal(t, "a1", m.AnonymousID)
	require.Equal(t, DerivedID("form", "contact", "x"), m.MessageID)
	require.Equal(t, "anna@example.com", *m.Profile.Email)
	require.Equal(t, "Anna K", *m.Profile.Name)
	require.Equal(t, "+380671234567", *m.Profile.Phone)
	require.True(t, m.Profile.FillOnly)
	require.True(t, m.Profile.MatchEmail)
	require.Nil(t, m.Profile.Kind, "a stranger does not decide that")
	require.Empty(t, m.Profile.Attributes)
	require.JSONEq(t, `{"form":"contact","E-Mail":"Anna@Example.com","your-name":" Anna  K ","tel":"067 123 45 67","Country":"UA","message":"Hello",
		"colour":["red","blue"],"consent":"on","topics":["news","offers"],"kind":"partner","unsubscribed":"true"}`, string(m.Properties))
	require.JSONEq(t, `{"ip":"203.0.113.7","userAgent":"Firefox","page":{"url":"https://shop.example/"}}`, string(m.Context))
	require.Len(t, m.Profile.Consents, 4)
	require.Equal(t, audience.Consent{
		Channel: audience.Email, Topic: "news", Action: audience.Granted, OccurredAt: received, Method: MethodForm, Source: "contact", TextShown: "I agree",
	}, m.Profile.Consents[0])
}

func TestFormIdentity(t *testing.T) {
	t.Parallel()
	m, err := Form(FormInput{Form: "f", Fields: map[string]any{"message": "x"}}, params())
	require.NoError(t, err)
	require.NotEmpty(t, m.AnonymousID)
	m, err = Form(FormInput{Form: "f", Fields: map[string]any{"email": "a@b.co", "first_name": "Anna", "lastname": "K"}}, params())
	require.NoError(t, err)
	require.Empty(t, m.AnonymousID, "the e-mail tells who it is")
	require.Equal(t, "Anna K", *m.Profile.Name)
	require.Equal(t, map[string]any{"firstName": "Anna", "lastName": "K"}, m.Profile.Attributes)
}

func TestFormConsents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fields map[string]any
		want   []string
	}{
		{map[string]any{"consent": "on"}, []string{"email *"}},
		{map[string]any{"consent": true}, []string{"email *"}},
		{map[string]any{"consent": "news"}, []string{"email news"}},
		{map[string]any{"topics": "news, offers,news"}, []string{"email news", "email offers"}},
		{map[string]any{"topics": []any{"news"}, "consent": false}, nil},
		{map[string]any{"consent": "no"}, nil},
		{map[string]any{"consent": ""}, nil},
		{map[string]any{"consent": 7.0}, nil},
		{map[string]any{"consent": "yes", "phone": "+380671234567"}, []string{"email *", "sms *"}},
	} {
		c.fields["email"] = "a@b.co"
		m, err := Form(FormInput{Form: "f", Fields: c.fields}, params())
		require.NoError(t, err)
		var got []string
		for _, consent := range m.Profile.Consents {
			got = append(got, string(consent.Channel)+" "+consent.Topic)
		}
		require.Equal(t, c.want, got, c.fields)
	}
}

func TestFormErrors(t *testing.T) {
	t.Parallel()
	for field, value := range map[string]any{
		"Your-Email": "anna@", "phone": "12", "message": "a\x00b", "email": []string{"a@b.co", "c@d.co"}, "note": strings.Repeat("x", 40000),
	} {
		_, err := Form(FormInput{Form: "f", Fields: map[string]any{field: value}}, params())
		var wrong *FormError
		require.ErrorAs(t, err, &wrong, field)
		require.NotEmpty(t, wrong.Error())
		if field != "note" {
			require.Contains(t, wrong.Fields, field)
		}
	}
	_, err := Form(FormInput{Form: "f", Fields: map[string]any{"x": func() {}}}, params())
	require.ErrorContains(t, err, "write form field x")
}
