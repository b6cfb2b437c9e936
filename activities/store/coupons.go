package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// maxCode is in bytes: longer codes are nothing that a person would type.
const maxCode = 100

// CouponPool is codes that campaigns give to customers, each once.
type CouponPool struct {
	Name     string
	Free     int
	Issued   int // given to a customer, the redeemed ones among them
	Redeemed int
}

// AddCoupons puts codes into a pool, which is made by the first. Codes differ by more than the case of their letters, in
// the whole workspace; known counts those that were there before, which stay as they are. ErrInvalid for a code that is
// empty, longer than 100 bytes, or has white space within it; then none is added.
func (s *Store) AddCoupons(ctx context.Context, workspace int64, pool string, codes []string) (added, known int, err error) {
	if strings.TrimSpace(pool) == "" || clean(pool) != pool {
		return 0, 0, fmt.Errorf("add coupons: %w: the pool needs a name", ErrInvalid)
	}
	var list []string
	seen := map[string]bool{}
	for i, code := range codes {
		code = strings.TrimSpace(code)
		if code == "" || len(code) > maxCode || len(strings.Fields(code)) > 1 || clean(code) != code {
			return 0, 0, fmt.Errorf("add coupons: %w: code %d, %q, is empty, too long or has spaces in it", ErrInvalid, i+1, code)
		}
		if upper := strings.ToUpper(code); !seen[upper] {
			seen[upper] = true
			list = append(list, code)
		}
	}
	err = s.In(ctx, workspace, func(tx *Tx) error {
		ids := make([]string, len(list))
		for i := range ids {
			ids[i] = newID()
		}
		tag, err := tx.conn.Exec(ctx, `INSERT INTO coupons (workspace_id, id, pool, code)
			SELECT $1, u.id, $2, u.code FROM unnest($3::uuid[], $4::text[]) WITH ORDINALITY AS u (id, code, n)
			ORDER BY upper(u.code) ON CONFLICT DO NOTHING`, workspace, pool, ids, list)
		if err != nil {
			return err
		}
		added = int(tag.RowsAffected())
		known = len(codes) - added
		return tx.Audit(ctx, "coupons.added", pool, map[string]any{"added": added, "known": known})
	})
	return added, known, wrap("add coupons", err)
}

// CouponPools lists the pools by name. Codes that campaigns made up are not in any.
func (s *Store) CouponPools(ctx context.Context, workspace int64) ([]CouponPool, error) {
	var list []CouponPool
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT pool, count(*) FILTER (WHERE customer_id IS NULL),
			count(*) FILTER (WHERE customer_id IS NOT NULL), count(*) FILTER (WHERE redeemed_at IS NOT NULL)
			FROM coupons WHERE workspace_id = $1 AND pool <> '' GROUP BY pool ORDER BY pool`, workspace)
		var err error
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[CouponPool])
		return err
	})
	return list, wrap("list coupon pools", err)
}
