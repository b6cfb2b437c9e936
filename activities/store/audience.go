package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules"
	"dotyk/rules/calendar"
	"dotyk/rules/campaign"
)

// AudienceRef names an audience on its way into a campaign.
type AudienceRef struct {
	Workspace int64
	ID        string
}

// OpenAudiences lists the audiences that have not entered completely.
func (s *Store) OpenAudiences(ctx context.Context) ([]AudienceRef, error) {
	rows, _ := s.engine.Query(ctx, `SELECT workspace_id, id FROM audience_entries WHERE finished_at IS NULL ORDER BY id`)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AudienceRef])
	if err != nil {
		return nil, fmt.Errorf("find open audiences: %w", err)
	}
	return list, nil
}

// OpenAudience is an audience on its way into a campaign, and how far it has come.
type OpenAudience struct {
	ID         string
	CampaignID string
	Version    int
	Live       bool      // false: nobody may enter now
	Kind       string    // one of Entry…
	Zone       string    // only customers of this zone; "" for all
	At         time.Time // the moment that it is for; zero: when it was published
	After      string    // id of the last customer that was judged
	CohortID   string    // that the next ones join; "" for none yet
	InCohort   int       // journeys in it
	Policy     campaign.Policy
	TimeZone   string // of the workspace
}

// Audience reads how far an audience has come. ErrNotFound when it has entered completely.
func (tx *Tx) Audience(ctx context.Context, id string) (OpenAudience, error) {
	return tx.audience(ctx, id, "")
}

// ClaimAudience is Audience for those who let it in: until the transaction ends nobody else does, and the campaign stays
// as it is.
func (tx *Tx) ClaimAudience(ctx context.Context, id string) (OpenAudience, error) {
	b := &pgx.Batch{}
	queueSharedLock(b, segmentsLock, tx.Workspace)
	if err := tx.batch(ctx, b); err != nil {
		return OpenAudience{}, fmt.Errorf("lock campaigns: %w", err)
	}
	return tx.audience(ctx, id, " FOR UPDATE OF e")
}

func (tx *Tx) audience(ctx context.Context, id, locking string) (OpenAudience, error) {
	a := OpenAudience{ID: id}
	var at *time.Time
	var policy *string
	err := tx.conn.QueryRow(ctx, `SELECT e.campaign_id, e.version, c.status = 'live', e.kind, e.zone, e.at, e.after,
		coalesce(e.cohort_id::text, ''), e.in_cohort, w.settings ->> 'policy', w.timezone
		FROM audience_entries e
		JOIN campaigns c ON c.workspace_id = e.workspace_id AND c.id = e.campaign_id
		JOIN workspaces w ON w.id = e.workspace_id
		WHERE e.workspace_id = $1 AND e.id = $2 AND e.finished_at IS NULL`+locking, tx.Workspace, id).
		Scan(&a.CampaignID, &a.Version, &a.Live, &a.Kind, &a.Zone, &at, &a.After, &a.CohortID, &a.InCohort, &policy, &a.TimeZone)
	if errors.Is(err, pgx.ErrNoRows) {
		return a, ErrNotFound
	}
	if err != nil {
		return a, fmt.Errorf("read audience: %w", err)
	}
	if at != nil {
		a.At = *at
	}
	a.Policy, err = tx.policies.parse(policy)
	return a, err
}

// AudienceStep is how far a page of an audience has brought it.
type AudienceStep struct {
	ID       string
	After    string // the last customer that was judged; "" leaves it as it is
	Judged   int
	Entered  int
	CohortID string // that the next ones join; "" for none
	InCohort int
	Finished bool
}

// AdvanceAudience moves the cursor of an audience past the customers that were judged.
func (tx *Tx) AdvanceAudience(ctx context.Context, s AudienceStep) error {
	_, err := tx.conn.Exec(ctx, `UPDATE audience_entries SET after = coalesce(nullif($3, '')::uuid, after),
		judged = judged + $4, entered = entered + $5, cohort_id = nullif($6, '')::uuid, in_cohort = $7,
		finished_at = CASE WHEN $8 THEN now() END
		WHERE workspace_id = $1 AND id = $2`,
		tx.Workspace, s.ID, s.After, s.Judged, s.Entered, s.CohortID, s.InCohort, s.Finished)
	if err != nil {
		return fmt.Errorf("move audience on: %w", err)
	}
	return nil
}

// AudiencePage is the next customers of an audience, in order of their ids.
type AudiencePage struct {
	Customers []string // whom Postgres takes for members; rules decide
	After     string   // where the next page begins
	More      bool     // there may be others
}

// audienceScan is how many customers one page looks at, so that a page takes a bounded time even where hardly anybody
// belongs to the audience.
const audienceScan = 20000

