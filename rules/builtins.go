package rules

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/builtin"
)

// The functions that a resolved rule calls. Their names cannot be written in a rule.
const (
	fnNote     = "$note"
	fnTruth    = "$truth"
	fnEach     = "$each"
	fnNow      = "$now"
	fnCustomer = "$customer"
	fnEvent    = "$event"
	fnEntry    = "$entry"
	fnResult   = "$result"
	fnSent     = "$sent"
	fnEvents   = "$events"
	fnGet      = "$get"

	fnEqual        = "$equal"
	fnLess         = "$less"
	fnLessEqual    = "$less_equal"
	fnGreater      = "$greater"
	fnGreaterEqual = "$greater_equal"
	fnBetween      = "$between"
	fnIn           = "$in"
	fnContains     = "$contains"
	fnStartsWith   = "$starts_with"
	fnEndsWith     = "$ends_with"
	fnMatches      = "$matches"
	fnNegate       = "$negate"
	fnAdd          = "$add"
	fnSubtract     = "$subtract"
	fnMultiply     = "$multiply"
	fnDivide       = "$divide"
	fnModulo       = "$modulo"

	fnList      = "$list"
	fnCount     = "$count"
	fnSum       = "$sum"
	fnAvg       = "$avg"
	fnMin       = "$min"
	fnMax       = "$max"
	fnFirst     = "$first"
	fnLast      = "$last"
	fnLen       = "$len"
	fnDaysSince = "$days_since"
	fnLocal     = "$local"
	fnLower     = "$lower"
	fnUpper     = "$upper"
	fnTrim      = "$trim"
	fnAbs       = "$abs"
	fnRound     = "$round"
	fnFloor     = "$floor"
	fnCeil      = "$ceil"
)

// builtins are the functions by name. The resolver passes to each the run and the arguments that it reads.
var builtins = map[string]func(r *run, args []any) (any, error){
	fnNote: func(r *run, args []any) (any, error) {
		r.note(args[0].(string), args[1])
		return args[1], nil
	},
	fnTruth: func(_ *run, args []any) (any, error) { return truth(args[0].(string), args[1]) },
	fnEach: func(r *run, args []any) (any, error) {
		return args[1], r.spend(int(args[0].(int64)))
	},
	fnNow:      func(r *run, _ []any) (any, error) { return present(r.env.Now), nil },
	fnCustomer: func(r *run, args []any) (any, error) { return customerField(r.env, args[0].(string)), nil },
	fnEvent:    func(r *run, args []any) (any, error) { return eventValue(r.env.Event, args[0].(string)), nil },
	fnEntry:    func(r *run, args []any) (any, error) { return plain(r.env.Entry[args[0].(string)]), nil },
	fnResult: func(r *run, args []any) (any, error) {
		return resultField(r.env, args[0].(string), args[1].(string)), nil
	},
	fnSent: func(r *run, args []any) (any, error) {
		return sentField(r.env, args[0].(string), args[1].(string)), nil
	},
	fnEvents: func(r *run, args []any) (any, error) {
		return r.events(args[0].(string), args[1].(time.Duration))
	},
	fnGet: func(_ *run, args []any) (any, error) { return get(args[0], args[1]), nil },

	fnEqual:        func(r *run, args []any) (any, error) { return r.equal(args[0], args[1]) },
	fnLess:         ordered(func(order int) bool { return order < 0 }),
	fnLessEqual:    ordered(func(order int) bool { return order <= 0 }),
	fnGreater:      ordered(func(order int) bool { return order > 0 }),
	fnGreaterEqual: ordered(func(order int) bool { return order >= 0 }),
	fnBetween:      between,
	fnIn:           func(r *run, args []any) (any, error) { return r.in(args[0], args[1]) },
	fnContains:     contains,
	fnStartsWith:   textTest(strings.HasPrefix),
	fnEndsWith:     textTest(strings.HasSuffix),
	fnMatches:      matches,
	fnNegate:       func(_ *run, args []any) (any, error) { return subtract(int64(0), args[0]), nil },
	fnAdd:          func(_ *run, args []any) (any, error) { return add(args[0], args[1]) },
	fnSubtract:     func(_ *run, args []any) (any, error) { return subtract(args[0], args[1]), nil },
	fnMultiply:     func(_ *run, args []any) (any, error) { return multiply(args[0], args[1]), nil },
	fnDivide:       func(_ *run, args []any) (any, error) { return divide(args[0], args[1]), nil },
	fnModulo:       func(_ *run, args []any) (any, error) { return modulo(args[0], args[1]), nil },

	fnList:      func(_ *run, args []any) (any, error) { return list(args[0]), nil },
	fnCount:     func(_ *run, args []any) (any, error) { return int64(len(list(args[0]))), nil },
	fnSum:       func(r *run, args []any) (any, error) { return r.sum(list(args[0])) },
	fnAvg:       func(r *run, args []any) (any, error) { return r.avg(list(args[0])) },
	fnMin:       func(r *run, args []any) (any, error) { return r.extreme(list(args[0]), -1) },
	fnMax:       func(r *run, args []any) (any, error) { return r.extreme(list(args[0]), 1) },
	fnFirst:     func(_ *run, args []any) (any, error) { return get(args[0], int64(0)), nil },
	fnLast:      func(_ *run, args []any) (any, error) { return get(args[0], int64(len(list(args[0]))-1)), nil },
	fnLen:       length,
	fnDaysSince: daysSince,
	fnLocal:     local,
	fnLower:     textChange(strings.ToLower),
	fnUpper:     textChange(strings.ToUpper),
	fnTrim:      textChange(strings.TrimSpace),
	fnAbs:       absolute,
	fnRound:     rounding(math.Round),
	fnFloor:     rounding(math.Floor),
	fnCeil:      rounding(math.Ceil),
}

