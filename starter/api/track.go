package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/net/idna"

	"dotyk/activities/store"
	"dotyk/channels/links"
	"dotyk/channels/tracking"
)

// follow leads whoever follows a link of a message to where it was signed to lead, at once: what was seen is noted aside.
// A link works on every host, since it may have been made for a domain of the workspace's own.
func (s *server) follow(w http.ResponseWriter, r *http.Request) error {
	claim, err := s.tracked(r, links.Click, r.PathValue("token"))
	if err != nil {
		return s.trackFailed(w, r, err)
	}
	s.saw(r, tracking.Click, claim)
	h := w.Header()
	h.Set("Location", location(claim.Target))
	h.Set("Cache-Control", "no-store, private")
	h.Set("X-Robots-Tag", "noindex")
	w.WriteHeader(http.StatusFound)
	return nil
}

// picture is what shows that a message was opened.
func (s *server) picture(w http.ResponseWriter, r *http.Request) error {
	token, ok := strings.CutSuffix(r.PathValue("file"), ".gif")
	if !ok {
		return s.trackFailed(w, r, links.ErrBadToken)
	}
	claim, err := s.tracked(r, links.Open, token)
	if err != nil {
		return s.trackFailed(w, r, err)
	}
	s.saw(r, tracking.Open, claim)
	h := w.Header()
	h.Set("Content-Type", "image/gif")
	h.Set("Cache-Control", "no-store, no-cache, must-revalidate, private")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(gif[:]) // whoever went away does not need the picture
	return nil
}

// trap is the link that no person sees. It leads nowhere, as a link that is not known.
func (s *server) trap(w http.ResponseWriter, r *http.Request) error {
	if claim, err := s.tracked(r, links.Honeypot, r.PathValue("token")); err == nil {
		s.saw(r, tracking.Honeypot, claim)
	}
	return s.trackFailed(w, r, links.ErrBadToken)
}

// tracked reads a token. The secret that proves it is asked for once and then known, so that links lead on while the
// database is away.
func (s *server) tracked(r *http.Request, purpose links.Purpose, token string) (links.Claim, error) {
	workspace, err := links.WorkspaceOf(purpose, token)
	if err != nil {
		return links.Claim{}, err
	}
	signer, err := s.signers.of(r.Context(), workspace, s.Now())
	if err != nil {
		return links.Claim{}, err
	}
	return signer.Read(purpose, token)
}

func (s *server) saw(r *http.Request, kind tracking.Kind, claim links.Claim) {
	if s.Observer == nil {
		return
	}
	s.Observer.Note(claim.Workspace, tracking.Observation{
		ID: uuid.Must(uuid.NewV7()).String(), TouchID: claim.ID, Kind: kind, Head: r.Method == http.MethodHead, URL: claim.Target,
		At: s.Now(), Network: network(s.clientAddr(r)), UserAgent: cut(r.UserAgent(), 500),
	})
}

// trackFailed shows the page of links that do not work, the same whatever is wrong with them, and holds up those who try
// many. Links that work are never held up: proxies of mail programs fetch thousands from one address.
func (s *server) trackFailed(w http.ResponseWriter, r *http.Request, err error) error {
	if !errors.Is(err, links.ErrBadToken) && !errors.Is(err, store.ErrNotFound) {
		s.Logger.ErrorContext(r.Context(), "link failed", "error", err)
		s.pages.away(w, r, http.StatusServiceUnavailable)
		return nil
	}
	if wait := s.badLinks.wait(s.clientAddr(r)); wait > 0 {
		setRetry(w, &problem{status: http.StatusTooManyRequests, retryAfter: wait})
		s.pages.away(w, r, http.StatusTooManyRequests)
		return nil
	}
	s.pages.badLink(w, r)
	return nil
}

// network is as much of an address as is kept: /24 of IPv4, /48 of IPv6.
func network(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	bits := 24
	if a.Is6() {
		bits = 48
	}
	return netip.PrefixFrom(a, bits).Masked().String()
}

// location writes a target as a header carries it: hosts in ASCII (RFC 5891), other letters as their bytes in UTF-8
// (RFC 3986 section 2.5). What was ASCII before stays as it was.
func location(target string) string {
	scheme, rest, _ := strings.Cut(target, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	host := rest[:end]
	if u, err := url.Parse(target); err == nil && !ascii(u.Hostname()) {
		if name, err := idna.Lookup.ToASCII(u.Hostname()); err == nil {
			host = strings.Replace(host, u.Hostname(), name, 1)
		}
	}
	var b strings.Builder
	for _, c := range []byte(host + rest[end:]) {
		if c < 0x80 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return scheme + "://" + b.String()
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

// signers are those of the workspaces whose tokens came. A workspace's secret never changes, so what is known stays
// known; that there is no such workspace is forgotten, since there may be one later.
type signers struct {
	secret func(ctx context.Context, workspace int64) ([]byte, error)

	mu      sync.Mutex
	known   map[int64]*links.Signer
	missing map[int64]time.Time // since when; bounded by signersMissing
}

const (
	signersMissing = 1000
	signersForget  = time.Minute
	signersWait    = 3 * time.Second // for the database, where a secret is not known yet
)

func newSigners(secret func(ctx context.Context, workspace int64) ([]byte, error)) *signers {
	return &signers{secret: secret, known: map[int64]*links.Signer{}, missing: map[int64]time.Time{}}
}

// of gives the signer of a workspace. store.ErrNotFound when there is no such workspace.
func (c *signers) of(ctx context.Context, workspace int64, now time.Time) (*links.Signer, error) {
	if signer, err := c.cached(workspace, now); signer != nil || err != nil {
		return signer, err
	}
	ctx, cancel := context.WithTimeout(ctx, signersWait)
	defer cancel()
	secret, err := c.secret(ctx, workspace)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("find secret of links: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if len(c.missing) >= signersMissing {
			clear(c.missing)
		}
		c.missing[workspace] = now
		return nil, err
	}
	signer, err := links.NewSigner(secret)
	if err != nil {
		return nil, fmt.Errorf("use workspace secret: %w", err)
	}
	c.known[workspace] = signer
	return signer, nil
}

func (c *signers) cached(workspace int64, now time.Time) (*links.Signer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if since, missing := c.missing[workspace]; missing && now.Sub(since) < signersForget {
		return nil, fmt.Errorf("workspace %d: %w", workspace, store.ErrNotFound)
	}
	return c.known[workspace], nil
}
