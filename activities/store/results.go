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

// CampaignResults is what a campaign came to so far, over all its versions.
type CampaignResults struct {
	Name     string
	Status   CampaignStatus
	Version  int
	Journeys map[campaign.Status]int // by status; held out ones never began
	Waiting  []StandingJourneys      // by version, then by step
	Left     []Leaving               // why journeys ended, the most frequent first
	Messages []MessageCount          // by step, channel and status
}

// StandingJourneys is how many journeys stand at a step now.
type StandingJourneys struct {
	Version  int
	Step     string // "" before the first
	Journeys int
	NextDue  time.Time // when the first of them is looked at; zero when only events can move them
}

// Leaving is how many journeys ended in a status for a reason.
type Leaving struct {
	Status   campaign.Status
	Reason   string
	Journeys int
}

// MessageCount is how many touches of a step are in a status.
type MessageCount struct {
	Step    string
	Channel audience.Channel
	Status  audience.TouchStatus
	Count   int
}

// CampaignResults counts what a campaign came to. ErrNotFound when there is none of that name.
func (s *Store) CampaignResults(ctx context.Context, workspace int64, name string) (CampaignResults, error) {
	r := CampaignResults{Name: name, Journeys: map[campaign.Status]int{}}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var id string
		err := tx.conn.QueryRow(ctx, `SELECT id, status, version FROM campaigns WHERE workspace_id = $1 AND name = $2`,
			workspace, name).Scan(&id, &r.Status, &r.Version)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("campaign %q: %w", name, ErrNotFound)
		}
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		queueResults(b, workspace, id, &r)
		return tx.batch(ctx, b)
	})
	if errors.Is(err, ErrNotFound) {
		return CampaignResults{}, err
	}
	return r, wrap("count results", err)
}

func queueResults(b *pgx.Batch, ws int64, id string, r *CampaignResults) {
	const most = 100 // reasons are texts, and some name what they are about
	b.Queue(`SELECT status, exit_reason, count(*) FROM journeys WHERE workspace_id = $1 AND campaign_id = $2
		AND status <> 'active' GROUP BY status, exit_reason ORDER BY count(*) DESC, status, exit_reason`, ws, id).
		Query(func(rows pgx.Rows) error {
			var l Leaving
			_, err := pgx.ForEachRow(rows, []any{&l.Status, &l.Reason, &l.Journeys}, func() error {
				r.Journeys[l.Status] += l.Journeys
				if l.Status != campaign.HeldOut && len(r.Left) < most {
					r.Left = append(r.Left, l)
				}
				return nil
			})
			return err
		})
	b.Queue(`SELECT version, coalesce(position->>'step', ''), count(*), min(due_at) FROM journeys
		WHERE workspace_id = $1 AND campaign_id = $2 AND status = 'active' GROUP BY 1, 2 ORDER BY 1, 2`, ws, id).
		Query(func(rows pgx.Rows) error {
			var w StandingJourneys
			var due *time.Time
			_, err := pgx.ForEachRow(rows, []any{&w.Version, &w.Step, &w.Journeys, &due}, func() error {
				w.NextDue = orZero(due)
				r.Journeys[campaign.Active] += w.Journeys
				r.Waiting = append(r.Waiting, w)
				return nil
			})
			return err
		})
	b.Queue(`SELECT step, channel, status, count(*) FROM touches WHERE workspace_id = $1 AND campaign_id = $2
		AND direction = 'out' GROUP BY step, channel, status ORDER BY step, channel, status`, ws, id).
		Query(collect(&r.Messages, pgx.RowToStructByPos[MessageCount]))
}

// Names is what a workspace has that campaigns may name.
type Names struct {
	Campaigns map[string]bool // whatever their status
	Segments  map[string]bool // of both kinds
	Lists     map[string]bool // static segments
	Users     map[string]bool // e-mail addresses of those who may sign in
	Pools     map[string]int  // of coupons: how many of their codes are free
	Topics    map[string]audience.TopicPolicy
}

// Names lists what campaigns of a workspace may name.
func (s *Store) Names(ctx context.Context, workspace int64) (Names, error) {
	var n Names
	err := s.In(ctx, workspace, func(tx *Tx) error {
		n = Names{Topics: map[string]audience.TopicPolicy{}, Pools: map[string]int{}}
		b := &pgx.Batch{}
		for into, sql := range map[*map[string]bool]string{
			&n.Campaigns: `SELECT name FROM campaigns WHERE workspace_id = $1`,
			&n.Segments:  `SELECT name FROM segments WHERE workspace_id = $1 AND deleted_at IS NULL`,
			&n.Lists:     `SELECT name FROM segments WHERE workspace_id = $1 AND deleted_at IS NULL AND kind = 'static'`,
			&n.Users:     `SELECT email FROM users WHERE workspace_id = $1 AND disabled_at IS NULL`,
		} {
			b.Queue(sql, workspace).Query(collectSet(into))
		}
		var pool string
		var free int
		b.Queue(`SELECT pool, count(*) FILTER (WHERE customer_id IS NULL) FROM coupons
			WHERE workspace_id = $1 AND pool <> '' GROUP BY pool`, workspace).Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&pool, &free}, func() error {
				n.Pools[pool] = free
				return nil
			})
			return err
		})
		var topic string
		var policy audience.TopicPolicy
		b.Queue(`SELECT name, policy FROM topics WHERE workspace_id = $1`, workspace).Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&topic, &policy}, func() error {
				n.Topics[topic] = policy
				return nil
			})
			return err
		})
		return tx.batch(ctx, b)
	})
	return n, wrap("list names", err)
}

// collectSet reads rows of one text each.
func collectSet(into *map[string]bool) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		*into = map[string]bool{}
		var name string
		_, err := pgx.ForEachRow(rows, []any{&name}, func() error {
			(*into)[name] = true
			return nil
		})
		return err
	}
}
