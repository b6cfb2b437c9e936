package campaign_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/rules/campaign"
)

// wholeFile has every step of the language in its long form, with every field.
const wholeFile = `
campaign: whole
trigger: {event: order_completed, when: event.total > 0}
reenter: {when: 'previous.reason == "lost" and days_since(previous.ended_at) > 3'}
concurrent: true
reachable: [sms, email, sms]
holdout: 0.5%
topic: news
priority: 7
brakes: {failures: 5%, bounces: 3%, complaints: 0.1%, unsubscribes: 2%, spend: 100.50, per: 1h, after: 200}
goal: {event: order_completed, when: 'event.coupon == gift.code', within: 14d}
exit: [gift.redeemed, customer.unsubscribed, {event: order_cancelled, when: 'event.order_id == entry.order_id'}]
steps:
  - sms: {id: hi, text: Hi, quiet: skip, expires: 4h, fallback: {email: {template: hi, fallback: {sms: {id: final, template: hi}}}}}
  - email: {id: hello, subject: Hello, html: <p>Hello</p>, text: Hello, quiet: ignore}
  - call: {id: ring, for: {user: ann@example.com}, title: Ring, script: "Hello {{ customer.name }}", due: 1d, dial: true}
  - task: {id: handoff, for: {round_robin: [bob@example.com, ann@example.com]}, title: Hand off, text: more, due: 24h}
  - task: {title: To the owner}
  - note: Asked for a price list
  - owner: {id: own, to: {rule: 'customer.country == "UA" ? "ann@example.com" : "bob@example.com"'}, replace: true}
  - coupon: {id: gift, prefix: BDAY-, expires: 10d, redeemed: {event: order_paid}, transferable: true}
  - coupon: {pool: birthday, redeemed: {event: order_completed, property: coupon}}
  - webhook: {id: stock, url: "https://shop.example/stock?x=1", method: PUT, headers: {X-Shop: "1"}, body: {sku: entry.sku}, wait: true, timeout: 10m}
  - branch: [{when: 'stock.happened and stock.status == 200', steps: [{wait: 1h}]}]
  - journey: {id: upsell, campaign: upsell, data: {sku: entry.sku}, wait: true, timeout: 30d}
  - wait_for: {id: hot, rule: customer.score >= 50, timeout: 5d}
  - wait_for: {id: cart, event: cart_updated, when: event.total > 0, quiet: 1h, timeout: 2d}
  - split:
      id: subject
      arms: {z: 10%, a: {share: 10.5%, steps: [{email: {id: mail, template: a}}]}, winner: rest}
      by: goal
      after: 4h
      alpha: 0.01
      default: a
  - split: {id: half, arms: [{name: y, share: rest}, {name: b, share: 50%, steps: [{exit: gone}]}]}
  - branch: [{when: 'subject.arm == "a" and sent("mail").status == "delivered"', steps: []}, {else: [{exit: }]}]
  - decide: {id: offer, first: [{when: upsell.happened, value: {discount: 15, tags: [a, 1.50, null, true]}}, {else: none}]}
  - repeat:
      id: nag
      while: 'not bought.happened and offer.discount == 15'
      max: 10
      steps:
        - branch: [{when: 'bought.happened or sent("nagging").status == "failed"', steps: [{exit: bought}]}]
        - email: {id: nagging, template: nag}
        - wait_for: {id: bought, event: order_completed, timeout: 3d}
  - update:
      set: {stage: '"nurtured"', bought_at: bought.at}
      add: {score: 10}
      add_tags: [b, a, b]
      remove_tags: [c]
      add_to: [buyers]
      remove_from: [leads]
  - exit: {id: bye, reason: done}
`

func TestParseWhole(t *testing.T) {
	t.Parallel()
	d := parse(t, wholeFile)
	require.Equal(t, campaign.Share(5000), d.Holdout)
	canonical, err := d.Canonical()
	require.NoError(t, err)
	t.Log(strings.ReplaceAll(string(canonical), "},{", "},\n{"))
	again, err := campaign.Decode(canonical)
	require.NoError(t, err)
	require.Equal(t, d.Hash(), again.Hash())
}
