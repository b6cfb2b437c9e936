package accounts

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"time"

	"dotyk/channels/email"
)

// ErrAccount is wrapped by every error about an account that cannot work.
var ErrAccount = errors.New("bad sending account")

// Account is one mail server that a workspace sends over.
type Account struct {
	ID       string // UUID
	Revision int    // grows with every change
	Settings
	Secrets
}

// Settings are what everybody who works with an account may see.
type Settings struct {
	Name     string // as receipts name it; letters, digits, dots, hyphens and underscores
	From     string // address that messages are from instead of their own; empty for theirs
	FromName string // goes with From
	Weight   int    // its share of the messages beside the other accounts' weights; 0 only when those cannot send
	Limits   Limits
	WarmUp   WarmUp
	DKIM     DKIM
}

// Secrets are what nobody may see.
type Secrets struct {
	URL     string // of the server, with the password; see email.ParseURL
	DKIMKey string // PEM of the private key, PKCS #1 or PKCS #8; empty where messages are not signed here
}

// DKIM names the key that receivers check signatures by: selector._domainkey.domain in the DNS.
type DKIM struct {
	Domain   string
	Selector string
}

// Limits are the most messages in a second, an hour and a day, of all workers together; 0 is no limit. Hours and days are
// those of UTC.
type Limits struct {
	Second int
	Hour   int
	Day    int
}

// WarmUp lets a new account send few messages at first, so that providers learn to know it.
type WarmUp struct {
	// Start is the first day, in UTC; the zero time is no warm-up.
	Start time.Time
	// PerDay is the limit of each day from Start on. Thereafter it doubles daily. Empty is DefaultWarmUp.
	PerDay []int
}

// DefaultWarmUp is the usual limit of each of the first days of a new account.
func DefaultWarmUp() []int { return []int{50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 40000} }

// warmUpEnds is where a limit that doubles is none any more.
const warmUpEnds = 1 << 30

// Limit is the most messages on the day of now; 0 is no limit. Before the first day it is that of the first.
func (w WarmUp) Limit(now time.Time) int {
	if w.Start.IsZero() {
		return 0
	}
	perDay := w.PerDay
	if len(perDay) == 0 {
		perDay = DefaultWarmUp()
	}
	const day = 24 * time.Hour
	n := int(now.UTC().Truncate(day).Sub(w.Start.UTC().Truncate(day)) / day)
	if n < len(perDay) {
		return perDay[max(n, 0)]
	}
	limit := perDay[len(perDay)-1]
	for range n - len(perDay) + 1 {
		if limit *= 2; limit >= warmUpEnds {
			return 0
		}
	}
	return limit
}

// limit gives the limit of a period on the day of now, warm-up included; 0 is no limit.
func (s *Settings) limit(p Period, now time.Time) int {
	switch p {
	case Second:
		return s.Limits.Second
	case Hour:
		return s.Limits.Hour
	case Day:
		warm := s.WarmUp.Limit(now)
		if s.Limits.Day == 0 || warm != 0 && warm < s.Limits.Day {
			return warm
		}
		return s.Limits.Day
	default:
		return 0
	}
}

var (
	accountName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	dnsName     = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$`)
)

const (
	maxWeight = 1000
	maxLimit  = 1_000_000_000
	maxWarmUp = 366
)

// Check says what is wrong with the settings, and how to mend it; nil when nothing is.
func (s *Settings) Check() error {
	switch {
	case !accountName.MatchString(s.Name):
		return fmt.Errorf("%w: name %q: give it 1 to 63 letters, digits, dots, hyphens and underscores", ErrAccount, s.Name)
	case s.Weight < 0 || s.Weight > maxWeight:
		return fmt.Errorf("%w: weight %d: give 0 to %d", ErrAccount, s.Weight, maxWeight)
	case s.FromName != "" && s.From == "":
		return fmt.Errorf("%w: a name to send from needs an address", ErrAccount)
	case strings.ContainsAny(s.FromName, "\r\n\x00"):
		return fmt.Errorf("%w: the name to send from must stand in one line", ErrAccount)
	case (s.DKIM.Domain == "") != (s.DKIM.Selector == ""):
		return fmt.Errorf("%w: DKIM needs a domain, a selector and a key", ErrAccount)
	case s.DKIM.Domain != "" && (!dnsName.MatchString(s.DKIM.Domain) || !dnsName.MatchString(s.DKIM.Selector)):
		return fmt.Errorf("%w: DKIM domain %q, selector %q: give names of the DNS such as shop.example and s1",
			ErrAccount, s.DKIM.Domain, s.DKIM.Selector)
	}
	if s.From != "" {
		if a, err := mail.ParseAddress(s.From); err != nil || a.Address != s.From {
			return fmt.Errorf("%w: from %q: give an address such as news@shop.example", ErrAccount, s.From)
		}
	}
	return s.checkLimits()
}

func (s *Settings) checkLimits() error {
	for what, n := range map[string]int{"second": s.Limits.Second, "hour": s.Limits.Hour, "day": s.Limits.Day} {
		if n < 0 || n > maxLimit {
			return fmt.Errorf("%w: %d messages a %s: give 1 to %d, or 0 for no limit", ErrAccount, n, what, maxLimit)
		}
	}
	if len(s.WarmUp.PerDay) > maxWarmUp {
		return fmt.Errorf("%w: a warm-up of %d days: give %d at the most", ErrAccount, len(s.WarmUp.PerDay), maxWarmUp)
	}
	for i, n := range s.WarmUp.PerDay {
		if n < 1 || n > maxLimit {
			return fmt.Errorf("%w: %d messages on day %d of the warm-up: give 1 to %d", ErrAccount, n, i+1, maxLimit)
		}
	}
	if len(s.WarmUp.PerDay) > 0 && s.WarmUp.Start.IsZero() {
		return fmt.Errorf("%w: a warm-up needs the day on which it starts", ErrAccount)
	}
	return nil
}

// Check says what is wrong with an account, and how to mend it; nil when nothing is. It does not repeat secrets.
func (a *Account) Check() error {
	if err := a.Settings.Check(); err != nil {
		return err
	}
	if a.URL == "" {
		return fmt.Errorf("%w: it needs the address of its server, as smtp://user:password@mail.example.com:587", ErrAccount)
	}
	if (a.DKIM.Domain == "") != (a.DKIMKey == "") {
		return fmt.Errorf("%w: DKIM needs a domain, a selector and a key", ErrAccount)
	}
	return a.Secrets.Check()
}

// Check says what is wrong with the secrets that are there.
func (s *Secrets) Check() error {
	if s.URL != "" {
		if _, err := email.ParseURL(s.URL); err != nil {
			return fmt.Errorf("%w: %w", ErrAccount, err)
		}
	}
	if s.DKIMKey != "" {
		if _, err := email.ParseDKIMKey([]byte(s.DKIMKey)); err != nil {
			return fmt.Errorf("%w: %w", ErrAccount, err)
		}
	}
	return nil
}

// Shown is the server's address without the password.
func (s *Secrets) Shown() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return ""
	}
	u.User = url.User(u.User.Username())
	if u.User.Username() == "" {
		u.User = nil
	}
	return u.String()
}
