package store

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"dotyk/rules"
	"dotyk/rules/campaign"
)

// CreateSegment makes a segment. One with a rule is building at first; a list is empty. ErrExists when the name is
// taken, ErrInvalid for a draft without a name or kind.
func (s *Store) CreateSegment(ctx context.Context, workspace int64, d SegmentDraft) (Segment, error) {
	var g Segment
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		g, err = tx.createSegment(ctx, d)
		return err
	})
	return g, wrap("create segment", err)
}

func (tx *Tx) createSegment(ctx context.Context, d SegmentDraft) (Segment, error) {
	status := SegmentLive
	switch {
	case d.Name == "":
		return Segment{}, fmt.Errorf("%w: a segment needs a name", ErrInvalid)
	case d.Kind == SegmentRule:
		status = SegmentBuilding
	case d.Kind != SegmentStatic:
		return Segment{}, fmt.Errorf("%w: %q is no kind of segment", ErrInvalid, d.Kind)
	}
	if err := tx.lockMentions(ctx); err != nil {
		return Segment{}, err
	}
	tag, err := tx.conn.Exec(ctx, `INSERT INTO segments (workspace_id, id, name, description, kind, rule, status, mentions,
		clock, built_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, CASE WHEN $5 = 'static' THEN now() END)
		ON CONFLICT (workspace_id, name) WHERE deleted_at IS NULL DO NOTHING`,
		tx.Workspace, newID(), d.Name, d.Description, d.Kind, d.Rule, status, mentions(d), d.Clock)
	if err != nil {
		return Segment{}, err
	}
	if tag.RowsAffected() == 0 {
		return Segment{}, fmt.Errorf("segment %q: %w", d.Name, ErrExists)
	}
	return tx.edited(ctx, "segment.created", d.Name, d)
}

func mentions(d SegmentDraft) []string { return append([]string{}, d.Mentions...) }

// lockMentions waits until nobody judges customers, or writes what matters to segments that mention it, and keeps them
// from it until the transaction ends.
func (tx *Tx) lockMentions(ctx context.Context) error {
	b := &pgx.Batch{}
	queueLock(b, segmentsLock, tx.Workspace)
	queueLock(b, mentionsLock, tx.Workspace)
	return wrap("lock segments", tx.batch(ctx, b))
}

// edited wakes the builder, leaves a trace, and gives the segment as it is now.
func (tx *Tx) edited(ctx context.Context, action, name string, d SegmentDraft) (Segment, error) {
	if _, err := tx.conn.Exec(ctx, `SELECT pg_notify($1, '0')`, intakeChannel); err != nil {
		return Segment{}, err
	}
	if d.By != "" {
		ctx = WithActor(ctx, d.By)
	}
	g, err := tx.segment(ctx, d.Name)
	if err != nil {
		return Segment{}, err
	}
	return g, tx.Audit(ctx, action, name, map[string]any{"name": g.Name, "rule": g.Rule, "version": g.Version})
}

// EditSegment gives a segment another rule, description or name. With another rule its version grows and it is built
// again, as are the segments that mention it. ErrNotFound when there is none of that name, ErrExists when the new name
// is taken, ErrInvalid when a list is to become a rule or the other way round; a *SegmentInUseError when the name is to
// change and others mention it.
func (s *Store) EditSegment(ctx context.Context, workspace int64, name string, d SegmentDraft) (Segment, error) {
	var g Segment
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		g, err = tx.editSegment(ctx, name, d)
		return err
	})
	return g, wrap("edit segment", err)
}

