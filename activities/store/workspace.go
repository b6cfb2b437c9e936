package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nyaruka/phonenumbers"

	"dotyk/rules/calendar"
)

// newID makes a UUID that grows with time, so that fresh rows stand together in the indexes.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// CreateWorkspace makes a workspace with a fresh secret and gives its number. The slug must be new.
func (s *Store) CreateWorkspace(ctx context.Context, slug, name string) (int64, error) {
	var id int64
	if err := s.app.QueryRow(ctx, `SELECT nextval('workspaces_id_seq')`).Scan(&id); err != nil {
		return 0, fmt.Errorf("number workspace: %w", err)
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return 0, fmt.Errorf("make workspace secret: %w", err)
	}
	err := s.In(ctx, id, func(tx *Tx) error {
		_, err := tx.conn.Exec(ctx, `INSERT INTO workspaces (id, slug, name, secret) VALUES ($1, $2, $3, $4)`,
			id, slug, name, secret)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("create workspace %s: %w", slug, err)
	}
	return id, nil
}

// WorkspaceInfo is what the program may know of a workspace before it works for it.
type WorkspaceInfo struct {
	ID      int64
	Slug    string
	Name    string
	Country string
}

// Workspaces lists all workspaces of the installation by number.
func (s *Store) Workspaces(ctx context.Context) ([]WorkspaceInfo, error) {
	rows, _ := s.engine.Query(ctx, `SELECT id, slug, name, country FROM workspaces ORDER BY id`)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[WorkspaceInfo])
	if err != nil {
		return nil, fmt.Errorf("list workspaces: %w", err)
	}
	return list, nil
}

// WorkspaceBySlug finds a workspace by its name in URLs and flags. ErrNotFound when there is none.
func (s *Store) WorkspaceBySlug(ctx context.Context, slug string) (WorkspaceInfo, error) {
	list, err := s.Workspaces(ctx)
	if err != nil {
		return WorkspaceInfo{}, err
	}
	for _, w := range list {
		if w.Slug == slug {
			return w, nil
		}
	}
	return WorkspaceInfo{}, fmt.Errorf("workspace %q: %w", slug, ErrNotFound)
}

// WorkspaceSettings are where a workspace is.
type WorkspaceSettings struct {
	Slug     string
	Name     string
	Timezone string // of its time of day, and of customers whose own is unknown: a name such as Europe/Kyiv
	Country  string // ISO 3166 region of its national phone numbers, and of customers whose own is unknown; "" without
}

// WorkspaceEdit changes settings; nil leaves one as it is.
type WorkspaceEdit struct {
	Timezone *string
	Country  *string // "" for none
}

// WorkspaceSettings reads where a workspace is.
func (s *Store) WorkspaceSettings(ctx context.Context, workspace int64) (WorkspaceSettings, error) {
	var w WorkspaceSettings
	err := s.In(ctx, workspace, func(tx *Tx) error {
		return tx.conn.QueryRow(ctx, `SELECT slug, name, timezone, country FROM workspaces WHERE id = $1`, workspace).
			Scan(&w.Slug, &w.Name, &w.Timezone, &w.Country)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return w, fmt.Errorf("workspace %d: %w", workspace, ErrNotFound)
	}
	return w, wrap("read settings of workspace", err)
}

// EditWorkspace says where a workspace is. Messages that wait for the end of quiet hours are judged anew. ErrInvalid for a zone that the time zone database does not know, or a country
// without phone numbers.
func (s *Store) EditWorkspace(ctx context.Context, workspace int64, edit WorkspaceEdit) error {
	if edit.Timezone != nil && !calendar.KnownZone(*edit.Timezone) {
		return fmt.Errorf("set time zone: %w: %q is no time zone; give a name such as Europe/Kyiv", ErrInvalid, *edit.Timezone)
	}
	if c := edit.Country; c != nil && *c != "" && !phonenumbers.GetSupportedRegions()[*c] {
		return fmt.Errorf("set country: %w: %q is no country; give its two letters of ISO 3166, such as UA", ErrInvalid, *c)
	}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var now struct{ Timezone, Country string }
		if err := tx.conn.QueryRow(ctx, `UPDATE workspaces SET timezone = coalesce($2, timezone), country = coalesce($3, country)
			WHERE id = $1 RETURNING timezone, country`, workspace, edit.Timezone, edit.Country).
			Scan(&now.Timezone, &now.Country); err != nil {
			return err
		}
		if err := tx.judgeQuietAgain(ctx); err != nil {
			return err
		}
		return tx.Audit(ctx, "workspace.changed", "workspace", map[string]any{"timezone": now.Timezone, "country": now.Country})
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("workspace %d: %w", workspace, ErrNotFound)
	}
	return wrap("edit workspace", err)
}

// Secret gives the key that signs the workspace's links and hashes its addresses.
func (s *Store) Secret(ctx context.Context, workspace int64) ([]byte, error) {
	var secret []byte
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		secret, err = tx.secret(ctx)
		return err
	})
	return secret, err
}

func (tx *Tx) secret(ctx context.Context) ([]byte, error) {
	var secret []byte
	err := tx.conn.QueryRow(ctx, `SELECT secret FROM workspaces WHERE id = $1`, tx.Workspace).Scan(&secret)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("workspace %d: %w", tx.Workspace, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read workspace secret: %w", err)
	}
	return secret, nil
}

// EnsureSource gives the number of the workspace's source of that name, and makes it when it is new.
func (s *Store) EnsureSource(ctx context.Context, workspace int64, name string) (Source, error) {
	src := Source{Workspace: workspace, Name: name}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		src.ID, err = tx.ensureSource(ctx, name)
		return err
	})
	return src, err
}

func (tx *Tx) ensureSource(ctx context.Context, name string) (int64, error) {
	var id int64
	err := tx.conn.QueryRow(ctx, `INSERT INTO sources (workspace_id, name) VALUES ($1, $2)
		ON CONFLICT (workspace_id, name) DO UPDATE SET name = excluded.name RETURNING id`, tx.Workspace, name).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("ensure source %s: %w", name, err)
	}
	return id, nil
}

// Audit leaves a trace of a change. The actor is the one of the context, see WithActor.
func (tx *Tx) Audit(ctx context.Context, action, entity string, detail map[string]any) error {
	if detail == nil {
		detail = map[string]any{}
	}
	_, err := tx.conn.Exec(ctx, `INSERT INTO audit (workspace_id, actor, action, entity, detail)
		VALUES ($1, $2, $3, $4, $5)`, tx.Workspace, actor(ctx), action, entity, detail)
	if err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	return nil
}

type actorKey struct{}

// WithActor names who is behind the changes made with ctx; the program itself when nobody was named.
func WithActor(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, actorKey{}, name)
}

func actor(ctx context.Context) string {
	if name, ok := ctx.Value(actorKey{}).(string); ok {
		return name
	}
	return "dotyk"
}
