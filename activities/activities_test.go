package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/channels"
	"dotyk/channels/email"
	"dotyk/channels/email/smtptest"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// handed notes which cohorts were handed over to workflows.
type handed struct {
	mu      sync.Mutex
	started []store.CohortRef
	woken   []store.CohortRef
}

func (h *handed) Start(_ context.Context, c store.CohortRef) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.started = append(h.started, c)
	return nil
}

func (h *handed) Wake(_ context.Context, c store.CohortRef) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.woken = append(h.woken, c)
	return nil
}

// provider plays an SMS provider: it answers with err, and knows the bodies it took.
type provider struct {
	mu    sync.Mutex
	err   error
	taken []string
	asked int
}

func (p *provider) Send(_ context.Context, m *channels.SMSMessage) (channels.Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return channels.Receipt{}, p.err
	}
	p.taken = append(p.taken, m.To+" "+m.Body)
	return channels.Receipt{ProviderID: fmt.Sprint("SM", len(p.taken)), Segments: 1}, nil
}

func (p *provider) Find(_ context.Context, m *channels.SMSMessage, _ time.Time) (channels.Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	for i, one := range p.taken {
		if one == m.To+" "+m.Body {
			return channels.Receipt{ProviderID: fmt.Sprint("SM", i+1), Segments: 1}, nil
		}
	}
	return channels.Receipt{}, channels.ErrNotFound
}

func (p *provider) Connections() int { return 4 }

// shop is a workspace with activities on it.
type shop struct {
	*Activities
	t      *testing.T
	seed   storetest.Seed
	handed *handed
	mail   *smtptest.Server
	texts  *provider
}

func open(t *testing.T) *shop {
	t.Helper()
	st := storetest.New(t)
	s := &shop{
		t: t, seed: storetest.Workspace(t, st), handed: &handed{}, mail: smtptest.Start(t, smtptest.Config{}),
		texts: &provider{},
	}
	parsed, err := email.ParseURL(s.mail.URL() + "?pool=3&timeout=2s")
	require.NoError(t, err)
	sender, err := email.New(parsed)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sender.Close()) })
	s.Activities = New(Config{
		Store: st, Starter: s.handed, Email: sender, SMS: s.texts, PublicURL: "https://touch.example.com",
		From: Address{Email: "hello@shop.example", Name: "Shop"}, SMSFrom: "+15005550006", Instance: "test",
		Reconcile: time.Nanosecond, Logger: slog.New(slog.DiscardHandler),
	})
	return s
}

func (s *shop) publish(source string) store.Published {
	s.t.Helper()
	d, err := campaign.Parse([]byte(source))
	require.NoError(s.t, err)
	p, err := s.Store.Publish(s.t.Context(), s.seed.Workspace, store.Publication{Definition: d, Source: source})
	require.NoError(s.t, err)
	return p
}

// happen stores an event of a customer who has addresses.
func (s *shop) happen(user, name string, properties map[string]any, change ...func(m *store.Message)) {
	s.t.Helper()
	raw, err := json.Marshal(properties)
	require.NoError(s.t, err)
	mail, phone := user+"@example.com", "+380501234567"
	m := store.Message{
		Call: store.CallTrack, MessageID: fmt.Sprintf("%s-%s-%d", user, name, time.Now().UnixNano()), UserID: user, Name: name,
		Properties: raw, Profile: store.Profile{Email: &mail, Phone: &phone}, OccurredAt: time.Now(), ReceivedAt: time.Now(),
	}
	for _, c := range change {
		c(&m)
	}
	_, err = s.Store.Ingest(s.t.Context(), s.seed.Workspace, []store.Delivery{{Source: s.seed.Source, Messages: []store.Message{m}}})
	require.NoError(s.t, err)
}

// pick picks everything that waits, in all shards, and gives the cohorts that were started.
func (s *shop) pick() []store.CohortRef {
	s.t.Helper()
	before := len(s.handed.started)
	for shard := range int16(store.Shards) {
		for {
			n, err := s.pickWorkspace(s.t.Context(), s.seed.Workspace, shard)
			require.NoError(s.t, err)
			if n == 0 {
				break
			}
		}
	}
	return s.handed.started[before:]
}

