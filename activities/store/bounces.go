package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"dotyk/channels/email/inbound"
	"dotyk/channels/links"
	"dotyk/rules"
	"dotyk/rules/audience"
)

// MailReport is somebody's word on our mail.
type MailReport struct {
	// Key makes the word count once, however often it comes: a mail's digest, or a provider's name and its id of the event.
	Key    string
	Report inbound.Report
	// Touch is the message's id where the provider repeats it; "" finds the message by the report.
	Touch string
	At    time.Time
}

// ReportResult is what a MailReport came to.
type ReportResult struct {
	Repeated  bool // all of it was known
	Unmatched int  // recipients whose message and customer nobody knows
}

// TakeReport puts a provider's or a mail server's word on the record. Each recipient's fate counts once. What bounced for good
// suppresses the address, and makes the message failed, even one that was delivered; what bounced for now counts against the
// address; what was refused for a fault of ours counts against us. A complaint withdraws all consent. An answer of a machine
// is written down, and nothing more. A later word never makes a failed message delivered.
func (s *Store) TakeReport(ctx context.Context, workspace int64, m MailReport) (ReportResult, error) {
	result := ReportResult{Repeated: true}
	recipients := m.Report.Recipients
	if len(recipients) == 0 { // the message alone tells whom it is about
		recipients = []inbound.Recipient{{Verdict: inbound.VerdictUnknown}}
	}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		result = ReportResult{Repeated: true}
		for _, one := range recipients {
			t := taking{tx: tx, mail: m, one: one, alone: len(recipients) == 1, batch: &pgx.Batch{}}
			fresh, err := t.take(ctx)
			if err != nil {
				return err
			}
			result.Repeated = result.Repeated && !fresh
			if fresh && t.touch.customer == "" {
				result.Unmatched++
			}
		}
		return nil
	})
	return result, wrap("record report on mail", err)
}

// reported is the message that a report is about. Its id is empty where only the customer is known.
type reported struct {
	id, customer, address, campaign, step string
}

// taking is what one recipient's fate does to the record.
type taking struct {
	tx    *Tx
	mail  MailReport
	one   inbound.Recipient
	alone bool // the report is about nobody else
	touch reported
	batch *pgx.Batch
}

func (t *taking) take(ctx context.Context) (fresh bool, err error) {
	if t.touch, err = t.find(ctx); err != nil {
		return false, fmt.Errorf("find message: %w", err)
	}
	if t.touch.customer != "" {
		// Two words on one customer take turns, so that neither counts what the other is about to write.
		if _, err := t.tx.conn.Exec(ctx, `SELECT FROM customers WHERE workspace_id = $1 AND id = $2 FOR UPDATE`, t.tx.Workspace, t.touch.customer); err != nil {
			return false, err
		}
	}
	tag, err := t.tx.conn.Exec(ctx, `INSERT INTO mail_reports (workspace_id, key, kind, verdict, reason, status, detail, touch_id,
			customer_id, provider, at) VALUES ($1, $2, $3, $4, $5, $6, $7, nullif($8, '')::uuid, nullif($9, '')::uuid, $10, $11)
		ON CONFLICT DO NOTHING`, t.tx.Workspace, t.mail.Key+":"+t.one.Address, t.mail.Report.Kind, t.one.Verdict, t.one.Reason,
		t.one.Status, clean(t.one.Diagnostic), t.touch.id, t.touch.customer, t.provider(), t.mail.At)
	if err != nil || tag.RowsAffected() == 0 {
		return false, err
	}
	if err := t.act(ctx); err != nil {
		return false, err
	}
	return true, t.tx.batch(ctx, t.batch)
}