// AudiencePage gives up to limit next customers whom the trigger of a campaign concerns. It reads only, outside of the
// transaction in which they enter: whoever lets them in judges them again.
func (s *Store) AudiencePage(ctx context.Context, workspace int64, a OpenAudience, t campaign.Trigger, limit int) (AudiencePage, error) {
	zones, err := s.Zones(ctx)
	if err != nil {
		return AudiencePage{}, err
	}
	members, err := membersOf(workspace, a, t, zones)
	if err != nil {
		return AudiencePage{}, err
	}
	upto, scanned := "", 0
	err = s.Query(ctx, workspace, `SELECT coalesce(max(id::text), ''), count(*) FROM (SELECT id FROM customers
		WHERE workspace_id = $1 AND id > $2::text::uuid ORDER BY id LIMIT $3) c`, []any{workspace, a.After, audienceScan}, 0,
		func(rows pgx.Rows) error { return rows.Scan(&upto, &scanned) })
	if err != nil || scanned == 0 {
		return AudiencePage{}, wrap("page audience", err)
	}
	n := len(members.Args)
	sql := fmt.Sprintf(`SELECT s.id FROM (%s) s WHERE s.id > $%d::text::uuid AND s.id <= $%d::text::uuid ORDER BY s.id LIMIT $%d`,
		members.SQL, n+1, n+2, n+3)
	page := AudiencePage{After: upto, More: scanned == audienceScan}
	err = s.Query(ctx, workspace, sql, append(append([]any{}, members.Args...), a.After, upto, limit), 0,
		func(rows pgx.Rows) error {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			page.Customers = append(page.Customers, id)
			return nil
		})
	if len(page.Customers) == limit {
		page.After, page.More = page.Customers[limit-1], true
	}
	return page, wrap("select audience", err)
}

// membersOf is a query for the ids of the customers whom a trigger concerns, and perhaps of some others.
func membersOf(workspace int64, a OpenAudience, t campaign.Trigger, zones []string) (rules.Selection, error) {
	var s rules.Selection
	switch t := t.(type) {
	case campaign.AudienceTrigger:
		s = ruleMembers(workspace, t.Rule, zones)
	case campaign.ScheduleTrigger:
		s = ruleMembers(workspace, t.Audience, zones)
	case campaign.SegmentTrigger:
		s = rules.Selection{SQL: `SELECT m.customer_id AS id FROM segments g
			JOIN segment_members m ON m.workspace_id = $1 AND m.segment_id = g.id
			WHERE g.workspace_id = $1 AND g.name = $2 AND g.deleted_at IS NULL`, Args: []any{workspace, t.Segment}}
	case campaign.DateTrigger:
		s = dateMembers(workspace, a, t)
	case campaign.EventTrigger, campaign.APITrigger:
		return s, fmt.Errorf("page audience: %w: nobody enters this campaign at once", ErrInvalid)
	}
	// Who has no zone of her own counts to the workspace's, and only the program knows which names are zones.
	if a.Zone != "" && a.Zone != calendar.Zone(a.TimeZone).String() {
		s.Args = append(s.Args, workspace, a.Zone)
		n := len(s.Args)
		s.SQL = `SELECT z.id FROM (` + s.SQL + `) z JOIN customers k ON k.workspace_id = $` + strconv.Itoa(n-1) +
			`::bigint AND k.id = z.id AND k.timezone = $` + strconv.Itoa(n) + `::text`
	}
	return s, nil
}

// ruleMembers looks up the events of one customer after the other: of the other form, which reads all events of a kind at
// one time, every page would read them all.
func ruleMembers(workspace int64, rule *rules.Rule, zones []string) rules.Selection {
	return rule.Select(rules.SelectOptions{Workspace: workspace, Now: time.Now(), Zones: zones, Form: rules.Correlated})
}

// dateSlack is by how many days the text of a date may differ from the day in a customer's zone.
const dateSlack = 2

// dateMembers narrows the customers to those whose date has nearly the day that comes round.
func dateMembers(workspace int64, a OpenAudience, t campaign.DateTrigger) rules.Selection {
	zone := a.Zone
	if zone == "" {
		zone = t.Zone
	}
	day := calendar.DateOf(a.At, calendar.Zone(zone, a.TimeZone)).AddDays(-t.Days)
	var days []string
	for slack := -dateSlack; slack <= dateSlack; slack++ {
		days = append(days, day.AddDays(slack).String())
	}
	text, part := `c.attributes ->> $2`, `left(%s, 10)`
	args := []any{workspace, t.Attribute, days}
	if t.Attribute == "created_at" {
		text = `to_char(c.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')`
		args[1] = "" // kept, so that the parameters stay in their places
		text += ` || $2::text`
	}
	if t.Yearly {
		part = `substr(%s, 6, 5)`
		for i := range days {
			days[i] = days[i][5:]
		}
		if slices.Contains(days, "02-28") { // the 29th comes on it in common years
			days = append(days, "02-29")
		}
		args[2] = days
	}
	return rules.Selection{
		SQL: `SELECT c.id FROM customers c WHERE c.workspace_id = $1 AND c.merged_into IS NULL AND ` +
			fmt.Sprintf(part, text) + ` = ANY ($3::text[])`,
		Args: args,
	}
}
