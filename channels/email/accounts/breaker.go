package accounts

import "time"

const (
	breakerFailures = 5 // in a row
	breakerPause    = 5 * time.Second
	breakerLongest  = 10 * time.Minute
)

// breaker leaves an account alone after failures in a row. When the pause is over, one message tries it: should that fail,
// the next pause is twice as long. The zero value is closed: it lets everything pass.
type breaker struct {
	failures int
	pause    time.Duration // of the last opening; 0 while closed
	until    time.Time
	probing  bool // the one message is on its way
}

// ready says whether a message may try the account, and if not, when it may.
func (b *breaker) ready(now time.Time) (time.Time, bool) {
	switch {
	case b.pause == 0:
		return now, true
	case b.probing:
		return now.Add(time.Second), false
	default:
		return b.until, !now.Before(b.until)
	}
}

// begin notes that a message tries the account, and says whether it is the one that probes.
func (b *breaker) begin() (probe bool) {
	b.probing = b.pause > 0
	return b.probing
}

// success closes.
func (b *breaker) success() { *b = breaker{} }

// failure counts, and says whether the breaker opened by it.
func (b *breaker) failure(now time.Time, probe bool) bool {
	b.failures++
	switch {
	case probe:
		b.probing = false
		b.pause = min(2*b.pause, breakerLongest)
	case b.pause == 0 && b.failures >= breakerFailures:
		b.pause = breakerPause
	default: // counted, or one that was under way when others opened it
		return false
	}
	b.until = now.Add(b.pause)
	return true
}

// neither is how a message ends that says nothing about the account: it was aborted, or its recipient was at fault.
func (b *breaker) neither(probe bool) {
	if probe {
		b.probing = false
	}
}
