package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/channels"
	"dotyk/rules/audience"
)

var _ channels.SMSLedger = (*Store)(nil)

// SMSPlan gives the settings of a workspace's text messages, and which sender wrote to a number last; "" for none.
func (s *Store) SMSPlan(ctx context.Context, workspace int64, to string) (channels.TelephonySettings, string, error) {
	var settings channels.Settings
	var last string
	err := s.OnKnownPlans(ctx, workspace, func(tx *Tx) error {
		var err error
		if settings, err = tx.delivery(ctx); err != nil || len(settings.Telephony.Senders) == 0 {
			return err
		}
		secret, err := tx.secret(ctx)
		if err != nil {
			return err
		}
		err = tx.conn.QueryRow(ctx, `SELECT sender FROM sms_threads WHERE workspace_id = $1 AND address_hash = $2`,
			workspace, hashAddress(secret, audience.SMS, to)).Scan(&last)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return settings.Telephony, last, wrap("read settings of text messages", err)
}

// TakeSegments takes segments out of what a sender may send, or takes none where that would be too many. They are
// counted on a row of the sender's that is locked meanwhile, so any number of processes keep to one rate together.
func (s *Store) TakeSegments(ctx context.Context, workspace int64, q channels.SegmentQuota) (channels.SegmentsTaken, error) {
	var taken channels.SegmentsTaken
	err := s.OnKnownPlans(ctx, workspace, func(tx *Tx) error {
		var err error
		if taken, err = tx.takeSegments(ctx, q); err != nil || !taken.OK {
			return err
		}
		secret, err := tx.secret(ctx)
		if err != nil {
			return err
		}
		_, err = tx.conn.Exec(ctx, `INSERT INTO sms_threads (workspace_id, address_hash, sender, used_at)
			VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT (workspace_id, address_hash)
			DO UPDATE SET sender = excluded.sender, used_at = excluded.used_at`,
			workspace, hashAddress(secret, audience.SMS, q.To), q.Sender)
		return err
	})
	return taken, wrap("take segments", err)
}

func (tx *Tx) takeSegments(ctx context.Context, q channels.SegmentQuota) (channels.SegmentsTaken, error) {
	var busy time.Duration // that the segments keep the sender busy
	if q.Rate > 0 {
		busy = time.Duration(float64(q.Segments) / q.Rate * float64(time.Second))
	}
	// The row is made first, so that the next statement finds it, and locks it.
	if _, err := tx.conn.Exec(ctx, `INSERT INTO sms_senders (workspace_id, sender, busy_until, day, today)
		VALUES ($1, $2, clock_timestamp(), (clock_timestamp() AT TIME ZONE 'UTC')::date, 0) ON CONFLICT DO NOTHING`,
		tx.Workspace, q.Sender); err != nil {
		return channels.SegmentsTaken{}, err
	}
	var until, midnight, now time.Time
	var used bool
	err := tx.conn.QueryRow(ctx, `SELECT busy_until, $4 > 0 AND CASE WHEN day = t.today THEN s.today ELSE 0 END + $3 > $4,
			t.now, (t.today + 1)::timestamp AT TIME ZONE 'UTC'
		FROM sms_senders s, (SELECT clock_timestamp() AS now, (clock_timestamp() AT TIME ZONE 'UTC')::date AS today) t
		WHERE workspace_id = $1 AND sender = $2 FOR UPDATE OF s`,
		tx.Workspace, q.Sender, q.Segments, q.Daily).Scan(&until, &used, &now, &midnight)
	if err != nil {
		return channels.SegmentsTaken{}, err
	}
	wait := time.Duration(0)
	if q.Rate > 0 {
		wait = max(until.Sub(now)-q.Ahead, 0)
	}
	switch {
	case used:
		return channels.SegmentsTaken{Wait: midnight.Sub(now), Used: true}, nil
	case wait > q.Patience:
		return channels.SegmentsTaken{Wait: wait}, nil
	}
	_, err = tx.conn.Exec(ctx, `UPDATE sms_senders SET busy_until = greatest(busy_until, $3) + $4,
		today = CASE WHEN day = $5 THEN today ELSE 0 END + $6, day = $5 WHERE workspace_id = $1 AND sender = $2`,
		tx.Workspace, q.Sender, now, busy, midnight.Add(-time.Hour).UTC(), q.Segments)
	return channels.SegmentsTaken{OK: true, Wait: wait}, err
}
