package manage_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities"
	"dotyk/channels/email"
	"dotyk/channels/email/smtptest"
	"dotyk/starter/campaigns"
	"dotyk/starter/manage"
)

func TestTemplates(t *testing.T) {
	t.Parallel()
	mailbox := smtptest.Start(t, smtptest.Config{})
	config, err := email.ParseURL(mailbox.URL())
	require.NoError(t, err)
	sender, err := email.New(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sender.Close()) })
	o := newOffice(t, func(c *manage.Config) {
		c.Mailer = campaigns.Mailer{Sender: sender, From: activities.Address{Email: "shop@example.com", Name: "Shop"}}
	})
	const welcome = `{"subject":"Hi {{ customer.name }}","html":"<img src=\"a\"><a href=\"http://x\">{{ entry.sku }}</a>{% include \"foot\" %}","layout":"frame",
		"variants":{"uk":{"subject":"Вітаємо, {{ customer.name }}"}}}`
	for _, e := range []exchange{
		{name: "a snippet that is not there", method: "PUT", path: "/templates/welcome", body: welcome, status: 422, want: []string{"bad_content", `html: there is no layout \"frame\"`}},
		{name: "a layout without content", method: "PUT", path: "/templates/frame", body: `{"kind":"layout","html":"<body>"}`, status: 422, want: []string{"write {{ content }}"}},
		{name: "a layout", method: "PUT", path: "/templates/frame", body: `{"kind":"layout","html":"<body>{{ content }}</body>"}`, status: 200},
		{name: "a faulty snippet", method: "PUT", path: "/templates/foot", body: `{"kind":"snippet","html":"a\n{{ b | nope }}"}`, status: 422, want: []string{"html of foot, line 2"}},
		{name: "a snippet", method: "PUT", path: "/templates/foot", body: `{"kind":"snippet","html":"<i>Foot</i>"}`, status: 200},
		{name: "a kind that is none", method: "PUT", path: "/templates/foot", body: `{"kind":"page","html":"x"}`, status: 422, want: []string{"body.kind"}},
		{name: "an e-mail", method: "PUT", path: "/templates/welcome", body: welcome, status: 200, want: []string{`"uk":{"subject":"Вітаємо`}},
		{name: "a text message", method: "PUT", path: "/templates/nudge", body: `{"text":"Hi {{ customer.name }}"}`, status: 200},
		{name: "list", path: "/templates?limit=2", status: 200, want: []string{`"name":"foot","kind":"snippet"`, `"next":`}, unwanted: []string{"welcome"}},
		{name: "show", path: "/templates/welcome", status: 200, want: []string{`"layout":"frame"`}},
		{name: "show none", path: "/templates/none", status: 404, want: []string{"GET /api/v1/templates"}},
		{
			name: "preview", path: "/templates/welcome/preview", body: `{"customer":"ann","data":{"sku":"<S>"}}`, status: 200,
			want:     []string{`"subject":"Hi ann"`, `&lt;S&gt;`, "<i>Foot</i>", "https://unsubscribe.example/", "image_without_alt", "insecure_link", "no_unsubscribe"},
			unwanted: []string{"long_subject"},
		},
		{name: "in another language", path: "/templates/welcome/preview", body: `{"customer":"ann","locale":"uk-UA"}`, status: 200, want: []string{"Вітаємо, ann", "Відписатися"}},
		{name: "not saved yet", path: "/templates/new/preview", body: `{"customer":"ann","template":{"subject":"New","text":"{{ customer.plan }}"}}`, status: 200, want: []string{`"subject":"New"`}},
		{name: "a fault", path: "/templates/new/preview", body: `{"customer":"ann","template":{"subject":"{{","text":"x"}}`, status: 422, want: []string{"subject, line 1"}},
		{name: "for nobody", path: "/templates/welcome/preview", body: `{"customer":"ID(stranger)"}`, status: 404, want: []string{"customer"}},
		{name: "of nothing", path: "/templates/none/preview", body: `{"customer":"ann"}`, status: 404, want: []string{"template"}},
		{name: "of a layout", path: "/templates/frame/preview", body: `{"customer":"ann"}`, status: 404},
		{name: "of no campaign", path: "/templates/welcome/preview", body: `{"customer":"ann","campaign":"none"}`, status: 404, want: []string{"campaign"}},
		{name: "send", path: "/templates/welcome/send", body: `{"customer":"ann","to":"me@example.com"}`, status: 200, want: []string{"[Test] Hi ann"}},
		{name: "send nowhere", path: "/templates/welcome/send", body: `{"customer":"ann","to":"nowhere"}`, status: 422, want: []string{"no address"}},
		{name: "delete", method: "DELETE", path: "/templates/nudge", status: 204},
		{name: "delete none", method: "DELETE", path: "/templates/nudge", status: 404},
	} {
		o.do(e)
	}
	messages := mailbox.Messages()
	require.Len(t, messages, 1)
	require.Equal(t, "[Test] Hi ann", messages[0].Subject())

	mailbox.SetFault(func(stage smtptest.Stage, _ string) *smtptest.Fault {
		if stage == smtptest.Rcpt {
			return &smtptest.Fault{Reply: "550 5.1.1 no such user"}
		}
		return nil
	})
	o.do(exchange{
		name: "refused", path: "/templates/welcome/send", body: `{"customer":"ann","to":"me@example.com"}`, status: 502, want: []string{"mail_refused", "no such user"},
	})
	unconfigured := newOffice(t, nil)
	unconfigured.do(exchange{
		name: "without a server", path: "/templates/welcome/send", body: `{"customer":"ann","to":"me@example.com"}`, status: 503, want: []string{"SMTP_URL"},
	})
}
