package api

import (
	"net/netip"
	"sync"
	"time"
)

// limiterSize bounds the addresses that are remembered, and with them the memory.
const limiterSize = 20000

// limiter is a token bucket per address.
type limiter struct {
	burst     float64
	perSecond float64
	now       func() time.Time

	mu      sync.Mutex
	buckets map[netip.Prefix]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newLimiter(burst, perMinute int, now func() time.Time) *limiter {
	return &limiter{burst: float64(burst), perSecond: float64(perMinute) / 60, now: now, buckets: map[netip.Prefix]bucket{}}
}

// wait takes a token of the address, or says how long it takes until there is one. Loopback and sockets do not count:
// that is the machine itself. IPv6 counts by /64, which is what one customer of a provider has.
func (l *limiter) wait(a netip.Addr) time.Duration {
	if !a.IsValid() || a.IsLoopback() {
		return 0
	}
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	who := netip.PrefixFrom(a, bits).Masked()
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[who]
	if !ok {
		b = bucket{tokens: l.burst, at: now}
		l.makeRoom(now)
	}
	b.tokens = min(l.burst, b.tokens+now.Sub(b.at).Seconds()*l.perSecond)
	b.at = now
	if b.tokens < 1 {
		l.buckets[who] = b
		return time.Duration((1 - b.tokens) / l.perSecond * float64(time.Second))
	}
	b.tokens--
	l.buckets[who] = b
	return 0
}

// makeRoom forgets the addresses whose buckets are full again, and if that is not enough, some of the others.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.buckets) < limiterSize {
		return
	}
	for who, b := range l.buckets {
		if b.tokens+now.Sub(b.at).Seconds()*l.perSecond >= l.burst {
			delete(l.buckets, who)
		}
	}
	for who := range l.buckets {
		if len(l.buckets) < limiterSize*9/10 {
			return
		}
		delete(l.buckets, who)
	}
}
