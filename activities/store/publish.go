package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/campaign"
)

// Publication is what publishing hands over.
type Publication struct {
	Definition *campaign.Definition
	Source     string              // as the marketer wrote it
	Templates  map[string]Template // that came with the file; they become the workspace's templates of those names
	Moves      Moves               // what becomes of journeys under way; by the zero value they stay where they are
	Note       string              // what the publisher says about it
	Of         int                 // the version that is brought back; 0 for any other

	pinned map[string]Template // of a rollback: exactly these, whatever the workspace has now
}

// Published is what publishing came to.
type Published struct {
	CampaignID string
	Version    int
	Changed    bool // false when the very same version was the last already
	Again      bool // it was paused, stopped or archived, and is live again
	Audience   bool // an audience is on its way into it
	Moved      int  // journeys that were carried to this version
	Left       int  // journeys that were made to leave
}

// Publish makes a new immutable version and lets customers enter it. Publishing what is live already makes no version;
// journeys of older versions are moved as Moves says all the same. Templates that the definition names and the file does
// not bring are taken as they are in the workspace. ErrInvalid for moves that cannot be.
//
// All of it is one transaction, also the moves: nobody ever sees half of a publication. While it lasts no customer of the
// workspace is judged; 50,000 journeys take some seconds.
func (s *Store) Publish(ctx context.Context, workspace int64, p Publication) (Published, error) {
	var out Published
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		out, err = tx.publish(ctx, p, time.Now())
		return err
	})
	if err != nil {
		return Published{}, fmt.Errorf("publish campaign %s: %w", p.Definition.Name, err)
	}
	return out, nil
}

// Rollback publishes the definition and the templates of an earlier version as a new one. The workspace's templates stay
// as they are. ErrNotFound when there is no such campaign or version.
func (s *Store) Rollback(ctx context.Context, workspace int64, name string, to int, m Moves, note string) (Published, error) {
	if to <= 0 {
		return Published{}, fmt.Errorf("roll back campaign %s: %w: give the number of a version", name, ErrInvalid)
	}
	v, err := s.CampaignVersion(ctx, workspace, name, to)
	if err != nil {
		return Published{}, err
	}
	return s.Publish(ctx, workspace, Publication{
		Definition: v.Definition, Source: v.Source, Moves: m, Note: note, Of: to, pinned: v.Templates,
	})
}

// sealed is a version as it will be stored.
type sealed struct {
	canonical string
	templates string // JSON
	hash      string
}

func (tx *Tx) seal(ctx context.Context, p Publication) (sealed, error) {
	templates := p.pinned
	if templates == nil {
		var err error
		if templates, err = tx.pinTemplates(ctx, p.Definition, p.Templates); err != nil {
			return sealed{}, err
		}
	}
	canonical, err := p.Definition.Canonical()
	if err != nil {
		return sealed{}, fmt.Errorf("write canonical form: %w", err)
	}
	pinned, err := jsonText(templates)
	if err != nil {
		return sealed{}, err
	}
	sum := sha256.Sum256(append(append(canonical, '\n'), pinned...))
	return sealed{canonical: string(canonical), templates: pinned, hash: hex.EncodeToString(sum[:])}, nil
}

// lockCampaigns waits until nobody judges customers, and keeps everybody from it until the transaction ends: nobody
// enters a version, and no journey is told of anything, while the campaign changes. It comes before any row is locked.
func (tx *Tx) lockCampaigns(ctx context.Context) error {
	b := &pgx.Batch{}
	queueLock(b, segmentsLock, tx.Workspace)
	return wrap("lock campaigns", tx.batch(ctx, b))
}

// published is the version of a campaign that customers enter, or entered last.
type published struct {
	id      string // "" where there is none
	version int
	status  CampaignStatus
	hash    string
}

func (tx *Tx) published(ctx context.Context, name, locking string) (published, error) {
	var c published
	err := tx.conn.QueryRow(ctx, `SELECT c.id, c.version, c.status, v.hash FROM campaigns c
		JOIN campaign_versions v USING (workspace_id)
		WHERE c.workspace_id = $1 AND c.name = $2 AND v.campaign_id = c.id AND v.version = c.version`+locking,
		tx.Workspace, name).Scan(&c.id, &c.version, &c.status, &c.hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return published{}, nil
	}
	return c, wrap("find campaign", err)
}

