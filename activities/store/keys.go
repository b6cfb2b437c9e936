package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Key is what an API key opens.
type Key struct {
	ID      string
	Source  Source // the source its events are attributed to; names the workspace too
	Scopes  []string
	Country string // ISO 3166 region that national phone numbers of this workspace belong to; may be empty
}

// ScopeWrite lets a key send events and forms.
const ScopeWrite = "write"

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
		tag, err := tx.conn.Exec(ctx, `INSERT INTO keys (workspace_id, id, source_id, hash, hint, name, scopes)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (hash) DO NOTHING`,
			workspace, newID(), id, hash[:], text[:min(6, len(text)/2)], source, scopes)
		if err != nil {
			return fmt.Errorf("create key: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("create key: this text was a key before; choose another")
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
