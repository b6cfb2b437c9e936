package campaigns

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
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/channels"
	"dotyk/channels/email"
	"dotyk/channels/email/smtptest"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// cohorts notes what the engine hands over to workflows.
type cohorts struct {
	mu   sync.Mutex
	refs []store.CohortRef
}

func (c *cohorts) Start(_ context.Context, ref store.CohortRef) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refs = append(c.refs, ref)
	return nil
}

func (c *cohorts) Wake(ctx context.Context, ref store.CohortRef) error { return c.Start(ctx, ref) }

// taken takes every SMS.
type taken struct{}

func (taken) Send(context.Context, *channels.SMSMessage) (channels.Receipt, error) {
	return channels.Receipt{ProviderID: "SM1", Segments: 1}, nil
}

func (taken) Find(context.Context, *channels.SMSMessage, time.Time) (channels.Receipt, error) {
	return channels.Receipt{}, channels.ErrNotFound
}

func (taken) Connections() int { return 1 }

// shop is a workspace with the engine, but for Temporal.
type shop struct {
	*Service
	t      *testing.T
	seed   storetest.Seed
	ws     int64
	engine *activities.Activities
	out    *cohorts
}

func open(t *testing.T) *shop {
	t.Helper()
	st := storetest.New(t)
	s := &shop{Service: New(st), t: t, seed: storetest.Workspace(t, st), out: &cohorts{}}
	s.ws = s.seed.Workspace
	address, err := email.ParseURL(smtptest.Start(t, smtptest.Config{}).URL() + "?pool=1&timeout=2s")
	require.NoError(t, err)
	mail, err := email.New(address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, mail.Close()) })
	s.engine = activities.New(activities.Config{
		Store: st, Starter: s.out, Waker: activities.NewWaker(st, slog.New(slog.DiscardHandler)), Email: mail,
		From: activities.Address{Email: "hello@shop.example"}, SMS: taken{}, SMSFrom: "+15005550006",
		PublicURL: "https://touch.example.com", Instance: "test", Logger: slog.New(slog.DiscardHandler),
	})
	return s
}

func (s *shop) publish(source string) store.Published {
	s.t.Helper()
	l, err := s.Check(s.t.Context(), s.ws, Text{Source: source})
	require.NoError(s.t, err)
	p, err := s.Publish(s.t.Context(), s.ws, l, store.Moves{}, "")
	require.NoError(s.t, err)
	return p
}

// happen stores an event of a customer who has an e-mail address and a phone.
func (s *shop) happen(user, name string, properties map[string]any, change ...func(m *store.Message)) {
	s.t.Helper()
	raw, err := json.Marshal(properties)
	require.NoError(s.t, err)
	mail, phone, now := user+"@example.com", "+380501234567", time.Now()
	m := store.Message{
		Call: store.CallTrack, MessageID: fmt.Sprintf("%s-%s-%d", user, name, now.UnixNano()), UserID: user, Name: name,
		Properties: raw, Profile: store.Profile{Email: &mail, Phone: &phone}, OccurredAt: now, ReceivedAt: now,
	}
	for _, c := range change {
		c(&m)
	}
	_, err = s.Store.Ingest(s.t.Context(), s.ws, []store.Delivery{{Source: s.seed.Source, Messages: []store.Message{m}}})
	require.NoError(s.t, err)
}

// environment runs activities as Temporal would.
func (s *shop) environment() *testsuite.TestActivityEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(s.engine)
	return env
}

// run lets the engine do what there is to do now.
func (s *shop) run() {
	s.t.Helper()
	stopped := make(chan struct{})
	close(stopped)
	for shard := range int16(store.Shards) {
		env := s.environment()
		env.SetWorkerStopChannel(stopped)
		_, err := env.ExecuteActivity(s.engine.Pick, activities.PickInput{Shard: shard})
		require.NoError(s.t, err)
	}
	for _, ref := range s.out.refs {
		_, err := s.engine.Advance(s.t.Context(), activities.AdvanceInput{Workspace: ref.Workspace, Cohort: ref.ID, Now: time.Now()})
		require.NoError(s.t, err)
		for _, channel := range []audience.Channel{audience.Email, audience.SMS} {
			_, err = s.environment().ExecuteActivity(s.engine.Send, activities.SendInput{
				Workspace: ref.Workspace, Cohort: ref.ID, Channel: channel, Size: ref.Size,
			})
			require.NoError(s.t, err)
		}
	}
}

func (s *shop) why(user, name string) *Why {
	s.t.Helper()
	w, err := s.Why(s.t.Context(), s.ws, user, name)
	require.NoError(s.t, err)
	return w
}

func (s *shop) policy(source string) {
	s.t.Helper()
	p, err := campaign.ParsePolicy([]byte(source))
	require.NoError(s.t, err)
	require.NoError(s.t, s.Store.SetPolicy(s.t.Context(), s.ws, p))
}

// blocked is what stands in the way of entering now.
func blocked(w *Why) string {
	for _, c := range w.Checks {
		if !c.OK {
			return c.About + ": " + c.Text
		}
	}
	return ""
}
