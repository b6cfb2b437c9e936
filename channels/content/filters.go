package content

import (
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/filters"
	"github.com/osteele/liquid/render"
	"github.com/osteele/liquid/tags"
	"github.com/osteele/liquid/values"
	"github.com/osteele/tuesday"
)

// The bounds of one value, so that doubling it again and again ends.
const (
	maxValue    = 1 << 20 // bytes of a string
	maxElements = 100_000 // of an array
)

// noTemplates is the store of a template that can include nothing.
type noTemplates struct{}

// ReadTemplate finds nothing.
func (noTemplates) ReadTemplate(name string) ([]byte, error) {
	return nil, fmt.Errorf("template %q is not available", name)
}

// newConfig makes the library's configuration for one template, and the set of its filters.
func newConfig(m mode) (render.Config, map[string]bool) {
	cfg := render.NewConfig()
	cfg.TemplateStore = noTemplates{}
	tags.AddStandardTags(&cfg)
	cfg.UnregisterTag("include")
	cfg.UnregisterTag("render")
	cfg.AddTag("cycle", cycle)

	d := dictionary{cfg: &cfg, names: map[string]bool{}}
	filters.AddStandardFilters(d)
	d.AddFilter("join", join)
	d.AddFilter("replace", replace)
	d.AddFilter("date", date)
	d.AddFilter("divided_by", dividedBy)
	d.AddFilter("newline_to_br", func(s string) string { return lineBreak.ReplaceAllString(s, "<br />\n") })
	d.AddFilter("strip_newlines", func(s string) string { return lineBreak.ReplaceAllString(s, "") })
	d.AddFilter("strip_html", func(s string) string { return htmlTag.ReplaceAllString(s, "") })
	d.AddFilter("safe", func(v any) any { return values.SafeValue{Value: v} })
	if m == textHTMLMode {
		for _, name := range []string{"escape", "escape_once", "newline_to_br", "safe"} {
			d.AddFilter(name, func(v any) any { return v })
		}
	}
	return cfg, d.names
}

// dictionary registers filters with a check of their results.
type dictionary struct {
	cfg   *render.Config
	names map[string]bool
}

// AddFilter registers fn, a function with one or two results, under a name.
func (d dictionary) AddFilter(name string, fn any) {
	d.names[name] = true
	d.cfg.AddFilter(name, bounded(fn))
}

// bounded wraps a filter so that a result beyond the bounds of a value becomes an error.
func bounded(fn any) any {
	f := reflect.ValueOf(fn)
	t := f.Type()
	in := make([]reflect.Type, t.NumIn())
	for i := range in {
		in[i] = t.In(i)
	}
	anyType, errorType := reflect.TypeFor[any](), reflect.TypeFor[error]()
	out := []reflect.Type{anyType, errorType}
	wrapped := reflect.MakeFunc(reflect.FuncOf(in, out, t.IsVariadic()), func(args []reflect.Value) []reflect.Value {
		call := f.Call
		if t.IsVariadic() {
			call = f.CallSlice
		}
		results := call(args)
		value, err := results[0].Interface(), error(nil)
		if len(results) > 1 {
			err, _ = reflect.TypeAssert[error](results[1])
		}
		if err == nil {
			err = withinBounds(value)
		}
		box := func(t reflect.Type, v any) reflect.Value {
			r := reflect.New(t).Elem()
			if v != nil {
				r.Set(reflect.ValueOf(v))
			}
			return r
		}
		return []reflect.Value{box(anyType, value), box(errorType, err)}
	})
	return wrapped.Interface()
}

func withinBounds(v any) error {
	size, most := 0, maxValue
	switch v := v.(type) {
	case string:
		size = len(v)
	case []byte:
		size = len(v)
	case []any:
		size, most = len(v), maxElements
	case []string:
		size, most = len(v), maxElements
	}
	if size > most {
		return ErrTooLong
	}
	return nil
}

// join and replace can multiply the lengths of their arguments, so they reckon before they write.

func join(a []any, separator func(string) string) (string, error) {
	sep := separator(" ")
	var b strings.Builder
	first := true
	for _, v := range a {
		if v == nil {
			continue
		}
		if !first {
			b.WriteString(sep)
		}
		first = false
		s, err := format(v, 0)
		if err != nil {
			return "", err
		}
		b.WriteString(s)
		if b.Len() > maxValue {
			return "", ErrTooLong
		}
	}
	return b.String(), nil
}

func replace(s, old, with string) (string, error) {
	if len(s)+strings.Count(s, old)*(len(with)-len(old)) > maxValue {
		return "", ErrTooLong
	}
	return strings.ReplaceAll(s, old, with), nil
}

var (
	lineBreak = regexp.MustCompile(`\r?\n`)
	htmlTag   = regexp.MustCompile(`(?is)<script\b.*?</script>|<style\b.*?</style>|<!--.*?-->|<[^>]*>`)
)

// dividedBy divides whole numbers without remainder, rounding down, and others exactly. The library's own drops the
// remainder of 9.5 / 2.
func dividedBy(a, b any) (any, error) {
	x, err := number(a)
	if err != nil {
		return nil, err
	}
	y, err := number(b)
	if err != nil {
		return nil, err
	}
	if y == 0 {
		return nil, errors.New("division by zero")
	}
	if whole(a) && whole(b) {
		return int(math.Floor(x / y)), nil
	}
	return x / y, nil
}

func number(v any) (float64, error) {
	if v == nil || v == "" {
		return 0, nil
	}
	f, err := values.Convert(v, reflect.TypeFor[float64]())
	if err != nil {
		return 0, fmt.Errorf("%v is not a number", v)
	}
	n, ok := f.(float64)
	if !ok {
		return 0, fmt.Errorf("%v is not a number", v)
	}
	return n, nil
}

// whole says whether v is a whole number as it is written: 2, "2" but not 2.0.
func whole(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		_, err := strconv.Atoi(v)
		return v == "" || err == nil
	default:
		k := reflect.ValueOf(v).Kind()
		return k >= reflect.Int && k <= reflect.Uint64
	}
}

// date formats what is a date and leaves alone what is not, as Liquid does; the library's own fails, and with it a whole
// campaign over one customer's odd birthday.
func date(v any, format func(string) string) (any, error) {
	if v == nil {
		return nil, nil //nolint:nilnil // the date of nothing is nothing
	}
	converted, err := values.Convert(v, reflect.TypeFor[time.Time]())
	if err != nil {
		return v, nil //nolint:nilerr // not a date: unchanged
	}
	t, ok := converted.(time.Time)
	if !ok {
		return v, nil
	}
	s, err := tuesday.Strftime(format("%a, %b %d, %y"), t)
	if err != nil {
		return nil, fmt.Errorf("format date: %w", err)
	}
	return s, nil
}

// cycle replaces the library's tag, which writes to a variable that all goroutines share.
func cycle(args string) (func(io.Writer, render.Context) error, error) {
	stmt, err := expressions.ParseStatement(expressions.CycleStatementSelector, args)
	if err != nil {
		return nil, err
	}
	group, items := stmt.Group, stmt.Values
	return func(w io.Writer, ctx render.Context) error {
		loop, ok := ctx.Get("forloop").(map[string]any)
		if !ok {
			return errors.New("cycle stands outside a for loop")
		}
		turns, ok := loop[".cycles"].(map[string]int)
		if !ok {
			return errors.New("cycle stands outside a for loop")
		}
		item := items[turns[group]%len(items)]
		turns[group]++
		if err := meterOf(ctx).spend(len(item)); err != nil {
			return err
		}
		_, err := io.WriteString(w, item)
		return err
	}, nil
}
