package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// User is a person who works with the records of a workspace.
type User struct {
	ID         string // UUID
	Email      string // lower case; what campaigns name users by
	Name       string
	Role       string // owner, marketer, sales, operator or analyst
	Phone      string // E.164; "" when unknown: calls cannot be dialled for them
	CreatedAt  time.Time
	DisabledAt time.Time // zero: may work
}

// The roles of users.
const (
	RoleOwner    = "owner"
	RoleMarketer = "marketer"
	RoleSales    = "sales"
	RoleOperator = "operator"
	RoleAnalyst  = "analyst"
)

// AddUser makes a user, or changes name, role and phone of the one with that e-mail address. Of the user it takes Email,
// Name, Role (default sales) and Phone. ErrInvalid for an address without an @ or a role that there is not.
func (s *Store) AddUser(ctx context.Context, workspace int64, u User) error {
	u.Email = userEmail(u.Email)
	if !strings.Contains(u.Email, "@") || clean(u.Email) != u.Email {
		return fmt.Errorf("add user: %w: %q is no e-mail address", ErrInvalid, u.Email)
	}
	switch u.Role {
	case "":
		u.Role = RoleSales
	case RoleOwner, RoleMarketer, RoleSales, RoleOperator, RoleAnalyst:
	default:
		return fmt.Errorf("add user: %w: there is no role %q; there are owner, marketer, sales, operator and analyst",
			ErrInvalid, u.Role)
	}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		_, err := tx.conn.Exec(ctx, `INSERT INTO users (workspace_id, id, email, name, role, phone)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, email)
			DO UPDATE SET name = excluded.name, role = excluded.role, phone = excluded.phone`,
			workspace, newID(), u.Email, clean(u.Name), u.Role, clean(u.Phone))
		if err != nil {
			return err
		}
		return tx.Audit(ctx, "user.saved", u.Email, map[string]any{"role": u.Role})
	})
	return wrap("add user", err)
}

// Users lists the users of a workspace by address, those who may not work any more among them.
func (s *Store) Users(ctx context.Context, workspace int64) ([]User, error) {
	var list []User
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT id, email, name, role, phone, created_at, disabled_at FROM users
			WHERE workspace_id = $1 ORDER BY email`, workspace)
		var err error
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (User, error) {
			var u User
			var disabled *time.Time
			err := row.Scan(&u.ID, &u.Email, &u.Name, &u.Role, &u.Phone, &u.CreatedAt, &disabled)
			u.DisabledAt = orZero(disabled)
			return u, err
		})
		return err
	})
	return list, wrap("list users", err)
}

// UserIDs gives the ids of the users who may work, by address in lower case.
func (tx *Tx) UserIDs(ctx context.Context) (map[string]string, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT lower(email), id FROM users WHERE workspace_id = $1 AND disabled_at IS NULL`,
		tx.Workspace)
	found := map[string]string{}
	var email, id string
	_, err := pgx.ForEachRow(rows, []any{&email, &id}, func() error {
		found[email] = id
		return nil
	})
	return found, wrap("list users", err)
}

func userEmail(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
