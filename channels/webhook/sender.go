package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"dotyk/channels"
)

const (
	// DefaultTimeout bounds a request that does not say.
	DefaultTimeout = 15 * time.Second
	// MaxBody is the most that is read of an answer, in bytes.
	MaxBody = 64 << 10

	connectTimeout = 10 * time.Second
	maxHeader      = 64 << 10
	userAgent      = "Dotyk-Webhooks"
)

// Config says where requests may go.
type Config struct {
	// AllowPrivate lets requests go to loopback, private and link-local addresses, too: for development and tests only,
	// because whoever writes campaigns could then reach what stands beside the program.
	AllowPrivate bool
}

// Request is one request.
type Request struct {
	// ID names what is sent, the same for each attempt, so that the server can tell a second one. It has no dot in it.
	ID     string
	URL    string // absolute, http or https
	Method string // POST if empty, PUT or PATCH
	// Headers are sent besides our own. Those of the signature, Host and what speaks of the connection cannot be set;
	// Content-Type is application/json unless it is.
	Headers map[string]string
	Body    []byte
	Secret  []byte        // key of the signature; empty for none
	Timeout time.Duration // of one attempt, until the whole answer is read; 0 means DefaultTimeout
}

// Answer is what a server said.
type Answer struct {
	Status int
	// Body is the answer decoded, with numbers as json.Number, if it is JSON of no more than MaxBody; else it is text, cut
	// to MaxBody; nil if it is empty.
	Body     any
	Duration time.Duration
}

// Sender sends requests. It is safe for concurrent use.
type Sender struct {
	client http.Client
}

// New makes a sender. It uses no proxy, whatever the environment says: the addresses behind one cannot be checked.
func New(config Config) *Sender {
	dialer := &net.Dialer{Timeout: connectTimeout}
	if !config.AllowPrivate {
		dialer.Control = refusePrivate
	}
	return &Sender{client: http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: connectTimeout,
			IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: maxHeader,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close closes the connections that are not in use.
func (s *Sender) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// Send makes one attempt. Success is a status of 200 to 299; any other error is a *channels.SendError, and where there
// was an answer it is given beside it:
//
//	Temporary   a status of 408, 425, 429 or 500 and above, a timeout, no connection: try again later
//	BadMessage  any other status, redirects among them, which are not followed; a request that cannot be sent; an address
//	            that is not public (ErrPrivate): it will never be taken
//
// After Temporary the request may have been received. That is why it has an ID.
func (s *Sender) Send(ctx context.Context, r Request) (Answer, error) {
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	began := time.Now()
	request, err := build(ctx, r, began)
	if err != nil {
		return Answer{}, &channels.SendError{Kind: channels.BadMessage, Detail: err.Error(), Err: err}
	}
	answer, retryAfter, err := s.exchange(request)
	answer.Duration = time.Since(began)
	if err != nil {
		kind := channels.Temporary
		if errors.Is(err, ErrPrivate) {
			kind = channels.BadMessage
		}
		return answer, &channels.SendError{Kind: kind, Detail: err.Error(), Err: err}
	}
	return answer, judge(answer, retryAfter)
}

func build(ctx context.Context, r Request, now time.Time) (*http.Request, error) {
	if err := check(r); err != nil {
		return nil, err
	}
	method := r.Method
	if method == "" {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", userAgent)
	for name, value := range r.Headers {
		request.Header.Set(name, value)
	}
	sign(request.Header, r, now)
	return request, nil
}

// reserved are headers that the transport sets, or that would make it do something else than send this request.
var reserved = []string{
	"Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Trailer", "Te", "Expect",
	"Proxy-Authorization", "Proxy-Connection",
}

func check(r Request) error {
	u, err := url.Parse(r.URL)
	switch {
	case err != nil:
		return fmt.Errorf("read address: %w", err)
	case u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return errors.New("the address is not one of http:// or https://")
	case !slices.Contains([]string{"", http.MethodPost, http.MethodPut, http.MethodPatch}, r.Method):
		return fmt.Errorf("the method is %q: want POST, PUT or PATCH", r.Method)
	case r.ID == "" || strings.Contains(r.ID, ".") || !httpguts.ValidHeaderFieldValue(r.ID):
		return fmt.Errorf("the id %q cannot be signed: it is empty, or has a dot or a control character in it", r.ID)
	}
	for name, value := range r.Headers {
		if err := CheckHeader(name, value); err != nil {
			return err
		}
	}
	return nil
}

// CheckHeader says why a header cannot be one of Request.Headers; nil where it can.
func CheckHeader(name, value string) error {
	canonical := http.CanonicalHeaderKey(name)
	switch {
	case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
		return fmt.Errorf("the header %q has characters that cannot be sent", name)
	case slices.Contains(reserved, canonical) || strings.HasPrefix(canonical, headerPrefix):
		return fmt.Errorf("the header %s cannot be set: leave it out", canonical)
	}
	return nil
}

// exchange sends a request and reads the answer.
func (s *Sender) exchange(request *http.Request) (answer Answer, retryAfter time.Duration, err error) {
	response, err := s.client.Do(request)
	if err != nil {
		return Answer{}, 0, fmt.Errorf("send request: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	answer.Status = response.StatusCode
	// One byte more tells whether there is more.
	raw, err := io.ReadAll(io.LimitReader(response.Body, MaxBody+1))
	if err != nil {
		return answer, 0, fmt.Errorf("read answer with status %d: %w", answer.Status, err)
	}
	answer.Body = decode(raw)
	return answer, channels.RetryAfter(response.Header.Get("Retry-After"), time.Now()), nil
}

// judge says what a status means.
func judge(a Answer, retryAfter time.Duration) error {
	if a.Status >= 200 && a.Status < 300 {
		return nil
	}
	e := &channels.SendError{
		Kind: channels.BadMessage, Code: fmt.Sprint(a.Status), Detail: http.StatusText(a.Status), RetryAfter: retryAfter,
	}
	switch {
	case a.Status >= 300 && a.Status < 400:
		e.Detail = "the server sends us elsewhere, and we do not follow: give the final address"
	case a.Status >= 500, slices.Contains([]int{
		http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
	}, a.Status):
		e.Kind = channels.Temporary
	}
	return e
}
