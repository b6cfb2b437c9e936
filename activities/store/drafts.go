package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrConflict says that something was changed by somebody else since it was read: read it again, then repeat the change.
var ErrConflict = errors.New("changed by somebody else meanwhile")

// Draft is a campaign that is being written. It may be faulty, and a campaign of its name need not exist.
type Draft struct {
	Name      string
	Source    string              // as the marketer wrote it
	Templates map[string]Template // that go with it
	Revision  int                 // counts the savings; of a draft to be saved, the one that was read: 0 for a new one
	UpdatedBy string              // set by the store
	UpdatedAt time.Time           // set by the store
}

const draftColumns = `name, source, templates, revision, updated_by, updated_at`

func scanDraft(row pgx.CollectableRow) (Draft, error) {
	var d Draft
	err := row.Scan(&d.Name, &d.Source, &d.Templates, &d.Revision, &d.UpdatedBy, &d.UpdatedAt)
	return d, err
}

// SaveDraft keeps a draft and gives it as it is stored now, with its new revision. ErrConflict when d.Revision is not
// the stored one, ErrInvalid without a name.
func (s *Store) SaveDraft(ctx context.Context, workspace int64, d Draft) (Draft, error) {
	if d.Name == "" || clean(d.Name) != d.Name {
		return Draft{}, fmt.Errorf("save draft: %w: a draft needs a name, without control characters", ErrInvalid)
	}
	if d.Templates == nil {
		d.Templates = map[string]Template{}
	}
	var saved Draft
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		saved, err = tx.saveDraft(ctx, d)
		return err
	})
	return saved, wrap("save draft "+d.Name, err)
}

func (tx *Tx) saveDraft(ctx context.Context, d Draft) (Draft, error) {
	templates, err := jsonText(d.Templates)
	if err != nil {
		return Draft{}, err
	}
	sql := `UPDATE campaign_drafts SET source = $3, templates = $4::text::jsonb, updated_by = $5,
		updated_at = clock_timestamp(), revision = revision + 1
		WHERE workspace_id = $1 AND name = $2 AND revision = $6 RETURNING ` + draftColumns
	if d.Revision == 0 {
		sql = `INSERT INTO campaign_drafts (workspace_id, name, source, templates, updated_by, revision)
			VALUES ($1, $2, $3, $4::text::jsonb, $5, $6 + 1) ON CONFLICT DO NOTHING RETURNING ` + draftColumns
	}
	rows, _ := tx.conn.Query(ctx, sql, tx.Workspace, d.Name, clean(d.Source), templates, actor(ctx), d.Revision)
	saved, err := pgx.CollectExactlyOneRow(rows, scanDraft)
	if errors.Is(err, pgx.ErrNoRows) {
		return Draft{}, fmt.Errorf("revision %d is not the stored one: %w", d.Revision, ErrConflict)
	}
	return saved, err
}

// Draft reads a draft. ErrNotFound when there is none of that name.
func (s *Store) Draft(ctx context.Context, workspace int64, name string) (Draft, error) {
	var d Draft
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT `+draftColumns+` FROM campaign_drafts
			WHERE workspace_id = $1 AND name = $2`, workspace, name)
		var err error
		if d, err = pgx.CollectExactlyOneRow(rows, scanDraft); errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		return err
	})
	return d, wrap(fmt.Sprintf("read draft %q", name), err)
}

// Drafts lists the workspace's drafts by name.
func (s *Store) Drafts(ctx context.Context, workspace int64) ([]Draft, error) {
	var list []Draft
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT `+draftColumns+` FROM campaign_drafts WHERE workspace_id = $1 ORDER BY name`,
			workspace)
		var err error
		list, err = pgx.CollectRows(rows, scanDraft)
		return err
	})
	return list, wrap("list drafts", err)
}

// DeleteDraft removes a draft; what is published stays. ErrNotFound when there is none of that name.
func (s *Store) DeleteDraft(ctx context.Context, workspace int64, name string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		tag, err := tx.conn.Exec(ctx, `DELETE FROM campaign_drafts WHERE workspace_id = $1 AND name = $2`, workspace, name)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return err
	})
	return wrap(fmt.Sprintf("delete draft %q", name), err)
}
