package accounts

import (
	"fmt"

	"dotyk/channels"
	"dotyk/channels/email"
)

// Open makes the SMTP sender of an account.
func Open(a Account) (channels.EmailSender, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	cfg, err := email.ParseURL(a.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAccount, err)
	}
	if a.DKIMKey != "" {
		key, err := email.ParseDKIMKey([]byte(a.DKIMKey))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrAccount, err)
		}
		cfg.DKIM = []email.DKIMKey{{Domain: a.DKIM.Domain, Selector: a.DKIM.Selector, Key: key}}
	}
	return email.New(cfg)
}