// act does what the verdict asks for.
func (t *taking) act(ctx context.Context) error {
	switch t.one.Verdict {
	case inbound.VerdictHard:
		if err := t.suppress(ctx, string(ReasonHardBounce)); err != nil {
			return err
		}
		return t.failed()
	case inbound.VerdictSoft:
		if t.mail.Report.Kind == inbound.Delayed || t.one.Action == string(inbound.Delayed) {
			return nil // the server still tries
		}
		if err := t.soft(ctx); err != nil {
			return err
		}
		return t.failed()
	case inbound.VerdictPolicy:
		if err := t.failed(); err != nil {
			return err
		}
		return t.refused(ctx)
	case inbound.VerdictUnknown:
		if t.mail.Report.Kind != inbound.Bounce {
			return nil
		}
		return t.failed()
	case inbound.VerdictComplaint:
		return t.complained(ctx)
	case inbound.VerdictOptOut:
		return t.optedOut(ctx, "mail")
	case inbound.VerdictAuto:
		return nil
	case inbound.VerdictNone:
		if t.one.Action == string(inbound.Delivered) && t.touch.id != "" {
			queueSettlement(t.batch, t.tx.Workspace, Settlement{TouchID: t.touch.id, Status: audience.Delivered, Outcome: t.one.Diagnostic})
		}
		return nil
	}
	return nil
}

// find looks for the message: by the id that the provider gives or our token, which cannot be guessed; by the Message-ID,
// which is the message's id; and at last for the customer with that address, and what we wrote to her last.
func (t *taking) find(ctx context.Context) (reported, error) {
	ids := []string{t.mail.Touch}
	if t.mail.Report.Token != "" {
		id, err := t.tokenTouch(ctx)
		if err != nil {
			return reported{}, err
		}
		ids = append(ids, id)
	}
	local, _, _ := strings.Cut(t.mail.Report.OriginalID, "@")
	ids = append(ids, local)
	for _, other := range t.mail.Report.InReplyTo {
		local, _, _ := strings.Cut(other, "@")
		ids = append(ids, local)
	}
	for _, id := range ids {
		if uuid.Validate(id) != nil {
			continue
		}
		found, err := t.load(ctx, `t.id = $2`, id)
		if err != nil || found.id != "" {
			return found, err
		}
	}
	if t.one.Address == "" {
		return reported{}, nil
	}
	found, err := t.load(ctx, `t.customer_id IN (SELECT id FROM customers WHERE workspace_id = $1 AND email = $2)
		AND t.address = $2 AND t.status IN ('claimed', 'accepted', 'delivered', 'uncertain')
		AND t.occurred_at > $3::timestamptz - interval '14 days'`, t.one.Address, t.mail.At)
	if err != nil || found.id != "" {
		return found, err
	}
	err = t.tx.conn.QueryRow(ctx, `SELECT id FROM customers WHERE workspace_id = $1 AND email = $2 AND merged_into IS NULL
		ORDER BY created_at LIMIT 1`, t.tx.Workspace, t.one.Address).Scan(&found.customer)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	found.address = t.one.Address
	return found, err
}

func (t *taking) load(ctx context.Context, where string, args ...any) (reported, error) {
	var r reported
	err := t.tx.conn.QueryRow(ctx, `SELECT t.id, t.customer_id, t.address, coalesce(k.name, ''), t.step FROM touches t
		LEFT JOIN campaigns k ON k.workspace_id = $1 AND k.id = t.campaign_id
		WHERE t.workspace_id = $1 AND t.direction = 'out' AND t.channel = 'email' AND `+where+`
		ORDER BY t.occurred_at DESC LIMIT 1`, append([]any{t.tx.Workspace}, args...)...).
		Scan(&r.id, &r.customer, &r.address, &r.campaign, &r.step)
	if errors.Is(err, pgx.ErrNoRows) {
		return reported{}, nil
	}
	return r, err
}

// tokenTouch reads our token; "" for one that we did not make.
func (t *taking) tokenTouch(ctx context.Context) (string, error) {
	secret, err := t.tx.secret(ctx)
	if err != nil {
		return "", err
	}
	signer, err := links.NewSigner(secret)
	if err != nil {
		return "", err
	}
	purpose := links.Bounce
	if t.mail.Report.Purpose == 'u' {
		purpose = links.UnsubscribeMail
	}
	claim, err := signer.Read(purpose, t.mail.Report.Token)
	if err != nil || claim.Workspace != t.tx.Workspace {
		return "", nil //nolint:nilerr // whoever made it up is told nothing: the report is judged without it
	}
	return claim.ID, nil
}