func (tx *Tx) editSegment(ctx context.Context, name string, d SegmentDraft) (Segment, error) {
	if d.Name == "" {
		d.Name = name
	}
	old, err := tx.lockSegment(ctx, name)
	if err != nil {
		return Segment{}, err
	}
	if d.Kind != "" && d.Kind != old.Kind {
		return Segment{}, fmt.Errorf("%w: segment %q stays a %s segment", ErrInvalid, name, old.Kind)
	}
	// A build may have the row of a dependent for long. It is waited for here, where nobody waits for us.
	if _, err := tx.dependents(ctx, " FOR UPDATE", name, d.Name); err != nil {
		return Segment{}, err
	}
	if err := tx.lockMentions(ctx); err != nil {
		return Segment{}, err
	}
	if d.Name != name {
		if err := tx.unused(ctx, name); err != nil {
			return Segment{}, err
		}
	}
	b := &pgx.Batch{}
	b.Queue(`UPDATE segments SET name = $3, description = $4, mentions = $5, clock = $6,
		version = version + CASE WHEN rule = $7 THEN 0 ELSE 1 END, rule = $7, updated_at = now()
		WHERE workspace_id = $1 AND id = $2`, tx.Workspace, old.ID, d.Name, d.Description, mentions(d), d.Clock, d.Rule)
	if d.Rule != old.Rule || d.Name != name { // a name that comes to exist may have been mentioned before
		list, err := tx.dependents(ctx, "", name, d.Name)
		if err != nil {
			return Segment{}, err
		}
		var ids []string
		for _, dep := range list {
			ids = append(ids, dep.ID)
		}
		if d.Rule != old.Rule {
			ids = append(ids, old.ID)
		}
		queueRebuild(b, tx.Workspace, ids)
	}
	err = tx.batch(ctx, b)
	if hasCode(err, "23505") {
		return Segment{}, fmt.Errorf("segment %q: %w", d.Name, ErrExists)
	}
	if err != nil {
		return Segment{}, err
	}
	return tx.edited(ctx, "segment.edited", name, d)
}

// queueRebuild has the segments that have a rule built again.
func queueRebuild(b *pgx.Batch, ws int64, ids []string) {
	b.Queue(`UPDATE segments SET status = 'building', problem = '', updated_at = now()
		WHERE workspace_id = $1 AND id = ANY ($2) AND kind = 'rule'`, ws, ids)
}

// lockedSegment is what of a segment matters to those who change it.
type lockedSegment struct {
	ID, Name string
	Kind     SegmentKind
	Rule     string
	Version  int
}

// lockSegment locks the row of a segment. Rows are locked before lockMentions: a build may have a row for long, and must
// not hold up those who judge.
func (tx *Tx) lockSegment(ctx context.Context, name string) (lockedSegment, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT id, name, kind, rule, version FROM segments
		WHERE workspace_id = $1 AND name = $2 AND deleted_at IS NULL FOR UPDATE`, tx.Workspace, name)
	g, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[lockedSegment])
	if errors.Is(err, pgx.ErrNoRows) {
		return lockedSegment{}, fmt.Errorf("segment %q: %w", name, ErrNotFound)
	}
	return g, wrap("lock row of segment", err)
}

// dependents lists the segments that mention one of the names, by name; a locking clause may be added.
func (tx *Tx) dependents(ctx context.Context, locking string, names ...string) ([]lockedSegment, error) {
	mentions := make([]string, len(names))
	for i, name := range names {
		mentions[i] = rules.MentionSegment + name
	}
	rows, _ := tx.conn.Query(ctx, `SELECT id, name, kind, rule, version FROM segments
		WHERE workspace_id = $1 AND mentions && $2 AND deleted_at IS NULL ORDER BY name`+locking, tx.Workspace, mentions)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[lockedSegment])
	return list, wrap("list segments that mention it", err)
}

// unused makes sure that neither a segment nor a campaign mentions the name.
func (tx *Tx) unused(ctx context.Context, name string) error {
	list, err := tx.dependents(ctx, "", name)
	if err != nil {
		return err
	}
	used := &SegmentInUseError{Name: name}
	for _, g := range list {
		used.By = append(used.By, g.Name)
	}
	campaigns, err := tx.campaignsNaming(ctx, name)
	if err != nil {
		return err
	}
	for _, c := range campaigns {
		used.By = append(used.By, "campaign "+c)
	}
	if len(used.By) == 0 {
		return nil
	}
	return used
}

// campaignsNaming lists the live and paused campaigns whose current version mentions a segment, by name.
//
// It looks at the text of the definition for segment("NAME"), and for event.segment compared with "NAME" or with a list
// that holds it, in any kind of quotes: what reads like that within some text of a message counts too. A name that a rule
// composes, or that stands before the comparison, is not found, nor is a campaign that is published meanwhile. Besides it
// asks for the segment of a trigger, and the lists of updates.
func (tx *Tx) campaignsNaming(ctx context.Context, name string) ([]string, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT c.name, v.definition FROM campaigns c
		JOIN campaign_versions v ON v.workspace_id = $1 AND v.campaign_id = c.id AND v.version = c.version
		WHERE c.workspace_id = $1 AND c.status IN ('live', 'paused')
			AND v.definition ~ 'segment|"add_to"|"remove_from"' ORDER BY c.name`, tx.Workspace)
	mention := naming(name)
	var found []string
	var of, definition string
	_, err := pgx.ForEachRow(rows, []any{&of, &definition}, func() error {
		d, err := campaign.Decode([]byte(definition))
		if err != nil {
			return fmt.Errorf("decode campaign %s: %w", of, err)
		}
		if d.NamesSegment(name) || mention.MatchString(definition) {
			found = append(found, of)
		}
		return nil
	})
	return found, wrap("list campaigns that mention it", err)
}

