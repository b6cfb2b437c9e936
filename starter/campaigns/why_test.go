package campaigns

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

const nudge = `
campaign: nudge
trigger: {event: cart_left, when: 'event.total > 50'}
topic: news
steps:
  - sms: {id: hello, text: "Your cart waits"}
  - wait: {id: pause, for: 2d}
`

func TestWhy(t *testing.T) {
	t.Parallel()

	t.Run("Tells of somebody under way where she stands and what was sent", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(nudge)
		s.happen("ann", "cart_left", map[string]any{"total": 80})
		s.run()
		w := s.why("ann", "nudge")
		require.Len(t, w.Journeys, 1)
		j := w.Journeys[0]
		require.Equal(t, campaign.Active, j.Status)
		require.Equal(t, "pause", j.Standing.Step)
		require.Equal(t, "wait", j.Standing.Kind)
		require.WithinDuration(t, time.Now().Add(48*time.Hour), j.Standing.Until, time.Minute)
		require.Len(t, j.Messages, 1)
		require.Equal(t, audience.Accepted, j.Messages[0].Status)
		require.Equal(t, "hello", j.Messages[0].Step)
		require.Equal(t, campaign.Entered, j.Decisions[0].Outcome)
		require.Equal(t, "cart_left", j.Decisions[0].Event)
		require.Contains(t, j.Decisions[0].Rule, "event.total > 50")
		require.Contains(t, w.Answer, "is under way: at step pause (wait) until")
		require.Contains(t, blocked(w), "a journey is under way")
	})

	t.Run("Tells what the rule of a re-entry saw of the journey before", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish("campaign: again\ntrigger: {event: signed, when: 'event.plan == \"pro\"'}\n" +
			"reenter: {when: 'previous.reason == \"lost\"'}\nsteps: [{exit: won}]")
		for range 2 {
			s.happen("ann", "signed", map[string]any{"plan": "pro"})
			s.run()
		}
		w := s.why("ann", "again")
		require.Len(t, w.Refusals, 1)
		require.Equal(t, map[string]any{"event.plan": "pro", "previous.reason": "won"}, w.Refusals[0].Values)
		reentry := w.Checks[slices.IndexFunc(w.Checks, func(c WhyCheck) bool { return c.About == AboutReentry })]
		require.False(t, reentry.OK)
		require.False(t, reentry.Explanation.Holds)
		require.Contains(t, fmt.Sprint(reentry.Explanation.Changes), "won")
	})

	t.Run("Tells of somebody for whom the rule did not hold", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(nudge)
		s.happen("ann", "cart_left", map[string]any{"total": 20})
		s.run()
		w := s.why("ann@example.com", "nudge")
		require.Empty(t, w.Journeys)
		require.Len(t, w.Refusals, 1)
		require.Equal(t, campaign.NotEntered, w.Refusals[0].Outcome)
		require.Contains(t, w.Answer, "the rule does not hold")
		require.Contains(t, blocked(w), "rule: the rule does not hold: event.total is 20; it must be more than 50")
		for _, c := range w.Checks {
			require.Equal(t, c.About == AboutRule, c.Explanation != nil, c.About)
		}
	})

	t.Run("Tells of somebody to whom nothing happened", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.happen("ann", "registered", nil)
		s.happen("bob", "cart_left", map[string]any{"total": 80})
		s.run()
		s.publish(nudge)
		require.Equal(t, "did not enter: cart_left never happened to this customer", s.why("ann", "nudge").Answer)
		require.Contains(t, s.why("bob", "nudge").Answer, "before the campaign was published on")
	})

	t.Run("Tells of a campaign that nobody enters", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(nudge)
		s.happen("ann", "registered", nil)
		for _, status := range []store.CampaignStatus{store.Paused, store.Stopped, store.Archived} {
			require.NoError(t, s.Store.SetCampaignStatus(t.Context(), s.ws, "nudge", status))
			require.Contains(t, s.why("ann", "nudge").Answer, "did not enter: the campaign is "+string(status))
		}
	})

	t.Run("Tells of somebody who is held out", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish("campaign: nudge\ntrigger: {event: cart_left}\nholdout: 99.9999%\ntopic: news\nsteps: [{sms: {text: hi}}]\n")
		s.happen("bob", "registered", nil)
		s.happen("ann", "cart_left", nil)
		s.run()
		w := s.why("ann", "nudge")
		require.Len(t, w.Journeys, 1)
		require.Equal(t, campaign.HeldOut, w.Journeys[0].Status)
		require.Contains(t, w.Answer, "held out on")
		w = s.why("bob", "nudge")
		require.Contains(t, w.Checks[len(w.Checks)-1].Text, "kept out, to compare with")
	})

	t.Run("Tells of messages that were suppressed, held back and capped", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(nudge)
		s.happen("ann", "unsubscribed", nil, func(m *store.Message) {
			m.Profile.Consents = []audience.Consent{{
				Channel: audience.SMS, Topic: "news", Action: audience.Withdrawn, Method: "sms_keyword", OccurredAt: m.OccurredAt,
			}}
		})
		s.happen("ann", "cart_left", map[string]any{"total": 80})
		s.run()
		require.Contains(t, s.why("ann", "nudge").Answer, "sms hello was not sent: unsubscribed from topic news")

		now := time.Now().UTC()
		s.policy(fmt.Sprintf("quiet: [{from: %q, to: %q}]", now.Add(-time.Hour).Format("15:04"), now.Add(2*time.Hour).Format("15:04")))
		s.happen("bob", "cart_left", map[string]any{"total": 80})
		s.run()
		w := s.why("bob", "nudge")
		require.Contains(t, w.Answer, "sms hello is held back until "+now.Add(2*time.Hour).Format("2006-01-02 15:04")+" UTC: quiet hours until")
		require.WithinDuration(t, now.Add(2*time.Hour), w.Journeys[0].Messages[0].NotBefore, time.Minute)

		s.policy(`caps: [{channel: sms, most: 1, within: 7d}]`)
		s.publish("campaign: other\ntrigger: {event: left}\ntopic: news\nsteps: [{sms: {id: one, text: a}}, {sms: {id: two, text: b}}]\n")
		s.happen("cyd", "left", nil)
		s.run()
		w = s.why("cyd", "other")
		require.Contains(t, w.Answer, "sms two was not sent: ")
		s.publish("campaign: third\ntrigger: {event: left}\nreachable: [sms]\ntopic: news\nsteps: [{sms: {text: c}}]\n")
		s.happen("cyd", "left", nil)
		require.Contains(t, blocked(s.why("cyd", "third")), "reachable: not reachable by sms: ")
		s.run()
		require.Contains(t, s.why("cyd", "third").Answer, "did not enter when judged on")
	})
}

