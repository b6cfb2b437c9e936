package simulation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/simulation"
	"dotyk/activities/store"
	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
)

const cart = `
campaign: cart
trigger: {event: cart_updated, when: 'event.total > 0'}
topic: news
goal: {event: order_completed}
steps:
  - email: {id: hello, subject: Hi, text: Hello}
  - wait: {id: pause, for: 1d}
  - wait_for: {id: viewed, event: product_viewed, timeout: 2d}
  - branch:
      id: ways
      arms:
        - when: viewed.happened
          steps:
            - sms:
                id: nudge
                text: "Hello {{ customer.name }}, your cart waits for you. It will be kept until Sunday, so that nobody else takes what you chose; then it is emptied, and you have to begin anew, which takes a while."
                fallback: {email: {id: instead, subject: Hi, text: Hello}}
        - else: [{task: {id: ring, title: Call, for: {user: ann@example.com}}}]
  - wait: {id: rest, for: 30d}
`

const live = `
campaign: cart
trigger: {event: cart_updated}
topic: news
reenter: always
steps:
  - email: {id: hello, subject: Hi, text: Hello}
`

const promo = `
campaign: promo
trigger: {api: true}
topic: news
steps:
  - email: {id: mail, subject: Hi, text: Hello}
`

const policy = `
quiet: [{from: "21:00", to: "09:00"}]
caps: [{channel: email, most: 2, within: 7d}]
`

// shop is a week of which every figure is known by hand.
func shop(t *testing.T) *past {
	t.Helper()
	p := newPast(t)
	parsed, err := campaign.ParsePolicy([]byte(policy))
	require.NoError(t, err)
	require.NoError(t, p.st.SetPolicy(t.Context(), p.seed.Workspace, parsed))
	promoID, cartID := p.publish(promo), p.publish(live)

	ids := map[string]string{}
	for user := range strings.FieldsSeq("ann bob cid dan eve fay gus hal ivy jon kim lea") {
		ids[user] = p.person(user, nil)
	}
	full, empty := map[string]any{"total": 10}, map[string]any{"total": 0}
	p.happen("ann", "cart_updated", day(5, 10, 0), full, store.Profile{Phone: new("+380501234567")})
	p.happen("ann", "product_viewed", day(6, 12, 0), nil, store.Profile{})
	p.happen("bob", "cart_updated", day(6, 10, 0), full, store.Profile{})
	p.happen("cid", "cart_updated", day(6, 10, 0), empty, store.Profile{})
	p.happen("dan", "cart_updated", day(4, 10, 0), full, store.Profile{})
	p.happen("eve", "cart_updated", day(7, 9, 0), full, store.Profile{})
	p.happen("eve", "order_completed", day(7, 18, 0), nil, store.Profile{})
	p.happen("fay", "cart_updated", day(7, 10, 0), full, store.Profile{})
	p.happen("fay", "product_viewed", day(9, 10, 0), nil, store.Profile{})
	p.happen("gus", "cart_updated", day(10, 22, 30), full, store.Profile{})
	p.happen("hal", "cart_updated", day(11, 10, 0), full, store.Profile{})
	p.happen("ivy", "cart_updated", day(7, 10, 0), full, store.Profile{})
	p.happen("jon", "cart_updated", day(7, 10, 0), full, store.Profile{})
	p.happen("kim", "cart_updated", day(8, 10, 0), full, store.Profile{})
	p.happen("lea", "cart_updated", day(12, 0, 0), full, store.Profile{})

	require.NoError(t, p.st.Withdraw(t.Context(), store.Withdrawal{
		Workspace: p.seed.Workspace, Customer: ids["fay"], Channel: "email", Topic: "news", Method: "one_click", At: day(1, 0, 0),
	}))
	p.suppressed("hal@example.com", day(2, 0, 0), nil)
	p.journey(cartID, ids["ivy"], day(2, 0, 0), day(3, 0, 0))
	p.mailed(promoID, ids["jon"], "news", day(3, 12, 0))
	p.mailed(promoID, ids["jon"], "news", day(4, 12, 0))
	p.journey(promoID, ids["kim"], day(7, 0, 0), time.Time{})
	p.mailed(promoID, ids["kim"], "news", day(9, 12, 0))
	p.mailed(promoID, ids["kim"], "news", day(10, 12, 0))
	return p
}

