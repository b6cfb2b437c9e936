package segments

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/activities/store"
	"dotyk/rules"
)

// Plan is how the database is asked for those for whom a rule holds.
type Plan struct {
	Form        rules.Form            `json:"form"`
	Exact       bool                  `json:"exact"` // false: the query narrows, and the rule decides on what it finds
	Parts       []rules.SelectionPart `json:"parts"` // what is judged where, and why
	SQL         string                `json:"sql"`
	Cost        float64               `json:"cost"`        // as the planner estimates it, in its own units
	Alternative float64               `json:"alternative"` // of the other form; the same where there is only one
}

// explainTimeout is how long the planner may think. It does not touch data.
const explainTimeout = 10 * time.Second

// Choose translates a rule in both forms and gives the one that Postgres expects to be cheaper.
func Choose(ctx context.Context, st *store.Store, ws int64, rule *rules.Rule, o rules.SelectOptions) (rules.Selection, Plan, error) {
	var best rules.Selection
	var plan Plan
	for i, form := range []rules.Form{rules.Grouped, rules.Correlated} {
		o.Form = form
		s := rule.Select(o)
		if i > 0 && s.SQL == best.SQL { // nothing in the rule can be had in two ways
			break
		}
		cost, err := estimate(ctx, st, ws, s)
		if err != nil {
			return rules.Selection{}, Plan{}, err
		}
		if i == 0 || cost < plan.Cost {
			other := plan.Cost
			if i == 0 {
				other = cost
			}
			best = s
			plan = Plan{Form: form, Exact: s.Exact, Parts: s.Parts, SQL: s.SQL, Cost: cost, Alternative: other}
		} else {
			plan.Alternative = cost
		}
	}
	return best, plan, nil
}

func estimate(ctx context.Context, st *store.Store, ws int64, s rules.Selection) (float64, error) {
	var raw []byte
	err := st.Query(ctx, ws, "EXPLAIN (FORMAT JSON) "+s.SQL, s.Args, explainTimeout, func(rows pgx.Rows) error {
		return rows.Scan(&raw)
	})
	if err != nil {
		return 0, fmt.Errorf("plan selection: %w", err)
	}
	var answer []struct {
		Plan struct {
			Cost float64 `json:"Total Cost"`
		}
	}
	if err := json.Unmarshal(raw, &answer); err != nil || len(answer) != 1 {
		return 0, fmt.Errorf("read plan of selection: %d answers: %w", len(answer), err)
	}
	return answer[0].Plan.Cost, nil
}

// recent is how long ago the members of now are still taken for those of then, as store.Tx.Facts does.
const recent = time.Minute

// selectOptions are those of a workspace at a moment.
func selectOptions(ctx context.Context, st *store.Store, ws int64, now time.Time) (rules.SelectOptions, error) {
	zones, err := st.Zones(ctx)
	if err != nil {
		return rules.SelectOptions{}, err
	}
	past := time.Since(now) > recent
	return rules.SelectOptions{Workspace: ws, Now: now, Past: past, Zones: zones}, nil
}

// selected gives the ids that a selection finds.
func selected(ctx context.Context, st *store.Store, ws int64, s rules.Selection, timeout time.Duration) ([]string, error) {
	var ids []string
	err := st.Query(ctx, ws, s.SQL, s.Args, timeout, func(rows pgx.Rows) error {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("select customers: %w", err)
	}
	return ids, nil
}

// counted gives the number of ids that a selection finds, and the first of them, at one time.
func counted(ctx context.Context, st *store.Store, ws int64, s rules.Selection, timeout time.Duration) (first []string, n int64, err error) {
	sql := fmt.Sprintf("SELECT s.id, count(*) OVER () FROM (%s) s ORDER BY s.id LIMIT %d", s.SQL, sampleSize)
	err = st.Query(ctx, ws, sql, s.Args, timeout, func(rows pgx.Rows) error {
		var id string
		if err := rows.Scan(&id, &n); err != nil {
			return err
		}
		first = append(first, id)
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("count customers: %w", err)
	}
	return first, n, nil
}

// page gives the next ids after one that a selection finds, in order.
func page(s rules.Selection, after string, limit int) rules.Selection {
	n := len(s.Args)
	return rules.Selection{
		SQL:  fmt.Sprintf("SELECT s.id FROM (%s) s WHERE s.id > $%d::uuid ORDER BY s.id LIMIT $%d", s.SQL, n+1, n+2),
		Args: append(append(make([]any, 0, n+2), s.Args...), after, limit), Exact: s.Exact,
	}
}

// nobody is before the first id.
const nobody = "00000000-0000-0000-0000-000000000000"
