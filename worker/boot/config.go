package boot

import (
	"errors"
	"fmt"
	"math"
	"net/mail"
	"net/url"
	"strings"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

// Config is what every program of Dotyk is configured by. Each field is a flag and an environment variable.
type Config struct {
	DatabaseURL       string `name:"database-url" env:"DATABASE_URL" help:"Postgres, as postgres://user:password@host/database."`
	TemporalAddress   string `name:"temporal-address" env:"TEMPORAL_ADDRESS" help:"Temporal server, as host:port."`
	TemporalNamespace string `name:"temporal-namespace" env:"TEMPORAL_NAMESPACE" default:"default" help:"Temporal namespace."`
	SMTPURL           string `name:"smtp-url" env:"SMTP_URL" help:"Mail server, as smtp://user:password@host:587 or smtps://…; options: tls=mandatory|opportunistic|none, pool=10, timeout=15s, helo=NAME."`
	// DKIMKeyFiles and DKIMSelectors belong together one by one: an RSA key may stand beside one of Ed25519.
	DKIMKeyFiles  []string `name:"dkim-key-file" env:"DKIM_KEY_FILE" help:"Private keys (PEM) that sign e-mails, with commas between them."`
	DKIMDomain    string   `name:"dkim-domain" env:"DKIM_DOMAIN" help:"Domain that signs e-mails, as shop.example."`
	DKIMSelectors []string `name:"dkim-selector" env:"DKIM_SELECTOR" help:"Selector of each key, in their order."`

	TwilioAccountSID string `name:"twilio-account-sid" env:"TWILIO_ACCOUNT_SID" help:"Twilio account."`
	TwilioAuthToken  string `name:"twilio-auth-token" env:"TWILIO_AUTH_TOKEN" help:"Twilio secret."`
	TwilioBaseURL    string `name:"twilio-base-url" env:"TWILIO_BASE_URL" help:"Another server that speaks Twilio's API."`
	PublicURL        string `name:"public-url" env:"PUBLIC_URL" help:"Where customers and providers reach this installation, as https://touch.example.com."`
	EmailFrom        string `name:"email-from" env:"DOTYK_EMAIL_FROM" help:"Sender of e-mail, as 'Shop <hello@shop.example>'."`
	SMSFrom          string `name:"sms-from" env:"DOTYK_SMS_FROM" help:"Sender of SMS: +number, name, or messaging service sid (MG…)."`

	// SecretKey keeps the passwords of workspaces' own mail servers. Every program that works on the database needs it.
	SecretKey string `name:"secret-key" env:"DOTYK_SECRET_KEY" help:"Key that keeps the passwords of sending accounts: 32 random bytes in base64. Of several with commas between them, the first is used for what is saved."`
	// MXLookup finds the provider behind other domains than the well-known ones, by which sending is slowed down.
	MXLookup bool `name:"mx-lookup" env:"DOTYK_MX_LOOKUP" help:"Ask the DNS who receives mail for a domain, so that all domains of one provider are written to no faster than it takes; for servers that deliver directly."`

	// WebhookPrivate lets campaigns reach servers inside the network that Dotyk runs in, whoever writes the campaigns.
	WebhookPrivate bool `name:"webhook-private" env:"WEBHOOK_PRIVATE" help:"Let campaigns send requests to private addresses, too; for development."`

	// EmailRate and SMSRate are those of the queue, in messages a second: all workers share them, and must be given the same.
	EmailRate float64 `name:"email-rate" env:"EMAIL_RATE" help:"Most e-mails a second, of all workers together; 0 is no limit."`
	SMSRate   float64 `name:"sms-rate" env:"SMS_RATE" help:"Most SMS a second, of all workers together; 0 is no limit."`
}

// ErrMissing says that a program cannot start without a setting.
var ErrMissing = errors.New("missing setting")

var errNegativeRate = errors.New("EMAIL_RATE and SMS_RATE: give messages a second, or 0 for no limit")

// sendRate is how fast a channel sends: so many messages by one activity, and so many activities a second. Temporal limits
// activities, and a queue does not hand out many of them a second; so fast channels send several messages by one. 0 is no
// limit.
type sendRate struct {
	chunk     int
	perSecond float64
}

// activitiesPerSecond is how many activities a second a queue is asked for at most.
const activitiesPerSecond = 40

func rateOf(messages float64) sendRate {
	if messages == 0 {
		return sendRate{}
	}
	chunk := math.Ceil(messages / activitiesPerSecond)
	return sendRate{chunk: int(chunk), perSecond: messages / chunk}
}

func (c *Config) rate(channel audience.Channel) sendRate {
	switch channel {
	case audience.Email:
		return rateOf(c.EmailRate)
	case audience.SMS:
		return rateOf(c.SMSRate)
	default:
		return sendRate{}
	}
}

// Check says what is missing or wrong for a worker, and what to set.
func (c *Config) Check() error {
	var errs []error
	for _, need := range []struct{ value, flag, env string }{
		{c.DatabaseURL, "--database-url", "DATABASE_URL"},
		{c.TemporalAddress, "--temporal-address", "TEMPORAL_ADDRESS"},
		{c.PublicURL, "--public-url", "PUBLIC_URL"},
	} {
		if need.value == "" {
			errs = append(errs, fmt.Errorf("%w: give %s or set %s", ErrMissing, need.flag, need.env))
		}
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			errs = append(errs, fmt.Errorf("PUBLIC_URL %q: give a URL such as https://touch.example.com", c.PublicURL))
		}
	}
	if c.SMTPURL != "" && c.EmailFrom == "" {
		errs = append(errs, fmt.Errorf("%w: SMTP_URL is set, so give --email-from or set DOTYK_EMAIL_FROM", ErrMissing))
	}
	errs = append(errs, c.checkDKIM())
	if c.EmailFrom != "" {
		if _, err := mail.ParseAddress(c.EmailFrom); err != nil {
			errs = append(errs, fmt.Errorf("DOTYK_EMAIL_FROM %q: give an address such as 'Shop <hello@shop.example>'", c.EmailFrom))
		}
	}
	if (c.TwilioAccountSID == "") != (c.TwilioAuthToken == "") {
		errs = append(errs, fmt.Errorf("%w: set both TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or neither", ErrMissing))
	}
	if _, err := store.ParseSecretKeys(c.SecretKey); err != nil {
		errs = append(errs, fmt.Errorf("DOTYK_SECRET_KEY: %w", err))
	}
	if c.EmailRate < 0 || c.SMSRate < 0 {
		errs = append(errs, errNegativeRate)
	}
	if c.TwilioAccountSID != "" && c.SMSFrom == "" {
		errs = append(errs, fmt.Errorf("%w: TWILIO_ACCOUNT_SID is set, so give --sms-from or set DOTYK_SMS_FROM", ErrMissing))
	}
	return errors.Join(errs...)
}

func (c *Config) publicURL() string { return strings.TrimRight(c.PublicURL, "/") }
