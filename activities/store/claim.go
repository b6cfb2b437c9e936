package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nyaruka/phonenumbers"

	"dotyk/rules/audience"
	"dotyk/rules/calendar"
	"dotyk/rules/campaign"
)

// candidate is a planned message on its way to a claim.
type candidate struct {
	Outgoing
	policy        audience.TopicPolicy
	consents      []audience.Consent
	outcome       string // of the last attempt, or why it was held back
	expired       bool
	expiresAt     time.Time
	status        string // of the campaign
	braked        bool   // a brake of the workspace holds it
	transactional bool
	priority      int
	quiet         campaign.Quiet
	fallback      bool                 // it has one
	yieldedAt     *time.Time           // since when it lets others go first
	left          *string              // why its journey left early, where the message was delayed; else nil
	zone, country string               // of the workspace
	rules         *string              // policy of the workspace
	pauses        map[string]time.Time // until when domains get no mail
}

// The states of a campaign that keep its messages back.
const (
	campaignPaused  = "paused"
	campaignStopped = "stopped"
)

// soon is how long a sender waits for a message itself; for what comes later its cohort is looked at again.
const soon = 5 * time.Second

// claiming is one claim under way.
type claiming struct {
	ClaimRequest
	tx        *Tx
	policy    campaign.Policy
	out       Claimed
	batch     *pgx.Batch
	moved     []string // touches that changed
	fallbacks []string // touches whose fallback is sent, should they turn out to be suppressed
	decisions []Decision
	answers   []SystemEvent
	later     bool // some message waits longer than its sender will
	dealings  map[string]dealings
}

func (tx *Tx) claim(ctx context.Context, r ClaimRequest) (Claimed, error) {
	list, err := tx.candidates(ctx, r)
	if err != nil {
		return Claimed{}, err
	}
	c := &claiming{tx: tx, ClaimRequest: r, batch: &pgx.Batch{}}
	if len(list) == 0 {
		c.queueNext()
		err := tx.batch(ctx, c.batch)
		return c.out, err
	}
	if list[0].status == campaignPaused || list[0].braked { // they are of one campaign
		return Claimed{Held: true}, nil
	}
	if c.policy, err = tx.policies.parse(list[0].rules); err != nil {
		return Claimed{}, err
	}
	if c.policy.Jurisdiction {
		if c.dealings, err = tx.dealings(ctx, list); err != nil {
			return Claimed{}, err
		}
	}
	c.out.More = len(list) > r.Limit
	var free []candidate
	for _, m := range list[:min(len(list), r.Limit)] {
		if c.admit(&m) {
			free = append(free, m)
		}
	}
	if c.policy.Window() > 0 {
		if free, err = c.underCaps(ctx, free); err != nil {
			return Claimed{}, err
		}
	}
	return c.write(ctx, free)
}

// admit says whether a message may be sent now, caps and suppression apart; if not, it says so in the ledger.
func (c *claiming) admit(m *candidate) bool {
	switch {
	case m.status == campaignStopped:
		c.suppress(m, "the campaign was stopped", false)
		return false
	case m.left != nil:
		c.suppress(m, "the journey has left: "+*m.left, false)
		return false
	case m.expired:
		c.suppress(m, m.tooLate(), false)
		return false
	}
	if refusal := m.refusal(c.Channel, c.circumstances(m)); refusal != "" {
		c.suppress(m, string(refusal), true)
		return false
	}
	if provider, until := m.paused(c.Channel); !until.IsZero() {
		c.hold(m, until, "mail to "+provider+" is paused until "+calendar.Moment(until, time.UTC)+": it refuses our mail", false)
		return false
	}
	if m.transactional || m.quiet == campaign.QuietIgnore || len(c.policy.Quiet) == 0 {
		return true
	}
	zone := calendar.Zone(m.Customer.Timezone, m.zone)
	until, quiet := c.policy.QuietUntil(c.Channel, m.countryOf(), zone, c.Now)
	switch why := "quiet hours until " + calendar.Moment(until, zone); {
	case !quiet:
		return true
	case m.quiet == campaign.QuietSkip:
		c.decide(m, "left out", why+", and the message is to be skipped in them", nil)
		c.suppress(m, why, false)
	case until.After(m.expiresAt):
		c.decide(m, "left out", why+": by then the message is not wanted any more", nil)
		c.suppress(m, why+", after it is wanted", false)
	default:
		c.decide(m, "held", why, nil)
		c.hold(m, until, why, false)
	}
	return false
}

// tooLate says why a message whose time is up was not sent; of one that was tried it tells what came of that.
func (m *candidate) tooLate() string {
	const late = "no longer wanted: it could not be sent in time"
	if m.Attempts == 0 || m.outcome == "" {
		return late
	}
	return late + "; the last attempt: " + m.outcome
}

