package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// WebhookSecret gives the key that signs the requests to a workspace's servers, which their owners check them by. It is
// derived from the workspace's secret.
func (s *Store) WebhookSecret(ctx context.Context, workspace int64) ([]byte, error) {
	secret, err := s.Secret(ctx, workspace)
	if err != nil {
		return nil, err
	}
	return DeriveWebhookSecret(secret), nil
}

// DeriveWebhookSecret is WebhookSecret for who has the workspace's secret: HMAC-SHA256 of the word "webhook".
func DeriveWebhookSecret(secret []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("webhook"))
	return mac.Sum(nil)
}

// Answer is what a server answered to a request, or why it did not.
type Answer struct {
	OK     bool // it answered with success
	Status int  // of HTTP; 0 where there was no answer
	Body   any  // JSON, or text
	Error  string
}

// SettleWebhook records the answer to a request and tells the journey by the event webhook_answered, once.
func (s *Store) SettleWebhook(ctx context.Context, workspace int64, m *Outgoing, a Answer) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		st := Settlement{TouchID: m.TouchID, Status: audience.Accepted, Outcome: fmt.Sprintf("answered with status %d", a.Status)}
		if !a.OK {
			st.Status, st.Outcome = audience.Failed, a.Error
		}
		b := &pgx.Batch{}
		queueSettlement(b, workspace, st)
		if err := queueSystemEvents(b, workspace, []SystemEvent{answered(m, a, time.Now())}); err != nil {
			return err
		}
		return tx.batch(ctx, b)
	})
	return wrap("settle request to server", err)
}

func answered(m *Outgoing, a Answer, at time.Time) SystemEvent {
	return SystemEvent{
		CustomerID: m.Customer.ID, Name: audience.EventWebhookAnswered, At: at,
		Key: "webhook:" + touchKey(m.JourneyID, m.Step, m.Iteration),
		Properties: map[string]any{
			"campaign": m.Campaign, "journey": m.JourneyID, "step": m.Step, "iteration": m.Iteration, "ok": a.OK,
			"status": a.Status, "body": a.Body, "error": a.Error,
		},
	}
}
