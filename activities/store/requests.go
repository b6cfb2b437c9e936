package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// Request asks for a customer to be let into a campaign, whatever its trigger is.
type Request struct {
	Campaign string         // its name
	Customer string         // id, external id, e-mail or phone
	Data     map[string]any // becomes the entry of the journey; JSON-safe
	Key      string         // repeating a key changes nothing; "" has none. Keys are kept as long as those of messages
}

// Request writes down that a customer is to enter; the next picking decides, and records why or why not. ErrNotFound when
// there is no such campaign or customer, ErrInvalid when nobody can enter the campaign at present.
func (s *Store) Request(ctx context.Context, workspace int64, r Request) error {
	customer, err := s.FindCustomer(ctx, workspace, r.Customer)
	if err != nil {
		return fmt.Errorf("request campaign %s: %w", r.Campaign, err)
	}
	err = s.In(ctx, workspace, func(tx *Tx) error { return tx.request(ctx, r, customer.ID) })
	return wrap("request campaign "+r.Campaign, err)
}

func (tx *Tx) request(ctx context.Context, r Request, customer string) error {
	_, status, err := tx.campaignNamed(ctx, r.Campaign, "")
	if err != nil {
		return err
	}
	if status != Live {
		return fmt.Errorf("%w: campaign %q is %s, so nobody can enter it", ErrInvalid, r.Campaign, status)
	}
	data := r.Data
	if data == nil {
		data = map[string]any{}
	}
	key := ""
	if r.Key != "" {
		key = clean("request:" + r.Key)
	}
	b := &pgx.Batch{}
	err = queueSystemEvents(b, tx.Workspace, []SystemEvent{{
		CustomerID: customer, Name: audience.EventRequested, At: time.Now(), Key: key,
		Properties: map[string]any{"campaign": r.Campaign, "data": data},
	}})
	if err != nil {
		return err
	}
	return tx.batch(ctx, b)
}
