package rehearse_test

import (
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
	"dotyk/starter/campaigns"
)

// TestJourneysHeed has every customer of every journey say no to everything, or her addresses fail for good, in the
// middle of it: between the first message that she gets and whatever comes next.
func TestJourneysHeed(t *testing.T) {
	t.Parallel()
	files, names := journeys(t)
	for _, name := range names {
		if strings.HasPrefix(name, "j10") { // there is one message for each
			continue
		}
		src, err := os.ReadFile(path.Join("../examples/journeys", name))
		require.NoError(t, err)
		read := func(t *testing.T) (*rehearsal.Scenario, []*campaign.Definition) {
			t.Helper()
			s, err := rehearsal.Read(src)
			require.NoError(t, err)
			var all []*campaign.Definition
			for _, file := range s.Campaigns {
				l, err := campaigns.Load(files, file, campaigns.Known{})
				require.NoError(t, err)
				all = append(all, l.Definition)
			}
			s.Expect, s.Never, s.Counts, s.NothingElse = nil, nil, nil, false
			return s, all
		}
		s, _ := read(t)
		for _, p := range s.Customers {
			t.Run(name+" "+p.ID, func(t *testing.T) {
				t.Parallel()
				heeds(t, p.ID, read)
			})
		}
	}
}

func heeds(t *testing.T, customer string, read func(*testing.T) (*rehearsal.Scenario, []*campaign.Definition)) {
	t.Helper()
	play := func(m rehearsal.Moved) []rehearsal.Entry {
		s, all := read(t)
		if m.Customer != "" {
			s.Events = append(s.Events, m)
		}
		result, err := s.Play(all, nil)
		require.NoError(t, err)
		var sent []rehearsal.Entry
		for _, e := range result.Log {
			if e.Kind == rehearsal.Sent && e.Customer == customer {
				sent = append(sent, e)
			}
		}
		return sent
	}
	sent := play(rehearsal.Moved{})
	if len(sent) == 0 {
		return
	}
	until := func(list []rehearsal.Entry, marketing bool) []string {
		var steps []string
		for _, e := range list {
			if e.At.Equal(sent[0].At) || marketing && e.Topic == "" {
				steps = append(steps, e.Step)
			}
		}
		return steps
	}
	var got []string
	at := rehearsal.Moment{Time: sent[0].At.Add(time.Second)}
	for _, e := range play(rehearsal.Moved{At: at, Customer: customer, Unsubscribe: map[audience.Channel]string{
		audience.Email: audience.AllTopics, audience.SMS: audience.AllTopics,
	}}) {
		got = append(got, e.Step)
	}
	require.Equal(t, until(sent, true), got, "after a no to everything only service messages go out")

	got = nil
	for _, e := range play(rehearsal.Moved{At: at, Customer: customer, Suppress: map[audience.Channel]string{
		audience.Email: "hard bounce", audience.SMS: "unknown number",
	}}) {
		got = append(got, e.Step)
	}
	require.Equal(t, until(sent, false), got, "after a hard bounce nothing goes out")
}
