package email

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ErrConfig is wrapped by every error about a configuration that cannot work.
var ErrConfig = errors.New("bad SMTP configuration")

// TLSPolicy says when a connection is encrypted.
type TLSPolicy string

// The policies.
const (
	TLSMandatory     TLSPolicy = "mandatory"     // STARTTLS, or no mail at all
	TLSOpportunistic TLSPolicy = "opportunistic" // STARTTLS where the server offers it
	TLSNone          TLSPolicy = "none"          // clear text; for loopback and private networks
	TLSImplicit      TLSPolicy = "implicit"      // TLS from the first byte (RFC 8314), the smtps scheme
)

// The defaults of Config.
const (
	DefaultConnections = 10
	DefaultTimeout     = 15 * time.Second
	DefaultIdle        = 30 * time.Second
	DefaultHELO        = "localhost"
)

const maxConnections = 1000

// Config says where and how to send. Host is needed; everything else has a default.
type Config struct {
	Host     string
	Port     int    // 0: 465 with TLSImplicit, otherwise 587
	Username string // empty: no authentication
	Password string
	TLS      TLSPolicy // empty: none on loopback, otherwise mandatory
	// TLSConfig adds to the defaults (server name = Host, TLS 1.2 or later), for example a private root. May be nil.
	TLSConfig *tls.Config
	// Connections is the most connections open at one time, and so the most messages in flight. 0 means 10. More of
	// them raise the rate while the round trips are what limits it, up to what the server allows one client.
	Connections int
	// HELO is the name the client introduces itself with. Set it to this host's public name when mail goes straight to
	// other people's servers. Empty means "localhost", so that the name of the host is not told.
	HELO string
	// Timeout bounds one dial with its handshakes, and each step of a message: the envelope (its three commands one by one
	// where the server does not take them together), the content, and the answer to it. 0 means 15 s.
	Timeout time.Duration
	// Idle is how long an unused connection stays open. 0 means 30 s; servers commonly hang up after one to five minutes.
	Idle time.Duration
	// DKIM are the keys that sign every message, each with a signature of its own. None: the relay signs.
	DKIM []DKIMKey
}

// ParseURL reads a configuration such as
//
//	smtp://user:password@mail.example.com:587?tls=mandatory&pool=10&helo=crm.example.com&timeout=15s&idle=30s
//
// The smtps scheme is TLS from the first byte. Unknown schemes, parameters and values are errors that wrap ErrConfig
// and never repeat the password.
func ParseURL(raw string) (Config, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// The parser's own error quotes the whole address, password included.
		if parse, ok := errors.AsType[*url.Error](err); ok {
			err = parse.Err
		}
		return Config{}, fmt.Errorf("%w: read URL: %w", ErrConfig, err)
	}
	cfg := Config{Host: u.Hostname(), Username: u.User.Username()}
	cfg.Password, _ = u.User.Password()
	switch u.Scheme {
	case "smtp":
	case "smtps":
		cfg.TLS = TLSImplicit
	default:
		return Config{}, fmt.Errorf("%w: scheme %q, want smtp or smtps", ErrConfig, u.Scheme)
	}
	if strings.Trim(u.Path, "/") != "" {
		return Config{}, fmt.Errorf("%w: path %q has no meaning", ErrConfig, u.Path)
	}
	if p := u.Port(); p != "" {
		if cfg.Port, err = strconv.Atoi(p); err != nil {
			return Config{}, fmt.Errorf("%w: port %q", ErrConfig, p)
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Config{}, fmt.Errorf("%w: read parameters: %w", ErrConfig, err)
	}
	for name, values := range query {
		if len(values) != 1 {
			return Config{}, fmt.Errorf("%w: %s is given %d times", ErrConfig, name, len(values))
		}
		if err := cfg.set(name, values[0]); err != nil {
			return Config{}, err
		}
	}
	return cfg.withDefaults()
}

func (c *Config) set(name, value string) error {
	var err error
	switch name {
	case "tls":
		policy := TLSPolicy(value)
		if c.TLS == TLSImplicit || (policy != TLSMandatory && policy != TLSOpportunistic && policy != TLSNone) {
			return fmt.Errorf("%w: tls=%q, want mandatory, opportunistic or none, and only with smtp", ErrConfig, value)
		}
		c.TLS = policy
	case "pool":
		if c.Connections, err = strconv.Atoi(value); err != nil || c.Connections < 1 {
			return fmt.Errorf("%w: pool=%q, want a number from 1 to %d", ErrConfig, value, maxConnections)
		}
	case "helo":
		c.HELO = value
	case "timeout":
		c.Timeout, err = positive(name, value)
	case "idle":
		c.Idle, err = positive(name, value)
	default:
		return fmt.Errorf("%w: unknown parameter %q, want tls, pool, helo, timeout or idle", ErrConfig, name)
	}
	return err
}

func positive(name, value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%w: %s=%q, want a duration such as 15s", ErrConfig, name, value)
	}
	return d, nil
}

// withDefaults fills what is unset and refuses what cannot work.
func (c Config) withDefaults() (Config, error) {
	if c.TLS == "" {
		c.TLS = TLSMandatory
		if loopback(c.Host) {
			c.TLS = TLSNone
		}
	}
	if c.Port == 0 {
		c.Port = 587
		if c.TLS == TLSImplicit {
			c.Port = 465
		}
	}
	if c.Connections == 0 {
		c.Connections = DefaultConnections
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Idle == 0 {
		c.Idle = DefaultIdle
	}
	if c.HELO == "" {
		c.HELO = DefaultHELO
	}
	return c, c.check()
}

func (c Config) check() error {
	switch {
	case c.Host == "":
		return fmt.Errorf("%w: no host", ErrConfig)
	case c.Port < 1 || c.Port > 65535:
		return fmt.Errorf("%w: port %d", ErrConfig, c.Port)
	case c.Connections < 1 || c.Connections > maxConnections:
		return fmt.Errorf("%w: %d connections, want 1 to %d", ErrConfig, c.Connections, maxConnections)
	case c.Timeout < 0 || c.Idle < 0:
		return fmt.Errorf("%w: a negative duration", ErrConfig)
	case strings.ContainsAny(c.HELO, " \t\r\n"):
		return fmt.Errorf("%w: helo %q", ErrConfig, c.HELO)
	case (c.Username == "") != (c.Password == ""):
		return fmt.Errorf("%w: a user needs a password, and a password a user", ErrConfig)
	}
	for i := range c.DKIM {
		if err := c.DKIM[i].check(); err != nil {
			return err
		}
	}
	switch c.TLS {
	case TLSMandatory, TLSOpportunistic, TLSNone, TLSImplicit:
		return nil
	default:
		return fmt.Errorf("%w: TLS policy %q", ErrConfig, c.TLS)
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || (ip != nil && ip.IsLoopback())
}
