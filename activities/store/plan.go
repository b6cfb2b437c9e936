package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules"
	"dotyk/rules/campaign"
)

// PublicationPlan is what a publication would do, now.
type PublicationPlan struct {
	Name         string
	From, To     int // versions; From is 0 for a new campaign, To is From where nothing changed
	Changed      bool
	Status       CampaignStatus // as it is; "" for a new campaign
	Waiting      []WaitingAt    // journeys under way, by version and step
	Differences  []campaign.Difference
	AudienceSize *int // how many would enter at once; nil where nobody would, or where counting takes too long
}

// WaitingAt is what a publication would do to the journeys that stand at one step.
type WaitingAt struct {
	Version  int
	Step     string // "" is the start
	Kind     string // as campaign.Resting.Kind
	Journeys int
	Policy   MovePolicy
	Becomes  string // in words: "stay on version 2", "go on at hello in version 3", "leave: the step is gone"
	// DueNow is how many are released at once if they are moved, as far as the times of the step alone tell.
	DueNow int
	// EarliestDue and LatestDue are those of now; zero where only an event can move the journeys.
	EarliestDue, LatestDue time.Time
	// NewEarliestDue and NewLatestDue are those after a move; zero where only Advance can tell.
	NewEarliestDue, NewLatestDue time.Time
}

// audienceTimeout is how long counting an audience may take for a plan.
const audienceTimeout = 5 * time.Second

// PlanPublication tells what Publish would do with the same publication, and changes nothing. The errors are those of
// Publish.
func (s *Store) PlanPublication(ctx context.Context, workspace int64, p Publication) (PublicationPlan, error) {
	plan := PublicationPlan{Name: p.Definition.Name}
	now := time.Now()
	err := s.In(ctx, workspace, func(tx *Tx) error { return tx.plan(ctx, p, &plan, now) })
	if err == nil {
		plan.AudienceSize, err = s.audienceSize(ctx, workspace, p.Definition, now)
	}
	if err != nil {
		return PublicationPlan{}, fmt.Errorf("plan publication of campaign %s: %w", p.Definition.Name, err)
	}
	return plan, nil
}

func (tx *Tx) plan(ctx context.Context, p Publication, plan *PublicationPlan, now time.Time) error {
	*plan = PublicationPlan{Name: p.Definition.Name}
	if err := p.Moves.check(); err != nil {
		return err
	}
	version, err := tx.seal(ctx, p)
	if err != nil {
		return err
	}
	old, err := tx.published(ctx, p.Definition.Name, "")
	if err != nil {
		return err
	}
	plan.From, plan.To, plan.Status, plan.Changed = old.version, old.version, old.status, old.hash != version.hash
	if plan.Changed {
		plan.To++
	}
	if old.id == "" {
		return nil
	}
	v, err := tx.LoadVersion(ctx, old.id, old.version)
	if err != nil {
		return err
	}
	plan.Differences = campaign.Diff(v.Definition, p.Definition)
	return tx.planWaiting(ctx, p, plan, old.id, now)
}

// planWaiting says what becomes of the journeys under way.
func (tx *Tx) planWaiting(ctx context.Context, p Publication, plan *PublicationPlan, id string, now time.Time) error {
	rows, _ := tx.conn.Query(ctx, `SELECT version, coalesce(position ->> 'step', ''), count(*), min(due_at), max(due_at),
		min((position ->> 'began')::timestamptz), max((position ->> 'began')::timestamptz)
		FROM journeys WHERE workspace_id = $1 AND campaign_id = $2 AND status = 'active' AND version <> $3
		GROUP BY 1, 2 ORDER BY 1, 2`, tx.Workspace, id, plan.To)
	type group struct {
		Version        int
		Step           string
		Journeys       int
		Earliest       *time.Time
		Latest         *time.Time
		Began, BeganAt *time.Time // the first and the last
	}
	groups, err := pgx.CollectRows(rows, pgx.RowToStructByPos[group])
	if err != nil {
		return fmt.Errorf("count journeys under way: %w", err)
	}
	kinds := map[int]map[string]string{}
	for _, g := range groups {
		if kinds[g.Version] == nil {
			v, err := tx.LoadVersion(ctx, id, g.Version)
			if err != nil {
				return err
			}
			kinds[g.Version] = restKinds(v.Definition)
		}
		w := WaitingAt{
			Version: g.Version, Step: g.Step, Kind: kinds[g.Version][g.Step], Journeys: g.Journeys,
			Policy: p.Moves.of(g.Step), EarliestDue: orZero(g.Earliest), LatestDue: orZero(g.Latest),
		}
		if err := tx.planMove(ctx, p, plan, id, &w, now); err != nil {
			return err
		}
		if d, ok := lasts(p.Definition, p.Moves, w.Step); ok && g.Began != nil {
			w.NewEarliestDue, w.NewLatestDue = g.Began.Add(d), g.BeganAt.Add(d)
		}
		plan.Waiting = append(plan.Waiting, w)
	}
	return nil
}

