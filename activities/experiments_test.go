package activities

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

const subject = `
campaign: subject
trigger: {event: registered}
topic: news
steps:
  - split: {id: look, arms: {a: 30%, b: 30%, winner: rest}, by: clicks, after: 4h}
  - branch:
      - {when: look.arm == "a", steps: [{email: {id: mail_a, subject: A, text: a}}]}
      - {when: look.arm == "b", steps: [{email: {id: mail_b, subject: B, text: b}}]}
  - wait: 30d
`

func (s *shop) advanceAt(cohort string, at time.Time) AdvanceResult {
	s.t.Helper()
	next, err := s.Advance(s.t.Context(), AdvanceInput{Workspace: s.seed.Workspace, Cohort: cohort, Now: at})
	require.NoError(s.t, err)
	return next
}

// experiment lets 30 customers enter, and gives their cohorts by the arm of their journeys.
func (s *shop) experiment() (cohorts []store.CohortRef, users map[string][]string) {
	s.t.Helper()
	users = map[string][]string{}
	for i := range 30 {
		user := fmt.Sprintf("u%d", i)
		c, next := s.through(user, nil)
		cohorts = append(cohorts, c)
		arm := "winner"
		if len(next.Channels) > 0 {
			result, err := s.send(c, audience.Email)
			require.NoError(s.t, err)
			require.Equal(s.t, 1, result.Accepted)
			arm = map[string]string{"A": "a", "B": "b"}[s.touch(user, audience.Email).Summary]
		}
		users[arm] = append(users[arm], user)
	}
	return cohorts, users
}

func TestExperiment(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.publish(subject)
	cohorts, users := s.experiment()
	require.Greater(t, min(len(users["a"]), len(users["b"]), len(users["winner"])), 3, users)
	for _, user := range users["b"] {
		s.happen(user, "email_clicked", map[string]any{"campaign": "subject"})
		s.happen(user, "email_clicked", map[string]any{"campaign": "subject"})
	}
	s.happen(users["a"][0], "email_clicked", map[string]any{"campaign": "another"})

	open := s.results()
	require.Empty(t, open.Winner)
	require.Equal(t, []int{len(users["a"]), 0}, []int{open.Arms[0].Reached, open.Arms[0].Hits})
	require.Equal(t, []int{len(users["b"]), len(users["b"])}, []int{open.Arms[1].Reached, open.Arms[1].Hits})

	due := open.BeganAt.Add(4 * time.Hour)
	for _, c := range cohorts { // the time counts from the first of all customers
		next := s.advanceAt(c.ID, due.Add(-time.Second))
		require.Empty(t, next.Channels)
		if next.Due.Before(due.Add(24 * time.Hour)) {
			require.True(t, due.Equal(next.Due), "%s, not %s", due, next.Due)
		}
	}
	var wg sync.WaitGroup
	for _, c := range cohorts { // all at one time: one winner
		wg.Go(func() {
			if _, err := s.Advance(t.Context(), AdvanceInput{Workspace: s.seed.Workspace, Cohort: c.ID, Now: due}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	won := s.results()
	require.Equal(t, "b", won.Winner)
	require.Contains(t, won.Reason, "b wins by clicks")
	require.Equal(t, open.Arms, won.Arms, "the figures of the decision stay")
	for _, user := range users["winner"] {
		require.Equal(t, []string{"mail_b"}, s.steps(user))
	}

	late := ""
	for i := 100; late == ""; i++ { // one more who falls to the winner goes at once
		user := fmt.Sprintf("u%d", i)
		_, next := s.through(user, nil)
		require.Equal(t, []audience.Channel{audience.Email}, next.Channels)
		for _, d := range s.record(user).Timeline {
			if d.Channel == audience.Decided && d.Name == "split" && d.Reason[:11] == "the winner:" {
				late = user
			}
		}
	}
	require.Equal(t, []string{"mail_b"}, s.steps(late))
	require.Equal(t, won, s.results())
}

func (s *shop) results() store.SplitResult {
	s.t.Helper()
	list, err := s.Store.SplitResults(s.t.Context(), s.seed.Workspace, "subject")
	require.NoError(s.t, err)
	require.Len(s.t, list, 1)
	require.Equal(s.t, "look", list[0].Split)
	require.Equal(s.t, 1, list[0].Version)
	return list[0]
}

func (s *shop) steps(user string) []string {
	s.t.Helper()
	var list []string
	for _, e := range s.touches(user, audience.Email) {
		list = append(list, e.Step)
	}
	return list
}

func TestSplitResultsOfNoCampaign(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, err := s.Store.SplitResults(t.Context(), s.seed.Workspace, "nowhere")
	require.ErrorIs(t, err, store.ErrNotFound)
}
