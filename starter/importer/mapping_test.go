package importer

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseMapping(t *testing.T) {
	t.Parallel()
	const customers = "import: customers\nemail: Mail\n"
	const orders = "import: orders\norder_id: No\ncustomer: Who\noccurred_at: Date\ntotal: Sum\n"

	t.Run("Takes what is right", func(t *testing.T) {
		t.Parallel()
		for _, src := range []string{
			customers,
			orders,
			orders + "properties: {note: Note, n: {column: N, type: number}, at: {column: At, type: date, layout: DD.MM.YYYY}}\n",
			orders + "properties: [Gift wrap, {column: Shop}]\n",
			orders + "rules: [{when: {A: present, B: {one_of: [x, y], ends_with: z}}, reject: no}, {when: {A: {below: -1.5}}, event: returned}]\n",
			orders + "item: {sku: Art}\nemail: {column: Mail, default: a@example.com}\ncurrency: {value: UAH}\n",
			customers + "encoding: windows-1251\ndelimiter: tab\ndecimal: ','\nthousands: ' '\nexisting: fill\nbad_values: leave_out\nrest: true\n",
			customers + "defaults: {country: UA, timezone: Europe/Kyiv, layout: DD.MM.YYYY}\ncreated_at: {column: Since, layout: iso}\n",
			customers + "consents: [{column: News, channel: email, topic: news, at: {value: 2026-01-31}, granted: so, withdrawn: [nein, 0]}]\n",
			customers + "first_name: A\nlast_name: B\ntags: {column: T, separator: \";\"}\nkind: {value: partner}\n",
			"import: customers\nexternal_id: {column: Id, strip_suffix: \".0\", strip_prefix: c}\nencoding: auto\ndelimiter: auto\n",
		} {
			_, err := ParseMapping([]byte(src))
			require.NoError(t, err, src)
		}
	})

	t.Run("Says what is wrong, where, and what to do", func(t *testing.T) {
		t.Parallel()
		for src, want := range map[string]string{
			"":                                `the mapping is empty; begin with "import: customers" or "import: orders"`,
			"# nothing":                       "the mapping is empty",
			"- a":                             "line 1, column 1: the mapping must be a group of fields",
			"import: [customers]":             "import must be a text",
			"import: customer":                `import cannot be "customer"; did you mean "customers"? write customers or orders`,
			"email: a":                        "the mapping does not say what it imports",
			"a: [":                            "the mapping is not YAML",
			customers + "---\nimport: orders": "more than one document",
			customers + "emial: x":            `line 3, column 1: a mapping of customers has no field "emial"; did you mean "email"?`,
			customers + "Phone: x":            `did you mean "phone"?`,
			customers + "email: x":            "line 3, column 1: the field email stands twice",
			customers + "name: &a x":          "anchors",
			customers + "name: null":          "name must be a text",
			customers + "name: ''":            "name names no column",
			customers + "name: {value: ''}":   "value is empty",
			customers + "name: {column: a, value: b}":                                            "name needs either column or value",
			customers + "name: {}":                                                               "name needs either column or value",
			customers + "name: a\nlast_name: b":                                                  "name stands beside first_name or last_name",
			customers + "kind: {value: friend}":                                                  "is not a kind of customer",
			customers + "encoding: utf-16":                                                       `the encoding "utf-16" is not known`,
			customers + "delimiter: '::'":                                                        `the delimiter cannot be "::"`,
			customers + "decimal: comma":                                                         "write . or ,",
			customers + "decimal: ','\nthousands: ','":                                           "decimal and thousands are the same",
			customers + "defaults: x":                                                            "defaults must be a group of fields",
			customers + "defaults: {country: Ukrania}":                                           `"Ukrania" is not a country`,
			customers + "defaults: {timezone: Kiev}":                                             `"Kiev" is not a time zone`,
			customers + "defaults: {layout: d.m.Y}":                                              "is not part of a date layout",
			customers + "source: " + strings.Repeat("x", 101):                                    "the source's name is too long",
			customers + "rest: 1":                                                                "rest cannot be",
			customers + "attributes: {email: X}":                                                 "email is the name of a field that is there already",
			customers + "attributes: [A b, a-b]":                                                 "a_b stands twice",
			customers + "attributes: ['%']":                                                      "gives no name",
			customers + "attributes: {a: {column: A, layout: iso}}":                              "layout and timezone belong to dates",
			customers + "attributes: {a: {column: A, type: money}}":                              "type cannot be",
			customers + "attributes: x":                                                          "attributes must be a group of fields",
			customers + "created_at: {value: soon}":                                              `"soon" is not a date as iso`,
			customers + "consents: x":                                                            "consents must be a list",
			customers + "consents: [x]":                                                          "a consent must be a group of fields",
			customers + "consents: [{column: a, at: b}]":                                         "the consent names no channel",
			customers + "consents: [{column: a, channel: sms}]":                                  "the consent does not say when it was given",
			customers + "consents: [{column: a, channel: fax, at: b}]":                           "channel cannot be",
			customers + "consents: [{column: a, channel: sms, at: b, granted: x}]":               "granted and withdrawn go together",
			"import: customers\nname: A":                                                         "nothing says who a customer is",
			"import: orders":                                                                     "no column holds the order's id",
			"import: orders\norder_id: {value: 1}\ncustomer: Who\noccurred_at: Date\ntotal: Sum": "no column holds the order's id",
			"import: orders\norder_id: No":                                                       "nothing says whose order it is",
			"import: orders\norder_id: No\nemail: Mail":                                          "nothing says when the order was placed",
			"import: orders\norder_id: No\nemail: Mail\noccurred_at: Date\nitem: {price: P}":     "nothing says what the order came to",
			orders + "properties: {total: X}":                                                    "total is the name of a field that is there already",
			orders + "event: " + strings.Repeat("x", 201):                                        "the event's name is too long",
			orders + "item: {sky: X}":                                                            `item has no field "sky"; did you mean "sku"?`,
			orders + "phone: X":                                                                  `has no field "phone"`,
			orders + "rules: x":                                                                  "rules must be a list",
			orders + "rules: [x]":                                                                "a rule must be a group of fields",
			orders + "rules: [{skip: x}]":                                                        "the rule says not when it applies",
			orders + "rules: [{when: {A: empty}}]":                                               "the rule has no outcome",
			orders + "rules: [{when: {A: empty}, skip: x, reject: y}]":                           "the rule has two outcomes",
			orders + "rules: [{when: {}, skip: x}]":                                              "when names no column",
			orders + "rules: [{when: {A: full}, skip: x}]":                                       `"full" is not a condition`,
			orders + "rules: [{when: {A: {}}, skip: x}]":                                         "the condition is empty",
			orders + "rules: [{when: {A: {like: x}}, skip: x}]":                                  `a condition has no field "like"`,
			orders + "rules: [{when: {A: {above: much}}, skip: x}]":                              `above needs a number, not "much"`,
			customers + "rules: [{when: {A: empty}, event: x}]":                                  `a rule has no field "event"`,
			strings.Repeat("#", 1<<20+1):                                                         "larger than",
		} {
			_, err := ParseMapping([]byte(src))
			var wrong *MappingError
			require.ErrorAs(t, err, &wrong, "%.200s", src)
			require.ErrorContains(t, err, want, "%.200s", src)
		}
	})

	t.Run("Lists everything at once, in the order of the file", func(t *testing.T) {
		t.Parallel()
		_, err := ParseMapping([]byte("import: orders\norderid: No\ncustomer: Who\noccured_at: D\n"))
		require.EqualError(t, err, `mapping file cannot be used:
- line 1, column 1: no column holds the order's id; add order_id
- line 2, column 1: a mapping of orders has no field "orderid"; did you mean "order_id"? it has `+strings.Join(orderFields, ", ")+`
- line 4, column 1: a mapping of orders has no field "occured_at"; did you mean "occurred_at"? it has `+strings.Join(orderFields, ", "))
	})
}

