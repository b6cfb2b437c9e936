package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/campaign"
)

// CouponRequest asks for a code for a customer, at one step of a journey.
type CouponRequest struct {
	JourneyID    string
	CustomerID   string
	CampaignID   string
	Step         string
	Iteration    int
	Pool         string // "" where the code is made up
	Prefix       string // of one that is made up
	ExpiresAt    time.Time
	Event        string // that redeems it
	Property     string // of the event, which holds the code
	Transferable bool
}

func (r *CouponRequest) key() string { return touchKey(r.JourneyID, r.Step, r.Iteration) }

// couponTries bounds how often codes are made up anew because they were taken.
const couponTries = 10

var errCouponsTaken = errors.New("every code that was made up is taken: use a longer prefix")

// IssueCoupons gives each request a code, and tells them in the order of the requests: a code of "" where the pool was
// empty. A step of a journey that has a code already keeps it.
func (tx *Tx) IssueCoupons(ctx context.Context, list []CouponRequest) ([]campaign.Coupon, error) {
	if err := tx.watchCoupons(ctx, list); err != nil {
		return nil, fmt.Errorf("issue coupons: %w", err)
	}
	issued := map[string]campaign.Coupon{}
	for try := 0; ; try++ {
		todo, err := tx.uncouponed(ctx, list, issued)
		if err != nil {
			return nil, fmt.Errorf("issue coupons: %w", err)
		}
		var made []CouponRequest
		pooled := map[string][]CouponRequest{}
		for _, r := range todo {
			if r.Pool == "" {
				made = append(made, r)
			} else if try == 0 {
				pooled[r.Pool] = append(pooled[r.Pool], r)
			}
		}
		if len(made) == 0 && len(pooled) == 0 {
			break
		}
		if try == couponTries {
			return nil, fmt.Errorf("issue coupons: %w", errCouponsTaken)
		}
		if err := tx.makeUpCoupons(ctx, made, pooled); err != nil {
			return nil, fmt.Errorf("issue coupons: %w", err)
		}
	}
	out := make([]campaign.Coupon, len(list))
	for i := range list {
		out[i] = issued[list[i].key()]
	}
	return out, nil
}

// watchCoupons notes which events redeem the codes.
func (tx *Tx) watchCoupons(ctx context.Context, list []CouponRequest) error {
	events := stepsOf(list, func(r *CouponRequest) string { return r.Event + "\n" + r.Property })
	_, err := tx.conn.Exec(ctx, `INSERT INTO coupon_events (workspace_id, event, property)
		SELECT $1, split_part(u, E'\n', 1), split_part(u, E'\n', 2) FROM unnest($2::text[]) u
		WHERE NOT EXISTS (SELECT FROM coupon_events WHERE workspace_id = $1 AND event = split_part(u, E'\n', 1)
			AND property = split_part(u, E'\n', 2)) ORDER BY u ON CONFLICT DO NOTHING`, tx.Workspace, events)
	return err
}

