package activities

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/voice"
	"dotyk/channels/webhook"
	"dotyk/rules/audience"
)

// server is a customer's server: it answers with the statuses in turn, the last of them from then on.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	statuses []int
	ids      []string
	bodies   []string
	signed   []string
}

func serve(t *testing.T, statuses ...int) *server {
	t.Helper()
	s := &server{statuses: statuses}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.ids, s.bodies = append(s.ids, r.Header.Get("webhook-id")), append(s.bodies, string(body))
		s.signed = append(s.signed, r.Header.Get("webhook-signature"))
		w.WriteHeader(s.statuses[min(len(s.ids), len(s.statuses))-1])
		_, _ = io.WriteString(w, `{"left": 3}`)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shop) webhooks() {
	s.Webhook = webhook.New(webhook.Config{AllowPrivate: true})
	s.t.Cleanup(func() { require.NoError(s.t, s.Webhook.Close()) })
}

func stock(url, more string) string {
	return `
campaign: stock
trigger: {event: registered}
steps:
  - webhook: {id: stock, url: "` + url + `", body: {sku: entry.sku}, wait: true, timeout: 10m` + more + `}
  - note: {id: said, text: "{{ stock.happened }} {{ stock.status }} {{ stock.body.left }} {{ stock.error }}"}
`
}

func TestWebhook(t *testing.T) {
	t.Parallel()

	t.Run("Is asked until it answers, with one id, and the journey goes on with the answer", func(t *testing.T) {
		t.Parallel()
		s, to := open(t), serve(t, 503, 429, 200)
		s.webhooks()
		s.publish(stock(to.URL, ""))
		c, next := s.through("u1", map[string]any{"sku": "A1"})
		require.Equal(t, []audience.Channel{audience.Webhook}, next.Channels)
		for range 2 {
			_, err := s.send(c, audience.Webhook)
			require.ErrorContains(t, err, "1 messages could not be sent now")
			require.Equal(t, audience.Planned, s.touch("u1", audience.Webhook).Status)
			s.Instance += "+" // the next attempt claims by another name
		}
		result, err := s.send(c, audience.Webhook)
		require.NoError(t, err)
		require.Equal(t, 1, result.Accepted)
		require.Len(t, to.ids, 3)
		require.Equal(t, []string{to.ids[0], to.ids[0]}, to.ids[1:])
		require.Equal(t, []string{`{"sku":"A1"}`, `{"sku":"A1"}`, `{"sku":"A1"}`}, to.bodies)
		require.NotEmpty(t, to.signed[0])
		s.pick()
		require.Zero(t, s.advance(c.ID).Active)
		require.Equal(t, "true 200 3", s.touch("u1", audience.Note).Summary)
	})

	t.Run("Is not asked again when it refuses", func(t *testing.T) {
		t.Parallel()
		s, to := open(t), serve(t, 404)
		s.webhooks()
		s.publish(stock(to.URL, ""))
		c, _ := s.through("u1", map[string]any{"sku": "A1"})
		result, err := s.send(c, audience.Webhook)
		require.NoError(t, err)
		require.Equal(t, 1, result.Failed)
		require.Equal(t, audience.Failed, s.touch("u1", audience.Webhook).Status)
		s.pick()
		s.advance(c.ID)
		require.Contains(t, s.touch("u1", audience.Note).Summary, "false 404")
	})

	t.Run("Is asked again after a crash, which is no uncertainty", func(t *testing.T) {
		t.Parallel()
		s, to := open(t), serve(t, 200)
		s.webhooks()
		s.publish(stock(to.URL, ""))
		c, _ := s.through("u1", map[string]any{"sku": "A1"})
		claimed, err := s.Store.Claim(t.Context(), store.ClaimRequest{
			Workspace: s.seed.Workspace, Cohort: c.ID, Channel: audience.Webhook, Claim: "dead", Limit: 1, Now: time.Now(),
		})
		require.NoError(t, err)
		require.Len(t, claimed.Messages, 1)
		require.NoError(t, s.reconcileAs(c, audience.Webhook))
		result, err := s.send(c, audience.Webhook)
		require.NoError(t, err)
		require.Equal(t, 1, result.Accepted)
	})

	for name, c := range map[string]struct {
		tries int
		said  string
	}{
		"was never tried": {0, "no longer wanted: it could not be sent in time"},
		"was tried": {1, "no longer wanted: it could not be sent in time; the last attempt: " +
			"temporary failure (500): Internal Server Error"},
	} {
		t.Run("Is given up when its time is up, and the journey hears of it: "+name, func(t *testing.T) {
			t.Parallel()
			s, to := open(t), serve(t, 500)
			s.webhooks()
			s.publish(stock(to.URL, ""))
			cohort, _ := s.through("u1", nil)
			for range c.tries {
				_, err := s.send(cohort, audience.Webhook)
				require.Error(t, err)
			}
			claimed, err := s.Store.Claim(t.Context(), store.ClaimRequest{
				Workspace: s.seed.Workspace, Cohort: cohort.ID, Channel: audience.Webhook, Claim: "late", Limit: 1,
				Now: time.Now().Add(11 * time.Minute),
			})
			require.NoError(t, err)
			require.Equal(t, 1, claimed.Suppressed)
			require.Len(t, to.ids, c.tries)
			var said map[string]any
			for _, e := range s.record("u1").Timeline {
				if e.Name == audience.EventWebhookAnswered {
					said = e.Properties
				}
			}
			require.Equal(t, false, said["ok"])
			require.Equal(t, c.said, said["error"])
		})
	}

	t.Run("Sends who it is about when no body is given", func(t *testing.T) {
		t.Parallel()
		s, to := open(t), serve(t, 200)
		s.webhooks()
		s.publish("campaign: bare\ntrigger: {event: registered}\nsteps: [{webhook: {id: w, url: \"" + to.URL + "\"}}]")
		c, _ := s.through("u1", map[string]any{"plan": "pro"})
		_, err := s.send(c, audience.Webhook)
		require.NoError(t, err)
		require.Contains(t, to.bodies[0], `"email":"u1@example.com"`)
		require.Contains(t, to.bodies[0], `"entry":{"plan":"pro"}`)
		require.Contains(t, to.bodies[0], `"campaign":{"name":"bare","version":1}`)
	})

	t.Run("Waits for a sender when there is none", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.publish(stock("https://shop.example/", ""))
		c, _ := s.through("u1", nil)
		_, err := s.send(c, audience.Webhook)
		require.ErrorContains(t, err, "no webhook sender is configured")
	})
}

