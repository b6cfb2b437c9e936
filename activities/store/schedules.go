package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/calendar"
	"dotyk/rules/campaign"
)

// Moments at which customers enter without anything happening to them are rows of campaign_schedules, not schedules of
// Temporal. A row is written, moved and removed in one transaction with what it goes with: the publication that brings it,
// the entry that it makes, the pause that silences it. There may be thousands, one for each campaign and each zone that
// customers live in; one look at an index finds those that are due.

// KeptMissed is how long after its moment a schedule that was missed, because nothing ran, is still carried out.
const KeptMissed = 24 * time.Hour

// The kinds of entry: why customers enter without anything happening to them.
const (
	EntryAudience = "audience" // the campaign went live
	EntrySegment  = "segment"  // likewise; those who were in the segment
	EntrySchedule = "schedule" // a moment of a schedule came
	EntryDate     = "date"     // a day began on which dates on the record come round
)

// Missed is a moment that was not carried out.
type Missed struct {
	Zone  string    `json:"zone,omitempty"` // of customers; "" for all
	First time.Time `json:"first"`
	Last  time.Time `json:"last"` // with those between, as many as the schedule has
}

// triggerZone gives the zone of a trigger, and whether the trigger has moments at all.
func triggerZone(t campaign.Trigger) (string, bool) {
	switch t := t.(type) {
	case campaign.ScheduleTrigger:
		return t.Zone, true
	case campaign.DateTrigger:
		return t.Zone, true
	case campaign.AudienceTrigger:
		return campaign.ZoneWorkspace, !t.At.IsZero()
	case campaign.EventTrigger, campaign.SegmentTrigger, campaign.APITrigger:
	}
	return "", false
}

// nextMoment gives the first moment of a trigger after another, for customers of a zone; "" stands for all customers.
func nextMoment(t campaign.Trigger, zone, workspaceZone string, after time.Time) (time.Time, bool) {
	named, _ := triggerZone(t)
	if zone == "" {
		zone = named
	}
	loc := calendar.Zone(zone, workspaceZone)
	switch t := t.(type) {
	case campaign.ScheduleTrigger:
		if from := t.From.Add(-1); after.Before(from) {
			after = from
		}
		at, ok := t.Schedule.Next(after, loc)
		return at.UTC(), ok && (t.To.IsZero() || !at.After(t.To))
	case campaign.DateTrigger:
		return calendar.NextClock(after.Add(time.Microsecond), t.At, 0, loc).UTC(), true
	case campaign.AudienceTrigger:
		return t.At.UTC(), t.At.After(after)
	case campaign.EventTrigger, campaign.SegmentTrigger, campaign.APITrigger:
	}
	return time.Time{}, false
}

// zone reads the workspace's time zone.
func (tx *Tx) zone(ctx context.Context) (string, error) {
	var zone string
	err := tx.conn.QueryRow(ctx, `SELECT timezone FROM workspaces WHERE id = $1`, tx.Workspace).Scan(&zone)
	return zone, wrap("read time zone", err)
}

// scheduleZones gives the zones of customers for which a trigger has moments of their own; one "" where it has the same
// for all.
func (tx *Tx) scheduleZones(ctx context.Context, t campaign.Trigger, workspaceZone string) ([]string, error) {
	if zone, _ := triggerZone(t); zone != campaign.ZoneCustomer {
		return []string{""}, nil
	}
	rows, _ := tx.conn.Query(ctx, `SELECT DISTINCT timezone FROM customers WHERE workspace_id = $1 AND merged_into IS NULL`,
		tx.Workspace)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list zones of customers: %w", err)
	}
	zones := map[string]bool{calendar.Zone(workspaceZone).String(): true}
	for _, name := range names {
		zones[calendar.Zone(name, workspaceZone).String()] = true
	}
	return slices.Sorted(maps.Keys(zones)), nil
}

// openEntries lets those in whom the trigger of a version concerns without anything happening to them, at once or by a
// schedule, in place of those of the version before. It says whether somebody is on the way in.
func (tx *Tx) openEntries(ctx context.Context, d *campaign.Definition, id string, version int, now time.Time) (bool, error) {
	due, err := tx.overdue(ctx, id, now)
	if err != nil {
		return false, err
	}
	b := &pgx.Batch{}
	// Who was on the way in by a moment goes on in the new version, if that has moments too; an audience begins anew.
	b.Queue(`UPDATE audience_entries SET version = $3, cohort_id = NULL, in_cohort = 0,
		finished_at = CASE WHEN kind = $4 THEN NULL ELSE now() END
		WHERE workspace_id = $1 AND campaign_id = $2 AND finished_at IS NULL`, tx.Workspace, id, version, entryKind(d.Trigger))
	b.Queue(`DELETE FROM campaign_schedules WHERE workspace_id = $1 AND campaign_id = $2`, tx.Workspace, id)
	kind := enters(d.Trigger, now)
	if kind != "" {
		queueEntry(b, tx.Workspace, audienceEntry{campaign: id, version: version, kind: kind})
	}
	if err := tx.batch(ctx, b); err != nil {
		return false, fmt.Errorf("let audience in: %w", err)
	}
	return kind != "", tx.addSchedules(ctx, d.Trigger, id, version, now, due)
}

