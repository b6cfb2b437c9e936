package boot

import (
	"log/slog"

	"dotyk/activities"
	"dotyk/channels/email/accounts"
)

// newMailers lets workspaces send over accounts of their own, and those that have none over SMTP_URL.
func (w *Worker) newMailers(c Config, logger *slog.Logger) *activities.AccountMailers {
	cfg := activities.MailersConfig{Store: w.Store, Standard: w.email, Logger: logger}
	if c.MXLookup {
		cfg.LookUp = accounts.LookUpMX
	}
	return activities.NewMailers(cfg)
}