func (m *candidate) refusal(channel audience.Channel, in audience.Circumstances) audience.Refusal {
	switch {
	case channel == audience.Webhook:
		return ""
	case m.Address == "" && channel == audience.Email:
		return "no e-mail address on the record"
	case m.Address == "":
		return "no phone number on the record"
	case m.Topic == "": // a transactional message needs no consent
		return ""
	default:
		return audience.MayContactIn(in, m.Topic, m.policy, m.consents)
	}
}

// circumstances are what decides about consent besides the customer's words.
func (c *claiming) circumstances(m *candidate) audience.Circumstances {
	in := audience.Circumstances{At: c.Now}
	if !c.policy.Jurisdiction {
		return in
	}
	with := c.dealings[m.Customer.ID]
	in.Law, in.Bought, in.Asked = audience.LawOf(m.countryOf(), c.Channel), with.bought, with.asked
	return in
}

// paused says until when the provider of a message's address gets no mail of ours; zero when it does.
func (m *candidate) paused(channel audience.Channel) (provider string, until time.Time) {
	if channel != audience.Email || len(m.pauses) == 0 {
		return "", time.Time{}
	}
	domain := strings.ToLower(m.Address[strings.LastIndexByte(m.Address, '@')+1:])
	if until, ok := m.pauses[domain]; ok {
		return domain, until
	}
	return "all providers", m.pauses[AllProviders]
}

// dealings are when a customer dealt with us last, of their own accord.
type dealings struct{ bought, asked time.Time }

