package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// AudienceRef names an audience on its way into a campaign.
type AudienceRef struct {
	Workspace int64
	ID        string
}

// OpenAudiences lists the audiences that have not entered completely.
func (s *Store) OpenAudiences(ctx context.Context) ([]AudienceRef, error) {
	rows, _ := s.engine.Query(ctx, `SELECT workspace_id, id FROM audience_entries WHERE finished_at IS NULL ORDER BY id`)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AudienceRef])
	if err != nil {
		return nil, fmt.Errorf("find open audiences: %w", err)
	}
	return list, nil
}

// AudiencePage is the next part of an audience to be judged.
type AudiencePage struct {
	CampaignID string
	Version    int
	Live       bool // false: nobody may enter now
	Customers  []audience.Customer
}

// ClaimAudience locks an audience and reads its next customers by id. Nil when it has entered completely.
func (tx *Tx) ClaimAudience(ctx context.Context, id string, limit int) (*AudiencePage, error) {
	var p AudiencePage
	var after string
	rows, _ := tx.conn.Query(ctx, `SELECT e.campaign_id, e.version, e.after, c.status = 'live' FROM audience_entries e
		JOIN campaigns c ON c.workspace_id = e.workspace_id AND c.id = e.campaign_id
		WHERE e.workspace_id = $1 AND e.id = $2 AND e.finished_at IS NULL FOR UPDATE OF e`, tx.Workspace, id)
	n, err := pgx.ForEachRow(rows, []any{&p.CampaignID, &p.Version, &after, &p.Live}, func() error { return nil })
	if err != nil {
		return nil, fmt.Errorf("claim audience: %w", err)
	}
	if n.RowsAffected() == 0 {
		return nil, ErrNotFound
	}
	rows, _ = tx.conn.Query(ctx, `SELECT `+customerColumns+` FROM customers
		WHERE workspace_id = $1 AND id > $2 AND merged_into IS NULL ORDER BY id LIMIT $3`, tx.Workspace, after, limit)
	if p.Customers, err = pgx.CollectRows(rows, scanCustomer); err != nil {
		return nil, fmt.Errorf("read audience: %w", err)
	}
	return &p, nil
}

// AdvanceAudience moves the cursor of an audience past the customers that were judged; last is "" at its end.
func (tx *Tx) AdvanceAudience(ctx context.Context, id, last string, judged, entered int) error {
	_, err := tx.conn.Exec(ctx, `UPDATE audience_entries SET after = coalesce(nullif($3, '')::uuid, after),
		judged = judged + $4, entered = entered + $5, finished_at = CASE WHEN $3 = '' THEN now() END
		WHERE workspace_id = $1 AND id = $2`, tx.Workspace, id, last, judged, entered)
	if err != nil {
		return fmt.Errorf("move audience on: %w", err)
	}
	return nil
}
