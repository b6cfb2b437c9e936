package activities

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

const (
	ann = "ann@shop.example"
	bob = "bob@shop.example"
)

func (s *shop) staff(emails ...string) {
	s.t.Helper()
	for _, email := range emails {
		require.NoError(s.t, s.Store.AddUser(s.t.Context(), s.seed.Workspace, store.User{Email: email, Phone: "+380671112233"}))
	}
}

func (s *shop) tasks() []store.Task {
	s.t.Helper()
	list, err := s.Store.Tasks(s.t.Context(), s.seed.Workspace, store.TaskFilter{})
	require.NoError(s.t, err)
	return list
}

// through lets a customer enter by the event registered and moves the journey.
func (s *shop) through(user string, properties map[string]any) (store.CohortRef, AdvanceResult) {
	s.t.Helper()
	s.happen(user, "registered", properties)
	started := s.pick()
	require.Len(s.t, started, 1)
	return started[0], s.advance(started[0].ID)
}

func (s *shop) touches(user string, channel audience.Channel) []store.TimelineEntry {
	s.t.Helper()
	var list []store.TimelineEntry
	for _, e := range s.record(user).Timeline {
		if e.Direction == "out" && e.Channel == channel {
			list = append(list, e)
		}
	}
	return list
}

// mistakes lists what the decisions of kind error say.
func (s *shop) mistakes(user string) string {
	s.t.Helper()
	var list []string
	for _, e := range s.record(user).Timeline {
		if e.Channel == audience.Decided && e.Name == "error" {
			list = append(list, e.Step+": "+e.Summary+": "+e.Reason)
		}
	}
	return strings.Join(list, "\n")
}

func TestCarryTasks(t *testing.T) {
	t.Parallel()

	t.Run("Makes tasks and calls with titles for this customer, and notes, on the timeline", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.staff(ann)
		s.publish(`
campaign: work
trigger: {event: registered}
steps:
  - task: {id: handoff, for: {user: Ann@shop.example}, title: "Greet{{ customer.first_name }}", text: "Plan {{ entry.plan }}", due: 1d}
  - call: {id: ring, for: {user: ann@shop.example}, title: "Call {{ customer.email }}", script: "Hello!", dial: true}
  - note: {id: said, text: "Asked about {{ entry.plan }}"}
  - wait: 1d
`)
		c, _ := s.through("u1", map[string]any{"plan": "pro"})
		s.advance(c.ID)
		list := s.tasks()
		require.Len(t, list, 2)
		handoff, ring := list[0], list[1]
		require.Equal(t, "Greet", handoff.Title)
		require.Equal(t, "Plan pro", handoff.Text)
		require.Equal(t, ann, handoff.Assignee)
		require.WithinDuration(t, time.Now().Add(24*time.Hour), handoff.DueAt, time.Minute)
		require.Equal(t, store.TaskCall, ring.Kind)
		require.True(t, ring.Dial)
		require.Equal(t, "Call u1@example.com", ring.Title)
		require.Equal(t, "Hello!", ring.Text)
		require.Len(t, s.touches("u1", audience.Task), 1)
		require.Len(t, s.touches("u1", audience.Call), 1)
		require.Equal(t, "Asked about pro", s.touches("u1", audience.Note)[0].Summary)
		require.Empty(t, s.mistakes("u1"))
	})

	t.Run("Gives work in turn, passing over who is no user", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.staff(ann, bob)
		s.publish(`
campaign: turns
trigger: {event: registered}
steps:
  - task: {id: t, for: {round_robin: [ann@shop.example, gone@shop.example, bob@shop.example]}, title: Call}
`)
		var got []string
		for _, user := range []string{"u1", "u2", "u3", "u4"} {
			s.through(user, nil)
			c, err := s.Store.FindCustomer(t.Context(), s.seed.Workspace, user)
			require.NoError(t, err)
			list, err := s.Store.Tasks(t.Context(), s.seed.Workspace, store.TaskFilter{Customer: c.ID})
			require.NoError(t, err)
			require.Len(t, list, 1)
			got = append(got, list[0].Assignee)
		}
		require.Equal(t, []string{ann, bob, ann, bob}, got)
	})

	t.Run("Leaves work to nobody when the user is unknown, and says so", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(`
campaign: nobody
trigger: {event: registered}
steps:
  - task: {id: t, for: {user: who@shop.example}, title: Call}
  - task: {id: o, for: owner, title: Own}
`)
		s.through("u1", nil)
		list := s.tasks()
		require.Len(t, list, 2)
		require.Equal(t, []string{"", ""}, []string{list[0].Assignee, list[1].Assignee})
		require.ElementsMatch(t, []string{"who@shop.example", ""}, []string{list[0].Wanted, list[1].Wanted})
		require.Equal(t, "t: unassigned: The user who@shop.example is no user of this workspace: the task is nobody's until somebody takes it.",
			s.mistakes("u1"))
	})

	t.Run("Gives an owner once, whom later work is for, and another only to replace", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.staff(ann, bob)
		s.publish(`
campaign: owned
trigger: {event: registered}
steps:
  - owner: {id: one, to: {user: ann@shop.example}}
  - owner: {id: two, to: {user: bob@shop.example}}
  - task: {id: t1, for: owner, title: One}
  - owner: {id: three, to: {user: bob@shop.example}, replace: true}
  - task: {id: t2, for: owner, title: Two}
  - owner: {id: four, to: {user: who@shop.example}, replace: true}
`)
		s.through("u1", nil)
		assignees := map[string]string{}
		for _, task := range s.tasks() {
			assignees[task.Title] = task.Assignee
		}
		require.Equal(t, map[string]string{"One": ann, "Two": bob}, assignees)
		require.Equal(t, bob, s.record("u1").Customer.Attributes["owner"])
		require.Contains(t, s.mistakes("u1"), "four: no owner: The user who@shop.example is no user")
	})

	t.Run("Keeps a title that cannot be filled in, and says so", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish("campaign: odd\ntrigger: {event: registered}\nsteps: [{task: {id: t, title: \"{{ customer.name | nope }}\"}}]")
		s.through("u1", nil)
		require.Equal(t, "{{ customer.name | nope }}", s.tasks()[0].Title)
		require.Contains(t, s.mistakes("u1"), "t: not filled in: The title could not be filled in")
	})

	t.Run("Tells the journey what became of a task, once", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.staff(ann)
		s.publish(`
campaign: told
trigger: {event: registered}
topic: news
steps:
  - task: {id: handoff, for: {user: ann@shop.example}, title: Call}
  - wait_for: {id: done, event: task_completed, when: 'event.step == "handoff" and event.outcome == "reached"', timeout: 5d}
  - branch: [{when: done.happened, steps: [{note: {id: n, text: "said {{ done.note }} by {{ done.by }}"}}]}]
`)
		c, _ := s.through("u1", nil)
		id := s.tasks()[0].ID
		require.NoError(t, s.Store.CompleteTask(t.Context(), s.seed.Workspace, id, store.TaskOutcome{
			Outcome: "reached", Note: "yes", By: ann,
		}))
		err := s.Store.CompleteTask(t.Context(), s.seed.Workspace, id, store.TaskOutcome{Outcome: "again"})
		require.ErrorIs(t, err, store.ErrInvalid)
		require.ErrorContains(t, err, "closed already: reached")
		s.pick()
		require.Zero(t, s.advance(c.ID).Active)
		require.Equal(t, "said yes by "+ann, s.touches("u1", audience.Note)[0].Summary)
		require.Equal(t, store.TaskDone, s.tasks()[0].Status)
	})
}

