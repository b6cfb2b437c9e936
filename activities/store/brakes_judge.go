package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// JudgeBrakes counts what happened to a workspace's messages since it was called last, and stops what passes a limit by
// it: it gives the brakes that it applied. It can be called at any time by anybody; what it costs depends on what is new.
func (s *Store) JudgeBrakes(ctx context.Context, workspace int64) ([]Brake, error) {
	var passed []passed
	// Counting is committed by itself: it must not wait for those who hold the campaigns, nor they for it.
	err := s.OnKnownPlans(ctx, workspace, func(tx *Tx) error {
		concerned, err := tx.countBrakes(ctx)
		if err != nil || len(concerned) == 0 {
			return err
		}
		if passed, err = tx.passedByCampaigns(ctx, concerned, Live); err != nil {
			return err
		}
		all, err := tx.passedByWorkspace(ctx)
		passed = append(passed, all...)
		return err
	})
	var applied []Brake
	for _, p := range passed {
		if err != nil {
			break
		}
		err = s.OnKnownPlans(ctx, workspace, func(tx *Tx) error {
			done, err := tx.applyBrake(ctx, p)
			if done {
				applied = append(applied, p.Brake())
			}
			return err
		})
	}
	return applied, wrap("judge brakes", err)
}

// passed is a limit that was passed.
type passed struct {
	campaignID string // "" for the workspace
	campaign   string
	channel    audience.Channel
	limit      string
	reason     string
	counts     campaign.BrakeCounts
	limits     campaign.Brakes
	service    bool // holds service messages as well
}

// Brake is what is applied because of it.
func (p *passed) Brake() Brake {
	return Brake{Campaign: p.campaign, Channel: p.channel, Passed: p.limit, Reason: p.reason, Counts: p.counts, Limits: p.limits}
}

// judge says whether the counts pass a limit.
func (p *passed) judge() bool {
	p.limit, p.reason = p.limits.Passed(p.counts)
	return p.limit != ""
}

// passedByCampaigns lists which of the campaigns in a status pass one of their limits.
func (tx *Tx) passedByCampaigns(ctx context.Context, ids []string, status CampaignStatus) ([]passed, error) {
	list, err := tx.limited(ctx, ids, status)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	var limited []string
	var seconds []float64
	for _, p := range list {
		limited, seconds = append(limited, p.campaignID), append(seconds, p.limits.Per.Seconds())
	}
	rows, _ := tx.conn.Query(ctx, `SELECT s.messages, s.failures, s.bounces, s.complaints, s.unsubscribes, s.cost::text
		FROM unnest($2::uuid[], $3::float8[]) WITH ORDINALITY AS u (id, seconds, n)
		CROSS JOIN LATERAL (SELECT `+sums+` FROM brake_counts b WHERE b.workspace_id = $1 AND b.campaign_id = u.id
			AND b.since > clock_timestamp() - make_interval(secs => u.seconds)
			AND b.since >= coalesce((SELECT max(released_at) FROM brakes r
				WHERE r.workspace_id = $1 AND r.campaign_id = u.id), '-infinity')) s
		ORDER BY u.n`, tx.Workspace, limited, seconds)
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[campaign.BrakeCounts])
	if err != nil {
		return nil, fmt.Errorf("sum up messages of campaigns: %w", err)
	}
	var found []passed
	for i := range list {
		if list[i].counts = counts[i]; list[i].judge() {
			found = append(found, list[i])
		}
	}
	return found, nil
}

// sums are the columns of campaign.BrakeCounts over counters b.
const sums = `coalesce(sum(b.messages), 0) AS messages, coalesce(sum(b.failures), 0) AS failures,
	coalesce(sum(b.bounces), 0) AS bounces, coalesce(sum(b.complaints), 0) AS complaints,
	coalesce(sum(b.unsubscribes), 0) AS unsubscribes, coalesce(sum(b.cost), 0) AS cost`

