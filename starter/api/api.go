package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/email/hooks"
	"dotyk/starter/ingest"
)

// Store is what the API reads and writes besides events: a *store.Store.
type Store interface {
	Authenticate(ctx context.Context, key string) (store.Key, error)
	SingleWorkspace(ctx context.Context) (store.Key, error)
	Touch(ctx context.Context, workspace int64, touchID string) (store.TouchRef, error)
	Withdraw(ctx context.Context, w store.Withdrawal) error
	consentStore
	Report(ctx context.Context, r store.StatusReport) error
	ReceiveMessage(ctx context.Context, workspace int64, in store.Inbound) (store.Received, error)
	WorkspaceSettings(ctx context.Context, workspace int64) (store.WorkspaceSettings, error)
	Delivery(ctx context.Context, workspace int64) (channels.Settings, error)
	CallCame(ctx context.Context, workspace int64, in store.IncomingCall) (store.CallRoute, error)
	CallChanged(ctx context.Context, workspace int64, c store.CallChange) (store.CallRecord, error)
	RecordCall(ctx context.Context, workspace int64, c store.CallMade) error
	CompleteTask(ctx context.Context, workspace int64, id string, o store.TaskOutcome) error
	Secret(ctx context.Context, workspace int64) ([]byte, error)
	Ping(ctx context.Context) error
	ProviderSecret(ctx context.Context, workspace int64, provider string) (string, error)
	TakeReport(ctx context.Context, workspace int64, m store.MailReport) (store.ReportResult, error)
}

// Submitter stores deliveries and returns once they are committed: an *ingest.Batcher.
type Submitter interface {
	Submit(ctx context.Context, d store.Delivery) (ingest.Result, error)
}

// Config of the API. Store and Batcher are required; the zero value of any other field means its default.
type Config struct {
	Store   Store
	Batcher Submitter
	Logger  *slog.Logger // default: slog.Default

	// PublicURL is the address under which the outside reaches this program, such as https://dotyk.example.com. Set it
	// behind a proxy: Twilio signs it, and clients are told it. Default: what each request says.
	PublicURL string
	// TrustedProxies are the networks whose X-Forwarded-For and X-Forwarded-Proto are believed. Default: loopback.
	TrustedProxies []netip.Prefix

	Limits          ingest.Limits // of the event API
	Forms           FormConfig
	TwilioAuthToken string        // empty: Twilio's webhooks are refused
	Timeout         time.Duration // for reading and answering one request; default 30 s

	// Ready says why the program cannot work yet, nil when it can. Its text is shown. Default: the database answers.
	Ready func(ctx context.Context) error
	// Observer is told who opens messages and follows their links. Without one, links lead on and nothing is learnt.
	Observer *Observer

	Dev http.Handler // serves /dev/ when set: the development mailbox and phone
	// Management serves /api/ and /openapi.json when set.
	Management http.Handler
	Next       http.Handler // serves every other path: the console; default 404

	// Fetch gets pages of Amazon's, for its webhooks. Default: over HTTPS; tests set another.
	Fetch hooks.Fetch

	// Now is the clock. Default time.Now; tests set another.
	Now func() time.Time
}

// FormConfig shapes how forms are guarded. The zero value of a field means its default.
type FormConfig struct {
	// Honeypots are fields that no person sees and robots fill in; whoever does is taken for a robot. Choose others when
	// robots learn these, or when a form of yours has such a field. Default: _gotcha and website_url.
	Honeypots []string
	// Fastest is how long a person needs at least, from the page with form.js to the post. Default 2 s.
	Fastest time.Duration
	// Oldest is how long a token of form.js is good for. Default 24 h.
	Oldest time.Duration
	// Links is how many links a message may hold. Default 3.
	Links int
	// Burst is how many posts an address may send at once, and PerMinute how many per minute in the long run. Addresses
	// of IPv6 count by /64, loopback does not count. Default 30 and 30.
	Burst, PerMinute int
	// Size of a form, in bytes. Default 64 KB.
	Size int
}

// server is the state behind the routes.
type server struct {
	Config
	base    *url.URL // of PublicURL; nil without one
	keys    *keyCache
	limiter *limiter
	pages   *pages

	signers      *signers
	badLinks     *limiter     // for those who try links that do not work
	certificates certificates // of Amazon
	mailgun      tokens
}

// New makes the handler of all routes. It starts no goroutine.
func New(cfg Config) http.Handler {
	s := &server{Config: withDefaults(cfg)}
	if u, err := url.Parse(strings.TrimSuffix(s.PublicURL, "/")); err == nil && u.Host != "" {
		s.base = u
	}
	s.keys = newKeyCache(s.Store.Authenticate, s.Now)
	s.limiter = newLimiter(s.Forms.Burst, s.Forms.PerMinute, s.Now)
	s.badLinks = newLimiter(s.Forms.Burst, s.Forms.PerMinute, s.Now)
	s.signers = newSigners(s.Store.Secret)
	s.pages = newPages()
	s.certificates.get = s.Fetch
	mux := http.NewServeMux()
	for pattern, rows := range byPattern(s.routes()) {
		mux.Handle(pattern, s.guard(rows))
	}
	if s.Dev != nil {
		mux.Handle("/dev/", s.Dev)
	}
	if s.Management != nil {
		mux.Handle("/api/", s.Management)
		mux.Handle("/openapi.json", s.Management)
	}
	mux.Handle("/", s.Next)
	return s.recovered(mux)
}

func withDefaults(c Config) Config {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Ready == nil {
		c.Ready = c.Store.Ping
	}
	if c.Fetch == nil {
		c.Fetch = fetchPage
	}
	if c.Next == nil {
		c.Next = http.HandlerFunc(notFound)
	}
	if c.TrustedProxies == nil {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	c.Limits = c.Limits.WithDefaults()
	f := &c.Forms
	if f.Honeypots == nil {
		f.Honeypots = []string{"_gotcha", "website_url"}
	}
	if f.Fastest <= 0 {
		f.Fastest = 2 * time.Second
	}
	if f.Oldest <= 0 {
		f.Oldest = 24 * time.Hour
	}
	for value, standard := range map[*int]int{&f.Links: 3, &f.Burst: 30, &f.PerMinute: 30, &f.Size: 64 << 10} {
		if *value <= 0 {
			*value = standard
		}
	}
	return c
}
