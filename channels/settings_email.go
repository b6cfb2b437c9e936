package channels

import (
	"fmt"
	"net/mail"
	"strings"
)

// check says what is wrong with the settings of e-mail.
func (s *EmailSettings) check() error {
	for _, a := range []struct{ name, address string }{{"email.from", s.From}, {"email.reply_to", s.ReplyTo}} {
		if a.address == "" {
			continue
		}
		if _, err := mail.ParseAddress(a.address); err != nil {
			return fmt.Errorf("%s %q is no address: write it as Shop <hello@shop.example>", a.name, a.address)
		}
	}
	if s.Bounces != "" && (strings.ContainsAny(s.Bounces, "@ /:<>\r\n") || !strings.Contains(s.Bounces, ".")) {
		return fmt.Errorf("email.bounces %q is no domain: write it as bounces.shop.example", s.Bounces)
	}
	return nil
}
