package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// Template is the content of an e-mail by name, in Liquid.
type Template struct {
	Subject string `json:"subject"`
	HTML    string `json:"html,omitempty"`
	Text    string `json:"text,omitempty"`
}

// CampaignStatus says whether customers may enter and journeys may go on.
type CampaignStatus string

// The states of a campaign.
const (
	Live     CampaignStatus = "live"
	Paused   CampaignStatus = "paused"   // nobody enters, journeys wait, nothing is sent
	Archived CampaignStatus = "archived" // nobody enters
)

// Publication is what publishing hands over.
type Publication struct {
	Definition *campaign.Definition
	Source     string              // as the marketer wrote it
	Templates  map[string]Template // that came with the file; they become the workspace's templates of those names
}

// Published is what publishing came to.
type Published struct {
	CampaignID string
	Version    int
	Changed    bool // false when the very same campaign was live already
	Audience   bool // an audience is on its way into it
}

// Publish makes a new immutable version and lets customers enter it. Publishing what is live already changes nothing.
// Templates that the definition names and the file does not bring are taken as they are in the workspace.
func (s *Store) Publish(ctx context.Context, workspace int64, p Publication) (Published, error) {
	var out Published
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		out, err = tx.publish(ctx, p)
		return err
	})
	if err != nil {
		return Published{}, fmt.Errorf("publish campaign %s: %w", p.Definition.Name, err)
	}
	return out, nil
}

func (tx *Tx) publish(ctx context.Context, p Publication) (Published, error) {
	if err := tx.saveTemplates(ctx, p.Templates); err != nil {
		return Published{}, err
	}
	templates, err := tx.pinTemplates(ctx, p.Definition)
	if err != nil {
		return Published{}, err
	}
	canonical, err := p.Definition.Canonical()
	if err != nil {
		return Published{}, fmt.Errorf("write canonical form: %w", err)
	}
	pinned, err := jsonText(templates)
	if err != nil {
		return Published{}, err
	}
	sum := sha256.Sum256(append(append(canonical, '\n'), pinned...))
	hash := hex.EncodeToString(sum[:])

	var out Published
	var live string
	var status CampaignStatus
	err = tx.conn.QueryRow(ctx, `SELECT c.id, c.version, c.status, v.hash FROM campaigns c
		JOIN campaign_versions v USING (workspace_id)
		WHERE c.workspace_id = $1 AND c.name = $2 AND v.campaign_id = c.id AND v.version = c.version FOR UPDATE OF c`,
		tx.Workspace, p.Definition.Name).Scan(&out.CampaignID, &out.Version, &status, &live)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		out.CampaignID = newID()
		_, err = tx.conn.Exec(ctx, `INSERT INTO campaigns (workspace_id, id, name, status, version)
			VALUES ($1, $2, $3, 'live', 0)`, tx.Workspace, out.CampaignID, p.Definition.Name)
	case err == nil && live == hash && status == Live:
		return out, nil
	case err == nil && live == hash:
		return out, tx.setStatus(ctx, p.Definition.Name, Live)
	}
	if err != nil {
		return Published{}, fmt.Errorf("find campaign: %w", err)
	}
	out.Version++
	out.Changed = true
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO campaign_versions (workspace_id, campaign_id, version, hash, definition, source, templates,
		published_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		tx.Workspace, out.CampaignID, out.Version, hash, string(canonical), p.Source, pinned, actor(ctx))
	b.Queue(`UPDATE campaigns SET version = $3, status = 'live', updated_at = now()
		WHERE workspace_id = $1 AND id = $2`, tx.Workspace, out.CampaignID, out.Version)
	if _, ok := p.Definition.Trigger.(campaign.AudienceTrigger); ok {
		out.Audience = true
		b.Queue(`INSERT INTO audience_entries (workspace_id, id, campaign_id, version) VALUES ($1, $2, $3, $4)`,
			tx.Workspace, newID(), out.CampaignID, out.Version)
		b.Queue(`SELECT pg_notify($1, '0')`, intakeChannel)
	}
	if err := tx.batch(ctx, b); err != nil {
		return Published{}, err
	}
	return out, tx.Audit(ctx, "campaign.published", p.Definition.Name,
		map[string]any{"version": out.Version, "hash": hash})
}

func (tx *Tx) saveTemplates(ctx context.Context, templates map[string]Template) error {
	b := &pgx.Batch{}
	for name, t := range templates {
		b.Queue(`INSERT INTO templates (workspace_id, name, subject, html, text) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (workspace_id, name) DO UPDATE SET subject = excluded.subject, html = excluded.html,
			text = excluded.text, updated_at = now()`, tx.Workspace, name, t.Subject, t.HTML, t.Text)
	}
	if err := tx.batch(ctx, b); err != nil {
		return fmt.Errorf("save templates: %w", err)
	}
	return nil
}

// pinTemplates collects the templates that the definition names, as they are now.
func (tx *Tx) pinTemplates(ctx context.Context, d *campaign.Definition) (map[string]Template, error) {
	var names []string
	for _, m := range d.Messages() {
		switch m := m.(type) {
		case *campaign.EmailStep:
			names = appendName(names, m.Template)
		case *campaign.SMSStep:
			names = appendName(names, m.Template)
		}
	}
	all, err := tx.Templates(ctx, names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, ok := all[name]; !ok {
			return nil, fmt.Errorf("template %q: %w", name, ErrNotFound)
		}
	}
	return all, nil
}

func appendName(names []string, name string) []string {
	if name == "" {
		return names
	}
	return append(names, name)
}

