package activities

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// policy gives the workspace of the shop a policy.
func (s *shop) policy(source string) {
	s.t.Helper()
	p, err := campaign.ParsePolicy([]byte(source))
	require.NoError(s.t, err)
	require.NoError(s.t, s.Store.SetPolicy(s.t.Context(), s.seed.Workspace, p))
}

func TestSendInChunks(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.Chunk = map[audience.Channel]int{audience.Email: 3}
	s.publish("campaign: many\ntrigger: {event: registered}\ntopic: news\nsteps: [{email: {id: mail, subject: Hi, text: Hello}}]")
	for i := range 12 { // more than enter one by one
		s.happen(fmt.Sprintf("u%d", i), "registered", nil)
	}
	accepted := 0
	for _, c := range s.pick() {
		s.advance(c.ID)
		left := c.Size
		for more := true; more; {
			result, err := s.send(c, audience.Email)
			require.NoError(t, err)
			require.Equal(t, min(3, left), result.Accepted)
			left -= result.Accepted
			require.Equal(t, left > 0, result.More)
			accepted, more = accepted+result.Accepted, result.More
		}
	}
	require.Equal(t, 12, accepted)
}

const rivals = `
campaign: %s
trigger: {event: registered}
topic: news
priority: %d
steps:
  - email: {id: mail, subject: %s, text: Hello, fallback: {sms: {id: text, text: Hello}}}
`

func TestSendLetsTheHigherPriorityGoFirst(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.policy("caps: [{channel: email, most: 1, within: 7d}]")
	s.publish(fmt.Sprintf(rivals, "low", 1, "low"))
	s.publish(fmt.Sprintf(rivals, "high", 9, "high"))
	s.happen("u1", "registered", nil)
	started := s.pick()
	require.Len(t, started, 2)
	results := make(chan SendResult, len(started))
	for _, c := range started { // both at once, as their workflows do it
		go func() {
			_, err := s.Advance(t.Context(), AdvanceInput{Workspace: s.seed.Workspace, Cohort: c.ID, Now: time.Now()})
			if err != nil {
				t.Error(err)
			}
			result, err := s.send(c, audience.Email)
			if err != nil {
				t.Error(err)
			}
			results <- result
		}()
	}
	first, second := <-results, <-results
	require.Equal(t, 1, first.Accepted+second.Accepted)
	require.Equal(t, 1, first.Suppressed+second.Suppressed)
	for _, m := range s.touches("u1", audience.Email) {
		require.Equal(t, m.Campaign == "high", m.Status == audience.Accepted, m)
	}
	texts := 0
	for _, c := range started { // who lost the place goes by another channel
		result, err := s.send(c, audience.SMS)
		require.NoError(t, err)
		texts += result.Accepted
	}
	require.Equal(t, 1, texts)
	require.Equal(t, "low", s.touch("u1", audience.SMS).Campaign)
}

func TestSendTellsWhenQuietHoursEnd(t *testing.T) {
	t.Parallel()
	s := open(t)
	now := time.Now().UTC()
	clock := func(d time.Duration) string { return now.Add(d).Format("15:04") }
	s.policy(fmt.Sprintf("quiet: [{from: %q, to: %q}]", clock(-2*time.Hour), clock(2*time.Hour)))
	s.publish("campaign: night\ntrigger: {event: registered}\ntopic: news\nsteps: [{email: {id: mail, subject: Hi, text: Hello}}]")
	c, _ := s.through("u1", nil)
	result, err := s.send(c, audience.Email)
	require.NoError(t, err)
	require.Zero(t, result.Accepted+result.Suppressed)
	require.WithinDuration(t, now.Add(2*time.Hour), result.Next, 2*time.Minute)
	next := s.advance(c.ID)
	require.True(t, result.Next.Equal(next.Due))
	require.Equal(t, 1, next.Active, "the message keeps the workflow, though the journey has ended")
	require.Empty(t, next.Channels)
	require.Equal(t, []audience.Channel{audience.Email}, s.advanceAt(c.ID, result.Next).Channels)
}

func TestAdvanceByVersion(t *testing.T) {
	t.Parallel()
	s := open(t)
	const source = "campaign: many\ntrigger: {event: registered}\nsteps: [{wait: {id: pause, for: 1d}}, {note: {id: n, text: %s}}]"
	s.publish(fmt.Sprintf(source, "old"))
	c, _ := s.through("u1", nil)
	d, err := campaign.Parse([]byte(fmt.Sprintf(source, "new")))
	require.NoError(t, err)
	_, err = s.Store.Publish(t.Context(), s.seed.Workspace, store.Publication{
		Definition: d, Source: source, Moves: store.Moves{Default: store.PolicyMove},
	})
	require.NoError(t, err)
	s.advanceAt(c.ID, time.Now().Add(25*time.Hour))
	note := s.touch("u1", audience.Note)
	require.Equal(t, "new", note.Summary)
	require.Equal(t, 2, note.Version)
}

func TestSubJourneyTellsItsEnd(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.publish(`
campaign: outer
trigger: {event: registered}
steps:
  - journey: {id: upsell, campaign: inner, data: {sku: entry.sku}, wait: true, timeout: 30d}
  - note: {id: n, text: "{{ upsell.happened }} {{ upsell.status }} {{ upsell.reason }}"}
`)
	s.publish("campaign: inner\ntrigger: {api: true}\nsteps: [{note: {id: in_it, text: \"{{ entry.sku }}\"}}, {exit: bored}]")
	c, _ := s.through("u1", map[string]any{"sku": "A1"})
	for range 3 { // the request, the entry, the end
		for _, inner := range s.pick() {
			s.advance(inner.ID)
		}
	}
	require.Zero(t, s.advance(c.ID).Active)
	said := map[string]string{}
	for _, n := range s.touches("u1", audience.Note) {
		said[n.Step] = n.Summary
	}
	require.Equal(t, map[string]string{"in_it": "A1", "n": "true exited bored"}, said)
}
