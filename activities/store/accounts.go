package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/channels/email/accounts"
)

// maxAccounts of a workspace.
const maxAccounts = 100

// AccountInfo is a sending account without its secrets.
type AccountInfo struct {
	ID string
	accounts.Settings
	Server    string // address without the password
	Paused    bool
	Note      string // why it is paused
	Trouble   string // why it was left alone last; "" for never
	TroubleAt time.Time
	Today     int // messages of the present day of UTC that are given out to workers, if there is a limit
	UpdatedAt time.Time
}

const accountColumns = `id, name, server, from_address, from_name, weight, per_second, per_hour, per_day, warm_up_start,
	warm_up, dkim_domain, dkim_selector, paused, note, trouble, trouble_at, updated_at,
	coalesce((SELECT taken FROM account_usage u WHERE u.workspace_id = a.workspace_id AND u.account_id = a.id
		AND u.period = 'day' AND u.starts = date_trunc('day', now(), 'UTC')), 0)`

func scanAccount(row pgx.CollectableRow) (AccountInfo, error) {
	var a AccountInfo
	var start, trouble *time.Time
	err := row.Scan(&a.ID, &a.Name, &a.Server, &a.From, &a.FromName, &a.Weight, &a.Limits.Second, &a.Limits.Hour,
		&a.Limits.Day, &start, &a.WarmUp.PerDay, &a.DKIM.Domain, &a.DKIM.Selector, &a.Paused, &a.Note, &a.Trouble, &trouble,
		&a.UpdatedAt, &a.Today)
	if start != nil {
		a.WarmUp.Start = *start
	}
	if trouble != nil {
		a.TroubleAt = *trouble
	}
	if len(a.WarmUp.PerDay) == 0 {
		a.WarmUp.PerDay = nil
	}
	return a, err
}

// Accounts lists the sending accounts of a workspace by name.
func (s *Store) Accounts(ctx context.Context, workspace int64) ([]AccountInfo, error) {
	var list []AccountInfo
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT `+accountColumns+` FROM accounts a WHERE workspace_id = $1 ORDER BY name`, workspace)
		var err error
		list, err = pgx.CollectRows(rows, scanAccount)
		return err
	})
	return list, wrap("list sending accounts", err)
}

// Account finds a sending account by name. ErrNotFound when there is none.
func (s *Store) Account(ctx context.Context, workspace int64, name string) (AccountInfo, error) {
	var a AccountInfo
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		a, err = tx.account(ctx, name, "")
		return err
	})
	return a, wrap("read sending account", err)
}

func (tx *Tx) account(ctx context.Context, name, lock string) (AccountInfo, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT `+accountColumns+` FROM accounts a WHERE workspace_id = $1 AND name = $2 `+lock,
		tx.Workspace, name)
	a, err := pgx.CollectExactlyOneRow(rows, scanAccount)
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("sending account %q: %w", name, ErrNotFound)
	}
	return a, err
}

