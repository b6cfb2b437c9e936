package campaigns

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
)

func TestPlanWarnsOfPools(t *testing.T) {
	t.Parallel()
	const source = `
campaign: gift
trigger: {audience: 'customer.email != ""'}
topic: news
steps:
  - coupon: {id: gift, pool: spring}
  - email: {id: mail, subject: Hi, text: "{{ gift.code }}"}
`
	s := open(t)
	add := func(codes ...string) {
		t.Helper()
		_, _, err := s.Store.AddCoupons(t.Context(), s.ws, "spring", codes)
		require.NoError(t, err)
	}
	warnings := func() []string {
		t.Helper()
		l, err := s.Check(t.Context(), s.ws, Text{Source: source})
		require.NoError(t, err)
		plan, err := s.Plan(t.Context(), s.ws, l, store.Moves{})
		require.NoError(t, err)
		require.Equal(t, 2, *plan.AudienceSize)
		return fewCodes(l)
	}
	s.happen("ann", "seen", nil)
	s.happen("bob", "seen", nil)
	add("ONE")
	require.Equal(t, []string{"step gift takes codes from the pool spring, and it has fewer free codes than the 2 customers " +
		"who would enter at once: the last ones get none, and no message that shows it"}, warnings())
	add("TWO")
	require.Empty(t, warnings())
	s.publish(source)
	s.giveAway("spring", "ann", "bob")
	l, err := s.Check(t.Context(), s.ws, Text{Source: source})
	require.NoError(t, err)
	require.Equal(t, []string{"step gift takes codes from the pool spring, and it has no free code: whoever comes here gets " +
		"none, and no message that shows it"}, fewCodes(l))
}

// giveAway gives a code of a pool to each of some customers.
func (s *shop) giveAway(pool string, users ...string) {
	s.t.Helper()
	var list []store.CouponRequest
	v, err := s.Store.CampaignVersion(s.t.Context(), s.ws, "gift", 0)
	require.NoError(s.t, err)
	for _, user := range users {
		c, err := s.Store.FindCustomer(s.t.Context(), s.ws, user)
		require.NoError(s.t, err)
		list = append(list, store.CouponRequest{
			JourneyID: store.NewJourneyID(), CustomerID: c.ID, CampaignID: v.CampaignID, Step: "gift", Iteration: 1,
			Pool: pool, Event: "order_completed", Property: "coupon",
		})
	}
	require.NoError(s.t, s.Store.In(s.t.Context(), s.ws, func(tx *store.Tx) error {
		_, err := tx.IssueCoupons(s.t.Context(), list)
		return err
	}))
}

// fewCodes are the warnings of pools that run out.
func fewCodes(l *Loaded) []string {
	var list []string
	for _, w := range l.Warnings {
		if w.Code == campaign.CodeFewCodes {
			list = append(list, w.Message)
		}
	}
	return list
}
