package store

import (
	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// queueFallbacksAfter plans what is sent instead of a message that was refused for good. Of an uncertain one nothing is:
// it may have arrived.
func queueFallbacksAfter(b *pgx.Batch, ws int64, st Settlement) {
	if st.Status == audience.Failed || st.Status == audience.Suppressed {
		queueFallbacks(b, ws, []string{st.TouchID})
	}
}

// queueFallbacks plans the fallbacks of those of the touches that have one and have failed or were suppressed, each once,
// and has their cohorts looked at.
func queueFallbacks(b *pgx.Batch, ws int64, touches []string) {
	ids, decisions := make([]string, len(touches)), make([]string, len(touches))
	for i := range touches {
		ids[i], decisions[i] = newID(), newID()
	}
	b.Queue(`WITH given AS (
			SELECT u.id, u.decision, t.id AS instead, t.customer_id, t.campaign_id, t.version, t.cohort_id, t.journey_id,
				t.step, t.iteration, t.topic, t.outcome, t.transactional, t.priority, t.fallback AS f
			FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) AS u (touch, id, decision)
			JOIN touches t ON t.workspace_id = $1 AND t.id = u.touch
			WHERE t.fallback IS NOT NULL AND t.status IN ('failed', 'suppressed')),
		planned AS (
			INSERT INTO touches (workspace_id, id, customer_id, channel, direction, status, campaign_id, version, cohort_id,
				journey_id, step, iteration, topic, reason, transactional, priority, quiet, fallback, occurred_at, expires_at)
			SELECT $1, id, customer_id, f->>'channel', 'out', 'planned', campaign_id, version, cohort_id, journey_id, f->>'step',
				iteration, topic, 'instead of ' || step || ': ' || outcome, transactional, priority, f->>'quiet', f->'fallback',
				clock_timestamp(), clock_timestamp() + make_interval(secs => (f->>'expires')::bigint)
			FROM given ORDER BY id
			ON CONFLICT (workspace_id, journey_id, step, iteration) WHERE journey_id IS NOT NULL DO NOTHING
			RETURNING id),
		noted AS (
			INSERT INTO touch_statuses (workspace_id, touch_id, status) SELECT $1, id, 'planned' FROM planned),
		decided AS (
			INSERT INTO decisions (workspace_id, id, customer_id, campaign_id, version, journey_id, step, kind, outcome,
				reason, at)
			SELECT $1, g.decision, g.customer_id, g.campaign_id, g.version, g.journey_id, g.step, $5, 'fallback',
				(g.f->>'step') || ' is sent instead: ' || g.outcome, clock_timestamp()
			FROM given g JOIN planned USING (id)),
		poked AS (
			UPDATE cohorts SET poked = true WHERE workspace_id = $1 AND id IN (
				SELECT cohort_id FROM given JOIN planned USING (id)) RETURNING id)
		SELECT pg_notify($6, '0') FROM poked`, ws, touches, ids, decisions, campaign.DecisionSend, intakeChannel)
	queueTouchChanges(b, ws, ids...)
}
