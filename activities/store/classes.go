package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/channels"
	"dotyk/rules/audience"
)

// Installation is the workspace of what holds for all workspaces.
const Installation int64 = 0

// maxClasses of a workspace: every failure is compared with them.
const maxClasses = 500

// ErrorClass is what somebody said that a provider's code means.
type ErrorClass struct {
	channels.Class
	Workspace int64 // Installation for one that holds for all
	UpdatedBy string
	UpdatedAt time.Time
}

// classCache keeps the classes of workspaces for a while: every failed message asks for them.
type classCache struct {
	mu          sync.Mutex
	byWorkspace map[int64]keptClasses
}

type keptClasses struct {
	classes *channels.Classes
	until   time.Time
}

// classesKept is how long it takes until other processes heed a change.
const classesKept = 10 * time.Second

// Classes gives what judges a workspace's failures: its own classes, those of the installation, and those built in. A change
// is heeded after 10 s at the latest.
func (s *Store) Classes(ctx context.Context, workspace int64) (*channels.Classes, error) {
	s.classes.mu.Lock()
	kept, ok := s.classes.byWorkspace[workspace]
	s.classes.mu.Unlock()
	if ok && time.Now().Before(kept.until) {
		return kept.classes, nil
	}
	list, err := s.ErrorClasses(ctx, workspace)
	if err != nil {
		return nil, err
	}
	var own, all []channels.Class
	for _, c := range list {
		if c.Workspace == Installation {
			all = append(all, c.Class)
		} else {
			own = append(own, c.Class)
		}
	}
	classes, err := channels.NewClasses(own, all)
	if err != nil {
		return nil, fmt.Errorf("read error classes: %w", err)
	}
	s.classes.mu.Lock()
	defer s.classes.mu.Unlock()
	if s.classes.byWorkspace == nil {
		s.classes.byWorkspace = map[int64]keptClasses{}
	}
	s.classes.byWorkspace[workspace] = keptClasses{classes: classes, until: time.Now().Add(classesKept)}
	return classes, nil
}

// ErrorClasses lists the classes of a workspace and of the installation, by channel and code. Those built in are not among
// them, see channels.BuiltInClasses.
func (s *Store) ErrorClasses(ctx context.Context, workspace int64) ([]ErrorClass, error) {
	var list []ErrorClass
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT workspace_id, channel, code, pattern, kind, note, updated_by, updated_at
			FROM error_classes WHERE workspace_id IN ($1, $2) ORDER BY channel, code, pattern, workspace_id DESC`,
			workspace, Installation)
		var err error
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (ErrorClass, error) {
			var c ErrorClass
			var kind string
			err := row.Scan(&c.Workspace, &c.Channel, &c.Code, &c.Text, &kind, &c.Note, &c.UpdatedBy, &c.UpdatedAt)
			if err == nil {
				c.Kind, err = channels.ParseFailureKind(kind)
			}
			return c, err
		})
		return err
	})
	return list, wrap("list error classes", err)
}

// SetErrorClass says what a code means, for a workspace or the Installation; it replaces what was said of the same channel,
// code and text. ErrInvalid for a class that cannot be used.
func (s *Store) SetErrorClass(ctx context.Context, workspace int64, c channels.Class) error {
	if err := c.Check(); err != nil {
		return fmt.Errorf("set error class: %w: %w", ErrInvalid, err)
	}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var there int
		if err := tx.conn.QueryRow(ctx, `SELECT count(*) FROM error_classes WHERE workspace_id = $1`, workspace).Scan(&there); err != nil {
			return err
		}
		if there >= maxClasses {
			return fmt.Errorf("%w: there are %d classes already: remove some that others cover", ErrInvalid, there)
		}
		if _, err := tx.conn.Exec(ctx, `INSERT INTO error_classes (workspace_id, channel, code, pattern, kind, note, updated_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (workspace_id, channel, code, pattern) DO UPDATE
			SET kind = excluded.kind, note = excluded.note, updated_by = excluded.updated_by, updated_at = now()`,
			workspace, string(c.Channel), c.Code, clean(c.Text), c.Kind.Name(), clean(c.Note), actor(ctx)); err != nil {
			return err
		}
		return tx.auditClass(ctx, "error_class.set", &c)
	})
	s.forgetClasses()
	return wrap("set error class", err)
}

// auditClass leaves a trace in the workspace. Those of the installation say themselves who changed them last.
func (tx *Tx) auditClass(ctx context.Context, action string, c *channels.Class) error {
	if tx.Workspace == Installation {
		return nil
	}
	return tx.Audit(ctx, action, string(c.Channel)+" "+c.Code, map[string]any{"text": c.Text, "kind": c.Kind.Name(), "note": c.Note})
}

// RemoveErrorClass takes back what was said of a channel, code and text. ErrNotFound when nothing was.
func (s *Store) RemoveErrorClass(ctx context.Context, workspace int64, channel audience.Channel, code, text string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		tag, err := tx.conn.Exec(ctx, `DELETE FROM error_classes WHERE workspace_id = $1 AND channel = $2 AND code = $3 AND pattern = $4`,
			workspace, string(channel), code, text)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("error class %s %s: %w", channel, code, ErrNotFound)
		}
		return tx.auditClass(ctx, "error_class.removed", &channels.Class{Channel: channel, Code: code, Text: text})
	})
	s.forgetClasses()
	return wrap("remove error class", err)
}

func (s *Store) forgetClasses() {
	s.classes.mu.Lock()
	defer s.classes.mu.Unlock()
	clear(s.classes.byWorkspace)
}
