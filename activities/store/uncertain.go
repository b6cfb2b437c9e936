package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"dotyk/channels"
	"dotyk/rules/audience"
)

// UncertainGrace is how long a message is uncertain before the workspace's policy sends it again: callbacks and bounces may
// tell by then that it was sent.
const UncertainGrace = 15 * time.Minute

// UncertainTouch is a message of which nobody knows whether it was sent.
type UncertainTouch struct {
	ID       string
	Customer string // id
	Name     string // of the customer
	Channel  audience.Channel
	Address  string
	Campaign string
	Step     string
	At       time.Time // since when it is uncertain
	Why      string
	Attempts int
	Resent   bool // it was sent again before
}

// Uncertain lists messages of unknown fate in order of their ids, behind the id after; of one campaign, or of all ("").
func (s *Store) Uncertain(ctx context.Context, workspace int64, campaign, after string, limit int) ([]UncertainTouch, error) {
	if after == "" {
		after = nobody
	}
	var list []UncertainTouch
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT t.id, t.customer_id, c.name, t.channel, t.address, coalesce(k.name, ''), t.step,
			t.updated_at, t.outcome, t.attempts, t.resent_at IS NOT NULL
			FROM touches t JOIN customers c ON c.workspace_id = t.workspace_id AND c.id = t.customer_id
			LEFT JOIN campaigns k ON k.workspace_id = t.workspace_id AND k.id = t.campaign_id
			WHERE t.workspace_id = $1 AND t.status = 'uncertain' AND t.id > $2::uuid AND ($3 = '' OR k.name = $3)
			ORDER BY t.id LIMIT $4`, workspace, after, campaign, limit)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[UncertainTouch])
		return err
	})
	return list, wrap("list uncertain messages", err)
}

// Resolution is what is to become of an uncertain message.
type Resolution string

// The resolutions.
const (
	ResolveSent    Resolution = "sent"     // somebody found out that it was sent
	ResolveNotSent Resolution = "not-sent" // or that it was not: it has failed, and a fallback takes its place
	Resend         Resolution = "resend"   // it is planned again, at the risk of a second copy
)

// check says what is wrong with a resolution.
func (r Resolution) check() error {
	switch r {
	case ResolveSent, ResolveNotSent, Resend:
		return nil
	}
	return fmt.Errorf("%w: %q is no resolution: write %s, %s or %s", ErrInvalid, string(r), ResolveSent, ResolveNotSent, Resend)
}

// Resolve says what becomes of an uncertain message. Saying the same again changes nothing. ErrNotFound when there is no
// such message, ErrInvalid when it is not uncertain.
func (s *Store) Resolve(ctx context.Context, workspace int64, touch string, r Resolution) error {
	if err := r.check(); err != nil {
		return err
	}
	if uuid.Validate(touch) != nil {
		return fmt.Errorf("touch %q: %w", touch, ErrNotFound)
	}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var status audience.TouchStatus
		var said bool
		err := tx.conn.QueryRow(ctx, `SELECT status, coalesce(detail->>'resolved' = $3, false)
			FROM touches WHERE workspace_id = $1 AND id = $2 AND direction = 'out' FOR UPDATE`, workspace, touch, string(r)).
			Scan(&status, &said)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return fmt.Errorf("touch %s: %w", touch, ErrNotFound)
		case err != nil, status != audience.Uncertain && said:
			return err
		case status != audience.Uncertain:
			return fmt.Errorf("%w: touch %s is %s, so there is nothing to resolve", ErrInvalid, touch, status)
		}
		return tx.resolve(ctx, touch, r)
	})
	return wrap("resolve uncertain message", err)
}

// ResolveAll resolves the uncertain messages of a campaign, and says how many there were.
func (s *Store) ResolveAll(ctx context.Context, workspace int64, campaign string, r Resolution) (int, error) {
	const some = 500
	if err := r.check(); err != nil {
		return 0, err
	}
	for n, after := 0, ""; ; {
		list, err := s.Uncertain(ctx, workspace, campaign, after, some)
		if err != nil || len(list) == 0 {
			return n, err
		}
		for _, t := range list {
			if err := s.Resolve(ctx, workspace, t.ID, r); errors.Is(err, ErrInvalid) {
				continue // word of it came just now
			} else if err != nil {
				return n, err
			}
			n++
		}
		after = list[len(list)-1].ID
	}
}

func (tx *Tx) resolve(ctx context.Context, touch string, r Resolution) error {
	b := &pgx.Batch{}
	st := Settlement{TouchID: touch}
	switch r {
	case ResolveSent:
		st.Status, st.Outcome = audience.Accepted, "it was sent: said by "+actor(ctx)
		queueSettlement(b, tx.Workspace, st)
	case ResolveNotSent:
		st.Status, st.Outcome = audience.Failed, "it was not sent: said by "+actor(ctx)
		queueSettlement(b, tx.Workspace, st)
		queueFallbacksAfter(b, tx.Workspace, st)
	case Resend:
		queueResend(b, tx.Workspace, []string{touch}, "sent again: wanted by "+actor(ctx))
	}
	b.Queue(`UPDATE touches SET detail = detail || jsonb_build_object('resolved', $3::text) WHERE workspace_id = $1 AND id = $2`,
		tx.Workspace, touch, string(r))
	if err := tx.batch(ctx, b); err != nil {
		return err
	}
	return tx.Audit(ctx, "touch.resolved", touch, map[string]any{"resolution": r})
}

// queueResend plans uncertain messages again, as one more attempt. They are wanted for as long as a new one would be.
func queueResend(b *pgx.Batch, ws int64, touches []string, why string) {
	b.Queue(`WITH changed AS (
			UPDATE touches SET status = 'planned', outcome = $3, resent_at = clock_timestamp(), updated_at = clock_timestamp(),
				claim = '', not_before = NULL, expires_at = greatest(expires_at, clock_timestamp() + interval '72 hours')
			WHERE workspace_id = $1 AND id = ANY ($2) AND status = 'uncertain' RETURNING id, cohort_id),
		noted AS (
			INSERT INTO touch_statuses (workspace_id, touch_id, status, detail) SELECT $1, id, 'planned', $3 FROM changed)
		UPDATE cohorts SET poked = true WHERE workspace_id = $1 AND id IN (SELECT cohort_id FROM changed)`, ws, touches, clean(why))
	b.Queue(`SELECT pg_notify($1, '0')`, intakeChannel)
	queueTouchChanges(b, ws, touches...)
}

// ResendUncertain plans again what has been uncertain for longer than the grace, is still wanted, and was not sent again
// before, if the workspace's policy is to do so. It says how many that were.
func (s *Store) ResendUncertain(ctx context.Context, workspace int64, grace time.Duration) (int, error) {
	const some = 500
	n := 0
	err := s.In(ctx, workspace, func(tx *Tx) error {
		settings, err := tx.delivery(ctx)
		if err != nil || settings.Uncertain != channels.UncertainResend {
			return err
		}
		rows, _ := tx.conn.Query(ctx, `SELECT id FROM touches WHERE workspace_id = $1 AND status = 'uncertain'
			AND resent_at IS NULL AND updated_at <= clock_timestamp() - make_interval(secs => $2)
			AND (expires_at IS NULL OR expires_at > clock_timestamp()) ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED`,
			workspace, grace.Seconds(), some)
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(list) == 0 {
			return err
		}
		n = len(list)
		b := &pgx.Batch{}
		queueResend(b, workspace, list, "sent again: nobody knows whether it was sent, and that is the workspace's policy")
		if err := tx.batch(ctx, b); err != nil {
			return err
		}
		return tx.Audit(ctx, "touch.resent", "", map[string]any{"messages": n})
	})
	return n, wrap("send uncertain messages again", err)
}
