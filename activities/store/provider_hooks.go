package store

import (
	"context"
	"encoding/base64"
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

// providerSealed is the provider whose secret would let whoever reads it speak as the provider, so that it is kept encrypted;
// what the others prove themselves by is public, or a hash.
const providerSealed = "mailgun"

func hookPlace(workspace int64) string {
	return fmt.Sprintf("provider_hooks/%d/%s", workspace, providerSealed)
}

// SetProviderHook says how a provider proves who it is; see channels/email/hooks for what each needs. ErrNoSecretKey where a
// secret must be encrypted and the program has no key.
func (s *Store) SetProviderHook(ctx context.Context, workspace int64, provider, secret string) error {
	if provider == providerSealed {
		sealed, err := s.keys.seal(secret, hookPlace(workspace))
		if err != nil {
			return fmt.Errorf("keep secret of %s: %w", provider, err)
		}
		secret = base64.StdEncoding.EncodeToString(sealed)
	}
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
	if err == nil && provider == providerSealed {
		var sealed []byte
		if sealed, err = base64.StdEncoding.DecodeString(secret); err == nil {
			secret, err = s.keys.open(sealed, hookPlace(workspace))
		}
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
