package accounts

import "time"

const (
	paceWindow  = 5 * time.Second  // over which the present rate is measured
	paceReact   = 5 * time.Second  // refusals that come together count as one
	paceRecover = 30 * time.Second // without a refusal, after which the rate grows
	paceGrowth  = 1.15
	paceSlowest = 1.0 / 60 // messages a second
)

// pace is how fast a provider takes messages of an account. It is without a limit until the provider complains; then the
// rate is half of what it was, and with time it grows until it is twice the rate of the complaint: then the limit is gone.
// The zero value is without a limit.
type pace struct {
	rate   float64 // messages a second; 0 is no limit
	enough float64 // a rate at which there is no limit any more
	tokens float64 // at most one second's worth, and at least one message's
	at     time.Time
	cut    time.Time // when the rate was halved last
	grown  time.Time

	began  time.Time // of the window that is measured
	count  int
	recent float64 // the rate of the window before
}

// ready says whether a message may go now, and if not, when it may.
func (p *pace) ready(now time.Time) (time.Time, bool) {
	p.refill(now)
	if p.rate == 0 || p.tokens >= 1 {
		return now, true
	}
	return now.Add(time.Duration((1 - p.tokens) / p.rate * float64(time.Second))), false
}

func (p *pace) refill(now time.Time) {
	for p.rate > 0 && now.Sub(p.grown) >= paceRecover {
		p.grown = p.grown.Add(paceRecover)
		if p.rate *= paceGrowth; p.rate >= p.enough {
			p.rate = 0
		}
	}
	if p.rate > 0 {
		p.tokens = min(p.tokens+max(now.Sub(p.at).Seconds(), 0)*p.rate, max(p.rate, 1))
	}
	p.at = now
}

// take counts a message that goes now.
func (p *pace) take(now time.Time) {
	if p.rate > 0 {
		p.tokens--
	}
	if since := now.Sub(p.began); since >= paceWindow {
		p.recent = p.measured(now)
		p.began, p.count = now, 0
	}
	p.count++
}

// measured is the present rate.
func (p *pace) measured(now time.Time) float64 {
	since := now.Sub(p.began)
	if since < time.Second { // too short to measure
		return max(p.recent, float64(p.count))
	}
	rate := float64(p.count) / since.Seconds()
	if since < paceWindow {
		return max(rate, p.recent)
	}
	return rate
}

// giveBack takes a message out of the count again that did not go.
func (p *pace) giveBack() {
	p.count = max(p.count-1, 0)
	if p.rate > 0 {
		p.tokens++
	}
}

// refused halves the rate.
func (p *pace) refused(now time.Time) {
	if !p.cut.IsZero() && now.Sub(p.cut) < paceReact {
		return
	}
	rate := p.rate
	if rate == 0 {
		rate = max(p.measured(now), paceSlowest)
		p.enough = 2 * rate
	}
	p.rate = max(rate/2, paceSlowest)
	p.tokens = min(p.tokens, 0)
	p.at, p.cut, p.grown = now, now, now
}
