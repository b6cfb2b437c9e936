package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/campaign"
)

// CustomerUpdate is a change of the record that a journey decided.
type CustomerUpdate struct {
	CustomerID string
	Profile    Profile
	Add        map[string]any // an attribute -> the number to be added to it: int64 or json.Number
}

func queueUpdates(b *pgx.Batch, ws int64, updates []CustomerUpdate) {
	ps := newPatches()
	sums := map[[2]string][]string{}
	for i := range updates { // in order: a customer may be updated by several steps
		u := &updates[i]
		ps.add(u.CustomerID, &u.Profile)
		for name := range u.Profile.Attributes {
			delete(sums, [2]string{u.CustomerID, name}) // what was added before is gone with the old value
		}
		for name, amount := range u.Add {
			key := [2]string{u.CustomerID, name}
			sums[key] = append(sums[key], fmt.Sprint(amount))
		}
	}
	ps.queue(b, ws)
	queueSums(b, ws, sums)
}

// queueSums adds numbers to attributes, after the attributes were set, without loss of a digit. What became no number since
// the journey was moved keeps its value.
func queueSums(b *pgx.Batch, ws int64, sums map[[2]string][]string) {
	if len(sums) == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(sums), func(x, y [2]string) int {
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]))
	})
	var customers, names, amounts []string
	for _, key := range keys {
		for _, amount := range sums[key] {
			customers, names, amounts = append(customers, key[0]), append(names, clean(key[1])), append(amounts, amount)
		}
	}
	b.Queue(`WITH given AS (
			SELECT customer, name, sum(amount::numeric) AS amount FROM unnest($2::uuid[], $3::text[], $4::text[])
			AS u (customer, name, amount) GROUP BY customer, name)
		UPDATE customers c SET updated_at = now(), attributes = c.attributes || coalesce((
			SELECT jsonb_object_agg(g.name, g.amount + coalesce((c.attributes ->> g.name)::numeric, 0)) FROM given g
			WHERE g.customer = c.id AND coalesce(jsonb_typeof(c.attributes -> g.name), 'null') IN ('number', 'null')), '{}')
		WHERE c.workspace_id = $1 AND c.id IN (SELECT customer FROM given)`, ws, customers, names, amounts)
}

// ListChange puts a customer into a list, or takes her out.
type ListChange struct {
	CustomerID string
	JourneyID  string
	Version    int
	Step       string
	List       string // name of a static segment
	Joined     bool
}

// listMovesOf finds the lists, and gives a decision for each change of one that does not exist.
func (tx *Tx) listMovesOf(ctx context.Context, a Advanced) ([]Move, []Decision, error) {
	if len(a.Lists) == 0 {
		return nil, nil, nil
	}
	names := stepsOf(a.Lists, func(l *ListChange) string { return l.List })
	b := &pgx.Batch{}
	queueSharedLock(b, segmentsLock, tx.Workspace) // the lists stay until this transaction has ended
	var id, name string
	var version int
	lists := map[string]Move{}
	b.Queue(`SELECT id, name, version FROM segments
		WHERE workspace_id = $1 AND name = ANY ($2) AND kind = 'static' AND deleted_at IS NULL`, tx.Workspace, names).
		Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&id, &name, &version}, func() error {
				lists[name] = Move{SegmentID: id, Segment: name, Version: version, Cause: CauseCampaign, At: a.Now}
				return nil
			})
			return err
		})
	if err := tx.batch(ctx, b); err != nil {
		return nil, nil, fmt.Errorf("find lists: %w", err)
	}
	moves, refused := a.listMoves(lists)
	return moves, refused, nil
}

// listMoves gives the moves, one a customer and list: the last one decides. They are in one order for everybody, because
// writing them locks rows.
func (a *Advanced) listMoves(lists map[string]Move) ([]Move, []Decision) {
	last := map[[2]string]Move{}
	var refused []Decision
	for _, l := range a.Lists {
		move, ok := lists[l.List]
		if !ok {
			refused = append(refused, Decision{
				CustomerID: l.CustomerID, CampaignID: a.State.CampaignID, Version: a.version(l.Version), JourneyID: l.JourneyID,
				Step: l.Step, Kind: campaign.DecisionError, Outcome: "no list",
				Reason: "There is no list " + strconv.Quote(l.List) + ": make one, or change the step.",
				At:     a.Now,
			})
			continue
		}
		move.CustomerID, move.Joined = l.CustomerID, l.Joined
		last[[2]string{move.SegmentID, l.CustomerID}] = move
	}
	moves := slices.SortedFunc(maps.Values(last), func(x, y Move) int {
		return cmp.Or(cmp.Compare(x.SegmentID, y.SegmentID), cmp.Compare(x.CustomerID, y.CustomerID))
	})
	return moves, refused
}

func queueListMoves(b *pgx.Batch, ws int64, moves []Move) {
	var joined, left int64
	queueMoves(b, ws, moves, &joined, &left)
}

// Turns takes so many turns of each list of users, and gives the number of the first of them, from 0. The lists stay
// locked until the transaction ends, so that everybody comes in turn.
func (tx *Tx) Turns(ctx context.Context, counts map[string]int) (map[string]int64, error) {
	first := map[string]int64{}
	for _, among := range slices.Sorted(maps.Keys(counts)) { // in one order for everybody
		var taken int64
		err := tx.conn.QueryRow(ctx, `INSERT INTO turns (workspace_id, among, taken) VALUES ($1, $2, $3)
			ON CONFLICT (workspace_id, among) DO UPDATE SET taken = turns.taken + excluded.taken RETURNING taken`,
			tx.Workspace, among, counts[among]).Scan(&taken)
		if err != nil {
			return nil, fmt.Errorf("take turns: %w", err)
		}
		first[among] = taken - int64(counts[among])
	}
	return first, nil
}

// touchKey names a step of a journey in one word, as no other is named.
func touchKey(journey, step string, iteration int) string {
	return journey + ":" + step + ":" + strconv.Itoa(iteration)
}