// planMove says in words what becomes of those who stand at a step, and how many of them a move would release.
func (tx *Tx) planMove(ctx context.Context, p Publication, plan *PublicationPlan, id string, w *WaitingAt, now time.Time) error {
	to, ok, why := campaign.Carry(p.Definition, campaign.Journey{
		Status: campaign.Active, Position: campaign.Position{Step: w.Step, Began: now},
	}, p.Moves.Rename, now)
	switch {
	case w.Policy == PolicyStay:
		w.Becomes = fmt.Sprintf("stay on version %d", w.Version)
	case w.Policy == PolicyExit:
		w.Becomes = "leave"
	case !ok:
		w.Becomes = "leave: " + why
	case to.Position.Step == "":
		w.Becomes = fmt.Sprintf("begin in version %d", plan.To)
	default:
		w.Becomes = fmt.Sprintf("go on at %s in version %d", to.Position.Step, plan.To)
	}
	d, known := lasts(p.Definition, p.Moves, w.Step)
	if !ok || !known {
		return nil
	}
	err := tx.conn.QueryRow(ctx, `SELECT count(*) FROM journeys WHERE workspace_id = $1 AND campaign_id = $2
		AND status = 'active' AND version = $3 AND coalesce(position ->> 'step', '') = $4
		AND (position ->> 'began')::timestamptz <= $5`, tx.Workspace, id, w.Version, w.Step, now.Add(-d)).Scan(&w.DueNow)
	return wrap("count journeys that a move releases", err)
}

// restKinds gives the kind of each step at which journeys of a version can stand.
func restKinds(d *campaign.Definition) map[string]string {
	kinds := map[string]string{}
	for _, r := range d.Rests() {
		kinds[r.Step] = r.Kind
	}
	return kinds
}

// lasts tells how long after its beginning a step of the new version lasts at most, where that is a fixed time: for the
// step at which those go on who stand at a step of an older version.
func lasts(to *campaign.Definition, m Moves, step string) (time.Duration, bool) {
	if name, ok := m.Rename[step]; ok {
		step = name
	}
	switch s := stepNamed(to.Steps, step).(type) {
	case *campaign.WaitStep:
		return s.For, s.Until == nil
	case *campaign.WaitForStep:
		return s.Timeout, true
	case *campaign.WebhookStep:
		return s.Timeout, s.Wait
	case *campaign.JourneyStep:
		return s.Timeout, s.Wait
	case *campaign.EmailStep, *campaign.SMSStep, *campaign.CallStep, *campaign.TaskStep, *campaign.BranchStep,
		*campaign.SplitStep, *campaign.DecideStep, *campaign.RepeatStep, *campaign.UpdateStep, *campaign.OwnerStep,
		*campaign.NoteStep, *campaign.CouponStep, *campaign.ExitStep, nil:
	}
	return 0, false // nothing waits there, or until a moment that is not its own
}

// stepNamed finds a step by its id, nil where there is none.
func stepNamed(steps []campaign.Step, id string) campaign.Step {
	var found campaign.Step
	campaign.Walk(steps, func(step campaign.Step) {
		if step.StepID() == id {
			found = step
		}
	})
	return found
}

// audienceSize counts those who would enter when the campaign goes live, or at its first moment.
func (s *Store) audienceSize(ctx context.Context, workspace int64, d *campaign.Definition, now time.Time) (*int, error) {
	var rule *rules.Rule
	switch t := d.Trigger.(type) {
	case campaign.AudienceTrigger:
		rule = t.Rule
	case campaign.ScheduleTrigger:
		rule = t.Audience
	case campaign.SegmentTrigger:
		if t.Existing {
			return s.segmentSize(ctx, workspace, t.Segment)
		}
		return nil, nil //nolint:nilnil // nobody enters at once
	case campaign.EventTrigger, campaign.DateTrigger, campaign.APITrigger:
		return nil, nil //nolint:nilnil // nobody enters at once
	}
	zones, err := s.Zones(ctx)
	if err != nil {
		return nil, err
	}
	selection := rule.Select(rules.SelectOptions{Workspace: workspace, Now: now, Zones: zones, Form: rules.Grouped})
	if !selection.Exact {
		return nil, nil //nolint:nilnil // only judging everybody would tell
	}
	return s.count(ctx, workspace, `SELECT count(*) FROM (`+selection.SQL+`) s`, selection.Args)
}

func (s *Store) segmentSize(ctx context.Context, workspace int64, name string) (*int, error) {
	return s.count(ctx, workspace, `SELECT count(*) FROM segments s JOIN segment_members m
		ON m.workspace_id = $1 AND m.segment_id = s.id
		WHERE s.workspace_id = $1 AND s.name = $2 AND s.deleted_at IS NULL`, []any{workspace, name})
}

// count gives the number that a query gives, or nil where it takes too long.
func (s *Store) count(ctx context.Context, workspace int64, sql string, args []any) (*int, error) {
	var n int
	err := s.Query(ctx, workspace, sql, args, audienceTimeout, func(rows pgx.Rows) error { return rows.Scan(&n) })
	if errors.Is(err, ErrTooSlow) {
		return nil, nil //nolint:nilnil // it takes too long
	}
	if err != nil {
		return nil, fmt.Errorf("count audience: %w", err)
	}
	return &n, nil
}
