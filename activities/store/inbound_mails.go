package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/channels/email/inbound"
	"dotyk/rules/audience"
)

// InboundMail is a mail that came to us, as it came.
type InboundMail struct {
	Via       string // smtp, lmtp or imap
	Sender    string // MAIL FROM; "" for a report
	Recipient string // RCPT TO: one of the workspace's addresses
	Raw       []byte
	At        time.Time
}

// KeepMail stores a mail before anybody reads it, and gives its id. The same mail to the same address again is not stored
// again: it has the id of the first.
func (s *Store) KeepMail(ctx context.Context, workspace int64, m InboundMail) (string, error) {
	sum := sha256.New()
	sum.Write([]byte(strings.ToLower(m.Recipient) + "\x00"))
	sum.Write(steady(m.Raw))
	id := newID()
	err := s.In(ctx, workspace, func(tx *Tx) error {
		return tx.conn.QueryRow(ctx, `INSERT INTO inbound_mails AS m (workspace_id, id, digest, via, sender, recipient, raw, received_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (workspace_id, digest) DO UPDATE SET via = m.via RETURNING id`,
			workspace, id, sum.Sum(nil), m.Via, clean(m.Sender), clean(m.Recipient), m.Raw, m.At).Scan(&id)
	})
	return id, wrap("keep mail", err)
}

// steady leaves out what each way to us adds of its own, so that one mail that comes twice is known again.
func steady(raw []byte) []byte {
	for _, own := range []string{"Return-Path:", "Delivered-To:", "X-Original-To:", "Received:"} {
		for hasFold(raw, own) {
			end := 0
			for {
				n := bytes.IndexByte(raw[end:], '\n')
				if n < 0 {
					return raw
				}
				end += n + 1
				if end == len(raw) || raw[end] != ' ' && raw[end] != '\t' {
					break
				}
			}
			raw = raw[end:]
		}
	}
	return raw
}

func hasFold(raw []byte, prefix string) bool {
	return len(raw) >= len(prefix) && strings.EqualFold(string(raw[:len(prefix)]), prefix)
}

// mailTries is how often reading a mail is tried before it is left as dead.
const mailTries = 5

// OpenMails lists mails that were kept and not read yet, oldest first, of all workspaces.
func (s *Store) OpenMails(ctx context.Context, limit int) ([]MailRef, error) {
	rows, _ := s.engine.Query(ctx, `SELECT workspace_id, id FROM inbound_mails WHERE state = 'new' ORDER BY received_at LIMIT $1`, limit)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[MailRef])
	return list, wrap("list mails to read", err)
}

// MailRef names a mail that was kept.
type MailRef struct {
	Workspace int64
	ID        string
}

