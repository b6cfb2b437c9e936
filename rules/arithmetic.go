package rules

import (
	"fmt"

	"github.com/shopspring/decimal"
)

// add adds numbers, a span to a moment, spans, or text to text. The error is ErrMemory, for a text that grows too long.
func add(a, b any) (any, error) {
	switch x := a.(type) {
	case moment:
		return shift(x, b, 1), nil
	case span:
		if y, ok := b.(span); ok {
			return span{x.micros + y.micros, x.moves + y.moves}, nil
		}
	case string:
		if y, ok := b.(string); ok {
			if len(x)+len(y) > maxText {
				return nil, fmt.Errorf("%w: the text grows beyond %d KiB", ErrMemory, maxText/1024)
			}
			return x + y, nil
		}
	}
	return compute(a, b, number.add), nil
}

func shift(m moment, by any, sign int64) any {
	s, ok := by.(span)
	if !ok {
		return nil
	}
	moved, ok := m.plus(s, sign)
	if !ok {
		return nil
	}
	return moved
}

func subtract(a, b any) any {
	switch x := a.(type) {
	case moment:
		if y, ok := asMoment(b); ok {
			return x.minus(y)
		}
		return shift(x, b, -1)
	case span:
		if y, ok := b.(span); ok {
			return span{x.micros - y.micros, x.moves - y.moves}
		}
	case string:
		y, isMoment := b.(moment)
		if t, ok := asMoment(x); ok && isMoment {
			return t.minus(y)
		}
	}
	return compute(a, b, func(x, y number) number { return x.add(y.negate()) })
}

// divide is never whole-number division: 1 / 2 is 0.5.
func divide(a, b any) any { return partly(a, b, number.divide) }

func modulo(a, b any) any { return partly(a, b, number.modulo) }

// compute is missing if either side is not a number.
func compute(a, b any, of func(x, y number) number) any {
	return partly(a, b, func(x, y number) (number, bool) { return of(x, y), true })
}

func partly(a, b any, of func(x, y number) (number, bool)) any {
	x, xok := asNumber(a)
	y, yok := asNumber(b)
	if !xok || !yok {
		return nil
	}
	result, ok := of(x, y)
	if !ok {
		return nil
	}
	return result.value()
}

func (r *run) sum(items []any) (number, int, error) {
	total, count := wholeNumber(0), 0
	for _, v := range items {
		if n, ok := asNumber(v); ok {
			total = total.add(n)
			count++
		}
	}
	return total, count, r.spend(len(items))
}

func (r *run) avg(items []any) (any, error) {
	total, count, err := r.sum(items)
	mean, ok := total.divide(wholeNumber(int64(count)))
	if !ok || err != nil {
		return nil, err
	}
	return mean.value(), nil
}

// extreme finds the least (sign -1) or greatest (sign 1) item: of the moments or spans, which a list has alone, else of
// the numbers, else of the texts. What is of none of these kinds has no order.
func (r *run) extreme(items []any, sign int) (any, error) {
	var best any
	rank := 0
	for _, v := range items {
		of := orderRank(v)
		if of == 0 || of < rank {
			continue
		}
		if of > rank {
			best, rank = plain(v), of
			continue
		}
		if order, ok := r.compare(v, best); ok && order*sign > 0 {
			best = plain(v)
		}
	}
	return best, r.spend(len(items))
}

func orderRank(v any) int {
	switch v.(type) {
	case moment, span:
		return 3
	case string:
		return 1
	}
	if _, ok := asNumber(v); ok {
		return 2
	}
	return 0
}

// rounding makes a function of one number.
func rounding(of func(decimal.Decimal) decimal.Decimal) func(*run, []any) (any, error) {
	return func(_ *run, args []any) (any, error) {
		n, ok := asNumber(args[0])
		if !ok {
			return nil, nil
		}
		if n.whole {
			return n.i, nil
		}
		return decimalNumber(of(n.d)).value(), nil
	}
}
