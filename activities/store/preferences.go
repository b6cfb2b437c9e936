package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// Preferences are what a customer may choose: which topics by which channels.
type Preferences struct {
	Workspace int64
	Customer  string
	Brand     string // the workspace's name
	Locale    string // of the customer; "" when unknown
	Email     string // "" when unknown, and then nothing can be chosen for e-mail
	Phone     string
	Topics    []Topic // that may be shown
	Chosen    map[Choice]bool
}

// Choice is one switch of the preferences.
type Choice struct {
	Channel audience.Channel
	Topic   string
}

// PreferencesOf reads what the recipient of a message may choose. ErrNotFound when there is no such message.
func (s *Store) PreferencesOf(ctx context.Context, workspace int64, touchID string) (Preferences, error) {
	ref, err := s.Touch(ctx, workspace, touchID)
	if err != nil {
		return Preferences{}, err
	}
	var p Preferences
	err = s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		p, err = tx.preferences(ctx, ref.CustomerID)
		return err
	})
	return p, wrap("read preferences", err)
}

func (tx *Tx) preferences(ctx context.Context, customer string) (Preferences, error) {
	p := Preferences{Workspace: tx.Workspace, Customer: customer, Chosen: map[Choice]bool{}}
	topics, err := tx.topics(ctx)
	if err != nil {
		return p, err
	}
	said := map[audience.Channel][]audience.Consent{}
	found := false
	b := &pgx.Batch{}
	b.Queue(`SELECT c.locale, c.email, c.phone, w.name FROM customers c JOIN workspaces w ON w.id = c.workspace_id
		WHERE c.workspace_id = $1 AND c.id = $2 AND c.merged_into IS NULL`, tx.Workspace, customer).
		Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&p.Locale, &p.Email, &p.Phone, &p.Brand}, func() error { found = true; return nil })
			return err
		})
	b.Queue(`SELECT channel, topic, action, occurred_at, method, expires_at FROM consents
		WHERE workspace_id = $1 AND customer_id = $2 ORDER BY occurred_at, id`, tx.Workspace, customer).
		Query(func(rows pgx.Rows) error {
			var c audience.Consent
			var expires *time.Time
			_, err := pgx.ForEachRow(rows, []any{&c.Channel, &c.Topic, &c.Action, &c.OccurredAt, &c.Method, &expires}, func() error {
				c.ExpiresAt = orZero(expires)
				said[c.Channel] = append(said[c.Channel], c)
				return nil
			})
			return err
		})
	if err := tx.batch(ctx, b); err != nil {
		return p, err
	}
	if !found {
		return p, fmt.Errorf("customer %s: %w", customer, ErrNotFound)
	}
	now := audience.Circumstances{At: time.Now()}
	for _, t := range topics {
		if t.Hidden {
			continue
		}
		p.Topics = append(p.Topics, t)
		for _, channel := range p.Channels() {
			if audience.MayContactIn(now, t.Name, t.Policy, said[channel]) == "" {
				p.Chosen[Choice{channel, t.Name}] = true
			}
		}
	}
	return p, nil
}

// Channels are those by which the customer can be reached.
func (p *Preferences) Channels() []audience.Channel {
	var list []audience.Channel
	if p.Email != "" {
		list = append(list, audience.Email)
	}
	if p.Phone != "" {
		list = append(list, audience.SMS)
	}
	return list
}

// Choose writes to the ledger what differs from how things stand, for the switches that were shown; what was not shown
// stays as it is. Choosing the same again writes nothing.
func (s *Store) Choose(ctx context.Context, workspace int64, customer string, chosen map[Choice]bool, evidence map[string]any, at time.Time) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		if err := tx.lockCustomer(ctx, customer); err != nil {
			return err
		}
		p, err := tx.preferences(ctx, customer)
		if err != nil {
			return err
		}
		var entries []ledgerEntry
		for _, t := range p.Topics {
			for _, channel := range p.Channels() {
				choice := Choice{channel, t.Name}
				wanted, shown := chosen[choice]
				if !shown || wanted == p.Chosen[choice] {
					continue
				}
				action := audience.Withdrawn
				if wanted {
					action = audience.Confirmed // who has the link owns the address
					if err := tx.liftUnsubscribed(ctx, customer, channel, at); err != nil {
						return err
					}
				}
				entries = append(entries, ledgerEntry{
					customer: customer, evidence: evidence, actor: actorSelf,
					Consent: audience.Consent{
						Channel: channel, Topic: t.Name, Action: action, OccurredAt: at, Method: MethodPreferences, Source: "link in a message",
					},
				})
			}
		}
		return tx.say(ctx, entries)
	})
	return wrap("save preferences", err)
}

// RefuseAll records that a customer wants no messages at all, on any channel. Saying it twice changes nothing.
func (s *Store) RefuseAll(ctx context.Context, workspace int64, customer string, evidence map[string]any, at time.Time) error {
	for _, channel := range []audience.Channel{audience.Email, audience.SMS} {
		err := s.Withdraw(ctx, Withdrawal{
			Workspace: workspace, Customer: customer, Channel: channel, Topic: audience.AllTopics, Method: MethodPreferences,
			Source: "link in a message", Evidence: evidence, At: at,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
