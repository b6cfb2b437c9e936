package rules

import (
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
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
		return args[1], r.spend(args[0].(int))
	},
	fnNow: func(r *run, _ []any) (any, error) { return present(r.env.Now), nil },
	fnCustomer: func(r *run, args []any) (any, error) {
		value := customerField(r.env, args[0].(string))
		return value, r.spend(len(list(value)))
	},
	fnEvent: func(r *run, args []any) (any, error) { return eventValue(r.env.Event, args[0].(string)), nil },
	fnEntry: func(r *run, args []any) (any, error) { return plain(r.env.Entry[args[0].(string)]), nil },
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
	return func(r *run, args []any) (any, error) {
		order, ok := compare(args[0], args[1])
		return ok && holds(order), r.spendOnText(args[0])
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
		return test(s, p), r.spendOnText(s)
	}
}

// pattern is a compiled regular expression and the number of its instructions. RE2 takes at worst time in proportion to
// that number times the length of the text.
type pattern struct {
	expression *regexp.Regexp
	size       int
}

func newPattern(source string) (*pattern, error) {
	expression, err := regexp.Compile(source)
	if err != nil {
		return nil, fmt.Errorf("compile pattern: %w", err)
	}
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("parse pattern: %w", err)
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, fmt.Errorf("measure pattern: %w", err)
	}
	return &pattern{expression, len(program.Inst)}, nil
}

func matches(r *run, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return false, nil
	}
	p := args[1].(*pattern)
	if err := r.spend(1 + len(s)*p.size/patternPerWork); err != nil {
		return nil, err
	}
	return p.expression.MatchString(s), nil
}

func textChange(change func(string) string) func(*run, []any) (any, error) {
	return func(r *run, args []any) (any, error) {
		s, ok := args[0].(string)
		if !ok {
			return nil, nil
		}
		return change(s), r.spendOnText(s)
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
