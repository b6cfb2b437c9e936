package ingest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

func TestProfile(t *testing.T) {
	t.Parallel()
	m := one(t, store.CallIdentify, `{"userId":"u","traits":{"email":" Anna@Пошта.укр ","phone":"067 123 45 67","firstName":"Anna","last_name":"Kovalenko",
		"locale":"uk_UA.UTF-8","timezone":"Europe/Kyiv","createdAt":"2020-05-01T00:00:00Z","kind":"Partner","stage":"lead","tags":["a","b "],
		"plan":"pro","score":4.5,"facebook":12345678901234567,"gone":null,"address":{"country":"UA","city":"Lviv"}}}`)
	p := m.Profile
	require.Equal(t, "anna@xn--80a1acn3a.xn--j1amh", *p.Email)
	require.Equal(t, "+380671234567", *p.Phone)
	require.Equal(t, "Anna Kovalenko", *p.Name)
	require.Equal(t, "uk-UA", *p.Locale)
	require.Equal(t, "Europe/Kyiv", *p.Timezone)
	require.Equal(t, 2020, p.CreatedAt.Year())
	require.Equal(t, audience.Partner, *p.Kind)
	require.Equal(t, "lead", *p.Stage)
	require.Equal(t, []string{"a", "b"}, p.AddTags)
	require.Equal(t, map[string]any{
		"firstName": "Anna", "last_name": "Kovalenko", "plan": "pro", "score": json.Number("4.5"), "facebook": json.Number("12345678901234567"),
		"gone": nil, "address": map[string]any{"country": "UA", "city": "Lviv"},
	}, p.Attributes)
	require.False(t, p.FillOnly)
	require.Contains(t, string(m.Properties), " Anna@Пошта.укр ", "the traits stay as they came")
}

func TestProfileSources(t *testing.T) {
	t.Parallel()
	p := one(t, store.CallTrack, `{"userId":"u","event":"A","context":{"locale":"pl-PL","timezone":"Europe/Warsaw","traits":{"email":"a@b.co","name":"Own Name","firstName":"X","phone":"512 345 678"}}}`).Profile
	require.Equal(t, "a@b.co", *p.Email)
	require.Equal(t, "Own Name", *p.Name)
	require.Equal(t, "+48512345678", *p.Phone, "by the region of the locale")
	require.Equal(t, "Europe/Warsaw", *p.Timezone)

	p = one(t, store.CallIdentify, `{"userId":"u","traits":{"locale":"de-AT","email":null,"phone":"","name":" "},"context":{"locale":"en-US"}}`).Profile
	require.Equal(t, "de-AT", *p.Locale, "traits win over the context")
	require.Empty(t, *p.Email, "null takes back")
	require.NotNil(t, p.Email)
	require.Nil(t, p.Phone, "an empty text says nothing")
	require.Nil(t, p.Name)

	p = one(t, store.CallIdentify, `{"userId":"u","traits":{"phone":380671234567},"context":{"locale":"en-US"}}`).Profile
	require.Equal(t, "+380671234567", *p.Phone, "the workspace's country is the last resort")
	p = one(t, store.CallIdentify, `{"userId":"u","traits":{"phone":"512 345 678","country":"PL"}}`).Profile
	require.Equal(t, "+48512345678", *p.Phone)
}

func TestProfileFieldErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ field, value, reason string }{
		{"email", `"anna"`, "not an e-mail"},
		{"email", `{}`, "not a text"},
		{"phone", `"12"`, "not a valid phone"},
		{"timezone", `"Local"`, "not a time zone"},
		{"timezone", `"Mars/Olympus"`, "not a time zone"},
		{"locale", `"klingon language"`, "not a language tag"},
		{"kind", `"friend"`, "not a kind"},
		{"createdAt", `"3026-01-01"`, "not a moment in the past"},
		{"created_at", `true`, "not a moment in the past"},
		{"tags", `"a"`, "not a list"},
		{"tags", `["` + strings.Repeat("x", 301) + `"]`, "longer than"},
		{"name", `"` + strings.Repeat("x", 301) + `"`, "longer than"},
		{"stage", `[]`, "not a text"},
		{"unsubscribed", `"yes"`, "neither true nor false"},
		{"topics", `["news"]`, "not a set of topics"},
		{"topics", `{"news":null}`, "not a set of topics"},
		{"consents", `{"fax":true}`, "only email and sms"},
		{"consents", `{"email":"x"}`, "not a set of topics"},
		{"consents", `true`, "not an object"},
	} {
		p := parse(t, Batch, `{"batch":[{"type":"identify","userId":"u","messageId":"m","traits":{"plan":"pro","`+c.field+`":`+c.value+`}}]}`)
		require.Len(t, p.Messages, 1, c)
		require.Equal(t, map[string]any{"plan": "pro"}, p.Messages[0].Profile.Attributes, c)
		require.Empty(t, p.Messages[0].Profile.Consents)
		require.Len(t, p.DeadLetters, 1, c)
		d := p.DeadLetters[0]
		require.Equal(t, store.FieldOnly, d.Severity)
		require.Equal(t, "m", d.MessageID)
		require.Equal(t, "batch[0].traits."+c.field, d.Place)
		require.Contains(t, d.Reason, c.reason, c)
		require.NotEmpty(t, d.Advice)
		require.Equal(t, c.value, string(d.Payload))
	}
	p := parse(t, store.CallIdentify, `{"userId":"u","traits":{"phone":"067 123 45 67","country":"Ruritania"}}`)
	require.Nil(t, p.Messages[0].Profile.Phone, "no other country is guessed")
	require.Contains(t, p.DeadLetters[0].Reason, "Ruritania")
	p = parse(t, store.CallPage, `{"userId":"u","context":{"traits":7,"timezone":"x","locale":7}}`)
	require.Len(t, p.DeadLetters, 3)
}