// Templates loads templates of the workspace by name; names that it has not are missing from the result.
func (tx *Tx) Templates(ctx context.Context, names []string) (map[string]Template, error) {
	found := map[string]Template{}
	rows, _ := tx.conn.Query(ctx, `SELECT name, subject, html, text FROM templates
		WHERE workspace_id = $1 AND name = ANY ($2)`, tx.Workspace, names)
	var name string
	var t Template
	_, err := pgx.ForEachRow(rows, []any{&name, &t.Subject, &t.HTML, &t.Text}, func() error {
		found[name] = t
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load templates: %w", err)
	}
	return found, nil
}

// SetCampaignStatus pauses, resumes or archives a campaign by name. ErrNotFound when there is none.
func (s *Store) SetCampaignStatus(ctx context.Context, workspace int64, name string, status CampaignStatus) error {
	return s.In(ctx, workspace, func(tx *Tx) error { return tx.setStatus(ctx, name, status) })
}

func (tx *Tx) setStatus(ctx context.Context, name string, status CampaignStatus) error {
	var id string
	err := tx.conn.QueryRow(ctx, `UPDATE campaigns SET status = $3, updated_at = now()
		WHERE workspace_id = $1 AND name = $2 RETURNING id`, tx.Workspace, name, status).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("campaign %q: %w", name, ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("set campaign status: %w", err)
	}
	if status == Live { // what waited while it was paused goes on
		b := &pgx.Batch{}
		b.Queue(`UPDATE cohorts h SET poked = true WHERE workspace_id = $1 AND campaign_id = $2 AND (status = 'running'
			OR EXISTS (SELECT FROM touches t WHERE t.workspace_id = $1 AND t.cohort_id = h.id AND t.status = 'planned'))`,
			tx.Workspace, id)
		b.Queue(`SELECT pg_notify($1, '0')`, intakeChannel)
		if err := tx.batch(ctx, b); err != nil {
			return fmt.Errorf("wake journeys: %w", err)
		}
	}
	return tx.Audit(ctx, "campaign."+string(status), name, nil)
}

// CampaignSummary is a line of the list of campaigns.
type CampaignSummary struct {
	Name      string
	Status    CampaignStatus
	Version   int
	Active    int // journeys under way
	Ended     int
	Sent      int // messages accepted by a provider
	Uncertain int
	UpdatedAt time.Time
}

// Campaigns lists the workspace's campaigns by name.
func (s *Store) Campaigns(ctx context.Context, workspace int64) ([]CampaignSummary, error) {
	var list []CampaignSummary
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT c.name, c.status, c.version,
			(SELECT count(*) FROM journeys j WHERE j.workspace_id = $1 AND j.campaign_id = c.id AND j.status = 'active'),
			(SELECT count(*) FROM journeys j WHERE j.workspace_id = $1 AND j.campaign_id = c.id AND j.status <> 'active'),
			(SELECT count(*) FROM touches t WHERE t.workspace_id = $1 AND t.campaign_id = c.id
				AND t.status IN ('accepted', 'delivered')),
			(SELECT count(*) FROM touches t WHERE t.workspace_id = $1 AND t.campaign_id = c.id AND t.status = 'uncertain'),
			c.updated_at FROM campaigns c WHERE c.workspace_id = $1 ORDER BY c.name`, tx.Workspace)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[CampaignSummary])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list campaigns: %w", err)
	}
	return list, nil
}

// Version is one immutable version of a campaign.
type Version struct {
	CampaignID string
	Number     int
	Definition *campaign.Definition
	Templates  map[string]Template
}

// LoadVersion reads a version. It never changes, so callers keep it.
func (tx *Tx) LoadVersion(ctx context.Context, campaignID string, number int) (*Version, error) {
	v := Version{CampaignID: campaignID, Number: number}
	var canonical string
	err := tx.conn.QueryRow(ctx, `SELECT definition, templates FROM campaign_versions
		WHERE workspace_id = $1 AND campaign_id = $2 AND version = $3`, tx.Workspace, campaignID, number).
		Scan(&canonical, &v.Templates)
	if err != nil {
		return nil, fmt.Errorf("load version %d of campaign %s: %w", number, campaignID, err)
	}
	if v.Definition, err = campaign.Decode([]byte(canonical)); err != nil {
		return nil, fmt.Errorf("decode version %d of campaign %s: %w", number, campaignID, err)
	}
	return &v, nil
}

// LiveCampaign names the version that customers enter at present.
type LiveCampaign struct {
	ID      string
	Name    string
	Version int
}

// LiveCampaigns lists what customers can enter, by name, so that every picker judges them in one order.
func (tx *Tx) LiveCampaigns(ctx context.Context) ([]LiveCampaign, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT id, name, version FROM campaigns
		WHERE workspace_id = $1 AND status = 'live' ORDER BY name`, tx.Workspace)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[LiveCampaign])
	if err != nil {
		return nil, fmt.Errorf("list live campaigns: %w", err)
	}
	return list, nil
}

// SetTopicPolicy says what the absence of consent means for a topic.
func (s *Store) SetTopicPolicy(ctx context.Context, workspace int64, topic string, policy audience.TopicPolicy) error {
	return s.In(ctx, workspace, func(tx *Tx) error {
		_, err := tx.conn.Exec(ctx, `INSERT INTO topics (workspace_id, name, policy) VALUES ($1, $2, $3)
			ON CONFLICT (workspace_id, name) DO UPDATE SET policy = excluded.policy`, tx.Workspace, topic, policy)
		if err != nil {
			return fmt.Errorf("set policy of topic %s: %w", topic, err)
		}
		return tx.Audit(ctx, "topic.policy", topic, map[string]any{"policy": policy})
	})
}
