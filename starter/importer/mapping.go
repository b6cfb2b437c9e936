package importer

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"dotyk/rules"
)

//go:embed mappings/*.yaml
var builtIn embed.FS

// Mapping says what the columns of a file mean.
type Mapping struct {
	name      string // for messages
	kind      Kind
	source    string // of the events; empty: the kind
	encoding  string // empty: detect
	delimiter string // empty: detect
	numbers   numbers
	fillOnly  bool // write only what is unknown of a customer
	lenient   bool // a value that cannot be taken is left out, and the rest of the line is stored
	country   string
	rules     []lineRule
	customers *customerMapping // exactly one of these two is set
	orders    *orderMapping

	columns []columnRef // every column that is named anywhere, once
	at      []int       // their positions in the file at hand, see bind
	content []byte      // the file, so that a changed mapping is noticed
}

// Kind is what the mapping is for.
func (m *Mapping) Kind() Kind { return m.kind }

// columnRef is a column's name, with the place in the mapping where it first stands.
type columnRef struct {
	name         string
	line, column int
}

// customerMapping says what makes a customer. What is nil is not in the file.
type customerMapping struct {
	externalID, email, phone            *value
	name, firstName, lastName           *value
	locale, timezone, kind, stage, tags *value
	separator                           string // of tags
	createdAt                           *date
	consents                            []consentMapping
	attributes                          []property
	rest                                bool // every other column is an attribute too
}

// recordFields are fields of the customer's record, and so no names for attributes.
var recordFields = []string{
	"external_id", "email", "phone", "name", "locale", "timezone", "kind", "stage", "created_at", "tags", "consents",
}

// consentMapping says which cells of a column give or withdraw consent.
type consentMapping struct {
	value
	channel   string
	topic     string
	at        *date
	text      string
	granted   []string // lower case; empty: the usual words for yes
	withdrawn []string
}

// orderMapping says what makes an event of the lines of an order.
type orderMapping struct {
	event      string
	orderID    *value
	customer   *value
	email      *value
	occurredAt *date
	currency   *value
	total      *value // of the order, the same on each of its lines; nil: the sum of quantity times price
	item       *itemMapping
	properties []property
	attributes []property
}

type itemMapping struct {
	sku, name, quantity, price *value
}

// Mappings lists the names of the built-in mappings.
func Mappings() []string {
	entries, err := builtIn.ReadDir("mappings")
	if err != nil { // the folder is part of the program
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// LoadMapping reads a mapping: a built-in one by its name, else a file. The error is a *MappingError, or says why the
// file cannot be read.
func LoadMapping(name string) (*Mapping, error) {
	src, err := builtIn.ReadFile(path.Join("mappings", name+".yaml"))
	if err != nil {
		src, err = os.ReadFile(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read mapping: there is neither a file %s nor a built-in mapping of that name (there is %s): %w",
			name, strings.Join(Mappings(), ", "), err)
	}
	if err != nil {
		return nil, fmt.Errorf("read mapping: %w", err)
	}
	m, err := ParseMapping(src)
	if wrong, ok := errors.AsType[*MappingError](err); ok {
		wrong.Mapping = name
	}
	if err != nil {
		return nil, err
	}
	m.name = name
	return m, nil
}

// bind finds the mapping's columns in the file's header. The error is a *MappingError.
func (m *Mapping) bind(header []string) error {
	var problems []Problem
	m.at = make([]int, len(m.columns))
	for i, c := range m.columns {
		m.at[i] = slices.Index(header, c.name)
		if m.at[i] >= 0 {
			continue
		}
		problems = append(problems, Problem{
			Line: c.line, Column: c.column, Reason: fmt.Sprintf("the file has no column %q", c.name),
			Advice: didYouMean(c.name, header) + "it has " + strings.Join(quoted(header), ", "),
		})
	}
	if m.customers != nil && m.customers.rest && len(problems) == 0 {
		problems = m.bindRest(header)
	}
	if len(problems) > 0 {
		return &MappingError{Mapping: m.name, Problems: inOrder(problems)}
	}
	return nil
}

// bindRest makes an attribute of every column that nothing else uses.
func (m *Mapping) bindRest(header []string) []Problem {
	taken := map[string]string{}
	for _, p := range m.customers.attributes {
		taken[p.name] = p.value.name
	}
	var problems []Problem
	for i, column := range header {
		if column == "" || slices.Contains(m.at, i) {
			continue
		}
		name := attributeName(column)
		if reason := noAttribute(column, name, taken); reason != "" {
			problems = append(problems, Problem{Reason: reason, Advice: "name it in the mapping, with another name if it is an attribute"})
			continue
		}
		taken[name] = column
		m.columns, m.at = append(m.columns, columnRef{name: column}), append(m.at, i)
		p := property{name: name, kind: typeText}
		p.value = value{column: len(m.columns) - 1, name: column}
		m.customers.attributes = append(m.customers.attributes, p)
	}
	return problems
}

// noAttribute says why a column cannot become an attribute by itself; empty when it can.
func noAttribute(column, name string, taken map[string]string) string {
	other, twice := taken[name]
	switch {
	case name == "":
		return fmt.Sprintf("the column %q gives no name for an attribute", column)
	case twice:
		return fmt.Sprintf("the columns %q and %q would both become the attribute %s", other, column, name)
	case slices.Contains(recordFields, name):
		return fmt.Sprintf("the column %q would become the attribute %s, which is a field of the record", column, name)
	default:
		return ""
	}
}

// attributeName makes a name that rules can use of a column's heading: "Loyalty points" becomes loyalty_points.
func attributeName(column string) string {
	words := strings.FieldsFunc(strings.ToLower(column), func(r rune) bool { return !isWord(r) })
	name := strings.Join(words, "_")
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

func didYouMean(name string, names []string) string {
	for _, n := range names {
		if n != "" && strings.EqualFold(n, name) {
			return fmt.Sprintf("did you mean %q? ", n)
		}
	}
	if near := rules.Suggest(name, names); near != "" {
		return fmt.Sprintf("did you mean %q? ", near)
	}
	return ""
}

func quoted(names []string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = fmt.Sprintf("%q", name)
	}
	return list
}