// entryKind is the kind of entries that the moments of a trigger make.
func entryKind(t campaign.Trigger) string {
	switch t.(type) {
	case campaign.ScheduleTrigger:
		return EntrySchedule
	case campaign.DateTrigger:
		return EntryDate
	case campaign.AudienceTrigger, campaign.EventTrigger, campaign.SegmentTrigger, campaign.APITrigger:
	}
	return ""
}

// enters tells who enters when a campaign goes live: the kind of entry, or "".
func enters(t campaign.Trigger, now time.Time) string {
	switch t := t.(type) {
	case campaign.AudienceTrigger:
		if !t.At.After(now) {
			return EntryAudience
		}
	case campaign.SegmentTrigger:
		if t.Existing {
			return EntrySegment
		}
	case campaign.ScheduleTrigger, campaign.DateTrigger, campaign.EventTrigger, campaign.APITrigger:
	}
	return ""
}

type audienceEntry struct {
	campaign string
	version  int
	kind     string
	zone     string
	at       *time.Time
}

// queueEntry puts an audience on its way in and wakes those who let it in.
func queueEntry(b *pgx.Batch, ws int64, e audienceEntry) {
	b.Queue(`INSERT INTO audience_entries (workspace_id, id, campaign_id, version, kind, zone, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, ws, newID(), e.campaign, e.version, e.kind, e.zone, e.at)
	b.Queue(`SELECT pg_notify($1, '0')`, intakeChannel)
}

// overdue gives the moments of a campaign that have come and were not carried out yet, by zone.
func (tx *Tx) overdue(ctx context.Context, id string, now time.Time) (map[string]time.Time, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT zone, next_at FROM campaign_schedules
		WHERE workspace_id = $1 AND campaign_id = $2 AND next_at <= $3 FOR UPDATE`, tx.Workspace, id, now)
	due := map[string]time.Time{}
	var zone string
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&zone, &at}, func() error {
		due[zone] = at
		return nil
	})
	return due, wrap("list moments that have come", err)
}

// addSchedules writes when each zone's next moment comes, for zones that have no row. Of a moment in due, which was not
// carried out yet, the new schedule keeps what it has at or after it.
func (tx *Tx) addSchedules(ctx context.Context, t campaign.Trigger, id string, version int, now time.Time, due map[string]time.Time) error {
	if _, has := triggerZone(t); !has {
		return nil
	}
	workspaceZone, err := tx.zone(ctx)
	if err != nil {
		return err
	}
	names, err := tx.scheduleZones(ctx, t, workspaceZone)
	if err != nil {
		return err
	}
	var zones []string
	var next []time.Time
	for _, zone := range names {
		after := now
		if at, ok := due[zone]; ok {
			after = at.Add(-time.Microsecond)
		}
		if at, ok := nextMoment(t, zone, workspaceZone, after); ok {
			zones, next = append(zones, zone), append(next, at)
		}
	}
	_, err = tx.conn.Exec(ctx, `INSERT INTO campaign_schedules (workspace_id, campaign_id, version, zone, next_at)
		SELECT $1, $2, $3, u.* FROM unnest($4::text[], $5::timestamptz[]) u ON CONFLICT DO NOTHING`,
		tx.Workspace, id, version, zones, next)
	return wrap("write schedule", err)
}

// skipMissed moves the schedules of a campaign that was paused past now, and gives what they missed.
func (tx *Tx) skipMissed(ctx context.Context, d *campaign.Definition, id string, now time.Time) ([]Missed, error) {
	due, err := tx.overdue(ctx, id, now)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	workspaceZone, err := tx.zone(ctx)
	if err != nil {
		return nil, err
	}
	var missed []Missed
	for _, zone := range slices.Sorted(maps.Keys(due)) {
		m := momentsUntil(d.Trigger, zone, workspaceZone, due[zone], now)
		missed = append(missed, Missed{Zone: zone, First: due[zone], Last: m.latest})
		if err := tx.moveSchedule(ctx, id, zone, m); err != nil {
			return nil, err
		}
	}
	return missed, nil
}

// moments are those of a schedule around now.
type moments struct {
	latest time.Time // the last that has come
	next   time.Time // the first that has not; zero: there is none any more
	before time.Time // the one before the latest; zero where only one has come
}

// momentsUntil walks a schedule from a moment that has come to now. Of a long outage it walks the last day only: what is
// older is not carried out anyway.
func momentsUntil(t campaign.Trigger, zone, workspaceZone string, first, now time.Time) moments {
	m := moments{latest: first}
	after := first
	if kept := now.Add(-KeptMissed); after.Before(kept) {
		after = kept.Add(-time.Microsecond)
	}
	for {
		at, ok := nextMoment(t, zone, workspaceZone, after)
		if !ok {
			return m
		}
		if at.After(now) {
			m.next = at
			return m
		}
		m.before, m.latest, after = m.latest, at, at
	}
}

