package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/calendar"
	"dotyk/rules/campaign"
)

// capsLock, with a hash of a customer, makes one transaction at a time count that customer's messages. It is taken after
// all other locks of a claim but those of segments.
const capsLock = 7465

// How a message lets others of higher priority go first: it asks again after each pause, and no longer than patience in
// all, because the other's sender may be away.
const (
	yieldPause    = time.Second
	yieldPatience = 30 * time.Second
)

// crowd is what competes for a customer's attention.
type crowd struct {
	sent    []campaign.Message // marketing messages that went out within the longest cap
	planned []rival            // those that are to go out now
	coming  []campaign.Message // journeys of other campaigns that have not been moved yet: each may plan a message
}

type rival struct {
	campaign.Message
	journey string
}

// underCaps gives those of the messages that have a place under the caps. What has none is suppressed; what a message of
// higher priority may still take the place of, waits for that one's fate.
func (c *claiming) underCaps(ctx context.Context, list []candidate) ([]candidate, error) {
	var customers []string
	for i := range list {
		if !list[i].transactional {
			customers = append(customers, list[i].Customer.ID)
		}
	}
	if len(customers) == 0 {
		return list, nil
	}
	slices.Sort(customers)
	crowds, err := c.crowds(ctx, slices.Compact(customers))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(m candidate) bool {
		return !m.transactional && !c.takesPlace(&m, crowds[m.Customer.ID])
	}), nil
}

func (c *claiming) takesPlace(m *candidate, others *crowd) bool {
	own := campaign.Message{
		ID: m.TouchID, Channel: c.Channel, Topic: m.Topic, Campaign: m.Campaign, Priority: m.priority, At: c.Now,
	}
	if ok, why := c.policy.Slot(own, others.sent, nil); !ok {
		c.decide(m, "capped", why+others.last(), nil)
		c.suppress(m, why, true)
		return false
	}
	rivals := others.rivals(m.JourneyID)
	if m.yieldedAt == nil || c.Now.Sub(*m.yieldedAt) < yieldPatience {
		ok, why := c.policy.Slot(own, others.sent, rivals)
		if ok {
			ok, why = c.policy.Slot(own, others.sent, slices.Concat(rivals, others.before(own)))
		}
		if !ok {
			if m.yieldedAt == nil {
				c.decide(m, "waits", why, nil)
			}
			c.hold(m, c.Now.Add(yieldPause), "lets another go first: "+why, true)
			return false
		}
	}
	c.won(m, own, others.sent, rivals)
	others.sent = append(others.sent, own)
	return true
}

// won records whose place a message took.
func (c *claiming) won(m *candidate, own campaign.Message, sent, rivals []campaign.Message) {
	with := append(slices.Clone(sent), own)
	for _, r := range rivals {
		before, _ := c.policy.Slot(r, sent, nil)
		after, why := c.policy.Slot(r, with, nil)
		if before && !after {
			c.decide(m, "first", fmt.Sprintf("it takes the place of a message of campaign %s, of priority %d: then %s",
				r.Campaign, r.Priority, why), map[string]any{"rival": r.ID, "campaign": r.Campaign, "priority": r.Priority})
		}
	}
}

