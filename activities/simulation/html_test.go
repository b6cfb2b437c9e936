package simulation_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/simulation"
	"dotyk/rules/campaign/rehearsal"
)

var keep = flag.String("page", "", "write the page of the tests to this file, to look at it")

// busy is a report with something of everything, and with markup wherever text of a customer or marketer may stand.
func busy() *rehearsal.Report {
	const evil = `<script>alert("x")</script>`
	o := rehearsal.Outcome{
		Journeys: 12480, Customers: 12003, HeldOut: 611, UnderWay: 3021, Converted: 1904, Email: 21044, SMS: 3100, SMSParts: 5204, SMSCost: 260.2,
		NotEntered: []rehearsal.ReasonCount{{Reason: "entered on …, and the campaign may be entered only once", Count: 4032}, {Reason: evil, Count: 2}},
		Ended:      []rehearsal.ReasonCount{{Reason: "finished", Count: 7555}, {Reason: "converted: order_completed", Count: 1904}},
		Problems:   []rehearsal.ReasonCount{{Reason: "step nudge: " + evil, Count: 3}},
		Steps: []rehearsal.StepOutcome{
			{Step: "hello", Kind: "email", Reached: 12480},
			{Step: "pause", Kind: "wait", Reached: 12480, Waiting: 800},
			{Step: "bought", Kind: "wait_for", Reached: 11000, Waiting: 2221, Ways: []rehearsal.Way{{Outcome: "happened", Rule: `event.sku == "` + evil + `"`, Count: 2400}, {Outcome: "timed_out", Count: 6379}}},
			{Step: "ways", Kind: "branch", Reached: 8779, Ways: []rehearsal.Way{{Outcome: "arm_1", Rule: "bought.happened", Count: 2400}, {Outcome: "else", Count: 6379}}},
			{Step: "nudge", Kind: "sms", Depth: 1, Reached: 6379},
			{Step: "instead", Kind: "email", Depth: 2, Reached: 2900},
			{Step: "ring", Kind: "task", Depth: 1, Reached: 2400, Done: 2400},
		},
		Messages: []rehearsal.MessageOutcome{
			{Step: "hello", Channel: "email", Sent: 11000, Capped: 900, Expired: 3, Quiet: 2, Refused: []rehearsal.ReasonCount{{Reason: "no e-mail address on the record", Count: 575}}, Held: 4021, HeldMean: 31022, HeldMost: 43200, Open: 12},
			{Step: "nudge", Channel: "sms", Sent: 3100, Unfilled: 3, Refused: []rehearsal.ReasonCount{{Reason: "no phone number on the record", Count: 2900}, {Reason: evil, Count: 1}}, Parts: 5204, Cost: 260.2},
			{Step: "instead", Channel: "email", FallbackOf: "nudge", Sent: 2700, Refused: []rehearsal.ReasonCount{}},
		},
	}
	for d := range 31 {
		o.Days = append(o.Days, rehearsal.Day{Day: day(1+d, 0, 0).Format("2006-01-02"), Email: 300 + (d*137)%500, SMS: (d * 53) % 260})
	}
	live := o
	live.Journeys, live.Email, live.Messages = 10100, 10100, o.Messages[:1]
	return &rehearsal.Report{
		Campaign: "cart " + evil, From: day(1, 0, 0), To: day(31, 0, 0), Zone: "Europe/Kyiv", Customers: 48211, Of: 1000000, SMSPrice: 0.05,
		Draft: o, Live: &live, LiveVersion: 7, Pools: []rehearsal.CouponNeed{{Pool: "spring " + evil, Free: 100, Wanted: 230}},
		Crowd: rehearsal.Crowd{
			Customers: 3020, OverContacted: 214, Campaigns: []rehearsal.OtherCampaign{{Campaign: "newsletter " + evil, Customers: 3020, Messages: 9120}},
			Caps: []rehearsal.OverCap{{Cap: "3 email messages within 7d", Allowed: 3, Customers: 214, Most: 6}},
		},
		Assumptions: []string{"Fields and attributes of customers are as they are now: no history of them is kept.", evil},
	}
}

func TestWriteHTML(t *testing.T) {
	t.Parallel()
	write := func(r *rehearsal.Report) string {
		var out bytes.Buffer
		require.NoError(t, simulation.WriteHTML(&out, r, day(31, 12, 0)))
		return out.String()
	}

	t.Run("Shows the figures", func(t *testing.T) {
		t.Parallel()
		page := write(busy())
		for _, want := range []string{
			"12,003", "21,044", "3,100", "in 5,204 parts", "260.20", "48,211 of 1,000,000 customers", "1 January 2026, 02:00", "Europe/Kyiv",
			"held by quiet hours", "8.6 h on average, 12.0 h at most", "12 still held", "in place of nudge", "&#43;2,380 (&#43;24 %)",
			"3 email messages within 7d", "230 codes would have been given; 100 are free now", "timed_out: 6,379", "2026-01-31: ",
		} {
			require.True(t, strings.Contains(page, want), want) //nolint:testifylint // it would print the whole page
		}
		if *keep != "" {
			require.NoError(t, os.WriteFile(*keep, []byte(page), 0o600))
		}
	})

	t.Run("Takes no text for markup, and loads nothing", func(t *testing.T) {
		t.Parallel()
		page := write(busy())
		require.NotContains(t, page, "<script")
		require.Equal(t, 0, strings.Count(page, "src="))
		require.Equal(t, 0, strings.Count(page, "href="))
		require.Contains(t, page, "&lt;script&gt;")
	})

	t.Run("Has nothing to show", func(t *testing.T) {
		t.Parallel()
		page := write(&rehearsal.Report{Campaign: "cart", From: day(1, 0, 0), To: day(2, 0, 0), Zone: "UTC"})
		require.Contains(t, page, "No message would have been sent")
		require.NotContains(t, page, "Beside the live version")
	})
}