// naming matches, in JSON, a rule that mentions a segment.
func naming(name string) *regexp.Regexp {
	escaped := strings.ReplaceAll(name, `\`, `\\`)
	var literals []string
	for _, l := range []string{
		`"` + strings.ReplaceAll(escaped, `"`, `\"`) + `"`, `'` + strings.ReplaceAll(escaped, `'`, `\'`) + `'`, "`" + name + "`",
	} {
		inJSON := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(l)
		literals = append(literals, regexp.QuoteMeta(inJSON))
	}
	const blank = `(?:\s|\\[nrt])*`
	return regexp.MustCompile(`segment` + blank + `(?:\(|[=!]=|(?:not` + blank + `)?in` + blank + `\[[^\]]*?)` + blank +
		`(?:` + strings.Join(literals, "|") + `)`)
}

// RebuildSegment has a segment's members computed anew. ErrNotFound when there is none of that name, ErrInvalid for a
// list.
func (s *Store) RebuildSegment(ctx context.Context, workspace int64, name string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		old, err := tx.lockSegment(ctx, name)
		if err != nil {
			return err
		}
		if old.Kind != SegmentRule {
			return fmt.Errorf("%w: segment %q is a list, which has no rule to build it by", ErrInvalid, name)
		}
		if err := tx.lockMentions(ctx); err != nil {
			return err
		}
		b := &pgx.Batch{}
		queueRebuild(b, workspace, []string{old.ID})
		if err := tx.batch(ctx, b); err != nil {
			return err
		}
		_, err = tx.edited(ctx, "segment.rebuilt", name, SegmentDraft{Name: name})
		return err
	})
	return wrap("rebuild segment", err)
}

// DeleteSegment removes a segment; its members leave, and its history stays. ErrNotFound when there is none of that
// name, a *SegmentInUseError while another segment, or a campaign that is live or paused, mentions it.
func (s *Store) DeleteSegment(ctx context.Context, workspace int64, name, by string) error {
	if by != "" {
		ctx = WithActor(ctx, by)
	}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		old, err := tx.lockSegment(ctx, name)
		if err != nil {
			return err
		}
		if err := tx.lockMentions(ctx); err != nil {
			return err
		}
		if err := tx.unused(ctx, name); err != nil {
			return err
		}
		b := &pgx.Batch{}
		b.Queue(`WITH gone AS (
				DELETE FROM segment_members WHERE workspace_id = $1 AND segment_id = $2 RETURNING customer_id),
			deleted AS (
				UPDATE segments SET deleted_at = now(), updated_at = now() WHERE workspace_id = $1 AND id = $2
				RETURNING version)
			INSERT INTO segment_changes (workspace_id, segment_id, customer_id, at, joined, cause, version)
			SELECT $1, $2, g.customer_id, now(), false, 'delete', d.version FROM gone g CROSS JOIN deleted d`,
			workspace, old.ID)
		b.Queue(`DELETE FROM segment_checks WHERE workspace_id = $1 AND segment_id = $2`, workspace, old.ID)
		b.Queue(`DELETE FROM segment_builds WHERE workspace_id = $1 AND segment_id = $2`, workspace, old.ID)
		if err := tx.batch(ctx, b); err != nil {
			return err
		}
		return tx.Audit(ctx, "segment.deleted", name, map[string]any{"rule": old.Rule})
	})
	return wrap("delete segment", err)
}