// vmFunctions is builtins in the form in which expr's compiler wants them. It is read-only.
var vmFunctions = func() map[string]*builtin.Function {
	table := make(map[string]*builtin.Function, len(builtins))
	for name, fn := range builtins {
		table[name] = &builtin.Function{Name: name, Func: func(args ...any) (any, error) {
			return fn(args[0].(*run), args[1:])
		}}
	}
	return table
}()

func truth(text string, v any) (any, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case nil:
		return false, nil
	}
	return nil, fmt.Errorf("%w: %s is %s", ErrNotBoolean, text, kindOf(v))
}

func kindOf(v any) kind {
	switch v.(type) {
	case nil:
		return kindMissing
	case bool:
		return kindBool
	case string:
		return kindText
	case time.Time:
		return kindTime
	case time.Duration:
		return kindSpan
	case []any:
		return kindList
	case item:
		return kindEvent
	}
	if _, ok := asNumber(v); ok {
		return kindNumber
	}
	return kindAny
}

func ordered(holds func(order int) bool) func(*run, []any) (any, error) {
	return func(_ *run, args []any) (any, error) {
		order, ok := compare(args[0], args[1])
		return ok && holds(order), nil
	}
}

func between(_ *run, args []any) (any, error) {
	from, fromOK := compare(args[0], args[1])
	to, toOK := compare(args[0], args[2])
	return fromOK && toOK && from >= 0 && to <= 0, nil
}

// in looks for an equal item in a list, or for a field of that name in an object.
func (r *run) in(needle, haystack any) (bool, error) {
	if needle == nil {
		return false, nil
	}
	switch haystack := haystack.(type) {
	case map[string]any:
		name, ok := needle.(string)
		_, found := haystack[name]
		return ok && found, nil
	case []any:
		if err := r.spend(len(haystack)); err != nil {
			return false, err
		}
		for _, candidate := range haystack {
			if same, err := r.equal(needle, candidate); err != nil || same {
				return same, err
			}
		}
	}
	return false, nil
}

func contains(r *run, args []any) (any, error) {
	if haystack, ok := args[0].([]any); ok {
		return r.in(args[1], haystack)
	}
	return textTest(strings.Contains)(r, args)
}

// textTest makes a test of one text against another, which is false for anything but text.
func textTest(test func(s, part string) bool) func(*run, []any) (any, error) {
	return func(r *run, args []any) (any, error) {
		s, ok := args[0].(string)
		p, alsoOK := args[1].(string)
		if !ok || !alsoOK {
			return false, nil
		}
		return test(s, p), r.spend(1 + len(s)/textPerWork)
	}
}

// textPerWork is how many bytes of text are looked through at the cost of one unit of work.
const textPerWork = 64

func matches(r *run, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return false, nil
	}
	if err := r.spend(1 + len(s)); err != nil { // RE2 is linear, but not fast
		return nil, err
	}
	return args[1].(*regexp.Regexp).MatchString(s), nil
}

func textChange(change func(string) string) func(*run, []any) (any, error) {
	return func(r *run, args []any) (any, error) {
		s, ok := args[0].(string)
		if !ok {
			return nil, nil //nolint:nilnil // nil is the missing value
		}
		return change(s), r.spend(1 + len(s)/textPerWork)
	}
}

func length(_ *run, args []any) (any, error) {
	switch v := args[0].(type) {
	case string:
		return int64(utf8.RuneCountInString(v)), nil
	case []any:
		return int64(len(v)), nil
	}
	return nil, nil //nolint:nilnil // nil is the missing value
}

func list(v any) []any {
	items, _ := v.([]any)
	if items == nil {
		return []any{}
	}
	return items
}

func daysSince(r *run, args []any) (any, error) {
	t, ok := asTime(args[0])
	if !ok {
		return nil, nil //nolint:nilnil // nil is the missing value
	}
	return int64(math.Floor(float64(r.env.Now.Sub(t)) / float64(day))), nil
}

func local(_ *run, args []any) (any, error) {
	t, ok := asTime(args[0])
	name, named := args[1].(string)
	if !ok || !named {
		return nil, nil //nolint:nilnil // nil is the missing value
	}
	z, ok := zone(name)
	if !ok {
		return nil, nil //nolint:nilnil // nil is the missing value
	}
	return t.In(z), nil
}
