package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

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
	return tx.policies.parse(text)
}

// SetPolicy replaces the policy of a workspace. It holds for every message that is claimed from now on, and those that
// wait for the end of quiet hours are judged by it anew.
func (s *Store) SetPolicy(ctx context.Context, workspace int64, p campaign.Policy) error {
	text := string(p.JSON())
	err := s.In(ctx, workspace, func(tx *Tx) error {
		if _, err := tx.conn.Exec(ctx, `UPDATE workspaces SET settings = settings || jsonb_build_object('policy', $2::text::jsonb)
			WHERE id = $1`, workspace, text); err != nil {
			return err
		}
		if err := tx.judgeQuietAgain(ctx); err != nil {
			return err
		}
		return tx.Audit(ctx, "policy.changed", "workspace", map[string]any{"policy": text})
	})
	return wrap("set policy", err)
}

// judgeQuietAgain has the messages that wait for the end of quiet hours claimed anew: other hours may hold now, or hold
// elsewhere. What yields to another message has a moment of its own.
func (tx *Tx) judgeQuietAgain(ctx context.Context) error {
	_, err := tx.conn.Exec(ctx, `WITH held AS (
			UPDATE touches SET not_before = now() WHERE workspace_id = $1 AND status = 'planned' AND not_before > now()
				AND yielded_at IS NULL
			RETURNING cohort_id),
		poked AS (
			UPDATE cohorts SET poked = true WHERE workspace_id = $1 AND id IN (SELECT cohort_id FROM held) RETURNING id)
		SELECT pg_notify($2, '0') FROM poked LIMIT 1`, tx.Workspace, intakeChannel)
	if err != nil {
		return fmt.Errorf("judge held messages again: %w", err)
	}
	return nil
}
