package activities

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// enterAll lets all open audiences enter completely, and says in how many pages.
func (s *shop) enterAll() int {
	s.t.Helper()
	pages := 0
	for {
		open, err := s.Store.OpenAudiences(s.t.Context())
		require.NoError(s.t, err)
		if len(open) == 0 {
			return pages
		}
		for _, ref := range open {
			_, err := s.enterPage(s.t.Context(), ref)
			require.NoError(s.t, err)
			pages++
		}
	}
}

// crowd makes customers by one import, so that no campaign hears of them.
func (s *shop) crowd(n int, attributes map[string]any) {
	s.t.Helper()
	messages := make([]store.Message, n)
	for i := range messages {
		messages[i] = store.Message{
			Call: store.CallTrack, MessageID: fmt.Sprint("crowd-", i), UserID: fmt.Sprint("c", i), Name: "made", Historical: true,
			Profile: store.Profile{Attributes: attributes}, OccurredAt: time.Now(), ReceivedAt: time.Now(),
		}
	}
	_, err := s.Store.Ingest(s.t.Context(), s.seed.Workspace, []store.Delivery{{Source: s.seed.Source, Messages: messages}})
	require.NoError(s.t, err)
	s.pick()
}

func (s *shop) reason(user string) string {
	s.t.Helper()
	for _, e := range s.record(user).Timeline {
		if e.Channel == audience.Decided {
			return e.Reason
		}
	}
	require.Fail(s.t, "no decision")
	return ""
}

const texting = "\ntopic: news\nsteps: [{sms: {text: hi}}, {wait: 30d}]"

