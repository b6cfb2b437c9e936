package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
)

func requests(c store.Cohort, pool string) []store.CouponRequest {
	var list []store.CouponRequest
	for i := range c.Journeys {
		list = append(list, store.CouponRequest{
			JourneyID: c.Journeys[i].ID, CustomerID: c.Journeys[i].CustomerID, CampaignID: c.CampaignID, Step: "gift", Iteration: 1,
			Pool: pool, Event: "order_completed", Property: "coupon", ExpiresAt: noon.Add(time.Hour),
		})
	}
	return list
}

func (l *ledger) issue(list []store.CouponRequest) []campaign.Coupon {
	l.t.Helper()
	var codes []campaign.Coupon
	inTx(l.t, l.st, l.seed, func(tx *store.Tx) error {
		var err error
		codes, err = tx.IssueCoupons(l.t.Context(), list)
		return err
	})
	return codes
}

func TestCoupons(t *testing.T) {
	t.Parallel()

	t.Run("Are never given twice, however many ask at one time", func(t *testing.T) {
		t.Parallel()
		l := openLedger(t)
		const askers, each, free = 20, 5, 70
		var codes []string
		for i := range free {
			codes = append(codes, fmt.Sprintf("CODE%03d", i))
		}
		_, _, err := l.st.AddCoupons(t.Context(), l.seed.Workspace, "pool", codes)
		require.NoError(t, err)
		var cohorts []store.Cohort
		for i := range askers {
			var customers []string
			for k := range each {
				customers = append(customers, l.customer(fmt.Sprintf("u%d-%d", i, k), "", nil))
			}
			cohorts = append(cohorts, l.campaign(fmt.Sprintf("c%d", i), 0, customers...))
		}
		var mu sync.Mutex
		given := map[string]int{}
		var wg sync.WaitGroup
		for _, c := range cohorts {
			wg.Go(func() {
				for _, pool := range []string{"pool", ""} {
					list := requests(c, pool)
					for i := range list {
						list[i].Step += pool
					}
					err := l.st.In(t.Context(), l.seed.Workspace, func(tx *store.Tx) error {
						issued, err := tx.IssueCoupons(t.Context(), list)
						mu.Lock()
						defer mu.Unlock()
						for _, code := range issued {
							given[code.Code]++
						}
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for code, times := range given {
			if code != "" {
				require.Equal(t, 1, times, code)
			}
		}
		pools, err := l.st.CouponPools(t.Context(), l.seed.Workspace)
		require.NoError(t, err)
		// Who asks while others hold codes that they then take, finds none; nothing is lost by that.
		require.Equal(t, free, pools[0].Free+pools[0].Issued)
		require.Equal(t, askers*each-pools[0].Issued, given[""])
	})

	t.Run("Stay with the step that got them", func(t *testing.T) {
		t.Parallel()
		l := openLedger(t)
		c := l.campaign("gift", 0, l.customer("u1", "", nil), l.customer("u2", "", nil))
		first := l.issue(requests(c, ""))
		require.Len(t, first, 2)
		require.NotEqual(t, first[0].Code, first[1].Code)
		require.True(t, noon.Add(time.Hour).Equal(first[0].ExpiresAt))
		require.Equal(t, first, l.issue(requests(c, "")))
		inTx(t, l.st, l.seed, func(tx *store.Tx) error {
			found, err := tx.Coupons(t.Context(), []string{c.Journeys[0].ID})
			require.Equal(t, map[string]map[string]campaign.Coupon{c.Journeys[0].ID: {"gift": first[0]}}, found)
			return err
		})
	})

	t.Run("Give as many as there are, in their order", func(t *testing.T) {
		t.Parallel()
		l := openLedger(t)
		_, _, err := l.st.AddCoupons(t.Context(), l.seed.Workspace, "pool", []string{"A1"})
		require.NoError(t, err)
		c := l.campaign("gift", 0, l.customer("u1", "", nil), l.customer("u2", "", nil))
		codes := l.issue(requests(c, "pool"))
		require.Equal(t, []string{"A1", ""}, []string{codes[0].Code, codes[1].Code})
		require.Empty(t, l.issue(requests(c, "nowhere")[1:])[0].Code)
	})

	t.Run("Are refused where nobody could type them", func(t *testing.T) {
		t.Parallel()
		l := openLedger(t)
		for _, codes := range [][]string{{"ok", ""}, {"two words"}, {"nul\x00"}} {
			_, _, err := l.st.AddCoupons(t.Context(), l.seed.Workspace, "pool", codes)
			require.ErrorIs(t, err, store.ErrInvalid, codes)
		}
		_, _, err := l.st.AddCoupons(t.Context(), l.seed.Workspace, " ", []string{"ok"})
		require.ErrorIs(t, err, store.ErrInvalid)
		pools, err := l.st.CouponPools(t.Context(), l.seed.Workspace)
		require.NoError(t, err)
		require.Empty(t, pools)
	})
}
