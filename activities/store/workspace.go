package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
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

// SetCountry says to which region the workspace's national phone numbers belong (ISO 3166, such as UA).
func (s *Store) SetCountry(ctx context.Context, workspace int64, country string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		_, err := tx.conn.Exec(ctx, `UPDATE workspaces SET country = $2 WHERE id = $1`, workspace, country)
		return err
	})
	if err != nil {
		return fmt.Errorf("set country: %w", err)
	}
	return nil
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

// CreateKey makes a key for a source of the workspace and gives its text, which is not kept and cannot be read again.
// An empty text asks for a random one; a given text must have at least eight characters.
func (s *Store) CreateKey(ctx context.Context, workspace int64, source, text string, scopes []string) (string, error) {
	if text == "" {
		raw := make([]byte, 24)
		if _, err := rand.Read(raw); err != nil {
			return "", fmt.Errorf("make key: %w", err)
		}
		text = "dk_" + base64.RawURLEncoding.EncodeToString(raw)
	}
	if len(text) < 8 {
		return "", fmt.Errorf("key has %d characters: give at least 8", len(text))
	}
	hash := sha256.Sum256([]byte(text))
	err := s.In(ctx, workspace, func(tx *Tx) error {
		id, err := tx.ensureSource(ctx, source)
		if err != nil {
			return err
		}
		_, err = tx.conn.Exec(ctx, `INSERT INTO keys (workspace_id, id, source_id, hash, hint, name, scopes)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (hash) DO NOTHING`,
			workspace, newID(), id, hash[:], text[:min(6, len(text)/2)], source, scopes)
		if err != nil {
			return fmt.Errorf("create key: %w", err)
		}
		return tx.Audit(ctx, "key.created", source, map[string]any{"scopes": scopes})
	})
	return text, err
}

// Authenticate finds what a key opens. ErrUnknownKey when it opens nothing.
func (s *Store) Authenticate(ctx context.Context, text string) (Key, error) {
	hash := sha256.Sum256([]byte(text))
	return s.key(ctx, `SELECT k.id, k.workspace_id, k.source_id, s.name, k.scopes, w.country
		FROM keys k JOIN workspaces w ON w.id = k.workspace_id
		JOIN sources s ON s.workspace_id = k.workspace_id AND s.id = k.source_id WHERE k.hash = $1 AND k.revoked_at IS NULL`, hash[:])
}

// SingleWorkspace gives the first write key's view of the only workspace of the installation. ErrNotFound when there
// are several, or none, or it has no key.
func (s *Store) SingleWorkspace(ctx context.Context) (Key, error) {
	k, err := s.key(ctx, `SELECT k.id, k.workspace_id, k.source_id, s.name, k.scopes, w.country
		FROM keys k JOIN workspaces w ON w.id = k.workspace_id
		JOIN sources s ON s.workspace_id = k.workspace_id AND s.id = k.source_id
		WHERE k.revoked_at IS NULL AND $1 = ANY (k.scopes) AND (SELECT count(*) FROM workspaces) = 1
		ORDER BY k.id LIMIT 1`, ScopeWrite)
	if errors.Is(err, ErrUnknownKey) {
		return Key{}, fmt.Errorf("only workspace: %w", ErrNotFound)
	}
	return k, err
}

func (s *Store) key(ctx context.Context, query string, arg any) (Key, error) {
	var k Key
	err := s.engine.QueryRow(ctx, query, arg).
		Scan(&k.ID, &k.Source.Workspace, &k.Source.ID, &k.Source.Name, &k.Scopes, &k.Country)
	if errors.Is(err, pgx.ErrNoRows) {
		return Key{}, ErrUnknownKey
	}
	if err != nil {
		return Key{}, fmt.Errorf("look up key: %w", err)
	}
	return k, nil
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