func TestTriggers(t *testing.T) {
	t.Parallel()

	t.Run("A segment that is joined", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.segment("vip", "customer.vip == true")
		s.segment("other", "customer.other == true")
		s.publish("campaign: vips\ntrigger: {segment: vip}" + texting)
		s.publish("campaign: gone\ntrigger: {segment: {left: vip}}" + texting)
		s.happen("ann", "visited", nil, attributes(map[string]any{"vip": true}))
		s.happen("bob", "visited", nil, attributes(map[string]any{"other": true}))
		require.Len(t, s.pick(), 1)
		require.Equal(t, []string{"trigger: entered"}, s.decisions("ann"))
		require.Empty(t, s.decisions("bob"))
		s.happen("ann", "visited", nil, attributes(map[string]any{"vip": false}))
		require.Len(t, s.pick(), 1)
		require.Equal(t, []string{"trigger: entered", "trigger: entered"}, s.decisions("ann"))
	})

	t.Run("A segment whose members enter when it is published", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.segment("vip", "customer.vip == true")
		s.happen("ann", "visited", nil, attributes(map[string]any{"vip": true}))
		s.happen("bob", "visited", nil)
		s.pick()
		p := s.publish("campaign: vips\ntrigger: {segment: {entered: vip, existing: true}, when: 'customer.vip == true'}" + texting)
		require.True(t, p.Audience)
		require.Equal(t, 1, s.enterAll())
		require.Equal(t, []string{"trigger: entered"}, s.decisions("ann"))
		require.Empty(t, s.decisions("bob"))
	})

	t.Run("An audience that one comes to belong to", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish("campaign: vips\ntrigger: {audience: {rule: 'customer.vip == true', once: false}}" + texting)
		require.Equal(t, 1, s.enterAll())
		s.happen("ann", "visited", nil)
		require.Empty(t, s.pick())
		s.happen("ann", "visited", nil, attributes(map[string]any{"vip": true}))
		require.Len(t, s.pick(), 1)
		s.happen("ann", "visited", nil, attributes(map[string]any{"vip": true}))
		require.Empty(t, s.pick())
		require.Equal(t, []string{"trigger: entered"}, s.decisions("ann"), "nothing is written of those who do not enter")
		s.crowd(3, map[string]any{"vip": true})
		require.Len(t, s.handed.started, 1, "the past makes nobody enter")
	})

	t.Run("An audience of which events make one a member", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(`campaign: loyal` + "\ntrigger: {audience: {rule: 'count(events(\"bought\")) >= 2', once: false}}" + texting)
		require.Equal(t, 1, s.enterAll())
		s.happen("ann", "bought", nil)
		require.Empty(t, s.pick())
		s.happen("ann", "bought", nil)
		require.Len(t, s.pick(), 1)
	})

	t.Run("A request, with its data and once for each key", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish("campaign: asked\ntrigger: {api: {when: 'entry.plan == \"pro\"'}}\nreenter: always" + texting)
		s.happen("ann", "visited", nil)
		s.pick()
		for _, plan := range []string{"pro", "free"} {
			require.NoError(t, s.Store.Request(t.Context(), s.seed.Workspace, store.Request{
				Campaign: "asked", Customer: "ann", Data: map[string]any{"plan": plan},
			}))
		}
		require.Len(t, s.pick(), 1)
		require.Equal(t, []string{"trigger: entered", "trigger: not entered"}, s.decisions("ann"))
	})

	t.Run("A request that a site made up is none", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish("campaign: asked\ntrigger: {api: true}" + texting)
		s.happen("ann", audience.EventRequested, map[string]any{"campaign": "asked"})
		require.Empty(t, s.pick())
	})

	t.Run("A date on the record", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		today := time.Now().UTC()
		s.happen("ann", "visited", nil, attributes(map[string]any{"birthday": today.AddDate(-30, 0, 0).Format(time.DateOnly)}))
		s.happen("bob", "visited", nil, attributes(map[string]any{"birthday": today.AddDate(-30, 0, 1).Format(time.DateOnly)}))
		s.pick()
		s.publish("campaign: birthday\ntrigger: {date: {attribute: birthday, yearly: true, at: \"00:00\", zone: workspace}}" + texting)
		n, err := s.Store.FireSchedules(t.Context(), today.AddDate(0, 0, 1), 10)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		s.enterAll()
		require.Empty(t, s.decisions("ann"))
		require.Equal(t, []string{"trigger: entered"}, s.decisions("bob"))
	})

	t.Run("A schedule, in the zone of each customer", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		zone := func(name string) func(m *store.Message) {
			return func(m *store.Message) { m.Profile.Timezone = &name }
		}
		s.happen("ann", "visited", nil, zone("Asia/Tokyo"))
		s.happen("bob", "visited", nil, zone("America/New_York"))
		s.happen("eve", "visited", nil, zone("nowhere")) // counts to the workspace's, UTC
		s.pick()
		s.publish("campaign: news\ntrigger: {schedule: {cron: \"0 0 * * *\", zone: customer, audience: 'true'}}" + texting)
		n, err := s.Store.FireSchedules(t.Context(), time.Now().Add(24*time.Hour), 10)
		require.NoError(t, err)
		require.Equal(t, 3, n)
		require.Equal(t, 3, s.enterAll())
		for _, user := range []string{"ann", "bob", "eve"} {
			require.Equal(t, []string{"trigger: entered"}, s.decisions(user), user)
		}
		require.Len(t, s.handed.started, 3)
	})
}

func TestSubJourney(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.publish("campaign: inner\ntrigger: {api: {when: 'customer.vip == true'}}" + texting)
	s.publish(`
campaign: outer
trigger: {event: registered}
topic: news
steps:
  - journey: {id: sub, campaign: inner, wait: true, timeout: 30d}
  - branch:
      - when: sub.status == "not entered"
        steps: [{sms: {id: sorry, text: no}}]
      - else: [{sms: {id: fine, text: fine}}]
`)
	s.happen("ann", "registered", nil)
	c := s.pick()[0]
	require.Equal(t, 1, s.advance(c.ID).Active)
	require.Empty(t, s.pick(), "she is no vip, and her journey is told of it")
	require.NotEmpty(t, s.handed.woken)
	require.Equal(t, []audience.Channel{audience.SMS}, s.advance(c.ID).Channels)
	require.Contains(t, s.decisions("ann"), "trigger: not entered")

	s.happen("bob", "registered", nil, attributes(map[string]any{"vip": true}))
	c = s.pick()[0]
	s.advance(c.ID)
	inner := s.pick()
	require.Len(t, inner, 1)
	require.NoError(t, s.Store.SetCampaignStatus(t.Context(), s.seed.Workspace, "inner", store.Stopped))
	s.pick()
	require.Equal(t, []audience.Channel{audience.SMS}, s.advance(c.ID).Channels)
	require.Contains(t, s.decisions("bob"), "branch: else")
}

