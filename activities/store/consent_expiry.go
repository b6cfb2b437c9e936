package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// ExpireConsents writes down which consents ended by themselves, up to limit, and tells segments and campaigns; it says
// how many. A consent that another word of the same topic followed has ended already. Sending does not wait for it: it looks
// at the time itself.
func (s *Store) ExpireConsents(ctx context.Context, workspace int64, now time.Time, limit int) (int, error) {
	var ended []ledgerEntry
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT c.customer_id, c.channel, c.topic, c.expires_at FROM consents c
			JOIN customers k ON k.workspace_id = $1 AND k.id = c.customer_id AND k.merged_into IS NULL
			WHERE c.workspace_id = $1 AND c.expires_at <= $2 AND NOT EXISTS (SELECT FROM consents l
				WHERE l.workspace_id = $1 AND l.customer_id = c.customer_id AND l.channel = c.channel AND l.topic = c.topic
				AND l.action <> 'requested' AND (l.occurred_at, l.id) > (c.occurred_at, c.id))
			ORDER BY c.customer_id LIMIT $3 FOR UPDATE OF k SKIP LOCKED`, workspace, now, limit)
		var err error
		ended, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (ledgerEntry, error) {
			e := ledgerEntry{actor: "dotyk", Consent: audience.Consent{Action: audience.Expired, Method: MethodExpiry}}
			return e, row.Scan(&e.customer, &e.Channel, &e.Topic, &e.OccurredAt)
		})
		if err != nil || len(ended) == 0 {
			return err
		}
		return tx.say(ctx, ended)
	})
	return len(ended), wrap("expire consents", err)
}
