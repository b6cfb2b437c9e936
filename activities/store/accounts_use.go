package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/channels/email/accounts"
)

// AccountSet is what a workspace sends over.
type AccountSet struct {
	// State differs from any other state of the workspace's accounts.
	State string
	// Any says that the workspace has accounts of its own, be it that all are paused.
	Any bool
	// Enabled are those that are not paused.
	Enabled []accounts.Account
}

// OpenAccounts reads the accounts of a workspace with their secrets, unless their state is the known one: then only State
// and Any are given.
func (s *Store) OpenAccounts(ctx context.Context, workspace int64, known string) (AccountSet, error) {
	var set AccountSet
	err := s.In(ctx, workspace, func(tx *Tx) error {
		set = AccountSet{}
		var n int
		if err := tx.conn.QueryRow(ctx, `SELECT count(*), coalesce(string_agg(id::text || ':' || revision, ' ' ORDER BY id), '')
			FROM accounts WHERE workspace_id = $1`, workspace).Scan(&n, &set.State); err != nil {
			return err
		}
		// A program that starts knows no state, which is not the state of having none.
		set.State = strconv.Itoa(n) + " " + set.State
		set.Any = n > 0
		if set.State == known || n == 0 {
			return nil
		}
		var err error
		set.Enabled, err = tx.openAccounts(ctx, s.keys)
		return err
	})
	return set, wrap("open sending accounts", err)
}

func (tx *Tx) openAccounts(ctx context.Context, keys SecretKeys) ([]accounts.Account, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT `+accountColumns+`, revision, url, dkim_key FROM accounts a
		WHERE workspace_id = $1 AND NOT paused ORDER BY name`, tx.Workspace)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (accounts.Account, error) {
		return openAccount(row, tx.Workspace, keys)
	})
}

// sealedRow hands scanAccount its columns, and takes those behind them.
type sealedRow struct {
	pgx.CollectableRow
	revision *int
	url, key *[]byte
}

// Scan implements pgx.CollectableRow.
func (r sealedRow) Scan(dest ...any) error {
	return r.CollectableRow.Scan(append(dest, r.revision, r.url, r.key)...)
}

func openAccount(row pgx.CollectableRow, workspace int64, keys SecretKeys) (accounts.Account, error) {
	var revision int
	var url, key []byte
	info, err := scanAccount(sealedRow{row, &revision, &url, &key})
	if err != nil {
		return accounts.Account{}, err
	}
	a := accounts.Account{ID: info.ID, Revision: revision, Settings: info.Settings}
	if a.URL, err = keys.open(url, sealedPlace(workspace, a.ID, "url")); err != nil {
		return a, fmt.Errorf("address of sending account %s: %w", a.Name, err)
	}
	if key != nil {
		if a.DKIMKey, err = keys.open(key, sealedPlace(workspace, a.ID, "dkim_key")); err != nil {
			return a, fmt.Errorf("DKIM key of sending account %s: %w", a.Name, err)
		}
	}
	return a, nil
}

// OpenAccount reads one account with its secrets, paused or not. ErrNotFound when there is none of that name.
func (s *Store) OpenAccount(ctx context.Context, workspace int64, name string) (accounts.Account, error) {
	var a accounts.Account
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT `+accountColumns+`, revision, url, dkim_key FROM accounts a
			WHERE workspace_id = $1 AND name = $2`, workspace, name)
		var err error
		a, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (accounts.Account, error) {
			return openAccount(row, workspace, s.keys)
		})
		if errors.Is(err, pgx.ErrNoRows) {
			err = fmt.Errorf("sending account %q: %w", name, ErrNotFound)
		}
		return err
	})
	return a, wrap("open sending account", err)
}

// NoteAccountTrouble keeps, for people, why an account was left alone. One that is gone needs none.
func (s *Store) NoteAccountTrouble(ctx context.Context, workspace int64, id, why string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		_, err := tx.conn.Exec(ctx, `UPDATE accounts SET trouble = $3, trouble_at = now() WHERE workspace_id = $1 AND id = $2`,
			workspace, id, clean(why))
		return err
	})
	return wrap("note trouble of sending account", err)
}

// AccountAllowance shares the limits of a workspace's accounts between workers, by the rows of account_usage.
type AccountAllowance struct {
	Store     *Store
	Workspace int64
}

var _ accounts.Allowance = AccountAllowance{}

// mostGranted is what is given out at one time. Of what is left, a quarter at most: so a worker that has little to send
// does not keep what others need.
const mostGranted = 50

// Take implements accounts.Allowance. What is given out for a second need not survive a crash, so nobody waits for the disk.
func (a AccountAllowance) Take(ctx context.Context, account string, p accounts.Period, limit int, now time.Time) (granted int, starts time.Time, err error) {
	begins := now.UTC().Truncate(p.Length())
	settings := "; SET LOCAL plan_cache_mode = force_generic_plan"
	if p == accounts.Second {
		settings += "; SET LOCAL synchronous_commit = off"
	}
	err = a.Store.begin(ctx, a.Workspace, settings, func(tx *Tx) error {
		// A period that another worker's clock has begun already is not begun again.
		return tx.conn.QueryRow(ctx, `INSERT INTO account_usage AS u (workspace_id, account_id, period, starts, taken, granted)
			VALUES ($1, $2, $3, $4, least($6, greatest(1, $5 / 4)), least($6, greatest(1, $5 / 4)))
			ON CONFLICT (workspace_id, account_id, period) DO UPDATE SET
				starts = greatest(u.starts, excluded.starts),
				taken = CASE WHEN u.starts < excluded.starts THEN excluded.taken
					ELSE u.taken + least($6, greatest(1, ($5 - u.taken) / 4)) END,
				granted = CASE WHEN u.starts < excluded.starts THEN excluded.granted
					ELSE least($6, greatest(1, ($5 - u.taken) / 4)) END
			WHERE u.starts < excluded.starts OR u.taken < $5
			RETURNING granted, starts`, a.Workspace, account, string(p), begins, limit, mostGranted).Scan(&granted, &starts)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, begins, nil
	case hasCode(err, "23503"):
		return 0, begins, fmt.Errorf("take of limits: sending account %s: %w", account, ErrNotFound)
	}
	return granted, starts, wrap("take of limits of sending account", err)
}

// Return implements accounts.Allowance. Of a period that is over there is nothing to return to.
func (a AccountAllowance) Return(account string, p accounts.Period, starts time.Time, unused int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := a.Store.In(ctx, a.Workspace, func(tx *Tx) error {
		_, err := tx.conn.Exec(ctx, `UPDATE account_usage SET taken = greatest(taken - $5, 0)
			WHERE workspace_id = $1 AND account_id = $2 AND period = $3 AND starts = $4`,
			a.Workspace, account, string(p), starts, unused)
		return err
	})
	return wrap("return limits of sending account", err)
}