func TestRun(t *testing.T) {
	t.Parallel()
	r := shop(t).simulate(cart)

	t.Run("Who enters, and who does not", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, 12, r.Customers)
		require.Equal(t, 12, r.Of)
		require.Equal(t, 8, r.Draft.Journeys)
		require.Equal(t, 8, r.Draft.Customers)
		require.Equal(t, []rehearsal.ReasonCount{
			{Reason: "entered on …, and the campaign may be entered only once", Count: 1},
			{Reason: "the rule does not hold", Count: 1},
		}, r.Draft.NotEntered)
		require.Equal(t, 1, r.Draft.Converted)
		require.Equal(t, 7, r.Draft.UnderWay)
		require.Equal(t, []rehearsal.ReasonCount{{Reason: "converted: order_completed", Count: 1}}, r.Draft.Ended)
	})

	t.Run("How far they come", func(t *testing.T) {
		t.Parallel()
		for id, want := range map[string][2]int{
			"hello": {8, 0}, "pause": {8, 1}, "viewed": {6, 1}, "ways": {5, 0}, "nudge": {2, 0}, "instead": {1, 0}, "ring": {3, 0},
			"rest": {5, 5},
		} {
			s := step(t, r.Draft, id)
			require.Equal(t, want, [2]int{s.Reached, s.Waiting}, id)
		}
		require.Equal(t, []rehearsal.Way{
			{Outcome: "arm_1", Rule: "viewed.happened", Count: 2}, {Outcome: "else", Count: 3},
		}, step(t, r.Draft, "ways").Ways)
		require.Equal(t, 3, step(t, r.Draft, "ring").Done)
	})

	t.Run("What is sent and what is not", func(t *testing.T) {
		t.Parallel()
		hello := message(t, r.Draft, "hello")
		require.Equal(t, 5, hello.Sent) // ann, bob, eve, gus, kim
		require.Equal(t, 1, hello.Capped)
		require.Equal(t, []rehearsal.ReasonCount{
			{Reason: "address is suppressed: bad_address", Count: 1},
			{Reason: "unsubscribed from topic news on … by one_click", Count: 1},
		}, hello.Refused)
		require.Equal(t, [3]int{1, 37800, 37800}, [3]int{hello.Held, hello.HeldMean, hello.HeldMost})
		nudge := message(t, r.Draft, "nudge")
		require.Equal(t, [2]int{1, 2}, [2]int{nudge.Sent, nudge.Parts})
		require.InDelta(t, 0.10, nudge.Cost, 1e-9)
		require.Equal(t, []rehearsal.ReasonCount{{Reason: "no phone number on the record", Count: 1}}, nudge.Refused)
		require.Equal(t, "nudge", message(t, r.Draft, "instead").FallbackOf)
		require.Equal(t, 1, message(t, r.Draft, "instead").NotSent())
		require.Equal(t, []rehearsal.Day{
			{Day: "2026-01-05", Email: 1},
			{Day: "2026-01-06", Email: 1, SMS: 1},
			{Day: "2026-01-07", Email: 1},
			{Day: "2026-01-08", Email: 1},
			{Day: "2026-01-09"},
			{Day: "2026-01-10"},
			{Day: "2026-01-11", Email: 1},
		}, r.Draft.Days)
	})

	t.Run("What else reached them", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, rehearsal.Crowd{
			Customers: 1, Campaigns: []rehearsal.OtherCampaign{{Campaign: "promo", Customers: 1, Messages: 2}}, OverContacted: 1,
			Caps: []rehearsal.OverCap{{Cap: "2 email messages within 7d", Allowed: 2, Customers: 1, Most: 3}},
		}, r.Crowd)
	})

	t.Run("What the live version would have done", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, 1, r.LiveVersion)
		require.NotNil(t, r.Live)
		require.Equal(t, 10, r.Live.Journeys) // cid, too, and ivy again
		require.Equal(t, 7, message(t, *r.Live, "hello").Sent)
		require.Empty(t, r.Live.NotEntered)
	})

	t.Run("What is taken for granted", func(t *testing.T) {
		t.Parallel()
		said := strings.Join(r.Assumptions, "\n")
		require.Contains(t, said, "published on 2026-01-05 00:00 UTC")
		require.Contains(t, said, "nobody completes them")
		require.NotContains(t, said, "sample")
	})
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	for name, o := range map[string]simulation.Options{
		"ends on 2026-01-05 00:00 UTC; let it end later": {From: day(5, 0, 0), To: day(5, 0, 0), Now: day(20, 0, 0)},
		"is yet to come": {From: day(5, 0, 0), To: day(21, 0, 0), Now: day(20, 0, 0)},
	} {
		o.Draft = define(t, cart)
		_, err := simulation.Run(t.Context(), p.st, p.seed.Workspace, o)
		require.ErrorIs(t, err, simulation.ErrRange)
		require.ErrorContains(t, err, name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p.person("ann", nil)
	o := simulation.Options{From: day(5, 0, 0), To: day(6, 0, 0), Now: day(20, 0, 0), Draft: define(t, cart)}
	o.Progress = func(int, int) { cancel() }
	_, err := simulation.Run(ctx, p.st, p.seed.Workspace, o)
	require.ErrorIs(t, err, context.Canceled)
}
