package rules

import "time"

// moment is a time as a rule works with it, in whole microseconds. It knows how it moves with the clock, so that a run
// can tell when passing time will next change its answer.
type moment struct {
	at    time.Time
	moves int // how much later it is when now is one moment later: 1 for now itself, 0 for what is stored
}

// span is the difference of two moments, or a duration.
type span struct {
	micros int64
	moves  int
}

// instant cuts a time to the whole microseconds that are stored.
func instant(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

func stored(t time.Time) moment { return moment{at: instant(t)} }

func durationSpan(d time.Duration) span { return span{micros: d.Microseconds()} }

func (s span) duration() time.Duration { return time.Duration(s.micros) * time.Microsecond }

// The moments that a rule can work with. What is computed beyond is missing.
var (
	firstMoment = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	lastMoment  = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
)

func within(t time.Time) bool { return !t.Before(firstMoment) && !t.After(lastMoment) }

// plus is missing where it leads out of the years 1 to 9999.
func (m moment) plus(s span, sign int64) (moment, bool) {
	const most = 20_000 * 366 * 24 * 3600 * 1_000_000 // leads out from everywhere; keeps the sum from overflowing
	if s.micros > most || s.micros < -most {
		return moment{}, false
	}
	micros := m.at.UnixMicro() + sign*s.micros
	at := time.UnixMicro(micros).In(m.at.Location())
	return moment{at: at, moves: m.moves + int(sign)*s.moves}, within(at)
}

func (m moment) minus(o moment) span {
	return span{micros: m.at.UnixMicro() - o.at.UnixMicro(), moves: m.moves - o.moves}
}

// changesAt remembers that passing time may change the answer at a moment after now.
func (r *run) changesAt(t time.Time) {
	if !t.After(r.now) {
		return
	}
	if r.until.IsZero() || t.Before(r.until) {
		r.until = t
	}
}

// changesIn is changesAt for a number of microseconds from now.
func (r *run) changesIn(micros int64) {
	const farthest = int64(200 * 366 * 24 * time.Hour / time.Microsecond)
	if micros > 0 && micros < farthest {
		r.changesAt(r.now.Add(time.Duration(micros) * time.Microsecond))
	}
}

// crossing remembers when two values will be equal, and when no longer, of which the first is ahead by some microseconds
// and gains some on the second with each one that passes.
func (r *run) crossing(ahead int64, gains int) {
	if gains == 0 {
		return
	}
	if ahead == 0 {
		r.changesIn(1)
		return
	}
	if (ahead < 0) == (gains < 0) { // they part
		return
	}
	if ahead < 0 {
		ahead, gains = -ahead, -gains
	}
	r.changesIn(max(1, ahead/int64(-gains)))
}
