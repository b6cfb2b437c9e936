package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dotyk/activities/store"
	"dotyk/rules/audience"
	"dotyk/starter/devenv/mailbox"
	"dotyk/starter/devenv/phone"
	"dotyk/starter/server"
)

// devParts stand in for the outside world where no real senders are configured.
type devParts struct {
	mailbox *mailbox.Mailbox
	phone   *phone.Phone
}

// The account that the development phone plays, and who messages are from unless said otherwise.
const (
	devAccount   = "AC00000000000000000000000000000000"
	devToken     = "development"
	devNumber    = "+15005550006"
	devEmailFrom = "Dotyk <hello@dotyk.localhost>"
)

// startDev starts the mailbox where no SMTP_URL is given, and the phone where no Twilio account is.
func (s *stack) startDev(ctx context.Context) error {
	if s.SMTPURL == "" {
		m, err := mailbox.Start(ctx, mailbox.Config{
			Dir: filepath.Join(s.Data, "dev"), Logger: s.logger, Inbound: s.reply,
		})
		if err != nil {
			return err
		}
		s.onStop(m.Stop)
		s.dev.mailbox = m
		s.SMTPURL = m.URL()
		if s.EmailFrom == "" {
			s.EmailFrom = devEmailFrom
		}
	}
	if s.TwilioAccountSID == "" {
		return s.startPhone(ctx)
	}
	return nil
}

// twilioHook is the address of a webhook that Twilio would be configured with.
func (s *stack) twilioHook(path string) string {
	return fmt.Sprintf("%s/hooks/twilio/%s?w=%d", strings.TrimRight(s.PublicURL, "/"), path, s.workspace.ID)
}

// startPhone starts the phone and serves its imitation of Twilio on a loopback address of its own, so that nobody
// mistakes it for a part of the API.
func (s *stack) startPhone(ctx context.Context) error {
	s.TwilioAccountSID, s.TwilioAuthToken = devAccount, devToken
	if s.SMSFrom == "" {
		s.SMSFrom = devNumber
	}
	p, err := phone.Start(ctx, phone.Config{
		AccountSID: devAccount, AuthToken: devToken, Dir: filepath.Join(s.Data, "dev"), Number: devNumber, Logger: s.logger,
		InboundURL:     s.twilioHook("inbound"),
		VoiceURL:       s.twilioHook("voice"),
		VoiceStatusURL: s.twilioHook("voice/status"),
	})
	if err != nil {
		return err
	}
	s.onStop(p.Stop)
	s.dev.phone = p
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the development phone: %w", err)
	}
	srv := &http.Server{
		Handler: p.Handler(), ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	s.onStop(func() error {
		err := srv.Close()
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return err
	})
	s.TwilioBaseURL = "http://" + ln.Addr().String()
	return s.noteTelephone()
}

// noteTelephone tells the starter, which runs beside us, where the development phone is while it runs.
func (s *stack) noteTelephone() error {
	file, telephone := filepath.Join(s.Data, server.TelephoneFile), s.telephone()
	if err := telephone.Note(file); err != nil {
		return err
	}
	s.onStop(func() error { return os.Remove(file) })
	return nil
}

// handler serves what stands under /dev/; nil where everything is real.
func (d devParts) handler() http.Handler {
	if d.mailbox == nil && d.phone == nil {
		return nil
	}
	mux := http.NewServeMux()
	if d.mailbox != nil {
		mux.Handle("/dev/mailbox", d.mailbox.Handler())
		mux.Handle("/dev/mailbox/", d.mailbox.Handler())
	}
	if d.phone != nil {
		mux.Handle("/dev/phone", d.phone.Handler())
		mux.Handle("/dev/phone/", d.phone.Handler())
	}
	return mux
}

// reply puts a customer's answer, played at the mailbox, on the record.
func (s *stack) reply(ctx context.Context, r mailbox.Reply) error {
	return s.store.Receive(ctx, s.workspace.ID, store.Inbound{
		Channel: audience.Email, From: strings.ToLower(r.From), To: r.To, Subject: r.Subject, Body: r.Text,
		ProviderID: r.MessageID, At: r.At,
	})
}
