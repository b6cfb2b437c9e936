package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/channels/content"
	"dotyk/rules/campaign"
)

// NamedTemplate is a template of a workspace.
type NamedTemplate struct {
	Template

	Name      string
	UpdatedAt time.Time
}

const templateColumns = `name, kind, subject, preheader, html, text, layout, locale, variants, updated_at`

func scanTemplate(row pgx.CollectableRow) (NamedTemplate, error) {
	var t NamedTemplate
	err := row.Scan(&t.Name, &t.Kind, &t.Subject, &t.Preheader, &t.HTML, &t.Text, &t.Layout, &t.Locale, &t.Variants, &t.UpdatedAt)
	if len(t.Variants) == 0 {
		t.Variants = nil
	}
	return t, err
}

// Templates loads templates of the workspace by name, with the layouts and snippets that they use; names that it has not
// are missing from the result.
func (tx *Tx) Templates(ctx context.Context, names []string) (map[string]Template, error) {
	found, asked := map[string]Template{}, map[string]bool{}
	for len(names) > 0 {
		rows, _ := tx.conn.Query(ctx, `SELECT `+templateColumns+` FROM templates
			WHERE workspace_id = $1 AND name = ANY ($2)`, tx.Workspace, names)
		list, err := pgx.CollectRows(rows, scanTemplate)
		if err != nil {
			return nil, fmt.Errorf("load templates: %w", err)
		}
		for _, name := range names {
			asked[name] = true
		}
		names = nil
		for _, t := range list {
			found[t.Name] = t.Template
			names = append(names, t.Uses()...)
		}
		names = slices.DeleteFunc(names, func(name string) bool { return asked[name] })
	}
	return found, nil
}

// TemplateNames lists the templates that a definition names: as templates of messages, and as snippets in what stands in
// the steps themselves.
func TemplateNames(d *campaign.Definition) []string {
	names := map[string]bool{}
	add := func(template string, sources ...string) {
		if template != "" {
			names[template] = true
			return
		}
		for _, source := range sources {
			for _, name := range content.Includes(source) {
				names[name] = true
			}
		}
	}
	for _, m := range d.Messages() {
		switch m := m.(type) {
		case *campaign.EmailStep:
			add(m.Template, m.Subject, m.HTML, m.Text)
		case *campaign.SMSStep:
			add(m.Template, m.Text)
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// CollectTemplates gives the templates of the names with all that they use: those that are given, else those that are
// stored, of which it asks. What is nowhere is missing from the result.
func CollectTemplates(
	names []string, given map[string]Template, stored func([]string) (map[string]Template, error),
) (map[string]Template, error) {
	all, asked := map[string]Template{}, map[string]bool{}
	for len(names) > 0 {
		var missing, next []string
		for _, name := range names {
			t, ok := given[name]
			if asked[name] {
				continue
			}
			asked[name] = true
			if !ok {
				missing = append(missing, name)
				continue
			}
			all[name] = t
			next = append(next, t.Uses()...)
		}
		if len(missing) > 0 && stored != nil {
			found, err := stored(missing)
			if err != nil {
				return nil, err
			}
			for _, name := range missing {
				if t, ok := found[name]; ok {
					all[name] = t
					next = append(next, t.Uses()...)
				}
			}
		}
		names = next
	}
	return all, nil
}

// pinTemplates collects the templates that the definition names, with all that they use: those that are given, else as the
// workspace has them.
func (tx *Tx) pinTemplates(ctx context.Context, d *campaign.Definition, given map[string]Template) (map[string]Template, error) {
	names := TemplateNames(d)
	all, err := CollectTemplates(names, given, func(missing []string) (map[string]Template, error) { return tx.Templates(ctx, missing) })
	if err != nil {
		return nil, err
	}
	used := slices.Clone(names)
	for _, t := range all {
		used = append(used, t.Uses()...)
	}
	for _, name := range used {
		if _, ok := all[name]; !ok {
			return nil, fmt.Errorf("template %q: %w", name, ErrNotFound)
		}
	}
	return all, nil
}

// saveTemplates makes templates those of the workspace.
func (tx *Tx) saveTemplates(ctx context.Context, templates map[string]Template) error {
	b := &pgx.Batch{}
	for _, name := range slices.Sorted(maps.Keys(templates)) {
		t := templates[name]
		variants, err := jsonText(t.Variants)
		if err != nil {
			return err
		}
		if len(t.Variants) == 0 {
			variants = "{}"
		}
		b.Queue(`INSERT INTO templates (workspace_id, name, kind, subject, preheader, html, text, layout, locale, variants)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb)
			ON CONFLICT (workspace_id, name) DO UPDATE SET kind = excluded.kind, subject = excluded.subject,
			preheader = excluded.preheader, html = excluded.html, text = excluded.text, layout = excluded.layout,
			locale = excluded.locale, variants = excluded.variants, updated_at = now()`, tx.Workspace, name, t.Kind, clean(t.Subject),
			clean(t.Preheader), clean(t.HTML), clean(t.Text), t.Layout, t.Locale, variants)
	}
	return wrap("save templates", tx.batch(ctx, b))
}

// SaveTemplate makes a template, or changes the one of that name. Campaigns that are published keep what they have. What
// it says is not checked here. ErrInvalid for a name that cannot be.
func (s *Store) SaveTemplate(ctx context.Context, workspace int64, name string, t Template) error {
	if name == "" || clean(name) != name || len(name) > maxCatalogueName {
		return fmt.Errorf("save template: %w: a template needs a name of at most %d bytes, without control characters", ErrInvalid, maxCatalogueName)
	}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		if err := tx.saveTemplates(ctx, map[string]Template{name: t}); err != nil {
			return err
		}
		return tx.Audit(ctx, "template.saved", name, map[string]any{"kind": t.Kind})
	})
	return wrap("save template "+name, err)
}

// Template reads a template. ErrNotFound when there is none of that name.
func (s *Store) Template(ctx context.Context, workspace int64, name string) (NamedTemplate, error) {
	var t NamedTemplate
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT `+templateColumns+` FROM templates WHERE workspace_id = $1 AND name = $2`, workspace, name)
		var err error
		if t, err = pgx.CollectExactlyOneRow(rows, scanTemplate); errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		return err
	})
	return t, wrap(fmt.Sprintf("read template %q", name), err)
}

// ListTemplates lists the workspace's templates by name.
func (s *Store) ListTemplates(ctx context.Context, workspace int64) ([]NamedTemplate, error) {
	var list []NamedTemplate
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT `+templateColumns+` FROM templates WHERE workspace_id = $1 ORDER BY name`, workspace)
		var err error
		list, err = pgx.CollectRows(rows, scanTemplate)
		return err
	})
	return list, wrap("list templates", err)
}

// DeleteTemplate removes a template; campaigns that are published keep what they have. ErrNotFound when there is none of
// that name.
func (s *Store) DeleteTemplate(ctx context.Context, workspace int64, name string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		tag, err := tx.conn.Exec(ctx, `DELETE FROM templates WHERE workspace_id = $1 AND name = $2`, workspace, name)
		switch {
		case err != nil:
			return err
		case tag.RowsAffected() == 0:
			return ErrNotFound
		}
		return tx.Audit(ctx, "template.deleted", name, nil)
	})
	return wrap(fmt.Sprintf("delete template %q", name), err)
}
