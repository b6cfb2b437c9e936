package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/calendar"
	"dotyk/rules/campaign"
)

// Policy reads what holds for all marketing messages of a workspace: quiet hours, caps, the global holdout. A workspace
// that never said anything has none.
func (s *Store) Policy(ctx context.Context, workspace int64) (campaign.Policy, error) {
	var p campaign.Policy
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		p, err = tx.Policy(ctx)
		return err
	})
	return p, err
}

// Policy is Store.Policy within a transaction.
func (tx *Tx) Policy(ctx context.Context) (campaign.Policy, error) {
	var text *string
	err := tx.conn.QueryRow(ctx, `SELECT settings ->> 'policy' FROM workspaces WHERE id = $1`, tx.Workspace).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return campaign.Policy{}, fmt.Errorf("workspace %d: %w", tx.Workspace, ErrNotFound)
	}
	if err != nil {
		return campaign.Policy{}, fmt.Errorf("read policy: %w", err)
	}
	return parsePolicy(text)
}

func parsePolicy(text *string) (campaign.Policy, error) {
	if text == nil {
		return campaign.Policy{}, nil
	}
	p, err := campaign.ParsePolicy([]byte(*text))
	if err != nil {
		return campaign.Policy{}, fmt.Errorf("read policy: %w", err)
	}
	return p, nil
}

// SetPolicy replaces the policy of a workspace. It holds for every message that is claimed from now on.
func (s *Store) SetPolicy(ctx context.Context, workspace int64, p campaign.Policy) error {
	text := string(p.JSON())
	err := s.In(ctx, workspace, func(tx *Tx) error {
		if _, err := tx.conn.Exec(ctx, `UPDATE workspaces SET settings = settings || jsonb_build_object('policy', $2::text::jsonb)
			WHERE id = $1`, workspace, text); err != nil {
			return err
		}
		return tx.Audit(ctx, "policy.changed", "workspace", map[string]any{"policy": text})
	})
	return wrap("set policy", err)
}

// SetTimezone says which zone is meant by a workspace's time of day, and that of customers whose own is unknown.
// ErrInvalid for what is no zone of the time zone database.
func (s *Store) SetTimezone(ctx context.Context, workspace int64, zone string) error {
	if !calendar.KnownZone(zone) {
		return fmt.Errorf("set time zone: %w: %q is no time zone; give a name such as Europe/Kyiv", ErrInvalid, zone)
	}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		if _, err := tx.conn.Exec(ctx, `UPDATE workspaces SET timezone = $2 WHERE id = $1`, workspace, zone); err != nil {
			return err
		}
		return tx.Audit(ctx, "workspace.timezone", "workspace", map[string]any{"timezone": zone})
	})
	return wrap("set time zone", err)
}