func (tx *Tx) publish(ctx context.Context, p Publication, now time.Time) (Published, error) {
	if err := p.Moves.check(); err != nil {
		return Published{}, err
	}
	if err := tx.lockCampaigns(ctx); err != nil {
		return Published{}, err
	}
	version, err := tx.seal(ctx, p)
	if err != nil {
		return Published{}, err
	}
	if err := tx.saveTemplates(ctx, p.Templates); err != nil {
		return Published{}, err
	}
	old, err := tx.published(ctx, p.Definition.Name, " FOR UPDATE OF c")
	if err != nil {
		return Published{}, err
	}
	if err := p.Moves.stepsExist(ctx, tx, p.Definition, old.id); err != nil {
		return Published{}, err
	}
	out := Published{
		CampaignID: old.id, Version: old.version, Changed: old.hash != version.hash, Again: old.id != "" && old.status != Live,
	}
	if old.id == "" {
		out.CampaignID = newID()
	}
	if out.Changed {
		out.Version++
	}
	m := mover{
		tx: tx, to: p.Definition, campaign: out.CampaignID, version: out.Version, moves: p.Moves, now: now,
		reason: fmt.Sprintf("left by publication of version %d", out.Version),
	}
	if err := m.run(ctx); err != nil {
		return Published{}, err
	}
	out.Moved, out.Left = m.moved, m.left
	switch {
	case out.Changed:
		err = tx.writeVersion(ctx, p, old, version, out, m.counts)
	case old.status == Live:
		return out, nil
	}
	if err != nil {
		return Published{}, err
	}
	return out, tx.goLive(ctx, p.Definition, old, &out, now)
}

// writeVersion stores a version and makes it the one that customers enter.
func (tx *Tx) writeVersion(ctx context.Context, p Publication, old published, version sealed, out Published, moved map[string]movedFrom) error {
	counts, err := jsonText(moved)
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	if old.id == "" {
		b.Queue(`INSERT INTO campaigns (workspace_id, id, name, status, version) VALUES ($1, $2, $3, 'live', $4)`,
			tx.Workspace, out.CampaignID, p.Definition.Name, out.Version)
	}
	b.Queue(`INSERT INTO campaign_versions (workspace_id, campaign_id, version, hash, definition, source, templates,
		published_by, note, of, moved) VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9, nullif($10, 0), $11::text::jsonb)`,
		tx.Workspace, out.CampaignID, out.Version, version.hash, version.canonical, p.Source, version.templates, actor(ctx),
		clean(p.Note), p.Of, counts)
	if err := tx.batch(ctx, b); err != nil {
		return fmt.Errorf("write version: %w", err)
	}
	return tx.Audit(ctx, "campaign.published", p.Definition.Name, map[string]any{
		"version": out.Version, "hash": version.hash, "note": p.Note, "of": p.Of, "moved": out.Moved, "left": out.Left,
	})
}

// goLive lets customers enter a campaign's newest version: by what happens to them, and those whom its trigger concerns
// without anything happening.
func (tx *Tx) goLive(ctx context.Context, d *campaign.Definition, old published, out *Published, now time.Time) error {
	if old.status == Paused && !out.Changed {
		return tx.resume(ctx, d, out.CampaignID, now)
	}
	b := &pgx.Batch{}
	queueLock(b, mentionsLock, tx.Workspace) // who leaves out what nobody mentions is done before, or sees this
	b.Queue(`UPDATE campaigns SET version = $3, status = 'live', priority = $4, transactional = $5, note = '',
		mentions = ARRAY(SELECT DISTINCT m FROM unnest(mentions || $6::text[]) m ORDER BY m), updated_at = now()
		WHERE workspace_id = $1 AND id = $2`, tx.Workspace, out.CampaignID, out.Version, d.Priority, d.Transactional,
		append([]string{}, d.Mentions()...))
	queueRelease(ctx, b, tx.Workspace, out.CampaignID)
	if old.status == Paused { // a new version of a campaign that was paused lets all go on
		queueGoOn(b, tx.Workspace, out.CampaignID)
	}
	if err := tx.batch(ctx, b); err != nil {
		return fmt.Errorf("make campaign live: %w", err)
	}
	var err error
	out.Audience, err = tx.openEntries(ctx, d, out.CampaignID, out.Version, now)
	return err
}
