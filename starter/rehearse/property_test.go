package rehearse_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
	"dotyk/starter/campaigns"
)

// live are the campaigns of all journeys together.
func live(t *testing.T) []*campaign.Definition {
	t.Helper()
	files, _ := journeys(t)
	names, err := fs.Glob(files, "j*.yaml")
	require.NoError(t, err)
	var all []*campaign.Definition
	for _, name := range names {
		if strings.Contains(name, ".scenario.") {
			continue
		}
		l, err := campaigns.Load(files, name, campaigns.Known{})
		require.NoError(t, err)
		all = append(all, l.Definition)
	}
	return all
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// happening is an input at a moment.
type happening struct {
	at       time.Time
	customer string
	input    rehearsal.Input
}

// inputsDrawn are what the campaigns listen to, and what stands in their way.
func inputDrawn(t *rapid.T) rehearsal.Input {
	id := rapid.SampledFrom([]string{"1", "2"}).Draw(t, "id")
	number := json.Number(rapid.SampledFrom([]string{"0", "1", "150"}).Draw(t, "number"))
	event := func(name string) rehearsal.Input {
		return rehearsal.Event{Name: name, Properties: map[string]any{
			"list": "newsletter", "cart_id": id, "items": number, "total": number, "product_id": id, "order_id": id,
			"form": "whitepaper", "page": "pricing", "webinar_id": id, "coupon": "BDAY-000" + id,
			"starts_at": "2026-01-20T15:00:00Z", "ends_at": "2026-01-20T16:00:00Z",
		}}
	}
	channel := rapid.SampledFrom([]audience.Channel{audience.Email, audience.SMS}).Draw(t, "channel")
	topic := rapid.SampledFrom([]string{"offers", "newsletter", "birthday", audience.AllTopics}).Draw(t, "topic")
	return rapid.SampledFrom([]rehearsal.Input{
		event("optin_confirmed"), event("order_completed"), event("order_delivered"), event("order_refunded"),
		event("cart_updated"), event("product_viewed"), event("product_added"), event("form_submitted"), event("page_viewed"),
		event("demo_video"), event("deal_created"), event("webinar_registered"), event("registration_cancelled"),
		event("webinar_attended"), event("signed_up"), event("email_verified"), event("account_deleted"),
		rehearsal.Update{Set: map[string]any{"birthday": "1990-01-1" + id, "lifecycle": "lead", "company_size": number}},
		rehearsal.Update{Set: map[string]any{"timezone": "America/New_York"}},
		rehearsal.Consent{Channel: channel, Topic: topic, Action: audience.Withdrawn},
		rehearsal.Consent{Channel: channel, Topic: topic, Action: audience.Granted},
		rehearsal.Suppression{Channel: channel, Reason: "hard bounce"},
		rehearsal.Completion{Step: "handoff", Outcome: rapid.SampledFrom([]string{"rejected", "won"}).Draw(t, "outcome")},
		rehearsal.Response{Step: "letter_" + map[string]string{"1": "a", "2": "b"}[id]},
		rehearsal.Ask{Campaign: "post_purchase", Data: map[string]any{"order_id": id}},
	}).Draw(t, "input")
}

func happenings(t *rapid.T) []happening {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) happening {
		return happening{
			at:       start.Add(time.Duration(rapid.IntRange(0, 40*24).Draw(t, "hours")) * time.Hour),
			customer: rapid.SampledFrom([]string{"ann", "bob", "cid"}).Draw(t, "customer"),
			input:    inputDrawn(t),
		}
	}), 0, 60).Draw(t, "happenings")
}

func world(t require.TestingT, all []*campaign.Definition, list []happening, observe func(rehearsal.Entry)) *rehearsal.World {
	policy, err := campaign.ParsePolicy([]byte(`{quiet: [{from: "21:00", to: "09:00"}], caps: [{channel: email, most: 5, within: 7d}], holdout: 1%}`))
	require.NoError(t, err)
	w, err := rehearsal.New(rehearsal.Config{Start: start, Policy: policy, Campaigns: all, Observe: observe, Forget: observe != nil})
	require.NoError(t, err)
	for _, id := range []string{"ann", "bob", "cid"} {
		require.NoError(t, w.AddCustomer(rehearsal.Customer{Customer: audience.Customer{
			ID: id, Email: id + "@example.com", Phone: "+380501234567", Timezone: "Europe/Kyiv",
		}}))
	}
	for _, h := range list {
		require.NoError(t, w.Happen(h.at, h.customer, h.input))
	}
	return w
}

func texts(log []rehearsal.Entry) []string {
	list := make([]string, len(log))
	for i := range log {
		list[i] = log[i].String()
	}
	return list
}

// TestWorld lets random things happen to customers of all ten campaigns at once.
func TestWorld(t *testing.T) {
	t.Parallel()
	all := live(t)
	rapid.Check(t, func(t *rapid.T) {
		list := happenings(t)
		end := start.AddDate(0, 4, 0)
		once := world(t, all, list, nil)
		require.NoError(t, once.RunUntil(end))

		done, last := map[string]bool{}, start
		for _, e := range once.Log() {
			require.False(t, e.At.Before(last), "the log is in order of time")
			last = e.At
			if e.Kind == rehearsal.Sent || e.Kind == rehearsal.Task || e.Kind == rehearsal.Coupon {
				key := fmt.Sprintf("%s %s %s %d", e.Kind, e.Journey, e.Step, e.Iteration)
				require.False(t, done[key], "twice: %s", key)
				done[key] = true
			}
		}

		var observed []rehearsal.Entry
		again := world(t, all, list, func(e rehearsal.Entry) { observed = append(observed, e) })
		for stop := start; stop.Before(end); {
			stop = stop.Add(time.Duration(rapid.IntRange(1, 30*24*60).Draw(t, "minutes")) * time.Minute)
			require.NoError(t, again.RunUntil(stop))
			require.Equal(t, stop, again.Now())
		}
		for len(observed) > 0 && observed[len(observed)-1].At.After(end) { // the last stop may lie behind the end
			observed = observed[:len(observed)-1]
		}
		require.Equal(t, texts(once.Log()), texts(observed), "however far the clock goes at a time")
		require.Empty(t, again.Log())
	})
}