func (s *shop) advance(cohort string) AdvanceResult {
	s.t.Helper()
	next, err := s.Advance(s.t.Context(), AdvanceInput{Workspace: s.seed.Workspace, Cohort: cohort, Now: time.Now()})
	require.NoError(s.t, err)
	return next
}

// send runs Send as Temporal would, first attempt.
func (s *shop) send(c store.CohortRef, channel audience.Channel) (SendResult, error) {
	s.t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(s.Activities)
	value, err := env.ExecuteActivity(s.Send, SendInput{
		Workspace: s.seed.Workspace, Cohort: c.ID, Channel: channel, Size: c.Size,
	})
	var result SendResult
	if err == nil {
		require.NoError(s.t, value.Get(&result))
	}
	return result, err
}

// reconcileAs settles what an earlier attempt left behind, as a later one does.
func (s *shop) reconcileAs(c store.CohortRef, channel audience.Channel) error {
	later := &sending{Activities: s.Activities, claim: "later", in: SendInput{
		Workspace: s.seed.Workspace, Cohort: c.ID, Channel: channel, Size: c.Size,
	}}
	require.NoError(s.t, later.prepare(s.t.Context()))
	return later.reconcile(s.t.Context())
}

func (s *shop) record(user string) *store.Record {
	s.t.Helper()
	c, err := s.Store.FindCustomer(s.t.Context(), s.seed.Workspace, user)
	require.NoError(s.t, err)
	r, err := s.Store.Record(s.t.Context(), s.seed.Workspace, c.ID, 100)
	require.NoError(s.t, err)
	return r
}

func (s *shop) touch(user string, channel audience.Channel) store.TimelineEntry {
	s.t.Helper()
	for _, e := range s.record(user).Timeline {
		if e.Direction == "out" && e.Channel == channel {
			return e
		}
	}
	require.Fail(s.t, "no such touch")
	return store.TimelineEntry{}
}

func (s *shop) decisions(user string) []string {
	s.t.Helper()
	var list []string
	for _, e := range s.record(user).Timeline {
		if e.Channel == audience.Decided {
			list = append(list, e.Name+": "+e.Summary)
		}
	}
	return list
}

const greet = `
campaign: greet
trigger: {event: registered, when: 'event.plan != "spam"'}
topic: news
steps:
  - email: {id: mail, subject: "Hi {{ customer.first_name }}", html: "<p>Plan {{ entry.plan }}</p>"}
  - wait_for: {id: bought, event: order_completed, timeout: 3d}
  - branch:
      - when: bought.happened
        steps: [{sms: {id: thanks, text: "Thanks for {{ bought.total }}"}}]
      - else: [{sms: {id: nudge, text: "Still there?"}}]
`

