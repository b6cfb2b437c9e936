package accounts

import (
	"context"
	"sync"
	"time"
)

// Period is what a limit counts in.
type Period string

// The periods. Each begins on a whole second, hour or day of UTC.
const (
	Second Period = "second"
	Hour   Period = "hour"
	Day    Period = "day"
)

// periods in the order in which room is asked for: the one that lasts longest says first that there is none.
func periods() [3]Period { return [3]Period{Day, Hour, Second} }

// Length is how long a period lasts.
func (p Period) Length() time.Duration {
	switch p {
	case Second:
		return time.Second
	case Hour:
		return time.Hour
	case Day:
		return 24 * time.Hour
	default:
		return 24 * time.Hour
	}
}

// Allowance shares limits between all that send over an account. Its methods are safe for concurrent use.
type Allowance interface {
	// Take takes part of what is left of limit in the period that has now in it: some of it, so that others find room
	// too, and all at most. 0 says that nothing is left. Starts is the period's beginning.
	Take(ctx context.Context, account string, p Period, limit int, now time.Time) (granted int, starts time.Time, err error)
	// Return gives back what was taken in the period that starts then, and not used. It happens when an account goes, which
	// no message waits for, so it bounds its time itself.
	Return(account string, p Period, starts time.Time, unused int) error
}

// lease is what an account may still send in one period without asking.
type lease struct {
	starts time.Time
	left   int
	limit  int
	none   time.Time // until then it is believed that nothing is left for anybody
}

// leases of one account.
type leases struct {
	allowance Allowance
	account   string

	asking sync.Mutex // one asks, and the others wait for what it gets
	mu     sync.Mutex
	have   map[Period]*lease
}

// recheck is how long an exhausted limit is believed, for others may give back what they did not use.
const recheck = 10 * time.Second

// take takes one message of each limited period, and says whether there was room. Without, it takes nothing.
func (l *leases) take(ctx context.Context, s *Settings, now time.Time) (bool, error) {
	for {
		short, ok := l.takeAll(s, now)
		if ok {
			return true, nil
		}
		if _, full := l.full(s, now); full {
			return false, nil
		}
		if err := l.ask(ctx, short, s, now); err != nil {
			return false, err
		}
	}
}

// takeAll takes of every period or of none, and names the one of which there is none at hand.
func (l *leases) takeAll(s *Settings, now time.Time) (short Period, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range periods() {
		if s.limit(p, now) > 0 && !l.of(p).holds(p, now) {
			return p, false
		}
	}
	for _, p := range periods() {
		if s.limit(p, now) > 0 {
			l.have[p].left--
		}
	}
	return "", true
}

func (l *leases) of(p Period) *lease {
	if l.have[p] == nil {
		if l.have == nil {
			l.have = map[Period]*lease{}
		}
		l.have[p] = &lease{}
	}
	return l.have[p]
}

// full says whether it is known that nothing is left in some period, and when there will be more.
func (l *leases) full(s *Settings, now time.Time) (until time.Time, full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range periods() {
		if limit := s.limit(p, now); limit > 0 && !l.of(p).holds(p, now) && l.of(p).exhausted(limit, now) {
			return l.of(p).ends(p, now), true
		}
	}
	return now, false
}

// exhausted says that nothing was left a moment ago.
func (one *lease) exhausted(limit int, now time.Time) bool {
	return one.limit == limit && now.Before(one.none)
}

// ends is when the next period begins.
func (one *lease) ends(p Period, now time.Time) time.Time {
	if end := one.starts.Add(p.Length()); end.After(now) {
		return end
	}
	return one.none
}

func (one *lease) holds(p Period, now time.Time) bool {
	return one.left > 0 && now.Before(one.starts.Add(p.Length()))
}

// ask fills the lease of a period, unless somebody else has meanwhile.
func (l *leases) ask(ctx context.Context, p Period, s *Settings, now time.Time) error {
	l.asking.Lock()
	defer l.asking.Unlock()
	limit := s.limit(p, now)
	l.mu.Lock()
	one := *l.of(p)
	l.mu.Unlock()
	if one.holds(p, now) || one.exhausted(limit, now) {
		return nil
	}
	granted, starts, err := l.allowance.Take(ctx, l.account, p, limit, now)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	next := &lease{starts: starts, left: granted, limit: limit}
	if granted == 0 {
		next.none = starts.Add(p.Length())
		if again := now.Add(recheck); again.Before(next.none) {
			next.none = again
		}
		if !next.none.After(now) {
			next.none = now.Add(time.Second)
		}
	}
	l.have[p] = next
	return nil
}

// giveBack returns one message of each limited period, that was not sent.
func (l *leases) giveBack(s *Settings, taken, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range periods() {
		one := l.have[p]
		// Of a period that is over, nothing can be given back.
		if s.limit(p, taken) > 0 && one != nil && !taken.Before(one.starts) && now.Before(one.starts.Add(p.Length())) {
			one.left++
			one.none = time.Time{}
		}
	}
}

// surrender returns everything that is left to the others.
func (l *leases) surrender() error {
	l.mu.Lock()
	have := l.have
	l.have = nil
	l.mu.Unlock()
	for p, one := range have {
		if one.left == 0 || p == Second {
			continue
		}
		if err := l.allowance.Return(l.account, p, one.starts, one.left); err != nil {
			return err
		}
	}
	return nil
}
