package rehearsal_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
)

const twice = `
campaign: twice
trigger: {event: cart_left}
key: entry.cart
topic: news
steps:
  - sms: {id: one, text: Hello}
  - wait: 1d
  - sms: {id: two, text: Hello}
`

func TestSimulate(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	d, err := campaign.Parse([]byte(twice))
	require.NoError(t, err)
	policy, err := campaign.ParsePolicy([]byte("caps: [{channel: sms, most: 3, within: 3d}]"))
	require.NoError(t, err)
	back := rehearsal.Back{From: from, To: from.AddDate(0, 0, 7), Draft: d, World: rehearsal.Config{Policy: policy}}

	// subject has two carts left, six hours apart, and other messages at these hours after the beginning.
	subject := func(id string, elsewhere ...int) rehearsal.Subject {
		s := rehearsal.Subject{Customer: rehearsal.Customer{Customer: audience.Customer{ID: id, Phone: "+380501234567"}}}
		for i := range 2 {
			s.Inputs = append(s.Inputs, rehearsal.PastInput{At: from.Add(time.Duration(6*i) * time.Hour), Input: rehearsal.Event{
				Name: "cart_left", Properties: map[string]any{"cart": fmt.Sprint(i)},
			}})
		}
		for _, hour := range elsewhere {
			s.Elsewhere = append(s.Elsewhere, campaign.Message{Channel: audience.SMS, At: from.Add(time.Duration(hour) * time.Hour)})
		}
		return s
	}
	play := func(back rehearsal.Back, pages ...[]rehearsal.Subject) *rehearsal.Report {
		s, err := rehearsal.Simulate(back)
		require.NoError(t, err)
		for _, page := range pages {
			require.NoError(t, s.Play(page))
		}
		return s.Report()
	}

	t.Run("Counts journeys and customers", func(t *testing.T) {
		t.Parallel()
		r := play(back, []rehearsal.Subject{subject("ann")}, []rehearsal.Subject{subject("bob"), subject("cid")})
		require.Equal(t, [4]int{3, 6, 3, 6}, [4]int{r.Customers, r.Draft.Journeys, r.Draft.Customers, r.Draft.Steps[0].Reached})
		require.Equal(t, 9, r.Draft.SMS, "the fourth of each is over the cap")
		require.Equal(t, 3, r.Draft.Messages[1].Capped)
		require.Zero(t, r.Crowd.OverContacted)
		require.Equal(t, []rehearsal.ReasonCount{{Reason: "finished", Count: 6}}, r.Draft.Ended)
	})

	t.Run("How it is divided into pages makes no difference", func(t *testing.T) {
		t.Parallel()
		a, b, c := subject("ann", 30), subject("bob"), subject("cid", 400)
		require.Equal(t, play(back, []rehearsal.Subject{a, b, c}), play(back, []rehearsal.Subject{c}, []rehearsal.Subject{a}, []rehearsal.Subject{b}))
	})

	t.Run("Counts those who are contacted too much by both", func(t *testing.T) {
		t.Parallel()
		// Hers go out at 0, 6 and 24 hours: the cap looks at less than 72.
		for hour, most := range map[int]int{71: 4, 72: 0, 95: 0} {
			r := play(back, []rehearsal.Subject{subject("ann", hour)})
			if most == 0 {
				require.Empty(t, r.Crowd.Caps, "%d h", hour)
				continue
			}
			require.Equal(t, []rehearsal.OverCap{{Cap: "3 sms messages within 3d", Allowed: 3, Customers: 1, Most: most}}, r.Crowd.Caps)
			require.Equal(t, 1, r.Crowd.OverContacted)
		}
	})

	t.Run("What cannot be filled in is not sent", func(t *testing.T) {
		t.Parallel()
		broken := back
		broken.Parts = func(_ *campaign.Definition, c *rehearsal.Content) (int, error) {
			if c.Step.StepID() == "two" {
				return 0, errors.New("no name")
			}
			return 2, nil
		}
		r := play(broken, []rehearsal.Subject{subject("ann")})
		require.Equal(t, [3]int{2, 4, 1}, [3]int{r.Draft.SMS, r.Draft.SMSParts, r.Draft.Messages[1].Unfilled})
		require.Equal(t, []rehearsal.ReasonCount{{Reason: "step two: no name", Count: 1}}, r.Draft.Problems)
	})

	t.Run("Needs time", func(t *testing.T) {
		t.Parallel()
		none := back
		none.To = none.From
		_, err := rehearsal.Simulate(none)
		require.ErrorContains(t, err, "let it end later")
	})
}