func TestConsents(t *testing.T) {
	t.Parallel()
	consents := func(traits string) []string {
		var list []string
		for _, c := range one(t, store.CallIdentify, `{"userId":"u","traits":`+traits+`}`).Profile.Consents {
			require.Equal(t, MethodAPI, c.Method)
			require.Equal(t, "shop", c.Source)
			require.Equal(t, received, c.OccurredAt)
			list = append(list, string(c.Channel)+" "+c.Topic+" "+string(c.Action))
		}
		return list
	}
	require.Equal(t, []string{"email * withdrawn", "sms * withdrawn"}, consents(`{"unsubscribed":true}`))
	require.Empty(t, consents(`{"unsubscribed":false}`), "a default must not undo a refusal")
	require.Empty(t, consents(`{"unsubscribed":null,"topics":null,"consents":[]}`))
	require.Equal(t, []string{"email news granted", "email offers withdrawn", "sms news granted", "sms offers withdrawn"}, consents(`{"topics":{"offers":false,"news":true}}`))
	require.Equal(t, []string{"email news granted", "sms * withdrawn"}, consents(`{"consents":{"SMS":false,"email":{"news":true}}}`))
	require.Equal(t, []string{"email news granted", "sms news granted", "email * withdrawn", "sms * withdrawn"}, consents(`{"topics":{"news":true},"unsubscribed":true}`))
}

func TestEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Anna.K+shop@Example.COM": "anna.k+shop@example.com", " a@b.co ": "a@b.co", "o'neil@b.ie": "o'neil@b.ie",
		"a@münchen.de": "a@xn--mnchen-3ya.de", "a@XN--MNCHEN-3YA.de": "a@xn--mnchen-3ya.de",
	} {
		got, err := Email(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got)
	}
	for _, in := range []string{
		"", "@", "a@", "@b.co", "a", "a@b", "a@b.", "a@.co", "a b@c.co", "a@b c.co", "a..b@c.co", ".a@c.co", "a.@c.co", `"a b"@c.co`, "<a@b.co>", "Anna <a@b.co>",
		"a@b.co (x)", "a@[127.0.0.1]", "a@127.0.0.1", "анна@пошта.укр", "a@b.co\r\nBcc: c@d.co", "a@b.co,c@d.co", "a\x00@b.co", "a@b_c.co", "a@@b.co", "a@b@c.co",
		strings.Repeat("a", 65) + "@b.co", "a@" + strings.Repeat("b.", 130) + "co", strings.Repeat("x", 1000),
	} {
		got, err := Email(in)
		var wrong *FieldError
		require.ErrorAs(t, err, &wrong, "%q gave %q", in, got)
		require.NotEmpty(t, wrong.Error())
	}
}

func FuzzEmail(f *testing.F) {
	f.Add("Anna@Пошта.укр")
	f.Add(`"a"@b.co`)
	f.Fuzz(func(t *testing.T, in string) {
		got, err := Email(in)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(got), 254)
		require.NotContains(t, got, " ")
		again, err := Email(got)
		require.NoError(t, err)
		require.Equal(t, got, again, "the normal form is stable")
	})
}

// TestPhoneVectors compares with the published numbers of every region.
func TestPhoneVectors(t *testing.T) {
	t.Parallel()
	var vectors []struct {
		Input, Region, E164 string
		Valid               bool
	}
	require.NoError(t, json.Unmarshal(dataFile(t, "phone/phone_vectors_dev.json"), &vectors))
	require.Len(t, vectors, 513)
	for _, v := range vectors {
		got, err := Phone(v.Input, v.Region)
		if !v.Valid {
			require.Error(t, err, v)
			continue
		}
		require.NoError(t, err, v)
		require.Equal(t, v.E164, got, v)
	}
	_, err := Phone(strings.Repeat("1", 65), "UA")
	require.ErrorContains(t, err, "too long")
}

func FuzzPhone(f *testing.F) {
	f.Add("tel:+1-201-555-0123;ext=5", "US")
	f.Add("067 123 45 67", "ua")
	f.Fuzz(func(t *testing.T, in, region string) {
		got, err := Phone(in, region)
		if err == nil {
			require.Regexp(t, `^\+[1-9][0-9]{1,14}$`, got)
		}
	})
}

func TestLocaleAndTimezone(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"uk": "uk", "en-us": "en-US", "zh_Hant_TW": "zh-Hant-TW", "sr_RS@latin": "sr-RS", "en_US.UTF-8": "en-US"} {
		got, err := Locale(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got)
	}
	for _, in := range []string{"", "und", "C", "x y", "english language"} {
		_, err := Locale(in)
		require.Error(t, err, in)
	}
	for _, in := range []string{"UTC", "Europe/Kyiv", "America/Argentina/Buenos_Aires", "Etc/GMT+3"} {
		_, err := Timezone(in)
		require.NoError(t, err, in)
	}
	for _, in := range []string{"", "Local", "../../etc/passwd", "/etc/passwd", "Europe/", "europe/kyiv", "UTC\x00", "Factory/..", "tzdata.zi"} {
		_, err := Timezone(in)
		require.Error(t, err, in)
	}
}
