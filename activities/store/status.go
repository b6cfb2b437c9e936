package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/campaign"
)

// CampaignStatus says whether customers may enter and journeys may go on.
type CampaignStatus string

// The states of a campaign. Publishing makes any of them live.
const (
	Live     CampaignStatus = "live"
	Paused   CampaignStatus = "paused"   // nobody enters, journeys wait, nothing is sent; it can be resumed
	Stopped  CampaignStatus = "stopped"  // nobody enters, and those who were under way have left
	Archived CampaignStatus = "archived" // as stopped, and not shown any more
)

// ReasonStopped is the exit reason of journeys whose campaign was stopped.
const ReasonStopped = "stopped"

// SetCampaignStatus pauses, resumes, stops or archives a campaign by name. ErrNotFound when there is none, ErrInvalid,
// with what to do instead, where the campaign cannot get there from where it is; a *BrakeHoldsError where a brake stopped
// it and would do so again, see ResumeCampaign.
//
// What a schedule missed while its campaign was paused is skipped when it is resumed, and noted in the audit. Stopping
// makes all journeys leave in the same transaction.
func (s *Store) SetCampaignStatus(ctx context.Context, workspace int64, name string, status CampaignStatus) error {
	if status == Live {
		return s.ResumeCampaign(ctx, workspace, name, false)
	}
	err := s.In(ctx, workspace, func(tx *Tx) error { return tx.setStatus(ctx, name, status, time.Now()) })
	return wrap(fmt.Sprintf("set status of campaign %q", name), err)
}

// campaignNamed finds a campaign; a locking clause may be added. ErrNotFound when there is none.
func (tx *Tx) campaignNamed(ctx context.Context, name, locking string) (id string, status CampaignStatus, err error) {
	err = tx.conn.QueryRow(ctx, `SELECT id, status FROM campaigns WHERE workspace_id = $1 AND name = $2`+locking,
		tx.Workspace, name).Scan(&id, &status)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", "", fmt.Errorf("campaign %q: %w", name, ErrNotFound)
	}
	return id, status, wrap("find campaign", err)
}

func (tx *Tx) setStatus(ctx context.Context, name string, status CampaignStatus, now time.Time) error {
	if err := tx.lockCampaigns(ctx); err != nil {
		return err
	}
	id, was, err := tx.campaignNamed(ctx, name, " FOR UPDATE")
	if err != nil || was == status {
		return err
	}
	if err := tx.mayBecome(ctx, name, id, was, status); err != nil {
		return err
	}
	if status == Live {
		v, err := tx.currentVersion(ctx, id)
		if err != nil {
			return err
		}
		return tx.resume(ctx, v.Definition, id, now)
	}
	if status == Stopped {
		if err := tx.stop(ctx, id, now); err != nil {
			return err
		}
	}
	b := &pgx.Batch{}
	b.Queue(`UPDATE campaigns SET status = $3, updated_at = now() WHERE workspace_id = $1 AND id = $2`,
		tx.Workspace, id, status)
	if status != Paused {
		queueClose(b, tx.Workspace, id)
	}
	if err := tx.batch(ctx, b); err != nil {
		return err
	}
	return tx.Audit(ctx, "campaign."+string(status), name, nil)
}

// mayBecome refuses what makes no sense, and says what to do instead.
func (tx *Tx) mayBecome(ctx context.Context, name, id string, was, status CampaignStatus) error {
	refuse := func(advice string) error {
		return fmt.Errorf("%w: campaign %q is %s and cannot become %s; %s", ErrInvalid, name, was, status, advice)
	}
	switch {
	case status == Live && was != Paused:
		return refuse("publish it again")
	case status == Paused && was != Live:
		return refuse("nobody enters it as it is")
	case status == Stopped && was == Archived:
		return refuse("nobody enters it as it is")
	case status != Archived:
		return nil
	}
	var active int
	err := tx.conn.QueryRow(ctx, `SELECT count(*) FROM journeys
		WHERE workspace_id = $1 AND campaign_id = $2 AND status = 'active'`, tx.Workspace, id).Scan(&active)
	if err == nil && active > 0 {
		return refuse(fmt.Sprintf("%d journeys are under way: stop it first, or wait until they have ended", active))
	}
	return wrap("count journeys", err)
}

// currentVersion reads the version that customers enter, or entered last.
func (tx *Tx) currentVersion(ctx context.Context, id string) (*Version, error) {
	var number int
	err := tx.conn.QueryRow(ctx, `SELECT version FROM campaigns WHERE workspace_id = $1 AND id = $2`,
		tx.Workspace, id).Scan(&number)
	if err != nil {
		return nil, fmt.Errorf("find version: %w", err)
	}
	return tx.LoadVersion(ctx, id, number)
}

// resume makes a paused campaign live again: what waited goes on, and its schedules begin from now.
func (tx *Tx) resume(ctx context.Context, d *campaign.Definition, id string, now time.Time) error {
	skipped, err := tx.skipMissed(ctx, d, id, now)
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue(`UPDATE campaigns SET status = 'live', note = '', updated_at = now() WHERE workspace_id = $1 AND id = $2`, tx.Workspace, id)
	queueRelease(ctx, b, tx.Workspace, id)
	queueGoOn(b, tx.Workspace, id)
	if err := tx.batch(ctx, b); err != nil {
		return fmt.Errorf("wake journeys: %w", err)
	}
	detail := map[string]any{}
	if len(skipped) > 0 {
		detail["skipped"] = skipped
	}
	return tx.Audit(ctx, "campaign."+string(Live), d.Name, detail)
}

// queueGoOn has the cohorts of a campaign looked at again.
func queueGoOn(b *pgx.Batch, ws int64, id string) {
	b.Queue(`UPDATE cohorts h SET poked = true WHERE workspace_id = $1 AND campaign_id = $2 AND (status = 'running'
		OR EXISTS (SELECT FROM touches t WHERE t.workspace_id = $1 AND t.cohort_id = h.id AND t.status = 'planned'))`, ws, id)
	b.Queue(`SELECT pg_notify($1, '0')`, intakeChannel)
}

// queueClose lets nobody enter any more: neither those on their way in nor by a schedule.
func queueClose(b *pgx.Batch, ws int64, id string) {
	b.Queue(`UPDATE audience_entries SET finished_at = now()
		WHERE workspace_id = $1 AND campaign_id = $2 AND finished_at IS NULL`, ws, id)
	b.Queue(`DELETE FROM campaign_schedules WHERE workspace_id = $1 AND campaign_id = $2`, ws, id)
}

// stop makes everybody leave a campaign.
func (tx *Tx) stop(ctx context.Context, id string, now time.Time) error {
	v, err := tx.currentVersion(ctx, id)
	if err != nil {
		return err
	}
	m := mover{
		tx: tx, to: v.Definition, campaign: id, moves: Moves{Default: PolicyExit}, now: now, reason: ReasonStopped,
	}
	return m.run(ctx)
}