func TestCarryRecord(t *testing.T) {
	t.Parallel()

	t.Run("Adds numbers without loss, in the order of the steps", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(`
campaign: sums
trigger: {event: registered}
steps:
  - update: {add: {score: 5, precise: customer.step, words: 1}}
  - update: {add: {score: 10}, set: {reset: 1}}
  - update: {add: {reset: 2}}
  - update: {set: {late: 7}}
  - update: {add: {late: 1}}
  - update: {set: {late: 100}}
`)
		s.happen("u1", "seen", nil, func(m *store.Message) {
			m.Profile.Attributes = map[string]any{
				"precise": json.Number("0.1"), "step": json.Number("0.2"), "words": "many", "score": json.Number("9007199254740993"),
			}
		})
		s.through("u1", nil)
		got := s.record("u1").Customer.Attributes
		for name, want := range map[string]string{
			"score": "9007199254741008", "precise": "0.3", "reset": "3", "late": "100",
		} {
			require.Equal(t, json.Number(want), got[name], name)
		}
		require.Equal(t, "many", got["words"], "words cannot be added to")
		require.Equal(t, "update_1: left as it is: nothing was added to customer.words: it holds no number, and keeps its value",
			s.mistakes("u1"))
	})

	t.Run("Puts customers into lists and takes them out, which campaigns hear of", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.list("buyers")
		s.list("leads")
		s.publish(`
campaign: lists
trigger: {event: registered}
steps:
  - update: {id: join, add_to: [buyers, leads, nowhere]}
  - update: {id: quit, remove_from: [leads]}
`)
		s.publish("campaign: bought\ntrigger: {segment: buyers}\nsteps: [{note: {id: n, text: welcome}}]")
		s.through("u1", nil)
		require.Equal(t, []int64{1, 0}, []int64{s.inList("buyers"), s.inList("leads")})
		require.Contains(t, s.mistakes("u1"), `join: no list: There is no list "nowhere"`)
		history, err := s.Store.SegmentHistory(t.Context(), s.seed.Workspace, "buyers", "", 10)
		require.NoError(t, err)
		require.Len(t, history, 1)
		require.Equal(t, store.CauseCampaign, history[0].Cause)
	})

	t.Run("Starts a journey through another campaign by an event, once", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(`
campaign: outer
trigger: {event: registered}
steps:
  - journey: {id: upsell, campaign: inner, data: {sku: entry.sku}, wait: true, timeout: 30d}
`)
		c, next := s.through("u1", map[string]any{"sku": "A1"})
		require.Equal(t, 1, next.Active)
		s.advance(c.ID)
		var asked []map[string]any
		for _, e := range s.record("u1").Timeline {
			if e.Name == audience.EventRequested {
				asked = append(asked, e.Properties)
			}
		}
		require.Len(t, asked, 1)
		require.Equal(t, "inner", asked[0]["campaign"])
		require.Equal(t, map[string]any{"sku": "A1"}, asked[0]["data"])
		parent, _ := asked[0]["parent"].(map[string]any)
		require.Equal(t, "upsell", parent["step"])
		require.Equal(t, json.Number("1"), parent["iteration"])
		require.NotEmpty(t, parent["journey"])
	})
}

