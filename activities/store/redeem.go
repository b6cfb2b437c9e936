package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// Redemption is an event that names the code of a coupon.
type Redemption struct {
	EventID    string
	CustomerID string
	Event      string
	Property   string // of the event, which holds the code
	Code       string // upper and lower case are the same
	At         time.Time
}

// coupon is one that somebody may want to redeem.
type coupon struct {
	ID, Pool, Code string
	Customer       *string // nil: still in the pool
	Campaign       string
	Step           string
	Event          string
	Property       string
	Transferable   bool
	ExpiresAt      *time.Time
	RedeemedAt     *time.Time
	RedeemedBy     *string
}

// RedeemCoupons redeems the codes that events name, in their order. The holder of each is told by an event, and so is who
// names a code that cannot be redeemed. Codes that are none of ours, and those that another event redeems, are left alone:
// shops have codes of their own. An event that is repeated changes nothing.
func (tx *Tx) RedeemCoupons(ctx context.Context, asked []Redemption) error {
	if len(asked) == 0 {
		return nil
	}
	codes := make([]string, len(asked))
	for i := range asked {
		codes[i] = strings.ToUpper(asked[i].Code)
	}
	rows, _ := tx.conn.Query(ctx, `SELECT c.id, c.pool, c.code, c.customer_id, coalesce(k.name, ''), c.step, c.event, c.property,
		c.transferable, c.expires_at, c.redeemed_at, c.redeemed_by
		FROM coupons c LEFT JOIN campaigns k ON k.workspace_id = $1 AND k.id = c.campaign_id
		WHERE c.workspace_id = $1 AND upper(c.code) = ANY ($2) ORDER BY c.id FOR UPDATE OF c`, tx.Workspace, codes)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[coupon])
	if err != nil {
		return fmt.Errorf("find coupons: %w", err)
	}
	byCode := map[string]*coupon{}
	for i := range list {
		byCode[strings.ToUpper(list[i].Code)] = &list[i]
	}
	var ids, events []string
	var at []time.Time
	var told []SystemEvent
	for i, r := range asked {
		c := byCode[codes[i]]
		if c == nil || (c.Customer != nil && (c.Event != r.Event || c.Property != r.Property)) ||
			(c.RedeemedBy != nil && *c.RedeemedBy == r.EventID) {
			continue
		}
		if reason := c.refuses(r); reason != "" {
			told = append(told, SystemEvent{
				CustomerID: r.CustomerID, Name: audience.EventCouponRefused, At: r.At, Key: "refused:" + c.ID + ":" + r.EventID,
				Properties: map[string]any{"code": c.Code, "reason": reason},
			})
			continue
		}
		c.RedeemedAt, c.RedeemedBy = &r.At, &r.EventID
		ids, events, at = append(ids, c.ID), append(events, r.EventID), append(at, r.At)
		told = append(told, SystemEvent{
			CustomerID: *c.Customer, Name: audience.EventCouponRedeemed, At: r.At, Key: "redeemed:" + c.ID,
			Properties: map[string]any{
				"code": c.Code, "pool": c.Pool, "campaign": c.Campaign, "step": c.Step, "by": r.CustomerID,
			},
		})
	}
	b := &pgx.Batch{}
	b.Queue(`UPDATE coupons c SET redeemed_at = u.at, redeemed_by = u.event
		FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[]) AS u (id, event, at)
		WHERE c.workspace_id = $1 AND c.id = u.id`, tx.Workspace, ids, events, at)
	if err := queueSystemEvents(b, tx.Workspace, told); err != nil {
		return err
	}
	return wrap("redeem coupons", tx.batch(ctx, b))
}

// refuses says why a coupon cannot be redeemed, "" where it can.
func (c *coupon) refuses(r Redemption) string {
	switch {
	case c.Customer == nil:
		return "given to nobody yet"
	case !c.Transferable && *c.Customer != r.CustomerID:
		return "unknown customer: it was given to another"
	case c.RedeemedAt != nil:
		return "used on " + c.RedeemedAt.UTC().Format("2006-01-02 15:04 UTC")
	case c.ExpiresAt != nil && r.At.After(*c.ExpiresAt):
		return "expired on " + c.ExpiresAt.UTC().Format("2006-01-02 15:04 UTC")
	default:
		return ""
	}
}
