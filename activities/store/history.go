package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/campaign"
)

// VersionInfo is a line of the history of a campaign.
type VersionInfo struct {
	Number      int
	Hash        string // of the canonical definition and the templates
	PublishedBy string
	PublishedAt time.Time
	Note        string // what the publisher said about it
	Of          int    // the version that a rollback brought back; 0 for any other
	Active      int    // journeys under way in it
	Live        bool   // customers who enter now enter this version
}

// Versions lists the versions of a campaign, the newest first. ErrNotFound when there is no such campaign.
func (s *Store) Versions(ctx context.Context, workspace int64, name string) ([]VersionInfo, error) {
	var list []VersionInfo
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT v.version, v.hash, v.published_by, v.published_at, v.note, coalesce(v.of, 0),
			(SELECT count(*) FROM journeys j WHERE j.workspace_id = $1 AND j.campaign_id = c.id AND j.version = v.version
				AND j.status = 'active'),
			v.version = c.version AND c.status = 'live'
			FROM campaigns c JOIN campaign_versions v ON v.workspace_id = $1 AND v.campaign_id = c.id
			WHERE c.workspace_id = $1 AND c.name = $2 ORDER BY v.version DESC`, workspace, name)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[VersionInfo])
		if err == nil && len(list) == 0 {
			return ErrNotFound
		}
		return err
	})
	return list, wrap(fmt.Sprintf("list versions of campaign %q", name), err)
}

// Version is one immutable version of a campaign.
type Version struct {
	CampaignID string
	Number     int
	Definition *campaign.Definition
	Templates  map[string]Template
	Source     string // as the marketer wrote it
}

// LoadVersion reads a version. It never changes, so callers keep it.
func (tx *Tx) LoadVersion(ctx context.Context, campaignID string, number int) (*Version, error) {
	v := Version{CampaignID: campaignID, Number: number}
	var canonical string
	err := tx.conn.QueryRow(ctx, `SELECT definition, templates, source FROM campaign_versions
		WHERE workspace_id = $1 AND campaign_id = $2 AND version = $3`, tx.Workspace, campaignID, number).
		Scan(&canonical, &v.Templates, &v.Source)
	if err != nil {
		return nil, fmt.Errorf("load version %d of campaign %s: %w", number, campaignID, err)
	}
	if v.Definition, err = campaign.Decode([]byte(canonical)); err != nil {
		return nil, fmt.Errorf("decode version %d of campaign %s: %w", number, campaignID, err)
	}
	return &v, nil
}

// CampaignVersion reads a version of a campaign by its name; number 0 is the one that customers enter, or entered last.
// ErrNotFound when there is no such campaign or version.
func (s *Store) CampaignVersion(ctx context.Context, workspace int64, name string, number int) (*Version, error) {
	var v *Version
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var id string
		err := tx.conn.QueryRow(ctx, `SELECT v.campaign_id, v.version FROM campaigns c
			JOIN campaign_versions v ON v.workspace_id = $1 AND v.campaign_id = c.id
				AND v.version = CASE WHEN $3 = 0 THEN c.version ELSE $3 END
			WHERE c.workspace_id = $1 AND c.name = $2`, workspace, name, number).Scan(&id, &number)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		v, err = tx.LoadVersion(ctx, id, number)
		return err
	})
	return v, wrap(fmt.Sprintf("read version %d of campaign %q", number, name), err)
}

// LiveDefinitions lists the campaigns that customers can enter now, by name.
func (s *Store) LiveDefinitions(ctx context.Context, workspace int64) ([]*campaign.Definition, error) {
	var list []*campaign.Definition
	err := s.In(ctx, workspace, func(tx *Tx) error {
		live, err := tx.LiveCampaigns(ctx)
		if err != nil {
			return err
		}
		list = nil
		for _, c := range live {
			v, err := tx.LoadVersion(ctx, c.ID, c.Version)
			if err != nil {
				return err
			}
			list = append(list, v.Definition)
		}
		return nil
	})
	return list, wrap("list live campaigns", err)
}
