package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// The ways in which words reach the ledger of consents.
const (
	MethodOneClick     = "one_click"
	MethodPreferences  = "preference_page"
	MethodConfirmation = "confirmation" // the button behind the link of a double opt-in
	MethodKeyword      = "sms_keyword"
	MethodForm         = "form"
	MethodAPI          = "api"
	MethodImport       = "import"
	MethodOperator     = "operator"
	MethodExpiry       = "expiry"
)

// actorSelf is the actor of what customers say themselves.
const actorSelf = "self"

// ledgerEntry is what is written to the ledger of consents.
type ledgerEntry struct {
	customer string
	audience.Consent
	locale       string // of the text shown
	evidence     map[string]any
	actor        string
	jurisdiction string
	past         bool   // it was said long ago, and an import tells of it
	request      string // id of a request, and of the confirmation that answers it; "" for none
}

// queueConsent writes what a customer said by one of the ways that are theirs alone.
func queueConsent(b *pgx.Batch, ws int64, customer string, c audience.Consent, evidence map[string]any) {
	queueLedger(b, ws, &ledgerEntry{customer: customer, Consent: c, evidence: evidence, actor: actorSelf})
}

// queueLedger adds to the ledger. The database chains the entry to the customer's last one, and notes the hash of the
// address. The words that were shown are kept once.
func queueLedger(b *pgx.Batch, ws int64, e *ledgerEntry) {
	if e.evidence == nil {
		e.evidence = map[string]any{}
	}
	text, locale := clean(e.TextShown), clean(e.locale)
	if text != "" {
		b.Queue(`INSERT INTO consent_texts (workspace_id, sha256, text, locale, controller)
			SELECT $1, `+textHash+`, $2, $3, w.name FROM workspaces w WHERE w.id = $1 ON CONFLICT DO NOTHING`, ws, text, locale)
	}
	b.Queue(`INSERT INTO consents (workspace_id, customer_id, channel, topic, action, occurred_at, method, source,
		text_sha256, evidence, actor, jurisdiction, expires_at, request_id)
		SELECT $1, $4, $5, $6, $7, $8, $9, $10, CASE WHEN $2 <> '' THEN `+textHash+` END, $11, $12, $13, $14,
			nullif($15, '')::uuid
		FROM workspaces w WHERE w.id = $1`,
		ws, text, locale, e.customer, e.Channel, e.Topic, e.Action, e.OccurredAt, e.Method, clean(e.Source), e.evidence,
		clean(e.actor), e.jurisdiction, orNil(e.ExpiresAt), e.request)
}

// textHash is the name of a text: the same words of another business, or in another language, are another text.
const textHash = `sha256(convert_to(w.name || E'\n' || $3::text || E'\n' || $2::text, 'UTF8'))`

// LedgerEntry is one entry of the ledger of consents, with its proof.
type LedgerEntry struct {
	audience.Consent

	CustomerID   string
	RecordedAt   time.Time
	Locale       string // of TextShown
	Controller   string // who asked
	TextSHA256   string // hex; "" where no text is known
	Evidence     map[string]any
	Actor        string // self, or who recorded it
	Jurisdiction string // ISO 3166 region
	AddressHash  string // hex, as in the list of suppressions; "" where no address was known
	RequestID    string // a request, and the confirmation that answers it
	Seq          int    // place in the customer's chain; 0 for entries older than the chain
	Hash         string // hex
}

