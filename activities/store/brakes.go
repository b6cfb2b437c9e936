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

// Brake is a limit that was passed, and what it stopped: a campaign, which is paused; or a channel of the workspace, or all
// of them, whose messages wait.
type Brake struct {
	ID         string
	Campaign   string           // name; "" for one of the workspace
	Channel    audience.Channel // "" for all; a campaign's is always for all
	Passed     string           // the name of the limit
	Reason     string           // in words, with the numbers
	Counts     campaign.BrakeCounts
	Limits     campaign.Brakes
	AppliedAt  time.Time
	ReleasedAt *time.Time // nil: it holds
	ReleasedBy string
}

// BrakeHoldsError says that a limit is still passed, so what it stopped does not go on without further ado.
type BrakeHoldsError struct {
	What   string // "campaign welcome"
	Reason string
}

func (e *BrakeHoldsError) Error() string {
	return fmt.Sprintf("%s was stopped by a brake, and would be again: %s", e.What, e.Reason)
}

// BrakeFilter says which brakes are meant.
type BrakeFilter struct {
	Campaign string // name; "" for all, the workspace's included
	Holding  bool   // only those that hold
	Limit    int
}

// Brakes lists brakes, those that hold first, then the newest.
func (s *Store) Brakes(ctx context.Context, workspace int64, f BrakeFilter) ([]Brake, error) {
	var list []Brake
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT b.id, coalesce(c.name, ''), b.channel, b.passed, b.reason, b.counts, b.limits,
			b.applied_at, b.released_at, b.released_by
			FROM brakes b LEFT JOIN campaigns c ON c.workspace_id = $1 AND c.id = b.campaign_id
			WHERE b.workspace_id = $1 AND ($2 = '' OR c.name = $2) AND (NOT $3 OR b.released_at IS NULL)
			ORDER BY b.released_at IS NOT NULL, b.applied_at DESC, b.id LIMIT $4`, workspace, f.Campaign, f.Holding, f.Limit)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Brake])
		return err
	})
	return list, wrap("list brakes", err)
}

// braked is whether a brake of the workspace holds message t, of workspace $1 and channel $3, back. Brakes of campaigns
// pause these. The query within is the same for all messages of a claim, and is asked once.
const braked = `coalesce((SELECT bool_or(transactional) FROM brakes WHERE workspace_id = $1 AND released_at IS NULL
	AND campaign_id IS NULL AND channel IN ('', $3)) >= t.transactional, false)`

// ResumeCampaign is SetCampaignStatus(Live). With anyway also while a limit is still passed by which a brake stopped it;
// without, that is a *BrakeHoldsError. Counts of the campaign begin anew.
func (s *Store) ResumeCampaign(ctx context.Context, workspace int64, name string, anyway bool) error {
	if !anyway {
		if err := s.holdsStill(ctx, workspace, name); err != nil {
			return wrap(fmt.Sprintf("resume campaign %q", name), err)
		}
	}
	err := s.In(ctx, workspace, func(tx *Tx) error { return tx.setStatus(ctx, name, Live, time.Now()) })
	return wrap(fmt.Sprintf("resume campaign %q", name), err)
}

// holdsStill says whether what stopped a campaign would stop it again. What has happened since is counted first.
func (s *Store) holdsStill(ctx context.Context, workspace int64, name string) error {
	return s.In(ctx, workspace, func(tx *Tx) error {
		if _, err := tx.countBrakes(ctx); err != nil {
			return err
		}
		id, status, err := tx.campaignNamed(ctx, name, "")
		if err != nil || status != Paused {
			return err
		}
		var stopped bool
		if err := tx.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM brakes
			WHERE workspace_id = $1 AND campaign_id = $2 AND released_at IS NULL)`, workspace, id).Scan(&stopped); err != nil || !stopped {
			return err
		}
		list, err := tx.passedByCampaigns(ctx, []string{id}, Paused)
		if err != nil || len(list) == 0 {
			return err
		}
		return &BrakeHoldsError{What: "campaign " + name, Reason: list[0].reason}
	})
}

// queueRelease lifts the brake of a campaign that goes on.
func queueRelease(ctx context.Context, b *pgx.Batch, ws int64, campaignID string) {
	b.Queue(`UPDATE brakes SET released_at = clock_timestamp(), released_by = $3
		WHERE workspace_id = $1 AND campaign_id = $2 AND released_at IS NULL`, ws, campaignID, actor(ctx))
}

// ReleaseBrake lifts the brake of the workspace that holds a channel; "" is that of all channels. What waited goes on, and
// counts begin anew. ErrNotFound when none holds it; a *BrakeHoldsError when the limit is still passed, unless anyway.
func (s *Store) ReleaseBrake(ctx context.Context, workspace int64, channel audience.Channel, anyway bool) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		if _, err := tx.countBrakes(ctx); err != nil {
			return err
		}
		var id string
		err := tx.conn.QueryRow(ctx, `SELECT id FROM brakes WHERE workspace_id = $1 AND campaign_id IS NULL AND channel = $2
			AND released_at IS NULL FOR UPDATE`, workspace, channel).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("brake of %s: %w", channelWords(channel), ErrNotFound)
		}
		if err != nil {
			return err
		}
		if !anyway {
			list, err := tx.passedByWorkspace(ctx)
			if err != nil {
				return err
			}
			for _, p := range list {
				if p.channel == channel {
					return &BrakeHoldsError{What: "the sending of " + channelWords(channel), Reason: p.reason}
				}
			}
		}
		b := &pgx.Batch{}
		b.Queue(`UPDATE brakes SET released_at = clock_timestamp(), released_by = $3 WHERE workspace_id = $1 AND id = $2`,
			workspace, id, actor(ctx))
		b.Queue(`UPDATE cohorts SET poked = true WHERE workspace_id = $1 AND id IN (
			SELECT cohort_id FROM touches WHERE workspace_id = $1 AND status = 'planned' AND $2 IN ('', channel))`, workspace, channel)
		b.Queue(`SELECT pg_notify($1, '0')`, intakeChannel)
		if err := tx.batch(ctx, b); err != nil {
			return err
		}
		return tx.Audit(ctx, "brake_released", channelWords(channel), nil)
	})
	return wrap("release brake", err)
}

// channelWords names a channel for people.
func channelWords(c audience.Channel) string {
	if c == "" {
		return "all channels"
	}
	return "channel " + string(c)
}

// ForgetBrakeCounts drops counters that no brake looks at any more.
func (s *Store) ForgetBrakeCounts(ctx context.Context, workspace int64) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		_, err := tx.conn.Exec(ctx, `DELETE FROM brake_counts WHERE workspace_id = $1
			AND since < now() - make_interval(secs => $2)`, workspace, 2*campaign.LongestBrake.Seconds())
		return err
	})
	return wrap("drop old counters of brakes", err)
}
