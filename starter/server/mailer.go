package server

import (
	"fmt"
	"net/mail"

	"dotyk/activities"
	"dotyk/channels/email"
	"dotyk/starter/campaigns"
)

// Mailer makes what sends tests of e-mails, over a server and from a sender as workers are configured. Without a server it
// refuses to, and says what to configure.
func Mailer(smtpURL, from string) (m campaigns.Mailer, stop func() error, err error) {
	stop = func() error { return nil }
	if smtpURL == "" {
		return m, stop, nil
	}
	sender, err := mail.ParseAddress(from)
	if err != nil {
		return m, stop, fmt.Errorf("DOTYK_EMAIL_FROM %q: give an address such as 'Shop <hello@shop.example>'", from)
	}
	config, err := email.ParseURL(smtpURL)
	if err != nil {
		return m, stop, err
	}
	connection, err := email.New(config)
	if err != nil {
		return m, stop, err
	}
	m = campaigns.Mailer{Sender: connection, From: activities.Address{Email: sender.Address, Name: sender.Name}}
	return m, connection.Close, nil
}
