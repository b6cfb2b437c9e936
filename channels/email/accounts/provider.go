package accounts

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"
)

// providers are who receives for the domains of the large mailbox providers. Others are known by their domain.
//
//nolint:gochecknoglobals // a table
var providers = map[string]string{
	"gmail.com": "google", "googlemail.com": "google",
	"outlook.com": "microsoft", "hotmail.com": "microsoft", "hotmail.co.uk": "microsoft", "hotmail.fr": "microsoft",
	"hotmail.de": "microsoft", "hotmail.it": "microsoft", "hotmail.es": "microsoft", "outlook.de": "microsoft",
	"outlook.fr": "microsoft", "outlook.es": "microsoft", "live.com": "microsoft", "live.co.uk": "microsoft",
	"live.fr": "microsoft", "live.nl": "microsoft", "msn.com": "microsoft", "passport.com": "microsoft",
	"yahoo.com": "yahoo", "yahoo.co.uk": "yahoo", "yahoo.fr": "yahoo", "yahoo.de": "yahoo", "yahoo.it": "yahoo",
	"yahoo.es": "yahoo", "yahoo.ca": "yahoo", "yahoo.co.in": "yahoo", "yahoo.com.br": "yahoo", "yahoo.com.au": "yahoo",
	"ymail.com": "yahoo", "rocketmail.com": "yahoo", "aol.com": "yahoo", "aim.com": "yahoo",
	"icloud.com": "apple", "me.com": "apple", "mac.com": "apple",
	"proton.me": "proton", "protonmail.com": "proton", "pm.me": "proton",
	"gmx.de": "gmx", "gmx.net": "gmx", "gmx.com": "gmx", "gmx.at": "gmx", "gmx.ch": "gmx", "web.de": "gmx",
	"ukr.net": "ukr.net", "i.ua": "i.ua", "ua.fm": "i.ua", "email.ua": "i.ua", "meta.ua": "meta.ua", "bigmir.net": "bigmir",
}

// exchangers are who stands behind a mail exchanger, by the end of its name.
//
//nolint:gochecknoglobals // a table
var exchangers = map[string]string{
	"google.com": "google", "googlemail.com": "google", "outlook.com": "microsoft", "mx.microsoft": "microsoft",
	"yahoodns.net": "yahoo", "icloud.com": "apple", "protonmail.ch": "proton", "ukr.net": "ukr.net",
}

const (
	exchangerKept = time.Hour
	lookUpTimeout = 2 * time.Second
	maxExchangers = 10_000
)

// directory tells who receives for a domain.
type directory struct {
	look func(ctx context.Context, domain string) (string, error) // nil: only the tables are asked
	now  func() time.Time

	mu    sync.Mutex
	known map[string]found
}

type found struct {
	provider string
	until    time.Time
}

// provider names who receives for an address.
func (d *directory) provider(ctx context.Context, address string) string {
	domain := strings.ToLower(strings.TrimRight(address[strings.LastIndexByte(address, '@')+1:], "."))
	if p, ok := providers[domain]; ok || d.look == nil || domain == "" {
		if ok {
			return p
		}
		return domain
	}
	d.mu.Lock()
	kept, ok := d.known[domain]
	d.mu.Unlock()
	now := d.now()
	if ok && now.Before(kept.until) {
		return kept.provider
	}
	looking, cancel := context.WithTimeout(ctx, lookUpTimeout)
	defer cancel()
	kept = found{provider: domain, until: now.Add(exchangerKept)}
	// Whoever cannot be found counts by the domain alone: sending needs no answer.
	if host, err := d.look(looking, domain); err == nil {
		kept.provider = providerOfExchanger(host, domain)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= maxExchangers {
		d.known = map[string]found{}
	}
	d.known[domain] = kept
	return kept.provider
}

func providerOfExchanger(host, domain string) string {
	host = strings.ToLower(strings.TrimRight(host, "."))
	for end := host; end != ""; {
		if p, ok := exchangers[end]; ok {
			return p
		}
		_, rest, more := strings.Cut(end, ".")
		if !more {
			break
		}
		end = rest
	}
	return domain
}

// LookUpMX asks the DNS for the first mail exchanger of a domain, for Config.LookUp.
func LookUpMX(ctx context.Context, domain string) (string, error) {
	list, err := net.DefaultResolver.LookupMX(ctx, domain)
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "", &net.DNSError{Err: "no mail exchanger", Name: domain, IsNotFound: true}
	}
	return list[0].Host, nil
}