func TestWhyByTrigger(t *testing.T) {
	t.Parallel()
	const rest = "topic: news\nsteps: [{sms: {text: hi}}]\n"
	for name, c := range map[string]struct{ campaign, answer string }{
		"segment":      {"trigger: {segment: vip}\n", "trigger: the customer is not in segment vip and never was"},
		"segment left": {"trigger: {segment: {left: vip}}\n", "trigger: the customer never was in segment vip"},
		"api":          {"trigger: {api: true}\n", "trigger: only those enter for whom a program"},
		"date missing": {"trigger: {date: {attribute: birthday, yearly: true}}\n", "trigger: the record has no birthday"},
		"date":         {"trigger: {date: {attribute: hired, yearly: true}, when: 'customer.plan == \"b\"'}\n", "rule: the rule does not hold: customer.plan is"},
		"date past":    {"trigger: {date: {attribute: hired}}\n", "trigger: hired is 2001-05-07, for which there is no moment ahead"},
		"schedule":     {"trigger: {schedule: {cron: '0 9 * * *', audience: 'customer.plan == \"b\"'}}\n", "rule: the rule does not hold"},
		"audience":     {"trigger: {audience: 'customer.plan == \"b\"'}\n", "trigger: everybody was judged once"},
		"living":       {"trigger: {audience: {rule: 'customer.plan == \"b\"', once: false}}\n", "rule: the rule does not hold"},
		"unreachable":  {"trigger: {audience: {rule: true, once: false}}\nreachable: [email]\n", "reachable: not reachable by email: no e-mail address on the record"},
		"no key":       {"trigger: {event: paid}\nkey: entry.order\n", "key: the key entry.order has no value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			_, err := s.Store.CreateSegment(t.Context(), s.ws, store.SegmentDraft{Name: "vip", Kind: store.SegmentStatic})
			require.NoError(t, err)
			s.publish("campaign: c\n" + c.campaign + rest)
			s.happen("ann", "paid", nil, func(m *store.Message) {
				m.Profile = store.Profile{Attributes: map[string]any{"plan": "a", "hired": "2001-05-07"}}
			})
			s.run()
			require.Contains(t, blocked(s.why("ann", "c")), c.answer)
		})
	}
}

