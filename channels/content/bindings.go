package content

import (
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/osteele/liquid/values"
)

// normalise copies the data a template sees. A whole number that JSON made a float becomes an int, because the library
// takes only ints as the ends of a range, for limit: and as an index.
func (m *meter) normalise(v any, depth int) any {
	if depth > maxNesting {
		return nil
	}
	switch v := v.(type) {
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int(v)
		}
		return v
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case map[string]any:
		o := make(object, len(v))
		for k, e := range v {
			o[k] = m.normalise(e, depth+1)
		}
		if len(o) > maxOrdered {
			return map[string]any(o)
		}
		return o
	case Missing:
		return missing{why: v.Why, meter: m}
	case []any:
		a := make([]any, len(v))
		for i, e := range v {
			a[i] = m.normalise(e, depth+1)
		}
		return a
	default:
		return v
	}
}

// maxOrdered bounds the work of walking an object, which sorts its keys at every step. Larger ones are data, not
// something to print, and keep Go's random order.
const maxOrdered = 256

// object is a map whose elements a for tag walks in the order of their keys. The library walks a plain map in random
// order, so that the HTML and the text of one mail would differ.
type object map[string]any

// Len is how the library asks for the number of turns.
func (o object) Len() int { return len(o) }

// Index is the i-th pair of key and value.
func (o object) Index(i int) any {
	key := slices.Sorted(maps.Keys(o))[i]
	return []any{key, o[key]}
}

// nothing is Liquid's empty or blank, which the library lacks: it takes them for variables that do not exist. It can
// only be the left side of a comparison, where the library asks it; prepare turns comparisons round.
type nothing struct{ blank bool }

var _ values.Value = nothing{}

// Equal says whether the other value is empty: a string, array or map without content; or blank: that, nil, false or a
// string of white space.
func (n nothing) Equal(other values.Value) bool {
	v := other.Interface()
	if _, ok := other.(nothing); ok || v == nil || v == false {
		return n.blank || ok
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.String:
		return rv.Len() == 0 || (n.blank && strings.TrimSpace(rv.String()) == "")
	case reflect.Array, reflect.Slice, reflect.Map:
		return rv.Len() == 0
	default:
		return false
	}
}

// Interface prints as nothing.
func (nothing) Interface() any { return nil }

// Int is 0.
func (nothing) Int() int { return 0 }

// Less is never true.
func (nothing) Less(values.Value) bool { return false }

// Contains is never true.
func (nothing) Contains(values.Value) bool { return false }

// IndexValue is nothing.
func (nothing) IndexValue(values.Value) values.Value { return values.ValueOf(nil) }

// PropertyValue is nothing.
func (nothing) PropertyValue(values.Value) values.Value { return values.ValueOf(nil) }

// Test is true, as in Liquid.
func (nothing) Test() bool { return true }

// Missing is a binding that should have a value and has none. Conditions see nothing in its place; an output that shows
// it, without a default filter, fails with a *MissingError, because the message would have a hole.
type Missing struct{ Why string }

// missing is a Missing that tells the meter of its rendering when it is read.
type missing struct {
	nothing

	why   string
	meter *meter
}

var _ values.Value = missing{}

// Interface is nil, which is written down.
func (m missing) Interface() any {
	m.meter.missing = m.why
	return nil
}

// Equal says whether the other value is nothing as well, or blank.
func (m missing) Equal(other values.Value) bool {
	if n, ok := other.(nothing); ok {
		return n.blank
	}
	return other.Interface() == nil
}

// Test is false.
func (missing) Test() bool { return false }
