package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
	"dotyk/starter/campaigns"
)

func TestWhyText(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 20, 9, 0, 0, 0, time.Local)
	at := func(minutes int) time.Time { return began.Add(time.Duration(minutes) * time.Minute) }
	w := &campaigns.Why{
		Customer: campaigns.WhyCustomer{Name: "Ann\x1b[31m Lee"},
		Campaign: store.StoryCampaign{Name: "nudge", Status: store.Live, Version: 3},
		Answer:   "entered, and is under way",
		Journeys: []campaigns.WhyJourney{
			{
				StoryJourney: store.StoryJourney{
					Version: 2, Status: campaign.Active, EnteredAt: at(0), Key: "c7", Entry: map[string]any{"total": 80},
				},
				Standing: &campaigns.Standing{Step: "bought", Kind: "wait_for", Since: at(5), Until: at(60), For: []string{"order_completed"}},
				Arms:     map[string]string{"look": "b"},
				Decisions: []store.StoryDecision{
					{
						At: at(0), Version: 2, Kind: "trigger", Outcome: "entered", Reason: "cart_left happened and the rule holds",
						Rule: "event.total > 50", Values: map[string]any{"event.total": 80}, Event: "cart_left", EventAt: at(-1),
					},
					{At: at(4), Version: 2, Kind: "send", Step: "hello", Outcome: "held", Reason: "quiet hours"},
				},
				Messages: []store.StoryMessage{
					{
						Step: "hello", Channel: audience.SMS, Status: audience.Planned, At: at(3), UpdatedAt: at(4), Reason: "it was due",
						Outcome: "quiet hours", NotBefore: at(30), ExpiresAt: at(90),
					},
					{Step: "mail", Channel: audience.Email, Status: audience.Suppressed, At: at(5), UpdatedAt: at(5), Address: "a@b.c", Outcome: "unsubscribed"},
				},
				Tasks: []store.StoryTask{
					{Kind: "task", Step: "greet", Title: "Greet", Status: "done", CreatedAt: at(6), Wanted: "who@shop.example", Outcome: "reached", Note: "nice", ClosedAt: at(7)},
				},
				Coupons: []store.StoryCoupon{{Step: "gift", Code: "A1", IssuedAt: at(8), ExpiresAt: at(9), RedeemedAt: at(9)}},
			},
			{StoryJourney: store.StoryJourney{Version: 3, Status: campaign.Exited, EnteredAt: at(100), EndedAt: at(110), Reason: "bought"}},
		},
		Refusals: []store.StoryDecision{{At: at(120), Version: 3, Kind: "trigger", Outcome: "not entered", Reason: "the rule does not hold"}},
		Checks:   []campaigns.WhyCheck{{About: "campaign", OK: true, Text: "it is live"}, {About: "rule", Text: "the rule does not hold"}},
	}
	require.Equal(t, `Ann[31m Lee and campaign nudge (live, version 3)
entered, and is under way

journey of 2026-11-20 09:00:00, version 2, active
  key       c7
  entry     {"total":80}
  stands    at bought (wait_for) since 2026-11-20 09:05:00, until 2026-11-20 10:00:00; may be moved by order_completed
  split     look: arm b
  2026-11-20 09:00:00  trigger: entered, because cart_left happened and the rule holds  [v2]
                       cart_left of 2026-11-20 08:59:00
                       rule event.total > 50
                       event.total = 80
  2026-11-20 09:03:00  sms hello: planned 2026-11-20 09:04:00
                       because it was due
                       answer quiet hours
                       held back until 2026-11-20 09:30:00
                       not after 2026-11-20 10:30:00
  2026-11-20 09:04:00  send hello: held, because quiet hours  [v2]
  2026-11-20 09:05:00  email mail: suppressed to a@b.c
                       answer unsubscribed
  2026-11-20 09:06:00  task greet: done, for nobody (there is no user who@shop.example): Greet
                       2026-11-20 09:07:00: reached nice
  2026-11-20 09:08:00  coupon gift: A1, redeemed 2026-11-20 09:09:00, expires 2026-11-20 09:09:00

journey of 2026-11-20 10:40:00, version 3, exited 2026-11-20 10:50:00 (bought)

judged, and not let in
  2026-11-20 11:00:00  trigger: not entered, because the rule does not hold  [v3]

would the customer enter now?
  ✓ it is live
  ✗ the rule does not hold
`, whyText(w, true))
}
