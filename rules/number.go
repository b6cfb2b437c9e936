package rules

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// decimalPlaces is how many digits after the point a product or a quotient keeps. Sums and differences are exact.
const decimalPlaces = 20

// Numbers of data with more digits than this, before or after the point, count as missing: they are no quantities, and
// computing with them could take any time.
const maxDigits = 1000

// number is a number of a rule, an exact decimal: as an int64 where it is whole and fits, which is faster, else as a
// decimal.
type number struct {
	whole bool
	i     int64
	d     decimal.Decimal
}

func wholeNumber(i int64) number { return number{whole: true, i: i} }

func decimalNumber(d decimal.Decimal) number {
	if d.Exponent() >= 0 || d.IsInteger() {
		if big := d.BigInt(); big.IsInt64() {
			return wholeNumber(big.Int64())
		}
	}
	return number{d: d}
}

func asNumber(v any) (number, bool) {
	switch v := v.(type) {
	case int64:
		return wholeNumber(v), true
	case decimal.Decimal:
		return number{d: v}, true
	case json.Number:
		return parseNumber(string(v))
	case int:
		return wholeNumber(int64(v)), true
	case int32:
		return wholeNumber(int64(v)), true
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return number{}, false
		}
		return decimalNumber(decimal.NewFromFloat(v)), true
	case float32:
		return asNumber(float64(v))
	}
	return number{}, false
}

// parseNumber reads a number as JSON writes it.
func parseNumber(s string) (number, bool) {
	const surelyFits = 18 // digits of an int64
	if len(s) <= surelyFits {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return wholeNumber(i), true
		}
	}
	if len(s) > maxDigits {
		return number{}, false
	}
	if e := strings.IndexAny(s, "eE"); e >= 0 {
		if exponent, err := strconv.Atoi(s[e+1:]); err != nil || exponent > maxDigits || exponent < -maxDigits {
			return number{}, false
		}
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return number{}, false
	}
	return decimalNumber(d), true
}

func (n number) decimal() decimal.Decimal {
	if n.whole {
		return decimal.NewFromInt(n.i)
	}
	return n.d
}

// value gives a number back to the rule.
func (n number) value() any {
	if n.whole {
		return n.i
	}
	return n.d
}

// json gives a number as encoding/json writes it without loss.
func (n number) json() any {
	if n.whole {
		return n.i
	}
	return json.Number(n.d.String())
}

func (n number) compare(o number) int {
	if n.whole && o.whole {
		switch {
		case n.i < o.i:
			return -1
		case n.i > o.i:
			return 1
		}
		return 0
	}
	return n.decimal().Cmp(o.decimal())
}

func (n number) zero() bool { return n.whole && n.i == 0 }

func (n number) add(o number) number {
	if n.whole && o.whole {
		if sum := n.i + o.i; (sum > n.i) == (o.i > 0) {
			return wholeNumber(sum)
		}
	}
	return decimalNumber(n.decimal().Add(o.decimal()))
}

func (n number) negate() number {
	if n.whole && n.i != math.MinInt64 {
		return wholeNumber(-n.i)
	}
	return decimalNumber(n.decimal().Neg())
}

func (n number) absolute() number {
	if n.compare(wholeNumber(0)) < 0 {
		return n.negate()
	}
	return n
}

func (n number) multiply(o number) number {
	const small = 1 << 31
	if n.whole && o.whole && n.i < small && n.i > -small && o.i < small && o.i > -small {
		return wholeNumber(n.i * o.i)
	}
	return decimalNumber(n.decimal().Mul(o.decimal()).Round(decimalPlaces))
}

// divide rounds halves away from zero at the last place, as Postgres does. There is no quotient by zero.
func (n number) divide(o number) (number, bool) {
	if o.zero() {
		return number{}, false
	}
	quotient, _ := n.decimal().QuoRem(o.decimal(), decimalPlaces+1) // cut; the digit behind the last decides the rounding
	return decimalNumber(quotient.Round(decimalPlaces)), true
}

// modulo has the sign of the dividend.
func (n number) modulo(o number) (number, bool) {
	switch {
	case o.zero():
		return number{}, false
	case n.whole && o.whole && o.i != -1: // the remainder of the least number by -1 overflows in the machine
		return wholeNumber(n.i % o.i), true
	}
	return decimalNumber(n.decimal().Mod(o.decimal())), true
}
