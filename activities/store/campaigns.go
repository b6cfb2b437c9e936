package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/channels/content"
)

// Template is something written in Liquid that has a name.
type Template = content.Template

// CampaignSummary is a line of the list of campaigns.
type CampaignSummary struct {
	Name      string
	Status    CampaignStatus
	Note      string // why it is in this status, where it did not get there by hand
	Version   int
	Active    int // journeys under way
	Ended     int
	Sent      int // messages accepted by a provider
	Uncertain int
	UpdatedAt time.Time
}

// Campaigns lists the workspace's campaigns by name.
func (s *Store) Campaigns(ctx context.Context, workspace int64) ([]CampaignSummary, error) {
	var list []CampaignSummary
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT c.name, c.status, c.note, c.version,
			(SELECT count(*) FROM journeys j WHERE j.workspace_id = $1 AND j.campaign_id = c.id AND j.status = 'active'),
			(SELECT count(*) FROM journeys j WHERE j.workspace_id = $1 AND j.campaign_id = c.id
				AND j.status NOT IN ('active', 'held_out')),
			(SELECT count(*) FROM touches t WHERE t.workspace_id = $1 AND t.campaign_id = c.id
				AND t.status IN ('accepted', 'delivered')),
			(SELECT count(*) FROM touches t WHERE t.workspace_id = $1 AND t.campaign_id = c.id AND t.status = 'uncertain'),
			c.updated_at FROM campaigns c WHERE c.workspace_id = $1 ORDER BY c.name`, tx.Workspace)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[CampaignSummary])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list campaigns: %w", err)
	}
	return list, nil
}
