package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/channels/tracking"
	"dotyk/rules/audience"
)

// judged is an observation with its verdict, and the message that it is about.
type judged struct {
	tracking.Seen
	tracking.Judgement
	customer, campaign, journey, step string
	channel                           audience.Channel
}

// Judge gives up to limit observations that are old enough (tracking.Settled before now) their verdicts, and says how many
// they were. What people did becomes known to rules and journeys: the first opening of a message and its first click are
// noted on it, and become the events email_opened and email_clicked, once a message and once a message and link. What
// machines did changes nothing. Several processes may judge at one time.
func (s *Store) Judge(ctx context.Context, workspace int64, now time.Time, limit int) (int, error) {
	count := 0
	err := s.OnKnownPlans(ctx, workspace, func(tx *Tx) error {
		list, err := tx.unjudged(ctx, now.Add(-tracking.Settled), limit)
		count = len(list)
		if err != nil || count == 0 {
			return err
		}
		for i := range list {
			list[i].Judgement = tracking.Judge(list[i].Seen)
		}
		b := &pgx.Batch{}
		queueVerdicts(b, workspace, list)
		if err := queueResponses(b, workspace, list); err != nil {
			return err
		}
		return tx.batch(ctx, b)
	})
	return count, wrap("judge openings and clicks", err)
}

// unjudged locks observations without a verdict and loads what a verdict needs. Of others of the same message and of the
// same company only so many are read that more would change nothing.
func (tx *Tx) unjudged(ctx context.Context, before time.Time, limit int) ([]judged, error) {
	rows, _ := tx.conn.Query(ctx, `WITH pending AS MATERIALIZED (
			SELECT * FROM touch_observations WHERE workspace_id = $1 AND verdict = 'pending' AND at <= $2
			ORDER BY at LIMIT $3 FOR UPDATE SKIP LOCKED)
		SELECT p.id, p.touch_id, p.kind, p.method = 'HEAD', p.url, p.at, p.network, p.user_agent, p.domain, h.at, n.count,
			same.list, t.customer_id, coalesce(k.name, ''), coalesce(t.journey_id::text, ''), t.step, t.channel
		FROM pending p
		CROSS JOIN LATERAL (SELECT * FROM touches WHERE workspace_id = $1 AND id = p.touch_id OFFSET 0) t
		LEFT JOIN campaigns k ON k.workspace_id = $1 AND k.id = t.campaign_id
		CROSS JOIN LATERAL (SELECT coalesce(min(s.at) FILTER (WHERE s.status IN ('accepted', 'delivered')),
				CASE WHEN t.status = 'uncertain' THEN min(s.at) FILTER (WHERE s.status = 'claimed') END) AS at
			FROM touch_statuses s WHERE s.workspace_id = $1 AND s.touch_id = p.touch_id) h
		CROSS JOIN LATERAL (SELECT count(DISTINCT touch_id) FROM (SELECT touch_id FROM touch_observations o
			WHERE o.workspace_id = $1 AND o.domain = p.domain AND p.domain <> '' AND o.domain <> '' AND o.kind <> 'open'
				AND o.at BETWEEN p.at - $4::interval AND p.at + $4::interval AND o.touch_id <> p.touch_id LIMIT 50) x) n
		CROSS JOIN LATERAL (SELECT coalesce(jsonb_agg(x), '[]') AS list FROM (
			SELECT id AS "ID", kind AS "Kind", method = 'HEAD' AS "Head", url AS "URL", at AS "At", network AS "Network",
				user_agent AS "UserAgent" FROM touch_observations o WHERE o.workspace_id = $1 AND o.touch_id = p.touch_id
				AND o.at BETWEEN p.at - $4::interval AND p.at + $4::interval ORDER BY o.at LIMIT 50) x) same
		ORDER BY p.at, p.id`, tx.Workspace, before, limit, tracking.Window)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (judged, error) {
		var j judged
		var sent *time.Time
		err := row.Scan(&j.ID, &j.TouchID, &j.Kind, &j.Head, &j.URL, &j.At, &j.Network, &j.UserAgent, &j.Domain, &sent,
			&j.Neighbours, &j.Same, &j.customer, &j.campaign, &j.journey, &j.step, &j.channel)
		j.SentAt = orZero(sent)
		return j, err
	})
}

func queueVerdicts(b *pgx.Batch, ws int64, list []judged) {
	for _, j := range list {
		b.Queue(`UPDATE touch_observations SET verdict = $3, score = $4, reasons = $5 WHERE workspace_id = $1 AND id = $2`,
			ws, j.ID, j.Verdict, j.Score, append([]string{}, j.Reasons...))
	}
}

// queueResponses notes what people did.
func queueResponses(b *pgx.Batch, ws int64, list []judged) error {
	var touches []string
	var at []time.Time
	var clicked []bool
	var events []SystemEvent
	for _, j := range list {
		if j.Verdict != tracking.Human {
			continue
		}
		touches, at, clicked = append(touches, j.TouchID), append(at, j.At), append(clicked, j.Kind == tracking.Click)
		if j.channel == audience.Email {
			events = append(events, j.events()...)
		}
	}
	if len(touches) == 0 {
		return nil
	}
	b.Queue(`UPDATE touches t SET opened_at = least(t.opened_at, u.opened), clicked_at = least(t.clicked_at, u.clicked)
		FROM (SELECT touch, min(at) AS opened, min(at) FILTER (WHERE click) AS clicked
			FROM unnest($2::uuid[], $3::timestamptz[], $4::boolean[]) AS u (touch, at, click) GROUP BY touch) u
		WHERE t.workspace_id = $1 AND t.id = u.touch`, ws, touches, at, clicked)
	queueTouchChanges(b, ws, touches...)
	return queueSystemEvents(b, ws, events)
}

// events are those of one observation. Keys make them happen once; who follows a link has opened the message, also where
// its picture was not loaded.
func (j *judged) events() []SystemEvent {
	properties := func() map[string]any {
		return map[string]any{"campaign": j.campaign, "journey": j.journey, "step": j.step, "touch_id": j.TouchID}
	}
	events := []SystemEvent{{
		CustomerID: j.customer, Name: audience.EventEmailOpened, Properties: properties(), At: j.At, Key: "opened:" + j.TouchID,
	}}
	if j.Kind == tracking.Click {
		clicked := properties()
		clicked["url"] = j.URL
		sum := sha256.Sum256([]byte(j.URL)) // a link may be longer than an index takes
		events = append(events, SystemEvent{
			CustomerID: j.customer, Name: audience.EventEmailClicked, Properties: clicked, At: j.At,
			Key: "clicked:" + j.TouchID + ":" + hex.EncodeToString(sum[:16]),
		})
	}
	return events
}