// ReadMail reads a mail that was kept, and does what it asks for. Reading it twice does it once. What is none of the kinds
// of mail that we know stays as dead, with the reason. ErrNotFound when there is no such mail.
func (s *Store) ReadMail(ctx context.Context, ref MailRef) error {
	var m InboundMail
	var digest []byte
	var state string
	err := s.In(ctx, ref.Workspace, func(tx *Tx) error {
		return tx.conn.QueryRow(ctx, `SELECT digest, via, sender, recipient, raw, state, received_at FROM inbound_mails
			WHERE workspace_id = $1 AND id = $2`, ref.Workspace, ref.ID).
			Scan(&digest, &m.Via, &m.Sender, &m.Recipient, &m.Raw, &state, &m.At)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("mail %s: %w", ref.ID, ErrNotFound)
	}
	if err != nil || state != "new" {
		return wrap("read mail", err)
	}
	report := inbound.Parse(m.Raw)
	if report.Token == "" { // a list of hidden recipients, or a header that a gateway wrote anew
		report.Token, report.Purpose = inbound.Token(m.Recipient)
	}
	dead, err := s.take(ctx, ref.Workspace, hex.EncodeToString(digest), report, m)
	if err != nil {
		return errors.Join(err, s.closeMail(ctx, ref, report.Kind, err.Error(), true))
	}
	return s.closeMail(ctx, ref, report.Kind, dead, false)
}

// take does what a mail asks for, and gives the reason where nobody can tell what that is.
func (s *Store) take(ctx context.Context, workspace int64, key string, r inbound.Report, m InboundMail) (dead string, err error) {
	switch r.Kind {
	case inbound.Reply:
		return "", s.Receive(ctx, workspace, Inbound{
			Channel: audience.Email, From: r.From, To: m.Recipient, Subject: r.Subject, Body: r.Text, ProviderID: "mail:" + key, At: m.At,
		})
	case inbound.Unknown:
		return "none of the kinds of mail that are understood here: no report, no complaint, no answer", nil
	default:
		result, err := s.TakeReport(ctx, workspace, MailReport{Key: "mail:" + key, Report: r, At: m.At})
		if err == nil && result.Unmatched > 0 && result.Unmatched >= len(r.Recipients) {
			dead = fmt.Sprintf("a %s about a message and an address that nobody here knows", r.Kind)
		}
		return dead, err
	}
}

// closeMail notes what a mail came to. What failed for now is tried again later.
func (s *Store) closeMail(ctx context.Context, ref MailRef, kind inbound.Kind, reason string, again bool) error {
	err := s.In(context.WithoutCancel(ctx), ref.Workspace, func(tx *Tx) error {
		_, err := tx.conn.Exec(ctx, `UPDATE inbound_mails SET kind = $3, reason = $4, tries = tries + 1,
			state = CASE WHEN $5 AND tries + 1 < $6 THEN 'new' WHEN $4 = '' THEN 'done' ELSE 'dead' END,
			finished_at = CASE WHEN $5 AND tries + 1 < $6 THEN NULL ELSE clock_timestamp() END
			WHERE workspace_id = $1 AND id = $2 AND state = 'new'`, ref.Workspace, ref.ID, kind, clean(reason), again, mailTries)
		return err
	})
	return wrap("note what a mail came to", err)
}

// DeadMail is a mail from which nothing could be made.
type DeadMail struct {
	ID                string
	Kind              inbound.Kind
	Sender, Recipient string
	Reason            string
	At                time.Time
	Bytes             int
}

// DeadMails lists the newest mails from which nothing could be made.
func (s *Store) DeadMails(ctx context.Context, workspace int64, limit int) ([]DeadMail, error) {
	var list []DeadMail
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT id, kind, sender, recipient, reason, received_at, length(raw) FROM inbound_mails
			WHERE workspace_id = $1 AND state = 'dead' ORDER BY received_at DESC LIMIT $2`, workspace, limit)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[DeadMail])
		return err
	})
	return list, wrap("list dead mails", err)
}

// RawMail gives a mail as it came. ErrNotFound when there is none.
func (s *Store) RawMail(ctx context.Context, workspace int64, id string) ([]byte, error) {
	var raw []byte
	err := s.In(ctx, workspace, func(tx *Tx) error {
		return tx.conn.QueryRow(ctx, `SELECT raw FROM inbound_mails WHERE workspace_id = $1 AND id::text = $2`, workspace, id).Scan(&raw)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("mail %s: %w", id, ErrNotFound)
	}
	return raw, wrap("read mail", err)
}

// KeepMails is how long the text of a mail that was read is kept, so that what was made of it can be looked into.
const KeepMails = 30 * 24 * time.Hour

// DropMails deletes mails that were read before a moment, and gives their number. Dead ones stay.
func (s *Store) DropMails(ctx context.Context, workspace int64, before time.Time) (int64, error) {
	var n int64
	err := s.In(ctx, workspace, func(tx *Tx) error {
		tag, err := tx.conn.Exec(ctx, `DELETE FROM inbound_mails WHERE workspace_id = $1 AND state = 'done' AND finished_at < $2`, workspace, before)
		n = tag.RowsAffected()
		return err
	})
	return n, wrap("drop mails", err)
}

// MailDomains gives the domains whose mail is ours, each with its workspace.
func (s *Store) MailDomains(ctx context.Context) (map[string]int64, error) {
	list, err := s.Workspaces(ctx)
	if err != nil {
		return nil, err
	}
	domains := map[string]int64{}
	for _, w := range list {
		settings, err := s.Delivery(ctx, w.ID)
		if err != nil {
			return nil, err
		}
		if d := strings.ToLower(strings.TrimSpace(settings.Email.Bounces)); d != "" {
			domains[d] = w.ID
		}
	}
	return domains, nil
}
