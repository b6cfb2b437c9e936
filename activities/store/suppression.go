package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"dotyk/rules/audience"
)

// hashAddress is the form in which an address is suppressed: it cannot be turned back without the secret.
func hashAddress(secret []byte, channel audience.Channel, address string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(string(channel) + ":" + strings.ToLower(strings.TrimSpace(address))))
	return mac.Sum(nil)
}

// suppress puts an address on the list of those that must not be contacted.
func (tx *Tx) suppress(ctx context.Context, channel audience.Channel, address, reason, detail string) error {
	secret, err := tx.secret(ctx)
	if err != nil {
		return err
	}
	_, err = tx.conn.Exec(ctx, `INSERT INTO suppressions (workspace_id, channel, address_hash, reason, detail)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (workspace_id, channel, address_hash)
		DO UPDATE SET reason = excluded.reason, detail = excluded.detail, created_at = now(), cleared_at = NULL
		WHERE suppressions.cleared_at IS NOT NULL`,
		tx.Workspace, channel, hashAddress(secret, channel, address), reason, clean(detail))
	if err != nil {
		return fmt.Errorf("suppress address: %w", err)
	}
	return nil
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

// suppressed says whether an address is on the list, for whatever reason.
func (tx *Tx) suppressed(ctx context.Context, channel audience.Channel, address string) (bool, error) {
	secret, err := tx.secret(ctx)
	if err != nil {
		return false, err
	}
	var listed bool
	err = tx.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM suppressions
		WHERE workspace_id = $1 AND channel = $2 AND address_hash = $3 AND cleared_at IS NULL)`,
		tx.Workspace, channel, hashAddress(secret, channel, address)).Scan(&listed)
	if err != nil {
		return false, fmt.Errorf("look up suppression: %w", err)
	}
	return listed, nil
}