// AddAccount keeps a new sending account; its id and revision are made here. ErrInvalid for one that cannot work, ErrExists
// when the name is taken, ErrNoSecretKey when the program has no key to keep the password with.
func (s *Store) AddAccount(ctx context.Context, workspace int64, a accounts.Account) error {
	a.ID = newID()
	if err := a.Check(); err != nil {
		return fmt.Errorf("add sending account: %w: %w", ErrInvalid, err)
	}
	url, key, err := s.sealAccount(workspace, a.ID, a.Secrets)
	if err != nil {
		return fmt.Errorf("add sending account: %w", err)
	}
	err = s.In(ctx, workspace, func(tx *Tx) error {
		var there int
		// The lock lets one be added at a time, so that the count holds.
		if err := tx.conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM accounts WHERE workspace_id = $1)
			FROM workspaces WHERE id = $1 FOR UPDATE`, workspace).Scan(&there); err != nil {
			return err
		}
		if there >= maxAccounts {
			return fmt.Errorf("%w: a workspace has at most %d sending accounts", ErrInvalid, maxAccounts)
		}
		_, err := tx.conn.Exec(ctx, `INSERT INTO accounts (workspace_id, id, name, url, server, dkim_key) VALUES ($1, $2, $3, $4, $5, $6)`,
			workspace, a.ID, a.Name, url, a.Shown(), key)
		if hasCode(err, "23505") {
			return fmt.Errorf("sending account %q: %w", a.Name, ErrExists)
		}
		if err != nil {
			return err
		}
		if err := tx.setAccount(ctx, a.ID, &a.Settings); err != nil {
			return err
		}
		return tx.Audit(ctx, "account.added", a.Name, accountDetail(&a.Settings, a.Shown()))
	})
	return wrap("add sending account", err)
}

func (s *Store) sealAccount(workspace int64, id string, secrets accounts.Secrets) (url, key []byte, err error) {
	if secrets.URL != "" {
		if url, err = s.keys.seal(secrets.URL, sealedPlace(workspace, id, "url")); err != nil {
			return nil, nil, err
		}
	}
	if secrets.DKIMKey != "" {
		key, err = s.keys.seal(secrets.DKIMKey, sealedPlace(workspace, id, "dkim_key"))
	}
	return url, key, err
}

func (tx *Tx) setAccount(ctx context.Context, id string, s *accounts.Settings) error {
	var start *time.Time
	if !s.WarmUp.Start.IsZero() {
		day := s.WarmUp.Start.UTC()
		start = &day
	}
	perDay := s.WarmUp.PerDay
	if perDay == nil {
		perDay = []int{}
	}
	_, err := tx.conn.Exec(ctx, `UPDATE accounts SET name = $3, from_address = $4, from_name = $5, weight = $6, per_second = $7,
		per_hour = $8, per_day = $9, warm_up_start = $10, warm_up = $11, dkim_domain = $12, dkim_selector = $13,
		revision = revision + 1, updated_at = now() WHERE workspace_id = $1 AND id = $2`,
		tx.Workspace, id, s.Name, s.From, s.FromName, s.Weight, s.Limits.Second, s.Limits.Hour, s.Limits.Day, start, perDay,
		s.DKIM.Domain, s.DKIM.Selector)
	if hasCode(err, "23505") {
		return fmt.Errorf("sending account %q: %w", s.Name, ErrExists)
	}
	return err
}

func accountDetail(s *accounts.Settings, server string) map[string]any {
	detail := map[string]any{
		"server": server, "from": s.From, "weight": s.Weight, "per_second": s.Limits.Second, "per_hour": s.Limits.Hour,
		"per_day": s.Limits.Day, "dkim_domain": s.DKIM.Domain, "dkim_selector": s.DKIM.Selector,
	}
	if !s.WarmUp.Start.IsZero() {
		detail["warm_up_start"], detail["warm_up"] = s.WarmUp.Start.UTC().Format(time.DateOnly), s.WarmUp.PerDay
	}
	return detail
}

// EditAccount changes a sending account: edit is handed its settings as they stand. Secrets that are empty stay as they
// are; without a DKIM domain the key goes. ErrInvalid for one that cannot work, ErrNotFound, ErrExists when the new name is
// taken.
func (s *Store) EditAccount(ctx context.Context, workspace int64, name string, secrets accounts.Secrets, edit func(*accounts.Settings) error) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		info, err := tx.account(ctx, name, "FOR UPDATE OF a")
		if err != nil {
			return err
		}
		if err := edit(&info.Settings); err != nil {
			return err
		}
		if err := tx.checkEdit(ctx, &info, secrets); err != nil {
			return err
		}
		url, key, err := s.sealAccount(workspace, info.ID, secrets)
		if err != nil {
			return err
		}
		if err := tx.setAccount(ctx, info.ID, &info.Settings); err != nil {
			return err
		}
		server := info.Server
		if url != nil {
			server = secrets.Shown()
		}
		if _, err := tx.conn.Exec(ctx, `UPDATE accounts SET url = coalesce($3, url), server = $4,
			dkim_key = CASE WHEN dkim_domain <> '' THEN coalesce($5, dkim_key) END WHERE workspace_id = $1 AND id = $2`,
			workspace, info.ID, url, server, key); err != nil {
			return err
		}
		detail := accountDetail(&info.Settings, server)
		detail["new_url"], detail["new_dkim_key"] = url != nil, key != nil
		return tx.Audit(ctx, "account.changed", name, detail)
	})
	return wrap("change sending account", err)
}

// checkEdit checks an account as a whole, of whose secrets only the new ones are at hand.
func (tx *Tx) checkEdit(ctx context.Context, info *AccountInfo, secrets accounts.Secrets) error {
	if err := info.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := secrets.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	var signs bool
	if err := tx.conn.QueryRow(ctx, `SELECT dkim_key IS NOT NULL FROM accounts WHERE workspace_id = $1 AND id = $2`,
		tx.Workspace, info.ID).Scan(&signs); err != nil {
		return err
	}
	if named := info.DKIM.Domain != ""; named && !signs && secrets.DKIMKey == "" || !named && secrets.DKIMKey != "" {
		return fmt.Errorf("%w: %w: DKIM needs a domain, a selector and a key", ErrInvalid, accounts.ErrAccount)
	}
	return nil
}

// PauseAccount stops sending over an account, and says why; ResumeAccount lets it go on.
func (s *Store) PauseAccount(ctx context.Context, workspace int64, name, why string) error {
	return s.setAccountPaused(ctx, workspace, name, "account.paused", true, why)
}

// ResumeAccount undoes PauseAccount.
func (s *Store) ResumeAccount(ctx context.Context, workspace int64, name string) error {
	return s.setAccountPaused(ctx, workspace, name, "account.resumed", false, "")
}

func (s *Store) setAccountPaused(ctx context.Context, workspace int64, name, action string, paused bool, why string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		tag, err := tx.conn.Exec(ctx, `UPDATE accounts SET paused = $3, note = $4, revision = revision + 1, updated_at = now()
			WHERE workspace_id = $1 AND name = $2`, workspace, name, paused, why)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("sending account %q: %w", name, ErrNotFound)
		}
		return tx.Audit(ctx, action, name, map[string]any{"why": why})
	})
	return wrap("pause or resume sending account", err)
}

// RemoveAccount forgets a sending account with its secrets and counters. Messages under way over it are finished.
func (s *Store) RemoveAccount(ctx context.Context, workspace int64, name string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		tag, err := tx.conn.Exec(ctx, `DELETE FROM accounts WHERE workspace_id = $1 AND name = $2`, workspace, name)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("sending account %q: %w", name, ErrNotFound)
		}
		return tx.Audit(ctx, "account.removed", name, nil)
	})
	return wrap("remove sending account", err)
}
