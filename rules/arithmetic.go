package rules

import (
	"fmt"
	"math"
	"time"
)

// add adds numbers, a duration to a time, or text to text. The error is ErrMemory, for a text that grows too long.
func add(a, b any) (any, error) {
	if t, ok := a.(time.Time); ok {
		d, ok := asSpan(b)
		if !ok {
			return nil, nil //nolint:nilnil // nil is the missing value
		}
		return t.Add(d), nil
	}
	s, text := a.(string)
	t, alsoText := b.(string)
	if text && alsoText {
		if len(s)+len(t) > maxText {
			return nil, fmt.Errorf("%w: the text grows beyond %d KiB", ErrMemory, maxText/1024)
		}
		return s + t, nil
	}
	return compute(a, b, addWhole, func(x, y float64) float64 { return x + y }), nil
}

func subtract(a, b any) any {
	if t, ok := a.(time.Time); ok {
		if u, ok := b.(time.Time); ok {
			return t.Sub(u)
		}
		if u, ok := asTime(b); ok {
			return t.Sub(u)
		}
		d, ok := asSpan(b)
		if !ok {
			return nil
		}
		return t.Add(-d)
	}
	return compute(a, b, func(x, y int64) (int64, bool) {
		if y == math.MinInt64 {
			return 0, false
		}
		return addWhole(x, -y)
	}, func(x, y float64) float64 { return x - y })
}

func multiply(a, b any) any {
	return compute(a, b, multiplyWhole, func(x, y float64) float64 { return x * y })
}

// divide is never whole-number division: 1 / 2 is 0.5.
func divide(a, b any) any {
	x, xok := asNumber(a)
	y, yok := asNumber(b)
	if !xok || !yok || y.f == 0 {
		return nil
	}
	return number{f: x.f / y.f}.value()
}

// modulo is the remainder of whole numbers, with the sign of the first; of anything else it is missing.
func modulo(a, b any) any {
	x, xok := asNumber(a)
	y, yok := asNumber(b)
	if !xok || !yok || !x.whole || !y.whole || y.i == 0 {
		return nil
	}
	if y.i == -1 {
		return int64(0) // the one case in which the machine's remainder overflows
	}
	return x.i % y.i
}

// compute does whole-number arithmetic where it can and floating arithmetic where it must. It is missing if either
// side is not a number.
func compute(a, b any, whole func(x, y int64) (int64, bool), floating func(x, y float64) float64) any {
	x, xok := asNumber(a)
	y, yok := asNumber(b)
	if !xok || !yok {
		return nil
	}
	if x.whole && y.whole {
		if i, ok := whole(x.i, y.i); ok {
			return i
		}
	}
	return number{f: floating(x.f, y.f)}.value()
}

func addWhole(x, y int64) (int64, bool) {
	sum := x + y
	return sum, (sum > x) == (y > 0)
}

func multiplyWhole(x, y int64) (int64, bool) {
	if x == 0 || y == 0 {
		return 0, true
	}
	if x == math.MinInt64 || y == math.MinInt64 {
		return 0, false
	}
	product := x * y
	return product, product/y == x
}

func (r *run) sum(items []any) (any, error) {
	var total any = int64(0)
	for _, v := range items {
		if _, ok := asNumber(v); ok {
			total = compute(total, v, addWhole, func(x, y float64) float64 { return x + y })
		}
	}
	return total, r.spend(len(items))
}

func (r *run) avg(items []any) (any, error) {
	var total float64
	var count int
	for _, v := range items {
		if n, ok := asNumber(v); ok {
			total += n.f
			count++
		}
	}
	return divide(total, count), r.spend(len(items))
}

// extreme finds the least (sign -1) or greatest (sign 1) item. Items that have no order with the first that has one
// are left out.
func (r *run) extreme(items []any, sign int) (any, error) {
	var best any
	for _, v := range items {
		if best == nil {
			if _, ok := compare(v, v); ok {
				best = v
			}
			continue
		}
		if order, ok := compare(v, best); ok && order*sign > 0 {
			best = v
		}
	}
	return best, r.spend(len(items))
}

func absolute(_ *run, args []any) (any, error) {
	if n, ok := asNumber(args[0]); ok && n.f >= 0 {
		return n.value(), nil
	}
	return subtract(int64(0), args[0]), nil
}

// rounding makes a function of numbers that leaves whole numbers whole, and makes whole what comes out whole.
func rounding(f func(float64) float64) func(*run, []any) (any, error) {
	return func(_ *run, args []any) (any, error) {
		n, ok := asNumber(args[0])
		if !ok {
			return nil, nil
		}
		if n.whole {
			return n.i, nil
		}
		result := f(n.f)
		const exact = 1 << 53 // above, floating numbers skip whole ones
		if result == math.Trunc(result) && math.Abs(result) < exact {
			return int64(result), nil
		}
		return number{f: result}.value(), nil
	}
}
