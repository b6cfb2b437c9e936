package rules

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ErrDuration is in every error of ParseDuration.
var ErrDuration = errors.New("not a duration")

const day = 24 * time.Hour

// durationUnits are the units of a duration, the longest first. A day is 24 hours, whatever clocks do in between.
var durationUnits = []struct {
	symbol string
	length time.Duration
}{
	{"w", 7 * day},
	{"d", day},
	{"h", time.Hour},
	{"m", time.Minute},
	{"s", time.Second},
}

// ParseDuration reads a duration such as "90s", "1h30m", "2d" or "2w": whole numbers, each followed by its unit, longer
// units first, no unit twice. The error says what is wrong with s.
func ParseDuration(s string) (time.Duration, error) {
	rest, total, next := s, time.Duration(0), 0
	if rest == "" {
		return 0, durationError(s, "it is empty")
	}
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == 0 {
			return 0, durationError(s, "expected a whole number at "+strconv.Quote(rest))
		}
		count, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil {
			return 0, durationError(s, "it is too long")
		}
		rest = rest[digits:]
		unit := next
		for unit < len(durationUnits) && !strings.HasPrefix(rest, durationUnits[unit].symbol) {
			unit++
		}
		if unit == len(durationUnits) {
			return 0, durationError(s, unitProblem(rest))
		}
		length := durationUnits[unit].length
		if count > int64((math.MaxInt64-total)/length) {
			return 0, durationError(s, "it is too long")
		}
		total += time.Duration(count) * length
		rest, next = rest[1:], unit+1
	}
	return total, nil
}

func unitProblem(rest string) string {
	if rest == "" {
		return "a unit is missing: w, d, h, m or s"
	}
	for _, u := range durationUnits {
		if strings.HasPrefix(rest, u.symbol) {
			return "units go from the longest to the shortest, each once: w, d, h, m, s"
		}
	}
	return fmt.Sprintf("%q is not a unit: w, d, h, m or s", []rune(rest)[0])
}

func durationError(s, why string) error {
	return fmt.Errorf("%w: %q: %s", ErrDuration, s, why)
}

// FormatDuration writes d, cut to whole seconds, in the form that ParseDuration reads, with the longest units that fit
// except weeks: 48 hours are "2d". Every duration has exactly one such form.
func FormatDuration(d time.Duration) string {
	var b strings.Builder
	for _, u := range durationUnits[1:] {
		if count := d / u.length; count > 0 {
			fmt.Fprintf(&b, "%d%s", count, u.symbol)
			d -= count * u.length
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}