func TestPick(t *testing.T) {
	t.Parallel()

	t.Run("Lets a customer enter once, and says why not the second time", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(greet)
		s.happen("ann", "registered", map[string]any{"plan": "pro"})
		require.Len(t, s.pick(), 1)
		s.happen("ann", "registered", map[string]any{"plan": "pro"})
		require.Empty(t, s.pick())
		require.Equal(t, []string{"trigger: entered", "trigger: not entered"}, s.decisions("ann"))
	})

	t.Run("Records why a rule kept somebody out", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(greet)
		s.happen("ann", "registered", map[string]any{"plan": "spam"})
		require.Empty(t, s.pick())
		last := s.record("ann").Timeline[1]
		require.Equal(t, "not entered", last.Summary)
		require.NotEmpty(t, last.Reason)
		require.Equal(t, map[string]any{"event.plan": "spam"}, last.Properties)
	})

	t.Run("Lets nobody enter by an event of long ago", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(greet)
		s.happen("ann", "registered", nil, func(m *store.Message) { m.OccurredAt = m.ReceivedAt.Add(-100 * time.Hour) })
		require.Empty(t, s.pick())
		require.Equal(t, []string{"trigger: not entered"}, s.decisions("ann"))
	})

	t.Run("Tells no campaign of an import", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(greet)
		s.happen("ann", "registered", nil, func(m *store.Message) { m.Historical = true })
		require.Empty(t, s.pick())
		require.Empty(t, s.decisions("ann"))
	})

	t.Run("Hands an event of the same batch to the journey that an earlier one started", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(greet)
		s.happen("ann", "registered", map[string]any{"plan": "pro"})
		s.happen("ann", "order_completed", map[string]any{"total": 12})
		cohorts := s.pick()
		require.Len(t, cohorts, 1)
		next := s.advance(cohorts[0].ID)
		require.Zero(t, next.Active)
		require.Equal(t, []audience.Channel{audience.Email, audience.SMS}, next.Channels)
	})

	t.Run("Wakes the cohort that an event concerns", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(greet)
		s.happen("ann", "registered", map[string]any{"plan": "pro"})
		c := s.pick()[0]
		require.Equal(t, 1, s.advance(c.ID).Active)
		s.happen("ann", "order_completed", map[string]any{"total": 12})
		s.happen("bob", "order_completed", map[string]any{"total": 12})
		s.pick()
		require.Equal(t, []store.CohortRef{c}, s.handed.woken)
		require.Zero(t, s.advance(c.ID).Active)
		require.Equal(t, []string{"trigger: entered", "wait_for: happened", "branch: arm_1"}, s.decisions("ann"))
	})

	t.Run("Sets an event aside that cannot be judged, and goes on with those behind it", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(greet)
		for range 3 {
			s.happen("ann", "noise", nil)
		}
		s.happen("ann", "registered", map[string]any{"plan": "pro"})
		s.versions = nil // judging panics
		shard := int16(0)
		for ; shard < store.Shards; shard++ {
			n, err := s.pickWorkspace(t.Context(), s.seed.Workspace, shard)
			require.NoError(t, err)
			if n > 0 {
				break
			}
		}
		s.versions = newVersions()
		require.Len(t, s.pick(), 1, "only what failed alone was set aside")
		dead, err := s.Store.DeadLetters(t.Context(), s.seed.Workspace, 10)
		require.NoError(t, err)
		require.Len(t, dead, 1)
		require.Contains(t, dead[0].Reason, "panic")
	})

	t.Run("Forgets events for a journey that has ended", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(greet)
		s.happen("ann", "registered", map[string]any{"plan": "pro"})
		c := s.pick()[0]
		s.advance(c.ID)
		for range 2 {
			s.happen("ann", "order_completed", map[string]any{"total": 12})
		}
		s.pick()
		s.advance(c.ID)
		forgotten, err := s.Store.Forgotten(t.Context(), time.Now().Add(time.Hour), 10)
		require.NoError(t, err)
		require.Empty(t, forgotten)
	})
}

func TestEnter(t *testing.T) {
	t.Parallel()
	s := open(t)
	for i := range 7 {
		s.happen(fmt.Sprint("u", i), "made", nil, func(m *store.Message) {
			m.Profile.Attributes = map[string]any{"vip": i%2 == 0}
		})
	}
	s.pick()
	p := s.publish("campaign: vips\ntrigger: {audience: 'customer.vip == true'}\ntopic: news\nsteps: [{sms: {text: 'Hi {{ customer.external_id }}'}}]")
	require.True(t, p.Audience)
	open, err := s.Store.OpenAudiences(t.Context())
	require.NoError(t, err)
	require.Len(t, open, 1)
	more, err := s.enterPage(t.Context(), open[0])
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, s.handed.started, 1)
	c := s.handed.started[0]
	require.Equal(t, 4, c.Size)
	require.Equal(t, []audience.Channel{audience.SMS}, s.advance(c.ID).Channels)
	result, err := s.send(c, audience.SMS)
	require.NoError(t, err)
	require.Equal(t, SendResult{Accepted: 4}, result)
	require.Len(t, s.texts.taken, 4)
	require.Equal(t, []string{"trigger: entered"}, s.decisions("u0"))
	require.Empty(t, s.decisions("u1"), "nothing is written of everybody else")
}

