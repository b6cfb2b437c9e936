package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// Erasure is what erasing a customer came to.
type Erasure struct {
	Customer   string
	At         time.Time
	Suppressed int            // addresses that were put on the list of suppressions
	Cleared    map[string]int // table -> rows that lost what is personal, or were dropped
}

// The whole of a person are the record and those that it took over.
const wholeRecord = `(SELECT id FROM customers WHERE workspace_id = $1 AND (id = $2 OR merged_into = $2))`

// erasures say, table by table, what becomes of what is kept of a customer: $1 is the workspace, $2 the record. What
// counts (that there was an event, a touch, a decision, and when) stays; so does the ledger of consents, whose proof is
// needed after all. A test knows of every table that names customers.
var erasures = []struct{ table, sql string }{
	{"identities", `DELETE FROM identities WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord},
	{"events", `UPDATE events SET properties = '{}', context = NULL, extra = NULL WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord},
	{"decisions", `UPDATE decisions SET facts = '{}', reason = '' WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord},
	{"touch_statuses", `UPDATE touch_statuses SET detail = '' WHERE workspace_id = $1 AND detail <> '' AND touch_id IN (
		SELECT id FROM touches WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + `)`},
	{"planned messages", `WITH gone AS (
			UPDATE touches SET status = 'suppressed', updated_at = clock_timestamp() WHERE workspace_id = $1 AND status = 'planned'
				AND customer_id IN ` + wholeRecord + ` RETURNING id)
		INSERT INTO touch_statuses (workspace_id, touch_id, status, detail)
		SELECT $1, id, 'suppressed', 'the customer was erased' FROM gone`},
	{"touches", `UPDATE touches SET address = '', summary = '', reason = '', provider_id = '', detail = '{}', fallback = NULL,
		outcome = CASE WHEN status = 'suppressed' THEN 'the customer was erased' ELSE '' END
		WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord},
	{"tasks", `UPDATE tasks SET title = 'erased', text = '', note = '', outcome = '', wanted = '',
		status = CASE WHEN status = 'open' THEN 'cancelled' ELSE status END, closed_at = coalesce(closed_at, now())
		WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord},
	{"journey_inbox", `DELETE FROM journey_inbox WHERE workspace_id = $1 AND journey_id IN (
		SELECT id FROM journeys WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + `)`},
	{"cohorts", `UPDATE cohorts SET poked = true WHERE workspace_id = $1 AND id IN (
		SELECT cohort_id FROM journeys WHERE workspace_id = $1 AND status = 'active' AND customer_id IN ` + wholeRecord + `)`},
	{"journeys", `UPDATE journeys SET entry = '{}', key = '', position = jsonb_strip_nulls(jsonb_build_object('step', position -> 'step')),
		status = CASE WHEN status = 'active' THEN 'exited' ELSE status END,
		exit_reason = CASE WHEN status = 'active' THEN 'the customer was erased' ELSE exit_reason END,
		ended_at = coalesce(ended_at, now()), due_at = NULL, listens_to = '{}'
		WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord},
	{"intake", `DELETE FROM intake WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord},
	{"segment_members", `WITH gone AS (
			DELETE FROM segment_members WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + ` RETURNING segment_id, customer_id)
		INSERT INTO segment_changes (workspace_id, segment_id, customer_id, at, joined, cause, version)
		SELECT $1, g.segment_id, g.customer_id, now(), false, 'delete', s.version
		FROM gone g JOIN segments s ON s.workspace_id = $1 AND s.id = g.segment_id`},
	{"segment_checks", `DELETE FROM segment_checks WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord},
	{"scores", `DELETE FROM scores WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord},
	{"touch_observations", `UPDATE touch_observations SET network = '', user_agent = '' WHERE workspace_id = $1 AND touch_id IN (
		SELECT id FROM touches WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + `)`},
	{"mail_reports", `UPDATE mail_reports SET detail = '' WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord},
	{"inbound_mails", `DELETE FROM inbound_mails WHERE workspace_id = $1 AND lower(sender) IN (
		SELECT email FROM customers WHERE workspace_id = $1 AND email <> '' AND (id = $2 OR merged_into = $2))`},
	{"calls", `UPDATE calls SET recording = '' WHERE workspace_id = $1 AND touch_id IN (
		SELECT id FROM touches WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + `)`},
	{"customers", `UPDATE customers SET external_id = NULL, email = '', phone = '', name = '', locale = '', timezone = '', stage = '',
		tags = '{}', attributes = '{}', erased_at = now(), updated_at = now(), merged_into = $2
		WHERE workspace_id = $1 AND (id = $2 OR merged_into = $2)`},
}

// notErased are tables that name customers and hold nothing personal beside the id, or hold the proof.
var notErased = []string{"consents", "coupons", "segment_changes", "erasures", "correction_customers"}

// Erase takes everything personal out of a customer's record, ends journeys, and suppresses every address that was ever
// used, so that nothing is sent even when the same person comes back by an import. What was counted stays counted.
// ErrNotFound when there is no such customer, ErrInvalid without a reason.
func (s *Store) Erase(ctx context.Context, workspace int64, customer, reason string) (Erasure, error) {
	if strings.TrimSpace(reason) == "" {
		return Erasure{}, fmt.Errorf("erase customer: %w: say why, as in \"request of 2026-01-31\"", ErrInvalid)
	}
	var out Erasure
	err := s.In(ctx, workspace, func(tx *Tx) error {
		out = Erasure{Customer: customer, At: time.Now(), Cleared: map[string]int{}}
		b := &pgx.Batch{}
		queueLock(b, ingestLock, workspace) // nobody writes about the person meanwhile
		queueShardLock(b, workspace, shardOf(customer))
		queueSharedLock(b, segmentsLock, workspace)
		if err := tx.batch(ctx, b); err != nil {
			return err
		}
		if err := tx.lockCustomer(ctx, customer); err != nil {
			return err
		}
		if err := tx.suppressErased(ctx, &out); err != nil {
			return err
		}
		for _, e := range erasures {
			tag, err := tx.conn.Exec(ctx, e.sql, workspace, customer)
			if err != nil {
				return fmt.Errorf("clear %s: %w", e.table, err)
			}
			out.Cleared[e.table] = int(tag.RowsAffected())
		}
		if _, err := tx.conn.Exec(ctx, `INSERT INTO erasures (workspace_id, customer_id, reason, actor, counts)
			VALUES ($1, $2, $3, $4, $5)`, workspace, customer, clean(reason), actor(ctx), out.Cleared); err != nil {
			return err
		}
		if _, err := tx.conn.Exec(ctx, `SELECT pg_notify($1, '0')`, intakeChannel); err != nil {
			return err
		}
		return tx.Audit(ctx, "customer.erased", customer, map[string]any{"reason": reason})
	})
	return out, wrap("erase customer", err)
}

// suppressErased suppresses the addresses of a person, and forgets the refused messages in which they stand.
func (tx *Tx) suppressErased(ctx context.Context, out *Erasure) error {
	rows, _ := tx.conn.Query(ctx, `SELECT 'email' AS channel, email AS address FROM customers
			WHERE workspace_id = $1 AND email <> '' AND id IN `+wholeRecord+`
		UNION SELECT 'sms', phone FROM customers WHERE workspace_id = $1 AND phone <> '' AND id IN `+wholeRecord+`
		UNION SELECT channel, address FROM touches
			WHERE workspace_id = $1 AND address <> '' AND channel IN ('email', 'sms') AND customer_id IN `+wholeRecord+`
		ORDER BY 1, 2`, tx.Workspace, out.Customer)
	type address struct {
		Channel audience.Channel
		Address string
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[address])
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	secret, err := tx.secret(ctx)
	if err != nil {
		return err
	}
	for _, a := range list {
		changed, err := tx.suppressHash(ctx, a.Channel, hashAddress(secret, a.Channel, a.Address), NewSuppression{Reason: ReasonErased, Scope: ScopeAll})
		if err != nil {
			return err
		}
		if changed {
			out.Suppressed++
		}
		tag, err := tx.conn.Exec(ctx, `UPDATE dead_letters SET payload = '' WHERE workspace_id = $1
			AND position(convert_to($2, 'UTF8') IN payload) > 0`, tx.Workspace, a.Address)
		if err != nil {
			return fmt.Errorf("clear dead letters: %w", err)
		}
		out.Cleared["dead_letters"] += int(tag.RowsAffected())
	}
	return nil
}

// exports are the tables of which a person gets every row: a query of the table's rows as JSON.
var exports = []struct{ name, sql string }{
	{"records", `SELECT to_jsonb(t) FROM customers t WHERE workspace_id = $1 AND id IN ` + wholeRecord + ` ORDER BY created_at`},
	{"identities", `SELECT to_jsonb(t) FROM identities t WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + ` ORDER BY created_at`},
	{"events", `SELECT to_jsonb(t) FROM events t WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + ` ORDER BY occurred_at, id`},
	{"touches", `SELECT to_jsonb(t) - 'claim' FROM touches t WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + ` ORDER BY occurred_at, id`},
	{"touch_statuses", `SELECT to_jsonb(t) FROM touch_statuses t WHERE workspace_id = $1 AND touch_id IN (
		SELECT id FROM touches WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + `) ORDER BY id`},
	{"decisions", `SELECT to_jsonb(t) FROM decisions t WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + ` ORDER BY at, id`},
	{"journeys", `SELECT to_jsonb(t) FROM journeys t WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + ` ORDER BY entered_at, id`},
	{"tasks", `SELECT to_jsonb(t) FROM tasks t WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + ` ORDER BY created_at, id`},
	{"coupons", `SELECT to_jsonb(t) FROM coupons t WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + ` ORDER BY created_at, id`},
	{"scores", `SELECT to_jsonb(t) FROM scores t WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + ` ORDER BY name`},
	{"segments", `SELECT jsonb_build_object('segment', s.name, 'at', t.at, 'joined', t.joined, 'cause', t.cause) FROM segment_changes t
		JOIN segments s ON s.workspace_id = $1 AND s.id = t.segment_id
		WHERE t.workspace_id = $1 AND t.customer_id IN ` + wholeRecord + ` ORDER BY t.id`},
	{"mail_reports", `SELECT to_jsonb(t) FROM mail_reports t WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + ` ORDER BY at`},
	{"observations", `SELECT to_jsonb(t) FROM touch_observations t WHERE workspace_id = $1 AND touch_id IN (
		SELECT id FROM touches WHERE workspace_id = $1 AND customer_id IN ` + wholeRecord + `) ORDER BY at`},
	{"consents", `SELECT to_jsonb(t) || jsonb_build_object('text_shown', coalesce(x.text, t.text_shown)) FROM consents t
		LEFT JOIN consent_texts x ON x.workspace_id = t.workspace_id AND x.sha256 = t.text_sha256
		WHERE t.workspace_id = $1 AND t.customer_id IN ` + wholeRecord + ` ORDER BY t.id`},
}

// notExported are tables that name customers and say nothing that the exported ones do not.
var notExported = []string{"intake", "segment_members", "segment_checks", "erasures", "correction_customers"}

// Export is everything on the record of a customer, and of the records that it took over: for each kind its rows as
// objects, under the names of the columns.
type Export map[string][]map[string]any

// Export gives everything that is kept of a customer (GDPR articles 15 and 20). ErrNotFound when there is none.
func (s *Store) Export(ctx context.Context, workspace int64, customer string) (Export, error) {
	out := Export{}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		b := &pgx.Batch{}
		for _, e := range exports {
			b.Queue(e.sql, workspace, customer).Query(func(rows pgx.Rows) error {
				list, err := pgx.CollectRows(rows, pgx.RowTo[map[string]any])
				for _, row := range list {
					delete(row, "workspace_id")
				}
				out[e.name] = append([]map[string]any{}, list...)
				return err
			})
		}
		return tx.batch(ctx, b)
	})
	if err == nil && len(out["records"]) == 0 {
		err = fmt.Errorf("customer %s: %w", customer, ErrNotFound)
	}
	if errors.Is(err, ErrNotFound) {
		return nil, err
	}
	return out, wrap("export customer", err)
}