// address is where our message went. A report may name where it was forwarded to, or nobody.
func (t *taking) address() string { return cmp.Or(t.touch.address, t.one.Address) }

func (t *taking) provider() string {
	_, domain, _ := strings.Cut(t.address(), "@")
	return strings.ToLower(domain)
}

func (t *taking) suppress(ctx context.Context, reason string) error {
	if t.address() == "" {
		return nil
	}
	return t.tx.suppress(ctx, audience.Email, t.address(), reason, t.words())
}

func (t *taking) words() string {
	return strings.TrimSpace(t.one.Status + " " + t.one.Diagnostic)
}

// failed makes the message failed, has its fallback planned, and tells the campaigns.
func (t *taking) failed() error {
	if t.touch.id != "" {
		queueFailed(t.batch, t.tx.Workspace, t.touch.id, fmt.Sprintf("bounced (%s): %s", t.one.Verdict, t.words()))
		queueFallbacksAfter(t.batch, t.tx.Workspace, Settlement{TouchID: t.touch.id, Status: audience.Failed})
	}
	return t.tell(audience.EventEmailBounced, map[string]any{
		"type": t.one.Verdict, "status": t.one.Status, "code": t.one.Code, "reason": t.one.Reason, "detail": clean(t.one.Diagnostic),
	})
}

// queueFailed makes a message failed that was sent. Unlike the word of a provider that answers at once, a bounce is later
// than a delivery, and stronger.
func queueFailed(b *pgx.Batch, ws int64, touch, outcome string) {
	b.Queue(`WITH changed AS (
			UPDATE touches SET status = 'failed', outcome = $3, updated_at = clock_timestamp()
			WHERE workspace_id = $1 AND id = $2 AND status = ANY ($4) RETURNING id)
		INSERT INTO touch_statuses (workspace_id, touch_id, status, detail) SELECT $1, id, 'failed', $3 FROM changed`,
		ws, touch, clean(outcome), append(audience.Before(audience.Failed), audience.Delivered))
	queueTouchChanges(b, ws, touch)
}

// tell stores an event, once for a message.
func (t *taking) tell(name string, properties map[string]any) error {
	if t.touch.customer == "" {
		return nil
	}
	properties["campaign"], properties["step"], properties["touch_id"] = t.touch.campaign, t.touch.step, t.touch.id
	properties["address"] = t.address()
	key := name + ":" + cmp.Or(t.touch.id, t.mail.Key+":"+t.one.Address)
	return queueSystemEvents(t.batch, t.tx.Workspace, []SystemEvent{{
		CustomerID: t.touch.customer, Name: name, Properties: properties, At: t.mail.At, Key: key,
	}})
}

// complained ends all marketing by e-mail.
func (t *taking) complained(ctx context.Context) error {
	if err := t.suppress(ctx, string(ReasonComplaint)); err != nil {
		return err
	}
	if err := t.tell(audience.EventEmailComplained, map[string]any{"feedback": t.mail.Report.Feedback}); err != nil {
		return err
	}
	return t.optedOut(ctx, "complaint")
}

// optedOut withdraws consent to everything by e-mail.
func (t *taking) optedOut(ctx context.Context, method string) error {
	if t.touch.customer == "" {
		return nil
	}
	already, err := t.tx.withdraw(ctx, Withdrawal{
		Workspace: t.tx.Workspace, TouchID: t.touch.id, Customer: t.touch.customer, Channel: audience.Email, Topic: audience.AllTopics,
		Method: method, Source: t.mail.Report.From, At: t.mail.At,
		Evidence: map[string]any{"message_id": t.mail.Report.MessageID, "feedback": t.mail.Report.Feedback, "report": t.mail.Key},
	})
	if err != nil || already {
		return err
	}
	queueCustomerChanges(t.batch, t.tx.Workspace, []string{t.touch.customer}, []string{rules.MentionConsents})
	return queueSystemEvents(t.batch, t.tx.Workspace, []SystemEvent{{
		CustomerID: t.touch.customer, Name: audience.EventUnsubscribed, At: t.mail.At, Properties: map[string]any{
			"channel": audience.Email, "topic": audience.AllTopics, "method": method, "touch_id": t.touch.id,
		},
	}})
}
