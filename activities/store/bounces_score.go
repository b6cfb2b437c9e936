package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/channels/email/inbound"
	"dotyk/rules/audience"
)

// An address that did not work on so many days of so many, without anything delivered in between, is not worth writing to.
const (
	softDays   = 3
	softWindow = 30 // days
)

// soft counts a day on which an address did not work, and suppresses it when there have been too many.
func (t *taking) soft(ctx context.Context) error {
	if t.address() == "" || !addressAtFault(t.one.Reason) {
		return nil
	}
	secret, err := t.tx.secret(ctx)
	if err != nil {
		return err
	}
	var days int
	b := &pgx.Batch{}
	hash := hashAddress(secret, audience.Email, t.address())
	b.Queue(`INSERT INTO soft_bounces (workspace_id, address_hash, day) VALUES ($1, $2, ($3::timestamptz AT TIME ZONE 'UTC')::date)
		ON CONFLICT DO NOTHING`, t.tx.Workspace, hash, t.mail.At)
	b.Queue(`SELECT count(*) FROM soft_bounces WHERE workspace_id = $1 AND address_hash = $2
			AND day <= ($3::timestamptz AT TIME ZONE 'UTC')::date AND day > ($3::timestamptz AT TIME ZONE 'UTC')::date - $4::integer
			AND day > coalesce((SELECT max(x.at) AT TIME ZONE 'UTC' FROM touches o
				JOIN touch_statuses x ON x.workspace_id = $1 AND x.touch_id = o.id AND x.status = 'delivered'
				WHERE o.workspace_id = $1 AND o.customer_id = nullif($5, '')::uuid AND o.channel = 'email' AND o.address = $6
					AND o.status = 'delivered' AND o.id::text <> $7)::date, '-infinity')`,
		t.tx.Workspace, hash, t.mail.At, softWindow, t.touch.customer, t.address(), t.touch.id).
		QueryRow(func(row pgx.Row) error { return row.Scan(&days) })
	if err := t.tx.batch(ctx, b); err != nil {
		return fmt.Errorf("count soft bounces: %w", err)
	}
	if days < softDays {
		return nil
	}
	return t.tx.suppress(ctx, audience.Email, t.address(), string(ReasonSoftBounces),
		fmt.Sprintf("did not work on %d days of %d: %s", days, softWindow, t.words()))
}

// addressAtFault says whether a failure counts against the address. A message that was too big, or written wrongly, says
// nothing about it.
func addressAtFault(r inbound.Reason) bool {
	return !slices.Contains([]inbound.Reason{inbound.MessageTooBig, inbound.Content, inbound.System}, r)
}

// A provider that refuses so many messages within so long for a fault of ours gets none for a while.
const (
	refusals      = 3
	refusalWindow = time.Hour
	shortestPause = time.Hour
	longestPause  = 24 * time.Hour
)

// AllProviders is the provider of a pause of all e-mail.
const AllProviders = "*"

// refused counts refusals for a fault of ours, and pauses the provider when there have been too many. One message that a
// filter takes for spam says nothing about the next.
func (t *taking) refused(ctx context.Context) error {
	provider := t.provider()
	if provider == "" || !slices.Contains([]inbound.Reason{inbound.Blocked, inbound.BadPTR, inbound.AuthFailure, inbound.NoRelaying, inbound.TooMany}, t.one.Reason) {
		return nil
	}
	var n int
	err := t.tx.conn.QueryRow(ctx, `SELECT count(DISTINCT coalesce(touch_id::text, key)) FROM mail_reports WHERE workspace_id = $1
		AND provider = $2 AND verdict = 'policy' AND at > $3::timestamptz - $4::interval AND at <= $3
		AND reason IN ('blocked', 'requireptr', 'authfailure', 'norelaying', 'toomanyconn')`,
		t.tx.Workspace, provider, t.mail.At, refusalWindow).Scan(&n)
	if err != nil || n < refusals {
		return err
	}
	reason := fmt.Sprintf("%s refused %d messages within %s, last: %s", provider, n, refusalWindow, t.words())
	until, fresh, err := t.tx.pauseSender(ctx, provider, reason, t.mail.At)
	if err != nil || !fresh || t.touch.customer == "" {
		return err
	}
	return queueSystemEvents(t.batch, t.tx.Workspace, []SystemEvent{{
		CustomerID: t.touch.customer, Name: audience.EventSenderBlocked, At: t.mail.At,
		Properties: map[string]any{"provider": provider, "reason": clean(reason), "until": until.UTC().Format(time.RFC3339)},
		Key:        fmt.Sprintf("sender_blocked:%s:%d", provider, t.mail.At.UnixNano()),
	}})
}

// PauseSender stops all e-mail of a workspace to a provider, a domain, for a while: an hour at first, twice as long each time
// that it happens again within a day of the last. A pause that holds already stays as it is.
func (s *Store) PauseSender(ctx context.Context, workspace int64, provider, reason string, now time.Time) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		_, _, err := tx.pauseSender(ctx, provider, reason, now)
		return err
	})
	return wrap("pause sending", err)
}

func (tx *Tx) pauseSender(ctx context.Context, provider, reason string, now time.Time) (until time.Time, fresh bool, err error) {
	err = tx.conn.QueryRow(ctx, `INSERT INTO sender_pauses AS p (workspace_id, provider, reason, since, until)
		VALUES ($1, $2, $3, $4, $4::timestamptz + $5::interval)
		ON CONFLICT (workspace_id, provider) DO UPDATE SET reason = excluded.reason, since = excluded.since,
			times = CASE WHEN p.until > excluded.since - interval '1 day' THEN p.times + 1 ELSE 1 END,
			until = excluded.since + CASE WHEN p.until > excluded.since - interval '1 day'
				THEN least($5::interval * power(2, least(p.times, 10)), $6::interval) ELSE $5::interval END
		WHERE p.until <= excluded.since RETURNING until`,
		tx.Workspace, provider, clean(reason), now, shortestPause, longestPause).Scan(&until)
	if errors.Is(err, pgx.ErrNoRows) { // paused already
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, err
	}
	return until, true, tx.Audit(ctx, "sender.paused", provider, map[string]any{"reason": reason, "until": until})
}

// SenderPause is a provider that gets no mail for a while.
type SenderPause struct {
	Provider     string
	Reason       string
	Since, Until time.Time
}

// SenderPauses lists the providers that get no mail now.
func (s *Store) SenderPauses(ctx context.Context, workspace int64, now time.Time) ([]SenderPause, error) {
	var list []SenderPause
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT provider, reason, since, until FROM sender_pauses
			WHERE workspace_id = $1 AND until > $2 ORDER BY provider`, workspace, now)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[SenderPause])
		return err
	})
	return list, wrap("list paused providers", err)
}

// ResumeSender ends a pause. ErrNotFound when there is none.
func (s *Store) ResumeSender(ctx context.Context, workspace int64, provider string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		tag, err := tx.conn.Exec(ctx, `DELETE FROM sender_pauses WHERE workspace_id = $1 AND provider = $2`, workspace, provider)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("pause of %s: %w", provider, ErrNotFound)
		}
		return tx.Audit(ctx, "sender.resumed", provider, nil)
	})
	return wrap("resume sending", err)
}
