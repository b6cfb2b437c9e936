package rules

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/builtin"
	"github.com/shopspring/decimal"
)

// The functions that a resolved rule calls. Their names cannot be written in a rule.
const (
	fnNote     = "$note"
	fnNumber   = "$number"
	fnTime     = "$time"
	fnDays     = "$days"
	fnSegment  = "$segment"
	fnInTopic  = "$in_topic"
	fnJourneys = "$journeys"
	fnTouch    = "$touch"
	fnScore    = "$score"
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

	fnList       = "$list"
	fnCount      = "$count"
	fnSum        = "$sum"
	fnAvg        = "$avg"
	fnMin        = "$min"
	fnMax        = "$max"
	fnFirst      = "$first"
	fnLast       = "$last"
	fnLen        = "$len"
	fnMostWithin = "$most_within"
	fnDaysSince  = "$days_since"
	fnLocal      = "$local"
	fnLower      = "$lower"
	fnUpper      = "$upper"
	fnTrim       = "$trim"
	fnAbs        = "$abs"
	fnRound      = "$round"
	fnFloor      = "$floor"
	fnCeil       = "$ceil"
)

// builtins are the functions by name. The resolver passes to each the run and the arguments that it reads.
var builtins = map[string]func(r *run, args []any) (any, error){
	fnNote: func(r *run, args []any) (any, error) {
		r.note(args[0].(string), args[1])
		return args[1], nil
	},
	fnTruth: func(_ *run, args []any) (any, error) { return args[0] == true, nil },
	fnEach: func(r *run, args []any) (any, error) {
		return args[1], r.spend(args[0].(int))
	},
	fnNow: func(r *run, _ []any) (any, error) {
		if r.env.Now.IsZero() {
			return nil, nil //nolint:nilnil // nil is the missing value
		}
		return moment{at: r.now.UTC(), moves: 1}, nil
	},
	fnCustomer: func(r *run, args []any) (any, error) {
		value := r.customerField(args[0].(string))
		return value, r.spend(len(list(value)))
	},
	fnEvent: func(r *run, args []any) (any, error) { return eventValue(r.env.Event, args[0].(string)), nil },
	fnEntry: func(r *run, args []any) (any, error) { return plain(r.env.Entry[args[0].(string)]), nil },
	fnResult: func(r *run, args []any) (any, error) {
		return resultField(r.env, args[0].(string), args[1].(string)), nil
	},
	fnSent: func(r *run, args []any) (any, error) {
		delivery, known := r.env.Sent[args[0].(string)]
		return deliveryField(delivery, known, args[1].(string)), nil
	},
	fnTouch: func(r *run, args []any) (any, error) {
		delivery, known := r.env.Touches[args[0].(string)]
		return deliveryField(delivery, known, args[1].(string)), nil
	},
	fnJourneys: func(r *run, args []any) (any, error) { return r.journeysField(args[0].(string), args[1].(string)), nil },
	fnSegment:  func(r *run, args []any) (any, error) { return r.env.Segments[args[0].(string)], nil },
	fnInTopic: func(r *run, args []any) (any, error) {
		return r.inTopic(args[0].(string), args[1].(string)), r.spend(2 * len(r.env.Consents))
	},
	fnScore: func(r *run, args []any) (any, error) { return r.score(args[0].(string)), nil },
	fnEvents: func(r *run, args []any) (any, error) {
		return r.events(args[0].(string), args[1].(time.Duration))
	},
	fnGet:    func(r *run, args []any) (any, error) { return r.get(args[0], args[1]), nil },
	fnNumber: func(_ *run, args []any) (any, error) { return compute(args[0], int64(0), number.add), nil },
	fnTime:   func(_ *run, args []any) (any, error) { return toMoment(args[0]), nil },
	fnDays:   days,

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
	fnMultiply:     func(_ *run, args []any) (any, error) { return compute(args[0], args[1], number.multiply), nil },
	fnDivide:       func(_ *run, args []any) (any, error) { return divide(args[0], args[1]), nil },
	fnModulo:       func(_ *run, args []any) (any, error) { return modulo(args[0], args[1]), nil },

	fnList:  func(_ *run, args []any) (any, error) { return list(args[0]), nil },
	fnCount: func(_ *run, args []any) (any, error) { return int64(len(list(args[0]))), nil },
	fnSum: func(r *run, args []any) (any, error) {
		total, _, err := r.sum(list(args[0]))
		return total.value(), err
	},
	fnAvg:        func(r *run, args []any) (any, error) { return r.avg(list(args[0])) },
	fnMin:        func(r *run, args []any) (any, error) { return r.extreme(list(args[0]), -1) },
	fnMax:        func(r *run, args []any) (any, error) { return r.extreme(list(args[0]), 1) },
	fnFirst:      func(r *run, args []any) (any, error) { return r.get(args[0], int64(0)), nil },
	fnLast:       func(r *run, args []any) (any, error) { return r.get(args[0], int64(len(list(args[0]))-1)), nil },
	fnLen:        length,
	fnDaysSince:  daysSince,
	fnLocal:      local,
	fnLower:      textChange(strings.ToLower),
	fnUpper:      textChange(strings.ToUpper),
	fnTrim:       textChange(strings.TrimSpace),
	fnMostWithin: func(r *run, args []any) (any, error) { return r.mostWithin(list(args[0]), args[1].(time.Duration)) },
	fnAbs: func(_ *run, args []any) (any, error) {
		return compute(args[0], int64(0), func(n, _ number) number { return n.absolute() }), nil
	},
	fnRound: rounding(func(d decimal.Decimal) decimal.Decimal { return d.Round(0) }),
	fnFloor: rounding(decimal.Decimal.Floor),
	fnCeil:  rounding(decimal.Decimal.Ceil),
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

func kindOf(v any) kind {
	switch v.(type) {
	case nil:
		return kindMissing
	case bool:
		return kindBool
	case string:
		return kindText
	case moment:
		return kindTime
	case span:
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
		order, ok := r.compare(args[0], args[1])
		return ok && holds(order), r.spendOnText(args[0])
	}
}

func between(_ *run, args []any) (any, error) {
	value, ok := asNumber(args[0])
	from, fromOK := asNumber(args[1])
	to, toOK := asNumber(args[2])
	return ok && fromOK && toOK && value.compare(from) >= 0 && value.compare(to) <= 0, nil
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

// daysSince counts whole days, and is negative before the moment.
func daysSince(r *run, args []any) (any, error) {
	m, ok := args[0].(moment)
	if !ok {
		return nil, nil //nolint:nilnil // nil is the missing value
	}
	const length = int64(day / time.Microsecond)
	ago := moment{at: r.now, moves: 1}.minus(m)
	whole, rest := ago.micros/length, ago.micros%length
	if rest < 0 {
		whole, rest = whole-1, rest+length
	}
	switch {
	case ago.moves == 1:
		r.changesIn(length - rest)
	case ago.moves != 0:
		r.changesIn(time.Minute.Microseconds())
	}
	return whole, nil
}

func toMoment(v any) any {
	m, ok := asMoment(v)
	if !ok {
		return nil
	}
	return m
}

// maxDays reaches from the first moment to the last.
const maxDays = 4_000_000

// days is a length of so many days, cut to whole microseconds.
func days(_ *run, args []any) (any, error) {
	n, ok := asNumber(args[0])
	if !ok || n.compare(wholeNumber(maxDays)) > 0 || n.compare(wholeNumber(-maxDays)) < 0 {
		return nil, nil //nolint:nilnil // nil is the missing value
	}
	micros := n.decimal().Mul(decimal.NewFromInt(int64(day / time.Microsecond))).Floor()
	return span{micros: micros.IntPart()}, nil
}

func local(_ *run, args []any) (any, error) {
	m, ok := args[0].(moment)
	name, named := args[1].(string)
	if !ok || !named {
		return nil, nil //nolint:nilnil // nil is the missing value
	}
	z, ok := zone(name)
	if !ok {
		return nil, nil //nolint:nilnil // nil is the missing value
	}
	return moment{at: m.at.In(z), moves: m.moves}, nil
}
