package content

import (
	"fmt"
	"html"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/render"
	"github.com/osteele/liquid/values"
)

var (
	// The text before an output tells where in the HTML it stands.
	urlAttribute      = regexp.MustCompile(`(?i)\b(?:href|src|action|formaction|background|poster)\s*=\s*["']\s*$`)
	unquotedAttribute = regexp.MustCompile(`<[A-Za-z][^<>]*\s[\w:-]+\s*=\s*$`)

	// Filters that write HTML themselves, when they come last.
	lastEscape = regexp.MustCompile(`\|\s*escape(?:_once)?\s*$`)
	lastBreaks = regexp.MustCompile(`\|\s*newline_to_br\s*$`)

	// A filter that stands in for what is missing, wherever it comes.
	withDefault = regexp.MustCompile(`\|\s*default\b`)
)

// output is a compiled {{ … }}.
type output struct {
	expr    expressions.Expression // nil for an empty one
	html    bool                   // escape
	url     bool                   // begins the value of an attribute that holds an address
	escaped bool                   // the template has escaped it already
	breaks  bool                   // <br /> stays
	spare   bool                   // a default takes the place of what is missing

	path      []string // names that lead to the value through plain maps; nil where there is more to do
	defaulted bool     // only a text that is not empty may be taken from path
}

// evaluator evaluates an expression where the output stands.
type evaluator interface {
	Evaluate(e expressions.Expression) (any, error)
}

// render is the output as a tag of the library's.
func (o *output) render(w io.Writer, ctx render.Context) error {
	s, err := o.text(meterOf(ctx), ctx)
	if err != nil || s == "" {
		return err // an empty write would end the trimming of white space
	}
	_, err = io.WriteString(w, s)
	return err
}

// text is what the output shows.
func (o *output) text(m *meter, in evaluator) (string, error) {
	if err := m.spend(0); err != nil || o.expr == nil {
		return "", err
	}
	v, found := m.lookup(o)
	if !found {
		m.missing = ""
		var err error
		if v, err = in.Evaluate(o.expr); err != nil {
			return "", err
		}
		if m.missing != "" && !o.spare {
			return "", &MissingError{Why: m.missing}
		}
	}
	safe, isSafe := v.(values.SafeValue)
	if isSafe {
		v = safe.Value
	}
	s, err := format(v, 0)
	if err != nil {
		return "", err
	}
	if !isSafe {
		s = o.harmless(m, s)
	}
	if s == "" {
		return "", nil
	}
	return s, m.spend(len(s))
}

// harmless makes s harmless where it stands. Data cannot hold the marks of links.
func (o *output) harmless(m *meter, s string) string {
	if m.tracked {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if o.html {
		return o.escape(s)
	}
	return s
}

// escape makes s harmless where it stands in the HTML.
func (o *output) escape(s string) string {
	if o.url && !harmlessURL(html.UnescapeString(s)) {
		return "#"
	}
	if o.escaped {
		return s
	}
	s = html.EscapeString(s)
	if o.breaks {
		s = strings.ReplaceAll(s, "&lt;br /&gt;", "<br />")
	}
	return s
}

// harmlessURL says whether an address that came out of data leads somewhere and runs nothing.
func harmlessURL(s string) bool {
	s = strings.Map(func(r rune) rune { // as browsers do before they look at the scheme
		if r <= ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	scheme, _, found := strings.Cut(s, ":")
	if !found || strings.ContainsAny(scheme, "/?#") {
		return true // a relative address
	}
	switch strings.ToLower(scheme) {
	case "http", "https", "mailto", "tel", "sms", "cid":
		return true
	default:
		return false
	}
}

// maxNesting bounds arrays within arrays in an output.
const maxNesting = 20

// format writes a value the way Liquid does: nothing for nil, the elements of an array one after another, numbers in
// full. A whole number stays whole when JSON made it a float.
func format(v any, depth int) (string, error) {
	if depth > maxNesting {
		return "", ErrTooLong
	}
	switch v := values.ToLiquid(v).(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case []byte:
		return string(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case time.Time:
		return v.Format("2006-01-02 15:04:05 -0700"), nil
	case fmt.Stringer:
		return v.String(), nil
	case values.Range:
		return rangeString(v), nil
	default:
		return formatOther(v, depth)
	}
}

func rangeString(r values.Range) string { return fmt.Sprintf("%v..%v", r.Index(0), r.Index(r.Len()-1)) }

func formatOther(v any, depth int) (string, error) {
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Array, reflect.Slice:
		var b strings.Builder
		for i := range rv.Len() {
			s, err := format(rv.Index(i).Interface(), depth+1)
			if err != nil {
				return "", err
			}
			b.WriteString(s)
			if b.Len() > maxValue {
				return "", ErrTooLong
			}
		}
		return b.String(), nil
	case reflect.Pointer:
		if rv.IsNil() {
			return "", nil
		}
		return format(rv.Elem().Interface(), depth+1)
	default:
		return fmt.Sprint(v), nil
	}
}