// dealings tells when customers last ordered, and last wrote or called.
func (tx *Tx) dealings(ctx context.Context, list []candidate) (map[string]dealings, error) {
	var customers []string
	for i := range list {
		customers = append(customers, list[i].Customer.ID)
	}
	rows, _ := tx.conn.Query(ctx, `SELECT u.id,
			(SELECT max(occurred_at) FROM events WHERE workspace_id = $1 AND customer_id = u.id AND name = 'order_completed'),
			(SELECT max(occurred_at) FROM touches WHERE workspace_id = $1 AND customer_id = u.id AND direction = 'in')
		FROM unnest($2::uuid[]) AS u (id)`, tx.Workspace, customers)
	found := map[string]dealings{}
	var id string
	var bought, asked *time.Time
	_, err := pgx.ForEachRow(rows, []any{&id, &bought, &asked}, func() error {
		found[id] = dealings{bought: orZero(bought), asked: orZero(asked)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up dealings of customers: %w", err)
	}
	return found, nil
}

// countryOf gives the region where the customer is: what the record says, else that of the phone number, else that of the
// workspace.
func (m *candidate) countryOf() string {
	if said, _ := m.Customer.Attributes["country"].(string); len(strings.TrimSpace(said)) == 2 {
		return strings.ToUpper(strings.TrimSpace(said))
	}
	if number, err := phonenumbers.Parse(m.Customer.Phone, ""); err == nil {
		if region := phonenumbers.GetRegionCodeForNumber(number); region != "" {
			return region
		}
	}
	return strings.ToUpper(m.country)
}

// suppress says that a message is not sent. What can be made up for by another message has its fallback planned.
func (c *claiming) suppress(m *candidate, why string, fallback bool) {
	c.out.Suppressed++
	c.moved = append(c.moved, m.TouchID)
	queueStatus(c.batch, c.Workspace, m.TouchID, audience.Suppressed, why)
	if fallback && m.fallback {
		c.fallbacks = append(c.fallbacks, m.TouchID)
	}
	if c.Channel == audience.Webhook {
		c.answers = append(c.answers, answered(&m.Outgoing, Answer{Error: why}, c.Now))
	}
}

// hold leaves a message planned for later.
func (c *claiming) hold(m *candidate, until time.Time, why string, yields bool) {
	c.batch.Queue(`UPDATE touches SET not_before = $3, outcome = $4, yielded_at = CASE WHEN $5 THEN coalesce(yielded_at, $6) END
		WHERE workspace_id = $1 AND id = $2 AND status = 'planned'`, c.Workspace, m.TouchID, until, why, yields, c.Now)
	c.later = c.later || until.Sub(c.Now) > soon
}

// decide records why a message was held back, left out, or went first.
func (c *claiming) decide(m *candidate, outcome, reason string, values map[string]any) {
	c.decisions = append(c.decisions, Decision{
		CustomerID: m.Customer.ID, CampaignID: m.CampaignID, Version: m.Version, JourneyID: m.JourneyID, Step: m.Step,
		Kind: campaign.DecisionSend, Outcome: outcome, Reason: reason, Values: values, At: c.Now,
	})
}

// write commits what became of the messages, and claims those that are free.
func (c *claiming) write(ctx context.Context, free []candidate) (Claimed, error) {
	claimed := map[string]time.Time{}
	c.queueClaim(free, claimed)
	for i := range free {
		c.moved = append(c.moved, free[i].TouchID)
		if free[i].fallback { // its address may be suppressed
			c.fallbacks = append(c.fallbacks, free[i].TouchID)
		}
	}
	if len(c.fallbacks) > 0 {
		queueFallbacks(c.batch, c.Workspace, c.fallbacks)
		c.out.More = true // one may be of this very channel
	}
	if err := queueDecisions(c.batch, c.Workspace, c.decisions); err != nil {
		return Claimed{}, err
	}
	if err := queueSystemEvents(c.batch, c.Workspace, c.answers); err != nil {
		return Claimed{}, err
	}
	if c.later {
		queuePoke(c.batch, c.Workspace, c.Cohort)
	}
	if (c.later || len(c.policy.Quiet)+len(c.policy.Caps) > 0) && !c.out.More {
		c.queueNext()
	}
	queueTouchChanges(c.batch, c.Workspace, c.moved...)
	if err := c.tx.batch(ctx, c.batch); err != nil {
		return Claimed{}, err
	}
	for _, m := range free {
		if at, ok := claimed[m.TouchID]; ok {
			m.ClaimedAt, m.Claim = at, c.Holder()
			m.Attempts++
			c.out.Messages = append(c.out.Messages, m.Outgoing)
		}
	}
	return c.out, nil
}

// queueNext finds out when the first message that must wait may be sent.
func (c *claiming) queueNext() {
	c.batch.Queue(`SELECT min(not_before) FROM touches WHERE workspace_id = $1 AND cohort_id = $2 AND channel = $3
		AND status = 'planned' AND not_before > $4`, c.Workspace, c.Cohort, c.Channel, c.Now).
		QueryRow(func(row pgx.Row) error {
			var next *time.Time
			err := row.Scan(&next)
			c.out.Next = orZero(next)
			return err
		})
}

// queuePoke has a cohort looked at again by its workflow, or by a new one.
func queuePoke(b *pgx.Batch, ws int64, cohort string) {
	b.Queue(`UPDATE cohorts SET poked = true WHERE workspace_id = $1 AND id = $2`, ws, cohort)
	b.Queue(`SELECT pg_notify($1, '0')`, intakeChannel)
}

// leftEarly is why journey j of message t left early, or null: where the message was not delayed, where the journey has not
// ended, came to its end, or left by a step of its own, which is behind the message. Every other way to leave records a
// decision that belongs to no step, or none. Requests to servers are no messages: they stand for what has happened.
const leftEarly = `CASE WHEN t.channel <> 'webhook' AND j.status IN ('exited', 'converted')
		AND (t.not_before IS NOT NULL OR j.ended_at > t.occurred_at + interval '5 seconds')
		AND NOT EXISTS (SELECT FROM decisions d WHERE d.workspace_id = t.workspace_id AND d.customer_id = t.customer_id
			AND d.journey_id = t.journey_id AND d.kind = 'exit' AND d.step <> '') THEN j.exit_reason END`

func (tx *Tx) candidates(ctx context.Context, r ClaimRequest) ([]candidate, error) {
	// First the messages that nobody else has locked: what else is asked about a message costs too much for those that
	// others are claiming just now.
	rows, _ := tx.conn.Query(ctx, `WITH t AS MATERIALIZED (
			SELECT * FROM touches WHERE workspace_id = $1 AND cohort_id = $2 AND channel = $3 AND status = 'planned'
				AND NOT starts_with(claim, $6 || '`+laneMark+`') AND (not_before IS NULL OR not_before <= $5)
				AND id > coalesce(nullif($7, '')::uuid, '00000000-0000-0000-0000-000000000000')
			ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED)
		SELECT t.id, t.journey_id, t.campaign_id, k.name, t.version, t.step, t.iteration, t.topic,
		t.attempts, t.outcome, CASE t.channel WHEN 'email' THEN c.email WHEN 'webhook' THEN t.detail->>'url' ELSE c.phone END,
		coalesce(t.expires_at < $5, false), coalesce(t.expires_at, $5::timestamptz + interval '100 years'), k.status, `+braked+`, t.transactional, t.priority, t.quiet,
		t.fallback IS NOT NULL, t.yielded_at, `+leftEarly+`, CASE WHEN t.channel = 'webhook' THEN t.detail END, j.entry, j.position,
		w.secret, w.timezone, w.country, w.settings->>'policy',
		coalesce((SELECT p.policy FROM topics p WHERE p.workspace_id = t.workspace_id AND p.name = t.topic), 'opt_out'),
		(SELECT coalesce(jsonb_agg(jsonb_build_object('Topic', x.topic, 'Action', x.action, 'OccurredAt', x.occurred_at,
			'Method', x.method, 'ExpiresAt', x.expires_at) ORDER BY x.occurred_at, x.id), '[]') FROM consents x WHERE x.workspace_id = t.workspace_id
			AND x.customer_id = t.customer_id AND x.channel = t.channel AND x.topic IN (t.topic, '*')),
		(SELECT jsonb_object_agg(provider, until) FROM sender_pauses WHERE workspace_id = $1 AND until > $5),
		`+prefixed("c")+`
		FROM t
		JOIN workspaces w ON w.id = $1
		JOIN customers c ON c.workspace_id = $1 AND c.id = t.customer_id
		JOIN journeys j ON j.workspace_id = $1 AND j.id = t.journey_id
		JOIN campaigns k ON k.workspace_id = $1 AND k.id = t.campaign_id
		ORDER BY t.id`,
		tx.Workspace, r.Cohort, r.Channel, r.Limit+1, r.Now, r.Claim, r.After)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (candidate, error) {
		var o candidate
		c := &o.Customer
		err := row.Scan(&o.TouchID, &o.JourneyID, &o.CampaignID, &o.Campaign, &o.Version, &o.Step, &o.Iteration, &o.Topic,
			&o.Attempts, &o.outcome, &o.Address, &o.expired, &o.expiresAt, &o.status, &o.braked, &o.transactional, &o.priority, &o.quiet,
			&o.fallback, &o.yieldedAt, &o.left, &o.Detail, &o.Entry, &o.Position, &o.Secret, &o.zone, &o.country, &o.rules,
			&o.policy, &o.consents, &o.pauses,
			&c.ID, &c.Kind, &c.ExternalID, &c.Email, &c.Phone, &c.Name, &c.Locale, &c.Timezone, &c.Stage, &c.Tags,
			&c.Attributes, &c.CreatedAt, &c.UpdatedAt)
		return o, err
	})
	if err != nil {
		return nil, fmt.Errorf("read planned messages: %w", err)
	}
	return list, nil
}

// queueClaim marks the messages as claimed, or as suppressed where the address is on the list of suppressions.
func (c *claiming) queueClaim(free []candidate, claimed map[string]time.Time) {
	if len(free) == 0 {
		return
	}
	var ids, addresses, topics []string
	var hashes [][]byte
	for _, m := range free {
		ids, addresses, topics = append(ids, m.TouchID), append(addresses, m.Address), append(topics, m.Topic)
		hashes = append(hashes, hashAddress(m.Secret, c.Channel, m.Address))
	}
	c.batch.Queue(`WITH changed AS (
		UPDATE touches t SET status = CASE WHEN s.reason IS NULL THEN 'claimed' ELSE 'suppressed' END,
			outcome = CASE WHEN s.reason IS NULL THEN '' ELSE 'address is suppressed: ' || s.reason ||
				CASE WHEN s.detail = '' THEN '' ELSE ' (' || s.detail || ')' END END,
			address = u.address, claim = $4, attempts = t.attempts + 1, updated_at = clock_timestamp()
		FROM unnest($5::uuid[], $6::text[], $7::bytea[], $8::text[]) AS u (id, address, hash, topic)
		LEFT JOIN suppressions s ON s.workspace_id = $1 AND s.channel = $3 AND s.address_hash = u.hash
			AND s.cleared_at IS NULL AND (s.scope = 'all' OR u.topic <> '')
		WHERE t.workspace_id = $1 AND t.cohort_id = $2 AND t.channel = $3 AND t.id = u.id AND t.status = 'planned'
		RETURNING t.id, t.status, t.outcome, t.updated_at),
		noted AS (INSERT INTO touch_statuses (workspace_id, touch_id, status, detail, at)
			SELECT $1, id, status, outcome, updated_at FROM changed)
		SELECT id, status, updated_at FROM changed`,
		c.Workspace, c.Cohort, c.Channel, c.Holder(), ids, addresses, hashes, topics).
		Query(func(rows pgx.Rows) error {
			var id string
			var status audience.TouchStatus
			var at time.Time
			_, err := pgx.ForEachRow(rows, []any{&id, &status, &at}, func() error {
				if status == audience.Claimed {
					claimed[id] = at
				} else {
					c.out.Suppressed++
				}
				return nil
			})
			return err
		})
}
