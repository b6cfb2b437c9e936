package rehearsal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// code is a coupon that was given to somebody.
type code struct {
	text    string
	step    *campaign.CouponStep
	run     *run
	expires time.Time // zero: never
	used    bool
}

// The event that redeems a coupon which does not say, and its property.
const (
	redeemingEvent    = "order_completed"
	redeemingProperty = "coupon"
)

// redeeming gives the event that redeems a coupon, and the property of it that holds the code.
func redeeming(s *campaign.CouponStep) (event, property string) {
	return cmp.Or(s.Event, redeemingEvent), cmp.Or(s.Property, redeemingProperty)
}

// watchCoupons notes which events redeem the coupons of a campaign.
func (w *World) watchCoupons(steps []campaign.Step) {
	campaign.Walk(steps, func(step campaign.Step) {
		if s, ok := step.(*campaign.CouponStep); ok {
			event, property := redeeming(s)
			if !slices.Contains(w.redeem[event], property) {
				w.redeem[event] = append(w.redeem[event], property)
			}
		}
	})
}

// issue gives a code: the next one of the pool, else "PREFIX0001" and so on.
func (w *World) issue(r *run, e campaign.IssueCoupon) {
	source := "pool " + e.Coupon.Pool
	if e.Coupon.Pool == "" {
		source = "prefix " + e.Coupon.Prefix
	}
	number := w.issued[source]
	w.issued[source]++
	text := fmt.Sprintf("%s%04d", e.Coupon.Prefix, number+1)
	if pool, known := w.config.Pools[e.Coupon.Pool]; known {
		if number >= len(pool) {
			problem := r.entry(Problem, e.Step, e.Iteration)
			problem.Reason = "pool " + e.Coupon.Pool + " has no code left"
			w.note(problem)
			put(&r.codeless, e.Step, e.Coupon.Pool)
			return
		}
		text = pool[number]
	} else if e.Coupon.Pool != "" {
		text = fmt.Sprintf("%s-%04d", strings.ToUpper(e.Coupon.Pool), number+1)
	}
	put(&r.coupons, e.Step, campaign.Coupon{Code: text, ExpiresAt: e.ExpiresAt})
	w.codes[strings.ToLower(text)] = &code{text: text, step: e.Coupon, run: r, expires: e.ExpiresAt}
	entry := r.entry(Coupon, e.Step, e.Iteration)
	entry.Text, entry.Until = text, e.ExpiresAt
	w.note(entry)
}

// redeemBy redeems the coupon that an event holds, if it does.
func (w *World) redeemBy(p *person, e audience.Event) {
	for _, property := range w.redeem[e.Name] {
		text, _ := e.Properties[property].(string)
		c := w.codes[strings.ToLower(text)]
		if c == nil {
			continue
		}
		if event, where := redeeming(c.step); event != e.Name || where != property {
			continue
		}
		if why := c.refusal(p, w.now); why != "" {
			w.system(p, audience.EventCouponRefused, map[string]any{"code": c.text, "reason": why})
			continue
		}
		c.used = true
		if given := c.run.coupons[c.step.ID]; given.Code == c.text { // of a repeated step the latest counts
			given.RedeemedAt = w.now
			put(&c.run.coupons, c.step.ID, given)
		}
		w.note(Entry{Kind: Redeemed, Customer: p.ID, Campaign: c.run.live.Name, Step: c.step.ID, Text: c.text})
		w.system(c.run.person, audience.EventCouponRedeemed, map[string]any{
			"code": c.text, "pool": c.step.Pool, "campaign": c.run.live.Name, "step": c.step.ID,
			"by": p.ID,
		})
	}
}

func (c *code) refusal(p *person, now time.Time) string {
	switch {
	case c.run.person != p && !c.step.Transferable:
		return "unknown customer: it was given to another"
	case c.used:
		return "used"
	case !c.expires.IsZero() && now.After(c.expires):
		return "expired"
	}
	return ""
}
