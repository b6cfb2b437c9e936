package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// SplitResult is how the arms of a split did, in one version of a campaign.
type SplitResult struct {
	Version   int
	Split     string              // id of the step
	By        campaign.SplitBy    // what was counted; "" of a split that looks for no winner: then Hits are clicks
	Arms      []campaign.ArmCount // as of now; once there is a winner, as of the decision
	Winner    string              // "" while there is none
	Reason    string              // why it won, in one sentence
	BeganAt   time.Time           // when the first customer came to it; zero before, and of a split without winner
	DecidedAt time.Time           // zero while there is no winner
}

// SplitResults tells how the splits of a campaign do, of every version that customers came to, newest version first.
// ErrNotFound when there is no such campaign.
func (s *Store) SplitResults(ctx context.Context, workspace int64, name string) ([]SplitResult, error) {
	var list []SplitResult
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var id string
		err := tx.conn.QueryRow(ctx, `SELECT id FROM campaigns WHERE workspace_id = $1 AND name = $2`, workspace, name).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("campaign %q: %w", name, ErrNotFound)
		}
		if err != nil {
			return err
		}
		rows, _ := tx.conn.Query(ctx, `SELECT DISTINCT version FROM journeys
			WHERE workspace_id = $1 AND campaign_id = $2 ORDER BY version DESC`, workspace, id)
		versions, err := pgx.CollectRows(rows, pgx.RowTo[int])
		if err != nil {
			return err
		}
		for _, number := range versions {
			v, err := tx.LoadVersion(ctx, id, number)
			if err != nil {
				return err
			}
			results, err := tx.splitResults(ctx, v)
			if err != nil {
				return err
			}
			list = append(list, results...)
		}
		return nil
	})
	return list, wrap("read results of splits", err)
}