// last names the message that took the last place.
func (o *crowd) last() string {
	if len(o.sent) == 0 {
		return ""
	}
	m := slices.MaxFunc(o.sent, func(a, b campaign.Message) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return fmt.Sprintf("; the last one was of campaign %s, of priority %d, on %s", m.Campaign, m.Priority,
		calendar.Moment(m.At, time.UTC))
}

// rivals are the planned messages of other journeys.
func (o *crowd) rivals(journey string) []campaign.Message {
	var list []campaign.Message
	for _, r := range o.planned {
		if r.journey != journey {
			list = append(list, r.Message)
		}
	}
	return list
}

// before are the messages that journeys of higher priority may be about to plan, taken to be like the given one.
func (o *crowd) before(own campaign.Message) []campaign.Message {
	var list []campaign.Message
	for _, m := range o.coming {
		if m.Priority > own.Priority {
			m.Channel, m.Topic, m.At = own.Channel, own.Topic, own.At
			list = append(list, m)
		}
	}
	return list
}

// crowds loads what competes for some customers, whom no other claim counts until this transaction ends.
func (c *claiming) crowds(ctx context.Context, customers []string) (map[string]*crowd, error) {
	_, err := c.tx.conn.Exec(ctx, `SELECT pg_advisory_xact_lock($1, hash) FROM (
		SELECT DISTINCT hashtext(id) AS hash FROM unnest($2::text[]) id ORDER BY 1) h`, capsLock, customers)
	if err != nil {
		return nil, fmt.Errorf("lock customers for caps: %w", err)
	}
	found := map[string]*crowd{}
	for _, id := range customers {
		found[id] = &crowd{}
	}
	var customer, journey string
	var m campaign.Message
	b := &pgx.Batch{}
	// updated_at is never before the claim: it spares looking the claim up.
	b.Queue(`SELECT t.customer_id, t.id, t.channel, t.topic, k.name, t.priority, h.at FROM touches t
		JOIN campaigns k ON k.workspace_id = t.workspace_id AND k.id = t.campaign_id
		CROSS JOIN LATERAL (SELECT max(at) AS at FROM touch_statuses
			WHERE workspace_id = t.workspace_id AND touch_id = t.id AND status = 'claimed') h
		WHERE t.workspace_id = $1 AND t.customer_id = ANY ($2) AND t.direction = 'out' AND NOT t.transactional
			AND t.channel IN ('email', 'sms') AND t.status IN ('claimed', 'accepted', 'delivered', 'uncertain')
			AND t.updated_at > $3 AND h.at > $3 ORDER BY h.at, t.id`, c.Workspace, customers, c.Now.Add(-c.policy.Window())).
		Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&customer, &m.ID, &m.Channel, &m.Topic, &m.Campaign, &m.Priority, &m.At},
				func() error {
					found[customer].sent = append(found[customer].sent, m)
					return nil
				})
			return err
		})
	// What goes out now has one moment, so that of equal priorities the one that was planned first goes first.
	b.Queue(`SELECT t.customer_id, t.id, t.channel, t.topic, k.name, t.priority, t.journey_id FROM touches t
		JOIN campaigns k ON k.workspace_id = t.workspace_id AND k.id = t.campaign_id AND k.status = 'live'
		WHERE t.workspace_id = $1 AND t.customer_id = ANY ($2) AND t.direction = 'out' AND NOT t.transactional
			AND t.channel IN ('email', 'sms') AND t.status = 'planned' AND (t.not_before IS NULL OR t.not_before <= $3
				OR t.yielded_at IS NOT NULL)
			AND (t.expires_at IS NULL OR t.expires_at > $3) ORDER BY t.id`, c.Workspace, customers, c.Now).
		Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&customer, &m.ID, &m.Channel, &m.Topic, &m.Campaign, &m.Priority, &journey},
				func() error {
					m.At = c.Now
					found[customer].planned = append(found[customer].planned, rival{m, journey})
					return nil
				})
			return err
		})
	b.Queue(`SELECT j.customer_id, j.id, k.name, k.priority FROM journeys j
		JOIN campaigns k ON k.workspace_id = j.workspace_id AND k.id = j.campaign_id
			AND k.status = 'live' AND NOT k.transactional
		WHERE j.workspace_id = $1 AND j.customer_id = ANY ($2) AND j.status = 'active' AND j.due_at <= $3 ORDER BY j.id`,
		c.Workspace, customers, c.Now).
		Query(func(rows pgx.Rows) error {
			m = campaign.Message{}
			_, err := pgx.ForEachRow(rows, []any{&customer, &m.ID, &m.Campaign, &m.Priority}, func() error {
				found[customer].coming = append(found[customer].coming, m)
				return nil
			})
			return err
		})
	if err := c.tx.batch(ctx, b); err != nil {
		return nil, fmt.Errorf("count messages for caps: %w", err)
	}
	return found, nil
}