func TestAdvance(t *testing.T) {
	t.Parallel()

	t.Run("Changes the record as the steps say", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(`
campaign: update
trigger: {event: registered}
transactional: true
steps:
  - update: {set: {stage: '"lead"', visits: 'customer.visits + 1', gone: 'customer.missing'}, add_tags: [new]}
  - update: {set: {doubled: 'customer.visits * 2'}, add_tags: [passing], remove_tags: [old]}
  - update: {remove_tags: [passing]}
`)
		s.happen("ann", "registered", nil, func(m *store.Message) {
			m.Profile.AddTags = []string{"old"}
			m.Profile.Attributes = map[string]any{"visits": 1, "gone": "x"}
		})
		s.advance(s.pick()[0].ID)
		c := s.record("ann").Customer
		require.Equal(t, "lead", c.Stage)
		require.Equal(t, []string{"new"}, c.Tags)
		require.Equal(t, map[string]any{"visits": json.Number("2"), "doubled": json.Number("4")}, c.Attributes)
	})

	t.Run("Moves nobody while the campaign is paused", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(greet)
		s.happen("ann", "registered", map[string]any{"plan": "pro"})
		c := s.pick()[0]
		require.NoError(t, s.Store.SetCampaignStatus(t.Context(), s.seed.Workspace, "greet", store.Paused))
		require.Equal(t, AdvanceResult{Active: 1}, s.advance(c.ID))
		require.NoError(t, s.Store.SetCampaignStatus(t.Context(), s.seed.Workspace, "greet", store.Live))
		require.Equal(t, []audience.Channel{audience.Email}, s.advance(c.ID).Channels)
	})

	t.Run("Says that a cohort does not exist", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		_, err := s.Advance(t.Context(), AdvanceInput{Workspace: s.seed.Workspace, Cohort: store.NewCohortID(), Now: time.Now()})
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

// started lets ann into greet and plans her e-mail.
func started(t *testing.T, s *shop) store.CohortRef {
	t.Helper()
	s.publish(greet)
	s.happen("ann", "registered", map[string]any{"plan": "<pro>"}, func(m *store.Message) {
		name := "Ann Lee"
		m.Profile.Name = &name
	})
	c := s.pick()[0]
	require.Equal(t, []audience.Channel{audience.Email}, s.advance(c.ID).Channels)
	return c
}

func TestSend(t *testing.T) {
	t.Parallel()

	t.Run("Fills the template and notes the answer", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		c := started(t, s)
		result, err := s.send(c, audience.Email)
		require.NoError(t, err)
		require.Equal(t, SendResult{Accepted: 1}, result)
		mail := s.mail.Messages()
		require.Len(t, mail, 1)
		require.Equal(t, "Hi Ann", mail[0].Subject())
		require.Contains(t, mail[0].HTML, "Plan &lt;pro&gt;")
		require.Contains(t, mail[0].Text, "https://touch.example.com/u/")
		e := s.touch("ann", audience.Email)
		require.Equal(t, audience.Accepted, e.Status)
		require.Equal(t, "Hi Ann", e.Summary)
		result, err = s.send(c, audience.Email)
		require.NoError(t, err)
		require.Equal(t, SendResult{}, result, "nothing is left to send")
	})

	t.Run("Tries again later what the server could not take now", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		c := started(t, s)
		s.mail.SetFault(func(stage smtptest.Stage, _ string) *smtptest.Fault {
			if stage == smtptest.Rcpt {
				return &smtptest.Fault{Reply: "451 4.3.0 busy"}
			}
			return nil
		})
		_, err := s.send(c, audience.Email)
		require.ErrorContains(t, err, "could not be sent now")
		require.Equal(t, audience.Planned, s.touch("ann", audience.Email).Status)
		s.mail.SetFault(nil)
		s.Instance = "another"
		result, err := s.send(c, audience.Email)
		require.NoError(t, err)
		require.Equal(t, 1, result.Accepted)
	})

	t.Run("Keeps everything planned while the mail server is away", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		c := started(t, s)
		require.NoError(t, s.mail.Stop())
		_, err := s.send(c, audience.Email)
		require.ErrorContains(t, err, "unreachable")
		require.Equal(t, audience.Planned, s.touch("ann", audience.Email).Status)
	})

	t.Run("Suppresses an address that does not exist", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		c := started(t, s)
		s.mail.SetFault(func(stage smtptest.Stage, _ string) *smtptest.Fault {
			if stage == smtptest.Rcpt {
				return &smtptest.Fault{Reply: "550 5.1.1 no such user"}
			}
			return nil
		})
		result, err := s.send(c, audience.Email)
		require.NoError(t, err)
		require.Equal(t, SendResult{Failed: 1}, result)
		e := s.touch("ann", audience.Email)
		require.Equal(t, audience.Failed, e.Status)
		require.Contains(t, e.Outcome, "no such user")
	})

	t.Run("Calls a mail uncertain whose answer was lost, and does not send it again", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		c := started(t, s)
		s.mail.SetFault(func(stage smtptest.Stage, _ string) *smtptest.Fault {
			if stage == smtptest.Taken {
				return &smtptest.Fault{Drop: true}
			}
			return nil
		})
		result, err := s.send(c, audience.Email)
		require.NoError(t, err)
		require.Equal(t, SendResult{Uncertain: 1}, result)
		s.mail.SetFault(nil)
		_, err = s.send(c, audience.Email)
		require.NoError(t, err)
		require.Len(t, s.mail.Messages(), 1)
		require.Equal(t, audience.Uncertain, s.touch("ann", audience.Email).Status)
	})

	t.Run("Calls a mail uncertain that a dead process claimed", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		c := started(t, s)
		claimed, err := s.Store.Claim(t.Context(), store.ClaimRequest{
			Workspace: s.seed.Workspace, Cohort: c.ID, Channel: audience.Email, Claim: "dead", Limit: 1, Now: time.Now(),
		})
		require.NoError(t, err)
		require.Len(t, claimed.Messages, 1)
		require.NoError(t, s.reconcileAs(c, audience.Email))
		require.Equal(t, audience.Uncertain, s.touch("ann", audience.Email).Status)
		require.Empty(t, s.mail.Messages())
	})

	t.Run("Says that no sender is configured", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		c := started(t, s)
		s.Email = nil
		_, err := s.send(c, audience.Email)
		require.ErrorContains(t, err, "no email sender is configured")
	})
}

