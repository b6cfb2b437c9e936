package sms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twilio/twilio-go/client"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"dotyk/channels"
)

// maxErrorBody bounds how much of an error's body is read.
const maxErrorBody = 64 << 10

// call is one call of the API. twilio-go knows neither contexts nor response headers, so each call has a client of its
// own, over the shared connections, whose RoundTripper is the call.
type call struct {
	ctx    context.Context // stored, because twilio-go makes the request itself and offers no way to hand one through
	sender *Sender

	connected  atomic.Bool // a connection was had, so that something may have been sent
	status     int         // of the answer, 0 if none came
	retryAfter time.Duration
}

func newTransport(connections int) *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if d, ok := http.DefaultTransport.(*http.Transport); ok {
		t = d.Clone()
	}
	t.MaxIdleConns = connections
	t.MaxIdleConnsPerHost = connections // the default of 2 would dial anew for nearly every message
	return t
}

func (s *Sender) newCall(ctx context.Context) (*call, context.CancelFunc) {
	c := &call{sender: s}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	c.ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { c.connected.Store(true) },
	})
	return c, cancel
}

// RoundTrip sends req under the call's context, to the configured place, and reads the body of an error whole: twilio-go
// never closes it, which would leak the connection.
func (c *call) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(c.ctx)
	if base := c.sender.base; base != nil {
		req.URL.Scheme, req.URL.Host, req.Host = base.Scheme, base.Host, base.Host
		req.URL.Path = strings.TrimSuffix(base.Path, "/") + req.URL.Path
	}
	res, err := c.sender.http.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	c.status = res.StatusCode
	c.retryAfter = channels.RetryAfter(res.Header.Get("Retry-After"), time.Now())
	if res.StatusCode < 200 || res.StatusCode >= 400 {
		body, err := io.ReadAll(io.LimitReader(res.Body, maxErrorBody))
		closeErr := res.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("read answer with status %d: %w", res.StatusCode, err)
		}
		if closeErr != nil {
			return nil, fmt.Errorf("close answer with status %d: %w", res.StatusCode, closeErr)
		}
		res.Body = io.NopCloser(bytes.NewReader(body))
	}
	return res, nil
}

// Call makes one call of Twilio's API: do makes it, by the client that it is handed. The error is a *channels.SendError,
// judged as Send judges it. Other products of the account, such as voice, use it, too.
func (s *Sender) Call(ctx context.Context, do func(*openapi.ApiService) error) error {
	c, cancel := s.newCall(ctx)
	defer cancel()
	if err := do(c.api()); err != nil {
		return classify(ctx, c, err)
	}
	return nil
}

// Ask is Call for a question, which changes nothing and so can be asked again: its failures are Temporary where that is
// all that can be told.
func (s *Sender) Ask(ctx context.Context, do func(*openapi.ApiService) error) error {
	err := s.Call(ctx, do)
	if e, ok := errors.AsType[*channels.SendError](err); ok && (e.Kind == channels.Unknown || e.Kind == channels.BadMessage) {
		e.Kind = channels.Temporary
	}
	return err
}

func (c *call) api() *openapi.ApiService {
	cl := &client.Client{
		Credentials: client.NewCredentials(c.sender.cfg.AccountSID, c.sender.cfg.AuthToken),
		HTTPClient: &http.Client{
			Transport:     c,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	cl.SetAccountSid(c.sender.cfg.AccountSID)
	// Not NewRequestHandler: it reads the environment.
	return openapi.NewApiService(&client.RequestHandler{Client: cl})
}
