package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dotyk/channels"
)

// attempt is a message under way over an account.
type attempt struct {
	member   *member
	account  Account
	provider string
	pace     *pace
	probe    bool
	at       time.Time
}

// allPaused is how long a message waits when there is no account to send over: a person must act.
const allPaused = time.Minute

// maxPaces bounds the memory of the rates of an account.
const maxPaces = 10_000

// noneError says why no account can take a message.
type noneError struct {
	limited time.Time // when the first of those has room that are at a limit; zero where there is none
	broken  time.Time // when the first of those is tried again that fail; zero where there is none
	why     string
	paused  bool // there is no account
}

// until is when it may be worth another try.
func (e *noneError) until() time.Time {
	if e.limited.IsZero() || !e.broken.IsZero() && e.broken.Before(e.limited) {
		return e.broken
	}
	return e.limited
}

func (e *noneError) note(at *time.Time, until time.Time, why string) {
	if at.IsZero() || until.Before(*at) {
		*at = until
	}
	if !strings.Contains(e.why, why) {
		e.why = strings.TrimPrefix(e.why+"; "+why, "; ")
	}
}

// sendError is e for the caller of a session.
func (e *noneError) sendError(now time.Time) *channels.SendError {
	switch {
	case e.paused:
		return &channels.SendError{
			Kind: channels.Temporary, RetryAfter: allPaused,
			Detail: "every sending account of the workspace is paused: resume one with starter account resume",
		}
	case e.limited.IsZero():
		return &channels.SendError{Kind: channels.Unreachable, Detail: e.why, RetryAfter: max(e.until().Sub(now), time.Second)}
	default:
		return &channels.SendError{Kind: channels.Temporary, Detail: e.why, RetryAfter: max(e.until().Sub(now), time.Second)}
	}
}

// pick chooses an account for a message to provider, besides those that were tried, and counts the message. The message
// must be ended by done.
func (r *Router) pick(ctx context.Context, provider string, tried []*member) (*attempt, *noneError, error) {
	for {
		a, none, err := r.choose(provider, tried)
		if a == nil {
			return nil, none, err
		}
		ok, err := a.member.leases.take(ctx, &a.account.Settings, a.at)
		if ok {
			return a, nil, nil
		}
		r.drop(a)
		if err != nil {
			return nil, nil, fmt.Errorf("ask for room under the limits of account %s: %w", a.account.Name, err)
		}
		// It is known to be full now, so that choose passes it over.
	}
}

// choose is pick without the limits that others share.
func (r *Router) choose(provider string, except []*member) (*attempt, *noneError, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, nil, ErrClosed
	}
	now := r.cfg.Now()
	none := &noneError{paused: len(r.members) == 0}
	var able []*member
	for _, m := range r.members {
		if !slices.Contains(except, m) && m.able(provider, now, none) {
			able = append(able, m)
		}
	}
	if len(able) == 0 {
		return nil, none, nil
	}
	m := turn(able)
	m.flying++
	p := m.pace(provider)
	p.take(now)
	return &attempt{member: m, account: m.account, provider: provider, pace: p, probe: m.breaker.begin(), at: now}, nil, nil
}

// able says whether a message to provider may go over the account now; otherwise none is told why not.
func (m *member) able(provider string, now time.Time, none *noneError) bool {
	if until, ok := m.breaker.ready(now); !ok {
		none.note(&none.broken, until, fmt.Sprintf("account %s is left alone for a while: %s", m.account.Name, m.why))
		return false
	}
	if until, full := m.leases.full(&m.account.Settings, now); full {
		none.note(&none.limited, until, fmt.Sprintf("account %s is at its limit", m.account.Name))
		return false
	}
	if p := m.paces[provider]; p != nil {
		if until, ok := p.ready(now); !ok {
			none.note(&none.limited, until, fmt.Sprintf("%s takes no more of account %s at the moment", provider, m.account.Name))
			return false
		}
	}
	return true
}