func (tx *Tx) moveSchedule(ctx context.Context, id, zone string, m moments) error {
	sql, args := `UPDATE campaign_schedules SET next_at = $4 WHERE workspace_id = $1 AND campaign_id = $2 AND zone = $3`,
		[]any{tx.Workspace, id, zone, m.next}
	if m.next.IsZero() {
		sql, args = `DELETE FROM campaign_schedules WHERE workspace_id = $1 AND campaign_id = $2 AND zone = $3`, args[:3]
	}
	_, err := tx.conn.Exec(ctx, sql, args...)
	return wrap("move schedule", err)
}

// scheduleRef names a row of campaign_schedules.
type scheduleRef struct {
	Workspace int64
	Campaign  string
	Zone      string
}

// FireSchedules carries out up to limit moments of live campaigns that have come by now: for each it opens an entry and
// moves the schedule on, in one transaction. Of several that were missed it carries out the latest, if that is at most
// KeptMissed ago, and notes the others in the audit. It says how many it looked at.
func (s *Store) FireSchedules(ctx context.Context, now time.Time, limit int) (int, error) {
	rows, _ := s.engine.Query(ctx, `SELECT s.workspace_id, s.campaign_id, s.zone FROM campaign_schedules s
		JOIN campaigns k ON k.workspace_id = s.workspace_id AND k.id = s.campaign_id AND k.status = 'live'
		WHERE s.next_at <= $1 ORDER BY s.next_at LIMIT $2`, now, limit)
	due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[scheduleRef])
	if err != nil {
		return 0, fmt.Errorf("find schedules that are due: %w", err)
	}
	for _, ref := range due {
		err := s.In(ctx, ref.Workspace, func(tx *Tx) error { return tx.fire(ctx, ref, now) })
		if err != nil {
			return 0, fmt.Errorf("carry out schedule of campaign %s: %w", ref.Campaign, err)
		}
	}
	return len(due), nil
}

func (tx *Tx) fire(ctx context.Context, ref scheduleRef, now time.Time) error {
	var first time.Time
	var version int
	var name string
	// The campaign's row is locked first, as publishing does.
	err := tx.conn.QueryRow(ctx, `SELECT name, version FROM campaigns
		WHERE workspace_id = $1 AND id = $2 AND status = 'live' FOR SHARE`, tx.Workspace, ref.Campaign).Scan(&name, &version)
	if err == nil {
		err = tx.conn.QueryRow(ctx, `SELECT next_at FROM campaign_schedules WHERE workspace_id = $1 AND campaign_id = $2
			AND zone = $3 AND next_at <= $4 FOR UPDATE`, tx.Workspace, ref.Campaign, ref.Zone, now).Scan(&first)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // it was carried out, paused or removed meanwhile
	}
	if err != nil {
		return err
	}
	v, err := tx.LoadVersion(ctx, ref.Campaign, version)
	if err != nil {
		return err
	}
	workspaceZone, err := tx.zone(ctx)
	if err != nil {
		return err
	}
	m := momentsUntil(v.Definition.Trigger, ref.Zone, workspaceZone, first, now)
	missed := Missed{Zone: ref.Zone, First: first, Last: m.before}
	b := &pgx.Batch{}
	if now.Sub(m.latest) <= KeptMissed {
		kind := entryKind(v.Definition.Trigger)
		if kind == "" {
			kind = EntryAudience
		}
		queueEntry(b, tx.Workspace, audienceEntry{ref.Campaign, version, kind, ref.Zone, &m.latest})
	} else {
		missed.Last = m.latest
	}
	if err := tx.batch(ctx, b); err != nil {
		return err
	}
	if !missed.Last.IsZero() {
		if err := tx.Audit(ctx, "campaign.missed", name, map[string]any{"missed": missed}); err != nil {
			return err
		}
	}
	return tx.moveSchedule(ctx, ref.Campaign, ref.Zone, m)
}

// FindZones gives the customers of zones that are new a schedule of their own, where a live or paused campaign has one
// for each zone.
func (s *Store) FindZones(ctx context.Context, workspace int64, now time.Time) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT c.id, c.version FROM campaigns c
			WHERE c.workspace_id = $1 AND c.status IN ('live', 'paused') AND EXISTS (
				SELECT FROM campaign_schedules s WHERE s.workspace_id = $1 AND s.campaign_id = c.id AND s.zone <> '')
			ORDER BY c.id FOR SHARE OF c`, workspace)
		type row struct {
			ID      string
			Version int
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		if err != nil {
			return err
		}
		for _, c := range list {
			v, err := tx.LoadVersion(ctx, c.ID, c.Version)
			if err != nil {
				return err
			}
			if err := tx.addSchedules(ctx, v.Definition.Trigger, c.ID, c.Version, now, nil); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("find zones of customers", err)
}
