package rehearsal_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
)

var monday = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)

func asJSON(t *testing.T, v any) string {
	t.Helper()
	src, err := json.Marshal(v)
	require.NoError(t, err)
	return string(src)
}

func parse(t require.TestingT, src string) *campaign.Definition {
	d, err := campaign.Parse([]byte(src))
	require.NoError(t, err)
	return d
}

func customer(id string) rehearsal.Customer {
	return rehearsal.Customer{Customer: audience.Customer{ID: id, Email: id + "@example.com"}}
}

func TestWorldRefuses(t *testing.T) {
	t.Parallel()
	d := parse(t, hello)

	t.Run("What cannot be set up", func(t *testing.T) {
		t.Parallel()
		_, err := rehearsal.New(rehearsal.Config{Start: monday, Segments: map[string]string{"broken": "customer."}})
		require.ErrorContains(t, err, "segment broken")
		_, err = rehearsal.New(rehearsal.Config{Start: monday, Campaigns: []*campaign.Definition{d, d}})
		require.ErrorContains(t, err, "campaign hello is given twice")
	})

	t.Run("Customers without an id of their own, and what happens to nobody, or in the past", func(t *testing.T) {
		t.Parallel()
		w, err := rehearsal.New(rehearsal.Config{Start: monday, Campaigns: []*campaign.Definition{d}})
		require.NoError(t, err)
		require.NoError(t, w.AddCustomer(customer("ann")))
		require.ErrorContains(t, w.AddCustomer(customer("ann")), "an id of her own")
		require.ErrorContains(t, w.AddCustomer(customer("")), "an id of her own")
		require.ErrorIs(t, w.Happen(monday, "bob", rehearsal.Event{Name: "registered"}), rehearsal.ErrUnknownCustomer)
		require.ErrorContains(t, w.Happen(monday.Add(-1), "ann", rehearsal.Event{Name: "registered"}), "is past")
	})

	t.Run("Campaigns that set each other off for ever", func(t *testing.T) {
		t.Parallel()
		w, err := rehearsal.New(rehearsal.Config{Start: monday, Campaigns: []*campaign.Definition{
			parse(t, `{campaign: ping, trigger: {api: true}, reenter: always, steps: [{journey: {campaign: pong}}]}`),
			parse(t, `{campaign: pong, trigger: {api: true}, reenter: always, steps: [{journey: {campaign: ping}}]}`),
		}})
		require.NoError(t, err)
		require.NoError(t, w.AddCustomer(customer("ann")))
		require.NoError(t, w.Happen(monday, "ann", rehearsal.Ask{Campaign: "ping"}))
		require.ErrorIs(t, w.RunUntil(monday.AddDate(0, 1, 0)), rehearsal.ErrEndless)
	})
}

func TestWorld(t *testing.T) {
	t.Parallel()

	t.Run("Judges those who are added later", func(t *testing.T) {
		t.Parallel()
		w, err := rehearsal.New(rehearsal.Config{Start: monday, Campaigns: []*campaign.Definition{
			parse(t, `{campaign: all, trigger: {audience: {rule: customer.vip, once: false}}, steps: [{note: hi}]}`),
		}})
		require.NoError(t, err)
		require.NoError(t, w.RunUntil(monday.Add(time.Hour)))
		late := customer("ann")
		late.Attributes = map[string]any{"vip": true}
		require.NoError(t, w.AddCustomer(late))
		require.NoError(t, w.RunUntil(monday.Add(time.Hour)))
		require.Equal(t, rehearsal.Entered, w.Log()[0].Kind)
		require.Equal(t, monday.Add(time.Hour), w.Log()[0].At)
	})

	t.Run("Lets those who come late to an experiment wait from its beginning, and not at all once it is decided", func(t *testing.T) {
		t.Parallel()
		w, err := rehearsal.New(rehearsal.Config{Start: monday, Campaigns: []*campaign.Definition{parse(t, `
campaign: offer
trigger: {event: registered}
steps:
  - split: {id: offer, by: clicks, after: 1d, arms: {a: {share: 10%, steps: [{note: {id: in_a, text: A}}]}, b: {share: 10%, steps: [{note: B}]}, winner: rest}}
`)}})
		require.NoError(t, err)
		for i := range 60 {
			id := fmt.Sprint("c", i)
			require.NoError(t, w.AddCustomer(customer(id)))
			require.NoError(t, w.Happen(monday.Add(time.Duration(i)*time.Hour), id, rehearsal.Event{Name: "registered"}))
		}
		require.NoError(t, w.RunUntil(monday.AddDate(0, 0, 9)))
		entered := map[string]time.Time{}
		for _, e := range w.Log() {
			switch e.Kind {
			case rehearsal.Entered:
				entered[e.Customer] = e.At
			case rehearsal.Ended:
				waits := e.At.Sub(entered[e.Customer])
				decided := monday.Add(24 * time.Hour)
				require.True(t, waits == 0 || e.At.Equal(decided), "%s came at %s and left at %s", e.Customer, entered[e.Customer], e.At)
			default:
			}
		}
		require.Len(t, entered, 60)
	})
}

func BenchmarkNewsletter(b *testing.B) {
	d := parse(b, `
campaign: letter
trigger: {audience: "true"}
topic: news
reachable: [email]
steps: [{email: {id: one, subject: Hi, text: "{{ unsubscribe_url }}"}}, {wait: 1d}, {email: {id: two, subject: Hi, text: "{{ unsubscribe_url }}"}}]
`)
	for b.Loop() {
		w, err := rehearsal.New(rehearsal.Config{Start: monday, Campaigns: []*campaign.Definition{d}, Forget: true})
		require.NoError(b, err)
		for i := range 10_000 {
			require.NoError(b, w.AddCustomer(customer(fmt.Sprint("c", i))))
		}
		require.NoError(b, w.RunUntil(monday.AddDate(0, 0, 2)))
	}
}
