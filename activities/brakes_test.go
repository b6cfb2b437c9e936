package activities

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/channels/email/smtptest"
	"dotyk/rules/audience"
)

const offer = `
campaign: offer
trigger: {event: registered}
topic: news
brakes: {bounces: 20%, failures: 100%, unsubscribes: 20%, after: 5}
steps: [{email: {id: mail, subject: Hi, text: Hello}}]
`

func TestBrakes(t *testing.T) {
	t.Parallel()

	t.Run("Pause a campaign while it is being sent", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.mail.SetFault(func(stage smtptest.Stage, _ string) *smtptest.Fault {
			if stage == smtptest.Rcpt {
				return &smtptest.Fault{Reply: "550 5.1.1 no such user"}
			}
			return nil
		})
		s.publish(offer)
		for i := range 12 {
			s.happen(fmt.Sprintf("u%d", i), "registered", nil)
		}
		started := s.pick()
		require.NotEmpty(t, started)
		for _, c := range started {
			s.advance(c.ID)
			_, err := s.send(c, audience.Email)
			require.NoError(t, err)
			require.NoError(t, s.brake(t.Context(), s.seed.Workspace))
		}
		list, err := s.Store.Brakes(t.Context(), s.seed.Workspace, store.BrakeFilter{Holding: true, Limit: 10})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, "bounces", list[0].Passed)
	})

	t.Run("Hear of those who unsubscribe, from the sweeper", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(offer)
		for i := range 5 {
			s.happen(fmt.Sprintf("u%d", i), "registered", nil)
		}
		for _, c := range s.pick() {
			s.advance(c.ID)
			_, err := s.send(c, audience.Email)
			require.NoError(t, err)
		}
		for i := range 2 {
			require.NoError(t, s.Store.Withdraw(t.Context(), store.Withdrawal{
				Workspace: s.seed.Workspace, TouchID: s.touch(fmt.Sprintf("u%d", i), audience.Email).ID, Topic: "news",
				Method: "one_click", At: time.Now(),
			}))
		}
		s.pick()
		w := &sweeper{Activities: s.Activities}
		require.NoError(t, w.brakes(t.Context(), time.Now()))
		list, err := s.Store.Brakes(t.Context(), s.seed.Workspace, store.BrakeFilter{Holding: true, Limit: 10})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, "2 of 5 messages made their recipients unsubscribe within 1h: 40.00%, more than 20%", list[0].Reason)
	})
}
