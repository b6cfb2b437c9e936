package importer

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/rules/audience"
)

const customerMap = `import: customers
source: crm
decimal: ","
defaults: {country: UA, timezone: Europe/Kyiv, layout: DD.MM.YYYY}
external_id: {column: Id, strip_suffix: ".0"}
email: E-mail
phone: Телефон
first_name: First
last_name: Last
locale: Lang
timezone: Zone
kind: Kind
stage: Stage
created_at: Since
tags: {column: Tags, separator: "|"}
consents:
  - {column: News, channel: email, topic: news, at: Since, text: I want news}
  - {column: SMS, channel: sms, at: {value: 01.01.2026}, granted: [opted in], withdrawn: [stop]}
attributes: {points: {column: Points, type: number}}
rest: true
`

const customerHeader = "Id;E-mail;Телефон;First;Last;Lang;Zone;Kind;Stage;Since;Tags;News;SMS;Points;Favourite Colour\n"

func TestCustomers(t *testing.T) {
	t.Parallel()

	t.Run("Fill the record", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		text := customerHeader +
			"17.0; Ann@Example.com ;067 123 45 67;Ann;  Smith ;uk_UA;Europe/Kyiv;Partner;lead;31.12.2025;vip| b2b |vip;yes;Stop;12,50;blue\n" +
			"18;;;;;;;;;;;;;;\n"
		sum := imported(t, to, Customers, text, customerMap)
		require.Equal(t, Lines{Read: 2, Stored: 2, Skipped: map[string]int{}}, sum.Lines)
		require.Equal(t, 2, sum.Customers)
		r := to.customer(t, "17")
		c := r.Customer
		require.Equal(t, audience.Customer{
			ID: c.ID, ExternalID: "17", Kind: audience.Partner, Email: "ann@example.com", Phone: "+380671234567", Name: "Ann Smith",
			Locale: "uk-UA", Timezone: "Europe/Kyiv", Stage: "lead", Tags: []string{"b2b", "vip"},
			Attributes: map[string]any{"points": json.Number("12.5"), "favourite_colour": "blue"}, UpdatedAt: c.UpdatedAt,
			CreatedAt: c.CreatedAt,
		}, c)
		since := time.Date(2025, 12, 30, 22, 0, 0, 0, time.UTC)
		require.True(t, since.Equal(c.CreatedAt))
		require.JSONEq(t, `{"email":"ann@example.com","phone":"+380671234567","name":"Ann Smith","locale":"uk-UA","timezone":"Europe/Kyiv",
			"kind":"partner","stage":"lead","tags":["vip","b2b"],"createdAt":"2025-12-30T22:00:00Z","points":12.5,"favourite_colour":"blue"}`,
			string(to.messages[0].Properties))
		require.Equal(t, []consentRow{
			{"email", "news", "granted", since, "import", "import:crm", "I want news"},
			{"sms", "*", "withdrawn", time.Date(2025, 12, 31, 22, 0, 0, 0, time.UTC), "import", "import:crm", ""},
		}, consents(t, to.url))

		again := imported(t, to, Customers, text, customerMap)
		require.Equal(t, Messages{Known: 2}, again.Messages)
		require.Len(t, consents(t, to.url), 2, "nothing is said twice")
		require.Equal(t, c.UpdatedAt, to.customer(t, "17").Customer.UpdatedAt, "nothing is written twice")
	})

	t.Run("A changed line is a new word", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		const mapping = "import: customers\nemail: Mail\nname: Name\nexisting: overwrite\n"
		imported(t, to, Customers, "Mail,Name\na@example.com,Ann\n", mapping)
		sum := imported(t, to, Customers, "Mail,Name\na@example.com,Ann\na@example.com,Anna\n", mapping)
		require.Equal(t, Messages{Stored: 1, Known: 1}, sum.Messages)
		require.Zero(t, sum.Customers)
		require.Equal(t, "Anna", to.customer(t, "a@example.com").Customer.Name)
	})

	t.Run("Can be told to overwrite nothing", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		imported(t, to, Customers, "Mail,Name\na@example.com,Ann\n", "import: customers\nemail: Mail\nname: Name\n")
		imported(t, to, Customers, "Mail,Name,Stage\na@example.com,Anna,lead\n", "import: customers\nemail: Mail\nname: Name\nstage: Stage\nexisting: fill\n")
		c := to.customer(t, "a@example.com").Customer
		require.Equal(t, []string{"Ann", "lead"}, []string{c.Name, c.Stage})
	})

	t.Run("Say all that is wrong with a line", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		sum := imported(t, to, Customers, customerHeader+
			"1;nobody;12;;;klingon-x;Kiev;friend;;tomorrow;;maybe;sometimes;much;\n"+
			"2;;;;;;;;;24.11.2026;;yes;;;\n"+
			"3;;;;;;;;;;;yes;;;\n"+
			"null;;;;;;;;;;;;;;\n"+
			";;;;;;;;;;x;;;;\n"+
			";nobody;;;;;;;;;;;;;\n", customerMap)
		require.Equal(t, Lines{Read: 6, Rejected: 6, Skipped: map[string]int{}}, sum.Lines)
		report := readReport(t, sum)
		for _, want := range []string{
			`column E-mail: ""nobody"": this is not an e-mail address; column Телефон: ""12"": this is not a valid phone number;`,
			`column Zone: ""Kiev"": this is not a time zone; column Kind: ""friend"": this is not a kind of customer;`,
			`column Since: ""tomorrow"" is not a date as DD.MM.YYYY; column Points: ""much"" is not a number`,
			`column News: ""maybe"" is neither yes nor no; column SMS: ""sometimes"": this neither gives nor withdraws consent`,
			`column Since: ""24.11.2026"": this lies in the future`, `column News: ""yes"": the consent has no date`,
			`column Id: ""null"": this is no id`, "the line names no customer", "write one of opted in, stop, or add the word to the mapping",
			"the line names no customer; column E-mail",
		} {
			require.Contains(t, report, want)
		}
	})

	t.Run("Can leave out what cannot be taken", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		sum := imported(t, to, Customers, customerHeader+"1;nobody;067 123 45 67;;;;;;;;;;;;\n;nobody;;;;;;;;;;;;;\n", customerMap+"bad_values: leave_out\n")
		require.Equal(t, Lines{Read: 2, Stored: 1, Rejected: 1, Partial: 1, Skipped: map[string]int{}}, sum.Lines)
		require.Equal(t, "+380671234567", to.customer(t, "1").Customer.Phone)
		require.Contains(t, readReport(t, sum), `2,"stored without this value: column E-mail: ""nobody"": this is not an e-mail address"`)
	})

	t.Run("Rules skip and reject", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		sum := imported(t, to, Customers, "Mail,State\na@example.com,deleted\nb@example.com,blocked\nc@example.com,\n,\n", `import: customers
email: Mail
rules: [{when: {State: {equals: deleted}}, skip: deleted}, {when: {State: {equals: blocked}}, reject: is blocked}]
`)
		require.Equal(t, Lines{Read: 4, Stored: 1, Rejected: 1, Skipped: map[string]int{"deleted": 1, "blank line": 1}}, sum.Lines)
	})

	t.Run("The workspace's country is for phones without one", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		_, err := importText(t, to, Customers, "Id,Phone\n1,020 7946 0018\n", "import: customers\nexternal_id: Id\nphone: Phone\n",
			func(o *Options) { o.Country = "GB" })
		require.NoError(t, err)
		require.Equal(t, "+442079460018", to.customer(t, "1").Customer.Phone)
	})

	t.Run("Long values are refused", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		long := string(make([]byte, 0, 400))
		for range 101 {
			long += "tag,"
		}
		many := ""
		for i := range 101 {
			many += string(rune('a'+i%26)) + string(rune('a'+i/26)) + ","
		}
		sum := imported(t, to, Customers, "Id,Name,First,Tags\n1,\""+long+"\",,\n2,,,\""+many+"\"\n3,,,\""+long[:399]+"\"\n4,,,"+long[:3]+"\n",
			"import: customers\nexternal_id: Id\nname: Name\ntags: Tags\n")
		require.Equal(t, Lines{Read: 4, Stored: 2, Rejected: 2, Skipped: map[string]int{}}, sum.Lines)
		report := readReport(t, sum)
		require.Contains(t, report, "this is longer than 300 bytes")
		require.Contains(t, report, "there are more than 100 tags")
	})
}

type consentRow struct {
	channel, topic, action string
	at                     time.Time
	method, source, text   string
}

func consents(t *testing.T, url string) []consentRow {
	t.Helper()
	conn := connect(t, url)
	rows, err := conn.Query(t.Context(), "SELECT channel, topic, action, occurred_at, method, source, coalesce((SELECT text FROM consent_texts t WHERE t.sha256 = text_sha256), text_shown) FROM consents ORDER BY id")
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (consentRow, error) {
		var c consentRow
		err := row.Scan(&c.channel, &c.topic, &c.action, &c.at, &c.method, &c.source, &c.text)
		c.at = c.at.UTC()
		return c, err
	})
	require.NoError(t, err)
	return list
}
