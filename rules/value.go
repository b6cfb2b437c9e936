package rules

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"dotyk/rules/audience"
)

// The values of a rule, while it runs, are nil (missing), bool, number (int64 or decimal.Decimal), string, moment, span,
// []any, map[string]any and item; numbers of data may also be as encoding/json decoded them.

// item is an event as a rule sees it: with fields .name, .at and its properties. It is not a pointer, because expr
// follows pointers.
type item struct{ event *audience.Event }

func asMoment(v any) (moment, bool) {
	switch v := v.(type) {
	case moment:
		return v, true
	case string:
		t, ok := ParseTime(v)
		return moment{at: t}, ok
	}
	return moment{}, false
}

// ParseTime reads a time as data and rules write it: "2026-01-31", which is midnight UTC, or "2026-01-31T09:00:00Z",
// with an offset such as +02:00 for Z if wanted, and a fraction of a second, of which microseconds are kept. It reads
// the profile of ISO 8601 that RFC 3339 describes, with capital letters, no leap seconds, offsets up to 14:59 and the
// years 0001 to 9999.
func ParseTime(s string) (time.Time, bool) {
	if len(s) == len(time.DateOnly) {
		t, err := time.Parse(time.DateOnly, s)
		return t, err == nil && within(t)
	}
	const shortest, longest = len("2006-01-02T15:04:05Z"), len("2006-01-02T15:04:05.999999999+07:00")
	if len(s) < shortest || len(s) > longest || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false // package time would read an hour of one digit, too
	}
	if s[19] == ',' || s[len(s)-1] == 'Z' && len(s) > len("2006-01-02T15:04:05.999999999Z") {
		return time.Time{}, false
	}
	if at := len(s) - 6; s[len(s)-1] != 'Z' && (s[at+1:at+3] > "14" || s[at+4:] > "59") {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, false
	}
	t = instant(t.UTC())
	return t, within(t)
}

// compare orders two values of one kind. It is not ok for values that have no order, or none with each other.
func (r *run) compare(a, b any) (order int, ok bool) {
	if x, isNumber := asNumber(a); isNumber {
		y, ok := asNumber(b)
		if !ok {
			return 0, false
		}
		return x.compare(y), true
	}
	s, text := a.(string)
	t, alsoText := b.(string)
	if text && alsoText {
		return strings.Compare(s, t), true
	}
	if isMoment(a) || isMoment(b) {
		x, xok := asMoment(a)
		y, yok := asMoment(b)
		if !xok || !yok {
			return 0, false
		}
		d := x.minus(y)
		r.crossing(d.micros, d.moves)
		return cmp.Compare(d.micros, 0), true
	}
	x, isSpan := a.(span)
	y, alsoSpan := b.(span)
	if !isSpan || !alsoSpan {
		return 0, false
	}
	r.crossing(x.micros-y.micros, x.moves-y.moves)
	return cmp.Compare(x.micros, y.micros), true
}

func isMoment(v any) bool { _, ok := v.(moment); return ok }

// equal compares by value. Lists are equal item by item, objects field by field. Events equal nothing.
func (r *run) equal(a, b any) (bool, error) {
	if a == nil || b == nil {
		return a == nil && b == nil, nil
	}
	switch x := a.(type) {
	case bool:
		y, ok := b.(bool)
		return ok && x == y, nil
	case []any:
		y, ok := b.([]any)
		return ok && len(x) == len(y) && r.equalItems(x, y), r.spend(len(x))
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && len(x) == len(y) && r.equalFields(x, y), r.spend(len(x))
	}
	order, ok := r.compare(a, b)
	return ok && order == 0, r.spendOnText(a)
}

func (r *run) equalItems(x, y []any) bool {
	for i := range x {
		if same, err := r.equal(x[i], y[i]); err != nil || !same {
			return false // an exhausted budget is met again by the caller, who pays, too
		}
	}
	return true
}

func (r *run) equalFields(x, y map[string]any) bool {
	for key := range x {
		other, found := y[key]
		if same, err := r.equal(x[key], other); err != nil || !same || !found {
			return false
		}
	}
	return true
}

// jsonSafe turns a value of a rule into what encoding/json writes without loss: null, true, false, int64, json.Number,
// text, []any, map[string]any. Times become RFC 3339 text, durations the text that ParseDuration reads.
func jsonSafe(v any) any {
	switch v := v.(type) {
	case nil, bool, string, int64:
		return v
	case moment:
		return v.at.UTC().Format(time.RFC3339Nano)
	case span:
		if d := v.duration(); d <= -time.Second {
			return "-" + FormatDuration(-d)
		}
		return FormatDuration(v.duration())
	case item:
		fields := make(map[string]any, len(v.event.Properties)+2)
		for key, value := range v.event.Properties {
			fields[key] = jsonSafe(value)
		}
		fields["name"], fields["at"] = v.event.Name, jsonSafe(present(v.event.OccurredAt))
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
		return n.json()
	}
	return nil
}

// plain gives a value as rules can work with it; what they cannot work with is missing to them.
func plain(v any) any {
	switch v := v.(type) {
	case nil, bool, string, int64, decimal.Decimal, moment, span, item, []any, map[string]any:
		return v
	case json.Number:
		n, ok := parseNumber(string(v))
		if !ok {
			return nil
		}
		return n.value()
	case time.Time:
		return present(v)
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