// TestDocumentedMapping keeps the example in doc.go right.
func TestDocumentedMapping(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	var example strings.Builder
	for text := range strings.Lines(string(raw)) {
		if code, ok := strings.CutPrefix(text, "//\t"); ok {
			example.WriteString(code)
		}
	}
	m := parse(t, example.String())
	require.Equal(t, Customers, m.Kind())
	require.Len(t, m.rules, 2)
}

func TestLoadMapping(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"online-retail"}, Mappings())
	for _, name := range Mappings() {
		m, err := LoadMapping(name)
		require.NoError(t, err)
		require.Equal(t, Orders, m.Kind())
	}
	_, err := LoadMapping("online-retial")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "neither a file online-retial nor a built-in mapping of that name (there is online-retail)")
	dir := write(t, map[string]string{"bad.yaml": "import: x"})
	_, err = LoadMapping(filepath.Join(dir, "bad.yaml"))
	require.ErrorContains(t, err, "bad.yaml cannot be used")
	_, err = LoadMapping(dir)
	require.ErrorContains(t, err, "read mapping")
}

func TestBind(t *testing.T) {
	t.Parallel()
	m := parse(t, "import: orders\norder_id: InvoiceNo\ncustomer: CustomerId\noccurred_at: Date\ntotal: Sum\n")
	err := m.bind([]string{"InvoiceNo", "CustomerID", "Date", "Total"})
	require.EqualError(t, err, `mapping file cannot be used:
- line 3, column 11: the file has no column "CustomerId"; did you mean "CustomerID"? it has "InvoiceNo", "CustomerID", "Date", "Total"
- line 5, column 8: the file has no column "Sum"; it has "InvoiceNo", "CustomerID", "Date", "Total"`)
	require.NoError(t, m.bind([]string{"Sum", "Date", "x", "CustomerId", "InvoiceNo"}))
	require.Equal(t, []int{4, 3, 0, 1}, m.at)

	for header, want := range map[string]string{
		"Mail,City,city":   `the columns "City" and "city" would both become the attribute city`,
		"Mail,%":           `the column "%" gives no name for an attribute`,
		"Mail,Name":        `the column "Name" would become the attribute name, which is a field of the record`,
		"Mail,Points,Town": `the columns "Town" and "Points" would both become the attribute points`,
	} {
		m := parse(t, "import: customers\nemail: Mail\nrest: true\n")
		if strings.Contains(header, "Town") {
			m = parse(t, "import: customers\nemail: Mail\nrest: true\nattributes: {points: Town}\n")
		}
		require.ErrorContains(t, m.bind(strings.Split(header, ",")), want)
	}
}

// FuzzMapping parses anything: it never panics, and whatever it refuses it refuses with a reason.
func FuzzMapping(f *testing.F) {
	retail, err := builtIn.ReadFile("mappings/online-retail.yaml")
	require.NoError(f, err)
	for _, seed := range []string{
		string(retail), "import: customers\nemail: M\n", "import: orders\nrules: [{when: {A: {at_most: 0}}, skip: x}]", "a: &a [*a]",
		"import: customers\nemail: M\nconsents: [{column: a, channel: sms, at: {value: 2026-01-01}}]", "? [a]\n: b", "import: !!binary aGk=", "<<: {a: b}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		m, err := ParseMapping([]byte(src))
		if err == nil {
			require.NotEqual(t, m.customers == nil, m.orders == nil)
			require.NotEmpty(t, m.Kind())
			return
		}
		var wrong *MappingError
		require.ErrorAs(t, err, &wrong)
		require.NotEmpty(t, wrong.Problems)
	})
}