func TestGate(t *testing.T) {
	t.Parallel()

	t.Run("Holds a part out, to compare with", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish("campaign: half\ntrigger: {event: registered}\nholdout: 99%" + texting)
		for i := range 20 {
			s.happen(fmt.Sprint("u", i), "registered", nil)
		}
		started := len(s.pick())
		require.Less(t, started, 8)
		out := 0
		for i := range 20 {
			if got := s.decisions(fmt.Sprint("u", i)); got[0] == "trigger: "+campaign.OutcomeHeldOut {
				out++
			}
		}
		require.Greater(t, out, 12)
		list, err := s.Store.Campaigns(t.Context(), s.seed.Workspace)
		require.NoError(t, err)
		require.Equal(t, 20-out, list[0].Active)
		require.Zero(t, list[0].Ended)
	})

	t.Run("Keeps out whom no message would reach, and says why", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish("campaign: mailed\ntrigger: {event: registered}\nreachable: [email]\nreenter: always\ntopic: news\nsteps: [{email: {subject: a, text: b}}]")
		nowhere := ""
		s.happen("ann", "registered", nil, func(m *store.Message) { m.Profile.Email = &nowhere })
		s.happen("bob", "registered", nil, func(m *store.Message) {
			m.Profile.Consents = []audience.Consent{{
				Channel: audience.Email, Topic: "news", Action: audience.Withdrawn, OccurredAt: time.Now(), Method: "form",
			}}
		})
		s.happen("eve", "registered", nil)
		require.Len(t, s.pick(), 1)
		require.Equal(t, "no e-mail address on the record", s.reason("ann"))
		require.Contains(t, s.reason("bob"), "unsubscribed from topic news")
		require.NoError(t, s.Store.SetPolicy(t.Context(), s.seed.Workspace, campaign.Policy{
			Caps: []campaign.Cap{{Channel: audience.Email, Most: 1, Within: 24 * time.Hour}},
		}))
		c := s.handed.started[0]
		s.advance(c.ID)
		_, err := s.send(c, audience.Email)
		require.NoError(t, err)
		s.happen("eve", "registered", nil)
		require.Empty(t, s.pick())
		require.NotContains(t, s.reason("eve"), "rule")
	})

	t.Run("Lets journeys stand beside each other where the campaign says so", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish("campaign: many\ntrigger: {event: registered}\nconcurrent: true\nreenter: always" + texting)
		for range 3 {
			s.happen("ann", "registered", nil)
		}
		require.Len(t, s.pick(), 3)
	})

	t.Run("Asks a rule whether one may enter again", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish("campaign: again\ntrigger: {event: registered}\nreenter: {when: 'count(events(\"registered\")) >= 3'}\ntopic: news\nsteps: [{sms: {text: hi}}]")
		for range 3 {
			s.happen("ann", "registered", nil)
			for _, c := range s.pick() {
				s.advance(c.ID)
			}
		}
		require.Equal(t, []string{"trigger: entered", "trigger: not entered", "trigger: entered"}, s.decisions("ann"))
	})
}