func (tx *Tx) splitResults(ctx context.Context, v *Version) ([]SplitResult, error) {
	key := SplitKey{v.CampaignID, v.Number}
	winners, err := tx.Winners(ctx, []SplitKey{key})
	if err != nil {
		return nil, err
	}
	starts, err := tx.SplitStarts(ctx, key)
	if err != nil {
		return nil, err
	}
	var list []SplitResult
	for _, split := range Splits(v.Definition.Steps) {
		r := SplitResult{Version: v.Number, Split: split.ID, By: split.By, BeganAt: starts[split.ID]}
		if w, ok := winners[key][split.ID]; ok {
			r.Winner, r.Reason, r.Arms, r.DecidedAt = w.Arm, w.Reason, w.Counts, w.DecidedAt
		} else if r.Arms, err = tx.CountArms(ctx, v, split); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// Splits lists the splits among steps, those within others too, in the order of the file.
func Splits(steps []campaign.Step) []*campaign.SplitStep {
	var found []*campaign.SplitStep
	campaign.Walk(steps, func(step campaign.Step) {
		if split, ok := step.(*campaign.SplitStep); ok {
			found = append(found, split)
		}
	})
	return found
}

// SplitKey names a version of a campaign, within which splits are told apart by their ids.
type SplitKey struct {
	CampaignID string
	Version    int
}

// SplitWinner is a winner with the figures by which it won.
type SplitWinner struct {
	campaign.Winner
	Counts    []campaign.ArmCount
	DecidedAt time.Time
}

// Winners gives the winners that were found, by version and id of the split.
func (tx *Tx) Winners(ctx context.Context, of []SplitKey) (map[SplitKey]map[string]SplitWinner, error) {
	var campaigns []string
	var versions []int32
	for _, k := range of {
		campaigns, versions = append(campaigns, k.CampaignID), append(versions, int32(k.Version)) //nolint:gosec // counted by ones
	}
	rows, _ := tx.conn.Query(ctx, `SELECT w.campaign_id, w.version, w.split, w.arm, w.reason, w.counts, w.decided_at
		FROM split_winners w JOIN (SELECT DISTINCT * FROM unnest($2::uuid[], $3::integer[])) AS u (campaign, version)
			ON w.campaign_id = u.campaign AND w.version = u.version WHERE w.workspace_id = $1`,
		tx.Workspace, campaigns, versions)
	found := map[SplitKey]map[string]SplitWinner{}
	var key SplitKey
	var split string
	var w SplitWinner
	_, err := pgx.ForEachRow(rows, []any{&key.CampaignID, &key.Version, &split, &w.Arm, &w.Reason, &w.Counts, &w.DecidedAt},
		func() error {
			if found[key] == nil {
				found[key] = map[string]SplitWinner{}
			}
			found[key][split] = w
			w.Counts = nil // the next row decodes into a list of its own
			return nil
		})
	return found, wrap("read winners of splits", err)
}

// SplitStarts gives when the first customer came to each split of a version that looks for a winner.
func (tx *Tx) SplitStarts(ctx context.Context, key SplitKey) (map[string]time.Time, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT split, began_at FROM split_starts
		WHERE workspace_id = $1 AND campaign_id = $2 AND version = $3`, tx.Workspace, key.CampaignID, key.Version)
	found := map[string]time.Time{}
	var split string
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&split, &at}, func() error {
		found[split] = at
		return nil
	})
	return found, wrap("read starts of splits", err)
}

// SplitBegan notes when customers came to a split that looks for a winner, and gives the moment from which its time
// counts: that of the first of them all.
func (tx *Tx) SplitBegan(ctx context.Context, key SplitKey, split string, at time.Time) (time.Time, error) {
	_, err := tx.conn.Exec(ctx, `INSERT INTO split_starts (workspace_id, campaign_id, version, split, began_at)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, tx.Workspace, key.CampaignID, key.Version, split, at)
	if err != nil {
		return time.Time{}, fmt.Errorf("note start of split: %w", err)
	}
	starts, err := tx.SplitStarts(ctx, key)
	return starts[split], err
}

// CountArms counts how the arms of a split did in one version, in the order of the arms; the one that waits for the winner
// is not among them. An arm reached those of its customers to whom a message of their journey was handed over after they
// came to it, or all of them if their journeys planned none; of those it counts who did what the split counts after that.
func (tx *Tx) CountArms(ctx context.Context, v *Version, split *campaign.SplitStep) ([]campaign.ArmCount, error) {
	rows, _ := tx.conn.Query(ctx, `WITH came AS MATERIALIZED (
			SELECT id, customer_id, status, position->'results'->$4->'event'->>'arm' AS arm,
				(position->'results'->$4->>'at')::timestamptz AS at
			FROM journeys WHERE workspace_id = $1 AND campaign_id = $2 AND version = $3
				AND position->'results'->$4->'event'->>'arm' IS NOT NULL),
		sent AS MATERIALIZED (
			SELECT came.*, t.planned, t.reached FROM came CROSS JOIN LATERAL (
				SELECT count(*) > 0 AS planned, coalesce(bool_or(status IN ('accepted', 'delivered')), false) AS reached
				FROM touches WHERE workspace_id = $1 AND journey_id = came.id AND channel IN ('email', 'sms')
					AND occurred_at >= came.at OFFSET 0) t),
		arms AS (SELECT arm, bool_or(planned) AS sends FROM sent GROUP BY arm)
		SELECT s.arm, count(*), count(*) FILTER (WHERE CASE WHEN $5 = '`+string(campaign.ByGoal)+`' THEN s.status = 'converted'
			ELSE EXISTS (SELECT FROM events e WHERE e.workspace_id = $1 AND e.customer_id = s.customer_id AND e.name = $6
				AND e.occurred_at >= s.at AND e.properties->>'campaign' = $7) END)
		FROM sent s JOIN arms a ON a.arm = s.arm WHERE s.reached OR NOT a.sends GROUP BY s.arm`,
		tx.Workspace, v.CampaignID, v.Number, split.ID, split.By, countedEvent(split.By), v.Definition.Name)
	byArm := map[string]campaign.ArmCount{}
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[campaign.ArmCount])
	if err != nil {
		return nil, fmt.Errorf("count arms of split %s: %w", split.ID, err)
	}
	for _, c := range counts {
		byArm[c.Arm] = c
	}
	var list []campaign.ArmCount
	for _, arm := range split.Arms {
		if arm.Winner {
			continue
		}
		c := byArm[arm.Name]
		c.Arm = arm.Name
		list = append(list, c)
	}
	return list, nil
}

// countedEvent names the event that counts as a hit.
func countedEvent(by campaign.SplitBy) string {
	if by == campaign.ByOpens {
		return audience.EventEmailOpened
	}
	return audience.EventEmailClicked
}

// DecideSplit keeps the winner of a split, unless one is kept already, and gives the one that stands.
func (tx *Tx) DecideSplit(ctx context.Context, key SplitKey, split string, w campaign.Winner, counts []campaign.ArmCount, now time.Time) (SplitWinner, error) {
	figures, err := jsonText(counts)
	if err != nil {
		return SplitWinner{}, err
	}
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO split_winners (workspace_id, campaign_id, version, split, arm, reason, counts, decided_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		tx.Workspace, key.CampaignID, key.Version, split, w.Arm, clean(w.Reason), figures, now)
	if err := tx.batch(ctx, b); err != nil {
		return SplitWinner{}, fmt.Errorf("keep winner of split: %w", err)
	}
	winners, err := tx.Winners(ctx, []SplitKey{key})
	return winners[key][split], err
}
