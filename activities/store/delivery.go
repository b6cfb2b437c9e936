package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"dotyk/channels"
)

// Delivery reads what a workspace has decided about its messages.
func (s *Store) Delivery(ctx context.Context, workspace int64) (channels.Settings, error) {
	var settings channels.Settings
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		settings, err = tx.delivery(ctx)
		return err
	})
	return settings, wrap("read settings of messages", err)
}

func (tx *Tx) delivery(ctx context.Context) (channels.Settings, error) {
	var settings channels.Settings
	err := tx.conn.QueryRow(ctx, `SELECT coalesce(settings->'delivery', '{}') FROM workspaces WHERE id = $1`, tx.Workspace).
		Scan(&settings)
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("workspace %d: %w", tx.Workspace, ErrNotFound)
	}
	return settings, err
}

// SetDelivery changes what a workspace has decided about its messages: edit is handed what stands there now. ErrInvalid
// for settings that contradict themselves.
func (s *Store) SetDelivery(ctx context.Context, workspace int64, edit func(*channels.Settings) error) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		if _, err := tx.conn.Exec(ctx, `SELECT FROM workspaces WHERE id = $1 FOR UPDATE`, workspace); err != nil {
			return err
		}
		settings, err := tx.delivery(ctx)
		if err != nil {
			return err
		}
		if err := edit(&settings); err != nil {
			return err
		}
		if err := settings.Check(); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		text, err := jsonText(settings)
		if err != nil {
			return err
		}
		if _, err := tx.conn.Exec(ctx, `UPDATE workspaces SET settings = settings || jsonb_build_object('delivery', $2::jsonb)
			WHERE id = $1`, workspace, text); err != nil {
			return err
		}
		return tx.Audit(ctx, "workspace.changed", "delivery", map[string]any{"delivery": settings})
	})
	return wrap("set settings of messages", err)
}