// Ledger reads all that was said about contacting a customer, oldest first.
func (s *Store) Ledger(ctx context.Context, workspace int64, customer string) ([]LedgerEntry, error) {
	var list []LedgerEntry
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT c.customer_id, c.channel, c.topic, c.action, c.occurred_at, c.method, c.source,
			coalesce(t.text, c.text_shown), c.expires_at, c.recorded_at, coalesce(t.locale, ''), coalesce(t.controller, ''),
			c.text_sha256, c.evidence, c.actor, c.jurisdiction, c.address_hash, coalesce(c.request_id::text, ''), c.seq, c.hash
			FROM consents c LEFT JOIN consent_texts t ON t.workspace_id = c.workspace_id AND t.sha256 = c.text_sha256
			WHERE c.workspace_id = $1 AND c.customer_id = $2 ORDER BY c.seq, c.id`, workspace, customer)
		var err error
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (LedgerEntry, error) {
			var e LedgerEntry
			var expires *time.Time
			var text, address, hash []byte
			err := row.Scan(&e.CustomerID, &e.Channel, &e.Topic, &e.Action, &e.OccurredAt, &e.Method, &e.Source, &e.TextShown,
				&expires, &e.RecordedAt, &e.Locale, &e.Controller, &text, &e.Evidence, &e.Actor, &e.Jurisdiction, &address,
				&e.RequestID, &e.Seq, &hash)
			e.ExpiresAt = orZero(expires)
			e.TextSHA256, e.AddressHash, e.Hash = hex.EncodeToString(text), hex.EncodeToString(address), hex.EncodeToString(hash)
			return e, err
		})
		return err
	})
	return list, wrap("read ledger of consents", err)
}

// ChainFault is an entry of the ledger of consents that is not what was written, or follows one that is missing.
type ChainFault struct {
	CustomerID string
	Seq        int
	Reason     string
}

// Verification is what checking the ledger came to.
type Verification struct {
	Customers int
	Entries   int
	Unchained int // entries older than the chain, which prove nothing
	Faults    []ChainFault
}

// VerifyConsents checks every chain of the workspace: that no entry was changed, and none taken out before the last. At
// most 1,000 faults are listed. Who can write to the database can still forge a whole chain: keep the last hashes
// elsewhere where that matters.
func (s *Store) VerifyConsents(ctx context.Context, workspace int64) (Verification, error) {
	var v Verification
	err := s.In(ctx, workspace, func(tx *Tx) error {
		v = Verification{}
		b := &pgx.Batch{}
		b.Queue(`SELECT count(DISTINCT customer_id), count(*) FILTER (WHERE seq > 0), count(*) FILTER (WHERE seq = 0)
			FROM consents WHERE workspace_id = $1`, workspace).
			QueryRow(func(row pgx.Row) error { return row.Scan(&v.Customers, &v.Entries, &v.Unchained) })
		b.Queue(`SELECT customer_id, seq, CASE
				WHEN hash <> proof THEN 'the entry was changed after it was written'
				WHEN seq <> place THEN 'an entry before it is missing'
				ELSE 'it does not follow the entry before it' END
			FROM (SELECT c.customer_id, c.seq, c.hash, c.prev_hash, dotyk_consent_hash(c) AS proof,
					row_number() OVER chain AS place, lag(c.hash) OVER chain AS before
				FROM consents c WHERE c.workspace_id = $1 AND c.seq > 0
				WINDOW chain AS (PARTITION BY c.customer_id ORDER BY c.seq)) x
			WHERE hash IS DISTINCT FROM proof OR seq <> place OR prev_hash IS DISTINCT FROM before
			ORDER BY customer_id, seq LIMIT 1000`, workspace).
			Query(collect(&v.Faults, pgx.RowToStructByPos[ChainFault]))
		b.Queue(`SELECT c.customer_id, c.seq, 'the text that was shown is not the one that is kept'
			FROM consents c LEFT JOIN consent_texts t ON t.workspace_id = c.workspace_id AND t.sha256 = c.text_sha256
			WHERE c.workspace_id = $1 AND c.text_sha256 IS NOT NULL AND c.text_sha256 IS DISTINCT FROM
				sha256(convert_to(t.controller || E'\n' || t.locale || E'\n' || t.text, 'UTF8'))
			ORDER BY 1, 2 LIMIT 1000`, workspace).
			Query(func(rows pgx.Rows) error {
				more, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ChainFault])
				v.Faults = append(v.Faults, more...)
				return err
			})
		return tx.batch(ctx, b)
	})
	return v, wrap("verify ledger of consents", err)
}

// ConsentWord is what somebody other than the customer records about a consent, or the customer through the API.
type ConsentWord struct {
	Customer     string // id
	Channel      audience.Channel
	Topic        string // audience.AllTopics for all
	Action       audience.ConsentAction
	Method       string // MethodOperator when empty
	Source       string // form, list, file, conversation
	Text         string // the exact words shown or said
	Locale       string // of Text
	Evidence     map[string]any
	Jurisdiction string    // ISO 3166 region
	At           time.Time // when it was said; now when zero
	ExpiresAt    time.Time // zero for never
}

func (w *ConsentWord) check(now time.Time) error {
	said := slices.Contains(append(slices.Clone(audience.Consents), audience.Withdrawn, audience.Objected), w.Action)
	switch {
	case w.Channel != audience.Email && w.Channel != audience.SMS && w.Channel != audience.Call:
		return fmt.Errorf("%w: there is no consent to channel %q; name email, sms or call", ErrInvalid, w.Channel)
	case w.Topic == "":
		return fmt.Errorf("%w: no topic is named; name one, or * for all", ErrInvalid)
	case !said:
		return fmt.Errorf("%w: %q is nothing that a customer says; write granted, confirmed, refreshed, imported, withdrawn or objected", ErrInvalid, w.Action)
	case w.At.After(now.Add(time.Minute)):
		return fmt.Errorf("%w: nothing can be said in the future: %s", ErrInvalid, w.At.UTC().Format(time.RFC3339))
	case !w.ExpiresAt.IsZero() && (!w.Action.Allows() || !w.ExpiresAt.After(w.At)):
		return fmt.Errorf("%w: only a consent can expire, and only after it was given", ErrInvalid)
	default:
		return nil
	}
}

// Say records a word about consent, whoever says it, and tells segments and campaigns. ErrInvalid for what cannot be
// meant, ErrNotFound when there is no such customer.
func (s *Store) Say(ctx context.Context, workspace int64, w ConsentWord) error {
	now := time.Now()
	if w.At.IsZero() {
		w.At = now
	}
	if w.Method == "" {
		w.Method = MethodOperator
	}
	if err := w.check(now); err != nil {
		return fmt.Errorf("record consent: %w", err)
	}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		if err := tx.lockCustomer(ctx, w.Customer); err != nil {
			return err
		}
		if err := tx.say(ctx, []ledgerEntry{{
			customer: w.Customer, locale: w.Locale, evidence: w.Evidence, actor: actor(ctx), jurisdiction: w.Jurisdiction,
			Consent: audience.Consent{
				Channel: w.Channel, Topic: w.Topic, Action: w.Action, OccurredAt: w.At, Method: w.Method, Source: w.Source,
				TextShown: w.Text, ExpiresAt: w.ExpiresAt,
			},
		}}); err != nil {
			return err
		}
		return tx.Audit(ctx, "consent."+string(w.Action), w.Customer, map[string]any{"channel": w.Channel, "topic": w.Topic})
	})
	return wrap("record consent", err)
}

// lockCustomer makes what is said about a customer one word after another. ErrNotFound when there is no such record, or
// another took it over.
func (tx *Tx) lockCustomer(ctx context.Context, customer string) error {
	tag, err := tx.conn.Exec(ctx, `SELECT FROM customers WHERE workspace_id = $1 AND id = $2 AND merged_into IS NULL FOR UPDATE`,
		tx.Workspace, customer)
	if err == nil && tag.RowsAffected() == 0 {
		return fmt.Errorf("customer %s: %w", customer, ErrNotFound)
	}
	return err
}

// say writes entries of customers that exist, with the events that follow from them.
func (tx *Tx) say(ctx context.Context, entries []ledgerEntry) error {
	b := &pgx.Batch{}
	var customers, mentions []string
	var events []SystemEvent
	for i := range entries {
		e := &entries[i]
		queueLedger(b, tx.Workspace, e)
		customers, mentions = append(customers, e.customer), append(mentions, rules.MentionConsents)
		if e.Action == audience.Withdrawn || e.Action == audience.Objected {
			events = append(events, SystemEvent{
				CustomerID: e.customer, Name: audience.EventUnsubscribed, At: e.OccurredAt,
				Properties: map[string]any{"channel": e.Channel, "topic": e.Topic, "method": e.Method, "touch_id": ""},
			})
		}
	}
	queueCustomerChanges(b, tx.Workspace, customers, mentions)
	if err := queueSystemEvents(b, tx.Workspace, events); err != nil {
		return err
	}
	return tx.batch(ctx, b)
}
