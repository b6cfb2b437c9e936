package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// Inbound is a message from a customer.
type Inbound struct {
	Channel    audience.Channel // email or sms
	From       string           // e-mail address or E.164 number
	To         string
	Subject    string
	Body       string
	ProviderID string // unique per message: a repeated webhook is stored once
	OptOut     bool   // the text is one of the words that end messages (STOP ...)
	OptIn      bool   // the text is one of the words that allow them again (START ...)
	Media      []Media
	At         time.Time
}

// Media is a picture or another file that came with a message. It stays at the provider.
type Media struct {
	URL  string `json:"url"`
	Type string `json:"type"` // as image/jpeg
}

// Received says what a message from a customer came to.
type Received struct {
	CustomerID string
	Fresh      bool // it came for the first time
	// Stopped is whether it ended messages that had not been ended before. Fresh holds, too.
	Stopped bool
}

// Receive stores a message from a customer: the customer is found by address, or made; the message becomes a touch
// and an event; STOP and START change consent and suppression. The same ProviderID twice is stored once.
func (s *Store) Receive(ctx context.Context, workspace int64, in Inbound) error {
	_, err := s.ReceiveMessage(ctx, workspace, in)
	return err
}

// ReceiveMessage is Receive, and tells what the message came to, for whoever answers it.
func (s *Store) ReceiveMessage(ctx context.Context, workspace int64, in Inbound) (Received, error) {
	customer, found, err := s.sender(ctx, workspace, in)
	if err != nil {
		return Received{}, fmt.Errorf("find sender: %w", err)
	}
	if !found {
		if customer, err = s.newContact(ctx, workspace, in); err != nil {
			return Received{}, err
		}
	}
	received := Received{CustomerID: customer}
	if err := s.In(ctx, workspace, func(tx *Tx) error { return tx.receive(ctx, in, &received) }); err != nil {
		return Received{}, fmt.Errorf("store inbound message: %w", err)
	}
	return received, s.tellReceived(ctx, workspace, customer, in)
}

// tellReceived brings about the event of a message, once.
func (s *Store) tellReceived(ctx context.Context, workspace int64, customer string, in Inbound) error {
	name := audience.EventSMSReceived
	if in.Channel == audience.Email {
		name = audience.EventEmailReplied
	}
	properties, err := jsonText(map[string]any{
		"text": clean(in.Body), "subject": clean(in.Subject), "to": in.To,
		"opt_out": in.OptOut, "opt_in": in.OptIn, "media": len(in.Media),
	})
	if err != nil {
		return err
	}
	_, err = s.Ingest(ctx, workspace, []Delivery{{Source: Source{Workspace: workspace}, Messages: []Message{{
		Call: CallSystem, MessageID: "inbound:" + in.ProviderID, CustomerID: customer, Name: name,
		Properties: []byte(properties), OccurredAt: in.At, ReceivedAt: in.At,
	}}}})
	return err
}

// sender finds the customer with the address of an inbound message; of several the one we wrote to last.
func (s *Store) sender(ctx context.Context, workspace int64, in Inbound) (id string, found bool, err error) {
	column := "phone"
	if in.Channel == audience.Email {
		column = "email"
	}
	err = s.In(ctx, workspace, func(tx *Tx) error {
		return tx.conn.QueryRow(ctx, `SELECT c.id FROM customers c
			WHERE c.workspace_id = $1 AND c.`+column+` = $2 AND c.merged_into IS NULL
			ORDER BY (SELECT max(t.occurred_at) FROM touches t WHERE t.workspace_id = $1 AND t.customer_id = c.id)
				DESC NULLS LAST, c.created_at LIMIT 1`, workspace, in.From).Scan(&id)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	return id, err == nil, err
}

func (s *Store) newContact(ctx context.Context, workspace int64, in Inbound) (string, error) {
	id := newID()
	err := s.In(ctx, workspace, func(tx *Tx) error {
		email, phone := "", in.From
		if in.Channel == audience.Email {
			email, phone = in.From, ""
		}
		b := &pgx.Batch{}
		b.Queue(`INSERT INTO customers (workspace_id, id, email, phone) VALUES ($1, $2, $3, $4)`,
			workspace, id, email, phone)
		queueCustomerChanges(b, workspace, []string{id}, []string{changedAll})
		return tx.batch(ctx, b)
	})
	if err != nil {
		return "", fmt.Errorf("create customer for inbound message: %w", err)
	}
	return id, nil
}

func (tx *Tx) receive(ctx context.Context, in Inbound, received *Received) error {
	customer := received.CustomerID
	more := map[string]any{"to": in.To, "text": clean(in.Body)}
	if len(in.Media) > 0 {
		more["media"] = in.Media
	}
	detail, err := jsonText(more)
	if err != nil {
		return err
	}
	summary := in.Subject
	if in.Channel == audience.SMS {
		summary = in.Body
	}
	tag, err := tx.conn.Exec(ctx, `INSERT INTO touches (workspace_id, id, customer_id, channel, direction, status, address,
		summary, provider_id, occurred_at, detail) VALUES ($1, $2, $3, $4, 'in', 'recorded', $5, $6, $7, $8, $9)
		ON CONFLICT (workspace_id, provider_id) WHERE direction = 'in' AND provider_id <> '' DO NOTHING`,
		tx.Workspace, newID(), customer, in.Channel, in.From, clean(summary), in.ProviderID, in.At, detail)
	received.Fresh, received.Stopped = err == nil && tag.RowsAffected() > 0, false
	if !received.Fresh || !in.OptOut && !in.OptIn {
		return err
	}
	c := audience.Consent{
		Channel: in.Channel, Topic: audience.AllTopics, Action: audience.Granted, OccurredAt: in.At,
		Method: "sms_keyword", Source: in.Body,
	}
	if in.OptOut {
		c.Action = audience.Withdrawn
		stopped, err := tx.suppressed(ctx, in.Channel, in.From)
		if err != nil {
			return err
		}
		received.Stopped = !stopped
		if err := tx.suppress(ctx, in.Channel, in.From, "opted_out", "the customer wrote "+in.Body); err != nil {
			return err
		}
	} else if err := tx.unsuppress(ctx, in.Channel, in.From, "opted_out", in.At); err != nil {
		return err
	}
	b := &pgx.Batch{}
	queueConsent(b, tx.Workspace, customer, c, map[string]any{"message_sid": in.ProviderID})
	queueCustomerChanges(b, tx.Workspace, []string{customer}, []string{rules.MentionConsents})
	return tx.batch(ctx, b)
}
