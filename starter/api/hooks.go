package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"dotyk/activities/store"
	"dotyk/channels/email/hooks"
)

// maxHook bounds what a provider may post; SendGrid collects events.
const maxHook = 4 << 20

// errNoHook is all that a stranger is told, whatever was wrong.
var errNoHook = &problem{status: http.StatusForbidden, Code: "refused", Message: "refused", Advice: "see the README on webhooks of providers"}

// hook makes the handler of a provider's webhook: POST /hooks/<provider>?w=<workspace>. What it cannot prove to come from the
// provider is refused, without saying why; the log does.
func (s *server) hook(provider string, read func(r *http.Request, body []byte, secret string) ([]hooks.Event, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		body, err := s.body(w, r, maxHook)
		if err != nil {
			return err
		}
		workspace, err := strconv.ParseInt(r.URL.Query().Get("w"), 10, 64)
		if err != nil || workspace <= 0 {
			return errNoHook
		}
		secret, err := s.Store.ProviderSecret(r.Context(), workspace, provider)
		if errors.Is(err, store.ErrNotFound) {
			return errNoHook
		}
		if err != nil {
			return err
		}
		events, err := read(r, body, secret)
		if err != nil {
			s.Logger.WarnContext(r.Context(), "webhook of a provider was refused", "provider", provider, "workspace", workspace, "error", err)
			return errNoHook
		}
		for _, e := range events {
			report := store.MailReport{Key: e.Key, Touch: e.Touch, Report: e.Report, At: e.At}
			if _, err := s.Store.TakeReport(r.Context(), workspace, report); err != nil {
				return err // the provider tries again
			}
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

func (s *server) readSES(r *http.Request, body []byte, secret string) ([]hooks.Event, error) {
	return hooks.SES(r.Context(), body, secret, s.certificates.fetch, s.Now())
}

func (s *server) readSendGrid(r *http.Request, body []byte, secret string) ([]hooks.Event, error) {
	return hooks.SendGrid(body, r.Header.Get(hooks.SendGridSignature), r.Header.Get(hooks.SendGridTimestamp), secret, s.Now())
}

func (s *server) readMailgun(_ *http.Request, body []byte, secret string) ([]hooks.Event, error) {
	events, token, err := hooks.Mailgun(body, secret, s.Now())
	if err == nil && !s.mailgun.first(token, s.Now()) {
		return nil, fmt.Errorf("%w: its token was used before", hooks.ErrForged)
	}
	return events, err
}

func (s *server) readPostmark(r *http.Request, body []byte, secret string) ([]hooks.Event, error) {
	user, password, _ := r.BasicAuth()
	return hooks.Postmark(body, user, password, secret, s.Now())
}

// tokens remembers tokens that must be used once, for as long as a signature is believed. Other processes have their own;
// what slips through there counts once all the same, by the id of its event.
type tokens struct {
	mu   sync.Mutex
	used map[string]time.Time
}

const (
	tokensFor = 31 * time.Minute
	maxTokens = 100_000
)

func (t *tokens) first(token string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.used[token]; known {
		return false
	}
	if len(t.used) >= maxTokens || t.used == nil {
		kept := map[string]time.Time{}
		for token, at := range t.used {
			if now.Sub(at) < tokensFor && len(kept) < maxTokens/2 {
				kept[token] = at
			}
		}
		t.used = kept
	}
	t.used[token] = now
	return true
}

// certificates fetches Amazon's pages, and keeps its certificates.
type certificates struct {
	get   hooks.Fetch
	mu    sync.Mutex
	known map[string][]byte
}

const maxCertificates = 20

func (c *certificates) fetch(ctx context.Context, url string) ([]byte, error) {
	c.mu.Lock()
	raw, known := c.known[url]
	c.mu.Unlock()
	if known {
		return raw, nil
	}
	raw, err := c.get(ctx, url)
	if err != nil {
		return nil, err
	}
	if len(url) > 4 && url[len(url)-4:] == ".pem" {
		c.mu.Lock()
		if c.known == nil || len(c.known) >= maxCertificates {
			c.known = map[string][]byte{}
		}
		c.known[url] = raw
		c.mu.Unlock()
	}
	return raw, nil
}

// fetchPage gets a small page. It follows no redirect: those whom the address was checked for are not whom it would lead to.
func fetchPage(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %s", resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, 256<<10))
}