// limited lists those of the campaigns in a status that have limits.
func (tx *Tx) limited(ctx context.Context, ids []string, status CampaignStatus) ([]passed, error) {
	settings, err := tx.delivery(ctx)
	if err != nil {
		return nil, err
	}
	rows, _ := tx.conn.Query(ctx, `SELECT c.id, c.name, c.transactional, v.definition::jsonb -> 'brakes'
		FROM campaigns c
		JOIN campaign_versions v ON v.workspace_id = c.workspace_id AND v.campaign_id = c.id AND v.version = c.version
		WHERE c.workspace_id = $1 AND c.id = ANY ($2) AND c.status = $3 ORDER BY c.id`, tx.Workspace, ids, status)
	var list []passed
	var p passed
	var transactional bool
	var own *json.RawMessage
	_, err = pgx.ForEachRow(rows, []any{&p.campaignID, &p.campaign, &transactional, &own}, func() error {
		var brakes *campaign.Brakes
		if own != nil {
			brakes = &campaign.Brakes{}
			if err := json.Unmarshal(*own, brakes); err != nil {
				return fmt.Errorf("brakes of campaign %s: %w", p.campaign, err)
			}
		}
		if p.limits = settings.Brakes.OfCampaign(brakes, transactional); !p.limits.None {
			list = append(list, p)
		}
		return nil
	})
	return list, wrap("read limits of campaigns", err)
}

// passedByWorkspace lists the limits over all campaigns that are passed: parts by a channel, spending by all.
func (tx *Tx) passedByWorkspace(ctx context.Context) ([]passed, error) {
	settings, err := tx.delivery(ctx)
	if err != nil {
		return nil, err
	}
	limits := settings.Brakes.OfWorkspace()
	if limits.None {
		return nil, nil
	}
	rows, _ := tx.conn.Query(ctx, `SELECT coalesce(b.channel, ''), `+sums+`
		FROM brake_counts b WHERE b.workspace_id = $1 AND b.since > clock_timestamp() - make_interval(secs => $2)
			AND ($3 OR NOT b.transactional)
			AND b.since >= coalesce((SELECT max(released_at) FROM brakes r
				WHERE r.workspace_id = $1 AND r.campaign_id IS NULL AND r.channel IN ('', b.channel)), '-infinity')
		GROUP BY GROUPING SETS ((b.channel), ()) ORDER BY 1`, tx.Workspace, limits.Per.Seconds(), settings.Brakes.Transactional)
	var found []passed
	p := passed{service: settings.Brakes.Transactional}
	c := &p.counts
	_, err = pgx.ForEachRow(rows, []any{&p.channel, &c.Messages, &c.Failures, &c.Bounces, &c.Complaints, &c.Unsubscribes, &c.Spend},
		func() error {
			p.limits = limits
			if p.channel == "" {
				p.limits = campaign.Brakes{Spend: limits.Spend, Per: limits.Per, After: limits.After}
			} else {
				p.limits.Spend = ""
			}
			if p.judge() {
				found = append(found, p)
			}
			return nil
		})
	return found, wrap("sum up messages of the workspace", err)
}

// applyBrake stops what passed a limit, unless it is stopped already.
func (tx *Tx) applyBrake(ctx context.Context, p passed) (bool, error) {
	if p.campaignID != "" {
		if err := tx.lockCampaigns(ctx); err != nil {
			return false, err
		}
		tag, err := tx.conn.Exec(ctx, `UPDATE campaigns SET status = 'paused', note = $3, updated_at = now()
			WHERE workspace_id = $1 AND id = $2 AND status = 'live'`, tx.Workspace, p.campaignID, "paused by a brake: "+p.reason)
		if err != nil || tag.RowsAffected() == 0 {
			return false, wrap("pause campaign", err)
		}
	}
	tag, err := tx.conn.Exec(ctx, `INSERT INTO brakes (workspace_id, id, campaign_id, channel, transactional, passed, reason,
		counts, limits) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`, tx.Workspace, newID(),
		orNull(p.campaignID), p.channel, p.service, p.limit, p.reason, p.counts, p.limits)
	if err != nil || tag.RowsAffected() == 0 {
		return false, wrap("apply brake", err)
	}
	entity := p.campaign
	if p.campaignID == "" {
		entity = channelWords(p.channel)
	}
	return true, tx.Audit(ctx, "brake_applied", entity, map[string]any{
		"passed": p.limit, "reason": p.reason, "counts": p.counts, "limits": p.limits,
	})
}