func TestStirred(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.publish(`
campaign: hot
trigger: {event: registered}
topic: news
steps:
  - wait_for: {id: hot, rule: customer.score >= 50, timeout: 5d}
  - sms: {text: "{{ customer.score }}"}
`)
	s.happen("ann", "registered", nil)
	c := s.pick()[0]
	require.Empty(t, s.advance(c.ID).Channels)
	s.happen("ann", "visited", nil, attributes(map[string]any{"score": 10}))
	s.pick()
	require.Equal(t, []store.CohortRef{c}, s.handed.woken)
	require.Empty(t, s.advance(c.ID).Channels)
	s.happen("ann", "visited", nil, attributes(map[string]any{"other": 1}))
	s.pick()
	require.Len(t, s.handed.woken, 1, "nothing that the rule mentions has changed")
	s.happen("ann", "visited", nil, attributes(map[string]any{"score": 60}))
	s.pick()
	require.Equal(t, []audience.Channel{audience.SMS}, s.advance(c.ID).Channels)
}

func TestRedeemed(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.publish(`
campaign: gift
trigger: {event: registered}
topic: news
exit: [gift.redeemed]
steps:
  - coupon: {id: gift, prefix: BDAY-, expires: 10d}
  - wait: 10d
`)
	s.happen("ann", "registered", nil)
	c := s.pick()[0]
	require.Equal(t, 1, s.advance(c.ID).Active)
	code := ""
	require.NoError(t, s.Store.In(t.Context(), s.seed.Workspace, func(tx *store.Tx) error {
		refs, err := tx.ActiveJourneys(t.Context(), []string{s.record("ann").Customer.ID}, []string{audience.EventCouponRedeemed})
		require.NoError(t, err)
		require.Len(t, refs, 1)
		coupons, err := tx.Coupons(t.Context(), []string{refs[0].ID})
		code = coupons[refs[0].ID]["gift"].Code
		return err
	}))
	s.happen("ann", "order_completed", map[string]any{"coupon": strings.ToLower(code)})
	s.pick()
	require.Zero(t, s.advance(c.ID).Active)
}

func TestCohorts(t *testing.T) {
	t.Parallel()

	t.Run("Of one, while few enter by a batch, and shared by many", func(t *testing.T) {
		t.Parallel()
		for _, n := range []int{cohortFrom - 1, cohortFrom} {
			s := open(t)
			s.publish("campaign: c\ntrigger: {event: registered}" + texting)
			messages := make([]store.Message, n)
			for i := range messages {
				messages[i] = store.Message{
					Call: store.CallTrack, MessageID: fmt.Sprint(i), UserID: "same", Name: "registered",
					OccurredAt: time.Now(), ReceivedAt: time.Now(),
				}
			}
			s.publish("campaign: d\ntrigger: {event: registered}\nconcurrent: true\nreenter: always" + texting)
			_, err := s.Store.Ingest(t.Context(), s.seed.Workspace, []store.Delivery{{Source: s.seed.Source, Messages: messages}})
			require.NoError(t, err)
			want := n
			if n >= cohortFrom {
				want = 1
			}
			require.Len(t, s.pick(), want+1, "and one for the campaign that is entered once")
		}
	})

	t.Run("Take page after page of an audience, and are resumed where they were", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.crowd(6200, map[string]any{"vip": true})
		s.publish("campaign: all\ntrigger: {audience: {rule: 'customer.vip == true', once: true}}" + texting)
		require.Equal(t, 7, s.enterAll())
		require.Len(t, s.handed.started, 2)
		require.Equal(t, 1000, s.handed.started[0].Size)
		require.Len(t, s.handed.woken, 5)
		list, err := s.Store.Campaigns(t.Context(), s.seed.Workspace)
		require.NoError(t, err)
		require.Equal(t, 6200, list[0].Active)
		for i, want := range []int{cohortMost, 1200} {
			require.NoError(t, s.Store.In(t.Context(), s.seed.Workspace, func(tx *store.Tx) error {
				_, due, err := tx.LoadDue(t.Context(), s.handed.started[i].ID, time.Now(), 2*cohortMost)
				require.Len(t, due, want)
				return err
			}))
		}
	})

	t.Run("Tell of transactional campaigns", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish("campaign: service\ntrigger: {event: registered}\ntransactional: true\nsteps: [{sms: {text: hi}}]")
		s.happen("ann", "registered", nil)
		require.True(t, s.pick()[0].Transactional)
	})
}
