package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// TouchRef is what a link in a message may know of the touch it stands in.
type TouchRef struct {
	Workspace  int64
	TouchID    string
	CustomerID string
	Channel    audience.Channel
	Topic      string // "" for a transactional message
	Campaign   string
	Address    string
	Brand      string // the workspace's name
}

// Withdrawal is a customer's refusal of further messages.
type Withdrawal struct {
	Workspace int64
	TouchID   string // the message through which it came; or CustomerID and Channel
	Customer  string
	Channel   audience.Channel
	Topic     string // audience.AllTopics for everything
	Method    string // one_click, preference_page, sms_keyword, api, operator
	Source    string
	Evidence  map[string]any // ip, user agent, ...
	At        time.Time
}

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
	// ledger of consents. The segments have been told with the consent.
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
	if last != nil && (*last == audience.Withdrawn || *last == audience.Objected) {
		return true, nil
	}
	b := &pgx.Batch{}
	queueConsent(b, tx.Workspace, w.Customer, audience.Consent{
		Channel: w.Channel, Topic: w.Topic, Action: audience.Withdrawn, OccurredAt: w.At, Method: w.Method,
		Source: w.Source,
	}, w.Evidence)
	queueCustomerChanges(b, tx.Workspace, []string{w.Customer}, []string{rules.MentionConsents})
	return false, tx.batch(ctx, b)
}
