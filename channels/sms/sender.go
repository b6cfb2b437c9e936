package sms

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"dotyk/channels"
)

var _ channels.SMSSender = (*Sender)(nil)

// ErrConfig is wrapped by every error about a configuration that cannot work.
var ErrConfig = errors.New("bad Twilio configuration")

// The defaults of Config.
const (
	DefaultConnections = 20
	DefaultTimeout     = 15 * time.Second
)

// MaxBody is the most characters that Twilio takes in one message.
const MaxBody = 1600

// clockSlack is how far Twilio's clock, which tells whole seconds, may be behind ours.
const clockSlack = 2 * time.Second

// pageSize is the most messages that Twilio lists at once.
const pageSize = 1000

// Config says which account sends. AccountSID and AuthToken are needed.
type Config struct {
	AccountSID string // AC…
	AuthToken  string
	// BaseURL is where the API is, when it is not Twilio's own: a development phone or a test server. Its path is put
	// before Twilio's.
	BaseURL string
	// Timeout bounds one call. A call that runs into it has an unknown outcome, so keep it generous. 0 means 15 s.
	Timeout time.Duration
	// MaxConnections is the most calls that are worth making at one time. 0 means 20.
	MaxConnections int
}

// Sender sends for one account. It is safe for concurrent use.
type Sender struct {
	cfg  Config
	base *url.URL // nil for Twilio itself
	http *http.Transport
}

var (
	accountSID = regexp.MustCompile(`^AC[0-9a-zA-Z]+$`)
	authToken  = regexp.MustCompile(`^[0-9a-zA-Z]+$`)
)

// New checks the configuration and makes a sender. It connects when the first message is sent.
func New(cfg Config) (*Sender, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = DefaultConnections
	}
	switch {
	case !accountSID.MatchString(cfg.AccountSID):
		return nil, fmt.Errorf("%w: account sid %q, want AC and letters or digits", ErrConfig, cfg.AccountSID)
	case !authToken.MatchString(cfg.AuthToken):
		return nil, fmt.Errorf("%w: the auth token has other characters than letters and digits", ErrConfig)
	case cfg.Timeout < 0 || cfg.MaxConnections < 0:
		return nil, fmt.Errorf("%w: a negative timeout or number of connections", ErrConfig)
	}
	s := &Sender{cfg: cfg, http: newTransport(cfg.MaxConnections)}
	if cfg.BaseURL != "" {
		u, err := url.Parse(cfg.BaseURL)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fmt.Errorf("%w: base URL %q, want http:// or https://", ErrConfig, cfg.BaseURL)
		}
		s.base = u
	}
	return s, nil
}

// Connections is the largest number of messages that should be in flight.
func (s *Sender) Connections() int { return s.cfg.MaxConnections }

// Close closes the connections that are not in use.
func (s *Sender) Close() error {
	s.http.CloseIdleConnections()
	return nil
}

// Send hands m to Twilio and returns its receipt, of which Segments is our own count where Twilio does not yet know. The
// error is always a *channels.SendError; only of kind Unknown may the message have been sent. Twilio has no idempotency
// key: after Unknown, wait for a callback on m.StatusCallback or ask Find, and never just send again.
func (s *Sender) Send(ctx context.Context, m *channels.SMSMessage) (channels.Receipt, error) {
	if err := check(m); err != nil {
		return channels.Receipt{}, &channels.SendError{Kind: channels.BadMessage, Detail: err.Error(), Err: err}
	}
	p := &openapi.CreateMessageParams{}
	p.SetTo(m.To)
	p.SetBody(m.Body)
	if strings.HasPrefix(m.From, "MG") {
		p.SetMessagingServiceSid(m.From)
	} else {
		p.SetFrom(m.From)
	}
	if m.StatusCallback != "" {
		p.SetStatusCallback(m.StatusCallback)
	}
	var answer *openapi.ApiV2010Message
	err := s.Call(ctx, func(api *openapi.ApiService) (err error) {
		if answer, err = api.CreateMessage(p); err == nil && text(answer.Sid) == "" {
			err = errors.New("answer without a sid")
		}
		return err
	})
	if err != nil {
		return channels.Receipt{}, err
	}
	return receipt(answer, m.Body), nil
}

func check(m *channels.SMSMessage) error {
	switch {
	case m.To == "":
		return errors.New("no recipient")
	case m.From == "":
		return errors.New("no sender")
	case strings.TrimSpace(m.Body) == "":
		return errors.New("no text")
	case !utf8.ValidString(m.Body):
		return errors.New("the text is not valid UTF-8")
	case utf8.RuneCountInString(m.Body) > MaxBody:
		return fmt.Errorf("%d characters, at most %d", utf8.RuneCountInString(m.Body), MaxBody)
	}
	return nil
}

// Find asks Twilio for the newest message to m.To with the text m.Body that was created at or after since, less two
// seconds for the clocks. It returns ErrNotFound when Twilio knows none; a *channels.SendError speaks of the question,
// not of the message.
func (s *Sender) Find(ctx context.Context, m *channels.SMSMessage, since time.Time) (channels.Receipt, error) {
	earliest := since.Add(-clockSlack)
	// The first list is short but may lack messages that are still queued, whose date of sending is null.
	for _, after := range []*time.Time{&earliest, nil} {
		list, err := s.list(ctx, m.To, after)
		if err != nil {
			return channels.Receipt{}, err
		}
		found, err := newest(list, m.Body, earliest)
		if err == nil {
			return receipt(found, m.Body), nil
		}
		if !errors.Is(err, channels.ErrNotFound) {
			return channels.Receipt{}, &channels.SendError{Kind: channels.Temporary, Detail: err.Error(), Err: err}
		}
	}
	return channels.Receipt{}, channels.ErrNotFound
}

// list reads one page: Twilio lists the newest first, and a number has far fewer messages since any attempt of ours.
func (s *Sender) list(ctx context.Context, to string, after *time.Time) ([]openapi.ApiV2010Message, error) {
	p := &openapi.ListMessageParams{}
	p.SetTo(to)
	p.SetPageSize(pageSize)
	if after != nil {
		p.SetDateSentAfter(after.UTC())
	}
	var page *openapi.ListMessageResponse
	err := s.Ask(ctx, func(api *openapi.ApiService) (err error) {
		page, err = api.PageMessage(p, "", "")
		return err
	})
	if err != nil {
		return nil, err
	}
	return page.Messages, nil
}

func newest(list []openapi.ApiV2010Message, body string, earliest time.Time) (*openapi.ApiV2010Message, error) {
	var (
		found *openapi.ApiV2010Message
		at    time.Time
	)
	for i := range list {
		m := &list[i]
		if strings.TrimSpace(text(m.Body)) != strings.TrimSpace(body) || text(m.Direction) == "inbound" {
			continue
		}
		created, err := mail.ParseDate(text(m.DateCreated))
		if err != nil {
			return nil, fmt.Errorf("read date of message %s: %w", text(m.Sid), err)
		}
		if !created.Before(earliest.Truncate(time.Second)) && (found == nil || created.After(at)) {
			found, at = m, created
		}
	}
	if found == nil {
		return nil, channels.ErrNotFound
	}
	return found, nil
}

func receipt(m *openapi.ApiV2010Message, body string) channels.Receipt {
	r := channels.Receipt{ProviderID: text(m.Sid), Response: text(m.Status), Sender: text(m.From)}
	// A messaging service answers "0" until it has chosen a sender.
	if n, err := strconv.Atoi(text(m.NumSegments)); err == nil && n > 0 {
		r.Segments = n
	} else {
		r.Segments = Count(body).Parts
	}
	return r
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
