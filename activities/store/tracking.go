package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/channels/tracking"
)

// maxAgent is how many bytes of a user agent are kept.
const maxAgent = 500

// Observe keeps what was seen of messages, to be judged later. What is known already, by its id, and what is of a message
// that is not there, is left out.
func (s *Store) Observe(ctx context.Context, workspace int64, seen []tracking.Observation) error {
	n := len(seen)
	ids, touches, kinds := make([]string, n), make([]string, n), make([]string, n)
	methods, urls, at := make([]string, n), make([]string, n), make([]time.Time, n)
	networks, agents := make([]string, n), make([]string, n)
	for i, o := range seen {
		ids[i], touches[i], kinds[i], methods[i], urls[i], at[i] = o.ID, o.TouchID, string(o.Kind), "GET", clean(o.URL), o.At
		networks[i], agents[i] = o.Network, clean(o.UserAgent[:min(len(o.UserAgent), maxAgent)])
		if o.Head {
			methods[i] = "HEAD"
		}
	}
	err := s.OnKnownPlans(ctx, workspace, func(tx *Tx) error {
		_, err := tx.conn.Exec(ctx, `INSERT INTO touch_observations (workspace_id, id, touch_id, kind, method, url, at, network,
				user_agent, domain)
			SELECT $1, u.id, t.id, u.kind, u.method, u.url, u.at, u.network, u.agent, lower(split_part(t.address, '@', 2))
			FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[])
				AS u (id, touch, kind, method, url, at, network, agent)
			JOIN touches t ON t.workspace_id = $1 AND t.id = u.touch
			ON CONFLICT DO NOTHING`, workspace, ids, touches, kinds, methods, urls, at, networks, agents)
		return err
	})
	return wrap("keep openings and clicks", err)
}

// Unjudged lists the workspaces with observations from before a moment that have no verdict yet.
func (s *Store) Unjudged(ctx context.Context, before time.Time) ([]int64, error) {
	rows, _ := s.engine.Query(ctx, `SELECT DISTINCT workspace_id FROM touch_observations
		WHERE verdict = 'pending' AND at <= $1 ORDER BY workspace_id`, before)
	list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return list, wrap("find unjudged openings and clicks", err)
}

// TouchObservation is what was seen of a message, and what was made of it.
type TouchObservation struct {
	TouchID   string
	Kind      tracking.Kind
	Method    string // GET or HEAD
	URL       string // of a click
	At        time.Time
	Network   string // of the address: /24 of IPv4, /48 of IPv6
	UserAgent string
	Verdict   string // pending, human, machine or scanner
	Score     int
	Reasons   []string
}

// Observations lists the newest that was seen of a customer's messages, newest first.
func (s *Store) Observations(ctx context.Context, workspace int64, customer string, limit int) ([]TouchObservation, error) {
	var list []TouchObservation
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT o.touch_id, o.kind, o.method, o.url, o.at, o.network, o.user_agent, o.verdict,
				o.score, o.reasons
			FROM touches t JOIN touch_observations o ON o.workspace_id = $1 AND o.touch_id = t.id
			WHERE t.workspace_id = $1 AND t.customer_id = $2 ORDER BY o.at DESC, o.id DESC LIMIT $3`,
			workspace, customer, limit)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[TouchObservation])
		return err
	})
	return list, wrap("list openings and clicks", err)
}

// ResponseCount is how many messages of a step were opened and clicked, in all versions of a campaign.
type ResponseCount struct {
	Step    string
	Sent    int // accepted by a server, or delivered
	Opened  int // by people
	Clicked int // by people
	Machine int // opened or clicked by a machine, and by no person
}

// Responses counts what became of a campaign's e-mails, by step. ErrNotFound when there is no such campaign.
func (s *Store) Responses(ctx context.Context, workspace int64, name string) ([]ResponseCount, error) {
	var list []ResponseCount
	err := s.In(ctx, workspace, func(tx *Tx) error {
		id, _, err := tx.campaignNamed(ctx, name, "")
		if err != nil {
			return err
		}
		rows, _ := tx.conn.Query(ctx, `SELECT t.step, count(*), count(t.opened_at), count(t.clicked_at),
				count(*) FILTER (WHERE t.opened_at IS NULL AND EXISTS (SELECT FROM touch_observations o
					WHERE o.workspace_id = $1 AND o.touch_id = t.id AND o.verdict IN ('machine', 'scanner')))
			FROM touches t WHERE t.workspace_id = $1 AND t.campaign_id = $2 AND t.channel = 'email' AND t.direction = 'out'
				AND t.status IN ('accepted', 'delivered') GROUP BY t.step ORDER BY t.step`, workspace, id)
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ResponseCount])
		return err
	})
	return list, wrap(fmt.Sprintf("count openings and clicks of campaign %q", name), err)
}
