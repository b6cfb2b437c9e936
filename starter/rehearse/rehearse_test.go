package rehearse_test

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
	"dotyk/starter/campaigns"
	"dotyk/starter/rehearse"
)

func journeys(t *testing.T) (fs.FS, []string) {
	t.Helper()
	files := os.DirFS("../examples/journeys")
	names, err := fs.Glob(files, "*.scenario.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return files, names
}

func TestJourneys(t *testing.T) {
	t.Parallel()
	files, names := journeys(t)
	for _, name := range names {
		t.Run(strings.TrimSuffix(name, ".scenario.yaml"), func(t *testing.T) {
			t.Parallel()
			o := rehearse.File(t.Context(), files, name)
			require.Empty(t, o.Error)
			for _, d := range o.Differences {
				t.Error(d.String())
			}
			t.Logf("%.1f ms, %d entries", o.Millis, len(o.Log))
		})
	}
}

// TestNewsletterReplayed plays the newsletter with the customers the other way round: each must be in the same group.
func TestNewsletterReplayed(t *testing.T) {
	t.Parallel()
	files, _ := journeys(t)
	groups := func(o rehearse.Outcome) map[string]string {
		in := map[string]string{}
		for _, e := range o.Log {
			if e.Kind == rehearsal.HeldOut || e.Kind == rehearsal.Sent {
				in[e.Customer] = fmt.Sprint(e.Kind, e.Step, e.At)
			}
		}
		return in
	}
	once := rehearse.File(t.Context(), files, "j10-newsletter-test.scenario.yaml")
	src, err := fs.ReadFile(files, "j10-newsletter-test.scenario.yaml")
	require.NoError(t, err)
	s, err := rehearsal.Read(src)
	require.NoError(t, err)
	slices.Reverse(s.Customers)
	loaded, err := campaigns.Load(files, s.Campaigns[0], campaigns.Known{})
	require.NoError(t, err)
	again, err := s.Play([]*campaign.Definition{loaded.Definition}, nil)
	require.NoError(t, err)
	require.Len(t, groups(once), 9500)
	require.Equal(t, groups(once), groups(rehearse.Outcome{Log: again.Log}))
}
