package rules

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"dotyk/rules/audience"
)

// item is an event as a rule sees it: with fields .name, .at and its properties. It is not a pointer, because expr
// follows pointers.
type item struct{ event *audience.Event }

// number is a number of a rule: whole if it was written or computed so and fits, else floating. (Whole numbers keep
// their exact value; ids in numbers are longer than a float can hold.)
type number struct {
	whole bool
	i     int64
	f     float64
}

func asNumber(v any) (number, bool) {
	switch v := v.(type) {
	case int64:
		return number{whole: true, i: v, f: float64(v)}, true
	case int:
		return number{whole: true, i: int64(v), f: float64(v)}, true
	case int32:
		return number{whole: true, i: int64(v), f: float64(v)}, true
	case float64:
		return number{f: v}, !math.IsNaN(v) && !math.IsInf(v, 0)
	case float32:
		return asNumber(float64(v))
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return asNumber(i)
		}
		f, err := v.Float64()
		return number{f: f}, err == nil
	}
	return number{}, false
}

// value gives a number back to the rule. What is not finite is missing.
func (n number) value() any {
	if n.whole {
		return n.i
	}
	if math.IsNaN(n.f) || math.IsInf(n.f, 0) {
		return nil
	}
	return n.f
}

func (n number) compare(o number) int {
	if n.whole && o.whole {
		return cmp.Compare(n.i, o.i)
	}
	return cmp.Compare(n.f, o.f)
}

func asTime(v any) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, !v.IsZero()
	case string:
		return parseTime(v)
	}
	return time.Time{}, false
}

func asSpan(v any) (time.Duration, bool) {
	switch v := v.(type) {
	case time.Duration:
		return v, true
	case string:
		d, err := ParseDuration(v)
		return d, err == nil
	}
	return 0, false
}

// compare orders two values of one kind. It is not ok for values that have no order, or none with each other.
func compare(a, b any) (order int, ok bool) {
	if x, isNumber := asNumber(a); isNumber {
		y, ok := asNumber(b)
		return x.compare(y), ok
	}
	s, text := a.(string)
	t, alsoText := b.(string)
	if text && alsoText {
		return strings.Compare(s, t), true
	}
	if isTime(a) || isTime(b) {
		x, xok := asTime(a)
		y, yok := asTime(b)
		return x.Compare(y), xok && yok
	}
	if isSpan(a) || isSpan(b) {
		x, xok := asSpan(a)
		y, yok := asSpan(b)
		return cmp.Compare(x, y), xok && yok
	}
	return 0, false
}

func isTime(v any) bool { _, ok := v.(time.Time); return ok }
func isSpan(v any) bool { _, ok := v.(time.Duration); return ok }

// equal compares by value. Lists are equal item by item; objects and events equal nothing.
func (r *run) equal(a, b any) (bool, error) {
	if a == nil || b == nil {
		return a == nil && b == nil, nil
	}
	if x, ok := a.(bool); ok {
		y, ok := b.(bool)
		return ok && x == y, nil
	}
	if x, ok := a.([]any); ok {
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false, nil
		}
		for i := range x {
			same, err := r.equal(x[i], y[i])
			if err != nil || !same {
				return false, err
			}
		}
		return true, r.spend(len(x))
	}
	order, ok := compare(a, b)
	return ok && order == 0, r.spendOnText(a)
}

// jsonSafe turns a value of a rule into what encoding/json writes without loss: null, true, false, int64, float64,
// text, []any, map[string]any. Times become RFC 3339 text, durations the text that ParseDuration reads.
func jsonSafe(v any) any {
	switch v := v.(type) {
	case nil, bool, string, int64:
		return v
	case time.Time:
		if v.IsZero() {
			return nil
		}
		return v.UTC().Format(time.RFC3339Nano)
	case time.Duration:
		if v <= -time.Second {
			return "-" + FormatDuration(-v)
		}
		return FormatDuration(v)
	case item:
		fields := make(map[string]any, len(v.event.Properties)+2)
		for key, value := range v.event.Properties {
			fields[key] = jsonSafe(value)
		}
		fields["name"], fields["at"] = v.event.Name, jsonSafe(v.event.OccurredAt)
		return fields
	case []any:
		safe := make([]any, len(v))
		for i := range v {
			safe[i] = jsonSafe(v[i])
		}
		return safe
	case map[string]any:
		safe := make(map[string]any, len(v))
		for key, value := range v {
			safe[key] = jsonSafe(value)
		}
		return safe
	}
	if n, ok := asNumber(v); ok {
		return n.value()
	}
	return nil
}

// plain gives a value as rules can work with it; what they cannot work with is missing to them.
func plain(v any) any {
	switch v := v.(type) {
	case nil, bool, string, time.Time, time.Duration, item, []any, map[string]any:
		return v
	case []string:
		return textList(v)
	}
	if n, ok := asNumber(v); ok {
		return n.value()
	}
	return nil
}

func textList(list []string) []any {
	items := make([]any, len(list))
	for i := range list {
		items[i] = list[i]
	}
	return items
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