func TestReconcileSMS(t *testing.T) {
	t.Parallel()
	// lost plans an SMS whose answer is lost after the provider did, or did not, take it.
	lost := func(t *testing.T, taken bool) (*shop, store.CohortRef) {
		t.Helper()
		s := open(t)
		s.publish("campaign: text\ntrigger: {event: registered}\ntopic: news\nsteps: [{sms: {id: hi, text: 'Hi {{ customer.external_id }}'}}]")
		s.happen("ann", "registered", nil)
		c := s.pick()[0]
		s.advance(c.ID)
		s.texts.err = &channels.SendError{Kind: channels.Unknown, Detail: "the connection broke"}
		if taken {
			s.texts.taken = []string{"+380501234567 Hi ann"}
		}
		_, err := s.send(c, audience.SMS)
		require.ErrorContains(t, err, "could not be sent now")
		require.Equal(t, audience.Claimed, s.touch("ann", audience.SMS).Status)
		s.texts.err = nil
		return s, c
	}

	t.Run("Accepts what the provider knows", func(t *testing.T) {
		t.Parallel()
		s, c := lost(t, true)
		require.NoError(t, s.reconcileAs(c, audience.SMS))
		require.Equal(t, audience.Accepted, s.touch("ann", audience.SMS).Status)
		result, err := s.send(c, audience.SMS)
		require.NoError(t, err)
		require.Equal(t, SendResult{}, result)
		require.Len(t, s.texts.taken, 1)
	})

	t.Run("Sends what the provider does not know", func(t *testing.T) {
		t.Parallel()
		s, c := lost(t, false)
		require.NoError(t, s.reconcileAs(c, audience.SMS))
		require.Equal(t, audience.Planned, s.touch("ann", audience.SMS).Status)
		s.Instance = "another"
		result, err := s.send(c, audience.SMS)
		require.NoError(t, err)
		require.Equal(t, 1, result.Accepted)
		require.Equal(t, []string{"+380501234567 Hi ann"}, s.texts.taken)
	})

	t.Run("Waits before it believes that the provider does not know", func(t *testing.T) {
		t.Parallel()
		s, c := lost(t, false)
		s.Reconcile = time.Hour
		require.ErrorContains(t, s.reconcileAs(c, audience.SMS), "waiting to learn")
		require.Equal(t, audience.Claimed, s.touch("ann", audience.SMS).Status)
	})
}