func (s *shop) list(name string) {
	s.t.Helper()
	_, err := s.Store.CreateSegment(s.t.Context(), s.seed.Workspace, store.SegmentDraft{Name: name, Kind: store.SegmentStatic})
	require.NoError(s.t, err)
}

func (s *shop) inList(name string) int64 {
	s.t.Helper()
	n, err := s.Store.CountMembers(s.t.Context(), s.seed.Workspace, name, time.Time{})
	require.NoError(s.t, err)
	return n
}

func TestCarryCoupons(t *testing.T) {
	t.Parallel()
	const gift = `
campaign: gift
trigger: {event: registered}
topic: news
steps:
  - coupon: {id: gift, pool: birthday, expires: 10d}
  - task: {id: t, title: "Code {{ gift.code }}"}
  - email: {id: mail, subject: "Your code {{ gift.code }}", text: "until {{ gift.expires_at | date: '%Y' }}"}
`

	t.Run("Gives codes from a pool, which titles and messages show", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		added, known, err := s.Store.AddCoupons(t.Context(), s.seed.Workspace, "birthday", []string{"ONE", "one", "TWO"})
		require.NoError(t, err)
		require.Equal(t, []int{2, 1}, []int{added, known})
		s.publish(gift)
		c, next := s.through("u1", nil)
		require.Equal(t, []audience.Channel{audience.Email}, next.Channels)
		require.Equal(t, "Code ONE", s.tasks()[0].Title)
		result, err := s.send(c, audience.Email)
		require.NoError(t, err)
		require.Equal(t, 1, result.Accepted)
		require.Equal(t, "Your code ONE", s.touch("u1", audience.Email).Summary)
		pools, err := s.Store.CouponPools(t.Context(), s.seed.Workspace)
		require.NoError(t, err)
		require.Equal(t, []store.CouponPool{{Name: "birthday", Free: 1, Issued: 1}}, pools)
	})

	t.Run("Goes on without a code when the pool is empty", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(gift)
		_, next := s.through("u1", nil)
		require.Equal(t, []audience.Channel{audience.Email}, next.Channels)
		require.Equal(t, "Code", s.tasks()[0].Title)
		require.Equal(t, "gift: no code: No code is left in the pool birthday: the customer got none.", s.mistakes("u1"))
	})

	t.Run("Holds back what shows a code that was not given", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(gift)
		c, _ := s.through("u1", nil)
		result, err := s.send(c, audience.Email)
		require.NoError(t, err)
		require.Equal(t, 1, result.Suppressed)
		require.Empty(t, s.mail.Messages())
		mail := s.touch("u1", audience.Email)
		require.Equal(t, audience.Suppressed, mail.Status)
		require.Equal(t, "its coupon has no code: the pool birthday is empty", mail.Outcome)
	})

	t.Run("Sends the fallback instead, and what can do without the code", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(`
campaign: gift
trigger: {event: registered}
topic: news
steps:
  - coupon: {id: gift, pool: birthday}
  - email:
      id: mail
      subject: "Your code {{ gift.code }}"
      text: Hello
      fallback: {email: {id: plain, subject: Happy birthday, text: Hello}}
  - email: {id: other, subject: "Code {{ gift.code | default: 'HELLO' }}", text: Hello}
`)
		c, _ := s.through("u1", nil)
		for range 2 {
			_, err := s.send(c, audience.Email)
			require.NoError(t, err)
		}
		got := map[string]string{}
		for _, e := range s.touches("u1", audience.Email) {
			got[e.Step] = string(e.Status) + " " + e.Summary
		}
		require.Equal(t, map[string]string{
			"mail": "suppressed ", "plain": "accepted Happy birthday", "other": "accepted Code HELLO",
		}, got)
	})

	t.Run("Makes codes up", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish("campaign: made\ntrigger: {event: registered}\nsteps: [{coupon: {id: g, prefix: BDAY-}}, {task: {id: t, title: \"{{ g.code }}\"}}]")
		s.through("u1", nil)
		require.Regexp(t, `^BDAY-[2-9A-HJKMNP-TV-Z]{10}$`, s.tasks()[0].Title)
	})
}