// uncouponed reads which of the requests have a code, into issued, and gives the others.
func (tx *Tx) uncouponed(ctx context.Context, list []CouponRequest, issued map[string]campaign.Coupon) ([]CouponRequest, error) {
	journeys := stepsOf(list, func(r *CouponRequest) string { return r.JourneyID })
	rows, _ := tx.conn.Query(ctx, `SELECT journey_id, step, iteration, code, expires_at, redeemed_at FROM coupons
		WHERE workspace_id = $1 AND journey_id = ANY ($2)`, tx.Workspace, journeys)
	var journey, step string
	var iteration int
	var c campaign.Coupon
	var expires, redeemed *time.Time
	_, err := pgx.ForEachRow(rows, []any{&journey, &step, &iteration, &c.Code, &expires, &redeemed}, func() error {
		c.ExpiresAt, c.RedeemedAt = orZero(expires), orZero(redeemed)
		issued[touchKey(journey, step, iteration)] = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(list), func(r CouponRequest) bool {
		_, has := issued[r.key()]
		return has
	}), nil
}

// makeUpCoupons writes new codes, and takes free ones from the pools. What finds its code taken by another goes without.
func (tx *Tx) makeUpCoupons(ctx context.Context, made []CouponRequest, pooled map[string][]CouponRequest) error {
	b := &pgx.Batch{}
	if len(made) > 0 {
		c := columnsOf(made)
		codes, ids := make([]string, len(made)), make([]string, len(made))
		for i := range made {
			code, err := randomCode()
			if err != nil {
				return err
			}
			codes[i], ids[i] = clean(made[i].Prefix)+code, newID()
		}
		b.Queue(`INSERT INTO coupons (workspace_id, id, code, customer_id, campaign_id, journey_id, step, iteration, event,
				property, transferable, issued_at, expires_at)
			SELECT $1, u.id, u.code, u.customer, u.campaign, u.journey, u.step, u.iteration, u.event, u.property,
				u.transferable, clock_timestamp(), u.expires
			FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::integer[], $9::text[],
				$10::text[], $11::boolean[], $12::timestamptz[])
			AS u (id, code, customer, campaign, journey, step, iteration, event, property, transferable, expires)
			ORDER BY upper(u.code) ON CONFLICT DO NOTHING`,
			tx.Workspace, ids, codes, c.customers, c.campaigns, c.journeys, c.steps, c.iterations, c.events, c.properties,
			c.transferable, c.expires)
	}
	for _, pool := range slices.Sorted(maps.Keys(pooled)) {
		c := columnsOf(pooled[pool])
		b.Queue(`WITH free AS (
				SELECT id, row_number() OVER (ORDER BY id) AS n FROM (
					SELECT id FROM coupons WHERE workspace_id = $1 AND pool = $2 AND customer_id IS NULL
					ORDER BY id LIMIT cardinality($3::uuid[]) FOR UPDATE SKIP LOCKED) f)
			UPDATE coupons k SET customer_id = u.customer, campaign_id = u.campaign, journey_id = u.journey, step = u.step,
				iteration = u.iteration, event = u.event, property = u.property, transferable = u.transferable,
				issued_at = clock_timestamp(), expires_at = u.expires
			FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::integer[], $8::text[], $9::text[], $10::boolean[],
				$11::timestamptz[]) WITH ORDINALITY
				AS u (customer, campaign, journey, step, iteration, event, property, transferable, expires, n)
			JOIN free ON free.n = u.n WHERE k.workspace_id = $1 AND k.id = free.id`,
			tx.Workspace, pool, c.customers, c.campaigns, c.journeys, c.steps, c.iterations, c.events, c.properties,
			c.transferable, c.expires)
	}
	return tx.batch(ctx, b)
}

// couponColumns are requests as parameters.
type couponColumns struct {
	customers, campaigns, journeys, steps, events, properties []string
	iterations                                                []int32
	transferable                                              []bool
	expires                                                   []*time.Time
}

func columnsOf(list []CouponRequest) couponColumns {
	var c couponColumns
	for i := range list {
		r := &list[i]
		c.customers, c.campaigns = append(c.customers, r.CustomerID), append(c.campaigns, r.CampaignID)
		c.journeys, c.steps = append(c.journeys, r.JourneyID), append(c.steps, r.Step)
		c.events, c.properties = append(c.events, r.Event), append(c.properties, r.Property)
		c.iterations = append(c.iterations, int32(r.Iteration)) //nolint:gosec // counted by ones
		c.transferable, c.expires = append(c.transferable, r.Transferable), append(c.expires, orNil(r.ExpiresAt))
	}
	return c
}

// codeLetters are digits and letters that nobody takes for one another: no 0 and O, no 1, I and L, no U.
const codeLetters = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

// randomCode makes ten of codeLetters up, of which there are 5.9e14.
func randomCode() (string, error) {
	code := make([]byte, 0, 10)
	var raw [16]byte
	for len(code) < cap(code) {
		if _, err := rand.Read(raw[:]); err != nil {
			return "", fmt.Errorf("make up a code: %w", err)
		}
		for _, r := range raw {
			// What is beyond the last multiple of their number would make the first letters likelier.
			if n := len(codeLetters); int(r) < 256/n*n && len(code) < cap(code) {
				code = append(code, codeLetters[int(r)%n])
			}
		}
	}
	return string(code), nil
}

// Coupons gives the codes of journeys, by journey and step; of a repeated step, the latest.
func (tx *Tx) Coupons(ctx context.Context, journeys []string) (map[string]map[string]campaign.Coupon, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT journey_id, step, code, expires_at, redeemed_at FROM coupons
		WHERE workspace_id = $1 AND journey_id = ANY ($2) ORDER BY iteration`, tx.Workspace, journeys)
	found := map[string]map[string]campaign.Coupon{}
	var journey, step string
	var c campaign.Coupon
	var expires, redeemed *time.Time
	_, err := pgx.ForEachRow(rows, []any{&journey, &step, &c.Code, &expires, &redeemed}, func() error {
		c.ExpiresAt, c.RedeemedAt = orZero(expires), orZero(redeemed)
		if found[journey] == nil {
			found[journey] = map[string]campaign.Coupon{}
		}
		found[journey][step] = c
		return nil
	})
	return found, wrap("load coupons", err)
}

// OutcomeNoCode is the outcome of the decision of kind error which says that a pool had no code left for a coupon step.
const OutcomeNoCode = "no code"

// CouponsNotGiven lists the coupon steps of a journey whose pool was empty when the journey came by.
func (tx *Tx) CouponsNotGiven(ctx context.Context, customer, journey string) ([]string, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT DISTINCT step FROM decisions WHERE workspace_id = $1 AND customer_id = $2
		AND journey_id = $3 AND kind = $4 AND outcome = $5 ORDER BY step`,
		tx.Workspace, customer, journey, campaign.DecisionError, OutcomeNoCode)
	steps, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return steps, wrap("list coupons that were not given", err)
}
