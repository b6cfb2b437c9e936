package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// Touch tells what a link in a message may know of the touch it stands in. ErrNotFound when there is none.
func (s *Store) Touch(ctx context.Context, workspace int64, touchID string) (TouchRef, error) {
	ref := TouchRef{Workspace: workspace, TouchID: touchID}
	if _, err := uuid.Parse(touchID); err != nil {
		return TouchRef{}, fmt.Errorf("touch %q: %w", touchID, ErrNotFound)
	}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		return tx.conn.QueryRow(ctx, `SELECT t.customer_id, t.channel, t.topic, coalesce(k.name, ''), t.address, w.name
			FROM touches t JOIN workspaces w ON w.id = t.workspace_id
			LEFT JOIN campaigns k ON k.workspace_id = t.workspace_id AND k.id = t.campaign_id
			WHERE t.workspace_id = $1 AND t.id = $2`, workspace, touchID).
			Scan(&ref.CustomerID, &ref.Channel, &ref.Topic, &ref.Campaign, &ref.Address, &ref.Brand)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return TouchRef{}, fmt.Errorf("touch %s: %w", touchID, ErrNotFound)
	}
	if err != nil {
		return TouchRef{}, fmt.Errorf("look up touch: %w", err)
	}
	return ref, nil
}

// Withdraw records that a customer wants no more messages of a topic, or none at all, on a channel; and tells the
// campaigns. Saying it twice changes nothing. ErrNotFound when the touch it came through is unknown.
func (s *Store) Withdraw(ctx context.Context, w Withdrawal) error {
	if w.TouchID != "" {
		ref, err := s.Touch(ctx, w.Workspace, w.TouchID)
		if err != nil {
			return err
		}
		w.Customer, w.Channel = ref.CustomerID, ref.Channel
	}
	var already bool
	err := s.In(ctx, w.Workspace, func(tx *Tx) error {
		var err error
		already, err = tx.withdraw(ctx, w)
		return err
	})
	if err != nil {
		return fmt.Errorf("withdraw consent: %w", err)
	}
	if already {
		return nil
	}
	// The event follows in a transaction of its own. Should it be lost, nothing is sent all the same: sending asks the
	// ledger of consents.
	properties, err := jsonText(map[string]any{
		"channel": w.Channel, "topic": w.Topic, "method": w.Method, "touch_id": w.TouchID,
	})
	if err != nil {
		return err
	}
	_, err = s.Ingest(ctx, w.Workspace, []Delivery{{
		Source: Source{Workspace: w.Workspace},
		Messages: []Message{{
			Call: CallSystem, MessageID: newID(), CustomerID: w.Customer, Name: audience.EventUnsubscribed,
			Properties: []byte(properties), OccurredAt: w.At, ReceivedAt: w.At,
		}},
	}})
	return err
}

func (tx *Tx) withdraw(ctx context.Context, w Withdrawal) (already bool, err error) {
	// Lock the customer, so that a double click is one word and not two.
	if _, err := tx.conn.Exec(ctx, `SELECT FROM customers WHERE workspace_id = $1 AND id = $2 FOR UPDATE`,
		tx.Workspace, w.Customer); err != nil {
		return false, err
	}
	var last *audience.ConsentAction
	err = tx.conn.QueryRow(ctx, `SELECT (SELECT action FROM consents
		WHERE workspace_id = $1 AND customer_id = $2 AND channel = $3 AND topic = $4
		ORDER BY occurred_at DESC, id DESC LIMIT 1)`, tx.Workspace, w.Customer, w.Channel, w.Topic).Scan(&last)
	if err != nil {
		return false, err
	}
	if last != nil && *last == audience.Withdrawn {
		return true, nil
	}
	b := &pgx.Batch{}
	queueConsent(b, tx.Workspace, w.Customer, audience.Consent{
		Channel: w.Channel, Topic: w.Topic, Action: audience.Withdrawn, OccurredAt: w.At, Method: w.Method,
		Source: w.Source,
	}, w.Evidence)
	return false, tx.batch(ctx, b)
}

// Receive stores a message from a customer: the customer is found by address, or made; the message becomes a touch
// and an event; STOP and START change consent and suppression. The same ProviderID twice is stored once.
func (s *Store) Receive(ctx context.Context, workspace int64, in Inbound) error {
	customer, found, err := s.sender(ctx, workspace, in)
	if err != nil {
		return fmt.Errorf("find sender: %w", err)
	}
	if !found {
		if customer, err = s.newContact(ctx, workspace, in); err != nil {
			return err
		}
	}
	if err := s.In(ctx, workspace, func(tx *Tx) error { return tx.receive(ctx, customer, in) }); err != nil {
		return fmt.Errorf("store inbound message: %w", err)
	}
	name := audience.EventSMSReceived
	if in.Channel == audience.Email {
		name = audience.EventEmailReplied
	}
	properties, err := jsonText(map[string]any{
		"text": clean(in.Body), "subject": clean(in.Subject), "to": in.To,
		"opt_out": in.OptOut, "opt_in": in.OptIn,
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
		_, err := tx.conn.Exec(ctx, `INSERT INTO customers (workspace_id, id, email, phone) VALUES ($1, $2, $3, $4)`,
			workspace, id, email, phone)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("create customer for inbound message: %w", err)
	}
	return id, nil
}

func (tx *Tx) receive(ctx context.Context, customer string, in Inbound) error {
	detail, err := jsonText(map[string]any{"to": in.To, "text": clean(in.Body)})
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
	if err != nil || tag.RowsAffected() == 0 || !in.OptOut && !in.OptIn {
		return err
	}
	c := audience.Consent{
		Channel: in.Channel, Topic: audience.AllTopics, Action: audience.Granted, OccurredAt: in.At,
		Method: "sms_keyword", Source: in.Body,
	}
	if in.OptOut {
		c.Action = audience.Withdrawn
		if err := tx.suppress(ctx, in.Channel, in.From, "opted_out", "the customer wrote "+in.Body); err != nil {
			return err
		}
	} else if err := tx.unsuppress(ctx, in.Channel, in.From, "opted_out", in.At); err != nil {
		return err
	}
	b := &pgx.Batch{}
	queueConsent(b, tx.Workspace, customer, c, map[string]any{"message_sid": in.ProviderID})
	return tx.batch(ctx, b)
}

// unsuppress lifts a suppression that has the given reason, and leaves any other alone.
func (tx *Tx) unsuppress(ctx context.Context, channel audience.Channel, address, reason string, at time.Time) error {
	secret, err := tx.secret(ctx)
	if err != nil {
		return err
	}
	_, err = tx.conn.Exec(ctx, `UPDATE suppressions SET cleared_at = $5
		WHERE workspace_id = $1 AND channel = $2 AND address_hash = $3 AND reason = $4 AND cleared_at IS NULL`,
		tx.Workspace, channel, hashAddress(secret, channel, address), reason, at)
	if err != nil {
		return fmt.Errorf("lift suppression: %w", err)
	}
	return nil
}
