package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ProviderHook is a provider whose webhooks are believed.
type ProviderHook struct {
	Provider  string // ses, sendgrid, mailgun, postmark
	CreatedAt time.Time
}

// SetProviderHook says how a provider proves who it is; see channels/email/hooks for what each needs.
func (s *Store) SetProviderHook(ctx context.Context, workspace int64, provider, secret string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		if _, err := tx.conn.Exec(ctx, `INSERT INTO provider_hooks (workspace_id, provider, secret) VALUES ($1, $2, $3)
			ON CONFLICT (workspace_id, provider) DO UPDATE SET secret = excluded.secret, created_at = now()`,
			workspace, provider, secret); err != nil {
			return err
		}
		return tx.Audit(ctx, "hook.set", provider, nil)
	})
	return wrap("set webhook of provider", err)
}

// ProviderSecret gives what SetProviderHook kept. ErrNotFound when nothing was, or there is no such workspace.
func (s *Store) ProviderSecret(ctx context.Context, workspace int64, provider string) (string, error) {
	var secret string
	err := s.In(ctx, workspace, func(tx *Tx) error {
		return tx.conn.QueryRow(ctx, `SELECT secret FROM provider_hooks WHERE workspace_id = $1 AND provider = $2`,
			workspace, provider).Scan(&secret)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("webhook of %s: %w", provider, ErrNotFound)
	}
	return secret, wrap("read webhook of provider", err)
}

// ProviderHooks lists the providers whose webhooks are believed.
func (s *Store) ProviderHooks(ctx context.Context, workspace int64) ([]ProviderHook, error) {
	var list []ProviderHook
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT provider, created_at FROM provider_hooks WHERE workspace_id = $1 ORDER BY provider`, workspace)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ProviderHook])
		return err
	})
	return list, wrap("list webhooks of providers", err)
}

// RemoveProviderHook believes a provider no more. ErrNotFound when nothing was set.
func (s *Store) RemoveProviderHook(ctx context.Context, workspace int64, provider string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		tag, err := tx.conn.Exec(ctx, `DELETE FROM provider_hooks WHERE workspace_id = $1 AND provider = $2`, workspace, provider)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("webhook of %s: %w", provider, ErrNotFound)
		}
		return tx.Audit(ctx, "hook.removed", provider, nil)
	})
	return wrap("remove webhook of provider", err)
}