func TestWhyOfAMomentAhead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ trigger, answer string }{
		"date":     {"{date: {attribute: hired, yearly: true}}", "did not enter so far: hired is 2001-05-07: the customer enters on "},
		"schedule": {"{schedule: {cron: '0 9 * * *', audience: 'customer.plan == \"a\"'}}", "did not enter so far: the customer may enter at the next moment"},
		"audience": {"{audience: {rule: true, at: \"2099-01-01T00:00:00Z\"}}", "did not enter so far: the audience enters on 2099-01-01 00:00 UTC"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.publish("campaign: c\ntrigger: " + c.trigger + "\nsteps: [{wait: 1d}]\n")
			s.happen("ann", "paid", nil, func(m *store.Message) {
				m.Profile = store.Profile{Attributes: map[string]any{"plan": "a", "hired": "2001-05-07"}}
			})
			s.run()
			require.Contains(t, s.why("ann", "c").Answer, c.answer)
		})
	}
}

func TestWhyOfNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.publish(nudge)
	s.happen("ann", "registered", nil)
	_, err := s.Why(t.Context(), s.ws, "nobody", "nudge")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorContains(t, err, `customer "nobody"`)
	_, err = s.Why(t.Context(), s.ws, "ann", "nowhere")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorContains(t, err, `campaign "nowhere"`)
}

func TestWhyTellsWhatCameOfIt(t *testing.T) {
	t.Parallel()
	s := open(t)
	require.NoError(t, s.Store.AddUser(t.Context(), s.ws, store.User{Email: "sam@shop.example"}))
	_, _, err := s.Store.AddCoupons(t.Context(), s.ws, "gift", []string{"A1"})
	require.NoError(t, err)
	s.publish(`
campaign: whole
trigger: {event: signed}
topic: news
steps:
  - split: {id: look, arms: {a: {share: 50%, steps: [{note: one}]}, b: {share: rest, steps: [{note: two}]}}}
  - coupon: {id: gift, pool: gift, expires: 10d}
  - task: {id: greet, for: {user: sam@shop.example}, title: "Greet {{ customer.email }}"}
  - task: {id: ring, for: {rule: '"who@shop.example"'}, title: "Ring"}
  - wait_for: {id: done, event: task_completed, when: 'event.step == "greet"', timeout: 3d}
  - branch:
      - when: done.happened and done.outcome == "reached"
        steps: [{exit: greeted}]
`)
	s.happen("ann", "signed", map[string]any{"plan": "pro"})
	s.run()
	w := s.why("ann", "whole")
	j := w.Journeys[0]
	require.Equal(t, "done", j.Standing.Step)
	require.Contains(t, j.Standing.For, "task_completed")
	require.Contains(t, []string{"a", "b"}, j.Arms["look"])
	require.Len(t, j.Coupons, 1)
	require.Equal(t, "A1", j.Coupons[0].Code)
	require.Len(t, j.Tasks, 2)
	require.Equal(t, "sam@shop.example", j.Tasks[0].Assignee)
	require.Equal(t, "Greet ann@example.com", j.Tasks[0].Title)
	require.Equal(t, "who@shop.example", j.Tasks[1].Wanted)
	require.Equal(t, "pro", j.Entry["plan"])

	require.NoError(t, s.Store.CompleteTask(t.Context(), s.ws, j.Tasks[0].ID, store.TaskOutcome{Outcome: "reached"}))
	s.run()
	j = s.why("ann", "whole").Journeys[0]
	require.Equal(t, campaign.Exited, j.Status)
	require.Equal(t, "greeted", j.Reason)
	require.Nil(t, j.Standing)
	require.Equal(t, "reached", j.Tasks[0].Outcome)
	require.Contains(t, s.why("ann", "whole").Answer, "left: greeted")
	require.Contains(t, blocked(s.why("ann", "whole")), "reentry: entered on")
	kinds := map[string]store.StoryDecision{}
	for _, d := range j.Decisions {
		kinds[d.Kind] = d
	}
	require.Contains(t, kinds[campaign.DecisionBranch].Rule, "done.happened")
	require.Equal(t, "task_completed", kinds[campaign.DecisionWaitFor].Event)

	r, splits, err := s.Results(t.Context(), s.ws, "whole")
	require.NoError(t, err)
	require.Equal(t, map[campaign.Status]int{campaign.Exited: 1}, r.Journeys)
	require.Equal(t, []store.Leaving{{Status: campaign.Exited, Reason: "greeted", Journeys: 1}}, r.Left)
	require.Len(t, splits, 1)
}