// pace is the rate of a provider; one that is without a limit may be forgotten when there are many.
func (m *member) pace(provider string) *pace {
	if p := m.paces[provider]; p != nil {
		return p
	}
	if len(m.paces) >= maxPaces {
		for name, p := range m.paces {
			if p.rate == 0 {
				delete(m.paces, name)
			}
		}
	}
	p := &pace{}
	m.paces[provider] = p
	return p
}

// turn chooses by smooth weighted round robin, as nginx does: each gains its weight, and the richest pays for all. First
// come those with a free connection: waiting for another would waste it. An account of weight 0 comes when there is no other.
func turn(able []*member) *member {
	for _, keep := range []func(*member) bool{
		func(m *member) bool { return m.account.Weight > 0 },
		func(m *member) bool { return m.flying < m.sender.Connections() },
	} {
		if kept := filter(able, keep); len(kept) > 0 {
			able = kept
		}
	}
	best, sum := able[0], 0
	for _, m := range able {
		weight := max(m.account.Weight, 1)
		m.credit += weight
		sum += weight
		if m.credit > best.credit {
			best = m
		}
	}
	best.credit -= sum
	return best
}

func filter(list []*member, keep func(*member) bool) []*member {
	var kept []*member
	for _, m := range list {
		if keep(m) {
			kept = append(kept, m)
		}
	}
	return kept
}

// drop takes back an attempt of which the server saw nothing.
func (r *Router) drop(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.pace.giveBack()
	a.member.breaker.neither(a.probe)
	r.landed(a.member)
}

// abort takes back an attempt that nobody wanted in the end.
func (r *Router) abort(a *attempt) {
	a.member.leases.giveBack(&a.account.Settings, a.at, r.cfg.Now())
	r.drop(a)
}

// landed ends one message of a member. The caller holds the mutex.
func (r *Router) landed(m *member) {
	m.flying--
	if m.retired && m.flying == 0 {
		go r.end(m)
	}
}

// done learns from how an attempt ended; nil is success.
func (r *Router) done(ctx context.Context, a *attempt, err error) {
	var failure *channels.SendError
	errors.As(err, &failure)
	now := r.cfg.Now()
	if failure != nil && failure.Kind != channels.Unknown { // it was not sent
		a.member.leases.giveBack(&a.account.Settings, a.at, now)
	}
	if opened := r.learn(ctx, a, failure, now); opened != nil {
		r.cfg.Logger.Warn("sending account is left alone for a while", "account", opened.Name, "why", opened.Why, "until", opened.Until)
		if r.cfg.Trouble != nil {
			r.cfg.Trouble(ctx, *opened)
		}
	}
}

func (r *Router) learn(ctx context.Context, a *attempt, failure *channels.SendError, now time.Time) (opened *Trouble) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := a.member
	defer r.landed(m)
	switch blame(ctx, failure) {
	case nobody:
		m.breaker.success()
	case ourselves:
		m.breaker.neither(a.probe)
	case theProvider:
		m.breaker.success()
		a.pace.refused(now)
	case theAccount:
		m.why = failure.Error()
		if m.breaker.failure(now, a.probe) {
			opened = &Trouble{Account: m.account.ID, Name: m.account.Name, Why: m.why, Until: m.breaker.until}
		}
	}
	return opened
}

type blamed int

const (
	nobody      blamed = iota // the account works
	ourselves                 // we gave up, or the server was not asked
	theProvider               // it wants to be written to more slowly
	theAccount                // it cannot be reached, or is refused
)

func blame(ctx context.Context, f *channels.SendError) blamed {
	switch {
	case f == nil:
		return nobody
	case f.Kind == channels.Temporary && f.Code != "" && slow(f.Code):
		return theProvider
	case f.Kind == channels.Unreachable, f.Kind == channels.SenderBlocked:
		return theAccount
	case f.Code != "":
		return nobody // the server answered
	case ctx.Err() != nil, f.Kind == channels.BadMessage:
		return ourselves
	default: // the connection broke
		return theAccount
	}
}

// slow says whether a temporary refusal asks for fewer messages: 421, and what RFC 3463 calls policy.
func slow(code string) bool {
	reply, enhanced, _ := strings.Cut(code, " ")
	return reply == "421" || strings.HasPrefix(enhanced, "4.7.")
}
