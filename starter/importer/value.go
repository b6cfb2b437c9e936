package importer

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// value says where a text comes from: a column, or a constant.
type value struct {
	column                   int // index into Mapping.columns; noColumn for a constant
	name                     string
	constant                 string
	stripPrefix, stripSuffix string
	fallback                 string // for an empty cell
}

const noColumn = -1

// line is a row as the mapping sees it.
type line struct {
	cells []string
	at    []int // position of each of the mapping's columns
}

// column gives the cell of a column, trimmed; empty where the row is too short.
func (l line) column(i int) string {
	if at := l.at[i]; at < len(l.cells) {
		return strings.TrimSpace(l.cells[at])
	}
	return ""
}

// text reads a value; empty when v is nil or nothing is there.
func (v *value) text(l line) string {
	if v == nil {
		return ""
	}
	if v.column == noColumn {
		return v.constant
	}
	s := l.column(v.column)
	s = strings.TrimSuffix(strings.TrimPrefix(s, v.stripPrefix), v.stripSuffix)
	if s = strings.TrimSpace(s); s == "" {
		return v.fallback
	}
	return s
}

// place puts the column and its value in front of what is wrong with them.
func (v *value) place(text string, wrong *lineError) *lineError {
	reason := wrong.reason
	if v.column != noColumn && !strings.Contains(reason, shown(text)) {
		reason = shown(text) + ": " + reason
	}
	if v.column != noColumn {
		reason = "column " + v.name + ": " + reason
	}
	return &lineError{reason, wrong.advice}
}

// date is a value that holds a moment.
type date struct {
	value
	layout layout
	zone   *time.Location
}

// read gives the moment; ok is false when nothing is there.
func (d *date) read(l line) (at time.Time, ok bool, wrong *lineError) {
	if d == nil {
		return time.Time{}, false, nil
	}
	text := d.text(l)
	if text == "" {
		return time.Time{}, false, nil
	}
	at, wrong = d.layout.read(text, d.zone)
	if wrong != nil {
		return time.Time{}, false, d.place(text, wrong)
	}
	return at, true, nil
}

// valueType is what a column's text is turned into.
type valueType string

const (
	typeText    valueType = "text"
	typeNumber  valueType = "number"
	typeBoolean valueType = "boolean"
	typeDate    valueType = "date"
)

// property is a named value of an event or a customer.
type property struct {
	name string
	kind valueType
	date
}

// read gives the value as JSON has it: string, json.Number, bool; nil when nothing is there.
func (p *property) read(l line, n numbers) (any, *lineError) {
	text := p.text(l)
	if text == "" {
		return nil, nil
	}
	switch p.kind {
	case typeNumber:
		number, wrong := n.read(text)
		if wrong != nil {
			return nil, p.place(text, wrong)
		}
		return json.Number(number.String()), nil
	case typeBoolean:
		is, wrong := boolean(text)
		if wrong != nil {
			return nil, p.place(text, wrong)
		}
		return is, nil
	case typeDate:
		at, _, wrong := p.date.read(l)
		if wrong != nil {
			return nil, wrong
		}
		return at.Format(time.RFC3339), nil
	case typeText:
	}
	return text, nil
}

// numbers is how a file writes numbers.
type numbers struct {
	decimalMark string // "." or ","
	thousands   string // empty, or what groups digits by three; " " stands for all kinds of spaces
	grouped     *regexp.Regexp
}

// plainNumber bounds the digits, so that no cell can ask for a number of a million digits.
var plainNumber = regexp.MustCompile(`^[+-]?\d{1,30}(\.\d{1,20})?$`)

func newNumbers(decimalMark, thousands string) numbers {
	n := numbers{decimalMark: decimalMark, thousands: thousands}
	if thousands != "" {
		n.grouped = regexp.MustCompile(`^[+-]?\d{1,3}(` + regexp.QuoteMeta(thousands) + `\d{3})+($|` + regexp.QuoteMeta(decimalMark) + `)`)
	}
	return n
}

var spaces = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2009", " ")

// read reads a number exactly. Grouped digits are taken only where the mapping says how: 1,234 is either a thousand and
// some, or one and some, and money is not guessed.
func (n numbers) read(text string) (decimal.Decimal, *lineError) {
	s := text
	if n.thousands == " " {
		s = spaces.Replace(s)
	}
	if n.grouped != nil && n.grouped.MatchString(s) {
		s = strings.ReplaceAll(s, n.thousands, "")
	}
	if n.decimalMark == "," {
		if strings.Contains(s, ".") {
			return decimal.Decimal{}, n.refuse(text)
		}
		s = strings.Replace(s, ",", ".", 1)
	}
	if !plainNumber.MatchString(s) {
		return decimal.Decimal{}, n.refuse(text)
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return decimal.Decimal{}, n.refuse(text)
	}
	return d, nil
}

func (n numbers) refuse(text string) *lineError {
	return &lineError{
		fmt.Sprintf("%s is not a number with the decimal mark %q", shown(text), n.decimalMark),
		"write digits only, or set decimal and thousands in the mapping to how the file writes numbers",
	}
}

// number reads a value that must be there.
func (n numbers) number(v *value, l line) (decimal.Decimal, *lineError) {
	text := v.text(l)
	if text == "" {
		return decimal.Decimal{}, &lineError{"column " + v.name + " is empty", "write a number"}
	}
	d, wrong := n.read(text)
	if wrong != nil {
		return decimal.Decimal{}, v.place(text, wrong)
	}
	return d, nil
}

var (
	yes = []string{"true", "yes", "y", "1", "t", "on", "x", "так"}
	no  = []string{"false", "no", "n", "0", "f", "off", "ні"}
)

func boolean(text string) (bool, *lineError) {
	switch s := strings.ToLower(text); {
	case slices.Contains(yes, s):
		return true, nil
	case slices.Contains(no, s):
		return false, nil
	default:
		return false, &lineError{shown(text) + " is neither yes nor no", "write one of " + strings.Join(append(slices.Clone(yes), no...), ", ")}
	}
}

// absent are words that programs write where they have no value. Taken as ids they would make one customer of many.
var absent = []string{"undefined", "null", "nil", "none", "nan", "n/a", "#n/a", "true", "false", "[object object]", "00000000-0000-0000-0000-000000000000"}

// maxID is the longest id in bytes: ids are indexed, and an index of Postgres takes 2,704 bytes.
const maxID = 512

// id reads the id of a customer or an order; empty when nothing is there.
func (v *value) id(l line) (string, *lineError) {
	text := v.text(l)
	switch {
	case len(text) > maxID:
		return "", v.place(text, &lineError{fmt.Sprintf("the id is longer than %d bytes", maxID), "is this the right column?"})
	case slices.Contains(absent, strings.ToLower(text)):
		return "", v.place(text, &lineError{"this is no id, and all lines with it would become one", "leave the cell empty when there is no id"})
	}
	return text, nil
}