// phones notes who was to be connected.
type phones struct {
	calls []voice.Call
	err   error
}

func (p *phones) Dial(_ context.Context, c voice.Call) (channels.Receipt, error) {
	p.calls = append(p.calls, c)
	return channels.Receipt{ProviderID: "CA1"}, p.err
}

func (p *phones) Take(context.Context, voice.Take) (channels.Receipt, error) {
	return channels.Receipt{ProviderID: "CA2"}, p.err
}

func TestDialTask(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.staff(ann)
	require.NoError(t, s.Store.AddUser(t.Context(), s.seed.Workspace, store.User{Email: bob}))
	s.publish(`
campaign: work
trigger: {event: registered}
steps:
  - call: {id: ring, for: {user: ann@shop.example}, title: Ring, dial: true, due: 1h}
  - call: {id: mute, for: {user: ann@shop.example}, title: Mute, due: 2h}
`)
	s.through("u1", nil)
	ring, mute := s.tasks()[0], s.tasks()[1]
	provider := &phones{}
	desk := Desk{Store: s.Store, Dialer: provider, From: "+15005550006", PublicURL: "https://touch.example/"}
	receipt, err := desk.DialTask(t.Context(), s.seed.Workspace, ring.ID)
	require.NoError(t, err)
	require.Equal(t, "CA1", receipt.ProviderID)
	require.Equal(t, []voice.Call{{
		TouchID: ring.ID, From: "+15005550006", Agent: "+380671112233", To: "+380501234567",
		StatusCallback: fmt.Sprintf("https://touch.example/hooks/twilio/call?task=%s&w=%d", ring.ID, s.seed.Workspace),
	}}, provider.calls)

	refused := func(d Desk, task, reason string) {
		t.Helper()
		_, err := d.DialTask(t.Context(), s.seed.Workspace, task)
		require.ErrorIs(t, err, store.ErrInvalid)
		require.ErrorContains(t, err, reason)
	}
	refused(Desk{Store: s.Store}, ring.ID, "no telephone provider")
	refused(Desk{Store: s.Store, Dialer: provider, From: "Shop"}, ring.ID, `DOTYK_SMS_FROM is "Shop"`)
	refused(desk, mute.ID, "does not say dial: true")
	require.NoError(t, s.Store.AssignTask(t.Context(), s.seed.Workspace, ring.ID, bob))
	refused(desk, ring.ID, "no phone number of bob@shop.example")
	require.NoError(t, s.Store.AssignTask(t.Context(), s.seed.Workspace, ring.ID, ""))
	refused(desk, ring.ID, "nobody has it")
	require.NoError(t, s.Store.CompleteTask(t.Context(), s.seed.Workspace, ring.ID, store.TaskOutcome{Outcome: "reached"}))
	refused(desk, ring.ID, "closed already: reached")
	_, err = desk.DialTask(t.Context(), s.seed.Workspace, "nowhere")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Len(t, provider.calls, 1)
}
