package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// LiveCampaign names the version that customers enter at present.
type LiveCampaign struct {
	ID      string
	Name    string
	Version int
}

const sqlLive = `SELECT id, name, version FROM campaigns
	WHERE workspace_id = $1 AND status = 'live' ORDER BY priority DESC, name`

// LiveCampaigns lists what customers can enter, those of higher priority first, then by name, so that every picker judges
// them in one order.
func (tx *Tx) LiveCampaigns(ctx context.Context) ([]LiveCampaign, error) {
	rows, _ := tx.conn.Query(ctx, sqlLive, tx.Workspace)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[LiveCampaign])
	if err != nil {
		return nil, fmt.Errorf("list live campaigns: %w", err)
	}
	return list, nil
}

// Entrances is what decides about whom events let in.
type Entrances struct {
	Campaigns []LiveCampaign // in order, see LiveCampaigns
	Policy    campaign.Policy
	Zone      string            // of the workspace
	Coupons   []CouponRedeeming // by the named events
}

// CouponRedeeming says that a property of an event holds codes of coupons.
type CouponRedeeming struct{ Event, Property string }

// Entrances reads, in one round trip, what decides about whom events of the given names let in.
func (tx *Tx) Entrances(ctx context.Context, events []string) (Entrances, error) {
	var e Entrances
	b := &pgx.Batch{}
	b.Queue(sqlLive, tx.Workspace).Query(func(rows pgx.Rows) error {
		var err error
		e.Campaigns, err = pgx.CollectRows(rows, pgx.RowToStructByPos[LiveCampaign])
		return err
	})
	b.Queue(`SELECT settings ->> 'policy', timezone FROM workspaces WHERE id = $1`, tx.Workspace).QueryRow(func(row pgx.Row) error {
		var text *string
		if err := row.Scan(&text, &e.Zone); err != nil {
			return err
		}
		var err error
		e.Policy, err = tx.policies.parse(text)
		return err
	})
	b.Queue(`SELECT event, property FROM coupon_events WHERE workspace_id = $1 AND event = ANY ($2) ORDER BY event, property`,
		tx.Workspace, events).Query(func(rows pgx.Rows) error {
		var err error
		e.Coupons, err = pgx.CollectRows(rows, pgx.RowToStructByPos[CouponRedeeming])
		return err
	})
	return e, wrap("read what lets customers in", tx.batch(ctx, b))
}

// NamedCampaign is a campaign as a request names it, whatever its status.
type NamedCampaign struct {
	ID      string
	Name    string
	Version int
	Status  CampaignStatus
}

// CampaignsNamed finds campaigns by name; a name that none has is missing from the result.
func (tx *Tx) CampaignsNamed(ctx context.Context, names []string) (map[string]NamedCampaign, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT id, name, version, status FROM campaigns WHERE workspace_id = $1 AND name = ANY ($2)`,
		tx.Workspace, names)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[NamedCampaign])
	found := map[string]NamedCampaign{}
	for _, c := range list {
		found[c.Name] = c
	}
	return found, wrap("find campaigns", err)
}

// Contacts is what is known about reaching customers, for campaigns that let in only those who can be reached.
type Contacts struct {
	Suppressed map[audience.Channel]map[string]bool // by channel and customer: the address must not be contacted
	Sent       map[string][]campaign.Message        // by customer: the marketing messages since a moment
}

// Contacts reads what is known about reaching customers. Marketing messages are those since the given moment; the zero
// moment asks for none.
func (tx *Tx) Contacts(ctx context.Context, customers []audience.Customer, since time.Time) (Contacts, error) {
	c := Contacts{Suppressed: map[audience.Channel]map[string]bool{}, Sent: map[string][]campaign.Message{}}
	secret, err := tx.secret(ctx)
	if err != nil {
		return c, err
	}
	var ids, owners, channels []string
	var hashes [][]byte
	for i := range customers {
		k := &customers[i]
		ids = append(ids, k.ID)
		for channel, address := range map[audience.Channel]string{audience.Email: k.Email, audience.SMS: k.Phone} {
			if address != "" {
				owners, channels = append(owners, k.ID), append(channels, string(channel))
				hashes = append(hashes, hashAddress(secret, channel, address))
			}
		}
	}
	b := &pgx.Batch{}
	var owner string
	var channel audience.Channel
	b.Queue(`SELECT u.owner, u.channel FROM unnest($2::uuid[], $3::text[], $4::bytea[]) AS u (owner, channel, hash)
		JOIN suppressions s ON s.workspace_id = $1 AND s.channel = u.channel AND s.address_hash = u.hash
			AND s.cleared_at IS NULL`, tx.Workspace, owners, channels, hashes).
		Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&owner, &channel}, func() error {
				if c.Suppressed[channel] == nil {
					c.Suppressed[channel] = map[string]bool{}
				}
				c.Suppressed[channel][owner] = true
				return nil
			})
			return err
		})
	if !since.IsZero() {
		queueSent(b, tx.Workspace, ids, since, c.Sent)
	}
	return c, wrap("read who can be reached", tx.batch(ctx, b))
}

// queueSent asks for the marketing messages that customers got since a moment, or are about to get.
func queueSent(b *pgx.Batch, ws int64, customers []string, since time.Time, into map[string][]campaign.Message) {
	var customer string
	var m campaign.Message
	b.Queue(`SELECT c.id, t.id, t.channel, t.topic, coalesce(k.name, ''), t.priority, t.updated_at
		FROM unnest($2::uuid[]) AS c (id)
		CROSS JOIN LATERAL (SELECT * FROM touches WHERE workspace_id = $1 AND customer_id = c.id AND updated_at >= $3
			AND direction = 'out' AND NOT transactional AND channel IN ('email', 'sms')
			AND status IN ('claimed', 'accepted', 'delivered', 'uncertain') OFFSET 0) t
		LEFT JOIN campaigns k ON k.workspace_id = $1 AND k.id = t.campaign_id
		ORDER BY t.updated_at, t.id`, ws, customers, since).
		Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&customer, &m.ID, &m.Channel, &m.Topic, &m.Campaign, &m.Priority, &m.At},
				func() error {
					into[customer] = append(into[customer], m)
					return nil
				})
			return err
		})
}