func TestWhyTellsOfAFallback(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.publish("campaign: c\ntrigger: {event: e}\ntransactional: true\nsteps: [{email: {id: mail, subject: s, text: t, fallback: {sms: {text: hi}}}}]\n")
	s.happen("ann", "e", nil, func(m *store.Message) { m.Profile.Email = nil })
	s.run()
	s.run()
	w := s.why("ann", "c")
	require.Contains(t, w.Answer, "email mail was not sent: no e-mail address on the record")
	last := w.Journeys[0].Messages[1]
	require.Equal(t, "mail_fallback", last.Step)
	require.Contains(t, last.Reason, "instead of mail")
	require.Equal(t, audience.Accepted, last.Status)
}

func TestWhyOfARequest(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.publish("campaign: c\ntrigger: {api: {when: 'entry.plan == \"pro\"'}}\ntopic: news\nsteps: [{wait: 1d}]\n")
	s.happen("ann", "registered", nil)
	require.NoError(t, s.Store.Request(t.Context(), s.ws, store.Request{Campaign: "c", Customer: "ann", Data: map[string]any{"plan": "free"}}))
	s.run()
	w := s.why("ann", "c")
	require.Len(t, w.Refusals, 1)
	require.Contains(t, w.Answer, "did not enter when judged on")
	require.Contains(t, blocked(w), "rule: the rule does not hold: entry.plan is")
	require.NoError(t, s.Store.Request(t.Context(), s.ws, store.Request{Campaign: "c", Customer: "ann", Data: map[string]any{"plan": "pro"}}))
	s.run()
	require.Contains(t, s.why("ann", "c").Answer, "is under way")
}

func TestWhyOfASegment(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, err := s.Store.CreateSegment(t.Context(), s.ws, store.SegmentDraft{Name: "vip", Kind: store.SegmentStatic})
	require.NoError(t, err)
	s.happen("ann", "registered", nil)
	s.happen("bob", "registered", nil)
	_, err = segments.New(s.Store).Import(t.Context(), s.ws, "vip", strings.NewReader("ann\n"), false)
	require.NoError(t, err)
	s.run()
	s.publish("campaign: c\ntrigger: {segment: vip}\ntopic: news\nsteps: [{wait: 1d}]\n")
	require.Contains(t, blocked(s.why("ann", "c")), "trigger: the customer is in segment vip since")
	require.Contains(t, blocked(s.why("ann", "c")), "before the campaign was published on")
	_, err = segments.New(s.Store).Import(t.Context(), s.ws, "vip", strings.NewReader("bob\n"), false)
	require.NoError(t, err)
	s.run()
	require.Contains(t, s.why("bob", "c").Answer, "is under way")
}
