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
	return email.New(cfg)
}
